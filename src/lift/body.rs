//! The code of functions: basic blocks, or an opaque body.

use std::collections::BTreeMap;

use bpfold_passes::entity::{
    Block, Core, Entity, Extern, Func, Line, Map, PerEntity, Reloc, Section,
};
use bpfold_passes::ir::{
    DataSection, ExternDecl, Function, InstData, JumpTable, MapDecl, OpaqueBody, OpaqueItem,
    Program,
};
use bpfold_passes::isa::{self, Callee, Imm64, Offset, Reg};

use super::code::{Code, Insn};
use super::links::{ExternLink, Links, MapLink, RelocLink, SectionLink};
use super::records::Records;
use super::refs::{RefError, Target, target};
use super::tables::{Table, Tables};
use crate::elf::{ElfObject, SectionData, SectionIndex, SymbolIndex, SymbolKind};
use crate::variables::is_read_only;

/// An instruction with its references resolved and everything that is attached to it.
struct Item<'a> {
    insn: &'a Insn,
    op: Option<isa::Op<Offset>>,
    /// Why the function cannot be taken apart.
    problem: Option<String>,
    line: Option<Line>,
    line_starts: bool,
    reloc: Option<Reloc>,
    core: Option<Core>,
}

/// Fills in the code of every function, and the tables of what code names.
pub(super) fn fill(
    elf: &ElfObject,
    codes: &[Code],
    records: &Records,
    program: &mut Program,
    links: &mut Links,
) {
    let mut known = Known::new(elf);
    let tables = Tables::find(elf, codes, links);
    for code in codes {
        let section = links.code.iter().find(|section| section.index == code.index);
        for func in section.map(|section| section.funcs.clone()).unwrap_or_default() {
            let (start, slots) = (links.funcs[func].start, program.funcs[func].original_slots);
            let insns = code.between(start, start + slots);
            let mut lifter =
                Lifter { elf, codes, code, records, program, links, known: &mut known };
            let items = lifter.items(insns);
            let shape = Shape { start, end: start + slots };
            let tables = tables.of(func);
            match shape.problem(&items, tables) {
                Some((reason, slot)) => {
                    let items = items.iter().map(|item| item.opaque(start)).collect();
                    links.funcs[func].runs_into = runs_into(links, code, insns, shape);
                    program.funcs[func].opaque = Some(OpaqueBody { reason, slot, items });
                }
                None => {
                    let tables = tables.unwrap_or_default();
                    build(
                        &mut program.funcs[func],
                        shape,
                        &items,
                        &|table| {
                            let section = links.section_of(table.link.section)?;
                            Some((section, i64::try_from(table.link.offset).ok()?))
                        },
                        tables,
                    );
                    links.tables.extend(tables.iter().map(|table| table.link));
                }
            }
        }
    }
    tie(program, links, codes);
    links.tables.retain(|table| program.funcs[table.func].opaque.is_none());
}

/// What code has named so far.
struct Known {
    maps: BTreeMap<(SectionIndex, u64), Map>,
    externs: BTreeMap<SymbolIndex, Extern>,
    /// The first symbol at each offset of each section, those of sections left out.
    symbols: BTreeMap<(SectionIndex, u64), SymbolIndex>,
}

impl Known {
    fn new(elf: &ElfObject) -> Known {
        let mut symbols = BTreeMap::new();
        for (index, symbol) in elf.symbols.iter() {
            if let Some(section) = symbol.section()
                && symbol.kind != SymbolKind::Section
            {
                symbols.entry((section, symbol.value)).or_insert(index);
            }
        }
        Known { maps: BTreeMap::new(), externs: BTreeMap::new(), symbols }
    }
}

struct Lifter<'a> {
    elf: &'a ElfObject,
    codes: &'a [Code],
    code: &'a Code,
    records: &'a Records,
    program: &'a mut Program,
    links: &'a mut Links,
    known: &'a mut Known,
}

