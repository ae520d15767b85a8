//! What decided branches took with them, and why what is still there is needed.
//!
//! A part is needed by a chain from something that is needed in any case. Each link of the chain
//! that is made by code hangs on the branches of that code: one that nothing has decided, and
//! without one of whose ways the code that makes the link cannot run, could free the part.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bpfold_passes::entity::{Block, Func, Line};
use bpfold_passes::ir::{Function, InstData, Op};
use bpfold_passes::isa::{Imm64, RegSet};
use bpfold_passes::opt::fold::Event;
use bpfold_passes::pass::Level;

use super::graph::Need;
use super::reason::{Decided, Finder, MAX_CALLS, kind};
use super::slice::{Start, reached, reached_from, slice};
use crate::kernel::core;
use crate::loads::{self, Load};
use crate::parts::{Node, all_programs, functions};
use crate::report::{
    BranchReason, Condition, ConditionKind, Explained, Fate, FreedBy, How, LineRange, Link,
    LoadFate, OpenBranch, PresentReport,
};

/// Lines without code between two dead ones that are taken for dead as well.
const GAP: u32 = 8;

/// Branches that are named at most for one part.
const MANY: usize = 4;

impl Finder<'_, '_> {
    /// What each decided branch was decided by and took with it, in the order of the events.
    pub(super) fn branches(&mut self) -> Vec<BranchReason> {
        let live = self.live_lines();
        let mut taken: BTreeMap<(Func, u32), BranchReason> = BTreeMap::new();
        let mut reasons = Vec::new();
        let mut done = BTreeSet::new();
        for event in &self.log.events {
            let (func, slot) = match *event {
                Event::BranchDecided { func, slot, .. } | Event::JumpDecided { func, slot, .. } => {
                    (func, slot)
                }
                Event::LoadFolded { .. } => continue,
            };
            if done.insert(func) {
                self.add_dead(func, &live, &mut taken);
            }
            let reason = slot.map(|slot| {
                let decided = self.decided_in(func);
                let branch = decided.iter().find(|branch| branch.slot == slot).copied();
                let conditions = branch.map(|branch| self.conditions(func, &branch));
                let reason = taken.remove(&(func, slot)).unwrap_or_default();
                BranchReason { conditions: conditions.unwrap_or_default(), ..reason }
            });
            reasons.push(reason.unwrap_or_default());
        }
        reasons
    }

    /// The file and line of an instruction with a record of its own. Others have the record of
    /// the instruction before them, which can be of another block.
    fn own_line(&self, data: &InstData) -> Option<(u32, u32)> {
        self.line(data.line.filter(|_| data.line_starts))
    }

    /// The file and number of a line_info record.
    fn line(&self, line: Option<Line>) -> Option<(u32, u32)> {
        let record = &self.scope.object.links().lines.get(line?)?.record;
        (record.line() != 0).then(|| (record.file_name_off.0, record.line()))
    }

    /// The lines, by file, of which something can run after folding.
    fn live_lines(&mut self) -> BTreeMap<u32, BTreeSet<u32>> {
        let mut live: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        let object = self.scope.object;
        for (id, function) in object.program().funcs.iter() {
            if !self.live.nodes.contains(&Node::Func(id)) {
                continue;
            }
            let reached = reached(function, &self.cut_edges(id));
            for (block, inst) in function.insts() {
                if reached.contains(&block)
                    && let Some((file, line)) = self.own_line(function.inst(inst))
                {
                    live.entry(file).or_default().insert(line);
                }
            }
        }
        live
    }

