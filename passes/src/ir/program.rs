//! A program: every function of an object, and what their code can name.

use crate::entity::{EntityVec, Extern, Func, Map, Section};
use crate::ir::Function;
use crate::isa::{self, AluOp, Endian, Offset, Operand, Reg, RegSet, Size, SwapOp, Width};

/// A data section that code names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSection {
    /// The section's name.
    pub name: String,
    /// The bytes as the loader will give them to the kernel, with the values that the user
    /// set filled in.
    pub bytes: Vec<u8>,
    /// For each byte which of its bits are final (bit mask): 0xff where the whole byte is.
    pub final_bits: Vec<u8>,
    /// Whether programs cannot write to it (.rodata).
    pub read_only: bool,
}

impl DataSection {
    /// The value that a load of `size` bytes at `offset` gives, zero-extended, with the mask
    /// of its bits that are final. Bits that are not final are 0 in the value. None if the
    /// access leaves the section.
    pub fn load(&self, offset: i64, size: Size, endian: Endian) -> Option<(u64, u64)> {
        let start = usize::try_from(offset).ok()?;
        let range = start..start.checked_add(size.bytes() as usize)?;
        let assemble = |bytes: &[u8]| {
            let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
            match endian {
                Endian::Little => bytes.iter().rev().fold(0, push),
                Endian::Big => bytes.iter().fold(0, push),
            }
        };
        let value = assemble(self.bytes.get(range.clone())?);
        let mask = if self.read_only { assemble(self.final_bits.get(range)?) } else { 0 };
        Some((value & mask, mask))
    }
}

/// A map that code names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapDecl {
    /// The map's name.
    pub name: String,
}

/// What is known of an undefined symbol once the target kernel is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternValue {
    /// A ksym that the kernel does not have: its address is 0.
    Absent,
    /// A ksym that the kernel has: its address is not 0.
    Present,
    /// The bytes behind the symbol (a kconfig variable), in the object's byte order.
    Contents(Vec<u8>),
}

/// An undefined symbol that code names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternDecl {
    /// The symbol's name.
    pub name: String,
    /// How many arguments a call of it passes, if that is known.
    pub args: Option<u8>,
    /// What is known of it.
    pub value: Option<ExternValue>,
}

impl ExternDecl {
    /// The registers that a call of it passes arguments in.
    pub fn arguments(&self) -> RegSet {
        let all = usize::from(self.args.unwrap_or(u8::MAX));
        Reg::arguments().take(all).collect()
    }
}

/// Encodings that rewritten code may use: those of the object's own cpu level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Features {
    /// 32-bit conditional jumps (v3).
    pub jmp32: bool,
    /// Sign-extending loads and moves, `gotol`, signed division (v4).
    pub v4: bool,
    /// Stores of immediates to the frame.
    pub store_imm: bool,
}

impl Features {
    /// The encodings that code uses already.
    pub fn of<'i>(ops: impl Iterator<Item = &'i isa::Op<Offset>>) -> Self {
        let mut features = Self::default();
        for op in ops {
            match op {
                isa::Op::Branch { width: Width::W32, .. } => features.jmp32 = true,
                isa::Op::Load { signed: true, .. }
                | isa::Op::MovSx { .. }
                | isa::Op::Alu { op: AluOp::SDiv | AluOp::SMod, .. }
                | isa::Op::Swap { op: SwapOp::Bswap, .. }
                | isa::Op::Goto { long: true, .. } => features.v4 = true,
                isa::Op::Store { base: Reg::FP, src: Operand::Imm(_), .. } => {
                    features.store_imm = true;
                }
                _ => {}
            }
        }
        features
    }
}

/// Every function of an object, and what their code can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Byte order of the program's data.
    pub endian: Endian,
    /// Encodings that rewritten code may use.
    pub features: Features,
    /// The functions in the order of the object.
    pub funcs: EntityVec<Func, Function>,
    /// The data sections that code names.
    pub sections: EntityVec<Section, DataSection>,
    /// The maps that code names.
    pub maps: EntityVec<Map, MapDecl>,
    /// The undefined symbols that code names.
    pub externs: EntityVec<Extern, ExternDecl>,
}

impl Program {
    /// A program without functions.
    pub fn new(endian: Endian) -> Self {
        Self {
            endian,
            features: Features::default(),
            funcs: EntityVec::new(),
            sections: EntityVec::new(),
            maps: EntityVec::new(),
            externs: EntityVec::new(),
        }
    }
}
