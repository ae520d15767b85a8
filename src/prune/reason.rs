//! Why something went or stayed, in the terms of the source.
//!
//! What went was used by code that can no longer run. Of the code as it was read, this finds
//! the decided branch behind which it lay, and by a backward slice over registers the loads
//! that the branch was decided by.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bpfold_passes::cfg::Cfg;
use bpfold_passes::entity::{Block, Func};
use bpfold_passes::ir::{Function, Op, Program};
use bpfold_passes::isa::{Operand, Reg, RegSet, Size};
use bpfold_passes::opt::fold::{Event, LoadSource};
use bpfold_passes::pass::FoldLog;

use super::constants::{Constant, CutSection};
use super::graph::{Need, Node, named};
use super::tail::{is_tail_call, open_tail_calls};
use super::{Live, Scope};
use crate::report::{
    Asked, Bytes, Cause, ConstantReport, CutReport, DeadReport, KeepReason, KeptReport, Lines,
    Location, Note, PartKind,
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
}

/// Finds the reasons. `program` is the code after folding.
pub(crate) fn reasons(
    scope: &Scope<'_>,
    live: &Live,
    program: &Program,
    log: &FoldLog,
    variables: &Variables<'_>,
    cut: &[CutSection],
    lines: &mut Lines<'_>,
) -> Reasons {
    let lines = &mut |func, slot| lines.location(func, slot);
    let insts = scope.object.program().funcs.values().map(|func| func.inst_bound() as u64);
    let budget = (BUDGET.0 * insts.sum::<u64>()).min(BUDGET.1);
    let mut finder = Finder { scope, live, log, variables, lines, budget };
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
    notes.extend(dropped_targets(scope, program, log, &gone));
    Reasons { dead, cut, kept: kept(scope, live), notes }
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
    let dropped = super::options::all_programs(object, &options.drops);
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
                    super::is_data_map(section) || section.name.starts_with(b".struct_ops")
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

fn kind(scope: &Scope<'_>, node: Node) -> PartKind {
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

struct Finder<'a> {
    scope: &'a Scope<'a>,
    live: &'a Live,
    log: &'a FoldLog,
    variables: &'a Variables<'a>,
    lines: &'a mut dyn FnMut(Func, Option<u32>) -> Location,
    budget: u64,
}

impl Finder<'_> {
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
        if super::options::all_programs(object, &options.drops).contains(&func) {
            return Some(Asked::Drop);
        }
        (!options.entries.is_empty()).then_some(Asked::Entry)
    }

    /// None if there is no more to spend.
    fn spend(&mut self, steps: usize) -> Option<()> {
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
        let is_here = |event: &&Event| match event {
            Event::BranchDecided { func: at, .. } | Event::JumpDecided { func: at, .. } => {
                *at == func
            }
            Event::LoadFolded { .. } => false,
        };
        self.spend(self.log.events.len())?;
        let branches = self.log.events.iter().filter(is_here).count();
        let blocks = function.layout().len();
        self.spend((1 + branches) * (blocks + branches))?;
        let decided = decided(function, func, self.log);
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
            for condition in self.conditions(func, function, branch, &all) {
                if !conditions.contains(&condition) {
                    conditions.push(condition);
                }
            }
        }
        let first = branches.first()?;
        Some(Cause { at: (self.lines)(func, Some(first.slot)), conditions })
    }

    fn uses(&self, func: Func, dead: Node, need: Need) -> Uses {
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

    /// `variable = value` for each load that a branch was decided by.
    fn conditions(
        &mut self,
        func: Func,
        function: &Function,
        branch: &Decided,
        cut: &[(Block, Block)],
    ) -> Vec<String> {
        let mut found = Vec::new();
        let mut spend = |steps| self.spend(steps);
        let Some(slots) = slice(function, branch.edge.0, cut, &mut spend) else { return found };
        if self.spend(self.log.events.len()).is_none() {
            return found;
        }
        for event in &self.log.events {
            if let Event::LoadFolded { func: at, slot: Some(slot), source, size, value } = event
                && *at == func
                && slots.contains(slot)
                && let LoadSource::Section { section, offset } = source
                && let Some(link) = self.scope.object.links().sections.get(*section)
                && let Some(section) = self.scope.object.program().sections.get(*section)
                && let Ok(start) = u64::try_from(*offset)
            {
                let bytes = start..start.saturating_add(u64::from(size.bytes()));
                let text = match self.variables.describe(link.index, bytes) {
                    Some(path) => {
                        let value = self.variables.value(&path).map(|value| value.to_string());
                        format!("{path} = {}", value.unwrap_or_else(|_| format!("{:#x}", 0)))
                    }
                    None => format!("{}+{offset:#x} = {value:#x}", section.name),
                };
                if !found.contains(&text) {
                    found.push(text);
                }
            }
        }
        found
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
                    at: (self.lines)(call.func, call.at),
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
type Uses = BTreeSet<(Option<Block>, Block)>;

/// The string that some bytes are: characters that print, and a zero byte.
fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes.strip_suffix(&[0])?).ok()?;
    let prints = |c: char| !c.is_control() || c.is_ascii_whitespace();
    (!text.is_empty() && text.chars().all(prints)).then(|| text.to_owned())
}

