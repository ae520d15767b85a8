//! Edits, read back by the `object` crate's own reader.

use std::collections::{BTreeMap, BTreeSet};

use bpfold::elf::{
    ElfError, ElfObject, R_BPF_64_64, Reloc, Section, SectionData, SectionIndex, Symbol,
    SymbolBind, SymbolIndex, SymbolKind, SymbolPlace,
};
use object::{Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget};

use crate::{OBJECTS, read};

fn parse(name: &str) -> ElfObject {
    ElfObject::parse(&read(name)).unwrap()
}

fn section(object: &ElfObject, name: &str) -> SectionIndex {
    object.section_by_name(name).unwrap_or_else(|| panic!("no section {name}"))
}

fn symbol(object: &ElfObject, name: &str) -> SymbolIndex {
    object.symbol_by_name(name).unwrap_or_else(|| panic!("no symbol {name}"))
}

fn dwarf_and_addrsig(object: &ElfObject) -> BTreeSet<SectionIndex> {
    let gone = |section: &Section| section.is_dwarf() || section.is_addrsig();
    object.sections.iter().filter(|(_, s)| gone(s)).map(|(index, _)| index).collect()
}

/// What another reader sees of a section: its bytes, and its relocations by name of the
/// symbol, or of the section for section symbols.
type Seen = BTreeMap<String, (Vec<u8>, Vec<(u64, RelocationFlags, String)>)>;

fn seen_by_another_reader(bytes: &[u8]) -> Seen {
    let file = object::File::parse(bytes).unwrap();
    let target = |relocation: &object::Relocation| match relocation.target() {
        RelocationTarget::Symbol(index) => {
            let symbol = file.symbol_by_index(index).unwrap();
            match symbol.section_index().filter(|_| symbol.name().unwrap().is_empty()) {
                Some(section) => file.section_by_index(section).unwrap().name().unwrap().to_owned(),
                None => symbol.name().unwrap().to_owned(),
            }
        }
        other => panic!("{other:?}"),
    };
    file.sections()
        .map(|section| {
            let relocations = section
                .relocations()
                .map(|(offset, relocation)| (offset, relocation.flags(), target(&relocation)))
                .collect();
            let name = section.name().unwrap().to_owned();
            (name, (section.data().unwrap().to_vec(), relocations))
        })
        .collect()
}

/// Tables whose bytes hold numbers or names of other things.
fn without_tables(mut seen: Seen) -> Seen {
    seen.retain(|name, _| {
        !name.starts_with(".rel")
            && ![".symtab", ".strtab", ".shstrtab", ".llvm_addrsig"].contains(&name.as_str())
    });
    seen
}

#[test]
fn removing_dwarf_leaves_the_rest() {
    for name in OBJECTS {
        let mut object = parse(name);
        let gone = dwarf_and_addrsig(&object);
        object.remove_sections(&gone).unwrap_or_else(|error| panic!("{name}: {error}"));
        let written = object.write().unwrap();
        let mut expected = without_tables(seen_by_another_reader(&read(name)));
        expected.retain(|section, _| !section.starts_with(".debug_"));
        assert_eq!(without_tables(seen_by_another_reader(&written)), expected, "{name}");
        assert!(!written.windows(7).any(|window| window == b".debug_"), "{name}: stale names");

        let again = ElfObject::parse(&written).unwrap();
        assert!(again.write().unwrap() == written, "{name}: not stable");
    }
}

#[test]
fn removing_nothing_changes_nothing() {
    for name in OBJECTS {
        let mut object = parse(name);
        let renumbered = object.remove_sections(&BTreeSet::new()).unwrap();
        assert!(renumbered.sections.is_identity() && renumbered.symbols.is_identity());
        assert!(object.write().unwrap() == read(name), "{name}");
    }
}

