//! Lossless model of a BPF ELF file: read, edit, write.
//!
//! [`ElfObject::parse`] reads a relocatable 64-bit BPF object of either byte order into
//! sections, symbols and relocations that refer to each other by index newtypes, so that
//! removing one renumbers all that name it. What is not understood is carried as bytes, or
//! refused by name where carrying it would leave stale section or symbol numbers behind.
//!
//! The model remembers where the file had each section. As long as no section changes its
//! size, [`ElfObject::write`] puts everything back there, and an object that was not
//! changed comes out byte for byte. Otherwise sections are laid out anew in the order that
//! the file had, and bytes between sections are zero.

mod edit;
mod error;
mod layout;
mod read;
mod reloc;
mod renumber;
mod section;
mod strings;
mod symbol;
mod validate;
mod write;

pub use edit::Renumbered;
pub use error::{ElfError, SectionId};
pub use reloc::{
    R_BPF_64_32, R_BPF_64_64, R_BPF_64_ABS32, R_BPF_64_ABS64, R_BPF_64_NODYLD32, R_BPF_DATA_32,
    R_BPF_DATA_64, R_BPF_NONE, Reloc,
};
pub use renumber::Renumbering;
pub use section::{
    SHF_ALLOC, SHF_EXECINSTR, SHF_INFO_LINK, SHF_MERGE, SHF_STRINGS, SHF_WRITE, Section,
    SectionData, SectionIndex, SectionInfo, SectionKind,
};
pub use symbol::{Symbol, SymbolBind, SymbolIndex, SymbolKind, SymbolPlace};

use std::collections::BTreeMap;

use bpfold_passes::entity::EntityVec;

use layout::Layout;

/// Byte order of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endian {
    /// Least significant byte first (`bpfel`).
    Little,
    /// Most significant byte first (`bpfeb`).
    Big,
}

impl From<Endian> for object::Endianness {
    fn from(endian: Endian) -> Self {
        match endian {
            Endian::Little => Self::Little,
            Endian::Big => Self::Big,
        }
    }
}

/// The fields of the file header that do not follow from the rest of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `EI_OSABI`.
    pub os_abi: u8,
    /// `EI_ABIVERSION`.
    pub abi_version: u8,
    /// The unused bytes of `e_ident`.
    pub ident_padding: [u8; 7],
    /// `e_type`: `ET_REL` (1) in every object that a compiler writes.
    pub e_type: u16,
    /// `e_machine`: always `EM_BPF` (247).
    pub machine: u16,
    /// `e_version`.
    pub version: u32,
    /// `e_entry`.
    pub entry: u64,
    /// `e_flags`.
    pub flags: u32,
    /// `e_phoff`. There is no program header table; some writers store a number anyway.
    pub program_header_offset: u64,
    /// `e_phentsize`, likewise.
    pub program_header_size: u16,
}

/// A BPF object file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElfObject {
    /// Byte order of everything in the file, instructions and BTF included.
    pub endian: Endian,
    /// The file header.
    pub header: Header,
    /// Sections in the order of the section header table; number 0 is the null section.
    pub sections: EntityVec<SectionIndex, Section>,
    /// Symbols in the order of the symbol table; number 0 is the null symbol. Empty when
    /// there is no symbol table.
    pub symbols: EntityVec<SymbolIndex, Symbol>,
    /// The string table that holds the sections' names (`e_shstrndx`). Clang uses one
    /// table for these and for the symbols' names.
    pub section_names: Option<SectionIndex>,
    layout: Layout,
    /// Set when sections or symbols were added or removed: string tables are built anew,
    /// so that the names of what is gone go as well.
    edited: bool,
}

impl ElfObject {
    /// The first section of this name.
    pub fn section_by_name(&self, name: impl AsRef<[u8]>) -> Option<SectionIndex> {
        let name = name.as_ref();
        self.sections.iter().find(|(_, section)| section.name == name).map(|(index, _)| index)
    }

    /// The first symbol of this name.
    pub fn symbol_by_name(&self, name: impl AsRef<[u8]>) -> Option<SymbolIndex> {
        let name = name.as_ref();
        self.symbols.iter().find(|(_, symbol)| symbol.name == name).map(|(index, _)| index)
    }

    /// The section that holds the symbol table.
    pub fn symbol_table(&self) -> Option<SectionIndex> {
        self.sections
            .iter()
            .find(|(_, section)| matches!(section.data, SectionData::Symbols))
            .map(|(index, _)| index)
    }

    /// The sections that hold the relocations of `target`, in order.
    pub fn relocation_sections(
        &self,
        target: SectionIndex,
    ) -> impl Iterator<Item = SectionIndex> + '_ {
        self.sections
            .iter()
            .filter(move |(_, section)| {
                matches!(section.data, SectionData::Relocations(_))
                    && section.info == SectionInfo::Section(target)
            })
            .map(|(index, _)| index)
    }

    /// The relocations of `target`, in the order of the file (rising offsets in what
    /// compilers write, but nothing guarantees it).
    pub fn relocations_for(&self, target: SectionIndex) -> impl Iterator<Item = &Reloc> + '_ {
        self.sections
            .values()
            .filter(move |section| section.info == SectionInfo::Section(target))
            .filter_map(|section| match &section.data {
                SectionData::Relocations(relocs) => Some(relocs),
                _ => None,
            })
            .flatten()
    }

    /// [`ElfObject::relocations_for`] of every section that has relocations.
    pub fn relocations_by_section(&self) -> BTreeMap<SectionIndex, Vec<&Reloc>> {
        let mut found: BTreeMap<SectionIndex, Vec<&Reloc>> = BTreeMap::new();
        for section in self.sections.values() {
            if let (SectionInfo::Section(target), Some(relocs)) =
                (section.info, section.relocations())
            {
                found.entry(target).or_default().extend(relocs);
            }
        }
        found
    }

    /// [`ElfObject::symbols_in`] of every section that has symbols.
    pub fn symbols_by_section(&self) -> BTreeMap<SectionIndex, Vec<(SymbolIndex, &Symbol)>> {
        let mut found: BTreeMap<SectionIndex, Vec<(SymbolIndex, &Symbol)>> = BTreeMap::new();
        for (index, symbol) in self.symbols.iter() {
            if let SymbolPlace::Section(section) = symbol.place {
                found.entry(section).or_default().push((index, symbol));
            }
        }
        found
    }

    /// The symbols placed in `section`, in the order of the symbol table.
    pub fn symbols_in(
        &self,
        section: SectionIndex,
    ) -> impl Iterator<Item = (SymbolIndex, &Symbol)> + '_ {
        self.symbols.iter().filter(move |(_, symbol)| symbol.place == SymbolPlace::Section(section))
    }

    /// The `STT_SECTION` symbol of `section`, which is at its start.
    pub fn section_symbol(&self, section: SectionIndex) -> Option<SymbolIndex> {
        self.symbols_in(section)
            .find(|(_, symbol)| symbol.kind == SymbolKind::Section && symbol.value == 0)
            .map(|(index, _)| index)
    }

    /// Number and name of a section, for messages.
    pub fn section_id(&self, index: SectionIndex) -> SectionId {
        SectionId {
            index: index.0,
            name: self
                .sections
                .get(index)
                .map(|section| String::from_utf8_lossy(&section.name).into_owned())
                .unwrap_or_default(),
        }
    }
}
