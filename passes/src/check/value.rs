//! What is known of one value, whichever program holds it.
//!
//! A value is a 64-bit number ([`Num`]) with what it can be the address of ([`Base`]), and
//! whether it can be uninitialised. Order: inclusion; join is that of the parts.

use crate::check::num::Num;
use crate::entity::{Extern, Func, Map, Section};
use crate::isa::{AluOp, Width};

/// What a value can be the address of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// A number, or an address that is neither in a known frame nor the context.
    Plain,
    /// An address in a frame.
    Frame {
        /// 0 for the function's own frame, 1 for its caller's, and so on.
        depth: u8,
        /// Bytes from the frame's `r10`; none if it can be any.
        offset: Option<i64>,
    },
    /// An address in a data section.
    Section {
        /// The section.
        section: Section,
        /// Bytes from its start; none if it can be any.
        offset: Option<i64>,
    },
    /// A map's address.
    Map(Map),
    /// A function's address.
    Func(Func),
    /// An address from an extern on.
    Extern {
        /// The extern.
        ext: Extern,
        /// Bytes from its start; none if it can be any.
        offset: Option<i64>,
    },
    /// Anything; the flags say what the address can be beside [`Base::Plain`].
    Any {
        /// An address in a known frame.
        frame: bool,
        /// The context, where a 4-byte load can give an address.
        ctx: bool,
    },
}

impl Base {
    /// An address in the function's own frame.
    pub fn own(offset: i64) -> Base {
        Base::Frame { depth: 0, offset: Some(offset) }
    }

    /// Whether it can be an address in a known frame.
    pub fn may_be_frame(self) -> bool {
        matches!(self, Base::Frame { .. } | Base::Any { frame: true, .. })
    }

    /// Whether it can be an address in the function's own frame.
    pub fn may_be_own_frame(self) -> bool {
        matches!(self, Base::Frame { depth: 0, .. } | Base::Any { frame: true, .. })
    }

    /// Whether it can be the context.
    pub fn may_be_ctx(self) -> bool {
        matches!(self, Base::Any { ctx: true, .. })
    }

    /// Whether it is one address.
    fn is_exact(self) -> bool {
        match self {
            Base::Frame { offset, .. }
            | Base::Section { offset, .. }
            | Base::Extern { offset, .. } => offset.is_some(),
            Base::Map(_) | Base::Func(_) => true,
            Base::Plain | Base::Any { .. } => false,
        }
    }

    fn either(self, other: Base) -> Base {
        let frame = self.may_be_frame() || other.may_be_frame();
        let ctx = self.may_be_ctx() || other.may_be_ctx();
        if frame || ctx { Base::Any { frame, ctx } } else { Base::Plain }
    }

    fn join(self, other: Base) -> Base {
        match (self, other) {
            (a, b) if a == b => a,
            (Base::Frame { depth: a, .. }, Base::Frame { depth: b, .. }) if a == b => {
                Base::Frame { depth: a, offset: None }
            }
            (Base::Section { section: a, .. }, Base::Section { section: b, .. }) if a == b => {
                Base::Section { section: a, offset: None }
            }
            (Base::Extern { ext: a, .. }, Base::Extern { ext: b, .. }) if a == b => {
                Base::Extern { ext: a, offset: None }
            }
            (a, b) => a.either(b),
        }
    }

    /// The address so many bytes further on; none if the distance is not known.
    fn moved(self, by: Option<i64>) -> Base {
        let moved = |offset: Option<i64>| offset.and_then(|o| o.checked_add(by?));
        match self {
            Base::Frame { depth, offset } => Base::Frame { depth, offset: moved(offset) },
            Base::Section { section, offset } => Base::Section { section, offset: moved(offset) },
            Base::Extern { ext, offset } => Base::Extern { ext, offset: moved(offset) },
            Base::Map(_) | Base::Func(_) | Base::Plain => Base::Plain,
            any @ Base::Any { .. } => any,
        }
    }
}

/// What is known of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abs {
    /// What it can be the address of.
    pub base: Base,
    /// What it can be as a number.
    pub num: Num,
    /// Whether it can be uninitialised: what the verifier refuses to have read.
    pub uninit: bool,
}