/// A branch that was decided.
struct Decided {
    /// Slot of the original instruction.
    slot: u32,
    /// The edge that is never taken.
    edge: (Block, Block),
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

fn reached(function: &Function, cut: &[(Block, Block)]) -> BTreeSet<Block> {
    function.entry().map_or_else(BTreeSet::new, |entry| reached_from(function, entry, cut))
}

fn reached_from(function: &Function, from: Block, cut: &[(Block, Block)]) -> BTreeSet<Block> {
    let mut reached = BTreeSet::new();
    let mut work = vec![from];
    while let Some(block) = work.pop() {
        if reached.insert(block) {
            work.extend(function.successors(block).filter(|to| !cut.contains(&(block, *to))));
        }
    }
    reached
}

/// The slots of the instructions that the operands of the terminator of a block come from, on all
/// paths to it but those through edges that are never taken, up to calls and memory other than
/// the stack. None if `spend` has no more for the instructions that are looked at.
fn slice(
    function: &Function,
    block: Block,
    cut: &[(Block, Block)],
    spend: &mut dyn FnMut(usize) -> Option<()>,
) -> Option<BTreeSet<u32>> {
    let inst = function.terminator(block)?;
    spend(function.layout().len())?;
    let cfg = Cfg::new(function);
    let reached = reached(function, cut);
    let mut slots = BTreeSet::new();
    // What is wanted at the end of each block.
    let mut ends: BTreeMap<Block, Wanted> = BTreeMap::new();
    let wanted = Wanted { regs: function.op(inst).uses(), stack: BTreeSet::new() };
    ends.insert(block, wanted);
    let mut work = vec![block];
    while let Some(block) = work.pop() {
        spend(1 + function.block(block).insts.len())?;
        let mut wanted = ends.get(&block).cloned().unwrap_or_default();
        for &inst in function.block(block).insts.iter().rev() {
            let data = function.inst(inst);
            if wanted.come_from(&data.op) {
                slots.extend(data.origin);
            }
        }
        for before in cfg.predecessors(block) {
            if !reached.contains(&before) || cut.contains(&(before, block)) {
                continue;
            }
            if ends.entry(before).or_default().add(&wanted) {
                work.push(before);
            }
        }
    }
    Some(slots)
}

/// Registers, and bytes of the stack by their offsets from the frame pointer.
#[derive(Clone, Debug, Default)]
struct Wanted {
    regs: RegSet,
    stack: BTreeSet<(i64, i64)>,
}

impl Wanted {
    /// Adds what another wants; whether that is new.
    fn add(&mut self, other: &Wanted) -> bool {
        let before = (self.regs, self.stack.len());
        self.regs = self.regs | other.regs;
        self.stack.extend(other.stack.iter().copied());
        before != (self.regs, self.stack.len())
    }

    /// Goes back over an instruction. Whether something that is wanted comes from it; instead of
    /// that, its operands are wanted then.
    fn come_from(&mut self, op: &Op) -> bool {
        let bytes = |off: i16, size: Size| {
            let start = i64::from(off);
            (start, start + i64::from(size.bytes()))
        };
        if let Op::Store { size, base: Reg::FP, off, src } = *op {
            let (start, end) = bytes(off, size);
            let here = self.stack.iter().any(|bytes| bytes.0 < end && start < bytes.1);
            self.stack.retain(|bytes| bytes.0 < start || end < bytes.1);
            if let (true, Operand::Reg(src)) = (here, src) {
                self.regs = self.regs | RegSet::of(src);
            }
            return here;
        }
        let defs = op.defs();
        if !self.regs.iter().any(|reg| defs.contains(reg)) {
            return false;
        }
        self.regs = self.regs.without(defs);
        match *op {
            Op::Load { size, base: Reg::FP, off, .. } => drop(self.stack.insert(bytes(off, size))),
            Op::Load { .. } | Op::Call(_) => {}
            _ => self.regs = self.regs | op.uses(),
        }
        true
    }
}
