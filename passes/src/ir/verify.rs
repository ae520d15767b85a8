//! Structural checks of a program: what every pass may rely on and must keep.

use crate::entity::{Block, Entity, Func, Inst, PerEntity, Section};
use crate::ir::{Function, Program};
use crate::isa::{Callee, Imm64, Op, Reg};

/// A broken rule of the IR.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A function with neither blocks nor an opaque body.
    #[error("{func}: no code")]
    Empty {
        /// The function.
        func: Func,
    },
    /// A block stands twice in the layout, or an instruction in two places.
    #[error("{func}: {what} stands twice")]
    Twice {
        /// The function.
        func: Func,
        /// The block or instruction.
        what: String,
    },
    /// A terminator before the end of its block.
    #[error("{func} {block}: {inst} ends the block before its last instruction")]
    EarlyTerminator {
        /// The function.
        func: Func,
        /// The block.
        block: Block,
        /// The instruction.
        inst: Inst,
    },
    /// A fallthrough where control cannot fall through, or none where it can.
    #[error("{func} {block}: fallthrough does not fit the last instruction")]
    Fallthrough {
        /// The function.
        func: Func,
        /// The block.
        block: Block,
    },
    /// An edge to a block that is not in the layout.
    #[error("{func} {block}: edge to {target}, which is not in the layout")]
    DanglingEdge {
        /// The function.
        func: Func,
        /// The block.
        block: Block,
        /// Where the edge leads.
        target: Block,
    },
    /// An entry of a jump table that leads to a block that is not in the layout.
    #[error("{func}: a jump table leads to {target}, which is not in the layout")]
    DanglingEntry {
        /// The function.
        func: Func,
        /// Where the entry leads.
        target: Block,
    },
    /// A jump table in a section that the program does not have.
    #[error("{func}: a jump table is in {section}, which the program does not have")]
    DanglingTable {
        /// The function.
        func: Func,
        /// The section.
        section: Section,
    },
    /// A write to the frame pointer.
    #[error("{func}: {inst} writes r10")]
    WritesFramePointer {
        /// The function.
        func: Func,
        /// The instruction.
        inst: Inst,
    },
    /// A reference to an entity that the program does not have.
    #[error("{func}: {inst} names something that the program does not have")]
    DanglingReference {
        /// The function.
        func: Func,
        /// The instruction.
        inst: Inst,
    },
}

/// Checks every function of `program`.
pub fn verify(program: &Program) -> Result<(), VerifyError> {
    for (id, func) in program.funcs.iter() {
        verify_body(program, id, func)?;
    }
    Ok(())
}

/// Checks one function.
///
/// # Errors
/// The first rule that it breaks.
pub fn verify_function(program: &Program, id: Func) -> Result<(), VerifyError> {
    program.funcs.get(id).map_or(Ok(()), |func| verify_body(program, id, func))
}

fn verify_body(program: &Program, id: Func, func: &Function) -> Result<(), VerifyError> {
    if func.opaque.is_some() {
        return Ok(());
    }
    if func.layout().is_empty() {
        return Err(VerifyError::Empty { func: id });
    }
    let mut live = PerEntity::with_default(false);
    for &block in func.layout() {
        if std::mem::replace(&mut live[block], true) {
            return Err(VerifyError::Twice { func: id, what: block.to_string() });
        }
    }
    for table in func.tables() {
        if table.section.index() >= program.sections.len() {
            return Err(VerifyError::DanglingTable { func: id, section: table.section });
        }
        if let Some(&target) = table.targets.iter().find(|&&b| !func.has_block(b) || !live[b]) {
            return Err(VerifyError::DanglingEntry { func: id, target });
        }
    }
    let mut seen = PerEntity::with_default(false);
    for &block in func.layout() {
        let data = func.block(block);
        for &target in func.successors(block).collect::<Vec<_>>().iter() {
            if !func.has_block(target) || !live[target] {
                return Err(VerifyError::DanglingEdge { func: id, block, target });
            }
        }
        let last = data.insts.last().copied();
        let leaves = last.is_some_and(|i| func.op(i).ends_block_without_fallthrough());
        if leaves == data.next.is_some() {
            return Err(VerifyError::Fallthrough { func: id, block });
        }
        for &inst in &data.insts {
            let op = func.op(inst);
            if std::mem::replace(&mut seen[inst], true) {
                return Err(VerifyError::Twice { func: id, what: inst.to_string() });
            }
            if op.is_terminator() && Some(inst) != last {
                return Err(VerifyError::EarlyTerminator { func: id, block, inst });
            }
            if op.defs().contains(Reg::FP) {
                return Err(VerifyError::WritesFramePointer { func: id, inst });
            }
            if !references_exist(program, op) {
                return Err(VerifyError::DanglingReference { func: id, inst });
            }
        }
    }
    Ok(())
}

fn references_exist<T>(program: &Program, op: &Op<T>) -> bool {
    match op {
        Op::LdImm64 { imm, .. } => match imm {
            Imm64::Const(_) | Imm64::Pseudo { .. } => true,
            Imm64::Section { section, .. } => section.index() < program.sections.len(),
            Imm64::Map(map) => map.index() < program.maps.len(),
            Imm64::Func(func) => func.index() < program.funcs.len(),
            Imm64::Extern(ext) => ext.index() < program.externs.len(),
        },
        Op::Call(callee) => match callee {
            Callee::Helper(_) | Callee::Pseudo { .. } => true,
            Callee::Func(func) => func.index() < program.funcs.len(),
            Callee::Extern(ext) => ext.index() < program.externs.len(),
        },
        _ => true,
    }
}
