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
//! Join: equal values stay; two addresses in one section or frame keep it and lose the
//! offset; numbers join as numbers; anything else is opaque with the flags of both.

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
    /// An address in a frame.
    Frame {
        /// 0 for the function's own frame, 1 for its caller's, and so on.
        depth: u8,
        /// Bytes from the top of that frame (its `r10`), negative; none if it can be any.
        offset: Option<i64>,
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
    /// Anything: a number or an address. One of the two can be.
    Opaque {
        /// Whether it can be an address in the function's frame or in a caller's.
        frame: bool,
        /// Whether it can be the program's context, where a 4-byte load can give an address.
        ctx: bool,
    },
}

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
        matches!(self, Value::Frame { .. } | Value::Opaque { frame: true, .. })
    }

    /// Whether it can be the program's context.
    pub fn may_be_ctx(&self) -> bool {
        matches!(self, Value::Opaque { ctx: true, .. })
    }

    /// Whether it is the address of something, never null.
    pub fn is_address(&self) -> bool {
        matches!(self, Value::Section { .. } | Value::Frame { .. } | Value::Map(_) | Value::Func(_))
    }

    /// The least value above both; with `widen`, one that a loop cannot raise without end.
    pub fn join(&self, other: &Value, widen: bool) -> Value {
        if self == other {
            return *self;
        }
        match (self, other) {
            (Value::Number(a), Value::Number(b)) => {
                Value::Number(if widen { a.widen(b) } else { a.join(b) })
            }
            (Value::Section { section: a, .. }, Value::Section { section: b, .. }) if a == b => {
                Value::Section { section: *a, offset: None }
            }
            (Value::Frame { depth: a, .. }, Value::Frame { depth: b, .. }) if a == b => {
                Value::Frame { depth: *a, offset: None }
            }
            (Value::Extern { ext: a, .. }, Value::Extern { ext: b, .. }) if a == b => {
                Value::Extern { ext: *a, offset: None }
            }
            _ => self.opaque(other),
        }
    }

    /// Anything that either of two values can be, or a number made of both.
    fn opaque(&self, other: &Value) -> Value {
        let frame = self.may_be_frame() || other.may_be_frame();
        let ctx = self.may_be_ctx() || other.may_be_ctx();
        if frame || ctx { Value::Opaque { frame, ctx } } else { Value::NUMBER }
    }

    /// `a op b`. Only addition and subtraction make an address from an address, as the
    /// verifier has it (`adjust_ptr_min_max_vals`); the low half of an address is a number.
    pub fn alu(width: Width, op: AluOp, a: &Value, b: &Value) -> Value {
        let number = || Value::Number(Number::alu(width, op, &a.number(), &b.number()));
        if width == Width::W32 {
            return number();
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
            (AluOp::Add | AluOp::Sub, Value::Frame { depth, offset }, Value::Number(_)) => {
                Value::Frame { depth: *depth, offset: moved(*offset) }
            }
            (AluOp::Add | AluOp::Sub, Value::Extern { ext, offset }, Value::Number(_)) => {
                Value::Extern { ext: *ext, offset: moved(*offset) }
            }
            (
                AluOp::Add,
                Value::Number(_),
                Value::Section { .. } | Value::Frame { .. } | Value::Extern { .. },
            ) => Value::alu(width, op, b, a),
            (AluOp::Add | AluOp::Sub, _, _) => a.opaque(b),
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
