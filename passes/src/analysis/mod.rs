//! Analyses: facts about code, found without changing it.

pub mod branches;
pub(crate) mod call_effects;
pub mod calls;
pub mod constants;
pub mod frame;
pub mod frame_access;
mod func_facts;
pub mod jump_tables;
pub mod kind;
pub mod liveness;
pub mod number;
pub mod section_reads;
pub mod state;
mod transfer;
pub mod value;
