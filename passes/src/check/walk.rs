//! The walk over pairs of points of one function, until the states at each pair are stable.
//!
//! The original leads: its instructions are executed one by one, and the rewritten function
//! follows with those that stand for them. Where the original does something that is seen
//! outside, decides on a condition or returns, the rewritten function must come to the same.

use std::collections::BTreeSet;
use std::mem::take;

use petgraph::algo::toposort;
use petgraph::graph::DiGraph;

use crate::check::arena::{FastMap, Sym};
use crate::check::context::{Entry, Exit};
use crate::check::event::{Callees, Next};
use crate::check::exec::Machine;
use crate::check::order;
use crate::check::pair::{Pair, Point};
use crate::check::refusal::{Reason, Refusal};
use crate::check::state::{Join, ORIGINAL, REWRITTEN, Scratch, State};
use crate::check::strategy::Strategy;
use crate::check::test::Test;
use crate::check::value::Base;
use crate::entity::{Block, Func, Inst, PerEntity};
use crate::ir::{Op, Program};
use crate::isa::{Operand, RegSet};

/// Visits of a pair of points after which bounds that grow go as far as they can.
const WIDEN_AFTER: u32 = 8;

/// How many times as many blocks as there may be pairs of points are walked at most: joins
/// come to rest long before.
const WALKS: usize = 64;

/// Blocks that the original goes over at once because their tests are decided.
const MAX_SKIPPED: usize = 64;

/// Instructions of a block that is gone over so.
const MAX_CARRIED: usize = 16;

/// A pair of points; the rewritten one is the original's where they are one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    original: Point,
    rewritten: Point,
}

struct Node {
    key: Key,
    state: State,
    owned: Vec<Sym>,
    visits: u32,
}

/// The walk over one function.
pub struct Walk<'a> {
    pub(super) func: Func,
    pub(super) pair: &'a Pair<'a>,
    callees: &'a dyn Callees,
    pub(super) machine: Machine<'a>,
    pub(super) strategy: Strategy,
    nodes: Vec<Node>,
    /// The states that are kept apart at each pair of points.
    index: FastMap<Key, Vec<usize>>,
    scratch: Scratch,
    work: BTreeSet<(u32, usize, usize)>,
    /// Blocks of the original with one edge to them: no ways meet there.
    has_one_way_in: PerEntity<Block, bool>,
    /// How many blocks may still be walked.
    blocks_left: usize,
    /// How many instructions were walked over.
    steps: usize,
    /// Where to go on in the stretch at hand.
    pending: Vec<(Position, State)>,
    order: PerEntity<Block, u32>,
    /// Edges on which only one of the two went on.
    waits: [BTreeSet<(usize, usize)>; 2],
    pub(super) exit: Option<Exit>,
    pub(super) joins: u32,
}

/// What a walk found.
pub struct Walked {
    /// How the function returns.
    pub exit: Option<Exit>,
    /// The functions that are entered from it: with a state where they are called, without
    /// where somebody outside will do it.
    pub entered: Vec<(Func, Option<Entry>)>,
    /// How many instructions of the original were walked over.
    pub steps: usize,
}

/// Where a stretch of the walk stands.
#[derive(Clone)]
pub(super) struct Position {
    pub(super) from: usize,
    pub(super) original: Point,
    pub(super) rewritten: Point,
    /// Whether each of the two has gone on since `from`.
    pub(super) moved: [bool; 2],
    /// The positions in the original's block of what the rewritten function has executed
    /// since the original entered it: a loop of the latter may stand in one block.
    pub(super) done: Vec<usize>,
    /// What the original has read uninitialised on the way from the last pair of points at
    /// which ways meet, up to the block's start.
    pub(super) uninit: Vec<Sym>,
}

/// A refusal without the function, boxed by the walk.
pub(super) type Step<T> = Result<T, Box<Refusal>>;

