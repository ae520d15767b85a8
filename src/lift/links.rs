//! What ties a lifted program to its object: for each entity of the program the section,
//! symbol or record that it stands for.

use std::collections::BTreeMap;

use bpfold_passes::entity::{Core, Entity, EntityVec, Extern, Func, Line, Map, Reloc, Section};
use bpfold_passes::ir::{Linkage, Program};
use bpfold_passes::isa::RawInsn;

use super::Addends;
use crate::btf;
use crate::elf::{self, SectionIndex, SymbolIndex};

/// A place in code: an instruction of a function, by the slot that it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The function.
    pub func: Func,
    /// Slot of the instruction, counted from the function's start; the number of the
    /// function's slots for its end.
    pub origin: u32,
}

/// A jump table whose entries lead into the one function that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableLink {
    /// The section that it is in.
    pub section: SectionIndex,
    /// Bytes from that section's start.
    pub offset: u64,
    /// The number of its entries, of eight bytes each.
    pub entries: u64,
    /// The symbol that names it.
    pub symbol: SymbolIndex,
    /// The function.
    pub func: Func,
}

impl TableLink {
    /// Bytes from the section's start to its end.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.entries.saturating_mul(8))
    }

    /// Whether a byte of a section is in it.
    pub fn contains(&self, section: SectionIndex, offset: u64) -> bool {
        self.section == section && (self.offset..self.end()).contains(&offset)
    }
}

/// A section of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeSection {
    /// The section.
    pub index: SectionIndex,
    /// Its functions in order; together they are the whole section.
    pub funcs: Vec<Func>,
}

/// Where a function comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuncLink {
    /// The section.
    pub section: SectionIndex,
    /// First slot, counted from the section's start.
    pub start: u32,
    /// The symbol that names it; none if no symbol of type FUNC starts here.
    pub symbol: Option<SymbolIndex>,
    /// Its func_info records: one in what compilers write.
    pub func_info: Vec<Recorded<btf::FuncInfo>>,
    /// Functions that control can reach without a call: the kernel refuses such code, here
    /// it is kept together.
    pub runs_into: Vec<Func>,
    /// Some loaders load it as a program although other code calls it: it is static and in a
    /// section of programs.
    pub is_loaded: bool,
}

/// A record of .BTF.ext and the block of its table that it was in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded<R> {
    /// Position of the block in its table.
    pub block: usize,
    /// The record.
    pub record: R,
    /// Further records of the table at the same instruction: none in what compilers write.
    pub more: Vec<(usize, R)>,
}

/// A relocation of an instruction, and the fields that were there for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelocLink {
    /// The relocation.
    pub reloc: elf::Reloc,
    /// The instruction's first slot.
    pub raw: RawInsn,
    /// The second slot's immediate of an `ldimm64`.
    pub next_imm: Option<i32>,
    /// Further relocations of the instruction: none in what loaders accept.
    pub more: Vec<elf::Reloc>,
}

/// A map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapLink {
    /// The section of its definition: `.maps` or `maps`.
    pub section: SectionIndex,
    /// Bytes from that section's start to its definition.
    pub offset: u64,
    /// A relocation that names it.
    pub reloc: Reloc,
}

/// A data section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionLink {
    /// The section.
    pub index: SectionIndex,
    /// A relocation that names it.
    pub reloc: Reloc,
}

/// An undefined symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExternLink {
    /// The symbol.
    pub symbol: SymbolIndex,
    /// A relocation that names it.
    pub reloc: Reloc,
}

/// A symbol in code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeSymbol {
    /// The symbol.
    pub symbol: SymbolIndex,
    /// What its value points to.
    pub start: Place,
    /// Where its size ends; none if the size is 0.
    pub end: Option<Place>,
}

/// An address of code that is stored in data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeAddress {
    /// The section that holds the address.
    pub section: SectionIndex,
    /// Bytes from that section's start.
    pub offset: u64,
    /// How it is stored.
    pub form: AddressForm,
    /// What it is the address of.
    pub place: Place,
}

