//! What branches do to a state: which way they go, and what each edge learns.

use crate::analysis::jump_tables::Selection;
use crate::analysis::kind::Kind;
use crate::analysis::number::Number;
use crate::analysis::state::State;
use crate::analysis::value::Value;
use crate::entity::Block;
use crate::ir::{Function, Op};
use crate::isa::{Cond, Operand, Reg, Width};

/// Gives the state at a block's end to each successor that can follow. `selection` is what the
/// block's code has told of the `gotox` at its end.
pub(super) fn flow_out(
    func: &Function,
    block: Block,
    selection: Option<&Selection<'_>>,
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
        Op::GotoX { .. } => {
            let targets = match selection {
                Some(selection) => selection.targets(block),
                None => func.table_targets(block),
            };
            for target in targets {
                out(target, state.clone());
            }
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
    if may_teach_of_pointers(state, width, cond, dst, src) {
        return None;
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

/// Whether the verifier can learn from the comparison what a pointer is: a null check that it
/// has not seen yet, or two pointers, as in the check of a packet's end. What other
/// comparisons have shown of the values tells it nothing of that.
fn may_teach_of_pointers(state: &State, width: Width, cond: Cond, dst: Reg, src: Operand) -> bool {
    let (a, b) = (state.kind(dst), state.operand_kind(src));
    let unchecked = |kind: Kind| matches!(kind, Kind::OrNull | Kind::Unknown);
    let zero = |value: Value| value.as_constant() == Some(0);
    let null_check = width == Width::W64
        && matches!(cond, Cond::Eq | Cond::Ne)
        && (unchecked(a) && zero(operand(state, src)) || unchecked(b) && zero(state.reg(dst)));
    null_check || (!a.is_number() && !b.is_number())
}

/// Whether the verifier takes `dst cond src` for a null check of `dst`.
fn is_null_check(width: Width, cond: Cond, src: Operand) -> bool {
    width == Width::W64 && matches!(cond, Cond::Eq | Cond::Ne) && src == Operand::Imm(0)
}

/// The operands without what some verifiers do not know of them: some comparisons, such as
/// `w1 >= 0`, are decided whatever the value is. What may be a pointer keeps what comparisons
/// have shown: the verifier knows it of a number, and learns nothing from another comparison of
/// a pointer. A number that it may not know cannot be written into the code where that would
/// make a number of a pointer.
fn sure(state: &State, (dst, a): (Reg, Number), (src, b): (Operand, Number)) -> (Number, Number) {
    let is_written = a.as_constant().is_some() && state.kind(dst).is_number();
    let forget_a = state.is_unsure_number(dst) && !is_written;
    let forget_b = matches!(src, Operand::Reg(src) if state.is_unsure(src));
    (if forget_a { Number::TOP } else { a }, if forget_b { Number::TOP } else { b })
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
        let unsure = |state: &State, reg: Reg| state.is_unsure(reg) || !state.kind(reg).is_number();
        let dst_is_unsure = unsure(&state, dst);
        let src_is_unsure = matches!(src, Operand::Reg(src) if unsure(&state, src));
        let refined = Number::refine(width, cond, holds, &x, &y).unwrap_or(x);
        learn(&mut state, dst, refined, src_is_unsure);
        if matches!((cond, holds), (Cond::Ne, true) | (Cond::Eq, false)) {
            let excluded = Number::exclude(width, &refined, &y);
            state.learn_unsure(dst, Value::Number(excluded));
        }
        if let Operand::Reg(src) = src {
            let refined = Number::refine(width, cond.swapped(), holds, &y, &x).unwrap_or(y);
            learn(&mut state, src, refined, dst_is_unsure);
        }
        if is_null_check(width, cond, src) {
            state.check_null(dst, (cond == Cond::Eq) == holds);
        }
    }
    Some(state)
}

/// A comparison with something has shown what a register holds; `unsure` if verifiers may
/// know less of that something, or take it for a pointer.
fn learn(state: &mut State, reg: Reg, number: Number, unsure: bool) {
    match unsure {
        true => state.learn_unsure(reg, Value::Number(number)),
        false => state.learn(reg, Value::Number(number)),
    }
}

pub(super) fn operand(state: &State, src: Operand) -> Value {
    match src {
        Operand::Reg(reg) => state.reg(reg),
        Operand::Imm(imm) => Value::constant(i64::from(imm) as u64),
    }
}
