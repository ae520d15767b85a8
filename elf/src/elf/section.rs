//! Sections.

use bpfold_passes::entity::Entity;
use object::elf;

use super::reloc::Reloc;
use super::symbol::SymbolIndex;

/// Number of a section in the section header table. 0 is the null section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SectionIndex(pub u32);

impl Entity for SectionIndex {
    fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// The program may write to the section.
pub const SHF_WRITE: u64 = elf::SHF_WRITE.0;
/// The section is part of the loaded program.
pub const SHF_ALLOC: u64 = elf::SHF_ALLOC.0;
/// The section holds instructions.
pub const SHF_EXECINSTR: u64 = elf::SHF_EXECINSTR.0;
/// Entries that are the same may be merged: they are `sh_entsize` bytes each, or strings.
pub const SHF_MERGE: u64 = elf::SHF_MERGE.0;
/// The section holds strings, with characters of `sh_entsize` bytes.
pub const SHF_STRINGS: u64 = elf::SHF_STRINGS.0;
/// `sh_info` is the number of a section.
pub const SHF_INFO_LINK: u64 = elf::SHF_INFO_LINK.0;

/// What a section is (`sh_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectionKind {
    /// `SHT_NULL`: an unused entry.
    Null,
    /// `SHT_PROGBITS`: code or data.
    ProgBits,
    /// `SHT_SYMTAB`: the symbol table.
    SymTab,
    /// `SHT_STRTAB`: a string table.
    StrTab,
    /// `SHT_RELA`: relocations with addends.
    Rela,
    /// `SHT_NOTE`.
    Note,
    /// `SHT_NOBITS`: zeros that take no room in the file.
    NoBits,
    /// `SHT_REL`: relocations whose addend is in the place that they relocate.
    Rel,
    /// `SHT_LLVM_ADDRSIG`: address-significance table, symbol numbers as ULEB128.
    LlvmAddrsig,
    /// Any other type that is carried as bytes.
    Other(u32),
}

/// `SHT_LLVM_ADDRSIG` (llvm/BinaryFormat/ELF.h).
const SHT_LLVM_ADDRSIG: u32 = 0x6fff_4c03;

impl SectionKind {
    /// From `sh_type`.
    pub fn from_raw(sh_type: u32) -> Self {
        match elf::SectionType(sh_type) {
            elf::SHT_NULL => Self::Null,
            elf::SHT_PROGBITS => Self::ProgBits,
            elf::SHT_SYMTAB => Self::SymTab,
            elf::SHT_STRTAB => Self::StrTab,
            elf::SHT_RELA => Self::Rela,
            elf::SHT_NOTE => Self::Note,
            elf::SHT_NOBITS => Self::NoBits,
            elf::SHT_REL => Self::Rel,
            elf::SectionType(SHT_LLVM_ADDRSIG) => Self::LlvmAddrsig,
            elf::SectionType(other) => Self::Other(other),
        }
    }

    /// `sh_type`.
    pub fn raw(self) -> u32 {
        match self {
            Self::Null => elf::SHT_NULL.0,
            Self::ProgBits => elf::SHT_PROGBITS.0,
            Self::SymTab => elf::SHT_SYMTAB.0,
            Self::StrTab => elf::SHT_STRTAB.0,
            Self::Rela => elf::SHT_RELA.0,
            Self::Note => elf::SHT_NOTE.0,
            Self::NoBits => elf::SHT_NOBITS.0,
            Self::Rel => elf::SHT_REL.0,
            Self::LlvmAddrsig => SHT_LLVM_ADDRSIG,
            Self::Other(other) => other,
        }
    }
}

/// `sh_info`, whose meaning depends on the section's type and flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectionInfo {
    /// A plain number, 0 in most sections.
    Number(u32),
    /// The section that relocations apply to, or any other with [`SHF_INFO_LINK`].
    Section(SectionIndex),
    /// In a symbol table: the symbol that follows the last local one. libbpf's linker
    /// (`bpftool gen object`) leaves it 0 and mixes local and global symbols.
    FirstGlobal(SymbolIndex),
}

