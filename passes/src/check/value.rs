//! What is known of one value, whichever program holds it.
//!
//! A value is a 64-bit number ([`Num`]) with what it can be the address of ([`Base`]), what the
//! verifier takes it for ([`Kind`]), and whether it can be uninitialised. Order: inclusion; join
//! is that of the parts.

use crate::check::cells::FRAME;
use crate::check::num::Num;
use crate::entity::{Extern, Func, Map, Section};
use crate::isa::{AluOp, Endian};

/// Addresses that [`Base::OneOf`] can hold.
pub const MANY: usize = 4;

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
    /// An address in a frame, at an offset that is not known exactly.
    Within {
        /// As in [`Base::Frame`].
        depth: u8,
        /// The lowest offset.
        low: i64,
        /// The highest offset.
        high: i64,
    },
    /// An address in one of several frames.
    Among {
        /// A bit for each depth, at least two.
        depths: u8,
        /// The lowest offset.
        low: i64,
        /// The highest offset.
        high: i64,
    },
    /// The program's context, with bytes added.
    Ctx(i64),
    /// One of some addresses in a data section.
    OneOf {
        /// The section.
        section: Section,
        /// Bytes from its start, in order; the last one is repeated.
        offsets: [i64; MANY],
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
        matches!(
            self,
            Base::Frame { .. }
                | Base::Within { .. }
                | Base::Among { .. }
                | Base::Any { frame: true, .. }
        )
    }

    /// Whether it can be an address in the function's own frame.
    pub fn may_be_own_frame(self) -> bool {
        match self {
            Base::Frame { depth, .. } | Base::Within { depth, .. } => depth == 0,
            Base::Among { depths, .. } => depths & 1 != 0,
            _ => self.may_be_frame(),
        }
    }

    /// Whether it can be the context.
    pub fn may_be_ctx(self) -> bool {
        matches!(self, Base::Any { ctx: true, .. } | Base::Ctx(_))
    }

    /// Whether it is one address.
    fn is_exact(self) -> bool {
        match self {
            Base::Frame { offset, .. }
            | Base::Section { offset, .. }
            | Base::Extern { offset, .. } => offset.is_some(),
            Base::Map(_) | Base::Func(_) | Base::Ctx(_) => true,
            Base::Plain
            | Base::Any { .. }
            | Base::Within { .. }
            | Base::Among { .. }
            | Base::OneOf { .. } => false,
        }
    }

    /// The frame that it is an address in, with the lowest and the highest offset.
    pub fn frame(self) -> Option<(u8, i64, i64)> {
        match self {
            Base::Frame { depth, offset: Some(at) } => Some((depth, at, at)),
            Base::Frame { depth, offset: None } => Some((depth, -FRAME, 0)),
            Base::Within { depth, low, high } => Some((depth, low, high)),
            _ => None,
        }
    }

    /// The frames that it is an address in, a bit for each depth, with the lowest and the highest
    /// offset; whether these are known. None for frames that are further away than a program can
    /// have (MAX_CALL_FRAMES of the kernel).
    pub fn frames(self) -> Option<(u8, i64, i64, bool)> {
        match self {
            Base::Among { depths, low, high } => {
                Some((depths, low, high, (low, high) != (-FRAME, FRAME)))
            }
            Base::Frame { .. } | Base::Within { .. } => {
                let (depth, low, high) = self.frame()?;
                let known = !matches!(self, Base::Frame { offset: None, .. });
                Some((1u8.checked_shl(depth.into())?, low, high, known))
            }
            _ => None,
        }
    }

    /// The depths of the frames that it is an address in.
    pub fn depths(self) -> impl Iterator<Item = u8> {
        let depths = self.frames().map_or(0, |(depths, ..)| depths);
        (0..8).filter(move |depth| depths & (1 << depth) != 0)
    }

    /// An address in one of some frames, between two offsets if they are known.
    fn among(depths: u8, bounds: Option<(i64, i64)>) -> Base {
        let bounds = bounds.filter(|(low, high)| *low >= -FRAME && *high <= FRAME);
        if depths.is_power_of_two() {
            let depth = depths.trailing_zeros() as u8;
            return match bounds {
                Some((low, high)) => Base::within(depth, low, high),
                None => Base::Frame { depth, offset: None },
            };
        }
        let (low, high) = bounds.unwrap_or((-FRAME, FRAME));
        Base::Among { depths, low, high }
    }

    /// An address in a frame between two offsets.
    fn within(depth: u8, low: i64, high: i64) -> Base {
        match (low == high, low >= -FRAME && high <= FRAME) {
            (true, _) => Base::Frame { depth, offset: Some(low) },
            (false, true) => Base::Within { depth, low, high },
            (false, false) => Base::Frame { depth, offset: None },
        }
    }

    /// The section and the offsets in it that it can be.
    pub fn offsets(self) -> Option<(Section, [i64; MANY])> {
        match self {
            Base::Section { section, offset } => Some((section, [offset?; MANY])),
            Base::OneOf { section, offsets } => Some((section, offsets)),
            _ => None,
        }
    }

    /// One of the addresses at two lists of offsets.
    fn one_of(section: Section, a: [i64; MANY], b: [i64; MANY]) -> Base {
        let mut all: Vec<i64> = a.into_iter().chain(b).collect();
        all.sort_unstable();
        all.dedup();
        match all.as_slice() {
            [one] => Base::Section { section, offset: Some(*one) },
            [.., last] if all.len() <= MANY => {
                let mut offsets = [*last; MANY];
                offsets.iter_mut().zip(&all).for_each(|(to, from)| *to = *from);
                Base::OneOf { section, offsets }
            }
            _ => Base::Section { section, offset: None },
        }
    }

    fn section(self) -> Option<Section> {
        match self {
            Base::Section { section, .. } | Base::OneOf { section, .. } => Some(section),
            _ => None,
        }
    }

    fn either(self, other: Base) -> Base {
        let frame = self.may_be_frame() || other.may_be_frame();
        let ctx = self.may_be_ctx() || other.may_be_ctx();
        if frame || ctx { Base::Any { frame, ctx } } else { Base::Plain }
    }

    fn join(self, other: Base, widen: bool) -> Base {
        if self == other {
            return self;
        }
        if let (Some((a, low, high)), Some((b, bottom, top))) = (self.frame(), other.frame())
            && a == b
        {
            return match widen {
                true if (low, high) != (low.min(bottom), high.max(top)) => {
                    Base::Frame { depth: a, offset: None }
                }
                _ => Base::within(a, low.min(bottom), high.max(top)),
            };
        }
        if let (Some((a, low, high, x)), Some((b, bottom, top, y))) =
            (self.frames(), other.frames())
        {
            let bounds = (low.min(bottom), high.max(top));
            let grows = widen && (a | b, bounds) != (a, (low, high));
            return Base::among(a | b, (x && y && !grows).then_some(bounds));
        }
        if let (Base::Extern { ext: a, .. }, Base::Extern { ext: b, .. }) = (self, other)
            && a == b
        {
            return Base::Extern { ext: a, offset: None };
        }
        match (self.section(), other.section()) {
            (Some(a), Some(b)) if a == b => match (self.offsets(), other.offsets()) {
                (Some((_, x)), Some((_, y))) => Base::one_of(a, x, y),
                _ => Base::Section { section: a, offset: None },
            },
            _ => self.either(other),
        }
    }

    /// The address further on by a number; back by it if `back`.
    fn moved(self, by: &Num, back: bool) -> Base {
        let bounds = |low: i64, high: i64| {
            let (least, most) = by.signed();
            match back {
                false => Some((low.checked_add(least)?, high.checked_add(most)?)),
                true => Some((low.checked_sub(most)?, high.checked_sub(least)?)),
            }
        };
        let moved = |offset: i64| bounds(offset, offset).filter(|(a, b)| a == b).map(|(a, _)| a);
        match self {
            Base::Frame { depth, .. } | Base::Within { depth, .. } => {
                let from = self.frame().filter(|_| self != Base::Frame { depth, offset: None });
                match from.and_then(|(_, low, high)| bounds(low, high)) {
                    Some((low, high)) => Base::within(depth, low, high),
                    None => Base::Frame { depth, offset: None },
                }
            }
            Base::Among { depths, low, high } => {
                let known = self.frames().filter(|(.., known)| *known);
                Base::among(depths, known.and_then(|_| bounds(low, high)))
            }
            Base::Section { section, offset } => {
                Base::Section { section, offset: offset.and_then(moved) }
            }
            Base::OneOf { section, mut offsets } => {
                for offset in &mut offsets {
                    match moved(*offset) {
                        Some(to) => *offset = to,
                        None => return Base::Section { section, offset: None },
                    }
                }
                Base::OneOf { section, offsets }
            }
            Base::Extern { ext, offset } => Base::Extern { ext, offset: offset.and_then(moved) },
            Base::Ctx(offset) => match moved(offset) {
                Some(to) => Base::Ctx(to),
                None => Base::Any { frame: false, ctx: true },
            },
            Base::Map(_) | Base::Func(_) | Base::Plain => Base::Plain,
            any @ Base::Any { .. } => any,
        }
    }
}

