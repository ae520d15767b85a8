//! Where the two programs part or end: conditional jumps and returns.

use crate::check::context::Exit;
use crate::check::pair::Point;
use crate::check::refusal::Reason;
use crate::check::state::{ORIGINAL, REWRITTEN, State};
use crate::check::test::Test;
use crate::check::value::Base;
use crate::check::walk::{Came, Position, Step, Walk};
use crate::entity::{Block, Inst};
use crate::ir::{Linkage, Op};
use crate::isa::Reg;

impl Walk<'_> {
    /// The original is at a conditional jump.
    pub(super) fn branch(&mut self, mut at: Position, mut state: State, inst: Inst) -> Step<()> {
        let original = self.pair.original;
        let data = original.inst(inst);
        let next = original.block(at.original.block).next;
        let test = Test::new(&mut self.machine, &state, ORIGINAL, data);
        let test = test.map_err(|reason| self.refuse(Some(&at), None, reason))?;
        let (Some(test), Some(target), Some(next)) = (test, data.op.target().copied(), next) else {
            return Err(self.refuse(Some(&at), None, Reason::Unsupported("the jump")));
        };
        at.moved[ORIGINAL] = true;
        let here = at.original.at;
        if let Some(taken) = test.decide(&mut self.machine.arena, &state) {
            self.follow(&mut at, &mut state, here)?;
            return self.arrive(at, Point::start(if taken { target } else { next }), state);
        }
        self.follow(&mut at, &mut state, here)?;
        let Some((there, ahead, other, same)) = self.same_test(&at, &state, &test)? else {
            let test = test.made_by(self.pair.rewritten.is_none());
            for (holds, to) in [(true, target), (false, next)] {
                if let Some(state) = test.edge(&mut self.machine.arena, &state, holds) {
                    self.arrive(at.clone(), Point::start(to), state)?;
                }
            }
            return Ok(());
        };
        let test = test.made_by(other.test.is_null_check());
        at = there;
        at.moved = [true; 2];
        for (holds, to) in [(true, target), (false, next)] {
            let arena = &mut self.machine.arena;
            let Some(mut state) = test.edge(arena, &ahead, holds) else { continue };
            let taken = holds == same;
            if !other.test.learn(arena, &mut state, taken) {
                continue;
            }
            let rewritten = Point::start(if taken { other.target } else { other.next });
            self.arrive(Position { rewritten, ..at.clone() }, Point::start(to), state)?;
        }
        Ok(())
    }

    /// The jump of the rewritten function on the same condition, or on the opposite one, if
    /// it comes to it: where that is, the state there, the jump, and whether it is the same.
    fn same_test(
        &mut self,
        at: &Position,
        state: &State,
        test: &Test,
    ) -> Step<Option<(Position, State, Jump, bool)>> {
        let Some(rewritten) = self.pair.rewritten else { return Ok(None) };
        let home = (at.original.block, at.original.at);
        let (mut ahead, mut state) = (at.clone(), state.clone());
        let looks_ahead = self.strategy.looks_ahead && !self.pair.stands(at.original.block);
        for _ in 0..=rewritten.inst_bound() {
            let Some(point) = ahead.rewritten.settle(rewritten) else { return Ok(None) };
            let data = rewritten.block(point.block);
            let Some(&inst) = data.insts.get(point.at) else { return Ok(None) };
            ahead.rewritten = point;
            if let Op::Branch { target, .. } = *rewritten.op(inst) {
                let other = Test::new(&mut self.machine, &state, REWRITTEN, rewritten.inst(inst));
                let is_home = self.pair.home(inst) == Some(home);
                if !is_home && !self.strategy.looks_ahead {
                    return Ok(None);
                }
                let other = match other {
                    Ok(Some(other)) => other,
                    Err(reason) if is_home => {
                        return Err(self.refuse(Some(&ahead), Some(inst), reason));
                    }
                    Ok(None) | Err(_) => return Ok(None),
                };
                return match (test.compare(&other, &mut self.machine.arena), data.next) {
                    (Some(same), Some(next)) => {
                        Ok(Some((ahead, state, Jump { test: other, target, next }, same)))
                    }
                    _ if is_home && self.strategy.insists => {
                        Err(self.refuse(Some(&ahead), Some(inst), Reason::Condition))
                    }
                    _ => Ok(None),
                };
            }
            if !looks_ahead || !self.machine.is_silent(&state, REWRITTEN, rewritten.inst(inst)) {
                return Ok(None);
            }
            if self.advance(&mut ahead, &mut state, point, inst).is_err() {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// The original is at a jump that the verifier's loop budget decides.
    pub(super) fn may_goto(&mut self, mut at: Position, mut state: State, inst: Inst) -> Step<()> {
        let original = self.pair.original;
        let edges = [original.op(inst).target().copied(), original.block(at.original.block).next];
        let mut others = edges;
        if let Some(rewritten) = self.pair.rewritten {
            self.come_to_event(&mut at, &mut state)?;
            let data = rewritten.block(at.rewritten.block);
            let other = data.insts.get(at.rewritten.at).copied();
            match other.map(|other| *rewritten.op(other)) {
                Some(Op::MayGoto { target }) => others = [Some(target), data.next],
                Some(Op::Branch { .. }) => return self.rewritten_decides(at, state),
                _ => {
                    let reason = self.event_reason(&at, other);
                    return Err(self.refuse(Some(&at), other, reason));
                }
            }
        }
        at.moved = [true; 2];
        for (to, other) in edges.into_iter().zip(others) {
            if let (Some(to), Some(other)) = (to, other) {
                let rewritten = Point::start(other);
                self.arrive(Position { rewritten, ..at.clone() }, Point::start(to), state.clone())?;
            }
        }
        Ok(())
    }

    /// The original returns.
    pub(super) fn leave(&mut self, mut at: Position, mut state: State) -> Step<()> {
        if let Some(rewritten) = self.pair.rewritten {
            let other = match self.come_to_event(&mut at, &mut state)? {
                Came::Here(other) => other,
                Came::Decision => return self.rewritten_decides(at, state),
            };
            if !other.is_some_and(|other| *rewritten.op(other) == Op::Exit) {
                let reason = self.event_reason(&at, other);
                return Err(self.refuse(Some(&at), other, reason));
            }
            if !self.machine.same_reg(&state, Reg::R0) && !self.returns_the_same_number(&state) {
                return Err(self.refuse(Some(&at), other, Reason::Result));
            }
        }
        let (exit, endian) = (Exit::new(&self.machine.arena, &state), self.machine.endian());
        match &mut self.exit {
            Some(known) => self.joins += u32::from(known.join(endian, &exit, self.joins)),
            none => *none = Some(exit),
        }
        Ok(())
    }

    /// Whether a program returns one number in both functions, which the verifier may not know
    /// to be a number in the original: whoever entered the program sees the bits.
    fn returns_the_same_number(&self, state: &State) -> bool {
        let linkage = self.machine.program.funcs.get(self.func).map(|f| f.linkage);
        let [a, b] = [ORIGINAL, REWRITTEN].map(|side| {
            let abs = self.machine.arena.abs(state.reg(side, Reg::R0));
            (!abs.uninit && abs.base == Base::Plain).then(|| (abs.num.as_one(), abs.is_number()))
        });
        match (linkage, a, b) {
            (Some(Linkage::Entry), Some((Some(x), _)), Some((Some(y), true))) => x == y,
            _ => false,
        }
    }

    /// The rewritten function decides on something while the original waits before an event.
    pub(super) fn rewritten_decides(&mut self, at: Position, state: State) -> Step<()> {
        let Some(rewritten) = self.pair.rewritten else { return Ok(()) };
        let data = rewritten.block(at.rewritten.block);
        let Some(&inst) = data.insts.get(at.rewritten.at) else { return Ok(()) };
        let Op::Branch { target, .. } = *rewritten.op(inst) else {
            let reason = self.event_reason(&at, Some(inst));
            return Err(self.refuse(Some(&at), Some(inst), reason));
        };
        let test = Test::new(&mut self.machine, &state, REWRITTEN, rewritten.inst(inst));
        let test = test.map_err(|reason| self.refuse(Some(&at), Some(inst), reason))?;
        let edges: [(bool, Option<Block>); 2] = [(true, Some(target)), (false, data.next)];
        for (holds, to) in edges {
            let (Some(to), Some(test)) = (to, test.map(|test| test.made_by(false))) else {
                continue;
            };
            if let Some(state) = test.edge(&mut self.machine.arena, &state, holds) {
                let moved = [at.moved[ORIGINAL], true];
                let next = Position { rewritten: Point::start(to), moved, ..at.clone() };
                self.arrive(next, at.original, state)?;
            }
        }
        Ok(())
    }
}

/// A conditional jump and where it leads.
struct Jump {
    test: Test,
    target: Block,
    next: Block,
}
