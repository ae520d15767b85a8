//! Why something went or stayed, in the terms of the source.
//!
//! What went was used by code that can no longer run. Of the code as it was read, this finds
//! the decided branch behind which it lay, and by a backward slice over registers the loads
//! that the branch was decided by.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bpfold_passes::entity::{Block, Func};
use bpfold_passes::ir::{Function, Op, Program};
use bpfold_passes::isa::{Callee, Imm64, Operand, Reg, RegSet};
use bpfold_passes::opt::fold::{Event, LoadSource};
use bpfold_passes::pass::FoldLog;

use super::constants::{Constant, CutSection};
use super::graph::{Need, named};
use super::slice::{Start, reached, reached_from, slice};
use super::tail::{is_tail_call, open_tail_calls};
use super::{Live, Scope};
use crate::kernel::core::Answered;
use crate::lines::Lines;
use crate::parts::{Node, all_programs, is_data_map};
use crate::report::{
    Asked, BranchReason, Bytes, Cause, Condition, ConditionKind, ConstantReport, CutReport,
    DeadReport, Explained, KeepReason, KeptReport, Location, Note, PartKind,
};
use crate::variables::Variables;

/// Branches that are named at most where only several together are the reason.
const MANY: usize = 3;

/// What is dead and what is kept without being used, with the reasons.
pub(crate) struct Reasons {
    pub dead: Vec<DeadReport>,
    pub cut: Vec<CutReport>,
    pub kept: Vec<KeptReport>,
    pub notes: Vec<Note>,
    /// Of each decided branch, in the order of the events.
    pub branches: Vec<BranchReason>,
    /// What was asked for with `explain`.
    pub explained: Option<Explained>,
}

/// What the reasons are found in.
pub(crate) struct Findings<'a> {
    pub scope: &'a Scope<'a>,
    pub live: &'a Live,
    /// The code after folding.
    pub program: &'a Program,
    /// The programs in it that only return, since they are entered no more.
    pub stubs: &'a BTreeSet<Func>,
    pub log: &'a FoldLog,
    pub variables: &'a Variables<'a>,
    /// The answers of CO-RE relocations.
    pub core: &'a Answered,
}

/// Finds the reasons; with `explain` also those of what is still there.
pub(crate) fn reasons(
    findings: &Findings<'_>,
    cut: &[CutSection],
    lines: &mut Lines<'_>,
    explain: bool,
) -> Reasons {
    let Findings { scope, live, program, stubs, log, .. } = *findings;
    let insts = scope.object.program().funcs.values().map(|func| func.inst_bound() as u64);
    let insts = insts.sum::<u64>();
    let budget = (BUDGET.0 * insts).min(BUDGET.1);
    let mut finder = Finder::new(findings, lines, budget);
    let empty = |func: &Function| func.opaque.is_none() && func.layout().is_empty();
    let gone = program.funcs.iter().zip(scope.object.program().funcs.values());
    let gone = gone.filter(|((_, after), before)| empty(after) && !empty(before));
    let gone: BTreeSet<Func> = gone.map(|((func, _), _)| func).collect();
    let mut nodes: Vec<Node> = gone.iter().copied().map(Node::Func).collect();
    nodes.extend(scope.dead(live, |node| match node {
        Node::Func(_) => None,
        Node::Map(_) | Node::Data(_) | Node::Extern(_) => Some(node),
    }));
    let dead = nodes.into_iter().map(|node| finder.dead(node)).collect();
    let cut = cut.iter().map(|cut| finder.cut(cut)).collect();
    let mut notes = finder.empty_slots();
    let entered_no_more = gone.union(stubs).copied().collect();
    notes.extend(dropped_targets(scope, program, log, &entered_no_more));
    finder.budget = (BRANCH_BUDGET.0 * insts).min(BRANCH_BUDGET.1);
    let branches = finder.branches();
    let explained = explain.then(|| {
        finder.budget = EXPLAIN_BUDGET;
        finder.explain()
    });
    let stubs = stubs.iter().map(|stub| KeptReport {
        name: scope.name(Node::Func(*stub)),
        kind: PartKind::Program,
        reason: KeepReason::Interface,
    });
    let kept = stubs.chain(kept(scope, live)).collect();
    Reasons { dead, cut, kept, notes, branches, explained }
}

