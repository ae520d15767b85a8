//! Constants that nothing reads any more, in read-only sections that code still names.
//!
//! What they are cut out of gets a new layout, so this is for sections whose layout nobody but
//! code can know: every bit of them is final, no data holds an address in them and they hold
//! none, and every address that code makes in them is followed to what it reads
//! ([`SectionReads`]). As long as a variable in a section can still be set, the section keeps its
//! layout: skeletons (`bpftool gen skeleton`) set variables by their offsets.
//!
//! What is cut is what has died: it was read by the code as it was read, and is not by the code
//! after folding.

use std::collections::BTreeSet;
use std::ops::Range;

use bpfold_passes::analysis::section_reads::{Read, SectionReads};
use bpfold_passes::entity::{Block, Func, PerEntity, Section};
use bpfold_passes::ir::{Op, Program};
use bpfold_passes::isa::{Imm64, RawInsn};

use super::Scope;
use super::cut::{self, Cuts};
use super::spans::Spans;
use crate::Object;
use crate::draft::Draft;
use crate::elf::{R_BPF_64_64, SHF_MERGE, SHF_STRINGS, SectionIndex, SymbolIndex, SymbolKind};
use crate::lift::Addends;
use crate::sections::{BTF, BTF_EXT};
use crate::variables::{Variable, Variables, is_read_only};

/// What is cut out of a section.
pub(crate) struct CutSection {
    /// Its name.
    pub name: String,
    /// Its bytes before.
    pub size: u64,
    /// The bytes that went.
    pub bytes: Vec<Range<u64>>,
    /// The constants that these were.
    pub constants: Vec<Constant>,
}

/// A constant that nothing reads any more.
pub(crate) struct Constant {
    /// The variable, if it is one.
    pub name: Option<String>,
    /// Where it was.
    pub bytes: Range<u64>,
    /// What they held.
    pub content: Vec<u8>,
    /// The code that has read it.
    pub readers: BTreeSet<(Func, Block)>,
}

/// Cuts constants that have died out of sections that stay. `program` is the code after folding.
pub(crate) fn cut_constants(
    draft: &mut Draft,
    scope: &Scope<'_>,
    program: &Program,
    variables: &Variables<'_>,
) -> Vec<CutSection> {
    let links = scope.object.links();
    let before = SectionReads::new(scope.object.program());
    let after = SectionReads::new(program);
    let named = named(program);
    let mut done = Vec::new();
    for (section, link) in links.sections.iter() {
        let (before, is_lost, after) =
            (before.of(section), after.is_lost(section), after.of(section));
        let asked = scope.is_asked(link.index);
        // Mostly nothing has died.
        if spans(before) == spans(after)
            || is_lost
            || asked
            || !is_closed(draft, link.index, variables)
        {
            continue;
        }
        let dead = dead(draft, link.index, variables, before, after);
        let names = Names { draft, object: scope.object, section: link.index };
        if let Some(plan) = names.plan(&dead, named[section]) {
            done.extend(plan.carry_out(draft, links.addends, link.index, dead, variables));
        }
    }
    done
}

/// For each section the number of instructions that name it.
fn named(program: &Program) -> PerEntity<Section, usize> {
    let mut named = PerEntity::default();
    for func in program.funcs.values() {
        for (_, inst) in func.insts() {
            if let Op::LdImm64 { imm: Imm64::Section { section, .. }, .. } = *func.op(inst) {
                named[section] += 1;
            }
        }
    }
    named
}

fn spans(reads: &[Read]) -> Spans {
    reads.iter().map(|read| read.bytes.clone()).collect()
}

/// Whether nobody can be meant to change or to read a section but code.
fn is_closed(draft: &Draft, index: SectionIndex, variables: &Variables<'_>) -> bool {
    let Some(section) = draft.elf.sections.get(index) else { return false };
    let name = String::from_utf8_lossy(&section.name);
    // BTF, whose offsets move, knows a section by its name.
    let only = draft.elf.sections.values().filter(|other| other.name == section.name).count() == 1;
    let known = variables.finality_of(index).filter(|_| variables.is_laid_out(index));
    only && is_read_only(&name)
        && !draft.sections.contains(&index)
        && draft.elf.relocations_for(index).next().is_none()
        && known.is_some_and(|known| {
            section.bytes() == Some(&known.bytes) && known.final_mask.iter().all(|m| *m == 0xff)
        })
}

