//! Sealing: a variable whose value is final leaves the symbols and the BTF DATASEC, so that a
//! loader that tries to set it gets an error instead of a value that changes nothing.

use std::collections::BTreeSet;
use std::ops::Range;

use bpfold_passes::isa::RawInsn;

use crate::draft::Draft;
use crate::elf::{
    ElfError, ElfObject, R_BPF_64_64, Reloc, Section, SectionData, SectionIndex, Symbol,
    SymbolIndex, SymbolKind,
};
use crate::lift::Addends;
use crate::report::NotSealed;
use crate::sections::live_relocs;
use crate::variables::Variable;

/// What became of the variables that were to be sealed.
#[derive(Debug, Default)]
pub(crate) struct Seals<'v> {
    /// They are gone.
    pub sealed: Vec<&'v Variable>,
    /// They are still there, and why.
    pub kept: Vec<(&'v Variable, NotSealed)>,
}

/// Seals variables of one section. Gives those that could not be sealed, since data holds
/// their address by their symbol.
pub(crate) fn seal<'v>(
    draft: &mut Draft,
    section: SectionIndex,
    variables: &[&'v Variable],
    addends: Addends,
) -> Result<Vec<&'v Variable>, ElfError> {
    let uses = Uses::of(draft, section, addends);
    let (sealed, kept): (Vec<&Variable>, Vec<&Variable>) =
        variables.iter().partition(|variable| !hold(&uses.by_data, variable));
    let named: Vec<&Variable> =
        sealed.iter().copied().filter(|variable| hold(&uses.by_code, variable)).collect();
    repoint(draft, section, &named, addends)?;
    let symbols: Vec<SymbolIndex> = symbols_of(&draft.elf, section, &sealed).collect();
    draft.symbols.extend(symbols);
    draft.forget(sealed.iter().filter_map(|variable| variable.var));
    Ok(kept)
}

/// The offsets of the symbols that relocations name.
struct Uses {
    by_code: BTreeSet<u64>,
    by_data: BTreeSet<u64>,
}

impl Uses {
    fn of(draft: &Draft, section: SectionIndex, addends: Addends) -> Uses {
        let mut uses = Uses { by_code: BTreeSet::new(), by_data: BTreeSet::new() };
        // An instruction with several relocations means nothing to loaders, and nothing is known
        // of what its immediate counts from.
        let mut seen = BTreeSet::new();
        let places = draft.live_relocs().map(|(at, reloc)| (at, reloc.offset));
        let several: BTreeSet<_> = places.filter(|place| !seen.insert(*place)).collect();
        for (at, reloc) in draft.live_relocs() {
            let Some(symbol) = draft.elf.symbols.get(reloc.symbol) else { continue };
            if symbol.section() != Some(section) || !names_variable(symbol) {
                continue;
            }
            let code = draft.elf.sections.get(at).is_some_and(|at| at.is_code());
            let single = !several.contains(&(at, reloc.offset));
            let is_clear = single && addends != Addends::Unclear;
            if code && is_clear && reloc.r_type == R_BPF_64_64 && can_add(draft, at, reloc, symbol)
            {
                uses.by_code.insert(symbol.value);
            } else {
                uses.by_data.insert(symbol.value);
            }
        }
        uses
    }
}

/// Whether the immediate has room for the value of a symbol.
fn can_add(draft: &Draft, section: SectionIndex, reloc: &Reloc, symbol: &Symbol) -> bool {
    let section = draft.elf.sections.get(section);
    let bytes = section.and_then(Section::bytes).zip(usize::try_from(reloc.offset).ok());
    let slot = bytes.and_then(|(bytes, start)| bytes.get(start..)?.first_chunk::<8>());
    slot.is_some_and(|slot| {
        let imm = RawInsn::from_bytes(*slot, crate::lift::endian(&draft.elf)).imm;
        let value = i32::try_from(symbol.value).ok();
        value.and_then(|value| imm.checked_add(value)).is_some()
    })
}

fn names_variable(symbol: &Symbol) -> bool {
    matches!(symbol.kind, SymbolKind::Object | SymbolKind::None)
}

/// Whether one of the offsets is in a variable.
fn hold(offsets: &BTreeSet<u64>, variable: &Variable) -> bool {
    let bytes = variable.bytes();
    !bytes.is_empty() && offsets.range(bytes).next().is_some()
}

/// The symbols of variables and of what lies in them.
fn symbols_of<'e>(
    elf: &'e ElfObject,
    section: SectionIndex,
    variables: &[&Variable],
) -> impl Iterator<Item = SymbolIndex> + 'e {
    // Where variables overlap, the bytes of several count once.
    let mut bytes: Vec<Range<u64>> = variables.iter().map(|variable| variable.bytes()).collect();
    bytes.sort_by_key(|bytes| bytes.start);
    bytes.dedup_by(|next, last| {
        let joins = next.start <= last.end;
        if joins {
            last.end = last.end.max(next.end);
        }
        joins
    });
    let named = elf.symbols_in(section).filter(move |(_, symbol)| {
        let after = bytes.partition_point(|bytes| bytes.start <= symbol.value);
        let before = after.checked_sub(1).and_then(|at| bytes.get(at));
        names_variable(symbol) && before.is_some_and(|bytes| symbol.value < bytes.end)
    });
    named.map(|(index, _)| index)
}

/// Lets code that names symbols of the variables name the section's instead.
fn repoint(
    draft: &mut Draft,
    section: SectionIndex,
    variables: &[&Variable],
    addends: Addends,
) -> Result<(), ElfError> {
    if variables.is_empty() {
        return Ok(());
    }
    let whole = draft.section_symbol(section)?;
    let symbols: BTreeSet<SymbolIndex> = symbols_of(&draft.elf, section, variables).collect();
    let mut fixes: Vec<(SectionIndex, u64, u64)> = Vec::new();
    for (at, reloc) in live_relocs(&draft.elf).filter(|(_, reloc)| symbols.contains(&reloc.symbol))
    {
        let value = draft.elf.symbols.get(reloc.symbol).map_or(0, |symbol| symbol.value);
        let added = if addends == Addends::WithSymbol { 0 } else { value };
        fixes.push((at, reloc.offset, added));
    }
    for section in draft.elf.sections.values_mut() {
        if let SectionData::Relocations(relocs) = &mut section.data {
            for reloc in relocs.iter_mut().filter(|reloc| symbols.contains(&reloc.symbol)) {
                reloc.symbol = whole;
            }
        }
    }
    for (at, offset, added) in fixes {
        add_to_imm(&mut draft.elf, at, offset, added);
    }
    Ok(())
}

/// Adds to the immediate of the instruction at a byte offset.
fn add_to_imm(elf: &mut ElfObject, section: SectionIndex, offset: u64, added: u64) {
    let endian = crate::lift::endian(elf);
    let Ok(start) = usize::try_from(offset) else { return };
    let data = elf.sections.get_mut(section).map(|section| &mut section.data);
    if let Some(SectionData::Bytes(bytes)) = data
        && let Some(slot) = bytes.get_mut(start..).and_then(|rest| rest.first_chunk_mut::<8>())
    {
        let mut raw = RawInsn::from_bytes(*slot, endian);
        raw.imm = raw.imm.wrapping_add(added as i32);
        *slot = raw.to_bytes(endian);
    }
}
