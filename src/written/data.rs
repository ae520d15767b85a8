//! Sections, what they hold, and symbols.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use super::{Check, Mismatch, Pairing};
use crate::elf::{
    ElfObject, Reloc, Section, SectionData, SectionIndex, SectionKind, Symbol, SymbolKind,
    SymbolPlace,
};
use crate::lift::is_map_section;
use crate::lift::links::{AddressForm, CodeAddress};
use crate::passes::entity::Func;
use crate::sections::{BTF, BTF_EXT, RECORD, is_stale_with_code};

/// Compares all sections but those of code and types, and all symbols.
pub(super) fn check(pairing: &Pairing<'_>) -> Check {
    let (before, after) = (relocations(pairing.old.elf()), relocations(pairing.new.elf()));
    let addresses = addresses(pairing);
    for (&old, &new) in &pairing.sections {
        let sections = &pairing.old.elf().sections;
        let (Some(a), Some(b)) = (sections.get(old), pairing.new.elf().sections.get(new)) else {
            continue;
        };
        let name = String::from_utf8_lossy(&a.name).into_owned();
        let attributes = |s: &Section| (s.kind, s.flags, s.addr, s.addralign, s.entsize);
        if attributes(a) != attributes(b) {
            return Err(Mismatch::new(name, None, "the section has other attributes"));
        }
        let by_others = [BTF, BTF_EXT, RECORD].contains(&name.as_str());
        if a.is_code() || by_others || is_stale_with_code(a) {
            continue;
        }
        let free = addresses.get(&old).map_or(&[][..], Vec::as_slice);
        check_bytes(pairing, (old, a), b, free)?;
        let known = before.get(&old).map_or(&[][..], Vec::as_slice);
        let rest = after.get(&new).map_or(&[][..], Vec::as_slice);
        check_relocs(pairing, (old, known), (new, rest))?;
    }
    check_addresses(pairing)?;
    check_symbols(pairing)
}

/// For each section the relocations that are no addresses of code, in order.
type Relocations<'e> = BTreeMap<SectionIndex, Vec<&'e Reloc>>;

fn relocations(elf: &ElfObject) -> Relocations<'_> {
    let is_code = |reloc: &Reloc| {
        let symbol = elf.symbols.get(reloc.symbol);
        let section = symbol.and_then(|symbol| elf.sections.get(symbol.section()?));
        section.is_some_and(Section::is_code)
    };
    let mut found = elf.relocations_by_section();
    found.values_mut().for_each(|relocs| relocs.retain(|reloc| !is_code(reloc)));
    found.values_mut().for_each(|relocs| relocs.sort_by_key(|reloc| reloc.offset));
    found
}

/// The bytes are those that were there or were set, without what was cut out. `free` are those of
/// addresses of code, which are compared by what they are the addresses of.
fn check_bytes(
    pairing: &Pairing<'_>,
    (index, a): (SectionIndex, &Section),
    b: &Section,
    free: &[Range<u64>],
) -> Check {
    let name = String::from_utf8_lossy(&a.name).into_owned();
    let values = pairing.made.variables.finality_of(index);
    let values = values.filter(|known| !known.bytes.is_empty());
    let (before, after) = match (&a.data, &b.data) {
        (SectionData::NoBits(a), SectionData::NoBits(b)) if a == b => return Ok(()),
        (_, SectionData::Bytes(after)) => {
            let before = a.bytes().unwrap_or_default().to_vec();
            (values.map_or(before, |known| known.bytes), after)
        }
        // Their entries are compared elsewhere.
        (SectionData::Relocations(_), SectionData::Relocations(_))
        | (SectionData::Symbols, SectionData::Symbols)
        | (SectionData::Strings(_), SectionData::Strings(_)) => return Ok(()),
        _ => return Err(Mismatch::new(name, None, "the section has other contents")),
    };
    if a.kind != SectionKind::ProgBits {
        return Ok(());
    }
    let mut cuts = pairing.made.cuts.get(&index).map_or(&[][..], Vec::as_slice).iter().peekable();
    let mut free = free.iter().peekable();
    let mut rest = after.iter();
    for (offset, byte) in (0u64..).zip(&before) {
        while cuts.peek().is_some_and(|(cut, _)| cut.end <= offset) {
            cuts.next();
        }
        if cuts.peek().is_some_and(|(cut, _)| cut.start <= offset) {
            continue;
        }
        while free.peek().is_some_and(|bytes| bytes.end <= offset) {
            free.next();
        }
        let is_free = free.peek().is_some_and(|bytes| bytes.start <= offset);
        let written = rest.next();
        if written.is_none() || (!is_free && written != Some(byte)) {
            return Err(Mismatch::new(name, Some(offset), "another byte"));
        }
    }
    match rest.next() {
        None => Ok(()),
        Some(_) => Err(Mismatch::new(name, None, "the section is longer")),
    }
}

