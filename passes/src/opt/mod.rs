//! Rewrites of one function, one a file. Each collects what it will do from analyses, then
//! does it; [`crate::pass`] gives them their order.

pub mod algebra;
pub mod checkpoints;
pub mod coalesce;
pub mod commute;
pub mod copy_propagation;
pub mod dce;
pub mod displacement;
pub mod fold;
pub mod merge_tails;
pub mod simplify_cfg;
pub mod store_immediate;
pub mod thread_jumps;
pub mod uses;

use crate::entity::Inst;
use crate::ir::{Function, Op};
use crate::isa::{Operand, Width};

/// Replaces instructions. Those that become `r1 = r1` go at once: they would read a register
/// that nothing may have set.
pub fn replace_all(function: &mut Function, replace: Vec<(Inst, Op)>) {
    if replace.is_empty() {
        return;
    }
    for (inst, op) in replace {
        function.replace(inst, op);
    }
    for block in function.layout().to_vec() {
        function.retain_insts(block, |_, data| !is_self_move(&data.op));
    }
}

fn is_self_move(op: &Op) -> bool {
    matches!(op, Op::Mov { width: Width::W64, dst, src: Operand::Reg(src) } if dst == src)
}