/// The programs that go since others are named as entries, while a tail call that can run uses a
/// prog array of which it is not known what fills it: userspace can put these programs there.
fn dropped_targets(
    scope: &Scope<'_>,
    program: &Program,
    log: &FoldLog,
    gone: &BTreeSet<Func>,
) -> Option<Note> {
    let Scope { object, options, maps, .. } = scope;
    if options.entries.is_empty() {
        return None;
    }
    let dropped = all_programs(object, &options.drops);
    let in_slots: BTreeSet<Func> = maps.filled().flat_map(|(_, def)| def.programs()).collect();
    let is_program = |func: &&Func| object.links().is_program(object.program(), **func);
    let lost = gone.iter().filter(is_program);
    let lost = lost.filter(|func| !dropped.contains(func) && !in_slots.contains(func));
    let programs: Vec<String> = lost.map(|func| scope.name(Node::Func(*func))).collect();
    if programs.is_empty() {
        return None;
    }
    let entered = scope.entered(gone);
    let (funcs, maps) = open_tail_calls(object, maps, program, &entered, &log.levels);
    let by: Vec<String> = funcs.iter().map(|func| scope.name(Node::Func(*func))).collect();
    (!by.is_empty()).then(|| Note::DroppedTargets {
        programs,
        by,
        maps: maps.into_iter().collect(),
    })
}

/// Maps, sections and externs that are there although no program needs them, and maps that
/// programs need without naming them.
fn kept(scope: &Scope<'_>, live: &Live) -> Vec<KeptReport> {
    let (program, links) = (scope.object.program(), scope.object.links());
    let is_program =
        |node: &&Node| matches!(node, Node::Func(func) if links.is_program(program, *func));
    let roots = scope.roots.iter().filter(is_program);
    let by_programs = live.graph.reach(roots.copied());
    let named = |node: Node| {
        let users = live.graph.users(node);
        users.iter().any(|(user, need)| *need == Need::Code && live.nodes.contains(user))
    };
    // A map in a map that a program uses has a name that no code knows.
    let unused = live.nodes.iter().filter(|node| {
        !by_programs.contains(node) || matches!(node, Node::Map(_)) && !named(**node)
    });
    unused
        .filter_map(|node| {
            let reason = match scope.kept.iter().find(|(kept, _)| kept == node) {
                Some((_, why)) => why.clone(),
                None => {
                    let users = live.graph.users(*node);
                    let holder = users.iter().find(|(user, _)| live.nodes.contains(user))?;
                    let by = scope.name(holder.0);
                    match holder.0 {
                        Node::Func(_) if holder.1 == Need::Name => KeepReason::FoundByName,
                        Node::Func(_) => KeepReason::NotCalled { by },
                        Node::Map(_) | Node::Data(_) | Node::Extern(_) => KeepReason::Held { by },
                    }
                }
            };
            let kind = kind(scope, *node);
            let shown = match kind {
                PartKind::Map | PartKind::Extern => true,
                PartKind::Section => {
                    let section = section(scope, *node)?;
                    is_data_map(section) || section.name.starts_with(b".struct_ops")
                }
                PartKind::Program | PartKind::Subprogram => false,
            };
            shown.then(|| KeptReport { name: scope.name(*node), kind, reason })
        })
        .collect()
}

fn section<'s>(scope: &Scope<'s>, node: Node) -> Option<&'s crate::elf::Section> {
    match node {
        Node::Data(section) => scope.object.elf().sections.get(section),
        Node::Func(_) | Node::Map(_) | Node::Extern(_) => None,
    }
}

pub(super) fn kind(scope: &Scope<'_>, node: Node) -> PartKind {
    match node {
        Node::Func(func) => match scope.object.program().funcs[func].linkage {
            bpfold_passes::ir::Linkage::Entry => PartKind::Program,
            bpfold_passes::ir::Linkage::Global | bpfold_passes::ir::Linkage::Static => {
                PartKind::Subprogram
            }
        },
        Node::Map(_) => PartKind::Map,
        Node::Data(_) => PartKind::Section,
        Node::Extern(_) => PartKind::Extern,
    }
}

/// Steps that finding causes may take for each instruction of the object, and in all, a step
/// being a block, an edge or an event that is looked at; what is dead beyond that has no cause
/// in the report.
const BUDGET: (u64, u64) = (1 << 10, 1 << 24);

