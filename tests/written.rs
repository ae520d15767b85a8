//! What is written is compared with what was proven: damage to it is refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeMap;
use std::ops::Range;

use bpfold::elf::{ElfObject, SectionData, SectionKind};
use bpfold::fuzzing::damage::{Damaged, error_of, flip_bits};
use bpfold::{Error, Fold, Object};

/// The sections of a file: bytes from its start, and names.
fn sections(file: &[u8]) -> Vec<(Range<usize>, String)> {
    let object = Object::parse(file).unwrap();
    let elf = object.elf();
    let order = if file[5] == 1 { u64::from_le_bytes } else { u64::from_be_bytes };
    let word = |at: usize| order(file[at..at + 8].try_into().unwrap()) as usize;
    // e_shoff; sh_offset and sh_size of headers of 64 bytes.
    let headers = word(40);
    let named = elf
        .sections
        .iter()
        .filter(|(_, section)| !matches!(section.kind, SectionKind::Null | SectionKind::NoBits));
    let named = named.map(|(index, section)| {
        let header = headers + 64 * index.0 as usize;
        let start = word(header + 24);
        let name = String::from_utf8_lossy(&section.name).into_owned();
        (start..start + word(header + 32), name)
    });
    named.collect()
}

/// For each section the number of flips, and those that were not refused.
fn by_section(damaged: &Damaged, step: usize) -> BTreeMap<String, (usize, Vec<(usize, u8)>)> {
    let sections = sections(&damaged.bytes);
    let name = |at: usize| {
        let section = sections.iter().find(|(bytes, _)| bytes.contains(&at));
        section.map_or("headers", |(_, name)| name.as_str()).to_owned()
    };
    let mut found: BTreeMap<String, (usize, Vec<(usize, u8)>)> = BTreeMap::new();
    for at in (0..damaged.bytes.len()).filter(|at| at % step == 0) {
        found.entry(name(at)).or_default().0 += 8;
    }
    for &(at, bit) in &damaged.accepted {
        found.get_mut(&name(at)).unwrap().1.push((at, bit));
    }
    found
}

/// Flips every bit of every `step`th byte. What loaders read as code, data, maps, relocations or
/// licence, and the record of values, is refused, unless it is read as the same program; of the
/// types, so is nearly everything.
fn refuses_damage(name: &str, step: usize) {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    let object = Object::parse(&std::fs::read(path).unwrap()).unwrap();
    let damaged =
        flip_bits(Fold::new(&object).unwrap().freeze_all(), &|at| at % step == 0).unwrap();
    let written = Object::parse(&damaged.bytes).unwrap();
    let mut types = (0, 0);
    for (section, (flips, accepted)) in by_section(&damaged, step) {
        match section.as_str() {
            // Names of tables and labels; padding; what no loader reads.
            ".strtab" | ".shstrtab" | ".symtab" | ".llvm_addrsig" | ".comment" | "headers" => {}
            _ if section.contains(".debug_") && section != ".debug_bpfold" => {}
            ".BTF" | ".BTF.ext" => types = (types.0 + flips, types.1 + accepted.len()),
            _ => {
                for (at, bit) in accepted {
                    let mut file = damaged.bytes.clone();
                    file[at] ^= 1 << bit;
                    let read = Object::parse(&file).unwrap();
                    assert_eq!(read.program(), written.program(), "{name} {section} {at:#x} {bit}");
                    assert!(section.starts_with(".rel"), "{name} {section} {at:#x} {bit}");
                }
            }
        }
    }
    let (flips, accepted) = types;
    assert!(accepted * 100 <= flips, "{name}: {accepted} of {flips} in types");
}

#[test]
fn damage_to_code_that_calls_and_names_functions() {
    refuses_damage("examples/callbacks.bpf.o", 13);
}

#[test]
fn damage_to_maps_and_programs_that_are_left() {
    refuses_damage("examples/agent.bpf.o", 17);
    refuses_damage("tests/objects/prune.o", 11);
    refuses_damage("tests/objects/prune-legacy.o", 11);
}

#[test]
fn damage_to_what_is_cut_and_sealed() {
    refuses_damage("tests/objects/constants-el.o", 13);
    refuses_damage("tests/objects/constants-eb.o", 17);
    refuses_damage("tests/objects/sealing.o", 7);
}

#[test]
fn damage_to_records_of_relocations() {
    refuses_damage("tests/objects/core.o", 13);
}

#[test]
fn damage_to_what_is_carried() {
    refuses_damage("tests/objects/places.o", 11);
    refuses_damage("tests/objects/places-be.o", 13);
    refuses_damage("tests/objects/mini-gcc.o", 5);
}

/// What the comparison says of a folded object of the tests that was changed.
fn refusal(name: &str, change: &dyn Fn(&mut ElfObject)) -> String {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    let object = Object::parse(&std::fs::read(path).unwrap()).unwrap();
    let error = error_of(Fold::new(&object).unwrap().freeze_all(), change);
    assert!(matches!(error, Error::Written { .. }), "{error}");
    let text = error.to_string();
    text.strip_prefix("what is written differs from what was proven, at ").unwrap().to_owned()
}

#[test]
fn the_error_says_where() {
    let other_byte = |elf: &mut ElfObject| {
        let license = elf.section_by_name("license").unwrap();
        let mut bytes = elf.sections[license].bytes().unwrap().to_vec();
        bytes[1] ^= 1;
        elf.set_section_data(license, bytes).unwrap();
    };
    assert_eq!(refusal("tests/objects/sealing.o", &other_byte), "license + 0x1: another byte");
}

#[test]
fn what_is_missing_is_told() {
    let without_symbol = |name: &'static str| {
        move |elf: &mut ElfObject| {
            let symbol = elf.symbol_by_name(name).unwrap();
            elf.remove_symbols(&[symbol].into_iter().collect()).unwrap();
        }
    };
    // A function that only other objects name, a map that only userspace names.
    let entry = refusal("examples/xdp_filter.bpf.o", &without_symbol("xdp_filter"));
    assert!(entry.starts_with("xdp + 0x0: "), "{entry}");
    assert_eq!(
        refusal("tests/objects/prune.o", &without_symbol("never_used")),
        ".maps + 0x48: the symbol never_used is missing"
    );
    let without_license = |elf: &mut ElfObject| {
        let license = elf.section_by_name("license").unwrap();
        let symbols = elf.symbols_in(license).map(|(index, _)| index).collect();
        elf.remove(&[license].into_iter().collect(), &symbols).unwrap();
    };
    assert_eq!(
        refusal("tests/objects/prune.o", &without_license),
        "license: the section is missing, or out of order"
    );
}

#[test]
fn a_reference_to_something_else_is_told() {
    let other_map = |elf: &mut ElfObject| {
        let code = elf.section_by_name("tc").unwrap();
        let maps = elf.section_by_name(".maps").unwrap();
        let named: Vec<_> = elf.symbols_in(maps).map(|(index, _)| index).collect();
        let table = elf.relocation_sections(code).next().unwrap();
        let SectionData::Relocations(relocs) = &mut elf.sections[table].data else { panic!() };
        let reloc = relocs.iter_mut().find(|reloc| named.contains(&reloc.symbol)).unwrap();
        reloc.symbol = *named.iter().find(|symbol| **symbol != reloc.symbol).unwrap();
    };
    let told = refusal("examples/agent.bpf.o", &other_map);
    assert!(told.starts_with("tc + ") && told.contains(" is written for "), "{told}");
}
