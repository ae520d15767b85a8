//! Copies of what is used no more: `w1 = *(u32 *)(r2 + 0); r0 = r1` becomes
//! `w0 = *(u32 *)(r2 + 0)`.
//!
//! The value is computed in the register that the copy would give it, from the instruction on
//! that sets it, in one block. Where that register is read or written in between, the copy
//! stays; so it does where a register is fixed (a call's result, its arguments).

use crate::analysis::liveness::Liveness;
use crate::entity::{Block, Inst};
use crate::ir::{Function, Op};
use crate::isa::{Operand, Reg, Width};

/// The replacements in one block that make a copy useless, for the first copy that allows it
/// among each run of instructions; the copies become instructions that do nothing.
pub fn collect(function: &Function, live: &Liveness<'_>, block: Block) -> Vec<(Inst, Op)> {
    let mut last_uses = Vec::new();
    live.walk(block, |inst, _, after, _| {
        let data = function.inst(inst);
        if let Op::Mov { width: Width::W64, dst, src: Operand::Reg(src) } = data.op
            && data.core.is_none()
            && dst != src
            && src != Reg::FP
            && !after.regs.contains(src)
        {
            last_uses.push((inst, dst, src));
        }
    });
    let mut replace: Vec<(Inst, Op)> = Vec::new();
    // What was renamed already is looked at in the next round.
    let mut free_from = 0;
    let insts = &function.block(block).insts;
    for (copy, dst, src) in last_uses.into_iter().rev() {
        let Some(at) = insts.iter().position(|&inst| inst == copy) else { continue };
        let range = insts.get(free_from..at).unwrap_or_default();
        if let Some(renamed) = computed_in(function, range, src, dst) {
            replace.extend(renamed);
            replace.push((copy, Op::Mov { width: Width::W64, dst, src: Operand::Reg(dst) }));
            free_from = at + 1;
        }
    }
    replace
}

/// The last instructions of a range that compute `from`, computing `to` instead. None if one
/// cannot, or if `to` is needed in between.
fn computed_in(function: &Function, range: &[Inst], from: Reg, to: Reg) -> Option<Vec<(Inst, Op)>> {
    let mut renamed = Vec::new();
    for &inst in range.iter().rev() {
        let data = function.inst(inst);
        let (uses, defs) = (data.op.uses(), data.op.defs());
        let is_start = defs.contains(from) && !uses.contains(from);
        if defs.contains(to) || (uses.contains(to) && !is_start) {
            return None;
        }
        if defs.contains(from) || uses.contains(from) {
            if data.core.is_some() || data.reloc.is_some() {
                return None;
            }
            renamed.push((inst, rename(data.op, from, to)?));
        }
        if is_start {
            return Some(renamed);
        }
    }
    None
}

/// The instruction with one register in the place of another; none where it is fixed.
fn rename(op: Op, from: Reg, to: Reg) -> Option<Op> {
    let reg = |r: Reg| if r == from { to } else { r };
    let operand = |src: Operand| match src {
        Operand::Reg(r) => Operand::Reg(reg(r)),
        imm @ Operand::Imm(_) => imm,
    };
    Some(match op {
        Op::Alu { width, op, dst, src } => Op::Alu { width, op, dst: reg(dst), src: operand(src) },
        Op::Neg { width, dst } => Op::Neg { width, dst: reg(dst) },
        Op::Mov { width, dst, src } => Op::Mov { width, dst: reg(dst), src: operand(src) },
        Op::MovSx { width, from, dst, src } => {
            Op::MovSx { width, from, dst: reg(dst), src: reg(src) }
        }
        Op::Swap { op, size, dst } => Op::Swap { op, size, dst: reg(dst) },
        Op::Load { size, signed, dst, base, off } => {
            Op::Load { size, signed, dst: reg(dst), base: reg(base), off }
        }
        Op::Store { size, base, off, src } => {
            Op::Store { size, base: reg(base), off, src: operand(src) }
        }
        Op::LdImm64 { dst, imm } => Op::LdImm64 { dst: reg(dst), imm },
        Op::AddrSpaceCast { .. }
        | Op::Atomic { .. }
        | Op::LoadAcquire { .. }
        | Op::StoreRelease { .. }
        | Op::LdAbs { .. }
        | Op::LdInd { .. }
        | Op::Call(_)
        | Op::Exit
        | Op::Goto { .. }
        | Op::Branch { .. }
        | Op::MayGoto { .. }
        | Op::GotoX { .. } => return None,
    })
}
