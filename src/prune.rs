//! Whole-object liveness: what nothing names any more leaves the object.

use crate::draft::{Draft, live_relocs};
use crate::elf::{ElfObject, SectionIndex, SymbolIndex};
use crate::seal::Forgotten;

/// Whether a relocation that loaders act on names a section, by any of its symbols.
pub(crate) fn is_named(elf: &ElfObject, section: SectionIndex) -> bool {
    let mut relocs = live_relocs(elf);
    relocs.any(|(_, reloc)| {
        elf.symbols.get(reloc.symbol).is_some_and(|symbol| symbol.section() == Some(section))
    })
}

/// Removes a data section that nothing names, with its symbols and its DATASEC: loaders make
/// a map of a section that has any of these.
pub(crate) fn drop_section(draft: &mut Draft, section: SectionIndex) {
    let symbols: Vec<SymbolIndex> =
        draft.elf.symbols_in(section).map(|(symbol, _)| symbol).collect();
    draft.symbols.extend(symbols);
    draft.sections.insert(section);
    let section = draft.elf.section_id(section).name;
    draft.forgotten.push(Forgotten { section, vars: Vec::new(), whole: true });
}
