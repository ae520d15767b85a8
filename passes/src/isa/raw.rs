//! The fields of an 8-byte slot.

use super::Endian;

/// The fields of one slot (`struct bpf_insn`), in host order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct RawInsn {
    /// Opcode: class in the low 3 bits.
    pub code: u8,
    /// Destination register field, 0 to 15.
    pub dst: u8,
    /// Source register field, 0 to 15.
    pub src: u8,
    /// Offset field.
    pub off: i16,
    /// Immediate field.
    pub imm: i32,
}

impl RawInsn {
    /// Bytes of a slot.
    pub const SIZE: usize = 8;

    /// The fields of the slot `bytes`. The two register fields share a byte as C bit-fields,
    /// so their order follows the byte order too.
    pub fn from_bytes(bytes: [u8; 8], endian: Endian) -> RawInsn {
        let [code, regs, o0, o1, i0, i1, i2, i3] = bytes;
        match endian {
            Endian::Little => RawInsn {
                code,
                dst: regs & 15,
                src: regs >> 4,
                off: i16::from_le_bytes([o0, o1]),
                imm: i32::from_le_bytes([i0, i1, i2, i3]),
            },
            Endian::Big => RawInsn {
                code,
                dst: regs >> 4,
                src: regs & 15,
                off: i16::from_be_bytes([o0, o1]),
                imm: i32::from_be_bytes([i0, i1, i2, i3]),
            },
        }
    }

    /// The slot's bytes.
    pub fn to_bytes(self, endian: Endian) -> [u8; 8] {
        let (regs, off, imm) = match endian {
            Endian::Little => {
                ((self.src << 4) | self.dst, self.off.to_le_bytes(), self.imm.to_le_bytes())
            }
            Endian::Big => {
                ((self.dst << 4) | self.src, self.off.to_be_bytes(), self.imm.to_be_bytes())
            }
        };
        [self.code, regs, off[0], off[1], imm[0], imm[1], imm[2], imm[3]]
    }

    /// The slots of a code section; bytes after the last whole slot are left out.
    pub fn slots(code: &[u8], endian: Endian) -> Vec<RawInsn> {
        let (slots, _) = code.as_chunks::<8>();
        slots.iter().map(|bytes| RawInsn::from_bytes(*bytes, endian)).collect()
    }
}

/// Opcode fields, as in `include/uapi/linux/bpf.h` and `bpf_common.h`.
pub(super) mod code {
    pub const LD: u8 = 0;
    pub const LDX: u8 = 1;
    pub const ST: u8 = 2;
    pub const STX: u8 = 3;
    pub const ALU: u8 = 4;
    pub const JMP: u8 = 5;
    pub const JMP32: u8 = 6;
    pub const ALU64: u8 = 7;

    /// Source is a register.
    pub const X: u8 = 8;

    pub const IMM: u8 = 0x00;
    pub const ABS: u8 = 0x20;
    pub const IND: u8 = 0x40;
    pub const MEM: u8 = 0x60;
    pub const MEMSX: u8 = 0x80;
    pub const ATOMIC: u8 = 0xc0;

    pub const W: u8 = 0x00;
    pub const H: u8 = 0x08;
    pub const B: u8 = 0x10;
    pub const DW: u8 = 0x18;

    pub const NEG: u8 = 0x80;
    pub const MOV: u8 = 0xb0;
    pub const END: u8 = 0xd0;

    pub const JA: u8 = 0x00;
    pub const CALL: u8 = 0x80;
    pub const EXIT: u8 = 0x90;
    pub const JCOND: u8 = 0xe0;

    pub const FETCH: i32 = 1;
    pub const XCHG: i32 = 0xe0 | FETCH;
    pub const CMPXCHG: i32 = 0xf0 | FETCH;
    pub const LOAD_ACQ: i32 = 0x100;
    pub const STORE_REL: i32 = 0x110;
}
