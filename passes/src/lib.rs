//! BPF instructions, control flow, dataflow and rewrites. Pure: no ELF, no BTF, no I/O.

pub mod analysis;
pub mod cfg;
pub mod check;
pub mod dataflow;
pub mod entity;
pub mod helpers;
pub mod interp;
pub mod ir;
pub mod isa;
pub mod limits;
pub mod opt;
pub mod pass;
pub mod rules;
pub mod stream;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
