//! Where the two programs part or end: conditional jumps and returns.

use crate::check::arena::{Arena, Sym};
use crate::check::context::Exit;
use crate::check::exec::Machine;
use crate::check::num::Num;
use crate::check::pair::Point;
use crate::check::refusal::Reason;
use crate::check::state::{ORIGINAL, REWRITTEN, State};
use crate::check::value::{Abs, Base};
use crate::check::walk::{Came, Position, Step, Walk};
use crate::entity::{Block, Core, Inst};
use crate::ir::{InstData, Op};
use crate::isa::{Cond, Operand, Reg, Size, Width};

/// Numbers below this are no addresses.
const FIRST_ADDRESS: u64 = 4096;

/// A condition: the low halves of the operands are compared at 32 bits.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    width: Width,
    cond: Cond,
    a: Sym,
    b: Sym,
    core: Option<Core>,
    /// Whether the verifier takes it for a null check of the first operand.
    null_check: bool,
}

/// A condition up to the ways to write it, and whether it is inverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    kind: Kind,
    a: Sym,
    b: Sym,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Equal,
    Less,
    SignedLess,
    Common,
}

impl Test {
    /// The condition of a jump of one program; none if the instruction is none.
    pub fn new(
        machine: &mut Machine<'_>,
        state: &State,
        side: usize,
        data: &InstData,
    ) -> Result<Option<Test>, Reason> {
        let Op::Branch { width, cond, dst, src, .. } = data.op else { return Ok(None) };
        let a = machine.read(state, side, dst)?;
        let b = machine.operand(state, side, src)?;
        let null_check =
            width == Width::W64 && matches!(cond, Cond::Eq | Cond::Ne) && src == Operand::Imm(0);
        Ok(Some(Test { width, cond, a, b, core: data.core, null_check }))
    }

    /// The condition as the other program has it too, which makes a null check of it as well
    /// or not: only a null check that both make changes what the verifier takes a value for.
    fn made_by(self, both: bool) -> Test {
        Test { null_check: self.null_check && both, ..self }
    }

    /// Whether the condition holds, if that is known.
    pub fn decide(&self, arena: &Arena) -> Option<bool> {
        if self.core.is_some() {
            return None;
        }
        if self.a == self.b {
            match self.cond {
                Cond::Eq | Cond::Ge | Cond::Le | Cond::Sge | Cond::Sle => return Some(true),
                Cond::Ne | Cond::Gt | Cond::Lt | Cond::Sgt | Cond::Slt => return Some(false),
                Cond::Set => {}
            }
        }
        Num::decide(self.width, self.cond, &arena.abs(self.a).num, &arena.abs(self.b).num)
    }

    /// The state where the condition was found to be `holds`; none if it cannot be.
    pub fn edge(&self, arena: &mut Arena, state: &State, holds: bool) -> Option<State> {
        let mut state = state.clone();
        self.learn(arena, &mut state, holds).then_some(state)
    }

    /// Lets a state learn that the condition is `holds`. False if it cannot be.
    fn learn(&self, arena: &mut Arena, state: &mut State, holds: bool) -> bool {
        if self.core.is_some() {
            return true;
        }
        if self.decide(arena) == Some(!holds) {
            return false;
        }
        let (x, y) = (arena.abs(self.a), arena.abs(self.b));
        let refined = [
            (self.a, x, Num::refine(self.width, self.cond, holds, &x.num, &y.num)),
            (self.b, y, Num::refine(self.width, self.cond.swapped(), holds, &y.num, &x.num)),
        ];
        for (sym, abs, num) in refined {
            let Some(num) = num else { return false };
            let base = match (abs.base, num.as_one()) {
                (Base::Any { frame: false, .. }, Some(_)) => Base::Plain,
                (Base::Any { .. }, Some(value)) if value < FIRST_ADDRESS => Base::Plain,
                (base, _) => base,
            };
            let is_null = self.null_check && sym == self.a && num.as_one() == Some(0);
            let kind = if is_null { abs.kind.null() } else { abs.kind };
            let learned = Abs { base, kind, num, ..abs };
            if learned != abs {
                let learned = arena.opaque(learned);
                state.rename(sym, learned);
            }
        }
        true
    }

