//! Tail merging: of blocks with the same instructions and the same way on, one stays.
//!
//! Folding leaves many of them, such as `r0 = 0; exit` at the end of every arm. The verifier
//! keeps some things by instruction, not by path: the kind of address that a load or store
//! goes to ("same insn cannot be used with different pointers"), the map and the callback of a
//! call. What two paths may bring there differently is not merged.

use indexmap::IndexMap;

use crate::entity::{Block, PerEntity};
use crate::helpers::{Arg, Helper};
use crate::ir::{Function, InstData, Op};
use crate::isa::{Callee, Reg};

/// Merges the blocks of one function that are the same.
pub fn run(func: &mut Function) {
    let mut first: IndexMap<(Vec<Op>, Option<Block>), Block> = IndexMap::new();
    let mut same: PerEntity<Block, Option<Block>> = PerEntity::with_default(None);
    for &block in func.layout() {
        let data = func.block(block);
        let plain = |inst: &InstData| {
            inst.reloc.is_none() && inst.core.is_none() && is_same_on_every_path(&inst.op)
        };
        if data.insts.is_empty() || !data.insts.iter().all(|&i| plain(func.inst(i))) {
            continue;
        }
        let key = (data.insts.iter().map(|&i| *func.op(i)).collect(), data.next);
        let kept = *first.entry(key).or_insert(block);
        if kept != block {
            same[block] = Some(kept);
        }
    }
    for block in func.layout().to_vec() {
        if let Some(next) = func.block(block).next.and_then(|next| same[next]) {
            func.set_next(block, Some(next));
        }
        if let Some(inst) = func.terminator(block)
            && let Some(target) = func.op(inst).target().and_then(|&target| same[target])
        {
            func.set_target(inst, target);
        }
    }
    let entry = func.entry();
    func.retain_blocks(|block| same[block].is_none() || Some(block) == entry);
}

/// Whether the verifier keeps nothing of the instruction that depends on the path.
fn is_same_on_every_path(op: &Op) -> bool {
    match op {
        Op::Load { base, .. }
        | Op::Store { base, .. }
        | Op::Atomic { base, .. }
        | Op::LoadAcquire { base, .. }
        | Op::StoreRelease { base, .. } => *base == Reg::FP,
        Op::Call(Callee::Helper(number)) => Helper::get(*number).is_some_and(|helper| {
            helper.args.iter().all(|arg| matches!(arg, Arg::Scalar | Arg::Ctx | Arg::Memory { .. }))
        }),
        Op::Call(Callee::Func(_)) => true,
        Op::Call(Callee::Extern(_) | Callee::Pseudo { .. })
        | Op::AddrSpaceCast { .. }
        | Op::GotoX { .. } => false,
        Op::Alu { .. }
        | Op::Neg { .. }
        | Op::Mov { .. }
        | Op::MovSx { .. }
        | Op::Swap { .. }
        | Op::LdImm64 { .. }
        | Op::LdAbs { .. }
        | Op::LdInd { .. }
        | Op::Exit
        | Op::Goto { .. }
        | Op::Branch { .. }
        | Op::MayGoto { .. } => true,
    }
}