    /// What the decided branches of a function made unreachable, one after the other.
    fn add_dead(
        &mut self,
        func: Func,
        live: &BTreeMap<u32, BTreeSet<u32>>,
        taken: &mut BTreeMap<(Func, u32), BranchReason>,
    ) -> Option<()> {
        let function = self.scope.object.program().funcs.get(func)?;
        let place = |block: Block| function.layout().iter().position(|known| *known == block);
        let mut decided: Vec<Decided> = self.decided_in(func).to_vec();
        decided.sort_by_cached_key(|branch| (place(branch.edge.0), branch.slot));
        let mut cut = Vec::new();
        let mut before = reached(function, &cut);
        for branches in decided.chunk_by(|a, b| a.slot == b.slot) {
            self.spend(function.layout().len())?;
            let Some(first) = branches.first() else { continue };
            cut.extend(branches.iter().map(|branch| branch.edge));
            let after = reached(function, &cut);
            let dead = function
                .insts()
                .filter(|(block, _)| before.contains(block) && !after.contains(block));
            let jump = function.terminator(first.edge.0);
            let here = jump.and_then(|jump| self.line(function.inst(jump).line));
            let none = BTreeSet::new();
            let live = here.and_then(|(file, _)| live.get(&file)).unwrap_or(&none);
            let (mut count, mut lines) = (0, BTreeSet::new());
            for (_, inst) in dead {
                let data = function.inst(inst);
                count += if matches!(data.op, Op::LdImm64 { .. }) { 2 } else { 1 };
                if let (Some((file, line)), Some((own, _))) = (self.own_line(data), here)
                    && file == own
                    && !live.contains(&line)
                {
                    lines.insert(line);
                }
            }
            let reason = BranchReason {
                conditions: Vec::new(),
                dead_instructions: count,
                dead_lines: ranges(&lines, live),
            };
            taken.insert((func, first.slot), reason);
            before = after;
        }
        Some(())
    }

    /// Why what is still there is needed, and what became of every load of read-only data.
    pub(super) fn explain(&mut self) -> Explained {
        let loads = loads::loads(self.scope.object);
        let mut by_slot: BTreeMap<(Func, u32), &Load> = BTreeMap::new();
        for load in &loads {
            if let Some(slot) = load.instruction {
                by_slot.insert((load.function, slot), load);
            }
        }
        Explained {
            present: self.present(&by_slot),
            loads: self.load_fates(&loads),
            open: self.open_branches(&by_slot),
        }
    }

    /// The branches of code that can run which nothing has decided, and what they guard.
    fn open_branches(&mut self, loads: &BTreeMap<(Func, u32), &Load>) -> Vec<OpenBranch> {
        let mut found = Vec::new();
        let funcs = self.scope.object.program().funcs.iter();
        for (func, function) in funcs {
            if !self.live.nodes.contains(&Node::Func(func)) {
                continue;
            }
            let cut = self.cut_edges(func);
            let alive = reached(function, &cut);
            for &block in function.layout().iter().filter(|block| alive.contains(block)) {
                let Some(jump) = function.terminator(block) else { continue };
                let Op::Branch { .. } = function.op(jump) else { continue };
                if function.successors(block).any(|to| cut.contains(&(block, to))) {
                    continue;
                }
                let conditions = self.open_conditions(func, function, block, &cut, loads);
                let Some(conditions) = conditions.filter(|found| !found.is_empty()) else {
                    continue;
                };
                if self.spend(2 * function.layout().len()).is_none() {
                    return found;
                }
                let here = self.line(function.inst(jump).line);
                let (mut guarded, mut others) = (BTreeSet::new(), BTreeSet::new());
                let ways: Vec<Block> = function.successors(block).collect();
                for way in ways {
                    let mut cut = cut.clone();
                    cut.push((block, way));
                    let left = reached(function, &cut);
                    for (at, inst) in function.insts().filter(|(at, _)| alive.contains(at)) {
                        let line = self.own_line(function.inst(inst));
                        if let Some((_, line)) =
                            line.filter(|(file, _)| here.is_some_and(|(own, _)| own == *file))
                        {
                            match left.contains(&at) {
                                true => others.insert(line),
                                false => guarded.insert(line),
                            };
                        }
                    }
                }
                let lines = ranges(&guarded, &others.difference(&guarded).copied().collect());
                let at = self.location(func, function.inst(jump).origin);
                found.push(OpenBranch { at, conditions, lines });
            }
        }
        found
    }