    fn shape(&self, arena: &mut Arena) -> (Shape, bool) {
        let signed = matches!(self.cond, Cond::Sgt | Cond::Sge | Cond::Slt | Cond::Sle);
        let operand = |arena: &mut Arena, sym: Sym| match (self.width, signed) {
            (Width::W64, _) => sym,
            (Width::W32, false) => arena.low(sym),
            (Width::W32, true) => arena.sign_extend(Size::W, sym),
        };
        let (a, b) = (operand(arena, self.a), operand(arena, self.b));
        let sorted = |kind| Shape { kind, a: a.min(b), b: a.max(b) };
        let less = if signed { Kind::SignedLess } else { Kind::Less };
        let (shape, inverted) = match self.cond {
            Cond::Eq => (sorted(Kind::Equal), false),
            Cond::Ne => (sorted(Kind::Equal), true),
            Cond::Set => (sorted(Kind::Common), false),
            Cond::Lt | Cond::Slt => (Shape { kind: less, a, b }, false),
            Cond::Ge | Cond::Sge => (Shape { kind: less, a, b }, true),
            Cond::Gt | Cond::Sgt => (Shape { kind: less, a: b, b: a }, false),
            Cond::Le | Cond::Sle => (Shape { kind: less, a: b, b: a }, true),
        };
        let (shape, flipped) = shape.number_right(arena);
        (shape, inverted != flipped)
    }

    /// Whether two conditions are the same (true) or opposite (false), if that is known.
    pub fn compare(&self, other: &Test, arena: &mut Arena) -> Option<bool> {
        let ((x, a), (y, b)) = (self.shape(arena), other.shape(arena));
        (x == y && self.core == other.core).then_some(a == b)
    }
}

impl Shape {
    /// `c < x` is the opposite of `x < c + 1`, and `x < 1` is `x == 0`.
    fn number_right(self, arena: &mut Arena) -> (Shape, bool) {
        let last = match self.kind {
            Kind::Less => u64::MAX,
            Kind::SignedLess => i64::MAX as u64,
            Kind::Equal | Kind::Common => return (self, false),
        };
        let (shape, flipped) = match arena.abs(self.a).as_number().filter(|&c| c != last) {
            Some(c) => {
                let next = arena.number(c.wrapping_add(1));
                (Shape { kind: self.kind, a: self.b, b: next }, true)
            }
            None => (self, false),
        };
        if shape.kind == Kind::Less && arena.abs(shape.b).as_number() == Some(1) {
            let zero = arena.number(0);
            let (a, b) = (shape.a.min(zero), shape.a.max(zero));
            return (Shape { kind: Kind::Equal, a, b }, flipped);
        }
        (shape, flipped)
    }
}

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
        if let Some(taken) = test.decide(&self.machine.arena) {
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
        let test = test.made_by(other.test.null_check);
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
        let looks_ahead = !self.pair.stands(at.original.block);
        for _ in 0..=rewritten.inst_bound() {
            let Some(point) = ahead.rewritten.settle(rewritten) else { return Ok(None) };
            let data = rewritten.block(point.block);
            let Some(&inst) = data.insts.get(point.at) else { return Ok(None) };
            ahead.rewritten = point;
            if let Op::Branch { target, .. } = *rewritten.op(inst) {
                let other = Test::new(&mut self.machine, &state, REWRITTEN, rewritten.inst(inst));
                let is_home = self.pair.home(inst) == Some(home);
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
                    _ if is_home => Err(self.refuse(Some(&ahead), Some(inst), Reason::Condition)),
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
            if !self.machine.same_reg(&state, Reg::R0) {
                return Err(self.refuse(Some(&at), other, Reason::Result));
            }
        }
        let exit = Exit::new(&self.machine.arena, &state);
        match &mut self.exit {
            Some(known) => self.joins += u32::from(known.join(&exit, self.joins)),
            none => *none = Some(exit),
        }
        Ok(())
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
