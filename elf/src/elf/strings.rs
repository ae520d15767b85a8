//! String tables: names of sections and symbols, in and out.

use object::write::StringTable;

use super::ElfObject;
use super::error::{ElfError, SectionId};
use super::section::{Section, SectionIndex, SectionKind};

/// Names together may be this many times larger than the file. Compilers share tails
/// between names, but never so that it comes near.
const NAMES_PER_FILE_BYTE: u64 = 8;

/// Bytes that names may still take.
pub(super) struct NameBudget {
    left: u64,
    limit: u64,
    file_size: u64,
}

impl NameBudget {
    pub(super) fn new(file_size: usize) -> Self {
        let file_size = file_size as u64;
        let limit = file_size.saturating_mul(NAMES_PER_FILE_BYTE);
        Self { left: limit, limit, file_size }
    }

    /// The name at `offset` of string table `table`, without its zero byte.
    pub(super) fn read(
        &mut self,
        strings: &[u8],
        offset: u32,
        owner: impl Fn() -> String,
        table: impl Fn() -> SectionId,
    ) -> Result<Vec<u8>, ElfError> {
        if offset == 0 && strings.is_empty() {
            return Ok(Vec::new());
        }
        let start = strings.get(offset as usize..).unwrap_or_default();
        let end = start.iter().position(|&byte| byte == 0).ok_or_else(|| ElfError::Name {
            owner: owner(),
            offset,
            table: table(),
            size: strings.len() as u64,
        })?;
        self.left = self
            .left
            .checked_sub(end as u64)
            .ok_or(ElfError::NamesTooLong { limit: self.limit, file_size: self.file_size })?;
        Ok(start.get(..end).unwrap_or_default().to_vec())
    }
}

/// Offsets of all names, and the string tables that had to be built anew.
pub(super) struct Strings {
    pub sections: Vec<u32>,
    pub symbols: Vec<u32>,
    pub tables: Vec<(SectionIndex, Vec<u8>)>,
}

impl Strings {
    pub(super) fn new(object: &ElfObject) -> Result<Self, ElfError> {
        let section_table = object.section_names;
        let symbol_table = object.symbol_table().and_then(|index| object.sections.get(index)?.link);
        let mut strings = Self {
            sections: vec![0; object.sections.len()],
            symbols: vec![0; object.symbols.len()],
            tables: Vec::new(),
        };
        strings.place(object, section_table, section_table == symbol_table, true)?;
        if section_table != symbol_table {
            strings.place(object, symbol_table, true, false)?;
        }
        Ok(strings)
    }

    /// Finds the offsets in `table` of the names of all symbols or all sections or both.
    fn place(
        &mut self,
        object: &ElfObject,
        table: Option<SectionIndex>,
        of_symbols: bool,
        of_sections: bool,
    ) -> Result<(), ElfError> {
        let old = table
            .and_then(|table| object.sections.get(table))
            .and_then(Section::bytes)
            .unwrap_or_default();
        let sections = || {
            object
                .sections
                .iter()
                .filter(move |_| of_sections)
                .map(|(_, section)| (section.name.as_slice(), section.origin.map(|o| o.name)))
        };
        let symbols = || {
            object
                .symbols
                .values()
                .filter(move |_| of_symbols)
                .map(|symbol| (symbol.name.as_slice(), symbol.origin))
        };
        let in_place = |(name, offset): (&[u8], Option<u32>)| {
            offset.filter(|&offset| holds(old, offset, name))
        };
        let kept: Option<(Vec<u32>, Vec<u32>)> = (!object.edited)
            .then(|| {
                let sections = sections().map(in_place).collect::<Option<_>>()?;
                let symbols = symbols().map(in_place).collect::<Option<_>>()?;
                Some((sections, symbols))
            })
            .flatten();
        let (of_these_sections, of_these_symbols) = match kept {
            Some(offsets) => offsets,
            None => {
                if let Some(user) = table.and_then(|table| other_user(object, table)) {
                    return Err(ElfError::InUse {
                        what: "the names that are no longer used".into(),
                        user: object.section_id(user).to_string(),
                    });
                }
                let mut builder = StringTable::default();
                let owner = |name: &[u8]| ElfError::UnwritableName {
                    owner: name.escape_ascii().to_string(),
                };
                for (name, _) in sections().chain(symbols()) {
                    if name.contains(&0) || (table.is_none() && !name.is_empty()) {
                        return Err(owner(name));
                    }
                    if !name.is_empty() {
                        builder.add(name);
                    }
                }
                let mut bytes = vec![0];
                builder.write(&mut bytes, 1).map_err(|_| owner(b"string table over 4 GiB"))?;
                let find = |(name, _): (&[u8], Option<u32>)| {
                    if name.is_empty() { 0 } else { builder.get_offset(builder.get_id(name)) }
                };
                let offsets = (sections().map(find).collect(), symbols().map(find).collect());
                if let Some(table) = table {
                    self.tables.push((table, bytes));
                }
                offsets
            }
        };
        if of_sections {
            self.sections = of_these_sections;
        }
        if of_symbols {
            self.symbols = of_these_symbols;
        }
        Ok(())
    }
}

/// A section with names of its own in `table`, at offsets that are not known here.
fn other_user(object: &ElfObject, table: SectionIndex) -> Option<SectionIndex> {
    object
        .sections
        .iter()
        .find(|(_, section)| section.link == Some(table) && section.kind != SectionKind::SymTab)
        .map(|(index, _)| index)
}

/// Whether `table` has `name` at `offset`.
fn holds(table: &[u8], offset: u32, name: &[u8]) -> bool {
    if table.is_empty() {
        return offset == 0 && name.is_empty();
    }
    table
        .get(offset as usize..)
        .and_then(|rest| rest.strip_prefix(name))
        .is_some_and(|rest| rest.first() == Some(&0))
}
