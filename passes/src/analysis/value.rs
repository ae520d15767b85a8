//! What a register or an 8-byte stack slot can hold.
//!
//! Lattice (`unreached` is a missing state, see [`State`](super::state::State)):
//!
//! - a number; an address in a data section; an address in a frame; the address of a map, a
//!   function, an extern
//! - below opaque values that may be the context, or a frame address, or both
//!
//! An address of which neither can be said (a packet, a map value) is a number: nothing but
//! its bits matters here.
//!
//! Join: equal values stay; two addresses in one section keep it and lose the offset (a few
//! offsets are kept, each); addresses in frames keep the depths and the bounds of both; numbers
//! join as numbers; anything else is opaque with the flags of both.

use crate::analysis::number::Number;
use crate::entity::{Extern, Func, Map, Section};
use crate::isa::{AluOp, Width};

/// What a register or an 8-byte stack slot can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// A number, or an address that is neither in a frame nor the context.
    Number(Number),
    /// An address in a data section.
    Section {
        /// The section.
        section: Section,
        /// Bytes from the section's start; none if it can be any.
        offset: Option<i64>,
    },
    /// One of some addresses in a data section, which paths that met brought along.
    OneOf {
        /// The section.
        section: Section,
        /// Bytes from the section's start, in order, the last one repeated.
        offsets: [i32; MANY],
    },
    /// An address in a frame.
    Frame {
        /// 0 for the function's own frame, 1 for its caller's, and so on.
        depth: u8,
        /// Bytes from the top of that frame (its `r10`), negative; none if it can be any.
        offset: Option<i64>,
    },
    /// An address in a frame, at an offset that is not known exactly.
    FrameWithin {
        /// As in [`Value::Frame`].
        depth: u8,
        /// The lowest offset.
        low: i32,
        /// The highest offset.
        high: i32,
    },
    /// An address in one of several frames.
    Frames {
        /// A bit for each depth, at least two.
        depths: u8,
        /// The lowest offset; the least number if any.
        low: i32,
        /// The highest offset; the greatest number if any.
        high: i32,
    },
    /// The address of a map.
    Map(Map),
    /// The address of a function.
    Func(Func),
    /// The address of an extern, with bytes added.
    Extern {
        /// The extern.
        ext: Extern,
        /// Bytes from its start; none if it can be any.
        offset: Option<i64>,
    },
    /// The program's context, with bytes added.
    Context(i64),
    /// Anything: a number or an address. One of the two can be.
    Opaque {
        /// Whether it can be an address in the function's frame or in a caller's.
        frame: bool,
        /// Whether it can be the program's context, where a 4-byte load can give an address.
        ctx: bool,
    },
}

/// Addresses that [`Value::OneOf`] can hold.
pub const MANY: usize = 4;

impl Value {
    /// Any number.
    pub const NUMBER: Value = Value::Number(Number::TOP);
    /// Anything but a frame address.
    pub const CONTEXT: Value = Value::Opaque { frame: false, ctx: true };
    /// Anything.
    pub const ANY: Value = Value::Opaque { frame: true, ctx: true };

    /// Exactly this number.
    pub fn constant(value: u64) -> Value {
        Value::Number(Number::constant(value))
    }

    /// The number, if it can be only one.
    pub fn as_constant(&self) -> Option<u64> {
        match self {
            Value::Number(n) => n.as_constant(),
            _ => None,
        }
    }

    /// What is known of the value as a number.
    pub fn number(&self) -> Number {
        match self {
            Value::Number(n) => *n,
            _ => Number::TOP,
        }
    }

    /// Whether it can be an address in the function's frame or in a caller's.
    pub fn may_be_frame(&self) -> bool {
        matches!(
            self,
            Value::Frame { .. }
                | Value::FrameWithin { .. }
                | Value::Frames { .. }
                | Value::Opaque { frame: true, .. }
        )
    }

    /// Whether it can be the program's context.
    pub fn may_be_ctx(&self) -> bool {
        matches!(self, Value::Opaque { ctx: true, .. } | Value::Context(_))
    }

    /// Whether it is the address of something, never null.
    pub fn is_address(&self) -> bool {
        match self {
            Value::Section { .. }
            | Value::OneOf { .. }
            | Value::Frame { .. }
            | Value::FrameWithin { .. }
            | Value::Frames { .. }
            | Value::Map(_)
            | Value::Func(_) => true,
            Value::Number(_) | Value::Extern { .. } | Value::Context(_) | Value::Opaque { .. } => {
                false
            }
        }
    }