/// What can be cut: variables, strings and other constants of which code has read some part and
/// reads none any more; what no variable covers and is no string is told apart byte by byte.
fn dead(
    draft: &Draft,
    index: SectionIndex,
    variables: &Variables<'_>,
    before: &[Read],
    after: &[Read],
) -> Vec<Constant> {
    let Some(section) = draft.elf.sections.get(index) else { return Vec::new() };
    let bytes = section.bytes().unwrap_or_default();
    let covered = variables.iter().filter(|variable| variable.section_at == index);
    let mut units: Vec<(Range<u64>, Option<&str>)> =
        covered.map(|variable| (variable.bytes(), Some(variable.name.as_str()))).collect();
    let covered: Spans = units.iter().map(|(bytes, _)| bytes.clone()).collect();
    let (was_read, is_read) = (spans(before), spans(after));
    let whole: Spans = std::iter::once(0..bytes.len() as u64).collect();
    let gaps = whole.without(&covered);
    let (merged, of_strings) = (section.flags & SHF_MERGE != 0, section.flags & SHF_STRINGS != 0);
    let parts: Vec<Range<u64>> = match section.entsize {
        0 | 1 if of_strings => strings(bytes, &gaps),
        // Strings of wider characters.
        _ if of_strings => Vec::new(),
        entry if merged && entry > 1 => entries(entry, &gaps),
        _ => was_read.without(&is_read).without(&covered).iter().cloned().collect(),
    };
    units.extend(parts.into_iter().map(|part| (part, None)));

    let died = |unit: &Range<u64>| was_read.meets(unit) && !is_read.meets(unit);
    let alive: Spans = units.iter().map(|(unit, _)| unit.clone()).filter(|u| !died(u)).collect();
    let dead = units.into_iter().filter(|(unit, _)| died(unit) && !alive.meets(unit));
    dead.map(|(unit, name)| {
        let first = before.partition_point(|read| read.bytes.start < unit.start);
        let here = before.iter().skip(first).take_while(|read| read.bytes.start < unit.end);
        Constant {
            name: name.map(str::to_owned),
            content: cut::slice(bytes, unit.clone()).to_vec(),
            readers: here.map(|read| (read.func, read.block)).collect(),
            bytes: unit,
        }
    })
    .collect()
}

/// The strings that lie wholly in gaps between variables, with their zero bytes.
fn strings(bytes: &[u8], gaps: &Spans) -> Vec<Range<u64>> {
    let mut found = Vec::new();
    for gap in gaps.iter() {
        let mut start = gap.start;
        for string in cut::slice(bytes, gap.clone()).split_inclusive(|byte| *byte == 0) {
            let end = start + string.len() as u64;
            if string.ends_with(&[0]) {
                found.push(start..end);
            }
            start = end;
        }
    }
    found
}

/// The entries of a section, of so many bytes each, that lie wholly in gaps between variables.
fn entries(size: u64, gaps: &Spans) -> Vec<Range<u64>> {
    let in_gap = |gap: &Range<u64>| {
        let (first, end) = (gap.start.div_ceil(size), gap.end / size);
        (first..end).map(move |at| at * size..(at + 1) * size)
    };
    gaps.iter().flat_map(in_gap).collect()
}

/// What names a section.
struct Names<'n> {
    draft: &'n Draft,
    object: &'n Object,
    section: SectionIndex,
}

/// What is to be done to a section.
struct Plan {
    cuts: Cuts,
    /// Every byte that has died, also those that stay for the alignment of others.
    dead: Spans,
    /// Symbols that go.
    symbols: Vec<SymbolIndex>,
}

