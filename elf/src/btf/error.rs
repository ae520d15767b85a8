//! What can be wrong with a .BTF or .BTF.ext section.

use super::TypeId;

/// Why a .BTF or .BTF.ext section was refused.
///
/// `offset` is always in bytes from the start of the named section.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BtfError {
    /// The section ends before something that it should hold.
    #[error("{section}, byte {offset}: {what} needs {need} bytes, the section has {have} left")]
    Truncated {
        /// `.BTF` or `.BTF.ext`.
        section: &'static str,
        /// Where the missing thing should start.
        offset: usize,
        /// The missing thing.
        what: &'static str,
        /// Bytes that it needs.
        need: u64,
        /// Bytes that are left.
        have: u64,
    },
    /// Names that are much longer together than the section.
    #[error(
        ".BTF: the names of types and members have more than {limit} bytes together, in a section \
         of {section_size}"
    )]
    NamesTooLong {
        /// Bytes that they may have.
        limit: u64,
        /// Bytes of the section.
        section_size: usize,
    },
    /// The first two bytes are not the magic number in either byte order.
    #[error("{section}, byte 0: magic is {found:#06x}, expected 0xeb9f")]
    Magic {
        /// `.BTF` or `.BTF.ext`.
        section: &'static str,
        /// The number found, read as little-endian.
        found: u16,
    },
    /// A version of the format that is not 1.
    #[error("{section}, byte 2: version {found} is not supported, expected 1")]
    Version {
        /// `.BTF` or `.BTF.ext`.
        section: &'static str,
        /// The version found.
        found: u8,
    },
    /// Header flags, none of which is defined.
    #[error("{section}, byte 3: flags are {found:#x}, expected 0")]
    Flags {
        /// `.BTF` or `.BTF.ext`.
        section: &'static str,
        /// The flags found.
        found: u8,
    },
    /// A header length that no known version of the format has.
    #[error("{section}, byte 4: header length {found} is not supported, expected {expected}")]
    HeaderLength {
        /// `.BTF` or `.BTF.ext`.
        section: &'static str,
        /// The length found.
        found: u32,
        /// The lengths that are known.
        expected: &'static str,
    },
    /// The parts of the section overlap, leave gaps or end before the section does.
    #[error("{section}: {part} is at byte {found}, expected at byte {expected}")]
    Layout {
        /// `.BTF` or `.BTF.ext`.
        section: &'static str,
        /// The misplaced part.
        part: &'static str,
        /// Its offset, from the start of the section.
        found: u64,
        /// The offset at which the preceding part ends.
        expected: u64,
    },
    /// Not the byte order of the .BTF section that belongs to it.
    #[error("{section}: byte order differs from that of {other}")]
    ByteOrder {
        /// The section with the wrong byte order.
        section: &'static str,
        /// The section it belongs to.
        other: &'static str,
    },
    /// A type of a kind that is not known.
    #[error(".BTF, byte {offset}: type {id} has unknown kind {kind}")]
    UnknownKind {
        /// Where the type starts.
        offset: usize,
        /// The type.
        id: TypeId,
        /// Its kind number.
        kind: u32,
    },
    /// A field of a type holds what its kind does not allow.
    #[error(".BTF, byte {offset}: type {id}: {what} is {found:#x}, expected {expected}")]
    TypeField {
        /// Where the type starts.
        offset: usize,
        /// The type.
        id: TypeId,
        /// The field.
        what: &'static str,
        /// What it holds.
        found: u32,
        /// What it may hold.
        expected: &'static str,
    },
    /// A reference to a type that does not exist, or to one of the wrong kind.
    #[error(".BTF: type {id} ({kind}) refers to type {target}, expected {expected}")]
    TypeReference {
        /// The type that refers.
        id: TypeId,
        /// The name of its kind.
        kind: &'static str,
        /// What it refers to.
        target: TypeId,
        /// What it may refer to.
        expected: &'static str,
    },
    /// A type contains itself, so that its size would be infinite.
    #[error(".BTF: type {id} ({kind}) contains itself")]
    Cycle {
        /// A type on the cycle.
        id: TypeId,
        /// The name of its kind.
        kind: &'static str,
    },
    /// Types nest deeper than anything sane.
    #[error(".BTF: type {id} ({kind}) nests deeper than {limit} levels")]
    TooDeep {
        /// The type.
        id: TypeId,
        /// The name of its kind.
        kind: &'static str,
        /// The limit.
        limit: u32,
    },
    /// More than fits into the 24 bits of `vlen`.
    #[error(".BTF: type {id} has {count} members, at most 16777215 fit")]
    TooManyMembers {
        /// The type.
        id: TypeId,
        /// How many it has.
        count: usize,
    },
    /// A string offset outside of the string table.
    #[error(
        "{section}, byte {offset}: string offset {string} is outside of the string table of {len} bytes"
    )]
    StringOffset {
        /// `.BTF` or `.BTF.ext`.
        section: &'static str,
        /// Where the type or record with the string starts.
        offset: usize,
        /// The string offset.
        string: u32,
        /// Length of the string table, with its base's if it has one.
        len: usize,
    },
    /// A type's or member's name that is not UTF-8.
    #[error(".BTF, byte {offset}: the name at string offset {string} is not UTF-8")]
    NameEncoding {
        /// Where the type with the name starts.
        offset: usize,
        /// The string offset.
        string: u32,
    },
    /// A string table that does not start with an empty string or does not end with NUL.
    #[error(".BTF, byte {offset}: the string table must start and end with a NUL byte")]
    StringTable {
        /// The offending byte.
        offset: usize,
    },
    /// A record size that is too small or no multiple of 4.
    #[error(
        ".BTF.ext, byte {offset}: {table} record size is {found}, expected a multiple of 4 from {least}"
    )]
    RecordSize {
        /// Where the size is.
        offset: usize,
        /// `func_info`, `line_info` or `core_relo`.
        table: &'static str,
        /// The size found.
        found: u32,
        /// The smallest size allowed.
        least: u32,
    },
    /// A record with a type id that .BTF does not have.
    #[error(".BTF.ext, byte {offset}: {table} record refers to type {id}, .BTF ends at {last}")]
    RecordType {
        /// Where the record starts.
        offset: usize,
        /// `func_info`, `line_info` or `core_relo`.
        table: &'static str,
        /// The type id.
        id: TypeId,
        /// The last type of .BTF.
        last: TypeId,
    },
    /// A CO-RE relocation of a kind that is not known.
    #[error(".BTF.ext, byte {offset}: unknown CO-RE relocation kind {found}")]
    CoreReloKind {
        /// Where the record starts.
        offset: usize,
        /// The kind number.
        found: u32,
    },
}
