//! The intermediate representation: programs, functions, basic blocks, instructions.
//!
//! No offset exists here. What named an instruction by its offset in the object (a jump, a
//! relocation, a line_info or CO-RE record, a symbol) is attached to the instruction, so
//! that removing another one breaks nothing.

mod function;
mod level;
mod program;
mod verify;

pub use function::{
    BlockData, Function, IndirectJump, InstData, JumpTable, Linkage, OpaqueBody, OpaqueItem,
};
pub use level::Level;
pub use program::{DataSection, ExternDecl, ExternValue, Features, MapDecl, Program};
pub use verify::{VerifyError, verify, verify_function};

use crate::entity::Block;
use crate::isa::{self, Imm64, Operand, Reg, Width};

/// An instruction whose jump targets are blocks.
pub type Op = isa::Op<Block>;

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
