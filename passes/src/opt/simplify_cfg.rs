//! Straight lines: jumps to jumps, jumps to the next block, empty blocks and blocks with one
//! way in and one way out go; blocks are laid out so that they fall through to each other.

use crate::cfg::Cfg;
use crate::entity::{Block, Entity, Inst, PerEntity};
use crate::ir::{Function, Op};
use crate::rules::{Rule, Rules};

/// Simplifies the control flow of one function, which was `original` before it was folded.
pub fn run(func: &mut Function, original: &Function, rules: Rules) {
    goto_to_fallthrough(func, |inst| rules.contains(Rule::KeepJumps) && is_decided(original, inst));
    skip_empty_blocks(func);
    drop_useless_branches(func);
    drop_unreachable(func);
    merge_chains(func);
    if rules.contains(Rule::MoveBlocks) {
        lay_out(func);
    }
}

/// Whether an instruction was a conditional jump.
fn is_decided(original: &Function, inst: Inst) -> bool {
    inst.index() < original.inst_bound() && matches!(original.op(inst), Op::Branch { .. })
}

/// A `goto` at a block's end becomes a fallthrough; layout makes one up where it is needed.
fn goto_to_fallthrough(func: &mut Function, stays: impl Fn(Inst) -> bool) {
    for block in func.layout().to_vec() {
        if let Some(inst) = func.terminator(block)
            && let Op::Goto { target, .. } = *func.op(inst)
            && !(stays(inst) && func.block(block).insts.len() > 1)
        {
            func.replace_terminator(block, target);
        }
    }
}

/// Edges to an empty block go to where that block goes.
fn skip_empty_blocks(func: &mut Function) {
    let mut forward: PerEntity<Block, Option<Block>> = PerEntity::with_default(None);
    for &block in func.layout() {
        let data = func.block(block);
        if data.insts.is_empty() {
            forward[block] = data.next;
        }
    }
    for &block in func.layout() {
        shorten(&mut forward, block);
    }
    let resolve = |block: Block| forward[block].unwrap_or(block);
    let mut edits = Vec::new();
    for &block in func.layout() {
        let next = func.block(block).next.map(resolve);
        let target = func
            .terminator(block)
            .and_then(|i| func.op(i).target().map(|&target| (i, resolve(target))));
        edits.push((block, next, target));
    }
    func.map_table_targets(resolve);
    for (block, next, target) in edits {
        func.set_next(block, next);
        if let Some((inst, target)) = target {
            func.set_target(inst, target);
        }
    }
}

/// Lets all blocks on the way from `block` forward to its end; a circle ends anywhere.
fn shorten(forward: &mut PerEntity<Block, Option<Block>>, block: Block) {
    let mut way = Vec::new();
    let mut end = block;
    while let Some(next) = forward[end].take() {
        way.push(end);
        end = next;
    }
    for block in way {
        forward[block] = Some(end).filter(|&end| end != block);
    }
}

/// A conditional jump to where control goes anyway.
fn drop_useless_branches(func: &mut Function) {
    for block in func.layout().to_vec() {
        if let Some(inst) = func.terminator(block)
            && let Op::Branch { target, .. } = *func.op(inst)
            && func.inst(inst).core.is_none()
            && func.block(block).next == Some(target)
        {
            func.replace_terminator(block, target);
        }
    }
}

fn drop_unreachable(func: &mut Function) {
    let cfg = Cfg::new(func);
    func.retain_blocks(|block| cfg.order(block).is_some());
}

/// A block whose only successor has no other predecessor takes it in.
fn merge_chains(func: &mut Function) {
    let cfg = Cfg::new(func);
    let entry = func.entry();
    let mut merged = PerEntity::with_default(false);
    for &block in cfg.reverse_postorder() {
        if merged[block] {
            continue;
        }
        while func.terminator(block).is_none()
            && let Some(next) = func.block(block).next
            && next != block
            && Some(next) != entry
            && cfg.predecessors(next).nth(1).is_none()
        {
            func.append_block(block, next);
            merged[next] = true;
        }
    }
    func.retain_blocks(|block| !merged[block]);
}

/// Each block is followed by its fallthrough where no block before it needs that place.
fn lay_out(func: &mut Function) {
    let old = func.layout().to_vec();
    let mut before: PerEntity<Block, Option<Block>> = PerEntity::with_default(None);
    for pair in old.windows(2) {
        if let [a, b] = pair {
            before[*b] = Some(*a);
        }
    }
    let wanted = |from: Block, next: Block| {
        let holder = before[next].filter(|&b| func.block(b).next == Some(next));
        holder.is_none_or(|b| b == from)
    };
    let mut placed = PerEntity::with_default(false);
    let mut layout = Vec::with_capacity(old.len());
    for &start in &old {
        let mut at = Some(start).filter(|&b| !placed[b]);
        while let Some(block) = at {
            placed[block] = true;
            layout.push(block);
            let next = func.block(block).next.filter(|&next| !placed[next]);
            at = next.filter(|&next| wanted(block, next));
        }
    }
    func.set_layout(layout);
}
