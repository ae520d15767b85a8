//! Jump threading: an edge to a block that only tests what is already known on that edge
//! goes straight to where the test leads.

use crate::analysis::branches::decide;
use crate::analysis::constants::Facts;
use crate::entity::{Block, Func};
use crate::ir::{Function, Op, Program};

/// An edge that can go further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Where the edge comes from.
    pub from: Block,
    /// The block that only tests.
    pub over: Block,
    /// Where it leads.
    pub to: Block,
}

/// The edges of one function that can go further.
pub fn collect(program: &Program, facts: &Facts, func: Func) -> Vec<Thread> {
    let function = &program.funcs[func];
    let mut threads = Vec::new();
    let tests = |over: Block| match function.block(over).insts.as_slice() {
        [inst] => matches!(function.op(*inst), Op::Branch { .. }),
        _ => false,
    };
    for &from in function.layout() {
        if !function.successors(from).any(tests) {
            continue;
        }
        facts.out_edges(program, func, from, |over, state| {
            let data = function.block(over);
            let [inst] = data.insts.as_slice() else { return };
            if let Op::Branch { width, cond, dst, src, target } = *function.op(*inst)
                && function.inst(*inst).core.is_none()
                && !state.is_unsure_number(dst)
                && let Some(taken) = decide(state, width, cond, dst, src)
                && let Some(to) = if taken { Some(target) } else { data.next }
                && to != over
            {
                threads.push(Thread { from, over, to });
            }
        });
    }
    threads
}

/// Redirects the edges. A block with two edges to the same test keeps both where they are
/// unless both lead to one place.
pub fn apply(function: &mut Function, threads: &[Thread]) {
    for (i, thread) in threads.iter().enumerate() {
        let differs =
            |t: &Thread| t.from == thread.from && t.over == thread.over && t.to != thread.to;
        let jump = function.terminator(thread.from);
        let target = jump.and_then(|inst| function.op(inst).target().copied());
        let next = function.block(thread.from).next;
        let both = target == Some(thread.over) && next == Some(thread.over);
        // The threads of one block stand together: a block has two edges at most.
        let nearby = threads.iter().skip(i.saturating_sub(1)).take(3);
        let ambiguous = nearby.into_iter().any(differs);
        if both || ambiguous {
            continue;
        }
        if next == Some(thread.over) {
            function.set_next(thread.from, Some(thread.to));
        }
        if let (Some(inst), true) = (jump, target == Some(thread.over)) {
            function.set_target(inst, thread.to);
        }
    }
}
