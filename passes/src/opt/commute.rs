//! Constants to the right: `w1 = 15; …; w1 &= w2` becomes `r1 = r2; w1 &= 15`.
//!
//! A variable that folding has made a constant can be the left operand of what is computed.
//! The operation must commute, the constant must fit into the instruction, and the instruction
//! that sets it must serve nothing else: it is removed, so the code stays as long as it is, and
//! [`coalesce`](crate::opt::coalesce) removes the copy where the other operand is used no more.
//! A pointer can be the other operand of a sum; the verifier takes both orders for the same
//! (`adjust_reg_min_max_vals` of `kernel/bpf/verifier.c`).

use crate::analysis::constants::Facts;
use crate::analysis::liveness::Liveness;
use crate::analysis::state::State;
use crate::cfg::Cfg;
use crate::entity::{Block, Func, Inst, PerEntity};
use crate::ir::{Function, InstData, Op, Program};
use crate::isa::{Imm64, Operand, Width};
use crate::opt::uses::Uses;

/// An operation whose operands change places.
#[derive(Clone, Copy, Debug)]
pub struct Commuted {
    /// The instruction that sets the constant.
    constant: Inst,
    /// The operation.
    inst: Inst,
    /// The copy that goes before it.
    copy: Op,
    /// The operation with the constant to the right.
    op: Op,
}

/// The operations of one function whose operands change places.
pub fn collect(program: &Program, facts: &Facts, live: &Liveness<'_>, func: Func) -> Vec<Commuted> {
    let function = &program.funcs[func];
    let mut swapped: PerEntity<Inst, Option<(Op, Op)>> = PerEntity::with_default(None);
    let mut found = false;
    for &block in function.layout() {
        facts.walk_before(program, func, block, |inst, before| {
            swapped[inst] = swap(function.inst(inst), before);
            found |= swapped[inst].is_some();
        });
    }
    if !found {
        return Vec::new();
    }
    let cfg = Cfg::new(function);
    let mut commuted: Vec<Commuted> = Vec::new();
    for (block, constant) in constants(function) {
        for reg in function.op(constant).defs().iter() {
            let walk = Uses { function, cfg: &cfg, live, block, inst: constant, reg };
            let uses = walk.collect(|inst| Some((inst, swapped[inst]?)));
            if let Some([(inst, (copy, op))]) = uses.as_deref() {
                commuted.push(Commuted { constant, inst: *inst, copy: *copy, op: *op });
            }
        }
    }
    commuted
}

/// The instructions that set a register to a constant.
fn constants(function: &Function) -> impl Iterator<Item = (Block, Inst)> + '_ {
    function.insts().filter(|(_, inst)| {
        let data = function.inst(*inst);
        let is_constant = matches!(
            data.op,
            Op::Mov { src: Operand::Imm(_), .. } | Op::LdImm64 { imm: Imm64::Const(_), .. }
        );
        is_constant && data.core.is_none() && data.reloc.is_none()
    })
}

/// The copy and the operation in place of one with a constant to the left.
fn swap(data: &InstData, before: &State) -> Option<(Op, Op)> {
    let Op::Alu { width, op, dst, src: Operand::Reg(src) } = data.op else { return None };
    if data.core.is_some() || !op.commutes() || before.reg(src).as_constant().is_some() {
        return None;
    }
    let value = before.reg(dst).as_constant().filter(|_| !before.is_unsure(dst))?;
    let imm = match width {
        Width::W32 => value as u32 as i32,
        Width::W64 => i32::try_from(value as i64).ok()?,
    };
    // An operation of 32 bits reads the low half only.
    let copy = Op::Mov { width: Width::W64, dst, src: Operand::Reg(src) };
    Some((copy, Op::Alu { width, op, dst, src: Operand::Imm(imm) }))
}

/// Changes them.
pub fn apply(function: &mut Function, commuted: &[Commuted]) {
    let mut before: PerEntity<Inst, Option<Op>> = PerEntity::with_default(None);
    let mut gone: PerEntity<Inst, bool> = PerEntity::with_default(false);
    for one in commuted {
        before[one.inst] = Some(one.copy);
        gone[one.constant] = true;
        function.replace(one.inst, one.op);
    }
    for block in function.layout().to_vec() {
        function.retain_insts(block, |inst, _| !gone[inst]);
        let mut at = 0;
        while let Some(&inst) = function.block(block).insts.get(at) {
            if let Some(op) = before[inst] {
                let line = function.inst(inst).line;
                function.insert_inst(block, at, InstData { line, ..InstData::new(op) });
                at += 1;
            }
            at += 1;
        }
    }
}
