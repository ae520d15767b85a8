//! Jump tables that no code names any more leave their section, with their symbols.

use std::collections::BTreeSet;

use bpfold_passes::ir::Program;
use bpfold_passes::isa::{Imm64, Op};

use super::cut::{self, Cuts};
use super::spans::Spans;
use crate::Object;
use crate::draft::Draft;
use crate::elf::{SectionIndex, SymbolKind};
use crate::lift::links::TableLink;
use crate::parts::ops;

/// Removes the jump tables that the code of `program` does not name. Every table was named in
/// the object: one that is not was used by code that is gone.
pub(crate) fn drop_tables(draft: &mut Draft, object: &Object, program: &Program) {
    let links = object.links();
    let sections: BTreeSet<SectionIndex> = links.tables.iter().map(|table| table.section).collect();
    for section in sections {
        let of_section = links.tables.iter().filter(|table| table.section == section);
        let named = named(object, program, section);
        let is_named = |table: &TableLink| named.iter().any(|&at| table.contains(section, at));
        let dead: Vec<&TableLink> =
            of_section.filter(|table| !is_named(table) && is_alone(draft, table)).collect();
        let size = draft.elf.sections.get(section).and_then(|known| known.content_size());
        let bytes: Spans = dead.iter().map(|table| table.offset..table.end()).collect();
        let total: u64 = bytes.iter().map(|bytes| bytes.end - bytes.start).sum();
        if Some(total) == size {
            draft.drop_section(section);
            continue;
        }
        draft.symbols.extend(dead.iter().map(|table| table.symbol));
        cut::cut(draft, section, &Cuts::new(&bytes, 1), links.addends);
    }
}

/// The bytes of a section that code names, from its start.
fn named(object: &Object, program: &Program, section: SectionIndex) -> BTreeSet<u64> {
    let ops = program.funcs.values().flat_map(ops);
    ops.filter_map(|op| match op {
        Op::LdImm64 { imm: Imm64::Section { section: named, offset }, .. } => {
            let index = object.links().sections.get(named)?.index;
            u64::try_from(offset).ok().filter(|_| index == section)
        }
        _ => None,
    })
    .collect()
}

/// Whether a table's own symbol is the only one in it, and no relocation that stays names it.
fn is_alone(draft: &Draft, table: &TableLink) -> bool {
    let mut symbols = draft.elf.symbols_in(table.section);
    let others = symbols.any(|(index, symbol)| {
        let inside = table.contains(table.section, symbol.value);
        inside && index != table.symbol && symbol.kind != SymbolKind::Section
    });
    !others && draft.live_relocs().all(|(_, reloc)| reloc.symbol != table.symbol)
}
