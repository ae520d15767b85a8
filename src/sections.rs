//! What sections are there for, by their names.

use crate::elf::{ElfObject, Reloc, Section, SectionIndex, SectionInfo};

/// Section of the type information.
pub(crate) const BTF: &str = ".BTF";
/// Section of the records of instructions.
pub(crate) const BTF_EXT: &str = ".BTF.ext";

/// Section of the record of a fold: JSON, which every loader skips.
pub(crate) const RECORD: &str = ".debug_bpfold";

/// Whether the section says nothing to loaders and is wrong as soon as code moves.
pub(crate) fn is_stale_with_code(section: &Section) -> bool {
    let dwarf = section.is_dwarf() && section.name != RECORD.as_bytes();
    dwarf || section.is_addrsig() || section.name == b".eh_frame"
}

/// Whether the section holds types, or records of instructions.
pub(crate) fn is_btf(section: &Section) -> bool {
    section.name == BTF.as_bytes() || section.name == BTF_EXT.as_bytes()
}

/// The relocations that loaders act on, with the section that they are for.
pub(crate) fn live_relocs(elf: &ElfObject) -> impl Iterator<Item = (SectionIndex, &Reloc)> {
    let is_live = |index: SectionIndex| {
        elf.sections
            .get(index)
            .is_some_and(|section| !is_btf(section) && !is_stale_with_code(section))
    };
    let tables = elf.sections.values().filter_map(move |table| match table.info {
        SectionInfo::Section(target) if is_live(target) => Some((target, table.relocations()?)),
        _ => None,
    });
    tables.flat_map(|(target, relocs)| relocs.iter().map(move |reloc| (target, reloc)))
}