    /// The least value above both; with `widen`, one that a loop cannot raise without end.
    pub fn join(&self, other: &Value, widen: bool) -> Value {
        if self == other {
            return *self;
        }
        if let Some(joined) = self.join_in_frame(other, widen) {
            return joined;
        }
        match (self, other) {
            (Value::Number(a), Value::Number(b)) => {
                Value::Number(if widen { a.widen(b) } else { a.join(b) })
            }
            (Value::Extern { ext: a, .. }, Value::Extern { ext: b, .. }) if a == b => {
                Value::Extern { ext: *a, offset: None }
            }
            _ => match (self.offsets(), other.offsets()) {
                (Some((a, x)), Some((b, y))) if a == b => Value::one_of(a, x.chain(y)),
                _ => match (self.section(), other.section()) {
                    (Some(a), Some(b)) if a == b => Value::Section { section: a, offset: None },
                    _ => self.opaque(other),
                },
            },
        }
    }

    /// The join of two addresses in frames.
    fn join_in_frame(&self, other: &Value, widen: bool) -> Option<Value> {
        let (depths, bounds) = self.frames()?;
        let (others, other_bounds) = other.frames()?;
        let bounds = match (bounds, other_bounds) {
            (Some((a, b)), Some((c, d))) if !widen => Some((a.min(c), b.max(d))),
            _ => None,
        };
        Some(Value::in_frames(depths | others, bounds))
    }

    /// An address in one of the frames of which the bits are set, between two offsets.
    fn in_frames(depths: u8, bounds: Option<(i32, i32)>) -> Value {
        match (depths.is_power_of_two(), bounds) {
            (false, _) => {
                let (low, high) = bounds.unwrap_or((i32::MIN, i32::MAX));
                Value::Frames { depths, low, high }
            }
            (true, bounds) => {
                let depth = depths.trailing_zeros() as u8;
                match bounds {
                    Some((low, high)) if low == high => {
                        Value::Frame { depth, offset: Some(low.into()) }
                    }
                    Some((low, high)) => Value::FrameWithin { depth, low, high },
                    None => Value::Frame { depth, offset: None },
                }
            }
        }
    }

    /// The frames that this is an address in, a bit for each depth, with the lowest and highest
    /// offset if they are known.
    pub fn frames(&self) -> Option<(u8, Option<(i32, i32)>)> {
        match *self {
            Value::Frames { depths, low, high } => {
                Some((depths, Some((low, high)).filter(|b| *b != (i32::MIN, i32::MAX))))
            }
            _ => {
                let (depth, bounds) = self.frame()?;
                Some((1u8.checked_shl(depth.into())?, bounds))
            }
        }
    }

    /// The same address where frames are so many further away, or nearer; anything if there is
    /// no such frame.
    #[must_use]
    pub fn seen_from(self, change: impl Fn(u8) -> Option<u8>) -> Value {
        let mut depths = 0;
        let (frames, bounds) = match (self.frames(), self.frame()) {
            (Some(known), _) => known,
            (None, None) => return self,
            (None, Some(_)) => return Value::ANY,
        };
        for depth in (0..8).filter(|depth| frames & (1 << depth) != 0) {
            match change(depth).filter(|depth| *depth < 8) {
                Some(depth) => depths |= 1 << depth,
                None => return Value::ANY,
            }
        }
        Value::in_frames(depths, bounds)
    }

    /// The frame that this is an address in, with the lowest and highest offset if they are
    /// known.
    pub fn frame(&self) -> Option<(u8, Option<(i32, i32)>)> {
        match *self {
            Value::Frame { depth, offset } => {
                let offset = offset.and_then(|o| i32::try_from(o).ok());
                Some((depth, offset.map(|o| (o, o))))
            }
            Value::FrameWithin { depth, low, high } => Some((depth, Some((low, high)))),
            _ => None,
        }
    }

    /// A frame address moved by a number that is not one constant.
    fn moved_in_frame(&self, op: AluOp, by: &Number) -> Option<Value> {
        let (depths, bounds) = self.frames()?;
        let moved = bounds.and_then(|(low, high)| {
            let (smin, smax) = (i32::try_from(by.smin).ok()?, i32::try_from(by.smax).ok()?);
            Some(match op {
                AluOp::Add => (low.checked_add(smin)?, high.checked_add(smax)?),
                _ => (low.checked_sub(smax)?, high.checked_sub(smin)?),
            })
        });
        Some(Value::in_frames(depths, moved))
    }

    /// The data section that this is an address in.
    fn section(&self) -> Option<Section> {
        match self {
            Value::Section { section, .. } | Value::OneOf { section, .. } => Some(*section),
            _ => None,
        }
    }

    /// The section and the offsets in it that this can be, if they are known.
    pub fn offsets(&self) -> Option<(Section, impl Iterator<Item = i64> + use<>)> {
        let (section, offsets) = match *self {
            Value::Section { section, offset } => (section, [i32::try_from(offset?).ok()?; MANY]),
            Value::OneOf { section, offsets } => (section, offsets),
            _ => return None,
        };
        let repeated = move |i: &usize| *i == 0 || offsets[*i] != offsets[*i - 1];
        let distinct = (0..MANY).filter(repeated).map(move |i| i64::from(offsets[i]));
        Some((section, distinct))
    }