/// The bytes of each section that hold addresses of code, in order and apart: of code that stays,
/// and of code that is gone in slots, which are emptied.
fn addresses(pairing: &Pairing<'_>) -> BTreeMap<SectionIndex, Vec<Range<u64>>> {
    let sections = &pairing.old.elf().sections;
    let is_free = |a: &&CodeAddress| {
        let section = sections.get(a.section);
        pairing.funcs.contains_key(&a.place.func)
            || section.is_some_and(|section| is_map_section(&section.name))
    };
    let mut found: BTreeMap<SectionIndex, Vec<Range<u64>>> = BTreeMap::new();
    for address in pairing.old.links().addresses.iter().filter(is_free) {
        let bytes = address.offset..address.offset.saturating_add(address.form.width());
        found.entry(address.section).or_default().push(bytes);
    }
    found.values_mut().for_each(|ranges| *ranges = merged(std::mem::take(ranges)));
    found
}

fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// Each address of a function that stays is there, and no other.
fn check_addresses(pairing: &Pairing<'_>) -> Check {
    let key = |section: SectionIndex, offset: u64, form: AddressForm| {
        (section, offset, matches!(form, AddressForm::JumpTable), form.width())
    };
    // Damaged objects have several at one place.
    let mut new: BTreeMap<_, VecDeque<&CodeAddress>> = BTreeMap::new();
    for address in &pairing.new.links().addresses {
        let at = key(address.section, address.offset, address.form);
        new.entry(at).or_default().push_back(address);
    }
    for address in &pairing.old.links().addresses {
        let moved = pairing.moved(address.section, address.offset);
        // Nobody enters a stub, so no slot of a prog array holds it.
        let in_map = pairing.old.elf().sections.get(address.section);
        let is_emptied = in_map.is_some_and(|section| is_map_section(&section.name))
            && pairing.made.stubs.contains(&address.place.func);
        let func = pairing.funcs.get(&address.place.func).filter(|_| !is_emptied);
        let Some((section, offset)) = moved else { continue };
        let mismatch = |problem: &str| {
            let name = pairing.new.elf().section_id(section).name;
            Err(Mismatch::new(name, Some(offset), problem))
        };
        let Some(func) = func else {
            let known = pairing.new.elf().sections.get(section);
            let known = known.filter(|known| is_map_section(&known.name));
            let bytes = known.and_then(Section::bytes).zip(usize::try_from(offset).ok());
            let bytes = bytes.and_then(|(bytes, start)| bytes.get(start..)).unwrap_or_default();
            if bytes.iter().take(address.form.width() as usize).any(|byte| *byte != 0) {
                return mismatch("a slot that is not empty");
            }
            continue;
        };
        let here = new.get_mut(&key(section, offset, address.form));
        let Some(found) = here.and_then(VecDeque::pop_front) else {
            return mismatch("the address of a function is missing");
        };
        // The slots of code that is carried stay.
        let is_carried = pairing.made.program.funcs[address.place.func].opaque.is_some();
        // `code` has compared where the jumps by a table lead.
        let is_entry = pairing.old.links().table_at(address.section, address.offset).is_some();
        let same_place = is_entry
            || match is_carried || address.place.origin == 0 {
                true => found.place.origin == address.place.origin,
                false => found.place.origin != 0,
            };
        if found.place.func != *func || !same_place {
            return mismatch("the address of another function, or of another instruction");
        }
    }
    match new.into_values().flatten().next() {
        None => Ok(()),
        Some(more) => {
            let name = pairing.new.elf().section_id(more.section).name;
            Err(Mismatch::new(name, Some(more.offset), "an address of a function that is new"))
        }
    }
}

/// Data names what it named. Addresses of code are left out; those of what is gone are, too.
fn check_relocs(
    pairing: &Pairing<'_>,
    (old, known): (SectionIndex, &[&Reloc]),
    (new, rest): (SectionIndex, &[&Reloc]),
) -> Check {
    let (a, b) = (pairing.old.elf(), pairing.new.elf());
    let name = || b.section_id(new).name;
    let mut rest = rest.iter().copied().peekable();
    for reloc in known {
        let Some((_, offset)) = pairing.moved(old, reloc.offset) else { continue };
        let is_same = |after: &&Reloc| {
            let symbols = a.symbols.get(reloc.symbol).zip(b.symbols.get(after.symbol));
            after.offset == offset
                && (after.r_type, after.addend) == (reloc.r_type, reloc.addend)
                && symbols.is_some_and(|(a, b)| same_symbol(pairing, a, b))
        };
        if rest.next_if(|after| is_same(after)).is_none() {
            return Err(Mismatch::new(name(), Some(offset), "another relocation, or none"));
        }
    }
    match rest.next() {
        None => Ok(()),
        Some(more) => Err(Mismatch::new(name(), Some(more.offset), "a relocation that is new")),
    }
}