/// The same for what branches were decided by.
const BRANCH_BUDGET: (u64, u64) = (1 << 9, 1 << 23);

/// The same for what is asked for with `explain`.
const EXPLAIN_BUDGET: u64 = 1 << 26;

/// Through how many calls a condition is followed.
pub(super) const MAX_CALLS: u32 = 3;

pub(super) struct Finder<'a, 'l> {
    pub(super) scope: &'a Scope<'a>,
    pub(super) live: &'a Live,
    pub(super) program: &'a Program,
    pub(super) log: &'a FoldLog,
    pub(super) variables: &'a Variables<'a>,
    pub(super) core: &'a Answered,
    pub(super) lines: &'a mut Lines<'l>,
    /// The events of folded loads by function and slot.
    pub(super) folded: BTreeMap<(Func, u32), Vec<Event>>,
    /// The edges that are never taken, by function.
    cuts: BTreeMap<Func, Vec<Decided>>,
    pub(super) budget: u64,
}

impl<'a, 'l> Finder<'a, 'l> {
    fn new(findings: &Findings<'a>, lines: &'a mut Lines<'l>, budget: u64) -> Self {
        let Findings { scope, live, program, log, variables, core, .. } = *findings;
        let mut folded: BTreeMap<(Func, u32), Vec<Event>> = BTreeMap::new();
        let mut with_branches = BTreeSet::new();
        for event in &log.events {
            match event {
                Event::LoadFolded { func, slot: Some(slot), .. } => {
                    folded.entry((*func, *slot)).or_default().push(*event);
                }
                Event::LoadFolded { .. } => {}
                Event::BranchDecided { func, .. } | Event::JumpDecided { func, .. } => {
                    with_branches.insert(*func);
                }
            }
        }
        let funcs = &scope.object.program().funcs;
        let cuts = with_branches.into_iter().filter_map(|func| {
            let function = funcs.get(func)?;
            Some((func, decided(function, func, log)))
        });
        let cuts = cuts.collect();
        Finder { scope, live, program, log, variables, core, lines, folded, cuts, budget }
    }

    /// The edges of a function that are never taken.
    pub(super) fn cut_edges(&self, func: Func) -> Vec<(Block, Block)> {
        self.cuts.get(&func).into_iter().flatten().map(|branch| branch.edge).collect()
    }

    pub(super) fn decided_in(&self, func: Func) -> &[Decided] {
        self.cuts.get(&func).map_or(&[], Vec::as_slice)
    }

    pub(super) fn location(&mut self, func: Func, slot: Option<u32>) -> Location {
        self.lines.location(func, slot)
    }
}

impl Finder<'_, '_> {
    fn dead(&mut self, node: Node) -> DeadReport {
        let users = self.scope.graph.users(node);
        let users =
            users.iter().filter(|(user, _)| *user != node && self.scope.before.contains(user));
        let last_used_by = users.map(|(user, _)| self.scope.name(*user)).collect();
        let cause = self.cause(node);
        DeadReport {
            name: self.scope.name(node),
            kind: kind(self.scope, node),
            last_used_by,
            cause,
            asked: self.asked(node),
        }
    }

    /// The option by which the user removes a program.
    fn asked(&self, node: Node) -> Option<Asked> {
        let Scope { object, options, .. } = self.scope;
        let Node::Func(func) = node else { return None };
        if !object.links().is_program(object.program(), func) {
            return None;
        }
        if all_programs(object, &options.drops).contains(&func) {
            return Some(Asked::Drop);
        }
        (!options.entries.is_empty()).then_some(Asked::Entry)
    }

    /// None if there is no more to spend.
    pub(super) fn spend(&mut self, steps: usize) -> Option<()> {
        self.budget = self.budget.checked_sub(u64::try_from(steps).ok()?)?;
        Some(())
    }

    /// Goes up from what is dead to live functions that no longer need what leads to it.
    fn cause(&mut self, node: Node) -> Option<Cause> {
        let mut seen = BTreeSet::from([node]);
        let mut work = std::collections::VecDeque::from([node]);
        while let Some(dead) = work.pop_front() {
            let users = self.scope.graph.users(dead);
            // Each is looked up in sets: dearer than a block.
            self.spend(16 * (1 + users.len()))?;
            for (user, need) in users {
                match user {
                    Node::Func(func) if self.live.nodes.contains(&user) => {
                        if let Some(cause) = self.cause_in(func, dead, need) {
                            return Some(cause);
                        }
                    }
                    _ if seen.insert(user) => work.push_back(user),
                    _ => {}
                }
            }
        }
        None
    }

