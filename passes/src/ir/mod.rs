//! The intermediate representation: programs, functions, basic blocks, instructions.
//!
//! No offset exists here. What named an instruction by its offset in the object (a jump, a
//! relocation, a line_info or CO-RE record, a symbol) is attached to the instruction, so
//! that removing another one breaks nothing.

mod function;
mod program;
mod verify;

pub use function::{
    BlockData, Function, IndirectJump, InstData, JumpTable, Linkage, OpaqueBody, OpaqueItem,
};
pub use program::{DataSection, ExternDecl, ExternValue, Features, MapDecl, Program};
pub use verify::{VerifyError, verify, verify_function};

use crate::entity::Block;
use crate::isa;

/// An instruction whose jump targets are blocks.
pub type Op = isa::Op<Block>;