impl<'a> Walk<'a> {
    /// Prepares the walk; `arenas`: code of the program casts between address spaces.
    pub fn new(
        (program, arenas): (&'a Program, bool),
        func: Func,
        pair: &'a Pair<'a>,
        callees: &'a dyn Callees,
        strategy: Strategy,
    ) -> Walk<'a> {
        Walk {
            func,
            pair,
            callees,
            strategy,
            machine: Machine::new(program, arenas),
            nodes: Vec::new(),
            index: FastMap::default(),
            scratch: Scratch::default(),
            work: BTreeSet::new(),
            has_one_way_in: order::single_entries(pair.original),
            blocks_left: 0,
            steps: 0,
            pending: Vec::new(),
            order: order::positions(pair.original),
            waits: [BTreeSet::new(), BTreeSet::new()],
            exit: None,
            joins: 0,
        }
    }

    /// Walks from the entry, entered in a state, the rewritten function reading some arguments.
    pub fn run(mut self, entry: &Entry, reads: RegSet) -> Step<Walked> {
        if let Err((block, inst, reason)) = self.pair.check_references(self.machine.program) {
            let slot = self.pair.rewritten.and_then(|f| f.inst(inst).origin);
            let (func, block, inst) = (self.func, Some(block), Some(inst));
            return Err(Box::new(Refusal { func, block, inst, slot, reason }));
        }
        let sides = 1 + usize::from(self.pair.rewritten.is_some());
        let state = entry.state(&mut self.machine.arena, sides, reads);
        let rewritten = self.pair.rewritten.unwrap_or(self.pair.original);
        let (Some(original), Some(rewritten)) = (self.pair.original.entry(), rewritten.entry())
        else {
            return Err(self.refuse(None, None, Reason::Removed));
        };
        let key = Key { original: Point::start(original), rewritten: Point::start(rewritten) };
        let limit = 64 + 4 * (self.pair.original.block_bound() + self.pair.original.inst_bound());
        let start = Position {
            from: usize::MAX,
            original: key.original,
            rewritten: key.rewritten,
            moved: [true; 2],
            done: Vec::new(),
            uninit: Vec::new(),
        };
        self.arrive(start, key.original, state)?;
        self.blocks_left = limit.saturating_mul(WALKS);
        while let Some((_, _, node)) = self.work.pop_first() {
            if self.nodes.len() > limit {
                return Err(self.refuse(None, None, Reason::TooManyPairs(limit)));
            }
            self.stretch(node)?;
        }
        if self.waits.iter().any(goes_round) {
            return Err(self.refuse(None, None, Reason::NoProgress));
        }
        Ok(Walked { exit: self.exit, entered: self.machine.entered, steps: self.steps })
    }

    pub(super) fn refuse(
        &self,
        at: Option<&Position>,
        inst: Option<Inst>,
        reason: Reason,
    ) -> Box<Refusal> {
        let function = self.pair.rewritten.unwrap_or(self.pair.original);
        let here = at.and_then(|p| function.block(p.rewritten.block).insts.get(p.rewritten.at));
        let original =
            at.and_then(|p| self.pair.original.block(p.original.block).insts.get(p.original.at));
        Box::new(Refusal {
            func: self.func,
            block: at.map(|p| p.rewritten.block),
            inst: inst.or(here.copied()),
            slot: original.and_then(|&inst| self.pair.original.inst(inst).origin),
            reason,
        })
    }