    fn cut(&mut self, cut: &CutSection) -> CutReport {
        let size = |bytes: &Range<u64>| bytes.end.saturating_sub(bytes.start);
        let report = |bytes: &Range<u64>| Bytes { offset: bytes.start, size: size(bytes) };
        let gone: u64 = cut.bytes.iter().map(size).sum();
        let constants = cut.constants.iter().map(|constant| {
            let readers: BTreeSet<Func> = constant.readers.iter().map(|(func, _)| *func).collect();
            ConstantReport {
                name: constant.name.clone(),
                text: text(&constant.content),
                bytes: report(&constant.bytes),
                last_used_by: readers
                    .iter()
                    .map(|func| self.scope.name(Node::Func(*func)))
                    .collect(),
                cause: readers.iter().find_map(|func| self.cause_of(constant, *func)),
            }
        });
        CutReport {
            section: cut.name.clone(),
            before: cut.size,
            after: cut.size.saturating_sub(gone),
            constants: constants.collect(),
            bytes: cut.bytes.iter().map(report).collect(),
        }
    }

    /// Why a function no longer reads a constant.
    fn cause_of(&mut self, constant: &Constant, func: Func) -> Option<Cause> {
        if !self.live.nodes.contains(&Node::Func(func)) {
            return self.cause(Node::Func(func));
        }
        let here = constant.readers.iter().filter(|(reader, _)| *reader == func);
        self.cause_from(func, here.map(|(_, block)| (None, *block)).collect())
    }

    /// The branches of a live function that keep it from what is dead.
    fn cause_in(&mut self, func: Func, dead: Node, need: Need) -> Option<Cause> {
        let function = self.scope.object.program().funcs.get(func)?;
        self.spend(function.inst_bound())?;
        let uses = self.uses(func, dead, need);
        self.cause_from(func, uses)
    }

    /// The branches of a live function that keep it from some of its blocks.
    fn cause_from(&mut self, func: Func, uses: Uses) -> Option<Cause> {
        let function = self.scope.object.program().funcs.get(func)?;
        let decided = self.decided_in(func).to_vec();
        let (branches, blocks) = (decided.len(), function.layout().len());
        self.spend((1 + branches) * (blocks + branches))?;
        let keeps = |cut: &[(Block, Block)]| {
            let reached = reached(function, cut);
            uses.iter().all(|&(from, to)| match from {
                None => !reached.contains(&to),
                Some(from) => {
                    !reached.contains(&from) || !reached_from(function, from, cut).contains(&to)
                }
            })
        };
        let all: Vec<(Block, Block)> = decided.iter().map(|branch| branch.edge).collect();
        if uses.is_empty() || !keeps(&all) {
            return None;
        }
        let alone = decided.iter().find(|branch| keeps(&[branch.edge]));
        let branches: Vec<&Decided> = match alone {
            Some(branch) => vec![branch],
            None => {
                let leads = |branch: &&Decided| {
                    let from = reached_from(function, branch.edge.1, &[]);
                    uses.iter().any(|(_, to)| from.contains(to))
                };
                decided.iter().filter(leads).take(MANY).collect()
            }
        };
        let mut conditions: Vec<String> = Vec::new();
        for branch in &branches {
            let mut all = self.conditions(func, branch);
            let is_variable = |condition: &Condition| condition.kind == ConditionKind::Variable;
            if all.iter().any(is_variable) {
                all.retain(is_variable);
            }
            for condition in all {
                let Condition { name, value, .. } = condition;
                let condition = match value {
                    Some(value) => format!("{name} = {value}"),
                    None => name,
                };
                if !conditions.contains(&condition) {
                    conditions.push(condition);
                }
            }
        }
        let first = branches.first()?;
        Some(Cause { at: self.lines.location(func, Some(first.slot)), conditions })
    }

