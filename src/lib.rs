//! bpfold folds the read-only variables of a compiled BPF object into its code.
//!
//! The library does no I/O: bytes go in, bytes and a report come out.

pub use bpfold_passes as passes;
mod bounds;
pub mod btf;
mod draft;
mod effects;
pub mod elf;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod kernel;
pub mod lift;
pub mod loads;
pub mod lower;
mod needs;
mod object;
mod pipeline;
mod proof;
mod prune;
mod record;
pub mod report;
mod seal;
pub mod values;
pub mod variables;
mod written;

pub use error::Error;
pub use kernel::core::CoreMode;
pub use kernel::{Kernel, KernelError, KernelVersion};
pub use object::Object;
pub use pipeline::{Effort, Fold, Folded};
pub use prune::{PruneError, TailMap};
pub use record::FoldedWith;
pub use report::Report;

/// The examples of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
