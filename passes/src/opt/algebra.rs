//! Instructions that compute what is there already: identities (`x + 0`, `x * 1`, `x & -1`),
//! masks that cover every bit that can be set, extensions of values that are extended, and
//! addresses and constants that the register holds.
//!
//! What is known of the operand is what the verifier derives from the same code (see
//! [`number`](crate::analysis::number)), so it loses nothing with the instruction. What it may
//! not know, or knows of a number where it may have a pointer, is not used.

use crate::analysis::constants::Facts;
use crate::analysis::number::Number;
use crate::analysis::state::State;
use crate::analysis::value::Value;
use crate::entity::{Block, Func, Inst};
use crate::ir::{InstData, Op, Program};
use crate::isa::{self, AluOp, Imm64, Operand, Reg, Size, Width};
use crate::rules::{Rule, Rules};

/// The replacements in one block: an instruction that sets a register to itself is dead.
pub fn collect(
    program: &Program,
    facts: &Facts,
    func: Func,
    block: Block,
    rules: Rules,
) -> Vec<(Inst, Op)> {
    let function = &program.funcs[func];
    let mut replace = Vec::new();
    let mut previous: Option<(Inst, Op, State)> = None;
    facts.walk_before(program, func, block, |inst, before| {
        let data = function.inst(inst);
        if let Some((first, op, state)) = &previous
            && data.core.is_none()
            && is_shift_pair(op, &data.op, state)
            && rules.contains(Rule::Extensions)
        {
            replace.push((*first, nothing(data.op)));
            replace.push((inst, nothing(data.op)));
            previous = None;
            return;
        }
        match simplified(data, before, rules) {
            Some(op) => {
                replace.push((inst, op));
                previous = None;
            }
            None => {
                let kept = data.core.is_none() && matches!(data.op, Op::Alu { op: AluOp::Lsh, .. });
                previous = kept.then(|| (inst, data.op, before.clone()));
            }
        }
    });
    replace
}

fn itself(dst: Reg) -> Op {
    Op::Mov { width: Width::W64, dst, src: Operand::Reg(dst) }
}

/// The instruction that leaves the destination of `op` as it is.
fn nothing(op: Op) -> Op {
    op.defs().iter().next().map_or(op, itself)
}

fn simplified(data: &InstData, before: &State, rules: Rules) -> Option<Op> {
    if data.core.is_some() {
        return None;
    }
    match data.op {
        Op::LdImm64 { dst, imm } if rules.contains(Rule::Held) && holds(before, dst, imm) => {
            Some(itself(dst))
        }
        Op::Mov { width: Width::W64, dst, src: Operand::Imm(imm) }
            if rules.contains(Rule::Held)
                && !before.is_unsure(dst)
                && before.reg(dst).as_constant() == Some(i64::from(imm) as u64) =>
        {
            Some(itself(dst))
        }
        Op::Mov { width: Width::W32, dst, src: Operand::Imm(imm) }
            if rules.contains(Rule::Held)
                && !before.is_unsure(dst)
                && before.reg(dst).as_constant() == Some(u64::from(imm as u32)) =>
        {
            Some(itself(dst))
        }
        Op::Alu { width, op, dst, src: Operand::Imm(imm) } => {
            let value = before.reg(dst);
            let unchanged = rules.contains(Rule::Identities) && is_identity(op, imm)
                || rules.contains(Rule::Masks)
                    && matches!(value, Value::Number(n) if keeps(width, op, &n, imm))
                    && !before.is_unsure(dst);
            if !unchanged {
                return None;
            }
            match (width, value) {
                (Width::W64, _) => Some(itself(dst)),
                (Width::W32, Value::Number(n))
                    if is_zero_extended(&n) && !before.is_unsure(dst) =>
                {
                    Some(itself(dst))
                }
                (Width::W32, _) => Some(Op::Mov { width: Width::W32, dst, src: Operand::Reg(dst) }),
            }
        }
        Op::Mov { .. } | Op::MovSx { .. } if !rules.contains(Rule::Extensions) => None,
        Op::Mov { width: Width::W32, dst, src: Operand::Reg(src) } => match before.reg(src) {
            Value::Number(n) if is_zero_extended(&n) && !before.is_unsure(src) => {
                Some(Op::Mov { width: Width::W64, dst, src: Operand::Reg(src) })
            }
            _ => None,
        },
        Op::MovSx { width, from, dst, src } => match before.reg(src) {
            Value::Number(n)
                if fits_signed(&n, from)
                    && (width == Width::W64 || n.smin >= 0)
                    && !before.is_unsure(src) =>
            {
                Some(Op::Mov { width: Width::W64, dst, src: Operand::Reg(src) })
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether a register holds what an `ldimm64` gives.
fn holds(before: &State, dst: Reg, imm: Imm64) -> bool {
    match (before.reg(dst), imm) {
        (Value::Number(n), Imm64::Const(value)) => {
            !before.is_unsure(dst) && n.as_constant() == Some(value)
        }
        (
            Value::Section { section: a, offset: Some(x) },
            Imm64::Section { section: b, offset: y },
        ) => (a, x) == (b, y),
        (Value::Map(a), Imm64::Map(b)) => a == b,
        _ => false,
    }
}

/// `x op imm` is `x` for every `x`. Kernels refuse a remainder by 0.
fn is_identity(op: AluOp, imm: i32) -> bool {
    !matches!(op, AluOp::Mod | AluOp::SMod) && op.is_identity(i64::from(imm) as u64)
}

/// `x op imm` is `x` because of what is known of `x`.
fn keeps(width: Width, op: AluOp, x: &Number, imm: i32) -> bool {
    let imm = isa::truncate(width, i64::from(imm) as u64);
    let x = match width {
        Width::W64 => *x,
        Width::W32 => x.low_half(),
    };
    match op {
        AluOp::And => (x.bits.value | x.bits.mask) & !imm == 0,
        AluOp::Or => imm & !x.bits.value == 0,
        _ => false,
    }
}

fn is_zero_extended(n: &Number) -> bool {
    n.umax <= u64::from(u32::MAX)
}

fn fits_signed(n: &Number, size: Size) -> bool {
    let shift = 64 - size.bits();
    n.smin >= i64::MIN >> shift && n.smax <= i64::MAX >> shift
}

/// `x <<= n; x >>= n` (or `s>>=`) of a value whose upper bits are clear (or copies of its
/// sign): how compilers extend before v4 and without 32-bit registers.
fn is_shift_pair(first: &Op, second: &Op, before: &State) -> bool {
    let (
        Op::Alu { width: Width::W64, op: AluOp::Lsh, dst: a, src: Operand::Imm(left) },
        Op::Alu { width: Width::W64, op, dst: b, src: Operand::Imm(right) },
    ) = (first, second)
    else {
        return false;
    };
    let Value::Number(n) = before.reg(*a) else { return false };
    if a != b || left != right || !(1..64).contains(left) || before.is_unsure(*a) {
        return false;
    }
    match op {
        AluOp::Rsh => n.umax <= u64::MAX >> left,
        AluOp::Arsh => n.smin >= i64::MIN >> left && n.smax <= i64::MAX >> left,
        _ => false,
    }
}
