//! Takes what has died out of the object: maps, data sections, externs, slots of prog arrays.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bpfold_passes::entity::Func;
use bpfold_passes::ir::Program;

use super::cut::{self, Cuts};
use super::spans::Spans;
use super::{Live, Scope};
use crate::Object;
use crate::draft::{Draft, Forgotten};
use crate::elf::{Reloc, SectionData, SectionIndex, SymbolIndex, SymbolKind};
use crate::lift::links::AddressForm;
use crate::lift::{Addends, Lifted, is_map_section};
use crate::parts::{MapDef, MapId, Node, is_data};

/// The object's code without what says that data holds the address of a function that is gone.
pub(crate) fn lifted_without<'o>(object: &'o Object, program: &Program) -> Cow<'o, Lifted> {
    let lifted = object.lifted();
    let is_gone = |func: Func| program.funcs.get(func).is_some_and(is_empty);
    if !lifted.links.addresses.iter().any(|address| is_gone(address.place.func)) {
        return Cow::Borrowed(lifted);
    }
    let mut lifted = lifted.clone();
    lifted.links.addresses.retain(|address| !is_gone(address.place.func));
    Cow::Owned(lifted)
}

fn is_empty(func: &bpfold_passes::ir::Function) -> bool {
    func.opaque.is_none() && func.layout().is_empty()
}

/// Takes out what has died. `program` is the code after folding.
/// `stubs` are programs that only return, since nobody enters them.
pub(crate) fn remove(
    draft: &mut Draft,
    scope: &Scope<'_>,
    live: &Live,
    (program, stubs): (&Program, &BTreeSet<Func>),
) {
    let map = |node| match node {
        Node::Map(map) => Some(map),
        Node::Func(_) | Node::Data(_) | Node::Extern(_) => None,
    };
    let maps: Vec<MapId> = scope.dead(live, map).collect();
    empty_slots(draft, scope.object, (program, stubs));
    remove_maps(draft, scope, &maps);
    let external = |node| match node {
        Node::Extern(symbol) => Some(symbol),
        Node::Func(_) | Node::Map(_) | Node::Data(_) => None,
    };
    for symbol in scope.dead(live, external) {
        remove_extern(draft, symbol);
    }
    remove_empty_code(draft, scope.object);
}

/// Takes programs that are gone out of the slots of prog arrays, and out of what no loader reads:
/// the addresses there would be those of other code.
fn empty_slots(draft: &mut Draft, object: &Object, (program, stubs): (&Program, &BTreeSet<Func>)) {
    let is_gone =
        |func: Func| stubs.contains(&func) || program.funcs.get(func).is_some_and(is_empty);
    let gone: BTreeMap<(SectionIndex, u64), AddressForm> = object
        .links()
        .addresses
        .iter()
        .filter(|address| is_gone(address.place.func))
        .map(|address| ((address.section, address.offset), address.form))
        .collect();
    let sections: BTreeSet<SectionIndex> = gone.keys().map(|(section, _)| *section).collect();
    for section in sections {
        let Some(known) = draft.elf.sections.get(section) else { continue };
        let (is_map, is_read) = (is_map_section(&known.name), is_data(known));
        if is_map || !is_read {
            retain_relocs(draft, section, |reloc| !gone.contains_key(&(section, reloc.offset)));
        }
        if is_map {
            for (&(_, offset), form) in gone.range((section, 0)..=(section, u64::MAX)) {
                zero(draft, section, offset..offset.saturating_add(form.width()));
            }
        }
    }
}

fn remove_maps(draft: &mut Draft, scope: &Scope<'_>, dead: &[MapId]) {
    let defs = &scope.maps.defs;
    let sections: BTreeSet<SectionIndex> = dead.iter().map(|map| defs[*map].section).collect();
    for section in sections {
        let here = |def: &&MapDef| def.section == section;
        let gone: Vec<&MapDef> = dead.iter().map(|map| &defs[*map]).filter(here).collect();
        let in_gone = |offset: u64| gone.iter().any(|def| def.bytes.contains(&offset));
        let symbols: Vec<SymbolIndex> = draft
            .elf
            .symbols_in(section)
            .filter(|(_, symbol)| symbol.kind != SymbolKind::Section && in_gone(symbol.value))
            .map(|(index, _)| index)
            .collect();
        draft.symbols.extend(symbols);
        retain_relocs(draft, section, |reloc| !in_gone(reloc.offset));
        draft.forget(gone.iter().filter_map(|def| def.var));
        if defs.values().filter(here).count() == gone.len() {
            let name = draft.elf.section_id(section).name;
            draft.forgotten.push(Forgotten::DataSec(name));
            draft.sections.insert(section);
        } else {
            let bytes: Spans = gone.iter().map(|def| def.bytes.clone()).collect();
            let align = draft.elf.sections.get(section).map_or(1, |section| section.addralign);
            cut::cut(draft, section, &Cuts::new(&bytes, align), Addends::Plain);
        }
    }
}

/// An undefined symbol leaves the symbols and the DATASECs that libbpf looks it up in
/// (`bpf_object__collect_externs`).
fn remove_extern(draft: &mut Draft, symbol: SymbolIndex) {
    draft.symbols.insert(symbol);
    let Some(known) = draft.elf.symbols.get(symbol) else { return };
    let name = known.name.clone();
    let Some(btf) = &draft.btf else { return };
    let mut forgotten = Vec::new();
    for section in [".kconfig", ".ksyms"] {
        let Some((_, datasec)) = btf.find_datasec(section) else { continue };
        let vars = datasec.vars.iter().map(|var| var.var);
        let vars: Vec<_> = vars.filter(|var| btf.bytes(btf.ty(*var).name) == name).collect();
        if !vars.is_empty() {
            forgotten.push(Forgotten::Vars(vars));
        }
    }
    draft.forgotten.extend(forgotten);
}

/// A section of programs that are all gone. Every compiler writes .text, empty or not.
fn remove_empty_code(draft: &mut Draft, object: &Object) {
    for code in &object.links().code {
        let size = |elf: &crate::elf::ElfObject| {
            elf.sections.get(code.index).and_then(|section| section.content_size()).unwrap_or(0)
        };
        let text = object.elf().section_id(code.index).name == ".text";
        if !text && size(object.elf()) != 0 && size(&draft.elf) == 0 {
            draft.sections.insert(code.index);
        }
    }
}

fn retain_relocs(draft: &mut Draft, target: SectionIndex, keep: impl Fn(&Reloc) -> bool) {
    let holders: Vec<SectionIndex> = draft.elf.relocation_sections(target).collect();
    for holder in holders {
        if let Some(section) = draft.elf.sections.get_mut(holder)
            && let SectionData::Relocations(relocs) = &mut section.data
        {
            relocs.retain(&keep);
        }
    }
}

fn zero(draft: &mut Draft, section: SectionIndex, range: Range<u64>) {
    let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    if let Some(section) = draft.elf.sections.get_mut(section)
        && let SectionData::Bytes(bytes) = &mut section.data
        && let Some(bytes) = range.and_then(|(start, end)| bytes.get_mut(start..end))
    {
        bytes.fill(0);
    }
}
