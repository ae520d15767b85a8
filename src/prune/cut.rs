//! Cuts bytes out of a section: what is behind them moves, with everything that names it by
//! its offset.

use std::ops::Range;

use bpfold_passes::isa::RawInsn;

use crate::draft::{Draft, live_relocs};
use crate::elf::{R_BPF_64_64, SectionData, SectionIndex, SymbolKind};

/// Bytes that go, in order and apart, and where what is behind them goes.
struct Cuts {
    cuts: Vec<Range<u64>>,
}

impl Cuts {
    /// What stays moves by multiples of `align`, so that its alignment stays. Bytes of
    /// neighbouring ranges count as one range.
    fn new(ranges: &[Range<u64>], align: u64) -> Cuts {
        let mut ranges: Vec<Range<u64>> =
            ranges.iter().filter(|r| !r.is_empty()).cloned().collect();
        ranges.sort_by_key(|range| range.start);
        let mut cuts: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match cuts.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => cuts.push(range),
            }
        }
        let align = align.max(1);
        for cut in &mut cuts {
            cut.end -= (cut.end - cut.start) % align;
        }
        cuts.retain(|cut| !cut.is_empty());
        Cuts { cuts }
    }

    /// The new offset of a byte that stays, or of where a byte was that goes.
    fn moved(&self, offset: u64) -> u64 {
        let before = self.cuts.iter().take_while(|cut| cut.start < offset);
        offset - before.map(|cut| cut.end.min(offset) - cut.start).sum::<u64>()
    }

    fn total(&self) -> u64 {
        self.cuts.iter().map(|cut| cut.end - cut.start).sum()
    }
}

/// Cuts byte ranges out of a section of bytes. Nothing that stays may name a byte in them.
/// Code names the section by R_BPF_64_64, data by map symbols alone.
pub(super) fn cut(draft: &mut Draft, section: SectionIndex, ranges: &[Range<u64>]) {
    let Some(known) = draft.elf.sections.get(section) else { return };
    let cuts = Cuts::new(ranges, known.addralign);
    let Some(bytes) = known.bytes() else { return };
    if cuts.cuts.is_empty() || cuts.cuts.iter().any(|cut| cut.end > bytes.len() as u64) {
        return;
    }
    let kept = (0..).zip(bytes).filter(|(at, _)| !cuts.cuts.iter().any(|cut| cut.contains(at)));
    let kept: Vec<u8> = kept.map(|(_, byte)| *byte).collect();
    let name = known.name.clone();
    let name = String::from_utf8_lossy(&name).into_owned();
    move_addends(draft, section, &cuts);
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

/// Moves what relocations to the section's own symbol add to it.
fn move_addends(draft: &mut Draft, section: SectionIndex, cuts: &Cuts) {
    let endian = crate::lift::endian(&draft.elf);
    let whole = |reloc: &crate::elf::Reloc| {
        draft.elf.symbols.get(reloc.symbol).is_some_and(|symbol| {
            symbol.section() == Some(section) && symbol.kind == SymbolKind::Section
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
    use super::Cuts;

    #[test]
    fn cuts_keep_alignment() {
        let cuts = Cuts::new(&[24..30, 4..8, 8..13], 4);
        assert_eq!(cuts.cuts, [4..12, 24..28]);
        assert_eq!([0, 4, 16, 24, 30].map(|offset| cuts.moved(offset)), [0, 4, 8, 16, 18]);
        assert_eq!(cuts.total(), 12);
        assert_eq!(Cuts::new(&[3..5, 9..10], 4).cuts, []);
    }
}
