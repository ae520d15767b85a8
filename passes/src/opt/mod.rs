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
use crate::isa::{Imm64, Operand, Reg, Width};

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

/// The shortest instruction that sets `dst` to a constant: one slot where the value is a
/// zero- or sign-extended 32-bit number, else two.
pub fn load_constant(dst: Reg, value: u64) -> Op {
    match (i32::try_from(value as i64), i32::try_from(i64::from(value as u32 as i32))) {
        (Ok(imm), _) => Op::Mov { width: Width::W64, dst, src: Operand::Imm(imm) },
        (_, Ok(imm)) if u32::try_from(value).is_ok() => {
            Op::Mov { width: Width::W32, dst, src: Operand::Imm(imm) }
        }
        _ => Op::LdImm64 { dst, imm: Imm64::Const(value) },
    }
}