    /// Both functions stand at a new pair of points: `original` and where `at` has the
    /// rewritten one.
    pub(super) fn arrive(
        &mut self,
        mut at: Position,
        original: Point,
        mut state: State,
    ) -> Step<()> {
        at.original = original;
        at.done.clear();
        if original.at == 0 {
            self.skip_tests(&mut at, &mut state)?;
        }
        // A loop must come to a join, also where the head that ways meet at is a test that was
        // skipped.
        let skipped = at.original != original;
        at.rewritten = match self.pair.rewritten {
            None => at.original,
            Some(rewritten) => match at.rewritten.settle(rewritten) {
                Some(settled) => settled,
                None => return Err(self.refuse(Some(&at), None, Reason::NoProgress)),
            },
        };
        if self.has_one_way_in[at.original.block] && at.original.at == 0 && !skipped {
            at.uninit.clone_from(&self.machine.uninit);
            self.pending.push((at, state));
            return Ok(());
        }
        let key = Key { original: at.original, rewritten: at.rewritten };
        state.loads.forget();
        let known = self.index.get(&key).map_or(&[][..], Vec::as_slice);
        let is_full = known.len() >= self.strategy.states;
        let mut joined = None;
        for &i in known {
            let (endian, arena) = (self.machine.program.endian, &mut self.machine.arena);
            let node = &mut self.nodes[i];
            let widen = node.visits > WIDEN_AFTER;
            let last = is_full && known.last() == Some(&i);
            let mut owned = if last { take(&mut node.owned) } else { node.owned.clone() };
            let join = Join { arena, endian, owned: &mut owned, widen, scratch: &mut self.scratch };
            let all = join.states(&node.state, &state);
            if all == node.state {
                if last {
                    node.owned = owned;
                }
                self.link(&at, i);
                return Ok(());
            }
            joined = Some((i, all, owned));
        }
        let node = match joined {
            Some((i, all, owned)) if is_full => {
                (self.nodes[i].state, self.nodes[i].owned) = (all, owned);
                i
            }
            _ => {
                let node = self.nodes.len();
                self.index.entry(key).or_default().push(node);
                self.nodes.push(Node { key, state, owned: Vec::new(), visits: 0 });
                node
            }
        };
        self.link(&at, node);
        let order = self.order[key.original.block];
        self.work.insert((order, key.original.at, node));
        Ok(())
    }

    fn link(&mut self, at: &Position, to: usize) {
        for (side, waits) in self.waits.iter_mut().enumerate() {
            if !at.moved[side] && at.from != usize::MAX && self.pair.rewritten.is_some() {
                waits.insert((at.from, to));
            }
        }
    }

    /// The original goes on over blocks that only test what is known, so that what is known on
    /// one way in is not lost in a join with the others; over instructions that nobody sees
    /// too, if the strategy is to carry them and they lead to such a test.
    fn skip_tests(&mut self, at: &mut Position, state: &mut State) -> Step<()> {
        let mut seen = Vec::new();
        let (mut ahead, mut then) = (at.clone(), None);
        while !seen.contains(&ahead.original.block) && seen.len() < MAX_SKIPPED {
            seen.push(ahead.original.block);
            let data = self.pair.original.block(ahead.original.block);
            let computes = data.insts.len() > 1;
            if computes && (!self.strategy.carries || data.insts.len() > MAX_CARRIED) {
                break;
            }
            let mut next_state = then.clone().unwrap_or_else(|| state.clone());
            let skipped = match self.skip_block(&mut ahead, &mut next_state) {
                Err(refusal) if !self.strategy.carries => return Err(refusal),
                Ok(Skipped::Undecided) | Err(_) => break,
                Ok(skipped) => skipped,
            };
            match skipped {
                Skipped::Passed if !computes && then.is_none() => {
                    (*at, *state) = (ahead.clone(), next_state);
                }
                Skipped::Decided => {
                    self.skip_rewritten(&mut ahead, &mut next_state)?;
                    (*at, *state, then) = (ahead.clone(), next_state, None);
                }
                Skipped::Passed | Skipped::Undecided => then = Some(next_state),
            }
        }
        Ok(())
    }

