//! One instruction, what it reads and what it writes.

use super::{AluOp, AtomicOp, Callee, Cond, Imm64, Operand, Reg, RegSet, Size, SwapOp, Width};

/// One instruction, with jump targets of type `T`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op<T> {
    /// `dst = dst op src`
    Alu {
        /// Width of the operation.
        width: Width,
        /// The operation.
        op: AluOp,
        /// Destination and first operand.
        dst: Reg,
        /// Second operand.
        src: Operand,
    },
    /// `dst = -dst`
    Neg {
        /// Width of the operation.
        width: Width,
        /// Destination and operand.
        dst: Reg,
    },
    /// `dst = src`
    Mov {
        /// Width of the operation.
        width: Width,
        /// Destination.
        dst: Reg,
        /// Source.
        src: Operand,
    },
    /// `dst = (s8|s16|s32)src` (v4).
    MovSx {
        /// Width of the result.
        width: Width,
        /// Size of the source value: B, H or, with a 64-bit result, W.
        from: Size,
        /// Destination.
        dst: Reg,
        /// Source.
        src: Reg,
    },
    /// `dst = addr_space_cast(src, dst_as, src_as)`: arena pointers.
    AddrSpaceCast {
        /// Destination.
        dst: Reg,
        /// Source.
        src: Reg,
        /// Destination address space in the upper half, source address space in the lower.
        spaces: u32,
    },
    /// Byte swap of the low bits, zeroing the rest.
    Swap {
        /// Which swap.
        op: SwapOp,
        /// How many bytes: H, W or DW.
        size: Size,
        /// Destination and operand.
        dst: Reg,
    },
    /// `dst = *(size *)(base + off)`
    Load {
        /// Size of the access.
        size: Size,
        /// Whether the value is sign-extended to 64 bits (v4) instead of zero-extended.
        signed: bool,
        /// Destination.
        dst: Reg,
        /// Address register.
        base: Reg,
        /// Bytes added to the address.
        off: i16,
    },
    /// `*(size *)(base + off) = src`
    Store {
        /// Size of the access.
        size: Size,
        /// Address register.
        base: Reg,
        /// Bytes added to the address.
        off: i16,
        /// The value; an immediate is sign-extended.
        src: Operand,
    },
    /// `lock *(size *)(base + off) op= src`
    Atomic {
        /// Size of the access: W or DW.
        size: Size,
        /// The operation.
        op: AtomicOp,
        /// Address register.
        base: Reg,
        /// Bytes added to the address.
        off: i16,
        /// The operand; receives the old value where the operation fetches.
        src: Reg,
    },
    /// `dst = load_acquire((size *)(base + off))`
    LoadAcquire {
        /// Size of the access.
        size: Size,
        /// Destination.
        dst: Reg,
        /// Address register.
        base: Reg,
        /// Bytes added to the address.
        off: i16,
    },
    /// `store_release((size *)(base + off), src)`
    StoreRelease {
        /// Size of the access.
        size: Size,
        /// Address register.
        base: Reg,
        /// Bytes added to the address.
        off: i16,
        /// The value.
        src: Reg,
    },
    /// `dst = imm ll`: two slots.
    LdImm64 {
        /// Destination.
        dst: Reg,
        /// The value.
        imm: Imm64,
    },
    /// Legacy packet load at a fixed offset: reads `r6`, writes `r0`, clobbers `r1` to `r5`,
    /// can end the program.
    LdAbs {
        /// Size of the access: B, H or W.
        size: Size,
        /// Bytes from the packet's start.
        imm: i32,
    },
    /// Legacy packet load at `src + imm`; otherwise as [`Op::LdAbs`].
    LdInd {
        /// Size of the access: B, H or W.
        size: Size,
        /// Register added to the offset.
        src: Reg,
        /// Bytes from the packet's start.
        imm: i32,
    },
    /// A call; reads `r1` to `r5`, writes `r0`, clobbers `r1` to `r5`.
    Call(Callee),
    /// Return from the function.
    Exit,
    /// `goto target`
    Goto {
        /// Where to.
        target: T,
        /// Whether the encoding is `gotol` (v4) with a 32-bit offset.
        long: bool,
    },
    /// `if dst cond src goto target`
    Branch {
        /// Width of the comparison (32 bits: v3).
        width: Width,
        /// The condition.
        cond: Cond,
        /// First operand.
        dst: Reg,
        /// Second operand.
        src: Operand,
        /// Where to when the condition holds.
        target: T,
    },
    /// `may_goto target`: jumps when the verifier's loop budget is used up.
    MayGoto {
        /// Where to.
        target: T,
    },
    /// `gotox dst`: indirect jump through a register.
    GotoX {
        /// The register that holds the address.
        dst: Reg,
    },
}

impl<T> Op<T> {
    /// The number of 8-byte slots of the encoding.
    pub fn slots(&self) -> usize {
        match self {
            Op::LdImm64 { .. } => 2,
            _ => 1,
        }
    }

    /// Whether control never reaches the next instruction.
    pub fn ends_block_without_fallthrough(&self) -> bool {
        matches!(self, Op::Exit | Op::Goto { .. } | Op::GotoX { .. })
    }

    /// Whether this is the last instruction of a block.
    pub fn is_terminator(&self) -> bool {
        self.ends_block_without_fallthrough()
            || matches!(self, Op::Branch { .. } | Op::MayGoto { .. })
    }