#[test]
fn removing_symbols_renumbers_relocations_and_locals() {
    let mut object = parse("mini-clang19.o");
    let mut gone = dwarf_and_addrsig(&object);
    gone.extend(["license", ".BTF", ".BTF.ext"].map(|name| section(&object, name)));
    let symbols = BTreeSet::from([symbol(&object, "_license"), symbol(&object, "mini.c")]);
    let renumbered = object.remove(&gone, &symbols).unwrap();
    assert!(!renumbered.symbols.is_identity());

    let object = ElfObject::parse(&object.write().unwrap()).unwrap();
    assert_eq!(object.symbol_by_name("_license"), None);
    let table = &object.sections[object.symbol_table().unwrap()];
    let first_global = object.symbols.iter().position(|(_, symbol)| symbol.is_global()).unwrap();
    assert_eq!(table.info, bpfold::elf::SectionInfo::FirstGlobal(SymbolIndex(first_global as u32)));
    let level = symbol(&object, "level");
    let xdp = section(&object, "xdp");
    assert!(object.relocations_for(xdp).any(|reloc| reloc.symbol == level));
}

#[test]
fn what_is_used_stays() {
    let refused = |sections: &[&str], symbols: &[&str]| {
        let mut object = parse("mini-clang19.o");
        let before = object.clone();
        let sections = sections.iter().map(|name| section(&object, name)).collect();
        let symbols = symbols.iter().map(|name| symbol(&object, name)).collect();
        let error = object.remove(&sections, &symbols).unwrap_err();
        assert_eq!(object, before);
        assert!(matches!(error, ElfError::InUse { .. }), "{error}");
        error.to_string()
    };
    assert_eq!(
        refused(&[".rodata"], &[]),
        "section 6 (.rodata) cannot be removed: it is named by symbol 17 (level)"
    );
    assert_eq!(
        refused(&[".rodata"], &["level"]),
        "symbol 17 (level) cannot be removed: it is named by relocation 1 of section 3 (.rel.text)"
    );
    assert_eq!(
        refused(&[".symtab"], &[]),
        "section 30 (.symtab) cannot be removed: it is named by its symbols"
    );
    assert_eq!(
        refused(&[".strtab"], &[]),
        "section 1 (.strtab) cannot be removed: it is named by the file header (e_shstrndx)"
    );
    assert_eq!(
        refused(&[], &["mini.c"]),
        "symbol 1 (mini.c) cannot be removed: it is named by section 29 (.llvm_addrsig)"
    );
    let mut object = parse("mini-clang19.o");
    let error = object.remove_sections(&BTreeSet::from([SectionIndex(99)])).unwrap_err();
    assert_eq!(error.to_string(), "there is no section 99, the object has 31");
}

#[test]
fn a_section_that_grows_moves_the_others() {
    for name in OBJECTS {
        let mut object = parse(name);
        let license = section(&object, "license");
        object.set_section_data(license, b"Dual MIT/GPL, or so\0".to_vec()).unwrap();
        let written = object.write().unwrap();
        let mut expected = seen_by_another_reader(&read(name));
        expected.get_mut("license").unwrap().0 = b"Dual MIT/GPL, or so\0".to_vec();
        assert_eq!(seen_by_another_reader(&written), expected, "{name}");

        let file = object::File::parse(&*written).unwrap();
        for section in file.sections() {
            let (offset, _) = section.file_range().unwrap_or_default();
            assert_eq!(offset % section.align().max(1), 0, "{name}: {:?}", section.name());
        }
    }
}