/// What the verifier takes a value for. Order: `Number` below `OrNull` below `Unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A number.
    Number,
    /// A number, or what a helper gave that may be null: a number once a null check shows that
    /// it is (`mark_ptr_or_null_reg` of the verifier).
    OrNull,
    /// A number or a pointer.
    Unknown,
}

impl Kind {
    /// The kind where a null check has found null.
    pub fn null(self) -> Kind {
        match self {
            Kind::Number | Kind::OrNull => Kind::Number,
            Kind::Unknown => Kind::Unknown,
        }
    }
}

/// What is known of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abs {
    /// What it can be the address of.
    pub base: Base,
    /// What the verifier takes it for.
    pub kind: Kind,
    /// What it can be as a number.
    pub num: Num,
    /// Whether it can be uninitialised: what the verifier refuses to have read.
    pub uninit: bool,
}

impl Abs {
    /// Any number, or an address that is neither in a known frame nor the context.
    pub const PLAIN: Abs =
        Abs { base: Base::Plain, kind: Kind::Unknown, num: Num::ALL, uninit: false };
    /// Anything.
    pub const ANY: Abs = Abs { base: Base::Any { frame: true, ctx: true }, ..Abs::PLAIN };
    /// Anything but an address in a known frame.
    pub const CONTEXT: Abs = Abs { base: Base::Any { frame: false, ctx: true }, ..Abs::PLAIN };
    /// What a helper gives that may be null.
    pub const OR_NULL: Abs = Abs { kind: Kind::OrNull, ..Abs::PLAIN };
    /// Any number.
    pub const NUMBER: Abs = Abs { kind: Kind::Number, ..Abs::PLAIN };
    /// Nothing that may be read.
    pub const UNINIT: Abs = Abs { uninit: true, ..Abs::NUMBER };