/// How an address of code is stored in data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressForm {
    /// Four bytes that a relocation adds the symbol's value to.
    Addend32(SymbolIndex),
    /// Eight bytes that a relocation adds the symbol's value to.
    Addend64(SymbolIndex),
    /// Four bytes from the start of the code section, which a relocation names besides.
    Sum32,
    /// Eight bytes from the start of the code section, which a relocation names besides. Binutils
    /// up to 2.40 write the sum of symbol and addend; loaders look at the symbol alone.
    Sum64,
    /// Eight bytes from the start of the code section, without relocation: `.jumptables`
    /// (libbpf's `create_jt_map`).
    JumpTable,
}

impl AddressForm {
    /// Bytes that hold the address.
    pub fn width(self) -> u64 {
        match self {
            AddressForm::Addend32(_) | AddressForm::Sum32 => 4,
            AddressForm::Addend64(_) | AddressForm::Sum64 | AddressForm::JumpTable => 8,
        }
    }
}

/// For each block of a .BTF.ext table the code section that it is for; none for blocks that
/// name no code of the object, which are carried as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    /// Blocks of func_info.
    pub func_info: Vec<Option<SectionIndex>>,
    /// Blocks of line_info.
    pub line_info: Vec<Option<SectionIndex>>,
    /// Blocks of CO-RE relocations.
    pub core_relo: Vec<Option<SectionIndex>>,
}

/// Everything that ties a program to its object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The sections of code, in the order of the object.
    pub code: Vec<CodeSection>,
    /// The functions.
    pub funcs: EntityVec<Func, FuncLink>,
    /// The data sections that code names.
    pub sections: EntityVec<Section, SectionLink>,
    /// The maps that code names.
    pub maps: EntityVec<Map, MapLink>,
    /// The undefined symbols that code names.
    pub externs: EntityVec<Extern, ExternLink>,
    /// The relocations of instructions.
    pub relocs: EntityVec<Reloc, RelocLink>,
    /// The line_info records.
    pub lines: EntityVec<Line, Recorded<btf::LineInfo>>,
    /// The CO-RE records.
    pub core: EntityVec<Core, Recorded<btf::CoreRelo>>,
    /// The symbols in code, those of sections left out.
    pub symbols: Vec<CodeSymbol>,
    /// The addresses of code in data.
    pub addresses: Vec<CodeAddress>,
    /// The jump tables of the functions that are taken apart.
    pub tables: Vec<TableLink>,
    /// What the blocks of .BTF.ext are for.
    pub blocks: Blocks,
    /// What immediates with a relocation hold.
    pub addends: Addends,
    pub(super) starts: BTreeMap<(SectionIndex, u32), Func>,
}

impl Links {
    /// The function that starts at a slot of a section.
    pub fn func_at(&self, section: SectionIndex, slot: u32) -> Option<Func> {
        self.starts.get(&(section, slot)).copied()
    }

    /// The function that a slot of a section is in, with the slot counted from its start.
    /// The end of a section is the end of its last function.
    pub fn place_at(&self, section: SectionIndex, slot: u32) -> Option<Place> {
        let (&(_, start), &func) = self.starts.range((section, 0)..=(section, slot)).next_back()?;
        Some(Place { func, origin: slot - start })
    }

    /// Whether loaders may load a function as a program.
    pub fn is_program(&self, program: &Program, func: Func) -> bool {
        program.funcs.get(func).is_some_and(|function| function.linkage == Linkage::Entry)
            || self.funcs.get(func).is_some_and(|link| link.is_loaded)
    }

    /// The jump table of a function that is taken apart that a byte is in.
    pub fn table_at(&self, section: SectionIndex, offset: u64) -> Option<&TableLink> {
        self.tables.iter().find(|table| table.contains(section, offset))
    }

    /// The data section of the program that stands for a section of the object.
    pub fn section_of(&self, index: SectionIndex) -> Option<Section> {
        let position = self.sections.values().position(|link| link.index == index)?;
        Some(Section::from_index(position))
    }
}