impl Names<'_> {
    /// None if there is nothing to cut, or something stands in the way. `instructions` is how
    /// many instructions name the section.
    fn plan(&self, dead: &[Constant], instructions: usize) -> Option<Plan> {
        let known = self.draft.elf.sections.get(self.section)?;
        let size = known.bytes()?.len() as u64;
        let runs: Spans = dead.iter().map(|constant| constant.bytes.clone()).collect();
        let cuts = Cuts::new(&runs, known.addralign);
        if cuts.total() == 0 || cuts.total() >= size {
            return None;
        }
        let dead: Spans = runs.iter().filter(|run| !cuts.keep(run)).cloned().collect();
        let mut symbols = Vec::new();
        for (index, symbol) in self.draft.elf.symbols_in(self.section) {
            let bytes = symbol.value..symbol.value.checked_add(symbol.size)?;
            if symbol.kind == SymbolKind::Section || self.draft.symbols.contains(&index) {
                continue;
            }
            if is_in(&dead, &bytes) {
                symbols.push(index);
            } else if !cuts.keep(&bytes) {
                return None;
            }
        }
        let named = self.named_by_code(&cuts, &symbols)?;
        let plan = Plan { cuts, dead, symbols };
        (named == instructions && !self.is_named_elsewhere()).then_some(plan)
    }

    /// The number of relocations by which code names the section; none if one of them is not
    /// known to name the same byte afterwards.
    fn named_by_code(&self, cuts: &Cuts, gone: &[SymbolIndex]) -> Option<usize> {
        let elf = &self.draft.elf;
        let gone: BTreeSet<&SymbolIndex> = gone.iter().collect();
        let mut count = 0;
        for (at, reloc) in self.draft.live_relocs() {
            let Some(symbol) = elf.symbols.get(reloc.symbol) else { continue };
            if symbol.section() != Some(self.section) {
                continue;
            }
            let code = elf.sections.get(at).filter(|at| at.is_code())?;
            let slot = cut::slice(code.bytes()?, reloc.offset..reloc.offset.checked_add(8)?);
            let raw = RawInsn::from_bytes(*slot.first_chunk()?, crate::lift::endian(elf));
            let from_start = symbol.kind == SymbolKind::Section
                || self.object.links().addends == Addends::WithSymbol;
            let base = if from_start { 0 } else { symbol.value };
            let target = base.checked_add_signed(raw.imm.into())?;
            let distance = target.checked_sub(symbol.value);
            let new_distance = cuts.moved(target).checked_sub(cuts.moved(symbol.value));
            let stays = symbol.kind == SymbolKind::Section || distance == new_distance;
            if reloc.r_type != R_BPF_64_64
                || gone.contains(&reloc.symbol)
                || !cuts.keep(&(target..target))
                || !stays
            {
                return None;
            }
            count += 1;
        }
        Some(count)
    }

    /// Whether anything that stays and is no code names the section: data, or DWARF.
    fn is_named_elsewhere(&self) -> bool {
        let elf = &self.draft.elf;
        elf.sections.iter().any(|(target, section)| {
            let types = section.name == BTF.as_bytes() || section.name == BTF_EXT.as_bytes();
            let stays = !section.is_code() && !types && !self.draft.sections.contains(&target);
            stays
                && elf.relocations_for(target).any(|reloc| {
                    let symbol = elf.symbols.get(reloc.symbol);
                    symbol.is_some_and(|symbol| symbol.section() == Some(self.section))
                })
        })
    }
}

impl Plan {
    fn carry_out(
        self,
        draft: &mut Draft,
        addends: Addends,
        section: SectionIndex,
        constants: Vec<Constant>,
        variables: &Variables<'_>,
    ) -> Option<CutSection> {
        let Plan { cuts, dead, symbols } = self;
        let size = draft.elf.sections.get(section)?.bytes()?.len() as u64;
        let name = draft.elf.section_id(section).name;
        let goes = |variable: &&Variable| {
            let bytes = variable.bytes();
            variable.section_at == section && !bytes.is_empty() && is_in(&dead, &bytes)
        };
        let vars = variables.iter().filter(goes).filter_map(|variable| variable.var);
        draft.forget(vars);
        draft.symbols.extend(symbols);
        cut::cut(draft, section, &cuts, addends);
        let constants = constants.into_iter().filter(|c| is_in(&dead, &c.bytes)).collect();
        Some(CutSection { name, size, bytes: cuts.iter().cloned().collect(), constants })
    }
}

/// Whether a set has all bytes of a range, or an empty range lies within it.
fn is_in(spans: &Spans, bytes: &Range<u64>) -> bool {
    let end = bytes.end.max(bytes.start.saturating_add(1));
    let holds = |span: &Range<u64>| span.start <= bytes.start && end <= span.end;
    spans.meeting(&(bytes.start..end)).first().is_some_and(holds)
}
