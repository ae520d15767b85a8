//! Dead code elimination: instructions whose result nothing reads, and stores to frame bytes
//! that nothing reads and no pointer reaches.

use crate::analysis::constants::Facts;
use crate::analysis::liveness::{Arguments, Liveness};
use crate::analysis::value::Value;
use crate::entity::{Func, Inst, PerEntity};
use crate::ir::{Op, Program};

/// The instructions of one function that nothing needs.
pub fn collect(
    program: &Program,
    facts: &Facts,
    arguments: &Arguments,
    func: Func,
) -> PerEntity<Inst, bool> {
    let function = &program.funcs[func];
    let live = Liveness::new(program, facts, arguments, func);
    let mut dead = PerEntity::with_default(false);
    for &block in function.layout() {
        live.walk(block, |inst, address, after, _| {
            dead[inst] = match function.op(inst) {
                Op::Mov { width: crate::isa::Width::W64, dst, src } if is_self_move(*dst, *src) => {
                    true
                }
                op if is_pure(op) => (op.defs() & after.regs).is_empty(),
                Op::Store { size, .. } => match address {
                    Some(Value::Frame { depth: 0, offset: Some(offset) }) => {
                        !after.frame.intersects(offset, size.bytes().into())
                    }
                    _ => false,
                },
                _ => false,
            };
        });
    }
    dead
}

/// Removes the instructions that [`collect`] found.
pub fn apply(program: &mut Program, func: Func, dead: &PerEntity<Inst, bool>) {
    let function = &mut program.funcs[func];
    for block in function.layout().to_vec() {
        function.retain_insts(block, |inst, _| !dead[inst]);
    }
}

fn is_self_move(dst: crate::isa::Reg, src: crate::isa::Operand) -> bool {
    src == crate::isa::Operand::Reg(dst)
}

/// Whether an instruction does nothing but set its destination. Loads have no side effect:
/// the verifier has proven the access, or the kernel catches the fault.
fn is_pure(op: &Op) -> bool {
    match op {
        Op::Alu { .. }
        | Op::Neg { .. }
        | Op::Mov { .. }
        | Op::MovSx { .. }
        | Op::AddrSpaceCast { .. }
        | Op::Swap { .. }
        | Op::Load { .. }
        | Op::LdImm64 { .. } => true,
        Op::Store { .. }
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
        | Op::GotoX { .. } => false,
    }
}