    pub(super) fn uses(&self, func: Func, dead: Node, need: Need) -> Uses {
        let Scope { object, maps, .. } = self.scope;
        let function = &object.program().funcs[func];
        let mut blocks = BTreeSet::new();
        for (block, inst) in function.insts() {
            match need {
                Need::Code | Need::Data | Need::Name => {
                    if named(object, maps, function.op(inst)) == Some(dead) {
                        blocks.insert((None, block));
                    }
                }
                Need::TailCall if is_tail_call(function.op(inst)) => {
                    let at = function.inst(inst).origin;
                    let mut slots = self.slots(func, at, dead).peekable();
                    match slots.peek() {
                        _ if self.is_anywhere(func, at, dead) => {
                            blocks.insert((None, block));
                        }
                        Some((_, true)) => {
                            blocks.insert((None, block));
                        }
                        Some((_, false)) => slots.for_each(|(slot, _)| {
                            let sets = index_is_set(function, slot);
                            blocks.extend(sets.map(|set| (Some(set), block)));
                        }),
                        None => {}
                    }
                }
                Need::TailCall => {}
            }
        }
        blocks
    }

    /// Whether a tail call could enter a program in a slot that is not known.
    fn is_anywhere(&self, func: Func, at: Option<u32>, dead: Node) -> bool {
        let defs = &self.scope.maps.defs;
        let mut calls = self.scope.tails.iter().filter(|call| call.func == func && call.at == at);
        let is_dead = |program: &Func| Node::Func(*program) == dead;
        calls.any(|call| call.maps.iter().any(|map| defs[*map].anywhere.iter().any(is_dead)))
    }