    /// One of a set of numbers.
    pub fn number(num: Num) -> Abs {
        Abs { num, ..Abs::NUMBER }
    }

    /// An address.
    pub fn address(base: Base) -> Abs {
        let num = match base {
            Base::Frame { .. }
            | Base::Within { .. }
            | Base::Among { .. }
            | Base::Section { .. }
            | Base::OneOf { .. }
            | Base::Map(_)
            | Base::Func(_) => Num::range(1, u64::MAX),
            Base::Plain | Base::Extern { .. } | Base::Ctx(_) | Base::Any { .. } => Num::ALL,
        };
        Abs { base, num, ..Abs::PLAIN }
    }

    /// The number, if it is only one, and one for the verifier.
    pub fn as_number(&self) -> Option<u64> {
        let is_number = self.base == Base::Plain && self.is_number() && !self.uninit;
        self.num.as_one().filter(|_| is_number)
    }

    /// Whether the verifier can take it for nothing but a number.
    pub fn is_number(&self) -> bool {
        self.kind == Kind::Number
    }

    /// Whether there is only one such value.
    pub fn is_single(&self) -> bool {
        !self.uninit && (self.base.is_exact() || self.as_number().is_some())
    }

    /// What either can be; with `widen`, bounds that grow go as far as they can.
    pub fn join(&self, other: &Abs, widen: bool) -> Abs {
        Abs {
            base: self.base.join(other.base, widen),
            kind: self.kind.max(other.kind),
            num: if widen { self.num.widen(&other.num) } else { self.num.join(&other.num) },
            uninit: self.uninit || other.uninit,
        }
    }

