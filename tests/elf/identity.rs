//! Read and write without a change in between.

use std::path::Path;

use bpfold::elf::{ElfError, ElfObject, Endian, Section, SectionData, SymbolPlace};

use crate::{OBJECTS, objects_in, read};

#[test]
fn committed_objects_come_back_byte_for_byte() {
    for name in OBJECTS {
        let bytes = read(name);
        let object = ElfObject::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(object.write().unwrap() == bytes, "{name} differs");
    }
}

/// Takes DWARF and address significance out and reads what was written.
fn without_dwarf(mut object: ElfObject) -> Result<ElfObject, ElfError> {
    let gone = |section: &Section| section.is_dwarf() || section.is_addrsig();
    let gone = object.sections.iter().filter(|(_, section)| gone(section));
    let gone = gone.map(|(index, _)| index).collect();
    object.remove_sections(&gone)?;
    ElfObject::parse(&object.write()?)
}

/// Every BPF object under the directory that `BPFOLD_CORPUS` names.
#[test]
fn corpus_comes_back_byte_for_byte() {
    let Some(dir) = std::env::var_os("BPFOLD_CORPUS") else {
        return;
    };
    let mut paths = Vec::new();
    objects_in(Path::new(&dir), &mut paths);
    let (mut same, mut failed) = (0, Vec::new());
    for path in paths {
        let bytes = std::fs::read(&path).unwrap();
        let machine = bytes.get(18..20);
        if !bytes.starts_with(b"\x7fELF")
            || !(machine == Some(&[247, 0]) || machine == Some(&[0, 247]))
        {
            continue;
        }
        let read = ElfObject::parse(&bytes);
        if let Err(error) = read.clone().and_then(without_dwarf) {
            failed.push(format!("{}: without DWARF: {error}", path.display()));
        }
        match read.and_then(|object| object.write()) {
            Ok(written) if written == bytes => same += 1,
            Ok(_) => failed.push(format!("{}: differs", path.display())),
            Err(error) => failed.push(format!("{}: {error}", path.display())),
        }
    }
    eprintln!("{same} objects byte-identical, {} not", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A slice at an odd address, as `include_bytes!` gives, reads like any other.
#[test]
fn unaligned_input() {
    let mut shifted = vec![0];
    shifted.extend(read("mini-clang19.o"));
    assert_eq!(
        ElfObject::parse(&shifted[1..]).unwrap(),
        ElfObject::parse(&read("mini-clang19.o")).unwrap()
    );
}

/// Both byte orders give the same symbols and relocations from the same source.
#[test]
fn byte_orders_agree() {
    let little = ElfObject::parse(&read("mini-clang19.o")).unwrap();
    let big = ElfObject::parse(&read("mini-clang19-be.o")).unwrap();
    assert_eq!((little.endian, big.endian), (Endian::Little, Endian::Big));
    assert_eq!(little.symbols, big.symbols);
    for name in [".text", "xdp"] {
        let relocs = |object: &ElfObject| {
            let section = object.section_by_name(name).unwrap();
            object.relocations_for(section).copied().collect::<Vec<_>>()
        };
        assert!(!relocs(&little).is_empty());
        assert_eq!(relocs(&little), relocs(&big));
    }
}

#[test]
fn model_of_an_object() {
    let object = ElfObject::parse(&read("mini-clang19.o")).unwrap();
    let level = &object.symbols[object.symbol_by_name("level").unwrap()];
    let rodata = object.section_by_name(".rodata").unwrap();
    assert_eq!((level.value, level.size), (0, 4));
    assert_eq!(level.place, SymbolPlace::Section(rodata));
    assert_eq!(object.sections[rodata].bytes(), Some(&[3, 0, 0, 0][..]));
    let bss = object.section_by_name(".bss").unwrap();
    assert_eq!(object.sections[bss].data, SectionData::NoBits(8));
    let kernel_version = object.symbol_by_name("LINUX_KERNEL_VERSION").unwrap();
    assert_eq!(object.symbols[kernel_version].place, SymbolPlace::Undefined);
    let xdp = object.section_by_name("xdp").unwrap();
    assert!(object.sections[xdp].is_code());
    let callees: Vec<_> = object
        .relocations_for(xdp)
        .filter(|reloc| reloc.r_type == bpfold::elf::R_BPF_64_32)
        .map(|reloc| String::from_utf8_lossy(&object.symbols[reloc.symbol].name).into_owned())
        .collect();
    // The static function is called through the section symbol of .text, without a name.
    assert_eq!(callees.len(), 2);
    assert!(callees.contains(&"count".to_owned()) && callees.contains(&String::new()));
}