/// Whether two symbols of data, or of what is not in the object, stand for the same.
fn same_symbol(pairing: &Pairing<'_>, a: &Symbol, b: &Symbol) -> bool {
    let fields = |s: &Symbol| (s.kind, s.bind, s.other);
    let place = match (a.place, b.place) {
        (SymbolPlace::Section(section), SymbolPlace::Section(new)) => {
            pairing.moved(section, a.value) == Some((new, b.value))
        }
        (a, b) => a == b,
    };
    let value = matches!(a.place, SymbolPlace::Section(_)) || a.value == b.value;
    a.name == b.name && fields(a) == fields(b) && a.size == b.size && place && value
}

/// Where a function is.
#[derive(Clone, Copy)]
struct Extent {
    section: SectionIndex,
    /// Bytes from the section's start.
    start: u64,
    /// Bytes.
    size: u64,
}

impl Extent {
    fn of(object: &crate::Object, func: Func) -> Option<Extent> {
        let link = object.links().funcs.get(func)?;
        let size = u64::from(object.program().funcs.get(func)?.original_slots) * 8;
        Some(Extent { section: link.section, start: u64::from(link.start) * 8, size })
    }
}

/// Symbols, and what of them may go.
struct Symbols<'s> {
    pairing: &'s Pairing<'s>,
    /// The functions that stay, by section and start in the old object: there, and in the new one.
    funcs: BTreeMap<(SectionIndex, u64), (Extent, Extent)>,
    /// The bytes of variables that nobody can set any more, in order and apart.
    sealed: BTreeMap<SectionIndex, Vec<Range<u64>>>,
    /// The sections in which symbols overlap: what goes with one of them need not be cut.
    overlapping: BTreeSet<SectionIndex>,
}

/// Every symbol is one that was there, where it should be; those of functions that others see,
/// of maps and of variables that can be set are all there.
fn check_symbols(pairing: &Pairing<'_>) -> Check {
    let (old, new) = (pairing.old.elf(), pairing.new.elf());
    let symbols = Symbols::of(pairing);
    let is_named = |symbol: &&Symbol| symbol.kind != SymbolKind::Section;
    let mut rest = old.symbols.values().skip(1).filter(is_named);
    let strange = old.symbols.values().filter(|s| s.kind == SymbolKind::Section && s.value != 0);
    let strange: BTreeSet<(Option<SectionIndex>, u64)> = strange
        .map(|s| (s.section().and_then(|at| pairing.sections.get(&at).copied()), s.value))
        .collect();
    for symbol in new.symbols.values().skip(1) {
        if symbol.kind == SymbolKind::Section {
            // Relocations count from it as from the section's start.
            if symbol.value != 0 && !strange.contains(&(symbol.section(), symbol.value)) {
                let problem = "the symbol of a section is not at its start";
                return Err(Mismatch::new(".symtab", None, problem));
            }
            continue;
        }
        loop {
            let Some(before) = rest.next() else {
                let name = String::from_utf8_lossy(&symbol.name);
                let problem = format!("the symbol {name} is another one");
                return Err(Mismatch::new(".symtab", None, problem));
            };
            if symbols.same(before, symbol) {
                break;
            }
            symbols.check_dropped(before)?;
        }
    }
    rest.try_for_each(|symbol| symbols.check_dropped(symbol))
}

impl<'s> Symbols<'s> {
    fn of(pairing: &'s Pairing<'s>) -> Self {
        let funcs = pairing.funcs.iter().filter_map(|(a, b)| {
            let (old, new) = (Extent::of(pairing.old, *a)?, Extent::of(pairing.new, *b)?);
            Some(((old.section, old.start), (old, new)))
        });
        let funcs = funcs.collect();
        let mut sealed: BTreeMap<SectionIndex, Vec<Range<u64>>> = BTreeMap::new();
        let variables = pairing.made.variables;
        for variable in variables.iter().filter(|variable| variables.is_sealed(variable)) {
            sealed.entry(variable.section_at).or_default().push(variable.bytes());
        }
        sealed.values_mut().for_each(|ranges| *ranges = merged(std::mem::take(ranges)));
        Symbols { pairing, funcs, sealed, overlapping: overlapping(pairing.old.elf()) }
    }

