//! Where the file that was read had its parts.

/// Positions are in bytes from the start of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Start of the section header table.
    pub header_table: u64,
    /// Length of the file.
    pub file_size: u64,
    /// Bytes outside every section and header, where they are not all zero.
    pub gaps: Vec<(u64, Vec<u8>)>,
}
