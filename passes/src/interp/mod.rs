//! The reference interpreter: the oracle of tests and fuzzing.
//!
//! [`run`] executes a program of the IR, every instruction of the set, and gives back a
//! [`Trace`] of all that the outside can observe: calls of helpers and kfuncs with their
//! arguments and the memory that they read, stores and atomics outside the frames, and how
//! it ended. A rewrite is right if for every [`Input`] the traces of original and rewritten
//! program are the same ([`Trace::differs`]). Nothing else is compared: loads, static calls
//! and stores to a frame come and go with optimisation.
//!
//! Kernel, maps and packets are imitated by a hash. A helper's result and what it writes
//! depend on its number, its arguments, the bytes that its signature ([`crate::helpers`])
//! lets it read, the count of calls so far and the input's seed, so that two programs that
//! call alike are answered alike. In detail:
//!
//! - Memory that a helper may write is written as a whole or not at all; bytes that were
//!   uninitialised always are.
//! - What is not known (kfuncs, opaque functions, helpers beyond the table) sees the
//!   initialised ones of `r1` to `r5`; where one is a frame address, it reads the
//!   initialised bytes of the 8 there and writes those 8.
//! - `bpf_map_lookup_elem` and its like give null or a value of the map, whose first
//!   contents come from the hash. Updates of maps are not seen by later lookups.
//! - `bpf_loop`, `bpf_for_each_map_elem`, `bpf_find_vma` and `bpf_user_ringbuf_drain` run
//!   their callback; timers never fire.
//! - `may_goto` jumps after [`Input::may_goto`] executions in one function; `ld_abs` is
//!   answered by the hash and returns 0 from its function once in sixteen times.
//! - Address space casts change nothing.
//!
//! Registers and frame bytes are uninitialised until written. Reading one is a fault, so a
//! rewrite that drops an initialisation does not go unseen.
//!
//! Addresses are numbers that say where they lead ([`Place`]). They do not depend on
//! anything that a pass may change: passes do not move things in the frame.

mod call;
mod input;
mod machine;
mod memory;
mod place;
mod trace;

#[cfg(test)]
mod tests;

pub use input::{ExternInput, Input, MapShape, TypedLoad};
pub use machine::run;
pub use memory::OBJECT_SIZE;
pub use place::Place;
pub use trace::{Difference, Event, Fault, Observed, Outcome, Trace};

/// The deepest nesting of functions, callbacks included (MAX_CALL_FRAMES of
/// `include/linux/bpf_verifier.h`).
pub const MAX_FRAMES: usize = 8;

/// Bytes of a frame (MAX_BPF_STACK).
pub const FRAME_SIZE: usize = 512;
