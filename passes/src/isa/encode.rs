//! Instructions to slots: the inverse of [`decode`](super::decode).

use super::raw::{RawInsn, code};
use super::{AluOp, AtomicOp, Callee, Cond, Imm64, Offset, Op, Operand, Reg, Size, SwapOp, Width};

/// Why an instruction has no encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The jump is further than 16 bits of slots.
    #[error("jump over {0} slots does not fit in 16 bits")]
    JumpTooFar(i32),
    /// The reference must be resolved to fields first.
    #[error("unresolved reference")]
    Unresolved,
}

/// The first slot of `op`, and the second slot's immediate for an `ldimm64`.
pub fn encode(op: &Op<Offset>) -> Result<(RawInsn, Option<i32>), EncodeError> {
    let mut raw = RawInsn::default();
    let mut next_imm = None;
    match *op {
        Op::Alu { width, op, dst, src } => {
            let (bits, signed) = alu(op);
            raw.code = class(width, code::ALU, code::ALU64) | bits;
            raw.dst = dst.number();
            raw.off = signed.into();
            operand(&mut raw, src);
        }
        Op::Neg { width, dst } => {
            raw.code = class(width, code::ALU, code::ALU64) | code::NEG;
            raw.dst = dst.number();
        }
        Op::Mov { width, dst, src } => {
            raw.code = class(width, code::ALU, code::ALU64) | code::MOV;
            raw.dst = dst.number();
            operand(&mut raw, src);
        }
        Op::MovSx { width, from, dst, src } => {
            raw.code = class(width, code::ALU, code::ALU64) | code::MOV | code::X;
            raw.dst = dst.number();
            raw.src = src.number();
            raw.off = from.bits() as i16;
        }
        Op::AddrSpaceCast { dst, src, spaces } => {
            raw.code = code::ALU64 | code::MOV | code::X;
            raw.dst = dst.number();
            raw.src = src.number();
            raw.off = 1;
            raw.imm = spaces as i32;
        }
        Op::Swap { op, size, dst } => {
            raw.code = code::END
                | match op {
                    SwapOp::ToLe => code::ALU,
                    SwapOp::ToBe => code::ALU | code::X,
                    SwapOp::Bswap => code::ALU64,
                };
            raw.dst = dst.number();
            raw.imm = size.bits() as i32;
        }
        Op::Load { size, signed, dst, base, off } => {
            let mode = if signed { code::MEMSX } else { code::MEM };
            raw.code = code::LDX | mode | size_bits(size);
            raw.dst = dst.number();
            raw.src = base.number();
            raw.off = off;
        }
        Op::Store { size, base, off, src } => {
            raw.dst = base.number();
            raw.off = off;
            let class = match src {
                Operand::Imm(imm) => {
                    raw.imm = imm;
                    code::ST
                }
                Operand::Reg(reg) => {
                    raw.src = reg.number();
                    code::STX
                }
            };
            raw.code = class | code::MEM | size_bits(size);
        }
        Op::Atomic { size, op, base, off, src } => {
            atomic(&mut raw, size, base, src, off, atomic_imm(op));
        }
        Op::LoadAcquire { size, dst, base, off } => {
            atomic(&mut raw, size, dst, base, off, code::LOAD_ACQ);
        }
        Op::StoreRelease { size, base, off, src } => {
            atomic(&mut raw, size, base, src, off, code::STORE_REL);
        }
        Op::LdImm64 { dst, imm } => {
            raw.code = code::LD | code::IMM | code::DW;
            raw.dst = dst.number();
            let (src, low, high) = match imm {
                Imm64::Const(value) => (0, value as i32, (value >> 32) as i32),
                Imm64::Pseudo { src, imm, next_imm } => (src, imm, next_imm),
                Imm64::Section { .. } | Imm64::Map(_) | Imm64::Func(_) | Imm64::Extern(_) => {
                    return Err(EncodeError::Unresolved);
                }
            };
            raw.src = src;
            raw.imm = low;
            next_imm = Some(high);
        }
        Op::LdAbs { size, imm } => {
            raw.code = code::LD | code::ABS | size_bits(size);
            raw.imm = imm;
        }
        Op::LdInd { size, src, imm } => {
            raw.code = code::LD | code::IND | size_bits(size);
            raw.src = src.number();
            raw.imm = imm;
        }
        Op::Call(callee) => {
            raw.code = code::JMP | code::CALL;
            match callee {
                Callee::Helper(number) => raw.imm = number,
                Callee::Pseudo { src, off, imm } => {
                    raw.src = src;
                    raw.off = off;
                    raw.imm = imm;
                }
                Callee::Func(_) | Callee::Extern(_) => return Err(EncodeError::Unresolved),
            }
        }
        Op::Exit => raw.code = code::JMP | code::EXIT,
        Op::Goto { target, long: false } => {
            raw.code = code::JMP | code::JA;
            raw.off = short(target)?;
        }
        Op::Goto { target, long: true } => {
            raw.code = code::JMP32 | code::JA;
            raw.imm = target.0;
        }
        Op::Branch { width, cond, dst, src, target } => {
            raw.code = class(width, code::JMP32, code::JMP) | cond_bits(cond);
            raw.dst = dst.number();
            raw.off = short(target)?;
            operand(&mut raw, src);
        }
        Op::MayGoto { target } => {
            raw.code = code::JMP | code::JCOND;
            raw.off = short(target)?;
        }
        Op::GotoX { dst } => {
            raw.code = code::JMP | code::JA | code::X;
            raw.dst = dst.number();
        }
    }
    Ok((raw, next_imm))
}

