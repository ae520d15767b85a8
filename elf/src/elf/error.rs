//! What can be wrong with an ELF file.

use std::fmt;

/// Number and name of a section, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionId {
    /// Position in the section header table.
    pub index: u32,
    /// The name; empty when it is not known yet.
    pub name: String,
}

impl fmt::Display for SectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            write!(f, "section {}", self.index)
        } else {
            write!(f, "section {} ({})", self.index, self.name.escape_debug())
        }
    }
}

/// Why a file cannot be read, edited or written as a BPF object. Offsets are in bytes; a
/// file offset counts from the start of the file, any other from the start of its section.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ElfError {
    /// The magic number is missing.
    #[error("not an ELF file: it must start with 7f 45 4c 46")]
    NotElf,
    /// The file is shorter than its headers.
    #[error("{what} at file offset {offset:#x} needs {size} bytes, the file has {file_size} bytes")]
    Truncated {
        /// Which part of the file.
        what: &'static str,
        /// Where it starts in the file.
        offset: u64,
        /// Its size.
        size: u64,
        /// Size of the file.
        file_size: u64,
    },
    /// The file header has a value that BPF objects do not have.
    #[error("file header: {field} is {value:#x}, expected {expected}")]
    Header {
        /// The field, as elf.h names it.
        field: &'static str,
        /// Its value.
        value: u64,
        /// What a BPF object has there.
        expected: &'static str,
    },
    /// More sections than plain section numbers allow.
    #[error(
        "{count} sections: extended section numbering (0xff00 sections and more) is not supported"
    )]
    TooManySections {
        /// How many.
        count: u64,
    },
    /// A section that holds section or symbol numbers in a form that is not understood.
    #[error("{section}: sections of type {name} ({kind:#x}) are not supported")]
    UnsupportedSection {
        /// The section.
        section: SectionId,
        /// `sh_type`.
        kind: u32,
        /// The name of that type.
        name: &'static str,
    },
    /// A field of a section header does not fit.
    #[error("{section}: {field} is {value:#x}, expected {expected}")]
    SectionField {
        /// The section.
        section: SectionId,
        /// The field, as elf.h names it.
        field: &'static str,
        /// Its value.
        value: u64,
        /// What would be right.
        expected: String,
    },
    /// A section reaches beyond the end of the file.
    #[error(
        "{section}: file offset {offset:#x} and size {size:#x} reach beyond the file's {file_size} bytes"
    )]
    SectionOutsideFile {
        /// The section.
        section: SectionId,
        /// `sh_offset`.
        offset: u64,
        /// `sh_size`.
        size: u64,
        /// Size of the file.
        file_size: u64,
    },
    /// Two parts of the file share bytes.
    #[error("{second} starts at file offset {offset:#x} inside {first}, which ends at {end:#x}")]
    Overlap {
        /// The part that comes first.
        first: String,
        /// Where it ends in the file.
        end: u64,
        /// The part that starts inside it.
        second: String,
        /// Where that starts in the file.
        offset: u64,
    },
    /// A name's offset is outside its string table, or the name has no end.
    #[error("{owner}: name at offset {offset:#x} has no end in {table}, which has {size} bytes")]
    Name {
        /// The section or symbol.
        owner: String,
        /// Offset in the string table.
        offset: u32,
        /// The string table.
        table: SectionId,
        /// Size of the string table.
        size: u64,
    },
    /// Names overlap so that together they are far larger than the file.
    #[error(
        "the names of sections and symbols have more than {limit} bytes together, in a file of {file_size}"
    )]
    NamesTooLong {
        /// The most that is accepted.
        limit: u64,
        /// Size of the file.
        file_size: u64,
    },
    /// A name that cannot be stored in a string table.
    #[error("{owner}: the name has a zero byte or there is no string table for it")]
    UnwritableName {
        /// The section or symbol.
        owner: String,
    },
    /// Two symbol tables, or none where one is needed.
    #[error("{section}: a second symbol table; an object has one")]
    SecondSymbolTable {
        /// The second one.
        section: SectionId,
    },
    /// A field of a symbol does not fit.
    #[error("symbol {symbol} ({name}): {field} is {value:#x}, expected {expected}")]
    SymbolField {
        /// Number of the symbol.
        symbol: u32,
        /// Its name.
        name: String,
        /// The field, as elf.h names it.
        field: &'static str,
        /// Its value.
        value: u64,
        /// What would be right.
        expected: String,
    },
    /// A relocation does not fit the section that it applies to.
    #[error(
        "{section}: relocation {number} of type {r_type} at offset {offset:#x} of {target}: {problem}"
    )]
    Relocation {
        /// The section of relocations.
        section: SectionId,
        /// Position in that section.
        number: usize,
        /// `R_BPF_*`.
        r_type: u32,
        /// Offset in the section that is relocated.
        offset: u64,
        /// The section that is relocated.
        target: SectionId,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The content of a section and its type do not go together.
    #[error("{section}: {problem}")]
    SectionContent {
        /// The section.
        section: SectionId,
        /// What is wrong, and what would be right.
        problem: &'static str,
    },
    /// A removed section or symbol is still named by what is kept.
    #[error("{what} cannot be removed: it is named by {user}")]
    InUse {
        /// What should be removed.
        what: String,
        /// What still names it.
        user: String,
    },
    /// A number that is no section or symbol of this object.
    #[error("there is no {what} {index}, the object has {count}")]
    NoSuch {
        /// `"section"` or `"symbol"`.
        what: &'static str,
        /// The number.
        index: u32,
        /// How many there are.
        count: usize,
    },
}
