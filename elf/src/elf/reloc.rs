//! Relocations, and the types that LLVM defines for BPF
//! (llvm/BinaryFormat/ELFRelocs/BPF.def, Documentation/bpf/llvm_reloc.rst in the kernel).

use super::symbol::SymbolIndex;

/// No relocation.
pub const R_BPF_NONE: u32 = 0;
/// The 64-bit immediate of an `ldimm64`; `offset` is at its first half. In sections
/// without instructions (clang before 13) an 8-byte address.
pub const R_BPF_64_64: u32 = 1;
/// An 8-byte address in data.
pub const R_BPF_64_ABS64: u32 = 2;
/// A 4-byte address in data.
pub const R_BPF_64_ABS32: u32 = 3;
/// A 4-byte offset in `.BTF` or `.BTF.ext`, which loaders leave as it is.
pub const R_BPF_64_NODYLD32: u32 = 4;
/// The 32-bit immediate of a call, as instructions; `offset` is at the instruction. In
/// sections without instructions (clang before 13) a 4-byte address.
pub const R_BPF_64_32: u32 = 10;
/// A 4-byte address in data, as Binutils up to 2.40 number it (include/elf/bpf.h there).
pub const R_BPF_DATA_32: u32 = 11;
/// An 8-byte address in data, as Binutils up to 2.40 number it.
pub const R_BPF_DATA_64: u32 = 12;

/// A relocation of the section that holds `offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reloc {
    /// Bytes from the start of the section that is relocated.
    pub offset: u64,
    /// The symbol, or 0 for none.
    pub symbol: SymbolIndex,
    /// `R_BPF_*`.
    pub r_type: u32,
    /// The addend of an `SHT_RELA` entry; `None` in `SHT_REL`, where the addend is in the
    /// bytes at `offset`.
    pub addend: Option<i64>,
}

impl Reloc {
    /// Bytes at `offset` that must be inside the section, `code` telling whether it holds
    /// instructions. One byte for types that are not known here.
    pub(super) fn width(&self, code: bool) -> u64 {
        match (self.r_type, code) {
            (R_BPF_NONE, _) => 0,
            (R_BPF_64_64, true) => 16,
            (R_BPF_64_64, false) | (R_BPF_64_32, true) => 8,
            (R_BPF_64_32, false) => 4,
            (R_BPF_64_ABS64 | R_BPF_DATA_64, false) => 8,
            (R_BPF_64_ABS32 | R_BPF_64_NODYLD32 | R_BPF_DATA_32, _) => 4,
            _ => 1,
        }
    }

    /// Whether `offset` is at an instruction in a section of instructions.
    pub(super) fn names_instruction(&self) -> bool {
        matches!(self.r_type, R_BPF_64_64 | R_BPF_64_32)
    }
}
