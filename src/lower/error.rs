//! Why a program cannot be turned back into an object.

use bpfold_passes::cfg::LinearizeError;
use bpfold_passes::entity::Func;
use bpfold_passes::isa::EncodeError;

use crate::elf::ElfError;

/// A program that has no encoding. Slots are counted from the function's start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LowerError {
    /// A function whose jumps do not fit.
    #[error("function {func}: {source}")]
    Linearize {
        /// The function.
        id: Func,
        /// Its name.
        func: String,
        /// What does not fit.
        source: LinearizeError,
    },
    /// An instruction without an encoding.
    #[error("function {func}, slot {slot}: {source}")]
    Encode {
        /// The function.
        func: String,
        /// The instruction.
        slot: u32,
        /// What does not fit.
        source: EncodeError,
    },
    /// A reference that no relocation can express.
    #[error("function {func}, slot {slot}: {problem}")]
    Reference {
        /// The function.
        func: String,
        /// The instruction.
        slot: u32,
        /// What is wrong.
        problem: &'static str,
    },
    /// Data that holds the address of a function that was removed.
    #[error("section {section}, offset {offset:#x}: address of {func}, which was removed")]
    DeadAddress {
        /// The section's name.
        section: String,
        /// Where in the section, in bytes.
        offset: u64,
        /// The function.
        func: String,
    },
    /// The object cannot be edited so.
    #[error(transparent)]
    Elf(#[from] ElfError),
}