impl Lifter<'_> {
    fn items<'i>(&mut self, insns: &'i [Insn]) -> Vec<Item<'i>> {
        let mut line = None;
        let mut items = Vec::with_capacity(insns.len());
        for insn in insns {
            let at = (self.code.index, insn.slot);
            let own = self.records.line_info.get(&at);
            if let Some(record) = own {
                line = Some(self.links.lines.push(record.clone()));
            }
            let core = self.records.core_relo.get(&at);
            let core = core.map(|record| self.links.core.push(record.clone()));
            let reloc = insn.relocs.split_first().map(|(reloc, more)| {
                self.links.relocs.push(RelocLink {
                    reloc: *reloc,
                    raw: insn.raw,
                    next_imm: insn.next_imm,
                    more: more.to_vec(),
                })
            });
            let (op, problem) = self.resolve(insn, reloc);
            let line_starts = own.is_some();
            items.push(Item { insn, op, problem, line, line_starts, reloc, core });
        }
        items
    }

    /// The instruction with its reference as an id, and what is not understood of it.
    fn resolve(
        &mut self,
        insn: &Insn,
        reloc: Option<Reloc>,
    ) -> (Option<isa::Op<Offset>>, Option<String>) {
        let op = match insn.op {
            Ok(op) => op,
            Err(error) => return (None, Some(error.to_string())),
        };
        let target = match target(self.elf, self.codes, self.links.addends, self.code, insn) {
            Ok(None) => return (Some(op), None),
            Ok(Some(target)) => target,
            Err(RefError::Unclear(problem)) => return (Some(op), Some(problem)),
            // `functions::find` has resolved every reference before.
            Err(RefError::Damage(error)) => return (Some(op), Some(error.to_string())),
        };
        let resolved = match (op, target) {
            (isa::Op::Call(_), Target::Code { section, slot }) => {
                self.links.func_at(section, slot).map(|func| isa::Op::Call(Callee::Func(func)))
            }
            (isa::Op::Call(_), Target::Extern(symbol)) => {
                reloc.map(|reloc| isa::Op::Call(Callee::Extern(self.extern_of(symbol, reloc))))
            }
            (isa::Op::LdImm64 { dst, .. }, target) => {
                self.imm64(target, reloc).map(|imm| isa::Op::LdImm64 { dst, imm })
            }
            _ => None,
        };
        match resolved {
            Some(op) => (Some(op), None),
            None => (Some(op), Some("reference that does not fit its instruction".into())),
        }
    }

    fn imm64(&mut self, target: Target, reloc: Option<Reloc>) -> Option<Imm64> {
        Some(match target {
            Target::Code { section, slot } => Imm64::Func(self.links.func_at(section, slot)?),
            Target::Map { section, offset } => Imm64::Map(self.map_of(section, offset, reloc?)),
            Target::Data { section, offset } => {
                Imm64::Section { section: self.section_of(section, reloc?)?, offset }
            }
            Target::Extern(symbol) => Imm64::Extern(self.extern_of(symbol, reloc?)),
        })
    }

    fn map_of(&mut self, section: SectionIndex, offset: u64, reloc: Reloc) -> Map {
        if let Some(map) = self.known.maps.get(&(section, offset)) {
            return *map;
        }
        let named = self.known.symbols.get(&(section, offset));
        let named = named.and_then(|symbol| self.elf.symbols.get(*symbol));
        let name = named.map_or_else(
            || format!("{}+{offset:#x}", self.elf.section_id(section).name),
            |symbol| String::from_utf8_lossy(&symbol.name).into_owned(),
        );
        self.links.maps.push(MapLink { section, offset, reloc });
        let map = self.program.maps.push(MapDecl { name });
        self.known.maps.insert((section, offset), map);
        map
    }

    fn section_of(&mut self, index: SectionIndex, reloc: Reloc) -> Option<Section> {
        if let Some(section) = self.links.section_of(index) {
            return Some(section);
        }
        let section = self.elf.sections.get(index)?;
        let name = String::from_utf8_lossy(&section.name).into_owned();
        let bytes = match &section.data {
            SectionData::Bytes(bytes) => bytes.clone(),
            SectionData::NoBits(_)
            | SectionData::Symbols
            | SectionData::Relocations(_)
            | SectionData::Strings(_) => Vec::new(),
        };
        let final_bits = vec![0; bytes.len()];
        let read_only = is_read_only(&name);
        self.links.sections.push(SectionLink { index, reloc });
        Some(self.program.sections.push(DataSection { name, bytes, final_bits, read_only }))
    }

    fn extern_of(&mut self, symbol: SymbolIndex, reloc: Reloc) -> Extern {
        if let Some(known) = self.known.externs.get(&symbol) {
            return *known;
        }
        let name = self.elf.symbols.get(symbol).map(|symbol| symbol.name.as_slice());
        let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
        self.links.externs.push(ExternLink { symbol, reloc });
        let known = self.program.externs.push(ExternDecl { name, args: None, value: None });
        self.known.externs.insert(symbol, known);
        known
    }
}

