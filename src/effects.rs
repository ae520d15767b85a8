//! Values that were set and change nothing.
//!
//! Two kinds: no instruction of the object loads the value, or the compiler has used the stored
//! one, as it may for what is `const` and not `volatile`. Code counts whether it can run or not.
//! What cannot be told is not said: an address that is not followed can be read anywhere in its
//! variable, and an address that lies in no variable anywhere in its section.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::Object;
use crate::elf::{SectionIndex, SymbolKind};
use crate::passes::analysis::section_reads::SectionReads;
use crate::report::{NoEffect, Note};
use crate::sections::{BTF, BTF_EXT};
use crate::variables::{SetValue, Variables};

/// A note for each value that was set without effect, except those in `earlier`, the paths that
/// an earlier fold has set.
pub(crate) fn without_effect(
    object: &Object,
    variables: &Variables<'_>,
    earlier: &BTreeSet<&str>,
) -> Vec<Note> {
    let again: Vec<SetValue<'_>> =
        variables.set_values().filter(|set| earlier.contains(set.path)).collect();
    let is_new = |set: &SetValue<'_>| {
        let holds = |known: &SetValue<'_>| {
            known.variable.section_at == set.variable.section_at
                && known.bytes.start <= set.bytes.start
                && set.bytes.end <= known.bytes.end
        };
        !again.iter().any(holds)
    };
    let new: Vec<SetValue<'_>> = variables.set_values().filter(is_new).collect();
    if new.is_empty() {
        return Vec::new();
    }
    let readers = Readers::new(object, variables);
    let mut notes: Vec<Note> = Vec::new();
    for set in new {
        let loaded = readers.can_read(set.variable.section_at, set.bytes.clone());
        let is_const = set.variable.is_const && !set.variable.is_volatile;
        let cause = match (is_const && set.changes, loaded) {
            (true, _) => NoEffect::CompilerUsed {
                type_name: set.variable.type_name.clone().unwrap_or_default(),
                stored: set.stored,
                loaded,
            },
            (false, false) => NoEffect::NotLoaded,
            (false, true) => continue,
        };
        let note = Note::NoEffect { variable: set.path.to_owned(), cause };
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

/// What can read the bytes of read-only sections.
#[derive(Debug)]
pub struct Readers<'r> {
    object: &'r Object,
    variables: &'r Variables<'r>,
    reads: SectionReads,
}

impl<'r> Readers<'r> {
    /// The readers of an object and its variables.
    #[must_use]
    pub fn new(object: &'r Object, variables: &'r Variables<'r>) -> Self {
        Self { object, variables, reads: SectionReads::new(object.program()) }
    }

    /// Whether any instruction can read a byte of a range of a section: not if it is false; it
    /// can be true of what nothing reads, where an address is not followed.
    #[must_use]
    pub fn can_read(&self, index: SectionIndex, wanted: Range<u64>) -> bool {
        let Some(by_data) = named_by_data(self.object, index) else { return true };
        let mut links = self.object.links().sections.iter();
        let section = links.find(|(_, link)| link.index == index).map(|(section, _)| section);
        let meets = |bytes: &Range<u64>| bytes.start < wanted.end && wanted.start < bytes.end;
        let mut read = section.into_iter().flat_map(|section| self.reads.of(section));
        if read.any(|read| meets(&read.accessed)) {
            return true;
        }
        let here = |bytes: &Range<u64>| bytes.start <= wanted.start && wanted.end <= bytes.end;
        let mut variables = self.variables.iter().filter(|known| known.section_at == index);
        let bytes = variables.find(|known| here(&known.bytes()));
        let bytes = bytes.map_or(wanted, |variable| variable.bytes());
        let holds = |at: u64| self.variables.holds(index, at);
        let can_reach = |offset: i64| match u64::try_from(offset) {
            // Code can name the byte behind a variable for its end.
            Ok(at) => bytes.contains(&at) || !holds(at),
            Err(_) => true,
        };
        let by_code = section.into_iter().flat_map(|section| self.reads.strays(section));
        let mut strays = by_code.chain(by_data.into_iter().map(Some));
        strays.any(|offset| offset.is_none_or(can_reach))
    }
}

/// The offsets of a section that data holds the addresses of; none if they are not known.
fn named_by_data(object: &Object, section: SectionIndex) -> Option<Vec<i64>> {
    let elf = object.elf();
    let mut named = Vec::new();
    for (target, relocs) in elf.relocations_by_section() {
        let Some(holder) = elf.sections.get(target) else { continue };
        let types = holder.name == BTF.as_bytes() || holder.name == BTF_EXT.as_bytes();
        if holder.is_code() || holder.is_dwarf() || types {
            continue;
        }
        for reloc in relocs {
            let Some(symbol) = elf.symbols.get(reloc.symbol) else { continue };
            if symbol.section() != Some(section) {
                continue;
            }
            if symbol.kind == SymbolKind::Section {
                return None;
            }
            named.push(i64::try_from(symbol.value).ok()?);
        }
    }
    Some(named)
}