    fn present(&mut self, by_slot: &BTreeMap<(Func, u32), &Load>) -> Vec<PresentReport> {
        let graph = &self.live.graph;
        let mut parents: BTreeMap<Node, Option<(Node, Need)>> = BTreeMap::new();
        let mut work = VecDeque::new();
        for root in self.scope.roots.iter().filter(|root| self.live.nodes.contains(root)) {
            parents.insert(*root, None);
            work.push_back(*root);
        }
        while let Some(node) = work.pop_front() {
            for (needed, need) in graph.needs(node) {
                if let std::collections::btree_map::Entry::Vacant(entry) = parents.entry(needed) {
                    entry.insert(Some((node, need)));
                    work.push_back(needed);
                }
            }
        }
        let nodes: Vec<Node> = self.live.nodes.iter().copied().collect();
        let mut freed: BTreeMap<(Node, Node), Vec<FreedBy>> = BTreeMap::new();
        let mut present = Vec::new();
        for node in nodes {
            let mut chain = vec![(node, None)];
            let mut at = node;
            while let Some(Some((user, need))) = parents.get(&at) {
                chain.push((*user, Some(*need)));
                at = *user;
            }
            if !parents.contains_key(&node) {
                continue;
            }
            let mut freed_by: Vec<FreedBy> = Vec::new();
            for (used, user) in chain.iter().zip(chain.iter().skip(1)) {
                let (Node::Func(func), Some(need)) = *user else { continue };
                let known = match freed.get(&(user.0, used.0)) {
                    Some(known) => known.clone(),
                    None => {
                        let found = self.freed_by(func, used.0, need, by_slot);
                        freed.insert((user.0, used.0), found.clone());
                        found
                    }
                };
                for one in known {
                    if freed_by.len() < MANY && !freed_by.contains(&one) {
                        freed_by.push(one);
                    }
                }
            }
            let used_at = match chain.get(1) {
                Some((Node::Func(func), Some(need))) => self.first_use(*func, node, *need),
                _ => None,
            };
            let links = chain.iter().rev().map(|(node, need)| Link {
                name: self.scope.name(*node),
                kind: kind(self.scope, *node),
                how: need.map(|need| match need {
                    Need::Code => How::Code,
                    Need::TailCall => How::TailCall,
                    Need::Data => How::Data,
                    Need::Name => How::Name,
                }),
            });
            present.push(PresentReport {
                name: self.scope.name(node),
                kind: kind(self.scope, node),
                root: self.root(at),
                chain: links.collect(),
                at: used_at,
                freed_by,
            });
        }
        present
    }

    /// Why a part is needed in any case.
    fn root(&self, node: Node) -> String {
        let scope = self.scope;
        if let Some((_, why)) = scope.kept.iter().find(|(kept, _)| *kept == node) {
            return why.to_string();
        }
        let Node::Func(func) = node else { return "it is needed in any case".to_owned() };
        let is_in = |patterns: &[String]| all_programs(scope.object, patterns).contains(&func);
        let keep = functions(scope.object, &scope.options.keep_functions);
        if is_in(&scope.options.entries) {
            "--entry names it".to_owned()
        } else if keep.contains(&func) {
            "--keep-func names it".to_owned()
        } else if scope.object.links().is_program(scope.object.program(), func) {
            let link = scope.object.links().funcs.get(func);
            let section = link.map(|link| scope.object.elf().section_id(link.section).name);
            format!("a program, in section {}", section.unwrap_or_default())
        } else {
            "a function that others than the object's code can enter".to_owned()
        }
    }

    fn first_use(&mut self, func: Func, node: Node, need: Need) -> Option<crate::report::Location> {
        if need != Need::Code {
            return None;
        }
        let function = self.program.funcs.get(func)?;
        let (object, maps) = (self.scope.object, &self.scope.maps);
        let mut insts = function.insts().map(|(_, inst)| function.inst(inst));
        let used = insts.find(|data| super::graph::named(object, maps, &data.op) == Some(node))?;
        Some(self.location(func, used.origin))
    }