fn class(width: Width, w32: u8, w64: u8) -> u8 {
    match width {
        Width::W32 => w32,
        Width::W64 => w64,
    }
}

fn short(target: Offset) -> Result<i16, EncodeError> {
    i16::try_from(target.0).map_err(|_| EncodeError::JumpTooFar(target.0))
}

fn operand(raw: &mut RawInsn, src: Operand) {
    match src {
        Operand::Imm(imm) => raw.imm = imm,
        Operand::Reg(reg) => {
            raw.code |= code::X;
            raw.src = reg.number();
        }
    }
}

fn size_bits(size: Size) -> u8 {
    match size {
        Size::B => code::B,
        Size::H => code::H,
        Size::W => code::W,
        Size::DW => code::DW,
    }
}

/// Opcode bits, and whether the offset field says "signed".
fn alu(op: AluOp) -> (u8, bool) {
    match op {
        AluOp::Add => (0x00, false),
        AluOp::Sub => (0x10, false),
        AluOp::Mul => (0x20, false),
        AluOp::Div => (0x30, false),
        AluOp::SDiv => (0x30, true),
        AluOp::Or => (0x40, false),
        AluOp::And => (0x50, false),
        AluOp::Lsh => (0x60, false),
        AluOp::Rsh => (0x70, false),
        AluOp::Mod => (0x90, false),
        AluOp::SMod => (0x90, true),
        AluOp::Xor => (0xa0, false),
        AluOp::Arsh => (0xc0, false),
    }
}

fn atomic_imm(op: AtomicOp) -> i32 {
    match op {
        AtomicOp::Add { fetch } => i32::from(fetch),
        AtomicOp::Or { fetch } => 0x40 | i32::from(fetch),
        AtomicOp::And { fetch } => 0x50 | i32::from(fetch),
        AtomicOp::Xor { fetch } => 0xa0 | i32::from(fetch),
        AtomicOp::Xchg => code::XCHG,
        AtomicOp::Cmpxchg => code::CMPXCHG,
    }
}

fn atomic(raw: &mut RawInsn, size: Size, dst: Reg, src: Reg, off: i16, imm: i32) {
    raw.code = code::STX | code::ATOMIC | size_bits(size);
    raw.dst = dst.number();
    raw.src = src.number();
    raw.off = off;
    raw.imm = imm;
}

fn cond_bits(cond: Cond) -> u8 {
    match cond {
        Cond::Eq => 0x10,
        Cond::Gt => 0x20,
        Cond::Ge => 0x30,
        Cond::Set => 0x40,
        Cond::Ne => 0x50,
        Cond::Sgt => 0x60,
        Cond::Sge => 0x70,
        Cond::Lt => 0xa0,
        Cond::Le => 0xb0,
        Cond::Slt => 0xc0,
        Cond::Sle => 0xd0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::decode;

    /// Every opcode with a set of field values: what decodes, encodes to the same fields.
    #[test]
    fn encode_inverts_decode() {
        let mut decoded = 0;
        for code in 0..=255u8 {
            for dst in [0, 3, 10, 11] {
                for src in [0, 1, 2, 10, 15] {
                    for off in [0, 1, -1, 8, 16, 32, i16::MIN, i16::MAX] {
                        for imm in [0, 1, -1, 16, 32, 64, 0x41, 0xe1, 0xf1, 0x100, 0x110, i32::MIN]
                        {
                            let raw = RawInsn { code, dst, src, off, imm };
                            for next in [0, -7] {
                                let second = RawInsn { imm: next, ..RawInsn::default() };
                                if let Ok(op) = decode(&[raw, second]) {
                                    decoded += 1;
                                    let next = (op.slots() == 2).then_some(next);
                                    assert_eq!(encode(&op), Ok((raw, next)), "{op:?}");
                                }
                            }
                        }
                    }
                }
            }
        }
        assert!(decoded > 10_000, "{decoded}");
    }

    #[test]
    fn both_byte_orders() {
        let raw = RawInsn { code: 0x61, dst: 2, src: 9, off: -2, imm: 0 };
        for endian in [crate::isa::Endian::Little, crate::isa::Endian::Big] {
            assert_eq!(RawInsn::from_bytes(raw.to_bytes(endian), endian), raw);
        }
        assert_eq!(raw.to_bytes(crate::isa::Endian::Big), [0x61, 0x29, 0xff, 0xfe, 0, 0, 0, 0]);
    }
}
