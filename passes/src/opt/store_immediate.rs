//! Stores of constants as immediates, where the kernel takes and tracks them.
//!
//! `*(size *)(r10 - 8) = imm` leaves a constant that the verifier knows only since 6.3, and
//! stores of immediates to the context were refused before. What may be a pointer to the
//! verifier is stored from its register, so that a load gives it back. So only objects that have such
//! stores already (cpu v4) get them, and never through what may be the context.

use crate::analysis::constants::Facts;
use crate::entity::{Block, Func, Inst};
use crate::ir::{Op, Program};
use crate::isa::{Operand, Size};

/// The stores of one block that become stores of immediates.
pub fn collect(program: &Program, facts: &Facts, func: Func, block: Block) -> Vec<(Inst, Op)> {
    let mut replace = Vec::new();
    if !program.features.store_imm {
        return replace;
    }
    let function = &program.funcs[func];
    facts.walk_before(program, func, block, |inst, before| {
        let data = function.inst(inst);
        if let Op::Store { size, base, off, src: Operand::Reg(src) } = data.op
            && data.core.is_none()
            && !before.reg(base).may_be_ctx()
            && let Some(value) = before.reg(src).as_constant()
            && let Some(imm) = immediate(size, value)
            && (size != Size::DW || before.kind(src).is_number())
        {
            replace.push((inst, Op::Store { size, base, off, src: Operand::Imm(imm) }));
        }
    });
    replace
}

/// The immediate of which a store of `size` writes the same bytes as of `value`.
fn immediate(size: Size, value: u64) -> Option<i32> {
    match size {
        Size::B => Some(i32::from(value as i8)),
        Size::H => Some(i32::from(value as i16)),
        Size::W => Some(value as i32),
        Size::DW => i32::try_from(value as i64).ok(),
    }
}
