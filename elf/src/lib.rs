//! The files that bpfold reads and writes: ELF objects of BPF programs ([`elf`]), and the types and
//! records of instructions in them ([`btf`]). Bytes go in, bytes come out; there is no I/O.

pub mod btf;
pub mod elf;
