//! What the checker could not prove.

use crate::entity::{Block, Func, Inst};
use crate::isa::Reg;

/// Why a rewritten function is not proven to do what the original does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The sections, externs, maps or functions of the two programs are not the same.
    #[error("the programs name different sections, externs, maps or functions")]
    Tables,
    /// The function has no code, and can still be entered or is still named.
    #[error("the function was removed, but can still be entered")]
    Removed,
    /// A function that is carried untouched was touched.
    #[error("the function is carried untouched ({0}), but was changed")]
    Opaque(String),
    /// An instruction names something that the instruction it stands for does not name.
    #[error("the instruction names something, or has a record, that its origin does not")]
    Reference,
    /// A register that may not be read yet, or not any more.
    #[error("{0:?} is read uninitialised")]
    UninitRegister(Reg),
    /// Frame bytes that may not be read yet.
    #[error("the frame byte at r10 {offset:+} is read uninitialised")]
    UninitFrame {
        /// Bytes from `r10`.
        offset: i64,
    },
    /// A load that the original does not do at this point.
    #[error("a load that the original does not do here")]
    ExtraLoad,
    /// The original does something that is seen outside, the rewritten function something else.
    #[error("the original does `{original}`, the rewritten function `{rewritten}`")]
    Event {
        /// What the original does.
        original: String,
        /// What the rewritten function does.
        rewritten: String,
    },
    /// A memory access at another address.
    #[error("the address of the access is not known to be the same")]
    Address,
    /// Another value is stored.
    #[error("the stored value is not known to be the same")]
    Stored,
    /// Another argument is passed.
    #[error("{0:?} is not known to hold the same argument")]
    Argument(Reg),
    /// A callee could read a frame byte that differs.
    #[error("the frame byte at r10 {offset:+} can be read, and is not known to be the same")]
    Frame {
        /// Bytes from `r10`.
        offset: i64,
    },
    /// Another result.
    #[error("the result is not known to be the same")]
    Result,
    /// A conditional jump on something else.
    #[error("the condition of the jump is not known to be the same")]
    Condition,
    /// One of the two functions may go on without end while the other waits.
    #[error("one of the functions goes round while the other stands still")]
    NoProgress,
    /// The functions are related in too many ways.
    #[error("more than {0} pairs of points")]
    TooManyPairs(usize),
    /// What is known at some pair of points has not come to rest.
    #[error("no end is found to what can be known of it")]
    NoFixpoint,
    /// Something that the checker has no rule for, in a function that was changed.
    #[error("no rule for {0}")]
    Unsupported(&'static str),
}

/// A function that is not proven to do what the original does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{func}{}{}: {reason}", place(.block, .inst), slot_text(.slot))]
pub struct Refusal {
    /// The function.
    pub func: Func,
    /// The block of the rewritten function.
    pub block: Option<Block>,
    /// The instruction of the rewritten function.
    pub inst: Option<Inst>,
    /// Where the original stands, counted in slots from the function's start.
    pub slot: Option<u32>,
    /// Why.
    pub reason: Reason,
}

fn place(block: &Option<Block>, inst: &Option<Inst>) -> String {
    match (block, inst) {
        (Some(block), Some(inst)) => format!(" {block} {inst}"),
        (Some(block), None) => format!(" {block}"),
        (None, _) => String::new(),
    }
}

fn slot_text(slot: &Option<u32>) -> String {
    slot.map_or(String::new(), |slot| format!(" (original slot {slot})"))
}
