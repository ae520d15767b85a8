//! Truncated, mutated and hostile files: a typed error that says what would be right, or
//! an object that is written back byte for byte. Never a panic.

use bpfold::elf::{ElfError, ElfObject};

use crate::{OBJECTS, read};

/// A xorshift generator, so that every run tries the same files.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// What is accepted is written back as it was, and can be edited without a panic.
fn try_file(bytes: &[u8], description: impl Fn() -> String) -> bool {
    let Ok(mut object) = ElfObject::parse(bytes) else {
        return false;
    };
    let written = object.write().unwrap_or_else(|error| panic!("{}: {error}", description()));
    assert!(written == bytes, "{} differs", description());
    let gone = object
        .sections
        .iter()
        .filter(|(_, section)| section.is_dwarf() || section.is_addrsig())
        .map(|(index, _)| index)
        .collect();
    if object.remove_sections(&gone).is_ok()
        && let Ok(written) = object.write()
    {
        let again = ElfObject::parse(&written)
            .unwrap_or_else(|error| panic!("{} edited: {error}", description()));
        assert!(again.write().unwrap() == written, "{} edited", description());
    }
    true
}

#[test]
fn mutated_files() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut accepted, mut refused) = (0, 0);
    for name in OBJECTS {
        let original = read(name);
        // Section header table at the end, symbols and relocations in its neighbourhood.
        for round in 0..2000 {
            let mut bytes = original.clone();
            for _ in 0..=random.below(3) {
                let at = match round % 3 {
                    0 => random.below(64),
                    1 => bytes.len() - 1 - random.below(bytes.len() / 2),
                    _ => random.below(bytes.len()),
                };
                bytes[at] = match random.below(4) {
                    0 => 0xff,
                    1 => 0,
                    _ => bytes[at] ^ (1 << random.below(8)),
                };
            }
            match try_file(&bytes, || format!("{name}, round {round}")) {
                true => accepted += 1,
                false => refused += 1,
            }
        }
    }
    assert!(accepted > 1000 && refused > 1000, "{accepted} accepted, {refused} refused");
}

#[test]
fn truncated_files() {
    for name in OBJECTS {
        let bytes = read(name);
        for size in (0..bytes.len()).step_by(7) {
            // bpftool's objects end in their section header table, as all others do.
            assert!(ElfObject::parse(&bytes[..size]).is_err(), "{name} cut to {size}");
        }
    }
}

/// A file with fields of section headers replaced. Little-endian.
struct Patched(Vec<u8>);

/// Offsets in a section header.
const SH_NAME: usize = 0;
const SH_TYPE: usize = 4;
const SH_OFFSET: usize = 24;
const SH_SIZE: usize = 32;
const SH_LINK: usize = 40;
const SH_INFO: usize = 44;
const SH_ADDRALIGN: usize = 48;
const SH_ENTSIZE: usize = 56;

impl Patched {
    fn new() -> Self {
        Self(read("mini-clang19.o"))
    }

