//! Cuts bytes out of a section: what is behind them moves, with everything that names it by
//! its offset.

use std::ops::Range;

use bpfold_passes::isa::RawInsn;

use super::spans::Spans;
use crate::draft::Draft;
use crate::elf::{R_BPF_64_64, SectionData, SectionIndex, SymbolKind};
use crate::lift::Addends;
use crate::sections::live_relocs;

/// Bytes that go, and where what is behind them goes.
#[derive(Debug)]
pub(super) struct Cuts {
    /// In order and apart, each with the bytes that go before it.
    cuts: Vec<(Range<u64>, u64)>,
    total: u64,
}

impl Cuts {
    /// What stays moves by multiples of `align`, so that its alignment stays: of each run of
    /// bytes that are to go, some at its end can stay.
    pub fn new(runs: &Spans, align: u64) -> Cuts {
        let align = align.max(1);
        let (mut cuts, mut total) = (Vec::new(), 0);
        for run in runs.iter() {
            let len = run.end - run.start;
            let len = len - len % align;
            if len > 0 {
                cuts.push((run.start..run.start + len, total));
                total += len;
            }
        }
        Cuts { cuts, total }
    }

    /// The new offset of a byte that stays, or of where a byte was that goes.
    pub fn moved(&self, offset: u64) -> u64 {
        let behind = self.cuts.partition_point(|(cut, _)| cut.start < offset);
        let last = behind.checked_sub(1).and_then(|last| self.cuts.get(last));
        let gone = last.map_or(0, |(cut, before)| before + cut.end.min(offset) - cut.start);
        offset - gone
    }

    /// Whether all bytes of a range stay, and one that is empty does not lie within what goes.
    pub fn keep(&self, bytes: &Range<u64>) -> bool {
        let end = bytes.end.max(bytes.start.saturating_add(1));
        let first = self.cuts.partition_point(|(cut, _)| cut.end <= bytes.start);
        self.cuts.get(first).is_none_or(|(cut, _)| end <= cut.start)
    }

    /// The bytes that go.
    pub fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.cuts.iter().map(|(cut, _)| cut)
    }

    /// How many go.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// What stays of some bytes.
    fn apply(&self, bytes: &[u8]) -> Vec<u8> {
        let mut kept = Vec::with_capacity(bytes.len());
        let mut start = 0;
        for cut in self.iter() {
            kept.extend(slice(bytes, start..cut.start));
            start = cut.end;
        }
        kept.extend(slice(bytes, start..bytes.len() as u64));
        kept
    }
}

/// The bytes of a range; none if it leaves them.
pub(super) fn slice(bytes: &[u8], range: Range<u64>) -> &[u8] {
    let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    range.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default()
}

/// Cuts bytes out of a section of bytes. Nothing that stays may name one of them. Code names the
/// section by R_BPF_64_64, with its immediates counted as `addends` says; data names it by
/// symbols that are not the section's.
pub(super) fn cut(draft: &mut Draft, section: SectionIndex, cuts: &Cuts, addends: Addends) {
    let Some(known) = draft.elf.sections.get(section) else { return };
    let Some(bytes) = known.bytes() else { return };
    let size = bytes.len() as u64;
    if cuts.total() == 0 || cuts.iter().any(|cut| cut.end > size) {
        return;
    }
    let kept = cuts.apply(bytes);
    draft.cuts.insert(section, cuts.cuts.clone());
    let name = String::from_utf8_lossy(&known.name).into_owned();
    move_addends(draft, section, cuts, addends);
    if let Some(known) = draft.elf.sections.get_mut(section) {
        known.data = SectionData::Bytes(kept);
    }
    for symbol in draft.elf.symbols.values_mut() {
        if symbol.section() == Some(section) {
            symbol.value = cuts.moved(symbol.value);
        }
    }
    let holders: Vec<SectionIndex> = draft.elf.relocation_sections(section).collect();
    for holder in holders {
        if let Some(SectionData::Relocations(relocs)) =
            draft.elf.sections.get_mut(holder).map(|holder| &mut holder.data)
        {
            relocs.iter_mut().for_each(|reloc| reloc.offset = cuts.moved(reloc.offset));
        }
    }
    if let Some(datasec) = draft.btf.as_mut().and_then(|btf| btf.datasec_mut(&name)) {
        datasec.size = datasec.size.saturating_sub(cuts.total() as u32);
        for var in &mut datasec.vars {
            // 0 stands for the symbol's value as well.
            var.offset = cuts.moved(u64::from(var.offset)) as u32;
        }
    }
}

/// Moves the immediates that count from the section's start.
fn move_addends(draft: &mut Draft, section: SectionIndex, cuts: &Cuts, addends: Addends) {
    let endian = crate::lift::endian(&draft.elf);
    let whole = |reloc: &crate::elf::Reloc| {
        draft.elf.symbols.get(reloc.symbol).is_some_and(|symbol| {
            let from_start = symbol.kind == SymbolKind::Section || addends == Addends::WithSymbol;
            symbol.section() == Some(section) && from_start
        })
    };
    let places: Vec<(SectionIndex, u64)> = live_relocs(&draft.elf)
        .filter(|(_, reloc)| reloc.r_type == R_BPF_64_64 && whole(reloc))
        .map(|(at, reloc)| (at, reloc.offset))
        .collect();
    for (at, offset) in places {
        let Some(known) = draft.elf.sections.get_mut(at).filter(|known| known.is_code()) else {
            continue;
        };
        let Ok(start) = usize::try_from(offset) else { continue };
        if let SectionData::Bytes(bytes) = &mut known.data
            && let Some(slot) = bytes.get_mut(start..).and_then(|rest| rest.first_chunk_mut::<8>())
        {
            let mut raw = RawInsn::from_bytes(*slot, endian);
            raw.imm = u64::try_from(raw.imm).map_or(raw.imm, |imm| cuts.moved(imm) as i32);
            *slot = raw.to_bytes(endian);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::Cuts;

    #[test]
    fn cuts_keep_alignment() {
        let cuts = |runs: &[Range<u64>]| Cuts::new(&runs.iter().cloned().collect(), 4);
        let some = cuts(&[24..30, 4..8, 8..13]);
        assert_eq!(some.iter().cloned().collect::<Vec<_>>(), [4..12, 24..28]);
        assert_eq!(
            [0, 4, 6, 12, 16, 24, 30].map(|offset| some.moved(offset)),
            [0, 4, 4, 4, 8, 16, 18]
        );
        let kept = [0..4, 0..5, 4..4, 11..13, 12..24, 12..12, 27..27, 28..99];
        assert_eq!(
            kept.map(|bytes| some.keep(&bytes)),
            [true, false, false, false, true, true, false, true]
        );
        assert_eq!(some.total(), 12);
        assert_eq!(
            some.apply(&(0..30).collect::<Vec<u8>>()),
            [0, 1, 2, 3, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 28, 29]
        );
        assert_eq!(cuts(&[3..5, 9..10]).total(), 0);
    }
}
