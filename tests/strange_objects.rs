//! Objects as few compilers write them, or damage makes them: they fold, and what they name stays
//! what it was, which the comparison of what is written finds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use bpfold::btf::Btf;
use bpfold::elf::{ElfObject, SectionData, SymbolKind, SymbolPlace};
use bpfold::lift::Addends;
use bpfold::{Fold, Object};

/// An object of the tests, changed in its model before it is read.
fn changed(name: &str, change: impl FnOnce(&mut ElfObject)) -> Object {
    let path = format!("{}/tests/objects/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut elf = Object::parse(&std::fs::read(path).unwrap()).unwrap().elf().clone();
    change(&mut elf);
    Object::parse(&elf.write().unwrap()).unwrap()
}

/// An object of the tests, its types changed before it is read.
fn with_types(name: &str, change: impl FnOnce(&mut Btf)) -> Object {
    changed(name, |elf| {
        let section = elf.section_by_name(".BTF").unwrap();
        let mut btf = Btf::parse(elf.sections[section].bytes().unwrap()).unwrap();
        change(&mut btf);
        elf.set_section_data(section, btf.to_bytes().unwrap()).unwrap();
    })
}

/// Symbols tell which variable is in which of two sections with one name.
#[test]
fn of_two_sections_with_one_name_symbols_tell() {
    // A section behind and one before it; the latter holds code.
    for other in ["license", "socket"] {
        let object = changed("sealing.o", |elf| {
            let other = elf.section_by_name(other).unwrap();
            elf.sections[other].name = b".rodata".to_vec();
        });
        let known = changed("sealing.o", |_| {});
        let loads = |object: &Object| {
            let folded = Fold::new(object).unwrap().freeze("limit").unwrap().run().unwrap();
            let after = Object::parse(&folded.bytes).unwrap();
            for name in ["left_open", "table", "pointed", "_license"] {
                assert!(after.elf().symbol_by_name(name).is_some(), "{name}");
            }
            assert!(after.elf().symbol_by_name("limit").is_none());
            let loads = folded.report.loads.into_iter();
            loads.map(|load| (load.variable, load.value)).collect::<Vec<_>>()
        };
        let found = loads(&object);
        assert_eq!(found, loads(&known));
        assert!(found.iter().any(|(variable, _)| variable.as_deref() == Some("limit")));
    }
}

/// Loaders look for one section of these names. Which one they find differs, so the others are lost.
#[test]
fn two_sections_that_loaders_look_for_are_refused() {
    let read = |change: &dyn Fn(&mut ElfObject)| {
        let mut elf = changed("shared-maps.o", |_| {}).elf().clone();
        change(&mut elf);
        Object::parse(&elf.write().unwrap())
    };
    let rename = |from: &'static str, to: &'static str| {
        move |elf: &mut ElfObject| {
            let section = elf.section_by_name(from).unwrap();
            elf.sections[section].name = to.as_bytes().to_vec();
        }
    };
    let problem = |change: &dyn Fn(&mut ElfObject)| match read(change) {
        Err(error @ bpfold::ObjectError::SeveralSections { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(problem(&rename("license", ".maps")).starts_with("there are 2 sections called .maps"));
    assert!(problem(&rename("license", ".BTF")).starts_with("there are 2 sections called .BTF,"));
    // Data that is found by its symbols, and sections of programs, can share a name.
    assert!(read(&rename("license", ".rodata")).is_ok());
    assert!(read(&rename("license", ".data")).is_ok());

    let datasec = |name: &'static str, like: &'static str| {
        move |elf: &mut ElfObject| {
            let section = elf.section_by_name(".BTF").unwrap();
            let mut btf = Btf::parse(elf.sections[section].bytes().unwrap()).unwrap();
            for _ in 0..2 {
                let mut ty = btf.ty(btf.find_datasec(like).unwrap().0).clone();
                ty.name = btf.add_string(name);
                btf.add_type(ty);
            }
            elf.set_section_data(section, btf.to_bytes().unwrap()).unwrap();
        }
    };
    assert!(problem(&datasec(".kconfig", ".maps")).starts_with("there are 2 DATASECs"));
    assert!(problem(&datasec(".ksyms", ".maps")).starts_with("there are 2 DATASECs"));
    assert!(read(&datasec("other", ".maps")).is_ok());
}

/// The immediate would count from both symbols.
#[test]
fn a_variable_that_an_instruction_names_with_another_keeps_its_symbol() {
    let mut named = Vec::new();
    let object = changed("sealing.o", |elf| {
        let code = elf.section_by_name("socket").unwrap();
        let table = elf.relocation_sections(code).next().unwrap();
        let rodata = elf.section_by_name(".rodata").unwrap();
        let (other, symbol) =
            elf.symbols_in(rodata).find(|(_, symbol)| symbol.value > 0 && symbol.size > 0).unwrap();
        named.push(symbol.name.clone());
        let SectionData::Relocations(relocs) = &mut elf.sections[table].data else { panic!() };
        let at =
            relocs.iter().position(|reloc| elf.symbols[reloc.symbol].name == b"limit").unwrap();
        relocs.insert(at + 1, bpfold::elf::Reloc { symbol: other, ..relocs[at] });
        named.push(b"limit".to_vec());
    });
    let folded = Fold::new(&object).unwrap().freeze_all().run().unwrap();
    let after = Object::parse(&folded.bytes).unwrap();
    for name in named {
        assert!(after.elf().symbol_by_name(&name).is_some(), "{}", String::from_utf8_lossy(&name));
    }
}

/// Code that named a sealed variable by its symbol names the section's, and counts from there.
#[test]
fn a_symbol_of_a_section_that_is_not_at_its_start_is_not_counted_from() {
    let object = changed("sealing.o", |elf| {
        let rodata = elf.section_by_name(".rodata").unwrap();
        let abbrev = elf.section_by_name(".debug_abbrev").unwrap();
        let symbol = elf.section_symbol(abbrev).unwrap();
        elf.symbols[symbol].place = SymbolPlace::Section(rodata);
        elf.symbols[symbol].value = 4;
    });
    Fold::new(&object).unwrap().freeze_all().run().unwrap();
}

#[test]
fn an_immediate_without_room_for_the_symbols_value_keeps_the_symbol() {
    let object = changed("sealing.o", |elf| {
        let code = elf.section_by_name("socket").unwrap();
        let limit = elf.symbol_by_name("left_open").unwrap();
        let at = elf.relocations_for(code).find(|reloc| reloc.symbol == limit).unwrap().offset;
        let mut bytes = elf.sections[code].bytes().unwrap().to_vec();
        let imm = at as usize + 4;
        bytes[imm..imm + 4].copy_from_slice(&i32::MAX.to_le_bytes());
        elf.set_section_data(code, bytes).unwrap();
    });
    let folded = Fold::new(&object).unwrap().freeze_all().run().unwrap();
    let after = Object::parse(&folded.bytes).unwrap();
    assert!(after.elf().symbol_by_name("left_open").is_some());
}

/// Loaders skip the section, so it keeps nothing alive.
#[test]
fn what_no_loader_reads_does_not_name_code_that_is_gone() {
    let object = changed("core.o", |elf| {
        let frames = elf.section_by_name(".debug_frame").unwrap();
        elf.sections[frames].name = b"frames".to_vec();
    });
    let addresses = |object: &Object| object.links().addresses.len();
    assert!(addresses(&object) > 1);
    let fold = Fold::new(&object).unwrap().freeze_all().entry("loads").unwrap();
    let after = Object::parse(&fold.run().unwrap().bytes).unwrap();
    assert_eq!(addresses(&after), 1);
}

/// Objects of gcc have addends or sums in their immediates, by the version of binutils.
#[test]
fn immediates_that_fit_both_readings_are_not_known() {
    let object = |imm: i32| {
        changed("sealing.o", |elf| {
            let comment = b"\0GCC: (GNU) 14.2.0\0".to_vec();
            elf.add_section(bpfold::elf::Section::new(".comment", comment));
            let code = elf.section_by_name("socket").unwrap();
            let limit = elf.symbol_by_name("limit").unwrap();
            // 16 bytes at 8: all other references are to symbols at the start.
            let table = elf.symbol_by_name("table").unwrap();
            let relocs = elf.relocation_sections(code).next().unwrap();
            let SectionData::Relocations(relocs) = &mut elf.sections[relocs].data else { panic!() };
            let at = relocs.iter().find(|reloc| reloc.symbol == table).unwrap().offset as usize;
            relocs.iter_mut().filter(|reloc| reloc.symbol != table).for_each(|r| r.symbol = limit);
            let mut bytes = elf.sections[code].bytes().unwrap().to_vec();
            bytes[at + 4..at + 8].copy_from_slice(&imm.to_le_bytes());
            elf.set_section_data(code, bytes).unwrap();
        })
    };
    let readings = [0, 4, 8, 12, 16, 20, 24, 28].map(|imm| object(imm).links().addends);
    use Addends::{Plain, Unclear, WithSymbol};
    assert_eq!(
        readings,
        [Plain, Plain, Unclear, Unclear, Unclear, WithSymbol, WithSymbol, Unclear]
    );
    let object = object(12);
    let folded = Fold::new(&object).unwrap().freeze_all().run().unwrap();
    assert_eq!(folded.report.loads, []);
    let after = Object::parse(&folded.bytes).unwrap();
    assert!(after.elf().symbol_by_name("table").is_some());
}

/// Compilers name static maps by their section, and count to the definition. Here all are named so.
fn maps_by_section(change: impl FnOnce(&mut ElfObject)) -> Object {
    changed("prune.o", |elf| {
        let maps = elf.section_by_name(".maps").unwrap();
        let other = elf.section_by_name(".debug_abbrev").unwrap();
        let symbol = elf.section_symbol(other).unwrap();
        elf.symbols[symbol].place = SymbolPlace::Section(maps);
        let code = elf.section_by_name("tc").unwrap();
        let mut bytes = elf.sections[code].bytes().unwrap().to_vec();
        let table = elf.relocation_sections(code).next().unwrap();
        let SectionData::Relocations(relocs) = &mut elf.sections[table].data else { panic!() };
        for reloc in relocs {
            let named = &elf.symbols[reloc.symbol];
            if named.section() == Some(maps) {
                let imm = reloc.offset as usize + 4;
                bytes[imm..imm + 4].copy_from_slice(&(named.value as u32).to_le_bytes());
                reloc.symbol = symbol;
            }
        }
        elf.set_section_data(code, bytes).unwrap();
        change(elf);
    })
}

/// The maps that code names, sorted.
fn named_maps(object: &Object) -> Vec<&str> {
    let mut names: Vec<&str> =
        object.program().maps.values().map(|map| map.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn maps_that_are_named_by_their_section_move() {
    let left = ["bpfold_test_pinned", "counted", "read_by_userspace"];
    let object = maps_by_section(|_| {});
    assert_eq!(
        named_maps(&object),
        ["bpfold_test_pinned", "counted", "outer", "read_by_userspace"]
    );
    let fold = Fold::new(&object).unwrap().freeze_all().set("stats", "true").unwrap();
    let folded = fold.prune_maps().run().unwrap();
    let after = Object::parse(&folded.bytes).unwrap();
    assert_eq!(named_maps(&after), left);
    assert!(folded.report.proof.unwrap().proven > 0);
}

/// In code that is carried, too.
#[test]
fn maps_that_carried_code_names_by_their_section_move() {
    let object = maps_by_section(|elf| {
        let code = elf.section_by_name("tc").unwrap();
        let mut bytes = elf.sections[code].bytes().unwrap().to_vec();
        // What names `outer` names `counted` now; an instruction that nobody knows.
        let outer = elf.symbols[elf.symbol_by_name("outer").unwrap()].value as u32;
        let counted = elf.symbols[elf.symbol_by_name("counted").unwrap()].value as u32;
        let at = (0..bytes.len())
            .step_by(8)
            .find(|at| bytes[*at] == 0x18 && bytes[at + 4..at + 8] == outer.to_le_bytes());
        let at = at.unwrap();
        bytes[at + 4..at + 8].copy_from_slice(&counted.to_le_bytes());
        let end = bytes.len() - 8;
        bytes[end] = 0xff;
        elf.set_section_data(code, bytes).unwrap();
    });
    let entry = |object: &Object| {
        let func = object.program().funcs.values().find(|func| func.name == "entry").unwrap();
        func.opaque.is_some()
    };
    assert!(entry(&object));
    let folded = Fold::new(&object).unwrap().freeze_all().prune_maps().run().unwrap();
    let after = Object::parse(&folded.bytes).unwrap();
    assert!(entry(&after) && after.elf().symbol_by_name("outer").is_none());
    assert_eq!(named_maps(&after), ["bpfold_test_pinned", "counted", "read_by_userspace"]);
}

/// Nothing tells whose VAR it is that goes.
#[test]
fn two_maps_with_one_name() {
    let object = changed("prune.o", |elf| {
        let counted = elf.symbol_by_name("counted").unwrap();
        elf.symbols[counted].name = b"outer".to_vec();
    });
    let fold = Fold::new(&object).unwrap().freeze_all().set("stats", "true").unwrap();
    let after = Object::parse(&fold.prune_maps().run().unwrap().bytes).unwrap();
    assert_eq!(named_maps(&after), ["bpfold_test_pinned", "outer", "read_by_userspace"]);
}

#[test]
fn a_symbol_without_a_name_goes_with_the_map_that_it_is_in() {
    let object = changed("prune.o", |elf| {
        let inner = elf.symbol_by_name("inner_second").unwrap();
        elf.symbols[inner].name = Vec::new();
        elf.symbols[inner].value = 8;
    });
    let fold = Fold::new(&object).unwrap().freeze_all().set("stats", "true").unwrap();
    let after = Object::parse(&fold.prune_maps().run().unwrap().bytes).unwrap();
    let maps = after.elf().section_by_name(".maps").unwrap();
    let nameless = after.elf().symbols_in(maps).filter(|(_, symbol)| symbol.name.is_empty());
    assert_eq!(nameless.filter(|(_, symbol)| symbol.kind == SymbolKind::Object).count(), 0);
}

/// Loaders take the offset from the symbol where the DATASEC has no size.
#[test]
fn an_offset_that_loaders_do_not_read_may_lie_in_what_is_cut() {
    let object = with_types("prune.o", |btf| {
        let (_, maps) = btf.find_datasec(".maps").unwrap();
        assert_eq!(maps.size, 0);
        let at = maps.vars.iter().position(|var| btf.name(var.var) == "counted").unwrap();
        btf.datasec_mut(".maps").unwrap().vars[at].offset = 0x20;
    });
    let fold = Fold::new(&object).unwrap().freeze_all().set("stats", "true").unwrap();
    let after = Object::parse(&fold.prune_maps().run().unwrap().bytes).unwrap();
    assert!(after.elf().symbol_by_name("outer").is_none());
    assert_eq!(named_maps(&after), ["bpfold_test_pinned", "counted", "read_by_userspace"]);
}

#[test]
fn a_size_of_less_than_what_is_cut() {
    let object = with_types("prune.o", |btf| btf.datasec_mut(".maps").unwrap().size = 8);
    let folded = Fold::new(&object).unwrap().freeze_all().prune_maps().run().unwrap();
    let after = Object::parse(&folded.bytes).unwrap();
    assert!(after.elf().symbol_by_name("outer").is_none());
}

/// A function is a program by its symbol; without one it is none, whatever else its section has.
#[test]
fn functions_without_symbols_stay_when_those_with_symbols_go() {
    let object = changed("places.o", |elf| {
        let text = elf.section_by_name(".text").unwrap();
        elf.sections[text].name = b"more".to_vec();
        for name in ["global", "middle", "leaf"] {
            let symbol = elf.symbol_by_name(name).unwrap();
            elf.symbols[symbol].kind = SymbolKind::None;
        }
    });
    let count = |object: &Object| object.program().funcs.len();
    assert_eq!(count(&object), 6);
    let fold = Fold::new(&object).unwrap().freeze_all().entry("second").unwrap();
    let after = Object::parse(&fold.run().unwrap().bytes).unwrap();
    assert_eq!(count(&after), 4);
}
