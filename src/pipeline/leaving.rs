//! What leaves the object, counted before it is written.

use std::collections::BTreeMap;

use super::report::slots;
use crate::Object;
use crate::btf::{Record, Table};
use crate::draft::Draft;
use crate::elf::{ElfObject, Section, SectionIndex};
use crate::passes::ir::Program;
use crate::report::{Dropped, NotSealed, Note};
use crate::seal::Seals;
use crate::variables::Variable;

/// What leaves the object.
pub(super) struct Leaving {
    pub dropped: Dropped,
    /// The CO-RE records that stay.
    pub core_left: usize,
    pub notes: Vec<Note>,
}

impl Leaving {
    /// `program` is the code after folding.
    pub fn of(object: &Object, program: &Program, draft: &Draft, seals: &Seals<'_>) -> Self {
        let mut notes = Vec::new();
        let goes = |(index, section): (SectionIndex, &Section)| {
            section.is_dwarf() && draft.sections.contains(&index)
        };
        if draft.elf.sections.iter().any(goes) {
            notes.push(Note::DwarfDropped);
        }
        let mut not_sealed = BTreeMap::<NotSealed, Vec<String>>::new();
        for (variable, why) in &seals.kept {
            not_sealed.entry(*why).or_default().push(variable.name.clone());
        }
        let not_sealed = not_sealed.into_iter();
        notes.extend(not_sealed.map(|(why, variables)| Note::NotSealed { variables, why }));
        Self {
            dropped: dropped(object, program, draft, &seals.sealed),
            core_left: draft.ext.as_ref().map_or(0, |ext| records(&ext.core_relo)),
            notes,
        }
    }
}

fn dropped(object: &Object, program: &Program, draft: &Draft, sealed: &[&Variable]) -> Dropped {
    let gone = program.funcs.iter().filter(|(id, func)| {
        slots(func) == 0 && object.program().funcs.get(*id).is_some_and(|old| slots(old) != 0)
    });
    let sections = draft.elf.sections.iter().filter(|(index, section)| {
        draft.sections.contains(index) && section.relocations().is_none()
    });
    let fewer = |before: usize, after: Option<usize>| before.saturating_sub(after.unwrap_or(0));
    let old = object.btf_ext();
    let new = draft.ext.as_ref();
    Dropped {
        instructions: 0,
        functions: gone.map(|(_, func)| func.name.clone()).collect(),
        maps: Vec::new(),
        sections: sections.map(|(index, _)| object.elf().section_id(index).name).collect(),
        variables: sealed.iter().map(|variable| variable.name.clone()).collect(),
        relocations: code_relocs(object, object.elf())
            .saturating_sub(code_relocs(object, &draft.elf)),
        func_info: fewer(
            old.map_or(0, |ext| records(&ext.func_info)),
            new.map(|ext| records(&ext.func_info)),
        ),
        line_info: fewer(
            old.map_or(0, |ext| records(&ext.line_info)),
            new.map(|ext| records(&ext.line_info)),
        ),
        core_relo: fewer(
            old.map_or(0, |ext| records(&ext.core_relo)),
            new.map(|ext| records(&ext.core_relo)),
        ),
    }
}

fn records<R: Record>(table: &Table<R>) -> usize {
    table.blocks.iter().map(|block| block.records.len()).sum()
}

fn code_relocs(object: &Object, elf: &ElfObject) -> usize {
    let relocs = elf.relocations_by_section();
    let code = object.links().code.iter();
    code.filter_map(|section| relocs.get(&section.index)).map(Vec::len).sum()
}