/// What a section holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionData {
    /// Bytes as they are in the file.
    Bytes(Vec<u8>),
    /// So many zero bytes that are not in the file (`SHT_NOBITS`, or a null section).
    NoBits(u64),
    /// The symbol table: [`ElfObject::symbols`](super::ElfObject::symbols).
    Symbols,
    /// Relocations of the section that `info` names.
    Relocations(Vec<Reloc>),
    /// A string table. Writing builds it anew if names were removed or changed.
    Strings(Vec<u8>),
}

/// A section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The name, without the zero byte that ends it.
    pub name: Vec<u8>,
    /// `sh_type`.
    pub kind: SectionKind,
    /// `sh_flags`, of the `SHF_*` constants.
    pub flags: u64,
    /// `sh_addr`.
    pub addr: u64,
    /// `sh_addralign`: 0 or a power of two, in bytes.
    pub addralign: u64,
    /// `sh_entsize`, in bytes.
    pub entsize: u64,
    /// `sh_link`: the symbol table of relocations, the string table of symbols.
    pub link: Option<SectionIndex>,
    /// `sh_info`.
    pub info: SectionInfo,
    /// The content.
    pub data: SectionData,
    pub(super) origin: Option<Origin>,
}

/// Where the section was in the file that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// `sh_name`: offset of the name in the string table.
    pub name: u32,
    /// `sh_offset`: from the start of the file.
    pub offset: u64,
    /// Bytes that it took in the file.
    pub file_size: u64,
}

impl Section {
    /// A section of bytes that was not in the file, without flags, aligned to 1.
    pub fn new(name: impl Into<Vec<u8>>, data: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            kind: SectionKind::ProgBits,
            flags: 0,
            addr: 0,
            addralign: 1,
            entsize: 0,
            link: None,
            info: SectionInfo::Number(0),
            data: SectionData::Bytes(data),
            origin: None,
        }
    }

    /// The bytes, if the section has any that are carried as they are.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.data {
            SectionData::Bytes(bytes) | SectionData::Strings(bytes) => Some(bytes),
            SectionData::NoBits(_) | SectionData::Symbols | SectionData::Relocations(_) => None,
        }
    }

    /// Size of the content in bytes for sections of bytes and of zeros; `None` for tables.
    pub fn content_size(&self) -> Option<u64> {
        match &self.data {
            SectionData::Bytes(bytes) | SectionData::Strings(bytes) => Some(bytes.len() as u64),
            SectionData::NoBits(size) => Some(*size),
            SectionData::Symbols | SectionData::Relocations(_) => None,
        }
    }

    /// The relocations, if this is a section of relocations.
    pub fn relocations(&self) -> Option<&[Reloc]> {
        match &self.data {
            SectionData::Relocations(relocs) => Some(relocs),
            _ => None,
        }
    }

    /// Whether the section holds instructions.
    pub fn is_code(&self) -> bool {
        // Loaders go by these names before they look at flags (`bpf_object__elf_collect`).
        let named: [&[u8]; 5] = [b"license", b"version", b".maps", b".BTF", b".BTF.ext"];
        self.kind == SectionKind::ProgBits
            && self.flags & SHF_EXECINSTR != 0
            && !named.contains(&self.name.as_slice())
    }

    /// Whether loaders see the section as part of the program.
    pub fn is_alloc(&self) -> bool {
        self.flags & SHF_ALLOC != 0
    }

    /// Whether the program may write to the section.
    pub fn is_writable(&self) -> bool {
        self.flags & SHF_WRITE != 0
    }

    /// Whether this is DWARF (`.debug_*`), which no loader reads.
    pub fn is_dwarf(&self) -> bool {
        // Relocations belong to what they change, whatever they are called.
        self.name.starts_with(b".debug_")
            && !matches!(self.kind, SectionKind::Rel | SectionKind::Rela)
            && self.flags & SHF_EXECINSTR == 0
    }

    /// Whether this is `.llvm_addrsig`: symbol numbers as ULEB128 that no loader reads.
    /// It goes stale when symbols are renumbered; `llvm-strip` leaves it so.
    pub fn is_addrsig(&self) -> bool {
        self.kind == SectionKind::LlvmAddrsig
    }
}
