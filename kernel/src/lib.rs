//! What the running kernel makes of a BPF object.
//!
//! [`load`] loads every program of an object by libbpf, attaches nothing and unloads: whole
//! first, as a loader does, then program by program those that did not load so. Static programs,
//! which libbpf refuses, it loads as if they were global. It tells
//! verdict, sizes and costs of each program; on request which instructions the verifier never
//! visited ([`Unvisited`]), and what the programs answer to BPF_PROG_TEST_RUN ([`Runs`]).
//!
//! Loading needs `CAP_BPF` and more, in practice root ([`Error::NotPermitted`]). All calls into
//! libbpf and the kernel are here, so that other crates need no `unsafe`.

mod command;
mod compare;
mod globalize;
mod inputs;
mod libbpf;
mod load;
mod log_buffer;
mod maps;
mod messages;
mod provenance;
mod run;
mod unvisited;
mod verdict;

pub use command::run_command;
pub use compare::differences;
pub use inputs::{InputError, Packets};
pub use load::{Error, Options, kernel_release, load};
pub use maps::MapContents;
pub use provenance::{Place, Source};
pub use run::{ProgramRun, Ran, Runs};
pub use unvisited::{Cause, Root, Unvisited};
pub use verdict::{Failure, FailureClass, Loaded, ObjectVerdict, Outcome, ProgramVerdict};