    /// The original goes on over a block, if nobody sees it and the test at its end is decided.
    fn skip_block(&mut self, at: &mut Position, state: &mut State) -> Step<Skipped> {
        let original = self.pair.original;
        let data = original.block(at.original.block);
        let (mut next, mut skipped) = (data.next, Skipped::Passed);
        for (i, &inst) in data.insts.iter().enumerate() {
            let insn = original.inst(inst);
            at.original.at = i;
            match insn.op {
                Op::Goto { target, .. } => next = Some(target),
                Op::Branch { target, .. } => {
                    let test = Test::new(&mut self.machine, state, ORIGINAL, insn);
                    let test = test.map_err(|reason| self.refuse(Some(at), None, reason))?;
                    let arena = &mut self.machine.arena;
                    match test.and_then(|test| test.decide(arena, state)) {
                        Some(true) => next = Some(target),
                        Some(false) => {}
                        None => return Ok(Skipped::Undecided),
                    }
                    skipped = Skipped::Decided;
                }
                _ if self.strategy.carries && self.machine.is_silent(state, ORIGINAL, insn) => {
                    let home = (at.original.block, i);
                    let done = self.machine.execute(state, ORIGINAL, insn, Some(home));
                    done.map_err(|reason| self.refuse(Some(at), None, reason))?;
                    self.follow(at, state, i)?;
                }
                _ => return Ok(Skipped::Undecided),
            }
        }
        let Some(next) = next else { return Ok(Skipped::Undecided) };
        at.moved[ORIGINAL] = true;
        self.follow(at, state, data.insts.len())?;
        at.original = Point::start(next);
        at.done.clear();
        Ok(skipped)
    }

    /// The rewritten function goes on over jumps that are decided; over instructions that nobody
    /// sees too, if the strategy is to carry them and they lead to such a jump.
    fn skip_rewritten(&mut self, at: &mut Position, state: &mut State) -> Step<()> {
        let Some(rewritten) = self.pair.rewritten else { return Ok(()) };
        let (mut ahead, mut then) = (at.clone(), None);
        for _ in 0..MAX_SKIPPED {
            let Some(point) = ahead.rewritten.settle(rewritten) else { break };
            let Some(&inst) = rewritten.block(point.block).insts.get(point.at) else { break };
            let jumps = matches!(rewritten.op(inst), Op::Branch { .. });
            if !jumps && !self.strategy.carries {
                break;
            }
            let mut next = then.take().unwrap_or_else(|| state.clone());
            match self.advance(&mut ahead, &mut next, point, inst) {
                Ok(true) if jumps => (*at, *state) = (ahead.clone(), next),
                Ok(true) => then = Some(next),
                Err(refusal) if !self.strategy.carries => return Err(refusal),
                Ok(false) | Err(_) => break,
            }
        }
        Ok(())
    }

    /// Walks from a pair of points to the next ones at which ways meet.
    fn stretch(&mut self, node: usize) -> Step<()> {
        self.nodes[node].visits += 1;
        let Node { key, state, .. } = &self.nodes[node];
        let state = state.clone();
        let at = Position {
            from: node,
            original: key.original,
            rewritten: key.rewritten,
            moved: [false; 2],
            done: Vec::new(),
            uninit: Vec::new(),
        };
        self.pending.push((at, state));
        while let Some((at, state)) = self.pending.pop() {
            let Some(left) = self.blocks_left.checked_sub(1) else {
                return Err(self.refuse(Some(&at), None, Reason::NoFixpoint));
            };
            self.blocks_left = left;
            self.block(at, state)?;
        }
        Ok(())
    }

