//! Copies whose every use can name the source: `r2 = r1; if r2 > 5` becomes `if r1 > 5`.
//!
//! A copy goes only if all its uses go with it. If one stayed, a check of one register would
//! stand for the other, and that is more than older verifiers know.

use crate::analysis::liveness::Liveness;
use crate::entity::{Block, Inst};
use crate::ir::{Function, Op};
use crate::isa::{Operand, Reg, Width};

/// The replacements in one block that make copies useless; the copies themselves become
/// instructions that do nothing.
pub fn collect(function: &Function, live: &Liveness<'_>, block: Block) -> Vec<(Inst, Op)> {
    let insts = &function.block(block).insts;
    let mut replace: Vec<(Inst, Op)> = Vec::new();
    let mut i = 0;
    while i < insts.len() {
        let (copy, next) = (insts[i], i + 1);
        i = next;
        let data = function.inst(copy);
        if let Op::Mov { width: Width::W64, dst, src: Operand::Reg(src) } = data.op
            && data.core.is_none()
            && dst != src
            && let Some((uses, end)) = uses_of(function, live, block, next, dst, src)
        {
            replace.extend(uses);
            replace.push((copy, Op::Mov { width: Width::W64, dst, src: Operand::Reg(dst) }));
            i = end;
        }
    }
    replace
}

/// The instructions from position `from` on that read `dst`, reading `src` instead, and the
/// position after the last of them. None if one cannot, or if `dst` is read after the block.
fn uses_of(
    function: &Function,
    live: &Liveness<'_>,
    block: Block,
    from: usize,
    dst: Reg,
    src: Reg,
) -> Option<(Vec<(Inst, Op)>, usize)> {
    let insts = &function.block(block).insts;
    let mut uses = Vec::new();
    let mut src_intact = true;
    let mut end = from;
    for (i, &inst) in insts.iter().enumerate().skip(from) {
        let data = function.inst(inst);
        if live.uses(&data.op).contains(dst) {
            if !src_intact || data.core.is_some() {
                return None;
            }
            uses.push((inst, renamed(data.op, dst, src)?));
            end = i + 1;
        }
        let defs = data.op.defs();
        if defs.contains(dst) {
            return Some((uses, end));
        }
        src_intact &= !defs.contains(src);
    }
    (!live.at_end(block).regs.contains(dst)).then_some((uses, end))
}

/// The instruction with reads of `from` made reads of `to`; none where the register is fixed
/// or written as well.
fn renamed(op: Op, from: Reg, to: Reg) -> Option<Op> {
    let reg = |r: Reg| if r == from { to } else { r };
    let operand = |src: Operand| match src {
        Operand::Reg(r) => Operand::Reg(reg(r)),
        imm @ Operand::Imm(_) => imm,
    };
    Some(match op {
        Op::Alu { width, op, dst, src } if dst != from => {
            Op::Alu { width, op, dst, src: operand(src) }
        }
        Op::Mov { width, dst, src } => Op::Mov { width, dst, src: operand(src) },
        Op::MovSx { width, from, dst, src } => Op::MovSx { width, from, dst, src: reg(src) },
        Op::Load { size, signed, dst, base, off } => {
            Op::Load { size, signed, dst, base: reg(base), off }
        }
        Op::Store { size, base, off, src } => {
            Op::Store { size, base: reg(base), off, src: operand(src) }
        }
        Op::Branch { width, cond, dst, src, target } => {
            Op::Branch { width, cond, dst: reg(dst), src: operand(src), target }
        }
        Op::Alu { .. }
        | Op::Neg { .. }
        | Op::Swap { .. }
        | Op::AddrSpaceCast { .. }
        | Op::Atomic { .. }
        | Op::LoadAcquire { .. }
        | Op::StoreRelease { .. }
        | Op::LdImm64 { .. }
        | Op::LdAbs { .. }
        | Op::LdInd { .. }
        | Op::Call(_)
        | Op::Exit
        | Op::Goto { .. }
        | Op::MayGoto { .. }
        | Op::GotoX { .. } => return None,
    })
}