impl Item<'_> {
    fn opaque(&self, start: u32) -> OpaqueItem {
        OpaqueItem {
            raw: self.insn.raw,
            next_imm: self.insn.next_imm,
            op: self.op,
            origin: self.insn.slot - start,
            line: self.line,
            line_starts: self.line_starts,
            reloc: self.reloc,
            core: self.core,
        }
    }
}

/// The slots of a function, counted from the section's start.
#[derive(Clone, Copy)]
struct Shape {
    start: u32,
    end: u32,
}

impl Shape {
    fn contains(self, slot: i64) -> bool {
        (i64::from(self.start)..i64::from(self.end)).contains(&slot)
    }

    /// Why the function cannot be taken apart, and the slot (from its start) of the
    /// instruction that is the reason.
    fn problem(self, items: &[Item<'_>], tables: Option<&[Table]>) -> Option<(String, u32)> {
        let mut heads = vec![false; (self.end - self.start) as usize];
        for item in items {
            if let Some(head) = heads.get_mut((item.insn.slot - self.start) as usize) {
                *head = true;
            }
        }
        let is_head = |slot: i64| {
            let at = usize::try_from(slot - i64::from(self.start)).ok();
            at.and_then(|at| heads.get(at)).copied().unwrap_or(false)
        };
        for item in items {
            let problem = match (&item.problem, item.op) {
                (Some(problem), _) => Some(problem.clone()),
                (None, Some(isa::Op::GotoX { .. })) if tables.is_none_or(<[_]>::is_empty) => {
                    Some("indirect jump (gotox) without a jump table that is understood".to_owned())
                }
                (None, Some(op)) if op.defs().contains(Reg::FP) => {
                    Some("write to the frame pointer".to_owned())
                }
                (None, _) => match item.insn.jump() {
                    Some(slot) if !self.contains(slot) => {
                        Some("jump out of the function".to_owned())
                    }
                    Some(slot) if !is_head(slot) => {
                        Some("jump into the second half of an ldimm64".to_owned())
                    }
                    _ => None,
                },
            };
            if let Some(problem) = problem {
                return Some((problem, item.insn.slot - self.start));
            }
        }
        if tables.is_none() {
            return Some(("a jump table that is not understood".to_owned(), 0));
        }
        let last = items.last()?;
        let leaves = last.op.is_some_and(|op| op.ends_block_without_fallthrough());
        (!leaves).then(|| {
            let reason = "control runs past the function's end".to_owned();
            (reason, last.insn.slot - self.start)
        })
    }
}

/// The functions that control enters from this one without a call: the targets of its jumps
/// and, where it does not end in one, the function behind it.
fn runs_into(links: &Links, code: &Code, insns: &[Insn], shape: Shape) -> Vec<Func> {
    let last = insns.last().and_then(|insn| insn.op.as_ref().ok());
    let leaves = last.is_some_and(isa::Op::ends_block_without_fallthrough);
    let behind = (!leaves && shape.end < code.len()).then_some(i64::from(shape.end));
    let mut funcs: Vec<Func> = insns
        .iter()
        .filter_map(Insn::jump)
        .chain(behind)
        .filter(|slot| !shape.contains(*slot))
        .filter_map(|slot| links.place_at(code.index, u32::try_from(slot).ok()?))
        .map(|place| place.func)
        .collect();
    funcs.sort();
    funcs.dedup();
    funcs
}

/// Where a jump leaves its function, everything between the two must keep its length: those
/// functions become opaque, and none of them goes while the first is there.
fn tie(program: &mut Program, links: &mut Links, codes: &[Code]) {
    let ties: Vec<(Func, Func)> = links
        .funcs
        .iter()
        .flat_map(|(from, link)| link.runs_into.iter().map(move |to| (from, *to)))
        .collect();
    // One function leads to the next, up and down: a jump over many costs no more than one over
    // few.
    let up = reach(ties.iter().copied().filter(|(from, to)| from < to));
    let down = reach(ties.iter().map(|&(from, to)| (to, from)).filter(|(low, high)| low < high));
    for (low, high) in up {
        for at in low..high {
            tie_to(program, links, codes, at, at + 1);
        }
    }
    for (low, high) in down {
        for at in low..high {
            tie_to(program, links, codes, at + 1, at);
        }
    }
}

/// The ranges of functions that overlapping pairs reach from the lower to the higher one.
fn reach(pairs: impl Iterator<Item = (Func, Func)>) -> Vec<(usize, usize)> {
    let mut pairs: Vec<_> = pairs.map(|(low, high)| (low.index(), high.index())).collect();
    pairs.sort_unstable();
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for (low, high) in pairs {
        match ranges.last_mut() {
            Some(last) if low <= last.1 => last.1 = last.1.max(high),
            _ => ranges.push((low, high)),
        }
    }
    ranges
}

fn tie_to(program: &mut Program, links: &mut Links, codes: &[Code], from: usize, to: usize) {
    let (from, to) = (Func::from_index(from), Func::from_index(to));
    for func in [from, to] {
        if program.funcs[func].opaque.is_none() {
            make_opaque(program, links, codes, func);
        }
    }
    if !links.funcs[from].runs_into.contains(&to) {
        links.funcs[from].runs_into.push(to);
    }
}

fn make_opaque(program: &mut Program, links: &Links, codes: &[Code], func: Func) {
    let link = &links.funcs[func];
    let Some(code) = codes.iter().find(|code| code.index == link.section) else { return };
    let function = &program.funcs[func];
    let items = code
        .between(link.start, link.start + function.original_slots)
        .iter()
        .zip(function.insts())
        .map(|(insn, (_, inst))| {
            let data = function.inst(inst);
            OpaqueItem {
                raw: insn.raw,
                next_imm: insn.next_imm,
                op: match insn.op {
                    Ok(op) if op.target().is_some() => Some(op),
                    _ => Some(data.op.map_target(|_| Offset(0))),
                },
                origin: insn.slot - link.start,
                line: data.line,
                line_starts: data.line_starts,
                reloc: data.reloc,
                core: data.core,
            }
        })
        .collect();
    let reason = "another function jumps into or over it".to_owned();
    let function = &mut program.funcs[func];
    function.clear();
    function.opaque = Some(OpaqueBody { reason, slot: 0, items });
}

/// Builds the blocks of a function that [`Shape::problem`] found none in.
fn build(
    function: &mut Function,
    shape: Shape,
    items: &[Item<'_>],
    place: &dyn Fn(&Table) -> Option<(Section, i64)>,
    tables: &[Table],
) {
    let slots = (shape.end - shape.start) as usize;
    let mut leads = vec![false; slots + 1];
    let mut lead = |slot: i64| {
        let at = usize::try_from(slot - i64::from(shape.start)).ok();
        if let Some(lead) = at.and_then(|at| leads.get_mut(at)) {
            *lead = true;
        }
    };
    lead(i64::from(shape.start));
    for item in items {
        if let Some(target) = item.insn.jump() {
            lead(target);
        }
        if item.op.is_some_and(|op| op.is_terminator()) {
            lead(i64::from(item.insn.end()));
        }
    }
    tables.iter().flat_map(|table| &table.targets).for_each(|slot| lead(i64::from(*slot)));
    let mut blocks: Vec<Option<Block>> = vec![None; slots];
    for (block, _) in blocks.iter_mut().zip(&leads).filter(|(_, lead)| **lead) {
        *block = Some(function.push_block());
    }
    let block_at = |slot: i64| {
        let at = usize::try_from(slot - i64::from(shape.start)).ok()?;
        blocks.get(at).copied().flatten()
    };
    let mut nexts: PerEntity<Block, Option<Block>> = PerEntity::default();
    let mut current = None;
    for item in items {
        let slot = i64::from(item.insn.slot);
        if let Some(block) = block_at(slot) {
            current = Some(block);
        }
        let (Some(block), Some(op)) = (current, item.op) else { continue };
        let target = item.insn.jump().and_then(block_at).unwrap_or(block);
        let op = op.map_target(|_| target);
        function.push_inst(
            block,
            InstData {
                op,
                origin: Some(item.insn.slot - shape.start),
                line: item.line,
                line_starts: item.line_starts,
                reloc: item.reloc,
                core: item.core,
            },
        );
        if !op.ends_block_without_fallthrough() {
            nexts[block] = block_at(i64::from(item.insn.end()));
        }
    }
    for &block in &function.layout().to_vec() {
        function.set_next(block, nexts[block]);
    }
    for table in tables {
        let targets = table.targets.iter().filter_map(|slot| block_at(i64::from(*slot)));
        if let Some((section, offset)) = place(table) {
            let targets = targets.collect();
            function.push_table(JumpTable { section, offset, targets });
        }
    }
    function.drop_unused_tables();
}