    /// The branches that could be decided so that a function no longer needs something.
    fn freed_by(
        &mut self,
        func: Func,
        needed: Node,
        need: Need,
        loads: &BTreeMap<(Func, u32), &Load>,
    ) -> Vec<FreedBy> {
        let mut found = Vec::new();
        let _ = self.add_freed_by(func, needed, need, loads, &mut found);
        found
    }

    fn add_freed_by(
        &mut self,
        func: Func,
        needed: Node,
        need: Need,
        loads: &BTreeMap<(Func, u32), &Load>,
        found: &mut Vec<FreedBy>,
    ) -> Option<()> {
        let function = self.scope.object.program().funcs.get(func)?;
        self.spend(function.inst_bound())?;
        let cut = self.cut_edges(func);
        let alive = reached(function, &cut);
        let uses = self.uses(func, needed, need);
        let uses = uses.into_iter().filter(|(_, to)| alive.contains(to)).collect::<Vec<_>>();
        if uses.is_empty() {
            return None;
        }
        for &block in function.layout().iter().filter(|block| alive.contains(block)) {
            let Some(inst) = function.terminator(block) else { continue };
            let Op::Branch { .. } = function.op(inst) else { continue };
            let ways: Vec<Block> = function.successors(block).collect();
            let ways: Vec<Block> =
                ways.into_iter().filter(|to| !cut.contains(&(block, *to))).collect();
            if ways.len() < 2 {
                continue;
            }
            self.spend(2 * function.layout().len())?;
            let frees = |way: &Block| {
                let mut cut = cut.clone();
                cut.push((block, *way));
                let reached = reached(function, &cut);
                uses.iter().all(|&(from, to)| match from {
                    None => !reached.contains(&to),
                    Some(from) => {
                        !reached.contains(&from)
                            || !reached_from(function, from, &cut).contains(&to)
                    }
                })
            };
            if !ways.iter().any(frees) {
                continue;
            }
            let conditions = self.open_conditions(func, function, block, &cut, loads)?;
            if !conditions.is_empty() {
                let at = self.location(func, function.inst(inst).origin);
                found.push(FreedBy { at, conditions });
            }
            if found.len() == MANY {
                break;
            }
        }
        Some(())
    }

    /// What a branch hangs on that somebody could tell: open variables, questions of CO-RE,
    /// symbols of the kernel.
    fn open_conditions(
        &mut self,
        func: Func,
        function: &Function,
        block: Block,
        cut: &[(Block, Block)],
        loads: &BTreeMap<(Func, u32), &Load>,
    ) -> Option<Vec<Condition>> {
        let jump = function.terminator(block)?;
        let start = Start { block, before: function.block(block).insts.len() };
        let regs = function.op(jump).uses();
        let text = self.location(func, function.inst(jump).origin).source;
        let text = text.map(|source| source.text).unwrap_or_default();
        let mut found: Vec<Condition> = Vec::new();
        self.add_open(func, start, regs, cut, (&text, loads, MAX_CALLS), &mut found)?;
        Some(found)
    }

