//! What the verifier takes a value for: a number, or something that may be a pointer.
//!
//! Two registers that hold the same 64 bits need not be the same to the verifier. After
//! `if r1 == 0`, a pointer into kernel memory (PTR_TO_BTF_ID), an arena or a packet is still a
//! pointer, and is refused where a number has to be: "R1 is not a scalar", "R0 is not a known
//! value". Only what a helper gives that may be null (`*_or_null`) becomes a number there
//! (`mark_ptr_or_null_reg` of `kernel/bpf/verifier.c`), in every copy of it.
//!
//! Lattice: [`Number`](Kind::Number) ⊏ [`OrNull`](Kind::OrNull),
//! [`Checked`](Kind::Checked) ⊏ [`Unknown`](Kind::Unknown). Join: the least above both.
//!
//! Transfer:
//! - immediates, loads of less than 8 bytes, loads of read-only data, 32-bit results, products,
//!   masks, shifts, what helpers return as integers: a number. Kernels refuse pointers as
//!   operands of those operations, or take the result for a number; but for arena pointers,
//!   on which any operation gives an arena pointer (`adjust_reg_min_max_vals`).
//! - sums and differences: a number of numbers, else checked. The verifier refuses arithmetic
//!   with what may be null (`adjust_ptr_min_max_vals`).
//! - loads of 8 bytes, arguments, results of kernel functions and of functions that can be
//!   replaced, casts between address spaces: unknown. Copies, spills and reloads keep the kind.
//! - a null check (`== 0` or `!= 0` of all 64 bits) of `OrNull`: a number where it is null.
//!   Any other kind but a number is checked afterwards, null or not.

use crate::isa::{AluOp, Width};

/// What the verifier takes a value for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// A number.
    #[default]
    Number,
    /// A number, or what a helper gave that may be null, and that no null check was made of.
    OrNull,
    /// A number, or a pointer of which a null check tells the verifier no more than it knows.
    Checked,
    /// A number, or any pointer.
    Unknown,
}

impl Kind {
    /// Whether the verifier can take it for nothing but a number.
    pub fn is_number(self) -> bool {
        self == Kind::Number
    }

    /// The least kind above both.
    pub fn join(self, other: Kind) -> Kind {
        match (self, other) {
            (a, b) if a == b => a,
            (Kind::Number, kind) | (kind, Kind::Number) => kind,
            _ => Kind::Unknown,
        }
    }

    /// The kind of `a op b`. `arenas`: pointers into arenas can be among the operands.
    pub fn computed(width: Width, op: AluOp, (a, b): (Kind, Kind), arenas: bool) -> Kind {
        match (width, op) {
            _ if a.is_number() && b.is_number() => Kind::Number,
            _ if arenas => Kind::Unknown,
            (Width::W64, AluOp::Add | AluOp::Sub) => Kind::Checked,
            _ => Kind::Number,
        }
    }

    /// The kind after a null check, null or not.
    pub fn checked(self, null: bool) -> Kind {
        match self {
            Kind::Number => Kind::Number,
            Kind::OrNull if null => Kind::Number,
            Kind::OrNull | Kind::Checked | Kind::Unknown => Kind::Checked,
        }
    }
}
