//! Jumps that make the verifier remember where it has been.
//!
//! The verifier stores a state at a prune point only if it has gone through two jumps and eight
//! instructions since the last one (`is_state_visited` of kernel/bpf/verifier.c; a call counts as
//! a jump, so does a `goto`). A path that meets no stored state is followed to its end, so code
//! behind a join without one is verified once for each way to the join. A decided branch was such
//! a jump. Where an arm that ends in a join is long and has no jump, a `goto` to the next instruction
//! stands for it. Kernels since 5.1 remove it when they have verified the program
//! (`opt_remove_nops`).
//!
//! A state in the wrong place costs, too, since none is stored right behind it. So this is done only
//! in functions that are short of jumps; the others store states often enough.

use crate::cfg::Cfg;
use crate::entity::Block;
use crate::ir::{Function, InstData, Op};

/// Instructions from which on a stretch is long: those that the verifier counts between states.
const LONG: usize = 8;

/// Instructions to a jump from which on a function is short of jumps.
const SPARSE: usize = 32;

/// Adds up to `count` jumps to a function, where its arms are long and it is short of jumps.
pub fn run(func: &mut Function, count: usize) {
    if !is_sparse(func) {
        return;
    }
    let cfg = Cfg::new(func);
    let is_join = |block: Block| cfg.predecessors(block).nth(1).is_some();
    // Where the next block is another one, lowering makes up a `goto` anyway.
    let falls_through = |pair: &[Block]| match pair {
        [block, next] if func.block(*block).next == Some(*next) => Some((*block, *next)),
        _ => None,
    };
    let arms = func.layout().windows(2).filter_map(falls_through);
    let arms = arms.filter(|&(block, next)| is_quiet(func, block) && is_join(next));
    for (block, next) in arms.take(count).collect::<Vec<_>>() {
        go_to(func, block, next);
    }
}

/// Whether the verifier meets few jumps in a function.
fn is_sparse(func: &Function) -> bool {
    let is_jump = |op: &Op| matches!(op, Op::Call(_) | Op::Branch { .. });
    let jumps = func.insts().filter(|(_, inst)| is_jump(func.op(*inst))).count();
    jumps > 0 && func.insts().count() / jumps >= SPARSE
}

/// Whether a block is long and has no jump.
fn is_quiet(func: &Function, block: Block) -> bool {
    let insts = &func.block(block).insts;
    let has_call = || insts.iter().any(|&inst| matches!(func.op(inst), Op::Call(_)));
    insts.len() >= LONG && func.terminator(block).is_none() && !has_call()
}

/// Makes a block that falls through to another one jump there.
fn go_to(func: &mut Function, block: Block, next: Block) {
    let line = func.block(block).insts.last().and_then(|&inst| func.inst(inst).line);
    func.push_inst(
        block,
        InstData { line, ..InstData::new(Op::Goto { target: next, long: false }) },
    );
    func.set_next(block, None);
}