    /// What registers hang on at a place that somebody could tell, through static calls.
    fn add_open(
        &mut self,
        func: Func,
        start: Start,
        regs: RegSet,
        cut: &[(Block, Block)],
        (text, loads, calls): (&str, &BTreeMap<(Func, u32), &Load>, u32),
        found: &mut Vec<Condition>,
    ) -> Option<()> {
        let function = self.scope.object.program().funcs.get(func)?;
        let slice = slice(function, start, regs, cut, &mut |steps| self.spend(steps))?;
        self.spend(function.inst_bound())?;
        let mut add = |kind, name: String| {
            let condition = Condition { kind, name, value: None, by: "open".to_owned() };
            if !found.contains(&condition) {
                found.push(condition);
            }
        };
        for (_, inst) in function.insts() {
            let data = function.inst(inst);
            let Some(slot) = data.origin.filter(|slot| slice.slots.contains(slot)) else {
                continue;
            };
            let is_answered = self.core.contains_key(&(func, slot));
            if let Some(core) = data.core.filter(|_| !is_answered) {
                add(ConditionKind::Core, core::question_text(self.scope.object, core));
            }
            if let Op::LdImm64 { imm: Imm64::Extern(ext), .. } = data.op
                && let Some(ext) = self.scope.object.program().externs.get(ext)
            {
                add(ConditionKind::KernelSymbol, ext.name.clone());
            }
            let Some(load) = loads.get(&(func, slot)) else { continue };
            if self.folded.contains_key(&(func, slot)) {
                continue;
            }
            if let Some(bytes) = &load.bytes {
                let named = self.variables.named_in(load.section_at, bytes.clone(), text);
                named.into_iter().for_each(|(name, _)| add(ConditionKind::Variable, name));
            }
        }
        let Some(calls) = calls.checked_sub(1) else { return Some(()) };
        for callee in slice.callees {
            let cut = self.cut_edges(callee);
            for (start, regs) in self.results(callee) {
                self.add_open(callee, start, regs, &cut, (text, loads, calls), found)?;
            }
        }
        for reg in slice.arguments.iter() {
            for (caller, start) in self.calls_of(func)? {
                let (cut, regs) = (self.cut_edges(caller), RegSet::of(reg));
                self.add_open(caller, start, regs, &cut, (text, loads, calls), found)?;
            }
        }
        Some(())
    }

    fn load_fates(&mut self, loads: &[Load]) -> Vec<LoadFate> {
        let mut fates = Vec::new();
        for load in loads {
            let at = self.location(load.function, load.instruction);
            let text = at.source.as_ref().map(|source| source.text.clone()).unwrap_or_default();
            let named = load
                .bytes
                .clone()
                .map(|bytes| self.variables.named_in(load.section_at, bytes, &text));
            let named = named.unwrap_or_default();
            let variable = match named.as_slice() {
                [] => load
                    .bytes
                    .clone()
                    .and_then(|bytes| self.variables.describe(load.section_at, bytes)),
                names => {
                    Some(names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", "))
                }
            };
            let fate = self.fate(load, &named);
            fates.push(LoadFate { at, section: load.section.clone(), variable, fate });
        }
        fates
    }

    fn fate(&self, load: &Load, named: &[(String, String)]) -> Fate {
        let key = load.instruction.map(|slot| (load.function, slot));
        if key.is_some_and(|key| self.folded.contains_key(&key)) {
            let values: Vec<&str> = named.iter().map(|(_, value)| value.as_str()).collect();
            let bytes = load.bytes.clone().unwrap_or_default();
            let by = self.variables.origin(load.section_at, bytes);
            return Fate::Folded { value: values.join(", "), by };
        }
        let is_there = self.program.funcs.get(load.function).is_some_and(|function| {
            let mut insts = function.insts().map(|(_, inst)| function.inst(inst));
            function.opaque.is_some() || insts.any(|data| data.origin == load.instruction)
        });
        if !is_there {
            return Fate::Removed;
        }
        let Some(bytes) = &load.bytes else { return Fate::UnknownIndex };
        let known = self.variables.finality_of(load.section_at);
        let is_final = known.is_some_and(|known| known.is_final(bytes.clone()));
        match is_final {
            true if self.log.levels[load.function] != Level::Full => Fate::FunctionLess,
            true => Fate::Removed,
            false if self.variables.is_relocated(load.section_at, bytes.clone()) => Fate::Relocated,
            false => {
                let names = named.iter().map(|(name, _)| name.clone());
                Fate::Open { variables: names.collect() }
            }
        }
    }
}

/// Lines as ranges; between two of a range no line is live.
fn ranges(lines: &BTreeSet<u32>, live: &BTreeSet<u32>) -> Vec<LineRange> {
    let mut ranges: Vec<LineRange> = Vec::new();
    for &line in lines {
        match ranges.last_mut() {
            Some(range)
                if line - range.last <= GAP && live.range(range.last..line).next().is_none() =>
            {
                range.last = line;
            }
            _ => ranges.push(LineRange { first: line, last: line }),
        }
    }
    ranges
}
