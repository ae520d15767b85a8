//! Slots to instructions.

use super::raw::{RawInsn, code};
use super::{AluOp, AtomicOp, Callee, Cond, Imm64, Offset, Op, Operand, Reg, Size, SwapOp, Width};

/// Why a slot is not an instruction that we know. Fields that must be zero are checked as
/// the kernel does (`resolve_pseudo_ldimm64`, `check_*_op` of `kernel/bpf/verifier.c`): what
/// decodes encodes to the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The opcode is not assigned, or a reserved field is not zero.
    #[error("unknown instruction: opcode {:#04x} dst {} src {} off {} imm {:#x}", .0.code, .0.dst, .0.src, .0.off, .0.imm)]
    Unknown(RawInsn),
    /// An `ldimm64` whose second slot is missing or is not one.
    #[error("ldimm64 without its second slot")]
    HalfLdImm64,
}

/// Decodes the instruction at the start of `slots` (an `ldimm64` takes two).
pub fn decode(slots: &[RawInsn]) -> Result<Op<Offset>, DecodeError> {
    let Some((&raw, rest)) = slots.split_first() else {
        return Err(DecodeError::HalfLdImm64);
    };
    if raw.code == code::LD | code::IMM | code::DW {
        return ldimm64(raw, rest.first());
    }
    let op = match raw.code & 7 {
        code::LD => legacy_load(raw),
        code::LDX => load(raw),
        code::ST => store_imm(raw),
        code::STX => store(raw),
        code::ALU => alu(raw, Width::W32),
        code::ALU64 => alu(raw, Width::W64),
        code::JMP => jump(raw, Width::W64),
        _ => jump(raw, Width::W32),
    };
    op.ok_or(DecodeError::Unknown(raw))
}

fn ldimm64(raw: RawInsn, next: Option<&RawInsn>) -> Result<Op<Offset>, DecodeError> {
    let next = next.ok_or(DecodeError::HalfLdImm64)?;
    if *next != (RawInsn { imm: next.imm, ..RawInsn::default() }) {
        return Err(DecodeError::HalfLdImm64);
    }
    let dst = Reg::new(raw.dst).ok_or(DecodeError::Unknown(raw))?;
    if raw.off != 0 {
        return Err(DecodeError::Unknown(raw));
    }
    let imm = match raw.src {
        0 => Imm64::Const(u64::from(next.imm as u32) << 32 | u64::from(raw.imm as u32)),
        src => Imm64::Pseudo { src, imm: raw.imm, next_imm: next.imm },
    };
    Ok(Op::LdImm64 { dst, imm })
}

fn size(code: u8) -> Size {
    match code & 0x18 {
        code::W => Size::W,
        code::H => Size::H,
        code::B => Size::B,
        _ => Size::DW,
    }
}

fn legacy_load(raw: RawInsn) -> Option<Op<Offset>> {
    let size = size(raw.code);
    if raw.dst != 0 || raw.off != 0 || size == Size::DW {
        return None;
    }
    match raw.code & 0xe0 {
        code::ABS if raw.src == 0 => Some(Op::LdAbs { size, imm: raw.imm }),
        code::IND => Some(Op::LdInd { size, src: Reg::new(raw.src)?, imm: raw.imm }),
        _ => None,
    }
}

fn load(raw: RawInsn) -> Option<Op<Offset>> {
    let size = size(raw.code);
    let signed = match raw.code & 0xe0 {
        code::MEM => false,
        code::MEMSX if size != Size::DW => true,
        _ => return None,
    };
    let (dst, base) = (Reg::new(raw.dst)?, Reg::new(raw.src)?);
    (raw.imm == 0).then_some(Op::Load { size, signed, dst, base, off: raw.off })
}

fn store_imm(raw: RawInsn) -> Option<Op<Offset>> {
    (raw.code & 0xe0 == code::MEM && raw.src == 0).then_some(())?;
    let base = Reg::new(raw.dst)?;
    Some(Op::Store { size: size(raw.code), base, off: raw.off, src: Operand::Imm(raw.imm) })
}

fn store(raw: RawInsn) -> Option<Op<Offset>> {
    let size = size(raw.code);
    let (dst, src, off) = (Reg::new(raw.dst)?, Reg::new(raw.src)?, raw.off);
    match raw.code & 0xe0 {
        code::MEM if raw.imm == 0 => {
            Some(Op::Store { size, base: dst, off, src: Operand::Reg(src) })
        }
        code::ATOMIC => match raw.imm {
            code::LOAD_ACQ => Some(Op::LoadAcquire { size, dst, base: src, off }),
            code::STORE_REL => Some(Op::StoreRelease { size, base: dst, off, src }),
            _ => {
                let op = atomic(raw.imm)?;
                matches!(size, Size::W | Size::DW).then_some(Op::Atomic {
                    size,
                    op,
                    base: dst,
                    off,
                    src,
                })
            }
        },
        _ => None,
    }
}

fn atomic(imm: i32) -> Option<AtomicOp> {
    let fetch = imm & code::FETCH != 0;
    Some(match imm {
        code::XCHG => AtomicOp::Xchg,
        code::CMPXCHG => AtomicOp::Cmpxchg,
        _ => match imm & !code::FETCH {
            0x00 => AtomicOp::Add { fetch },
            0x40 => AtomicOp::Or { fetch },
            0x50 => AtomicOp::And { fetch },
            0xa0 => AtomicOp::Xor { fetch },
            _ => return None,
        },
    })
}