    /// What `a op b` can be at 64 bits; a number for the verifier, but for sums and differences
    /// with what may be none. As the verifier has it (`adjust_ptr_min_max_vals`), only addition and
    /// subtraction make an address from an address, and other operations with one are refused.
    pub fn alu64(op: AluOp, a: &Abs, b: &Abs) -> Abs {
        let plain = |abs: &Abs| abs.base == Base::Plain;
        let base = match op {
            AluOp::Add if plain(b) => a.base.moved(&b.num, false),
            AluOp::Add if plain(a) => b.base.moved(&a.num, false),
            AluOp::Sub if plain(b) => a.base.moved(&b.num, true),
            AluOp::Add => a.base.either(b.base),
            // A pointer is not subtracted from a number, and two pointers give one.
            AluOp::Sub => a.base.either(Base::Plain),
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
        let sum = matches!(op, AluOp::Add | AluOp::Sub);
        let is_number = base == Base::Plain && (!sum || (a.is_number() && b.is_number()));
        let kind = if is_number { Kind::Number } else { Kind::Unknown };
        Abs { base, kind, num, uninit: false }
    }

    /// What `len` bytes of the value can be that it has from its byte `from` on, of `whole` bytes.
    pub fn part(&self, endian: Endian, whole: u32, from: u32, len: u32) -> Abs {
        if (from, len) == (0, whole) {
            return *self;
        }
        let low = match endian {
            Endian::Little => from,
            Endian::Big => whole.saturating_sub(from + len),
        };
        let shifted = Num::alu64(AluOp::Rsh, &self.num, &Num::one(u64::from(8 * low)));
        let mask = Num::one(u64::MAX >> (64 - 8 * len.clamp(1, 8)));
        Abs { uninit: self.uninit, ..Abs::number(Num::alu64(AluOp::And, &shifted, &mask)) }
    }

    /// What a 32-bit operation without a rule of its own can give.
    pub fn half() -> Abs {
        Abs::number(Num::range(0, u32::MAX.into()))
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
        let gone = Abs { uninit: self.uninit, ..Abs::ANY };
        match self.base {
            Base::Frame { depth, .. } | Base::Within { depth, .. } => match f(depth) {
                Some(to) => {
                    let mut base = self.base;
                    if let Base::Frame { depth, .. } | Base::Within { depth, .. } = &mut base {
                        *depth = to;
                    }
                    Abs { base, ..self }
                }
                None => gone,
            },
            Base::Among { low, high, .. } => {
                let mut depths = 0;
                for depth in self.base.depths() {
                    match f(depth).filter(|depth| *depth < 8) {
                        Some(to) => depths |= 1 << to,
                        None => return gone,
                    }
                }
                Abs { base: Base::Among { depths, low, high }, ..self }
            }
            _ => self,
        }
    }
}
