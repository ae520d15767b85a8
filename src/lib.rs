//! bpfold folds the read-only variables of a compiled BPF object into its code.
//!
//! The library does no I/O: bytes go in, bytes and a report come out.

pub use bpfold_elf::{btf, elf};
pub use bpfold_passes as passes;
mod bounds;
mod draft;
mod effects;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod kernel;
pub mod lift;
mod lines;
pub mod loads;
pub mod lower;
mod needs;
mod object;
mod parts;
mod patched;
mod pipeline;
mod proof;
mod prune;
mod record;
pub mod report;
mod seal;
mod sections;
pub mod values;
pub mod variables;
mod written;

pub use error::Error;
pub use kernel::core::CoreMode;
pub use kernel::{Kernel, KernelError, KernelVersion};
pub use object::{Object, ObjectError};
pub use parts::TailMap;
pub use pipeline::{Effort, Fold, Folded};
pub use prune::PruneError;
pub use report::{FoldedWith, Report};

/// The examples of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
