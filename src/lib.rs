//! bpfold folds the read-only variables of a compiled BPF object into its code.
//!
//! The library does no I/O: bytes go in, bytes and a report come out.

pub use bpfold_passes as passes;
pub mod btf;
pub mod elf;
pub mod lift;
pub mod lower;