    /// The slots with a program that a tail call could enter, and whether it enters no other.
    fn slots(
        &self,
        func: Func,
        at: Option<u32>,
        dead: Node,
    ) -> impl Iterator<Item = (u32, bool)> + '_ {
        let defs = &self.scope.maps.defs;
        let calls = self.scope.tails.iter().filter(move |call| call.func == func && call.at == at);
        calls.flat_map(move |call| {
            let slots = call.maps.iter().flat_map(|map| &defs[*map].slots);
            let slots = slots.filter(move |(_, program)| Node::Func(**program) == dead);
            let slots = slots.filter(|(slot, _)| call.enters(**slot));
            slots.map(|(slot, _)| (*slot, call.constant_index().is_some()))
        })
    }

    /// What a branch was decided by.
    pub(super) fn conditions(&mut self, func: Func, branch: &Decided) -> Vec<Condition> {
        let mut found = Vec::new();
        let Some(function) = self.scope.object.program().funcs.get(func) else { return found };
        let block = branch.edge.0;
        let Some(inst) = function.terminator(block) else { return found };
        let start = Start { block, before: function.block(block).insts.len() };
        let text = self.location(func, Some(branch.slot)).source.map(|source| source.text);
        let text = text.unwrap_or_default();
        let regs = function.op(inst).uses();
        self.add_conditions(func, start, regs, &text, MAX_CALLS, &mut found);
        found
    }

    /// What registers come from at a place, through calls.
    fn add_conditions(
        &mut self,
        func: Func,
        start: Start,
        regs: RegSet,
        text: &str,
        calls: u32,
        found: &mut Vec<Condition>,
    ) -> Option<()> {
        let function = self.scope.object.program().funcs.get(func)?;
        let cut = self.cut_edges(func);
        let slice = slice(function, start, regs, &cut, &mut |steps| self.spend(steps))?;
        let mut add = |condition: Condition| {
            if !found.contains(&condition) {
                found.push(condition);
            }
        };
        for &slot in &slice.slots {
            for event in self.folded.get(&(func, slot)).cloned().unwrap_or_default() {
                self.of_load(&event, text).into_iter().for_each(&mut add);
            }
            if let Some(answer) = self.core.get(&(func, slot)) {
                add(Condition {
                    kind: ConditionKind::Core,
                    name: answer.0.clone(),
                    value: Some(answer.1.to_string()),
                    by: "--btf".to_owned(),
                });
            }
        }
        self.spend(function.inst_bound())?;
        let symbols = function.insts().filter_map(|(_, inst)| {
            let data = function.inst(inst);
            let Op::LdImm64 { imm: Imm64::Extern(ext), .. } = data.op else { return None };
            data.origin.filter(|slot| slice.slots.contains(slot)).map(|_| ext)
        });
        for ext in symbols {
            let name = self.scope.object.program().externs.get(ext).map(|ext| ext.name.clone());
            let name = name.unwrap_or_default();
            // An option of `.kconfig` is told by its load.
            if !found.iter().any(|known| known.name == name) {
                let (kind, by) = (ConditionKind::KernelSymbol, String::new());
                found.push(Condition { kind, name, value: None, by });
            }
        }
        if calls == 0 {
            return Some(());
        }
        for callee in slice.callees {
            let known = found.len();
            self.of_result(callee, text, calls - 1, found);
            if found.len() == known {
                let name = format!("what {} returns", self.scope.name(Node::Func(callee)));
                let kind = ConditionKind::Result;
                found.push(Condition { kind, name, value: None, by: String::new() });
            }
        }
        for reg in slice.arguments.iter() {
            let known = found.len();
            self.of_argument(func, reg, text, calls - 1, found);
            let is_static = function.linkage == bpfold_passes::ir::Linkage::Static;
            if found.len() == known && is_static {
                let name = self.scope.name(Node::Func(func));
                let name = format!("argument {} of {name}", reg.number());
                let kind = ConditionKind::Argument;
                found.push(Condition { kind, name, value: None, by: String::new() });
            }
        }
        Some(())
    }

    /// What a static function returns comes from.
    fn of_result(
        &mut self,
        callee: Func,
        text: &str,
        calls: u32,
        found: &mut Vec<Condition>,
    ) -> Option<()> {
        for (start, regs) in self.results(callee) {
            self.add_conditions(callee, start, regs, text, calls, found)?;
        }
        Some(())
    }

    /// Where a function returns its result, and the register that holds it.
    pub(super) fn results(&self, callee: Func) -> Vec<(Start, RegSet)> {
        let Some(function) = self.scope.object.program().funcs.get(callee) else {
            return Vec::new();
        };
        let reached = reached(function, &self.cut_edges(callee));
        let exits = reached.into_iter().filter(|block| {
            let inst = function.terminator(*block);
            inst.is_some_and(|inst| matches!(function.op(inst), Op::Exit))
        });
        let start = |block| Start { block, before: function.block(block).insts.len() };
        exits.map(|block| (start(block), RegSet::of(Reg::R0))).collect()
    }

    /// The calls of a static function by code that can run; none of one that others can call.
    pub(super) fn calls_of(&mut self, func: Func) -> Option<Vec<(Func, Start)>> {
        let funcs = &self.scope.object.program().funcs;
        let mut found = Vec::new();
        if funcs.get(func)?.linkage != bpfold_passes::ir::Linkage::Static {
            return Some(found);
        }
        for (caller, function) in funcs.iter() {
            self.spend(function.inst_bound())?;
            if !self.live.nodes.contains(&Node::Func(caller)) {
                continue;
            }
            for &block in function.layout() {
                for (before, &inst) in function.block(block).insts.iter().enumerate() {
                    if matches!(function.op(inst), Op::Call(Callee::Func(to)) if *to == func) {
                        found.push((caller, Start { block, before }));
                    }
                }
            }
        }
        Some(found)
    }

    /// What an argument of a static function comes from, in all calls.
    fn of_argument(
        &mut self,
        func: Func,
        reg: Reg,
        text: &str,
        calls: u32,
        found: &mut Vec<Condition>,
    ) -> Option<()> {
        for (caller, start) in self.calls_of(func)? {
            let regs = RegSet::of(reg);
            self.add_conditions(caller, start, regs, text, calls, found)?;
        }
        Some(())
    }

    /// The variables of a folded load. Where it reads several members, those that the source
    /// names.
    fn of_load(&mut self, event: &Event, text: &str) -> Vec<Condition> {
        let Event::LoadFolded { source, size, value, .. } = *event else { return Vec::new() };
        let program = self.scope.object.program();
        let (section, offset) = match source {
            LoadSource::Section { section, offset } => (section, offset),
            LoadSource::Extern { ext, .. } => {
                let name = program.externs.get(ext).map(|ext| ext.name.clone());
                let name = name.unwrap_or_default();
                let by = match name.starts_with("CONFIG_") {
                    true => "--kconfig",
                    false => "--kernel",
                };
                return vec![Condition {
                    kind: ConditionKind::KernelOption,
                    name,
                    value: Some(value.to_string()),
                    by: by.to_owned(),
                }];
            }
        };
        let Some(link) = self.scope.object.links().sections.get(section) else {
            return Vec::new();
        };
        let Ok(start) = u64::try_from(offset) else { return Vec::new() };
        let bytes = start..start.saturating_add(u64::from(size.bytes()));
        let by = self.variables.origin(link.index, bytes.clone());
        let named = self.variables.named_in(link.index, bytes, text);
        let kind = ConditionKind::Variable;
        let condition =
            |(name, value)| Condition { kind, name, value: Some(value), by: by.clone() };
        match named.is_empty() {
            false => named.into_iter().map(condition).collect(),
            true => {
                let section = program.sections.get(section);
                let section = section.map(|section| section.name.clone()).unwrap_or_default();
                vec![condition((format!("{section}+{offset:#x}"), format!("{value:#x}")))]
            }
        }
    }

    /// Live tail calls into slots that nothing fills.
    fn empty_slots(&mut self) -> Vec<Note> {
        let mut notes = Vec::new();
        for call in &self.live.tails {
            let ([map], Some(index)) = (call.maps.as_slice(), call.constant_index()) else {
                continue;
            };
            let def = &self.scope.maps.defs[*map];
            let is_empty = !def.slots.contains_key(&index) && def.anywhere.is_empty();
            if is_empty && self.live.nodes.contains(&Node::Func(call.func)) {
                let note = Note::EmptySlot {
                    at: self.lines.location(call.func, call.at),
                    map: def.name.clone(),
                    slot: index,
                };
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
        notes
    }
}

/// The blocks that give the index of a tail call, in `r3`, this value: paths with several
/// values share the call.
fn index_is_set(function: &Function, slot: u32) -> impl Iterator<Item = Block> + '_ {
    let sets = move |op: &Op| matches!(op, Op::Mov { dst: Reg::R3, src: Operand::Imm(imm), .. } if *imm as u32 == slot);
    function.insts().filter(move |(_, inst)| sets(function.op(*inst))).map(|(block, _)| block)
}

