//! What fuzzing checks: a `check` for each target, which panics if a promise is broken.
//!
//! The fuzzer in `fuzz/` calls them with what it makes up, `cargo test` with mutants of the
//! committed objects. SECURITY.md says what is promised; time and memory are measured by
//! the callers.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a check fails by panicking"
)]

pub mod btf;
pub mod damage;
mod elf_file;
pub mod hostile;
pub mod mutate;
pub mod object;
pub mod program;
pub mod round_trip;
pub mod text;
pub mod values;

/// A target: its name and its check.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 6] = [
    ("object", object::check),
    ("round_trip", round_trip::check),
    ("btf", btf::check),
    ("text", text::check),
    ("program", program::check),
    ("values", values::check),
];