    /// One of the addresses at these offsets in a section; any, if they are too many.
    fn one_of(section: Section, offsets: impl Iterator<Item = i64>) -> Value {
        let mut sorted: Vec<i64> = offsets.collect();
        sorted.sort_unstable();
        sorted.dedup();
        let any = Value::Section { section, offset: None };
        let Some(&last) = sorted.last() else { return any };
        if sorted.len() == 1 {
            return Value::Section { section, offset: Some(last) };
        }
        let narrow: Result<Vec<i32>, _> = sorted.iter().map(|&o| i32::try_from(o)).collect();
        match (narrow, i32::try_from(last)) {
            (Ok(narrow), Ok(last)) if narrow.len() <= MANY => {
                let mut offsets = [last; MANY];
                offsets[..narrow.len()].copy_from_slice(&narrow);
                Value::OneOf { section, offsets }
            }
            _ => any,
        }
    }

    /// Anything that either of two values can be, or a number made of both.
    fn opaque(&self, other: &Value) -> Value {
        let frame = self.may_be_frame() || other.may_be_frame();
        let ctx = self.may_be_ctx() || other.may_be_ctx();
        if frame || ctx { Value::Opaque { frame, ctx } } else { Value::NUMBER }
    }

    /// `a op b`. Only addition and subtraction make an address from an address, as the
    /// verifier has it (`adjust_ptr_min_max_vals`), and what leaves it as it is (`|= 0`); the
    /// low half of an address is a number.
    pub fn alu(width: Width, op: AluOp, a: &Value, b: &Value) -> Value {
        let number = || Value::Number(Number::alu(width, op, &a.number(), &b.number()));
        if width == Width::W32 {
            return number();
        }
        match (a, b) {
            (Value::Number(_), Value::Number(_)) => {}
            (a, Value::Number(b)) if b.as_constant().is_some_and(|b| op.is_identity(b)) => {
                return *a;
            }
            (Value::Number(a), b)
                if op.commutes() && a.as_constant().is_some_and(|a| op.is_identity(a)) =>
            {
                return *b;
            }
            _ => {}
        }
        let delta = b.as_constant().map(|c| c as i64);
        let moved = |offset: Option<i64>| match op {
            AluOp::Add => offset.and_then(|o| o.checked_add(delta?)),
            _ => offset.and_then(|o| o.checked_sub(delta?)),
        };
        match (op, a, b) {
            (AluOp::Add | AluOp::Sub, Value::Number(_), Value::Number(_)) => number(),
            (AluOp::Add | AluOp::Sub, Value::Section { section, offset }, Value::Number(_)) => {
                Value::Section { section: *section, offset: moved(*offset) }
            }
            (AluOp::Add | AluOp::Sub, Value::OneOf { section, .. }, Value::Number(_)) => {
                match (a.offsets(), delta) {
                    (Some((section, offsets)), Some(_)) => {
                        let offsets: Option<Vec<i64>> = offsets.map(|o| moved(Some(o))).collect();
                        Value::one_of(section, offsets.unwrap_or_default().into_iter())
                    }
                    _ => Value::Section { section: *section, offset: None },
                }
            }
            (AluOp::Add | AluOp::Sub, Value::Context(offset), Value::Number(_)) => {
                moved(Some(*offset)).map_or(Value::CONTEXT, Value::Context)
            }
            (
                AluOp::Add | AluOp::Sub,
                Value::Frame { .. } | Value::FrameWithin { .. } | Value::Frames { .. },
                Value::Number(by),
            ) => a.moved_in_frame(op, by).unwrap_or(Value::ANY),
            (AluOp::Add | AluOp::Sub, Value::Extern { ext, offset }, Value::Number(_)) => {
                Value::Extern { ext: *ext, offset: moved(*offset) }
            }
            (
                AluOp::Add,
                Value::Number(_),
                Value::Section { .. }
                | Value::OneOf { .. }
                | Value::Frame { .. }
                | Value::FrameWithin { .. }
                | Value::Frames { .. }
                | Value::Context(_)
                | Value::Extern { .. },
            ) => Value::alu(width, op, b, a),
            (AluOp::Add | AluOp::Sub, _, _) => a.opaque(b),
            // No kernel takes that of an address in a frame. It can be one all the same.
            (_, Value::Frame { .. } | Value::FrameWithin { .. } | Value::Frames { .. }, _)
            | (_, _, Value::Frame { .. } | Value::FrameWithin { .. } | Value::Frames { .. }) => {
                Value::ANY
            }
            (AluOp::And | AluOp::Or, Value::Opaque { .. }, Value::Opaque { .. }) => a.opaque(b),
            (
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
                | AluOp::Arsh,
                _,
                _,
            ) => number(),
        }
    }
}