/// The second operand of an ALU or jump instruction; the unused one of the two fields must
/// be zero.
fn operand(raw: RawInsn) -> Option<Operand> {
    if raw.code & code::X != 0 {
        (raw.imm == 0).then_some(())?;
        Some(Operand::Reg(Reg::new(raw.src)?))
    } else {
        (raw.src == 0).then_some(())?;
        Some(Operand::Imm(raw.imm))
    }
}

fn alu(raw: RawInsn, width: Width) -> Option<Op<Offset>> {
    let dst = Reg::new(raw.dst)?;
    match raw.code & 0xf0 {
        code::NEG => (raw.code & code::X == 0 && raw.src == 0 && raw.off == 0 && raw.imm == 0)
            .then_some(Op::Neg { width, dst }),
        code::MOV => mov(raw, width, dst),
        code::END => swap(raw, width, dst),
        op => {
            let op = match (op >> 4, raw.off) {
                (0x0, 0) => AluOp::Add,
                (0x1, 0) => AluOp::Sub,
                (0x2, 0) => AluOp::Mul,
                (0x3, 0) => AluOp::Div,
                (0x3, 1) => AluOp::SDiv,
                (0x4, 0) => AluOp::Or,
                (0x5, 0) => AluOp::And,
                (0x6, 0) => AluOp::Lsh,
                (0x7, 0) => AluOp::Rsh,
                (0x9, 0) => AluOp::Mod,
                (0x9, 1) => AluOp::SMod,
                (0xa, 0) => AluOp::Xor,
                (0xc, 0) => AluOp::Arsh,
                _ => return None,
            };
            Some(Op::Alu { width, op, dst, src: operand(raw)? })
        }
    }
}

fn mov(raw: RawInsn, width: Width, dst: Reg) -> Option<Op<Offset>> {
    if raw.code & code::X == 0 || raw.off == 0 {
        return (raw.off == 0).then_some(Op::Mov { width, dst, src: operand(raw)? });
    }
    let src = Reg::new(raw.src)?;
    let from = match (raw.off, width) {
        (1, Width::W64) => {
            return Some(Op::AddrSpaceCast { dst, src, spaces: raw.imm as u32 });
        }
        (8, _) => Size::B,
        (16, _) => Size::H,
        (32, Width::W64) => Size::W,
        _ => return None,
    };
    (raw.imm == 0).then_some(Op::MovSx { width, from, dst, src })
}

fn swap(raw: RawInsn, width: Width, dst: Reg) -> Option<Op<Offset>> {
    let op = match (width, raw.code & code::X != 0) {
        (Width::W32, false) => SwapOp::ToLe,
        (Width::W32, true) => SwapOp::ToBe,
        (Width::W64, false) => SwapOp::Bswap,
        (Width::W64, true) => return None,
    };
    let size = match raw.imm {
        16 => Size::H,
        32 => Size::W,
        64 => Size::DW,
        _ => return None,
    };
    (raw.src == 0 && raw.off == 0).then_some(Op::Swap { op, size, dst })
}

fn jump(raw: RawInsn, width: Width) -> Option<Op<Offset>> {
    let short = Offset(i32::from(raw.off));
    let register = raw.code & code::X != 0;
    let no_registers = raw.dst == 0 && raw.src == 0;
    match (raw.code & 0xf0, width) {
        (code::JA, Width::W64) if register => (raw.src == 0 && raw.off == 0 && raw.imm == 0)
            .then_some(Op::GotoX { dst: Reg::new(raw.dst)? }),
        (code::JA, Width::W64) => {
            (no_registers && raw.imm == 0).then_some(Op::Goto { target: short, long: false })
        }
        (code::JA, Width::W32) => (no_registers && !register && raw.off == 0)
            .then_some(Op::Goto { target: Offset(raw.imm), long: true }),
        (code::CALL, Width::W64) if !register && raw.dst == 0 => match raw.src {
            0 => (raw.off == 0).then_some(Op::Call(Callee::Helper(raw.imm))),
            src => Some(Op::Call(Callee::Pseudo { src, off: raw.off, imm: raw.imm })),
        },
        (code::EXIT, Width::W64) => {
            (no_registers && !register && raw.off == 0 && raw.imm == 0).then_some(Op::Exit)
        }
        (code::JCOND, Width::W64) => {
            (no_registers && !register && raw.imm == 0).then_some(Op::MayGoto { target: short })
        }
        (op, _) => {
            let cond = match op >> 4 {
                0x1 => Cond::Eq,
                0x2 => Cond::Gt,
                0x3 => Cond::Ge,
                0x4 => Cond::Set,
                0x5 => Cond::Ne,
                0x6 => Cond::Sgt,
                0x7 => Cond::Sge,
                0xa => Cond::Lt,
                0xb => Cond::Le,
                0xc => Cond::Slt,
                0xd => Cond::Sle,
                _ => return None,
            };
            let dst = Reg::new(raw.dst)?;
            Some(Op::Branch { width, cond, dst, src: operand(raw)?, target: short })
        }
    }
}
