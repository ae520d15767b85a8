//! The instruction set: RFC 9669 and what the kernel added since.
//!
//! [`Op`] is one instruction. What a jump names is a type parameter: [`Offset`] in encoded
//! code, a basic block in the IR. References that a loader or a relocation fills in are
//! opaque ids ([`Imm64`], [`Callee`]).

mod decode;
mod encode;
mod eval;
mod op;
mod raw;
mod reg;

pub use decode::{DecodeError, decode};
pub use encode::{EncodeError, encode};
pub use eval::{alu, compare, extend, sign_extend, swap, truncate};
pub use op::Op;
pub use raw::RawInsn;
pub use reg::{Reg, RegSet};

use crate::entity::{Extern, Func, Map, Section};

/// Byte order of an object, of its instructions' fields and of its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endian {
    /// Least significant byte first (`bpfel`).
    Little,
    /// Most significant byte first (`bpfeb`).
    Big,
}

/// The width of an ALU operation or of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// The low 32 bits; an ALU operation zeroes the upper half of its result.
    W32,
    /// All 64 bits.
    W64,
}

impl Width {
    /// The width in bits.
    pub fn bits(self) -> u32 {
        match self {
            Width::W32 => 32,
            Width::W64 => 64,
        }
    }
}

/// The size of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Size {
    /// One byte.
    B,
    /// Two bytes.
    H,
    /// Four bytes.
    W,
    /// Eight bytes.
    DW,
}

impl Size {
    /// The size in bytes.
    pub fn bytes(self) -> u32 {
        match self {
            Size::B => 1,
            Size::H => 2,
            Size::W => 4,
            Size::DW => 8,
        }
    }

    /// The size in bits.
    pub fn bits(self) -> u32 {
        self.bytes() * 8
    }
}

/// Two-operand ALU operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AluOp {
    /// `dst += src`
    Add,
    /// `dst -= src`
    Sub,
    /// `dst *= src`
    Mul,
    /// Unsigned division; by zero gives 0.
    Div,
    /// Signed division (v4); by zero gives 0.
    SDiv,
    /// Unsigned remainder; by zero leaves `dst`.
    Mod,
    /// Signed remainder (v4), truncated; by zero leaves `dst`.
    SMod,
    /// `dst |= src`
    Or,
    /// `dst &= src`
    And,
    /// `dst ^= src`
    Xor,
    /// Left shift; the count is masked to the width.
    Lsh,
    /// Logical right shift; the count is masked to the width.
    Rsh,
    /// Arithmetic right shift; the count is masked to the width.
    Arsh,
}

impl AluOp {
    /// Whether `a op b` is `b op a`.
    pub fn commutes(self) -> bool {
        matches!(self, AluOp::Add | AluOp::Mul | AluOp::Or | AluOp::And | AluOp::Xor)
    }

    /// Whether `x op by` is `x` for every `x` of 64 bits.
    pub fn is_identity(self, by: u64) -> bool {
        match self {
            AluOp::Add
            | AluOp::Sub
            | AluOp::Or
            | AluOp::Xor
            | AluOp::Lsh
            | AluOp::Rsh
            | AluOp::Arsh
            | AluOp::Mod
            | AluOp::SMod => by == 0,
            AluOp::Mul | AluOp::Div | AluOp::SDiv => by == 1,
            AluOp::And => by == u64::MAX,
        }
    }
}

/// A register or a 32-bit immediate, which 64-bit operations sign-extend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A register.
    Reg(Reg),
    /// An immediate.
    Imm(i32),
}

/// Byte swaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SwapOp {
    /// Host to little endian (and back), truncating.
    ToLe,
    /// Host to big endian (and back), truncating.
    ToBe,
    /// Unconditional swap (v4), truncating.
    Bswap,
}

/// Atomic read-modify-write operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AtomicOp {
    /// Add; with `fetch` the source register receives the old value.
    Add {
        /// Whether the old value is returned.
        fetch: bool,
    },
    /// Or.
    Or {
        /// Whether the old value is returned.
        fetch: bool,
    },
    /// And.
    And {
        /// Whether the old value is returned.
        fetch: bool,
    },
    /// Exclusive or.
    Xor {
        /// Whether the old value is returned.
        fetch: bool,
    },
    /// Exchange: the source register receives the old value.
    Xchg,
    /// Compare with `r0` and exchange: `r0` receives the old value.
    Cmpxchg,
}