    /// What a jump names.
    pub fn target(&self) -> Option<&T> {
        match self {
            Op::Goto { target, .. } | Op::Branch { target, .. } | Op::MayGoto { target } => {
                Some(target)
            }
            _ => None,
        }
    }

    /// What a jump names.
    pub fn target_mut(&mut self) -> Option<&mut T> {
        match self {
            Op::Goto { target, .. } | Op::Branch { target, .. } | Op::MayGoto { target } => {
                Some(target)
            }
            _ => None,
        }
    }

    /// The same instruction with the jump target mapped.
    pub fn map_target<U>(self, f: impl FnOnce(T) -> U) -> Op<U> {
        match self {
            Op::Goto { target, long } => Op::Goto { target: f(target), long },
            Op::Branch { width, cond, dst, src, target } => {
                Op::Branch { width, cond, dst, src, target: f(target) }
            }
            Op::MayGoto { target } => Op::MayGoto { target: f(target) },
            Op::Alu { width, op, dst, src } => Op::Alu { width, op, dst, src },
            Op::Neg { width, dst } => Op::Neg { width, dst },
            Op::Mov { width, dst, src } => Op::Mov { width, dst, src },
            Op::MovSx { width, from, dst, src } => Op::MovSx { width, from, dst, src },
            Op::AddrSpaceCast { dst, src, spaces } => Op::AddrSpaceCast { dst, src, spaces },
            Op::Swap { op, size, dst } => Op::Swap { op, size, dst },
            Op::Load { size, signed, dst, base, off } => Op::Load { size, signed, dst, base, off },
            Op::Store { size, base, off, src } => Op::Store { size, base, off, src },
            Op::Atomic { size, op, base, off, src } => Op::Atomic { size, op, base, off, src },
            Op::LoadAcquire { size, dst, base, off } => Op::LoadAcquire { size, dst, base, off },
            Op::StoreRelease { size, base, off, src } => Op::StoreRelease { size, base, off, src },
            Op::LdImm64 { dst, imm } => Op::LdImm64 { dst, imm },
            Op::LdAbs { size, imm } => Op::LdAbs { size, imm },
            Op::LdInd { size, src, imm } => Op::LdInd { size, src, imm },
            Op::Call(callee) => Op::Call(callee),
            Op::Exit => Op::Exit,
            Op::GotoX { dst } => Op::GotoX { dst },
        }
    }

    /// The registers that the instruction reads, as a bit per register. A call reads all
    /// argument registers, `exit` reads `r0`; analyses that know the callee know better.
    pub fn uses(&self) -> RegSet {
        let operand = |src: &Operand| match src {
            Operand::Reg(r) => RegSet::of(*r),
            Operand::Imm(_) => RegSet::EMPTY,
        };
        match self {
            Op::Alu { dst, src, .. } => RegSet::of(*dst) | operand(src),
            Op::Neg { dst, .. } | Op::Swap { dst, .. } | Op::GotoX { dst } => RegSet::of(*dst),
            Op::Mov { src, .. } => operand(src),
            Op::MovSx { src, .. } | Op::AddrSpaceCast { src, .. } => RegSet::of(*src),
            Op::Load { base, .. } | Op::LoadAcquire { base, .. } => RegSet::of(*base),
            Op::Store { base, src, .. } => RegSet::of(*base) | operand(src),
            Op::StoreRelease { base, src, .. } => RegSet::of(*base) | RegSet::of(*src),
            Op::Atomic { base, src, op, .. } => {
                let expected = match op {
                    AtomicOp::Cmpxchg => RegSet::of(Reg::R0),
                    _ => RegSet::EMPTY,
                };
                RegSet::of(*base) | RegSet::of(*src) | expected
            }
            Op::LdImm64 { .. } | Op::Goto { .. } | Op::MayGoto { .. } => RegSet::EMPTY,
            Op::LdAbs { .. } => RegSet::of(Reg::R6),
            Op::LdInd { src, .. } => RegSet::of(Reg::R6) | RegSet::of(*src),
            Op::Call(_) => Reg::arguments().collect(),
            Op::Exit => RegSet::of(Reg::R0),
            Op::Branch { dst, src, .. } => RegSet::of(*dst) | operand(src),
        }
    }

    /// The registers that the instruction writes or clobbers.
    pub fn defs(&self) -> RegSet {
        match self {
            Op::Alu { dst, .. }
            | Op::Neg { dst, .. }
            | Op::Mov { dst, .. }
            | Op::MovSx { dst, .. }
            | Op::AddrSpaceCast { dst, .. }
            | Op::Swap { dst, .. }
            | Op::Load { dst, .. }
            | Op::LoadAcquire { dst, .. }
            | Op::LdImm64 { dst, .. } => RegSet::of(*dst),
            Op::Atomic { op, src, .. } => match op {
                AtomicOp::Add { fetch }
                | AtomicOp::Or { fetch }
                | AtomicOp::And { fetch }
                | AtomicOp::Xor { fetch } => {
                    if *fetch {
                        RegSet::of(*src)
                    } else {
                        RegSet::EMPTY
                    }
                }
                AtomicOp::Xchg => RegSet::of(*src),
                AtomicOp::Cmpxchg => RegSet::of(Reg::R0),
            },
            Op::LdAbs { .. } | Op::LdInd { .. } | Op::Call(_) => Reg::caller_saved().collect(),
            Op::Store { .. }
            | Op::StoreRelease { .. }
            | Op::Exit
            | Op::Goto { .. }
            | Op::Branch { .. }
            | Op::MayGoto { .. }
            | Op::GotoX { .. } => RegSet::EMPTY,
        }
    }
}
