//! What branches do to a state: which way they go, and what each edge learns.

use crate::analysis::number::Number;
use crate::analysis::state::State;
use crate::analysis::value::Value;
use crate::entity::Block;
use crate::ir::{Function, Op};
use crate::isa::{Cond, Operand, Reg, Width};

/// Gives the state at a block's end to each successor that can follow.
pub(super) fn flow_out(
    func: &Function,
    block: Block,
    state: State,
    out: &mut dyn FnMut(Block, State),
) {
    let next = func.block(block).next;
    let Some(inst) = func.terminator(block) else {
        if let Some(next) = next {
            out(next, state);
        }
        return;
    };
    match *func.op(inst) {
        Op::Branch { width, cond, dst, src, target } if func.inst(inst).core.is_none() => {
            for (holds, to) in [(true, Some(target)), (false, next)] {
                if let (Some(to), Some(state)) = (to, edge(&state, width, cond, dst, src, holds)) {
                    out(to, state);
                }
            }
        }
        Op::Branch { target, .. } | Op::Goto { target, .. } | Op::MayGoto { target } => {
            if let Some(next) = next {
                out(next, state.clone());
            }
            out(target, state);
        }
        _ => {}
    }
}

/// Whether the condition is the same for all that the operands can be.
pub fn decide(state: &State, width: Width, cond: Cond, dst: Reg, src: Operand) -> Option<bool> {
    let (a, b) = (state.reg(dst), operand(state, src));
    let null_check = width == Width::W64
        && matches!(cond, Cond::Eq | Cond::Ne)
        && (a.is_address() && b.as_constant() == Some(0)
            || b.is_address() && a.as_constant() == Some(0));
    if null_check {
        return Some(cond == Cond::Ne);
    }
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = sure(state, (dst, a), (src, b));
            // An edge without a state is never followed, so the branch must be decided too.
            let can_be = |holds| {
                Number::refine(width, cond, holds, &a, &b).is_some()
                    && (matches!(src, Operand::Imm(_))
                        || Number::refine(width, cond.swapped(), holds, &b, &a).is_some())
            };
            // Neither can be where the state is one that no run has.
            match (can_be(true), can_be(false)) {
                (true, false) => Some(true),
                (false, true) | (false, false) => Some(false),
                (true, true) => None,
            }
        }
        _ => None,
    }
}

/// The operands without what older verifiers do not know of them: some comparisons, such as
/// `w1 >= 0`, are decided whatever the value is.
fn sure(state: &State, (dst, a): (Reg, Number), (src, b): (Operand, Number)) -> (Number, Number) {
    let is_range = state.is_unsure(dst) && a.as_constant().is_none();
    let b_is_unsure = matches!(src, Operand::Reg(src) if state.is_unsure(src));
    (if is_range { Number::TOP } else { a }, if b_is_unsure { Number::TOP } else { b })
}

/// The state on the edge on which `dst cond src` is `holds`; none if it cannot be.
fn edge(
    state: &State,
    width: Width,
    cond: Cond,
    dst: Reg,
    src: Operand,
    holds: bool,
) -> Option<State> {
    if decide(state, width, cond, dst, src) == Some(!holds) {
        return None;
    }
    let mut state = state.clone();
    if let (Value::Number(x), Value::Number(y)) = (state.reg(dst), operand(&state, src)) {
        let refined = Number::refine(width, cond, holds, &x, &y).unwrap_or(x);
        state.learn(dst, Value::Number(refined));
        if matches!((cond, holds), (Cond::Ne, true) | (Cond::Eq, false)) {
            let excluded = Number::exclude(width, &refined, &y);
            state.learn_unsure(dst, Value::Number(excluded));
        }
        if let Operand::Reg(src) = src {
            let refined = Number::refine(width, cond.swapped(), holds, &y, &x).unwrap_or(y);
            state.learn(src, Value::Number(refined));
        }
    }
    Some(state)
}

pub(super) fn operand(state: &State, src: Operand) -> Value {
    match src {
        Operand::Reg(reg) => state.reg(reg),
        Operand::Imm(imm) => Value::constant(i64::from(imm) as u64),
    }
}
