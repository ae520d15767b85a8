//! Conditions of jumps: what decides them, and what they tell.

use crate::check::arena::{Arena, Sym};
use crate::check::exec::Machine;
use crate::check::facts::{Fact, Kind, Shape};
use crate::check::num::Num;
use crate::check::refusal::Reason;
use crate::check::state::State;
use crate::check::value::{Abs, Base};
use crate::entity::Core;
use crate::ir::{InstData, Op};
use crate::isa::{Cond, Operand, Size, Width};

/// Numbers below this are no addresses.
const FIRST_ADDRESS: u64 = 4096;

/// How often the bounds of a value are moved because it is known not to be these numbers.
const BOUNDS: usize = 8;

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

    /// Whether the verifier takes it for a null check.
    pub fn is_null_check(&self) -> bool {
        self.null_check
    }

    /// The condition as the other program has it too, which makes a null check of it as well
    /// or not: only a null check that both make changes what the verifier takes a value for.
    pub fn made_by(self, both: bool) -> Test {
        Test { null_check: self.null_check && both, ..self }
    }

    /// Whether the condition holds, if that is known.
    pub fn decide(&self, arena: &mut Arena, state: &State) -> Option<bool> {
        if self.core.is_some() {
            return None;
        }
        let (x, y) = (arena.abs(self.a).num, arena.abs(self.b).num);
        if let Some(holds) = Num::decide(self.width, self.cond, &x, &y) {
            return Some(holds);
        }
        let (shape, inverted) = self.shape(arena);
        let holds = shape.decide(arena).or_else(|| state.facts.decide(&shape))?;
        Some(holds != inverted)
    }

    /// The state where the condition was found to be `holds`; none if it cannot be.
    pub fn edge(&self, arena: &mut Arena, state: &State, holds: bool) -> Option<State> {
        let mut state = state.clone();
        self.learn(arena, &mut state, holds).then_some(state)
    }

    /// Lets a state learn that the condition is `holds`. False if it cannot be.
    pub fn learn(&self, arena: &mut Arena, state: &mut State, holds: bool) -> bool {
        if self.core.is_some() {
            return true;
        }
        if let Some(known) = self.decide(arena, state) {
            return known == holds;
        }
        let mut learned = *self;
        let Some(a) = learned.narrow(arena, state, holds, false) else { return false };
        (learned.a, learned.b) = (a, arena.substitute(self.b, self.a, a));
        let Some(b) = learned.narrow(arena, state, holds, true) else { return false };
        (learned.a, learned.b) = (arena.substitute(a, learned.b, b), b);
        let (shape, inverted) = learned.shape(arena);
        if shape.decide(arena).is_none() {
            state.facts.push(Fact { shape, holds: holds != inverted });
        }
        true
    }

    /// Lets a state learn what the condition says of one of its operands: the symbol that all
    /// places hold in its stead. None if there is no such value.
    fn narrow(
        &self,
        arena: &mut Arena,
        state: &mut State,
        holds: bool,
        second: bool,
    ) -> Option<Sym> {
        let (sym, cond, other) = match second {
            false => (self.a, self.cond, self.b),
            true => (self.b, self.cond.swapped(), self.a),
        };
        let (abs, other) = (arena.abs(sym), arena.abs(other).num);
        let mut num = Num::refine(self.width, cond, holds, &abs.num, &other)?;
        for _ in 0..BOUNDS {
            let before = num;
            for excluded in state.facts.excluded(arena, sym) {
                num = Num::refine(Width::W64, Cond::Ne, true, &num, &Num::one(excluded))?;
            }
            if num == before {
                break;
            }
        }
        let base = match (abs.base, num.as_one()) {
            (Base::Any { frame: false, .. }, Some(_)) => Base::Plain,
            (Base::Any { .. }, Some(value)) if value < FIRST_ADDRESS => Base::Plain,
            (base, _) => base,
        };
        let is_null = self.null_check && !second && num.as_one() == Some(0);
        let kind = if is_null { abs.kind.null() } else { abs.kind };
        let learned = Abs { base, kind, num, ..abs };
        if learned == abs {
            return Some(sym);
        }
        let to = arena.opaque(learned);
        state.rename(arena, sym, to);
        if arena.is_computed(sym) {
            state
                .facts
                .push(Fact { shape: Shape { kind: Kind::Same, a: sym, b: to }, holds: true });
        }
        Some(to)
    }

    /// The condition up to the ways to write it, and whether this one is the opposite.
    fn shape(&self, arena: &mut Arena) -> (Shape, bool) {
        let signed = matches!(self.cond, Cond::Sgt | Cond::Sge | Cond::Slt | Cond::Sle);
        let operand = |arena: &mut Arena, sym: Sym| match (self.width, signed) {
            (Width::W64, _) => sym,
            (Width::W32, false) => arena.low(sym),
            (Width::W32, true) => arena.sign_extend(Size::W, sym),
        };
        let (a, b) = (operand(arena, self.a), operand(arena, self.b));
        let less = if signed { Kind::SignedLess } else { Kind::Less };
        let (kind, a, b, inverted) = match self.cond {
            Cond::Eq => (Kind::Equal, a, b, false),
            Cond::Ne => (Kind::Equal, a, b, true),
            Cond::Set => (Kind::Common, a, b, false),
            Cond::Lt | Cond::Slt => (less, a, b, false),
            Cond::Ge | Cond::Sge => (less, a, b, true),
            Cond::Gt | Cond::Sgt => (less, b, a, false),
            Cond::Le | Cond::Sle => (less, b, a, true),
        };
        let (shape, flipped) = Shape::new(arena, kind, a, b);
        (shape, inverted != flipped)
    }

    /// Whether two conditions are the same (true) or opposite (false), if that is known.
    pub fn compare(&self, other: &Test, arena: &mut Arena) -> Option<bool> {
        let ((x, a), (y, b)) = (self.shape(arena), other.shape(arena));
        (x == y && self.core == other.core).then_some(a == b)
    }
}