    /// Walks to the end of the original's block.
    fn block(&mut self, mut at: Position, mut state: State) -> Step<()> {
        self.machine.uninit = take(&mut at.uninit);
        let original = self.pair.original;
        loop {
            self.steps += 1;
            let data = original.block(at.original.block);
            let Some(&inst) = data.insts.get(at.original.at) else {
                at.moved[ORIGINAL] = true;
                self.follow(&mut at, &mut state, data.insts.len())?;
                let Some(next) = data.next else { return Ok(()) };
                return self.arrive(at, Point::start(next), state);
            };
            let insn = original.inst(inst);
            if self.machine.is_silent(&state, ORIGINAL, insn) {
                let home = (at.original.block, at.original.at);
                let done = self.machine.execute(&mut state, ORIGINAL, insn, Some(home));
                done.map_err(|reason| self.refuse(Some(&at), None, reason))?;
                at.moved[ORIGINAL] = true;
                let here = at.original.at;
                self.follow(&mut at, &mut state, here)?;
                at.original.at += 1;
                continue;
            }
            match insn.op {
                Op::Goto { target, .. } => {
                    at.moved[ORIGINAL] = true;
                    self.follow(&mut at, &mut state, data.insts.len())?;
                    return self.arrive(at, Point::start(target), state);
                }
                Op::Branch { .. } => return self.branch(at, state, inst),
                Op::MayGoto { .. } => return self.may_goto(at, state, inst),
                Op::Exit => return self.leave(at, state),
                Op::GotoX { .. } => return self.indirect_jump(at, state, inst),
                _ => {}
            }
            let other = match self.come_to_event(&mut at, &mut state)? {
                Came::Here(other) => other,
                Came::Decision => return self.rewritten_decides(at, state),
            };
            let pair = self.pair;
            let other = other.and_then(|inst| Some(pair.rewritten?.inst(inst)));
            let next = self.machine.event(&mut state, self.callees, insn, other);
            match next.map_err(|reason| self.refuse(Some(&at), None, reason))? {
                Next::Never => return Ok(()),
                Next::On => {}
            }
            state.loads.forget();
            at.original.at += 1;
            at.rewritten.at += 1;
            at.moved = [true; 2];
        }
    }

    /// The rewritten function executes what stands for instructions of the original's block up
    /// to a position. In a block that nothing stands for, it may be in another one with the
    /// same code: it executes what looks like the instruction at that position.
    pub(super) fn follow(&mut self, at: &mut Position, state: &mut State, to: usize) -> Step<()> {
        let Some(rewritten) = self.pair.rewritten else { return Ok(()) };
        let block = at.original.block;
        let insts = &self.pair.original.block(block).insts;
        let here = insts.get(to).map(|&inst| &self.pair.original.inst(inst).op);
        let mut borrowed = self.pair.stands(block) || !self.strategy.borrows;
        for _ in 0..=rewritten.inst_bound() {
            let Some(point) = at.rewritten.settle(rewritten) else {
                return Err(self.refuse(Some(at), None, Reason::NoProgress));
            };
            let Some(&inst) = rewritten.block(point.block).insts.get(point.at) else {
                return Ok(());
            };
            let data = rewritten.inst(inst);
            let home = self.pair.home(inst);
            let stands = match home {
                Some((home, i)) => {
                    home == block
                        && i <= to
                        && (at.done.last().is_none_or(|&last| i > last) || !at.done.contains(&i))
                }
                None => true,
            };
            if !stands {
                if borrowed || !here.is_some_and(|op| looks_like(op, &data.op)) {
                    return Ok(());
                }
                borrowed = true;
                let (mut ahead, mut then) = (at.clone(), state.clone());
                let advanced = self.advance(&mut ahead, &mut then, point, inst).unwrap_or(false);
                if !advanced || !self.leaves_the_same(&then, &data.op) {
                    return Ok(());
                }
                (*at, *state) = (ahead, then);
                continue;
            }
            if !self.advance(at, state, point, inst)? {
                return Ok(());
            }
            at.done.extend(home.filter(|(home, _)| *home == block).map(|(_, i)| i));
        }
        Ok(())
    }

    /// Whether both programs hold the same where an instruction of the rewritten one has set
    /// something.
    fn leaves_the_same(&mut self, state: &State, op: &Op) -> bool {
        if let Op::Store { size, base, off, .. } = *op {
            let base = self.machine.arena.abs(state.reg(REWRITTEN, base)).base;
            let Base::Frame { depth: 0, offset: Some(at) } = base else { return false };
            let (at, endian) = (at.saturating_add(off.into()), self.machine.endian());
            let end = at.saturating_add(size.bytes().into());
            return state.differing_byte(&mut self.machine.arena, endian, at, end).is_none();
        }
        op.defs().iter().all(|reg| self.machine.same_reg(state, reg))
    }