    fn u64_at(&self, at: usize) -> usize {
        u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap()) as usize
    }

    fn header(&self, section: &str) -> usize {
        let object = ElfObject::parse(&read("mini-clang19.o")).unwrap();
        self.u64_at(40) + 64 * object.section_by_name(section).unwrap().0 as usize
    }

    fn with(mut self, section: &str, field: usize, bytes: &[u8]) -> Self {
        let at = self.header(section) + field;
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Replaces bytes of the content of a section.
    fn with_content(mut self, section: &str, offset: usize, bytes: &[u8]) -> Self {
        let at = self.u64_at(self.header(section) + SH_OFFSET) + offset;
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn error(&self) -> String {
        ElfObject::parse(&self.0).unwrap_err().to_string()
    }
}

#[test]
fn messages_name_the_place_and_what_would_be_right() {
    let new = Patched::new;
    let long = |value: u64| value.to_le_bytes();
    let short = |value: u32| value.to_le_bytes();
    let cases = [
        (
            new().with(".rodata", SH_OFFSET, &long(u64::MAX)),
            "section 6: file offset 0xffffffffffffffff and size 0x4 reach beyond the file's 6872 bytes",
        ),
        (
            new().with(".rodata", SH_OFFSET, &long(0x48)),
            "section 6 starts at file offset 0x48 inside section 2, which ends at 0x100",
        ),
        (
            new().with(".rodata", SH_NAME, &short(0x7fff_ffff)),
            "section 6: name at offset 0x7fffffff has no end in section 1, which has 325 bytes",
        ),
        (
            new().with(".rodata", SH_ADDRALIGN, &long(12)),
            "section 6 (.rodata): sh_addralign is 0xc, expected 0 or a power of two up to 65536",
        ),
        (
            new().with(".symtab", SH_ENTSIZE, &long(0)),
            "section 30 (.symtab): sh_entsize is 0x0, expected 24",
        ),
        (
            new().with(".symtab", SH_SIZE, &long(25)),
            "section 30 (.symtab): sh_size is 0x19, expected a multiple of 24, the size of an entry",
        ),
        (
            new().with(".symtab", SH_LINK, &short(2)),
            "section 30 (.symtab): sh_link is 0x2, expected the number of a string table",
        ),
        (
            new().with(".symtab", SH_INFO, &short(22)),
            "section 30 (.symtab): sh_info is 0x16, expected at most 21, the number of symbols",
        ),
        (
            new().with(".relxdp", SH_INFO, &short(31)),
            "section 5 (.relxdp): sh_info is 0x1f, expected a section number below 31",
        ),
        (
            new().with(".relxdp", SH_INFO, &short(1)),
            "section 5 (.relxdp): relocation 0 of type 1 at offset 0x0 of section 1 (.strtab): \
             a table of strings, symbols or relocations has none",
        ),
        (
            new().with(".relxdp", SH_LINK, &short(1)),
            "section 5 (.relxdp): sh_link is 0x1, expected the number of the symbol table",
        ),
        (
            new().with(".rodata", SH_LINK, &short(31)),
            "section 6 (.rodata): sh_link is 0x1f, expected a section number below 31",
        ),
        (
            new().with(".BTF", SH_TYPE, &short(17)),
            "section 20 (.BTF): sections of type SHT_GROUP (0x11) are not supported",
        ),
        (
            new().with(".BTF", SH_TYPE, &short(0)),
            "section 20 (.BTF): sh_type is 0x0, expected 0 (SHT_NULL) in section 0 and nowhere else",
        ),
        (
            new().with_content(".relxdp", 0, &long(4)),
            "section 5 (.relxdp): relocation 0 of type 1 at offset 0x4 of section 4 (xdp): \
             instructions start at multiples of 8 bytes",
        ),
        (
            new().with_content(".relxdp", 0, &long(0x78)),
            "section 5 (.relxdp): relocation 0 of type 1 at offset 0x78 of section 4 (xdp): \
             it covers 16 bytes, the section has 0x80",
        ),
        (
            new().with_content(".relxdp", 12, &short(21)),
            "section 5 (.relxdp): relocation 0 of type 1 at offset 0x0 of section 4 (xdp): \
             symbol 21 does not exist, the symbol table has 21",
        ),
        (
            new().with_content(".symtab", 17 * 24 + 8, &long(5)),
            "symbol 17 (level): st_value is 0x5, expected at most 0x4, the size of section 6 (.rodata)",
        ),
        (
            new().with_content(".symtab", 17 * 24 + 16, &long(u64::MAX)),
            "symbol 17 (level): st_size is 0xffffffffffffffff, expected at most 0x4, \
             the rest of section 6 (.rodata)",
        ),
        (
            new().with_content(".symtab", 17 * 24 + 6, &[1, 0]).with_content(
                ".symtab",
                17 * 24 + 8,
                &long(1),
            ),
            "symbol 17 (level): st_value is 0x1, expected 0 in section 1 (.strtab), a string table",
        ),
        (
            new().with_content(".symtab", 17 * 24 + 6, &[0xff, 0xff]),
            "symbol 17 (level): st_shndx is 0xffff, expected a section number \
             (extended section numbering is not supported)",
        ),
    ];
    for (patched, message) in cases {
        assert_eq!(patched.error(), message);
    }
}

#[test]
fn other_files_are_refused_by_what_they_are() {
    let patched = |at: usize, bytes: &[u8]| {
        let mut file = read("mini-clang19.o");
        file[at..at + bytes.len()].copy_from_slice(bytes);
        ElfObject::parse(&file).unwrap_err().to_string()
    };
    assert_eq!(
        ElfObject::parse(b"#!/bin/sh").unwrap_err().to_string(),
        "not an ELF file: it must start with 7f 45 4c 46"
    );
    assert_eq!(patched(4, &[1]), "file header: EI_CLASS is 0x1, expected 2 (64-bit)");
    assert_eq!(
        patched(18, &[0, 0]),
        "file header: e_machine is 0x0, expected 247 (EM_BPF; objects of clang before 3.9 \
         have 0 and are not supported)"
    );
    assert_eq!(
        patched(16, &[2, 0]),
        "file header: e_type is 0x2, expected 1 (ET_REL, a relocatable object)"
    );
    assert_eq!(
        patched(60, &[0, 0xff]),
        "65280 sections: extended section numbering (0xff00 sections and more) is not supported"
    );
}

/// Many symbols that share one enormous name do not multiply it.
#[test]
fn names_cannot_outgrow_the_file() {
    let mut patched = Patched::new();
    let start = patched.0.len();
    patched.0.extend(std::iter::repeat_n(b'a', 100_000));
    patched.0.push(0);
    let size = patched.0.len() - start;
    let patched = patched.with(".strtab", SH_OFFSET, &(start as u64).to_le_bytes()).with(
        ".strtab",
        SH_SIZE,
        &(size as u64).to_le_bytes(),
    );
    let error = ElfObject::parse(&patched.0).unwrap_err();
    assert!(matches!(error, ElfError::NamesTooLong { .. }), "{error}");
}
