//! Tail merging: of blocks with the same instructions and the same way on, one stays.
//!
//! Folding leaves many of them, such as `r0 = 0; exit` at the end of every arm.

use indexmap::IndexMap;

use crate::entity::{Block, PerEntity};
use crate::ir::{Function, InstData, Op};

/// Merges the blocks of one function that are the same.
pub fn run(func: &mut Function) {
    let mut first: IndexMap<(Vec<Op>, Option<Block>), Block> = IndexMap::new();
    let mut same: PerEntity<Block, Option<Block>> = PerEntity::with_default(None);
    for &block in func.layout() {
        let data = func.block(block);
        let plain = |inst: &InstData| inst.reloc.is_none() && inst.core.is_none();
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