    /// The rewritten function goes on over one instruction that nobody outside sees, or a
    /// decided jump. False if it is at something else.
    pub(super) fn advance(
        &mut self,
        at: &mut Position,
        state: &mut State,
        point: Point,
        inst: Inst,
    ) -> Step<bool> {
        let Some(rewritten) = self.pair.rewritten else { return Ok(false) };
        let data = rewritten.inst(inst);
        at.rewritten = point;
        if self.machine.is_silent(state, REWRITTEN, data) {
            let home = self.pair.home(inst);
            let done = self.machine.execute(state, REWRITTEN, data, home);
            done.map_err(|reason| self.refuse(Some(at), Some(inst), reason))?;
            at.rewritten.at += 1;
            at.moved[REWRITTEN] = true;
            return Ok(true);
        }
        if let Op::Branch { target, .. } = data.op {
            let test = Test::new(&mut self.machine, state, REWRITTEN, data);
            let test = test.map_err(|reason| self.refuse(Some(at), Some(inst), reason))?;
            let next = match test.and_then(|test| test.decide(&mut self.machine.arena, state)) {
                Some(true) => Some(target),
                Some(false) => rewritten.block(point.block).next,
                None => None,
            };
            if let Some(next) = next {
                at.rewritten = Point::start(next);
                at.moved[REWRITTEN] = true;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The rewritten function goes on to whatever is not silent.
    pub(super) fn come_to_event(&mut self, at: &mut Position, state: &mut State) -> Step<Came> {
        let Some(rewritten) = self.pair.rewritten else { return Ok(Came::Here(None)) };
        let to = at.original.at;
        self.follow(at, state, to)?;
        for _ in 0..=rewritten.inst_bound() {
            let Some(point) = at.rewritten.settle(rewritten) else { break };
            let Some(&inst) = rewritten.block(point.block).insts.get(point.at) else { break };
            if self.advance(at, state, point, inst)? {
                continue;
            }
            let decides = matches!(rewritten.op(inst), Op::Branch { .. } | Op::MayGoto { .. });
            return Ok(if decides { Came::Decision } else { Came::Here(Some(inst)) });
        }
        Err(self.refuse(Some(at), None, Reason::NoProgress))
    }

    pub(super) fn event_reason(&self, at: &Position, inst: Option<Inst>) -> Reason {
        let original = self.pair.original.block(at.original.block).insts.get(at.original.at);
        let text = |op: &Op| format!("{op:?}");
        Reason::Event {
            original: original.map_or(String::new(), |&i| text(self.pair.original.op(i))),
            rewritten: match (inst, self.pair.rewritten) {
                (Some(inst), Some(function)) => text(function.op(inst)),
                _ => String::new(),
            },
        }
    }
}

/// Where the rewritten function came to.
pub(super) enum Came {
    /// An instruction that is not silent; none if both are one function.
    Here(Option<Inst>),
    /// A conditional jump that is not decided.
    Decision,
}

/// How the original went over a block.
enum Skipped {
    /// The test at its end was decided.
    Decided,
    /// There is no test at its end.
    Passed,
    /// It did not.
    Undecided,
}

/// Whether edges between pairs of points make a cycle.
fn goes_round(edges: &BTreeSet<(usize, usize)>) -> bool {
    let edges = edges.iter().filter_map(|&(a, b)| Some((u32::try_from(a).ok()?, b as u32)));
    toposort(&DiGraph::<(), ()>::from_edges(edges), None).is_err()
}

/// Whether an instruction can be what became of another one.
fn looks_like(original: &Op, rewritten: &Op) -> bool {
    let (a, b) = (original, rewritten);
    let constant = matches!(b, Op::Mov { src: Operand::Imm(_), .. } | Op::LdImm64 { .. });
    let alike = match (*a, *b) {
        (Op::Load { size: s, off: o, .. }, Op::Load { size, off, .. })
        | (Op::Store { size: s, off: o, .. }, Op::Store { size, off, .. }) => (s, o) == (size, off),
        (Op::Alu { op: x, .. }, Op::Alu { op: y, .. }) => x == y,
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    };
    a.defs() == b.defs() && (alike || (constant && !a.defs().is_empty()))
}