    /// Where what ends at a byte of a section of code ends now, if that is known: at the start of
    /// a function that stays, or at the end of one.
    fn end_of(&self, section: SectionIndex, offset: u64) -> Option<(SectionIndex, u64)> {
        if let Some((_, after)) = self.funcs.get(&(section, offset)) {
            return Some((after.section, after.start));
        }
        let (_, (before, after)) = self.funcs.range(..(section, offset)).next_back()?;
        let is_end = (before.section, before.start + before.size) == (section, offset);
        is_end.then_some((after.section, after.start + after.size))
    }

    /// Whether a function of the old object starts at a byte of a section.
    fn is_function(&self, section: SectionIndex, offset: u64) -> bool {
        let slot = u32::try_from(offset / 8).ok().filter(|_| offset.is_multiple_of(8));
        let func = slot.and_then(|slot| self.pairing.old.links().func_at(section, slot));
        func.is_some()
    }

    fn is_code(&self, symbol: &Symbol) -> bool {
        let section = symbol.section().and_then(|at| self.pairing.old.elf().sections.get(at));
        section.is_some_and(Section::is_code)
    }

    fn same(&self, a: &Symbol, b: &Symbol) -> bool {
        if !self.is_code(a) {
            // What is named stays whole.
            let bytes = a.value..a.value.saturating_add(a.size);
            let whole = a.section().is_none_or(|section| {
                self.overlapping.contains(&section) || self.pairing.stays(section, &bytes)
            });
            return whole && same_symbol(self.pairing, a, b);
        }
        let fields = |s: &Symbol| (s.kind, s.bind, s.other);
        let (Some(old), Some(new)) = (a.section(), b.section()) else { return false };
        let place = match self.funcs.get(&(old, a.value)) {
            Some((before, after)) if a.kind == SymbolKind::Func => {
                let same_size = match a.size {
                    0 => b.size == 0,
                    size if size == before.size => b.size == after.size,
                    // Within its function, or behind it.
                    size => self
                        .end_of(old, a.value.saturating_add(size))
                        .is_none_or(|end| end == (new, b.value.saturating_add(b.size))),
                };
                (after.section, after.start) == (new, b.value) && same_size
            }
            _ if a.kind == SymbolKind::Func => !self.is_function(old, a.value),
            // A label.
            _ => true,
        };
        a.name == b.name
            && fields(a) == fields(b)
            && self.pairing.sections.get(&old) == Some(&new)
            && place
    }

    /// A symbol may go with what it stands for, and if nobody is to set its variable any more.
    fn check_dropped(&self, symbol: &Symbol) -> Check {
        let section = symbol.section().filter(|at| self.pairing.sections.contains_key(at));
        let Some(index) = section else { return Ok(()) };
        let stays = if self.is_code(symbol) {
            symbol.kind == SymbolKind::Func && self.funcs.contains_key(&(index, symbol.value))
        } else {
            let ranges = self.sealed.get(&index).map_or(&[][..], Vec::as_slice);
            let at = ranges.partition_point(|range| range.end <= symbol.value);
            let is_sealed = ranges.get(at).is_some_and(|range| range.start <= symbol.value);
            let end = symbol.value.saturating_add(symbol.size.max(1));
            // Of maps that are not aligned some bytes stay.
            let known = self.pairing.old.elf().sections.get(index);
            let is_aligned = |offset: u64| {
                known.is_none_or(|known| offset.is_multiple_of(known.addralign.max(1)))
            };
            let can_stay = !known.is_some_and(|known| is_map_section(&known.name))
                || (is_aligned(symbol.value) && is_aligned(end));
            !is_sealed
                && can_stay
                && !self.overlapping.contains(&index)
                && self.pairing.stays(index, &(symbol.value..end))
        };
        if !stays {
            return Ok(());
        }
        let name = String::from_utf8_lossy(&symbol.name);
        let problem = format!("the symbol {name} is missing");
        let section = self.pairing.old.elf().section_id(index).name;
        let offset = self.pairing.moved(index, symbol.value).map(|(_, offset)| offset);
        Err(Mismatch::new(section, offset, problem))
    }
}

fn overlapping(elf: &ElfObject) -> BTreeSet<SectionIndex> {
    let sized = elf.symbols.values().filter(|symbol| symbol.size > 0);
    let mut places: Vec<(SectionIndex, u64, u64)> = sized
        .filter_map(|s| Some((s.section()?, s.value, s.value.saturating_add(s.size))))
        .collect();
    places.sort_unstable();
    places.dedup();
    let pairs = places.iter().zip(places.iter().skip(1));
    pairs.filter(|(a, b)| a.0 == b.0 && b.1 < a.2).map(|(a, _)| a.0).collect()
}