#[test]
fn adding_sections_symbols_and_relocations() {
    let mut object = parse("mini-clang19.o");
    let gone = dwarf_and_addrsig(&object);
    object.remove_sections(&gone).unwrap();
    let before: Vec<_> = {
        let xdp = section(&object, "xdp");
        let name = |reloc: &Reloc| object.symbols[reloc.symbol].clone();
        object.relocations_for(xdp).map(name).collect()
    };
    let added = object.add_section(Section::new(".data.new", vec![0; 16]));
    let place = SymbolPlace::Section(added);
    let local = Symbol::new("new_local", SymbolKind::Object, SymbolBind::Local, place);
    let local = object.add_symbol(local).unwrap();
    let global = Symbol::new("new_global", SymbolKind::Object, SymbolBind::Global, place);
    let global = object.add_symbol(global).unwrap();
    let reloc = Reloc { offset: 8, symbol: global, r_type: R_BPF_64_64, addend: None };
    object.replace_relocations(added, vec![reloc]).unwrap();

    let object = ElfObject::parse(&object.write().unwrap()).unwrap();
    assert_eq!(symbol(&object, "new_local"), local);
    assert_eq!(symbol(&object, "new_global"), global);
    assert!(object.symbols.iter().all(|(index, symbol)| symbol.is_global() == (index > local)));
    let relocs: Vec<_> = object.relocations_for(section(&object, ".data.new")).collect();
    assert_eq!(relocs, [&reloc]);
    let after = object.relocations_for(section(&object, "xdp"));
    let after: Vec<_> = after.map(|reloc| object.symbols[reloc.symbol].name.clone()).collect();
    assert_eq!(after, before.into_iter().map(|symbol| symbol.name).collect::<Vec<_>>());
}

#[test]
fn relocations_that_are_gone_take_their_section_along() {
    let mut object = parse("mini-stripped.o");
    let xdp = section(&object, "xdp");
    object.replace_relocations(xdp, Vec::new()).unwrap();
    object.remove_empty_relocation_sections().unwrap();
    let object = ElfObject::parse(&object.write().unwrap()).unwrap();
    assert_eq!(object.section_by_name(".relxdp"), None);
    assert_eq!(object.relocations_for(section(&object, "xdp")).count(), 0);
    assert!(object.relocations_for(section(&object, ".text")).count() > 0);
}

/// What goes as stale DWARF must not take the relocations of code along.
#[test]
fn relocations_of_code_are_no_dwarf_whatever_they_are_called() {
    let mut object = parse("mini-clang19.o");
    let relocs = section(&object, ".relxdp");
    object.sections[relocs].name = b".debug_".to_vec();
    assert!(!object.sections[relocs].is_dwarf());
    let info = section(&object, ".debug_info");
    assert!(object.sections[info].is_dwarf());
}

/// Loaders take sections with these names for what the names say, whatever the flags are.
#[test]
fn type_information_is_no_code_even_if_it_is_executable() {
    let mut object = parse("mini-clang19.o");
    let ext = section(&object, ".BTF.ext");
    object.sections[ext].flags |= 4;
    assert!(!object.sections[ext].is_code());
    let xdp = section(&object, "xdp");
    assert!(object.sections[xdp].is_code());
}

#[test]
fn edits_that_cannot_be_read_back_are_not_written() {
    let broken = |edit: fn(&mut ElfObject)| {
        let mut object = parse("mini-clang19.o");
        edit(&mut object);
        object.write().unwrap_err().to_string()
    };
    assert_eq!(
        broken(|object| {
            let xdp = section(object, "xdp");
            object.set_section_data(xdp, vec![0; 16]).unwrap();
        }),
        "section 5 (.relxdp): relocation 1 of type 10 at offset 0x28 of section 4 (xdp): \
         it covers 8 bytes, the section has 0x10"
    );
    assert_eq!(
        broken(|object| {
            let level = symbol(object, "level");
            object.symbols[level].place = SymbolPlace::Section(SectionIndex(400));
        }),
        "symbol 17 (level): st_shndx is 0x190, expected a section number below 31"
    );
    assert_eq!(
        broken(|object| {
            let level = symbol(object, "level");
            object.symbols[level].name = b"le\0vel".to_vec();
        }),
        "le\\x00vel: the name has a zero byte or there is no string table for it"
    );
    assert_eq!(
        broken(|object| {
            let xdp = section(object, "xdp");
            object.sections[xdp].data = SectionData::Symbols;
        }),
        "section 4 (xdp): the content is of another kind than the section's type"
    );
}