/// The blocks of a function that need something, or pairs of a block that sets the index of a
/// tail call and the block of the call.
pub(super) type Uses = BTreeSet<(Option<Block>, Block)>;

/// The string that some bytes are: characters that print, and a zero byte.
fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes.strip_suffix(&[0])?).ok()?;
    let prints = |c: char| !c.is_control() || c.is_ascii_whitespace();
    (!text.is_empty() && text.chars().all(prints)).then(|| text.to_owned())
}

/// A branch that was decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decided {
    /// Slot of the original instruction.
    pub slot: u32,
    /// The edge that is never taken.
    pub edge: (Block, Block),
}

fn decided(function: &Function, func: Func, log: &FoldLog) -> Vec<Decided> {
    let mut list: Vec<Decided> = Vec::new();
    for event in &log.events {
        if let Event::JumpDecided { func: at, slot: Some(slot), entry: Some(entry), .. } = *event
            && at == func
        {
            list.extend(decided_by_table(function, slot, entry));
            continue;
        }
        let Event::BranchDecided { func: at, slot: Some(slot), taken, .. } = *event else {
            continue;
        };
        if at != func || list.iter().any(|known| known.slot == slot) {
            continue;
        }
        let mut blocks = function.layout().iter();
        let found = blocks.find_map(|&block| {
            let inst = function.terminator(block)?;
            let Op::Branch { target, .. } = *function.op(inst) else { return None };
            let dead = if taken { function.block(block).next? } else { target };
            (function.inst(inst).origin == Some(slot)).then_some((block, dead))
        });
        list.extend(found.map(|edge| Decided { slot, edge }));
    }
    list
}

/// The edges of a `gotox` that are never taken, since its table has only one entry for it.
fn decided_by_table(function: &Function, slot: u32, entry: u64) -> Vec<Decided> {
    let jumps = |block: &&Block| {
        let jump = function.terminator(**block);
        jump.is_some_and(|jump| function.inst(jump).origin == Some(slot))
    };
    let Some(&block) = function.layout().iter().find(jumps) else { return Vec::new() };
    let table = function.indirect_jump(block).and_then(|jump| jump.table);
    let table = table.and_then(|table| function.tables().get(table));
    let Some((table, entry)) = table.zip(usize::try_from(entry).ok()) else { return Vec::new() };
    let live = table.targets.get(entry);
    let dead = table.distinct().into_iter().filter(|to| Some(to) != live);
    dead.map(|to| Decided { slot, edge: (block, to) }).collect()
}
