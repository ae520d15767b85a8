//! What a file is that is no BPF object, told from its first bytes, with what would be right.
//!
//! The first bytes are looked at before the rest is read, so that a huge file is refused at once.

use std::fmt::{self, Display, Formatter};

/// How many bytes are looked at.
pub const HEAD: usize = 4096;

/// The largest object that is read. Objects of the largest projects have a few MiB.
pub const MAX_SIZE: u64 = 512 << 20;

/// Something that is given in place of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistaken {
    /// An empty file.
    Empty,
    /// LLVM's intermediate code.
    Bitcode,
    /// An archive of objects.
    Archive,
    /// A compressed file, by the name of its program.
    Compressed(&'static str),
    /// A header that `bpftool gen skeleton` made.
    Skeleton,
    /// Source code.
    Source,
    /// LLVM's intermediate code as text, or assembly.
    Assembly,
    /// Bare type information.
    Btf,
    /// An ELF file for another machine, by its name.
    Machine(&'static str),
    /// An ELF file for 32-bit machines.
    Bits32,
}

/// ELF machines by `e_machine`, as elf.h has them.
const MACHINES: [(u16, &str); 12] = [
    (3, "x86 (32 bits)"),
    (8, "MIPS"),
    (20, "PowerPC"),
    (21, "PowerPC (64 bits)"),
    (22, "s390"),
    (40, "ARM"),
    (62, "x86-64"),
    (183, "ARM (64 bits)"),
    (190, "CUDA"),
    (224, "AMD GPUs"),
    (243, "RISC-V"),
    (258, "LoongArch"),
];

/// Whether a file begins as ELF files do.
pub fn is_elf(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF")
}

/// What the first bytes of a file tell, if it is no BPF object.
pub fn mistaken(head: &[u8]) -> Option<Mistaken> {
    if head.is_empty() {
        return Some(Mistaken::Empty);
    }
    if is_elf(head) {
        return elf(head);
    }
    let starts: [(&[u8], Mistaken); 11] = [
        (b"BC\xc0\xde", Mistaken::Bitcode),
        (b"\xde\xc0\x17\x0b", Mistaken::Bitcode),
        (b"!<arch>\n", Mistaken::Archive),
        (b"!<thin>\n", Mistaken::Archive),
        (b"\x1f\x8b", Mistaken::Compressed("gzip")),
        (b"\x28\xb5\x2f\xfd", Mistaken::Compressed("zstd")),
        (b"\xfd7zXZ\0", Mistaken::Compressed("xz")),
        (b"BZh", Mistaken::Compressed("bzip2")),
        (b"PK\x03\x04", Mistaken::Compressed("zip")),
        (b"\x9f\xeb\x01", Mistaken::Btf),
        (b"\xeb\x9f\x01", Mistaken::Btf),
    ];
    if let Some((_, what)) = starts.iter().find(|(start, _)| head.starts_with(start)) {
        return Some(*what);
    }
    let text = text(head)?;
    let has = |part: &str| text.contains(part);
    if has("BPFTOOL") || has("bpf_object_skeleton") || has("_BPF_SKEL_H__") {
        Some(Mistaken::Skeleton)
    } else if has("target triple") || has("; ModuleID") || has("\t.text") || has("\t.globl") {
        Some(Mistaken::Assembly)
    } else if has("#include") || has("SEC(\"") || has("/*") || has("//") || has("struct ") {
        Some(Mistaken::Source)
    } else {
        None
    }
}

fn elf(head: &[u8]) -> Option<Mistaken> {
    let byte = |at: usize| head.get(at).copied();
    let (Some(low), Some(high)) = (byte(18), byte(19)) else { return None };
    let machine = match byte(5)? {
        2 => u16::from_be_bytes([low, high]),
        _ => u16::from_le_bytes([low, high]),
    };
    let known = MACHINES.iter().find(|(number, _)| *number == machine);
    match known {
        Some((_, name)) => Some(Mistaken::Machine(name)),
        None if byte(4)? == 1 => Some(Mistaken::Bits32),
        None => None,
    }
}

/// The first bytes as text, if they are that. They can end within a character.
fn text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

impl Display for Mistaken {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Mistaken::Empty => f.write_str("the file is empty: did the compiler fail?"),
            Mistaken::Bitcode => f.write_str(
                "this is LLVM bitcode, not a BPF object: compile without -flto and -emit-llvm, or \
                 finish it with `llc -march=bpf -filetype=obj`",
            ),
            Mistaken::Archive => f.write_str(
                "this is an archive, not a BPF object: take the objects out with `ar x`, and link \
                 them with `bpftool gen object` if they belong together",
            ),
            Mistaken::Compressed(by) => {
                write!(f, "this is compressed by {by}, not a BPF object: unpack it first")
            }
            Mistaken::Skeleton => f.write_str(
                "this is a skeleton header of bpftool, not a BPF object: give the object that it \
                 was made from, and make the skeleton from the folded object",
            ),
            Mistaken::Source => f.write_str(
                "this is source code, not a BPF object: compile it first, with `clang -target bpf \
                 -O2 -g -c`",
            ),
            Mistaken::Assembly => f.write_str(
                "this is assembly or LLVM's intermediate code, not a BPF object: assemble it \
                 first, with `clang -target bpf -c` or `llc -march=bpf -filetype=obj`",
            ),
            Mistaken::Btf => f.write_str(
                "this is bare BTF, not a BPF object: types of a kernel are given with --btf",
            ),
            Mistaken::Machine(name) => write!(
                f,
                "this is an ELF file for {name}, not a BPF object: compile with `clang -target \
                 bpf`; if the program embeds its BPF object, give that"
            ),
            Mistaken::Bits32 => {
                f.write_str("this is an ELF file of 32 bits, not a BPF object, which has 64")
            }
        }
    }
}
