//! Jump tables (`gotox`, `.jumptables`): decided, pruned, removed with the code that used them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::Path;

use bpfold::passes::ir::{Function, Op};
use bpfold::{Fold, Folded, Object};

/// The same source in both byte orders.
const OBJECTS: [&str; 2] = ["jump_tables", "jump_tables-be"];

fn read(name: &str) -> (Vec<u8>, Object) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/objects/{name}.o"));
    let file = std::fs::read(path).unwrap();
    let object = Object::parse(&file).unwrap();
    (file, object)
}

fn fold(object: &Object, prepare: impl Fn(Fold<'_>) -> Fold<'_>) -> (Folded, Object) {
    let folded = prepare(Fold::new(object).unwrap()).verify_each(true).run().unwrap();
    let proof = folded.report.proof.clone().unwrap();
    assert!(proof.refused.is_empty(), "{proof:?}");
    let result = Object::parse(&folded.bytes).unwrap();
    (folded, result)
}

fn set(object: &Object, mode: u32, mask: u32) -> (Folded, Object) {
    fold(object, |fold| {
        let fold = fold.set("mode", &mode.to_string()).unwrap();
        fold.set("mask", &mask.to_string()).unwrap()
    })
}

fn function<'o>(object: &'o Object, name: &str) -> &'o Function {
    object.program().funcs.values().find(|func| func.name == name).unwrap()
}

fn jumps(function: &Function) -> usize {
    function.insts().filter(|(_, i)| matches!(function.op(*i), Op::GotoX { .. })).count()
}

/// The symbols of tables, with their sizes.
fn tables(object: &Object) -> Vec<(String, u64)> {
    let Some(section) = object.elf().section_by_name(".jumptables") else { return Vec::new() };
    let symbols = object.elf().symbols_in(section).filter(|(_, symbol)| symbol.size > 0);
    let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    symbols.map(|(_, symbol)| (name(&symbol.name), symbol.size)).collect()
}

fn size(object: &Object) -> Option<u64> {
    let section = object.elf().section_by_name(".jumptables")?;
    object.elf().sections[section].content_size()
}

#[test]
fn tables_are_read() {
    for name in OBJECTS {
        let (file, object) = read(name);
        let entries = |name| {
            let function = function(&object, name);
            let tables = function.tables().iter();
            (jumps(function), tables.map(|table| table.targets.len()).collect::<Vec<_>>())
        };
        assert_eq!(entries("work"), (1, vec![7]), "{name}");
        assert_eq!(entries("masked"), (1, vec![7]), "{name}");
        assert_eq!(entries("unknown"), (1, vec![4]), "{name}");
        // A table of labels in .rodata is nothing that the kernel knows.
        assert!(function(&object, "labels").opaque.is_some(), "{name}");
        let unchanged = Fold::new(&object).unwrap().run().unwrap();
        assert!(unchanged.bytes == file, "{name}");
    }
}

#[test]
fn a_constant_index_decides() {
    for name in OBJECTS {
        let (_, object) = read(name);
        for (mode, map) in [(0, None), (1, Some("first")), (3, Some("third")), (4, None), (9, None)]
        {
            let (folded, result) = set(&object, mode, 0);
            let work = function(&result, "work");
            assert_eq!((jumps(work), work.tables().len()), (0, 0), "{name} {mode}");
            // `masked` with no bits counts in the first map.
            let maps = ["first", "second", "third"].into_iter();
            let dropped = |map: &&str| folded.report.dropped.maps.iter().any(|gone| gone == map);
            let live: Vec<&str> = maps.filter(|map| !dropped(map)).collect();
            let mut expected: Vec<&str> = map.into_iter().chain(["first"]).collect();
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(live, expected, "{name} {mode}");
        }
    }
}

#[test]
fn entries_that_cannot_be_selected_lead_elsewhere() {
    for name in OBJECTS {
        let (_, object) = read(name);
        for (mask, places) in [(1, 2), (3, 4), (7, 7)] {
            let (_, result) = set(&object, 4, mask);
            let masked = function(&result, "masked");
            let [table] = masked.tables() else { panic!("{name} {mask}") };
            assert_eq!((table.targets.len(), table.distinct().len()), (7, places), "{name} {mask}");
        }
        let (_, result) = set(&object, 4, 0);
        assert_eq!(jumps(function(&result, "masked")), 0, "{name}");
    }
}

#[test]
fn tables_that_nothing_uses_are_removed() {
    for name in OBJECTS {
        let (_, object) = read(name);
        assert_eq!(size(&object), Some(7 * 8 + 7 * 8 + 4 * 8), "{name}");
        let (_, result) = set(&object, 4, 0);
        assert_eq!(tables(&result), [("BPF.JT.3.0".to_owned(), 32)], "{name}");
        assert_eq!(size(&result), Some(32), "{name}");
        let (folded, result) = set(&object, 9, 0);
        assert_eq!((tables(&result), size(&result)), (vec![], None), "{name}");
        // Folding again changes nothing.
        let again = Fold::new(&result).unwrap().freeze_all().run().unwrap();
        assert!(again.bytes == folded.bytes, "{name}");
    }
}

#[test]
fn one_program_is_kept_without_the_tables_of_others() {
    for name in OBJECTS {
        let (_, object) = read(name);
        for (program, left) in [
            ("decided", vec![("BPF.JT.1.0".to_owned(), 56)]),
            ("masked", vec![("BPF.JT.2.0".to_owned(), 56)]),
            ("unknown", vec![("BPF.JT.3.0".to_owned(), 32)]),
            ("labels", vec![]),
        ] {
            let (folded, result) = fold(&object, |fold| fold.entry(program).unwrap());
            assert_eq!(tables(&result), left, "{name} {program}");
            let again = Fold::new(&result).unwrap().entry(program).unwrap().run().unwrap();
            assert!(again.bytes == folded.bytes, "{name} {program}");
        }
    }
}

/// Labels in `.rodata`, where values are stored, move with the code.
#[test]
fn labels_in_read_only_data_move() {
    for name in OBJECTS {
        let (_, object) = read(name);
        let (folded, result) = set(&object, 9, 0);
        assert!(function(&result, "labels").opaque.is_some(), "{name}");
        assert!(folded.report.functions.iter().any(|func| func.before > func.after), "{name}");
        assert_eq!(result.links().addresses.len(), 3, "{name}");
        let (_, result) = fold(&object, |fold| fold.drop_program("decided").unwrap());
        assert_eq!(result.links().addresses.len(), 3 + 7 + 4, "{name}");
    }
}
