//! Damage to code that every loader refuses: typed errors that say where.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::Path;

use bpfold::Object;
use bpfold::elf::{ElfObject, R_BPF_64_64, Reloc, SectionIndex};
use bpfold::lift::{LiftError, Lifted, lift};

fn places() -> ElfObject {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects/places.o");
    ElfObject::parse(&std::fs::read(path).unwrap()).unwrap()
}

fn section(elf: &ElfObject, name: &str) -> SectionIndex {
    elf.section_by_name(name).unwrap()
}

/// Changes the bytes of a section and lifts, without BTF.
fn with_code(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Result<Lifted, LiftError> {
    let mut elf = places();
    let index = section(&elf, name);
    let mut bytes = elf.sections[index].bytes().unwrap().to_vec();
    change(&mut bytes);
    elf.set_section_data(index, bytes).unwrap();
    lift(&elf, None, None)
}

#[test]
fn half_a_slot() {
    let error = with_code("xdp", |code| code.truncate(188)).unwrap_err();
    assert!(matches!(error, LiftError::CodeSize { size: 188, .. }), "{error}");
}

#[test]
fn half_an_ldimm64() {
    let error = with_code("xdp", |code| code[23 * 8] = 0x18).unwrap_err();
    assert!(matches!(error, LiftError::HalfLdImm64 { offset: 0xb8, .. }), "{error}");
}

#[test]
fn jump_out_of_the_section() {
    for (opcode, off) in [(0x05, 1_i16), (0x15, -25), (0x05, i16::MAX), (0x1d, i16::MIN)] {
        let error = with_code("xdp", |code| {
            code[23 * 8..23 * 8 + 4].copy_from_slice(&[opcode, 0, 0, 0]);
            code[23 * 8 + 2..23 * 8 + 4].copy_from_slice(&off.to_le_bytes());
        });
        let error = error.unwrap_err();
        assert!(matches!(error, LiftError::Target { what: "jump", offset: 0xb8, .. }), "{error}");
    }
}

#[test]
fn call_out_of_the_section() {
    let error = with_code("xdp", |code| code[18 * 8 + 4] = 0x17).unwrap_err();
    assert!(matches!(error, LiftError::Target { what: "call", target: 0xc0, .. }), "{error}");
    let error = with_code(".text", |code| code[7] = 0x80).unwrap_err();
    assert!(matches!(error, LiftError::Target { what: "call", offset: 0, .. }), "{error}");
}

#[test]
fn call_into_an_ldimm64() {
    // Slot 8 of `xdp` is the second half of the ldimm64 of slot 7; slot 18 calls it.
    let mut elf = places();
    let xdp = section(&elf, "xdp");
    let relocs: Vec<Reloc> =
        elf.relocations_for(xdp).filter(|reloc| reloc.offset != 18 * 8).copied().collect();
    elf.replace_relocations(xdp, relocs).unwrap();
    let mut code = elf.sections[xdp].bytes().unwrap().to_vec();
    code[18 * 8 + 4..18 * 8 + 8].copy_from_slice(&(8 - 19_i32).to_le_bytes());
    elf.set_section_data(xdp, code).unwrap();
    let error = lift(&elf, None, None).unwrap_err();
    assert!(matches!(error, LiftError::NotAnInstruction { offset: 0x40, .. }), "{error}");
}

#[test]
fn relocation_in_an_ldimm64() {
    let mut elf = places();
    let xdp = section(&elf, "xdp");
    let mut relocs: Vec<Reloc> = elf.relocations_for(xdp).copied().collect();
    relocs[0].offset += 8;
    elf.replace_relocations(xdp, relocs).unwrap();
    let error = lift(&elf, None, None).unwrap_err();
    assert!(matches!(error, LiftError::NotAnInstruction { offset: 0x40, .. }), "{error}");
}

#[test]
fn relocation_with_an_addend() {
    let mut elf = places();
    let xdp = section(&elf, "xdp");
    let mut relocs: Vec<Reloc> = elf.relocations_for(xdp).copied().collect();
    relocs[0].addend = Some(8);
    elf.replace_relocations(xdp, relocs).unwrap();
    let error = lift(&elf, None, None).unwrap_err();
    assert!(matches!(error, LiftError::Addend { offset: 0x38, .. }), "{error}");
}

#[test]
fn function_that_leaves_its_section() {
    let mut elf = places();
    let second = elf.symbol_by_name("second").unwrap();
    elf.symbols[second].size = 64;
    let error = lift(&elf, None, None).unwrap_err();
    assert!(matches!(error, LiftError::FunctionSize { offset: 0x88, .. }), "{error}");
    elf.symbols[second].size = u64::MAX;
    assert!(lift(&elf, None, None).is_err());
}

#[test]
fn code_address_that_is_none() {
    let mut elf = places();
    let table = section(&elf, ".struct_ops");
    let mut bytes = elf.sections[table].bytes().unwrap().to_vec();
    bytes[16] = 0x9c;
    elf.set_section_data(table, bytes).unwrap();
    let error = lift(&elf, None, None).unwrap_err();
    assert!(matches!(error, LiftError::Address { offset: 16, target: 0x9c, .. }), "{error}");
}

/// What is not understood in one function leaves the others alone.
#[test]
fn opaque_functions() {
    let reason = |lifted: &Lifted, name: &str| {
        let func = lifted.program.funcs.values().find(|func| func.name == name).unwrap();
        func.opaque.as_ref().map(|opaque| (opaque.reason.clone(), opaque.slot))
    };
    let lifted = with_code("xdp", |code| code[17 * 8] = 0xff).unwrap();
    let (unknown, slot) = reason(&lifted, "second").unwrap();
    assert!(unknown.starts_with("unknown instruction") && slot == 0, "{unknown} {slot}");
    assert_eq!(reason(&lifted, "first"), None);

    let lifted = with_code("xdp", |code| code[23 * 8] = 0xb7).unwrap();
    let past = ("control runs past the function's end".to_owned(), 6);
    assert_eq!(reason(&lifted, "second"), Some(past));

    // A jump from `second` into `first` holds both in place.
    let jump = |code: &mut Vec<u8>| {
        code[23 * 8] = 0x05;
        code[23 * 8 + 2..23 * 8 + 4].copy_from_slice(&(-20_i16).to_le_bytes());
    };
    let lifted = with_code("xdp", jump).unwrap();
    assert_eq!(reason(&lifted, "second"), Some(("jump out of the function".to_owned(), 6)));
    assert!(reason(&lifted, "first").is_some());

    let mut elf = places();
    let xdp = section(&elf, "xdp");
    let mut relocs: Vec<Reloc> = elf.relocations_for(xdp).copied().collect();
    relocs[0] = Reloc { offset: 0, r_type: R_BPF_64_64, ..relocs[0] };
    elf.replace_relocations(xdp, relocs).unwrap();
    let lifted = lift(&elf, None, None).unwrap();
    let (what, slot) = reason(&lifted, "first").unwrap();
    assert!(what.starts_with("relocation of type 1 on opcode 0xbf") && slot == 0, "{what}");
}

/// Bits flipped one by one all over the file: an error, or an object that comes back.
#[test]
fn flipped_bits() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects/places.o");
    let bytes = std::fs::read(path).unwrap();
    let mut read = 0;
    for at in (0..bytes.len()).step_by(13) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        if let Ok(object) = Object::parse(&bytes) {
            read += 1;
            let lifted = object.lifted();
            let lowered =
                bpfold::lower::lower(object.elf(), object.btf_ext(), lifted, &lifted.program);
            assert!(lowered.is_ok_and(|lowered| !lowered.changed), "byte {at}");
            if let Ok(fold) = bpfold::Fold::new(&object) {
                let _ = fold.freeze_all().run();
            }
        }
    }
    assert!(read > 0);
}
