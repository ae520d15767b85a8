//! Symbols.

use bpfold_passes::entity::Entity;
use object::elf;

use super::section::SectionIndex;

/// Number of a symbol in the symbol table. 0 is the null symbol, which relocations without
/// a symbol name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolIndex(pub u32);

impl Entity for SymbolIndex {
    fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a symbol stands for (low half of `st_info`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SymbolKind {
    /// `STT_NOTYPE`: undefined symbols and labels.
    None,
    /// `STT_OBJECT`: a variable or map.
    Object,
    /// `STT_FUNC`: a program or subprogram.
    Func,
    /// `STT_SECTION`: the start of a section.
    Section,
    /// `STT_FILE`: name of the source file.
    File,
    /// Any other value, at most 15.
    Other(u8),
}

impl SymbolKind {
    /// From `st_type`.
    pub fn from_raw(st_type: u8) -> Self {
        match elf::SymbolType(st_type) {
            elf::STT_NOTYPE => Self::None,
            elf::STT_OBJECT => Self::Object,
            elf::STT_FUNC => Self::Func,
            elf::STT_SECTION => Self::Section,
            elf::STT_FILE => Self::File,
            elf::SymbolType(other) => Self::Other(other),
        }
    }

    /// `st_type`.
    pub fn raw(self) -> u8 {
        match self {
            Self::None => elf::STT_NOTYPE.0,
            Self::Object => elf::STT_OBJECT.0,
            Self::Func => elf::STT_FUNC.0,
            Self::Section => elf::STT_SECTION.0,
            Self::File => elf::STT_FILE.0,
            Self::Other(other) => other & 0xf,
        }
    }
}

/// Who sees a symbol (high half of `st_info`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SymbolBind {
    /// `STB_LOCAL`: this file only; the function or variable is static.
    Local,
    /// `STB_GLOBAL`.
    Global,
    /// `STB_WEAK`.
    Weak,
    /// Any other value, at most 15.
    Other(u8),
}

impl SymbolBind {
    /// From `st_bind`.
    pub fn from_raw(st_bind: u8) -> Self {
        match elf::SymbolBind(st_bind) {
            elf::STB_LOCAL => Self::Local,
            elf::STB_GLOBAL => Self::Global,
            elf::STB_WEAK => Self::Weak,
            elf::SymbolBind(other) => Self::Other(other),
        }
    }

    /// `st_bind`.
    pub fn raw(self) -> u8 {
        match self {
            Self::Local => elf::STB_LOCAL.0,
            Self::Global => elf::STB_GLOBAL.0,
            Self::Weak => elf::STB_WEAK.0,
            Self::Other(other) => other & 0xf,
        }
    }
}

/// Where a symbol is (`st_shndx`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SymbolPlace {
    /// `SHN_UNDEF`: not in this file (ksyms, kconfig, other objects).
    Undefined,
    /// `SHN_ABS`: the value is not relative to a section.
    Absolute,
    /// `SHN_COMMON`: not yet allocated.
    Common,
    /// In this section, at `value` bytes from its start.
    Section(SectionIndex),
    /// Any other reserved number, 0xff00 or higher.
    Other(u16),
}

/// A symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// The name, without the zero byte that ends it. Empty in section symbols.
    pub name: Vec<u8>,
    /// `st_value`: bytes from the start of its section.
    pub value: u64,
    /// `st_size` in bytes.
    pub size: u64,
    /// What it stands for.
    pub kind: SymbolKind,
    /// Who sees it.
    pub bind: SymbolBind,
    /// `st_other`, with the visibility in its two low bits.
    pub other: u8,
    /// Where it is.
    pub place: SymbolPlace,
    /// `st_name` in the file that was read: offset of the name in the string table.
    pub(super) origin: Option<u32>,
}

impl Symbol {
    /// A symbol that was not in the file: value and size 0, default visibility.
    pub fn new(
        name: impl Into<Vec<u8>>,
        kind: SymbolKind,
        bind: SymbolBind,
        place: SymbolPlace,
    ) -> Self {
        Self { name: name.into(), value: 0, size: 0, kind, bind, other: 0, place, origin: None }
    }

    /// The section that the symbol is in.
    pub fn section(&self) -> Option<SectionIndex> {
        match self.place {
            SymbolPlace::Section(section) => Some(section),
            SymbolPlace::Undefined
            | SymbolPlace::Absolute
            | SymbolPlace::Common
            | SymbolPlace::Other(_) => None,
        }
    }

    /// The visibility (`STV_*`): 0 default, 1 internal, 2 hidden, 3 protected. libbpf
    /// treats hidden and internal global functions as static.
    pub fn visibility(&self) -> u8 {
        self.other & 3
    }

    /// Whether other files see the symbol.
    pub fn is_global(&self) -> bool {
        self.bind != SymbolBind::Local
    }
}