/// Conditions of conditional jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cond {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// unsigned `>`
    Gt,
    /// unsigned `>=`
    Ge,
    /// unsigned `<`
    Lt,
    /// unsigned `<=`
    Le,
    /// `(dst & src) != 0`
    Set,
    /// signed `>`
    Sgt,
    /// signed `>=`
    Sge,
    /// signed `<`
    Slt,
    /// signed `<=`
    Sle,
}

impl AluOp {
    /// All of them.
    pub const ALL: [AluOp; 13] = [
        AluOp::Add,
        AluOp::Sub,
        AluOp::Mul,
        AluOp::Div,
        AluOp::SDiv,
        AluOp::Mod,
        AluOp::SMod,
        AluOp::Or,
        AluOp::And,
        AluOp::Xor,
        AluOp::Lsh,
        AluOp::Rsh,
        AluOp::Arsh,
    ];
}

impl Cond {
    /// All of them.
    pub const ALL: [Cond; 11] = [
        Cond::Eq,
        Cond::Ne,
        Cond::Gt,
        Cond::Ge,
        Cond::Lt,
        Cond::Le,
        Cond::Set,
        Cond::Sgt,
        Cond::Sge,
        Cond::Slt,
        Cond::Sle,
    ];

    /// How code writes it.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Cond::Eq => "==",
            Cond::Ne => "!=",
            Cond::Gt => ">",
            Cond::Ge => ">=",
            Cond::Lt => "<",
            Cond::Le => "<=",
            Cond::Set => "&",
            Cond::Sgt => "s>",
            Cond::Sge => "s>=",
            Cond::Slt => "s<",
            Cond::Sle => "s<=",
        }
    }
}

impl Cond {
    /// The condition that holds exactly when this one does not; none for [`Cond::Set`].
    pub fn inverse(self) -> Option<Cond> {
        Some(match self {
            Cond::Eq => Cond::Ne,
            Cond::Ne => Cond::Eq,
            Cond::Gt => Cond::Le,
            Cond::Le => Cond::Gt,
            Cond::Ge => Cond::Lt,
            Cond::Lt => Cond::Ge,
            Cond::Sgt => Cond::Sle,
            Cond::Sle => Cond::Sgt,
            Cond::Sge => Cond::Slt,
            Cond::Slt => Cond::Sge,
            Cond::Set => return None,
        })
    }

    /// The condition that holds for `b, a` exactly when this one holds for `a, b`.
    pub fn swapped(self) -> Cond {
        match self {
            Cond::Eq => Cond::Eq,
            Cond::Ne => Cond::Ne,
            Cond::Set => Cond::Set,
            Cond::Gt => Cond::Lt,
            Cond::Lt => Cond::Gt,
            Cond::Ge => Cond::Le,
            Cond::Le => Cond::Ge,
            Cond::Sgt => Cond::Slt,
            Cond::Slt => Cond::Sgt,
            Cond::Sge => Cond::Sle,
            Cond::Sle => Cond::Sge,
        }
    }
}

/// The 64-bit operand of `ldimm64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Imm64 {
    /// A number.
    Const(u64),
    /// The address of a byte of a data section (BPF_PSEUDO_MAP_VALUE once loaded).
    Section {
        /// The section.
        section: Section,
        /// Bytes from the section's start.
        offset: i64,
    },
    /// The address of a map (BPF_PSEUDO_MAP_FD once loaded).
    Map(Map),
    /// The address of a function (BPF_PSEUDO_FUNC).
    Func(Func),
    /// The address or value of an undefined symbol: kconfig value, ksym address.
    Extern(Extern),
    /// A pseudo source register as a loader encodes it (BPF_PSEUDO_*), in raw streams.
    Pseudo {
        /// The source register field, 1 to 15.
        src: u8,
        /// The first slot's immediate.
        imm: i32,
        /// The second slot's immediate.
        next_imm: i32,
    },
}

/// What a `call` calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Callee {
    /// A helper function by its number.
    Helper(i32),
    /// A function of the program.
    Func(Func),
    /// An undefined symbol: a kfunc.
    Extern(Extern),
    /// A pseudo call as encoded: `src` 1 is a subprogram at `imm` instructions from the next
    /// one, `src` 2 a kfunc by BTF id.
    Pseudo {
        /// The source register field, 1 to 15.
        src: u8,
        /// The offset field.
        off: i16,
        /// The immediate.
        imm: i32,
    },
}

/// A jump target in encoded code: slots from the following instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Offset(pub i32);
