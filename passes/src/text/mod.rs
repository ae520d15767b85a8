//! The textual form of a program: LLVM's BPF assembly with labels in place of offsets and
//! names in place of relocations.
//!
//! Instructions are spelled as `llvm-objdump` 22 spells them for its default cpu: numbers in
//! hexadecimal, `w` registers for 32-bit operations and for zero-extending loads and stores
//! of up to 4 bytes. Helper calls are spelled as bpftool and the verifier's log spell them,
//! `call bpf_map_lookup_elem#1`. The parser takes decimal numbers, `r` registers in loads and
//! stores, and bare helper names or numbers as well.
//!
//! ```text
//! target bpfel jmp32 v4 store_imm
//! section .rodata readonly = 01 00 00 00 ?? ?? 05/0f 00/00
//! map stats
//! extern LINUX_KERNEL_VERSION
//! extern CONFIG_HZ = 64 00 00 00
//! extern bpf_obj_new_impl = absent
//! extern bpf_dynptr_slice(4) = present
//!
//! func prog (entry) {
//! L0:
//!   r1 = .rodata + 0x4 ll
//!   w1 = *(u32 *)(r1 + 0x0)
//!   if w1 < 0x6 goto L2
//! L1:
//!   r1 = map stats ll
//!   r2 = func callback ll
//!   r3 = extern LINUX_KERNEL_VERSION ll
//!   call sub
//!   call extern bpf_obj_new_impl
//!   next L3
//! …
//! }
//! ```
//!
//! - A byte of a section is two hexadecimal digits if it is final, `??` if it is open and
//!   stored as 0, and otherwise `value/mask` with the mask of its final bits; `00*32` repeats.
//!   A typed word (`u32 5`, `u64 -1`, `u16 ??`) stands for its bytes in the byte order of the
//!   target.
//! - A block whose way on is not the block below it says so: `next L3`.
//! - An instruction after a jump begins a block of its own, labelled or not.
//! - The label `L7` is block 7; other labels get numbers that are free.
//! - A jump table stands above the first block with the block of each entry:
//!   `table .jumptables + 0x28 = L1 L2 L2`.
//! - `;` begins a comment. `;!` begins the attachments of an instruction (origin, line, reloc,
//!   core: see [`crate::ir::InstData`]), which only the verbose form has.
//! - A name that is not a plain word is quoted; one that several entities share has its number
//!   behind it, `name@3`.
//! - The body of a function that no pass may touch is its bytes, each instruction with the
//!   slot where it was: `3: 95 00 00 00 00 00 00 00 | exit`.

mod cursor;
mod error;
mod facts;
mod lex;
mod names;
mod op;
mod parse;
mod parse_op;
mod print;

pub use error::{ParseError, ParseErrorKind};
pub use facts::ShowFacts;
pub use parse::parse;
pub use print::{Annotate, Printer};

#[cfg(test)]
mod tests;