impl Abs {
    /// Any number, or an address that is neither in a known frame nor the context.
    pub const PLAIN: Abs = Abs { base: Base::Plain, num: Num::ALL, uninit: false };
    /// Anything.
    pub const ANY: Abs =
        Abs { base: Base::Any { frame: true, ctx: true }, num: Num::ALL, uninit: false };
    /// Anything but an address in a known frame.
    pub const CONTEXT: Abs =
        Abs { base: Base::Any { frame: false, ctx: true }, num: Num::ALL, uninit: false };
    /// Nothing that may be read.
    pub const UNINIT: Abs = Abs { base: Base::Plain, num: Num::ALL, uninit: true };

    /// One of a set of numbers.
    pub fn number(num: Num) -> Abs {
        Abs { base: Base::Plain, num, uninit: false }
    }

    /// An address.
    pub fn address(base: Base) -> Abs {
        let num = match base {
            Base::Frame { .. } | Base::Section { .. } | Base::Map(_) | Base::Func(_) => {
                Num::range(1, u64::MAX)
            }
            Base::Plain | Base::Extern { .. } | Base::Any { .. } => Num::ALL,
        };
        Abs { base, num, uninit: false }
    }

    /// The number, if it is only one.
    pub fn as_number(&self) -> Option<u64> {
        self.num.as_one().filter(|_| self.base == Base::Plain && !self.uninit)
    }

    /// Whether there is only one such value.
    pub fn is_single(&self) -> bool {
        !self.uninit && (self.base.is_exact() || self.as_number().is_some())
    }

    /// What either can be; with `widen`, bounds that grow go as far as they can.
    pub fn join(&self, other: &Abs, widen: bool) -> Abs {
        Abs {
            base: self.base.join(other.base),
            num: if widen { self.num.widen(&other.num) } else { self.num.join(&other.num) },
            uninit: self.uninit || other.uninit,
        }
    }

    /// What `a op b` can be at 64 bits. As the verifier has it (`adjust_ptr_min_max_vals`),
    /// only addition and subtraction make an address from an address.
    pub fn alu64(op: AluOp, a: &Abs, b: &Abs) -> Abs {
        let plain = |abs: &Abs| abs.base == Base::Plain;
        let distance = b.num.as_one().map(|n| n as i64);
        let base = match op {
            AluOp::Add if plain(b) => a.base.moved(distance),
            AluOp::Add if plain(a) => b.base.moved(a.num.as_one().map(|n| n as i64)),
            AluOp::Sub if plain(b) => a.base.moved(distance.and_then(i64::checked_neg)),
            AluOp::Add | AluOp::Sub => a.base.either(b.base),
            AluOp::Mul
            | AluOp::Div
            | AluOp::SDiv
            | AluOp::Mod
            | AluOp::SMod
            | AluOp::Or
            | AluOp::And
            | AluOp::Xor
            | AluOp::Lsh
            | AluOp::Rsh
            | AluOp::Arsh => Base::Plain,
        };
        let num = Num::alu64(op, &a.num, &b.num);
        let address = Abs::address(base);
        let num = if base == Base::Plain || address.num == Num::ALL { num } else { address.num };
        Abs { base, num, uninit: false }
    }

    /// What a 32-bit operation without a rule of its own can give.
    pub fn half(width: Width) -> Abs {
        match width {
            Width::W32 => Abs::number(Num::range(0, u32::MAX.into())),
            Width::W64 => Abs::PLAIN,
        }
    }

    /// The same value seen from a function that is called: frames are one further away.
    pub fn deeper(self) -> Abs {
        self.with_depth(|depth| depth.checked_add(1))
    }

    /// The same value seen from the caller; an address in the frame that is gone is anything.
    pub fn shallower(self) -> Abs {
        self.with_depth(|depth| depth.checked_sub(1))
    }

    fn with_depth(self, f: impl Fn(u8) -> Option<u8>) -> Abs {
        match self.base {
            Base::Frame { depth, offset } => match f(depth) {
                Some(depth) => Abs { base: Base::Frame { depth, offset }, ..self },
                None => Abs { uninit: self.uninit, ..Abs::ANY },
            },
            _ => self,
        }
    }
}
