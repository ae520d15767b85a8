//! Analyses: facts about code, found without changing it.

pub mod number;
