//! Variables are where their symbols are: DATASECs have only names of sections, and clang 14
//! lists tables in another one's.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use bpfold::btf::{Btf, Kind};
use bpfold::elf::{ElfObject, SectionIndex, SymbolIndex};
use bpfold::variables::{Unplaced, VariableError, Variables};
use bpfold::{Fold, Folded, Object};

fn object(name: &str) -> Object {
    changed(name, |_| {})
}

/// An object of the tests, changed in its model before it is read.
fn changed(name: &str, change: impl FnOnce(&mut ElfObject)) -> Object {
    let path = format!("{}/tests/objects/{name}.o", env!("CARGO_MANIFEST_DIR"));
    let mut elf = Object::parse(&std::fs::read(path).unwrap()).unwrap().elf().clone();
    change(&mut elf);
    Object::parse(&elf.write().unwrap()).unwrap()
}

fn places(object: &Object) -> Vec<String> {
    let variables = object.variables().unwrap();
    let place = |v: &bpfold::variables::Variable| format!("{} {}+{}", v.name, v.section, v.offset);
    variables.iter().map(place).collect()
}

fn symbol(elf: &ElfObject, name: &str) -> SymbolIndex {
    elf.symbol_by_name(name).unwrap()
}

/// Only the compiler has names for them.
fn without_symbols(elf: &mut ElfObject, names: &[&str]) {
    for name in names {
        let symbol = symbol(elf, name);
        elf.symbols[symbol].name = format!(".L{name}").into_bytes();
    }
}

/// The bytes of a section that are final.
fn final_bytes(variables: &Variables<'_>, section: &str) -> Vec<bool> {
    let known = variables.finality(section).unwrap();
    known.final_mask.iter().map(|mask| *mask == 0xff).collect()
}

fn listed(folded: &Folded) -> Vec<String> {
    let object = Object::parse(&folded.bytes).unwrap();
    let btf: &Btf = object.btf().unwrap();
    let vars = btf.own_types().filter_map(|(_, ty)| match &ty.kind {
        Kind::DataSec(datasec) => Some(datasec.vars.iter().map(|var| btf.name(var.var).to_owned())),
        _ => None,
    });
    vars.flatten().filter(|name| name != "_license").collect()
}

#[test]
fn tables_of_clang_14_are_where_their_symbols_are() {
    assert_eq!(
        places(&object("tables")),
        [
            "a .rodata+0",
            "b .rodata+4",
            "c .rodata+8",
            "d .rodata+12",
            "long_one .rodata+16",
            "first.loc .rodata.cst16+0",
            "tab .rodata.cst16+16",
            "second.loc .rodata.cst16+32",
            "four .rodata.cst4+0",
            "eight .rodata.cst8+0",
            "big .rodata.cst32+0",
        ]
    );
}

/// What is frozen is the table, and no variable that is where BTF says.
#[test]
fn a_frozen_table_makes_no_variable_final() {
    let object = object("tables");
    let before = final_bytes(&object.variables().unwrap(), ".rodata");
    for name in ["tab", "four", "first.loc", "big", "eight"] {
        let fold = Fold::new(&object).unwrap().freeze(name).unwrap();
        assert_eq!(final_bytes(fold.variables(), ".rodata"), before, "{name}");
        let folded = fold.run().unwrap();
        assert!(folded.report.loads.is_empty(), "{name}: {:?}", folded.report.loads);
        assert_eq!(folded.report.open.len(), 4, "{name}: {:?}", folded.report.open);
        assert_eq!(listed(&folded).len(), 11, "{name}");
    }
    // And a variable that is frozen is no table.
    let folded = Fold::new(&object).unwrap().freeze("a").unwrap().run().unwrap();
    let loads: Vec<u64> = folded.report.loads.iter().map(|load| load.value).collect();
    assert_eq!(loads, [1, 1]);
}

#[test]
fn all_folds_and_folds_no_further() {
    let object = object("tables");
    let folded = Fold::new(&object).unwrap().freeze_all().run().unwrap();
    assert_eq!(folded.report.loads.len(), 6);
    let left = listed(&folded);
    assert_eq!(left.len(), 7, "{left:?}");
    assert!(!left.contains(&"a".to_owned()), "{left:?}");
    let after = Object::parse(&folded.bytes).unwrap();
    let again = Fold::new(&after).unwrap().freeze_all().run().unwrap();
    assert!(again.bytes == folded.bytes);
    // A section of tables that dies takes their variables out of the other DATASEC.
    let folded = Fold::new(&object).unwrap().entry("second").unwrap().run().unwrap();
    let left = listed(&folded);
    assert!(left.contains(&"second.loc".to_owned()), "{left:?}");
    assert!(!left.iter().any(|name| name == "big" || name == "four"), "{left:?}");
}

/// Without a symbol BTF alone would tell where a static variable is; not one that can be in a
/// section of merged constants.
#[test]
fn a_table_without_symbol_is_nowhere() {
    let object = changed("tables", |elf| without_symbols(elf, &["tab", "long_one"]));
    let mut variables = object.variables().unwrap();
    let error = variables.freeze("tab").unwrap_err();
    assert!(
        matches!(&error, VariableError::Unplaced { section, why: Unplaced::NoSymbol, .. }
            if section == ".rodata"),
        "{error}"
    );
    variables.freeze("long_one").unwrap();
    // Nothing is known of what no variable covers.
    let folded = Fold::new(&object).unwrap().set("a", "9").unwrap().run().unwrap();
    assert_eq!(folded.report.loads.iter().filter(|load| load.value != 9).count(), 0);
    // Without a section of merged constants nothing is in doubt.
    let object = changed("tables", |elf| {
        without_symbols(elf, &["long_one"]);
        for section in elf.sections.values_mut().filter(|s| s.name.starts_with(b".rodata.cst")) {
            section.name = b".rodata.other".to_vec();
        }
    });
    object.variables().unwrap().freeze("long_one").unwrap();
}

/// Where BTF alone tells a place and another variable is there, BTF is wrong, as gcc 12's.
#[test]
fn what_overlaps_by_btf_alone_is_nowhere() {
    let object = changed("tables", |elf| {
        without_symbols(elf, &["long_one"]);
        let d = symbol(elf, "d");
        elf.symbols[d].size = 8;
        elf.symbols[d].value = 16;
    });
    let error = object.variables().unwrap().freeze("long_one").unwrap_err();
    assert!(matches!(error, VariableError::Unplaced { .. }), "{error}");
}

/// Aya sets as many bytes as the symbol has: they are not the compiler's.
#[test]
fn bytes_of_a_symbol_that_is_larger_than_its_variable_are_open() {
    let object = changed("tables", |elf| {
        without_symbols(elf, &["long_one", "d"]);
        let c = symbol(elf, "c");
        elf.symbols[c].size = 8;
        let section = elf.section_by_name(".BTF").unwrap();
        let mut btf = Btf::parse(elf.sections[section].bytes().unwrap()).unwrap();
        let gone: Vec<_> = ["d", "long_one"]
            .iter()
            .map(|name| btf.own_types().find(|(id, _)| btf.name(*id) == *name).unwrap().0)
            .collect();
        btf.remove_vars(|var| gone.contains(&var));
        elf.set_section_data(section, btf.to_bytes().unwrap()).unwrap();
    });
    let known = final_bytes(&object.variables().unwrap(), ".rodata");
    assert_eq!(known[..16], [false; 16]);
    assert_eq!(known[16..], [true; 20]);
}

/// A variable of the DATASEC whose symbol is in a section of writable data, or of others' data.
#[test]
fn a_symbol_elsewhere_tells_of_another_section() {
    let object = changed("tables", |elf| {
        let cst16 = elf.section_by_name(".rodata.cst16").unwrap();
        elf.sections[cst16].name = b".data.rel.ro".to_vec();
    });
    let error = object.variables().unwrap().freeze("tab").unwrap_err();
    assert!(
        matches!(&error, VariableError::Writable { section, .. } if section == ".data.rel.ro"),
        "{error}"
    );
    let object = changed("tables", |elf| {
        let cst16 = elf.section_by_name(".rodata.cst16").unwrap();
        elf.sections[cst16].name = b".rodata.first".to_vec();
    });
    assert!(places(&object).contains(&"tab .rodata.first+16".to_owned()));
}

/// Of several variables with one name each has the symbol at its offset; where that does not tell,
/// none has.
#[test]
fn variables_with_one_name() {
    let rename = |elf: &mut ElfObject, from: &str| {
        let symbol = symbol(elf, from);
        elf.symbols[symbol].name = b"same".to_vec();
        let section = elf.section_by_name(".BTF").unwrap();
        let mut btf = Btf::parse(elf.sections[section].bytes().unwrap()).unwrap();
        let var = btf.own_types().find(|(id, _)| btf.name(*id) == from).unwrap().0;
        let name = btf.add_string("same");
        btf.ty_mut(var).unwrap().name = name;
        elf.set_section_data(section, btf.to_bytes().unwrap()).unwrap();
    };
    let object = changed("tables", |elf| ["tab", "big"].iter().for_each(|name| rename(elf, name)));
    let places = places(&object);
    for place in ["same .rodata.cst16+16", "same .rodata.cst32+0"] {
        assert!(places.contains(&place.to_owned()), "{places:?}");
    }
    let object = changed("tables", |elf| {
        ["tab", "first.loc"].iter().for_each(|name| rename(elf, name));
        let cst16 = elf.section_by_name(".rodata.cst16").unwrap();
        for (_, symbol) in elf.symbols.iter_mut().filter(|(_, s)| s.name == b"same") {
            assert_eq!(symbol.section(), Some(cst16));
            symbol.value = 0;
        }
    });
    let error = object.variables().unwrap().freeze("same").unwrap_err();
    assert!(matches!(error, VariableError::Unplaced { .. }), "{error}");
}

fn rodata(object: &Object) -> Vec<SectionIndex> {
    let sections = object.elf().sections.iter();
    sections.filter(|(_, section)| section.name == b".rodata").map(|(index, _)| index).collect()
}

/// As libbpf, which makes a map of each and finds it by the section's number.
#[test]
fn variables_of_two_sections_with_one_name() {
    let object = object("two-rodata");
    let sections = rodata(&object);
    assert_eq!(sections.len(), 2);
    let variables = object.variables().unwrap();
    let section =
        |name: &str| variables.iter().find(|known| known.name == name).unwrap().section_at;
    assert_eq!(
        [section("a"), section("b"), section("four")],
        [sections[0], sections[0], sections[1]]
    );
    assert_eq!(places(&object), ["a .rodata+0", "b .rodata+4", "four .rodata+0"]);
    let value = |folded: &Folded| folded.report.loads.iter().map(|load| load.value).sum::<u64>();
    let fold = |values: &[(&str, &str)]| {
        let mut fold = Fold::new(&object).unwrap();
        for (name, value) in values {
            fold = fold.set(name, value).unwrap();
        }
        fold.run().unwrap()
    };
    let folded = fold(&[("a", "1"), ("b", "7")]);
    assert_eq!(value(&folded), 8);
    assert_eq!(listed(&folded), Vec::<String>::new());
    // The second one alone is named: it stays whole, and its variable with it.
    let folded = fold(&[("a", "0")]);
    let after = Object::parse(&folded.bytes).unwrap();
    let left = rodata(&after);
    let bytes = |at: &SectionIndex| after.elf().sections[*at].bytes().unwrap().to_vec();
    let table: Vec<u8> = [10u32, 20, 30, 40].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert!(left.iter().any(|at| bytes(at) == table));
    assert!(listed(&folded).contains(&"four".to_owned()));
    // A value goes into the section that the variable is in.
    let unfolded = Fold::new(&object).unwrap().set("b", "7").unwrap().unfolded().unwrap();
    let unfolded = Object::parse(&unfolded).unwrap();
    let bytes = |at: SectionIndex| unfolded.elf().sections[at].bytes().unwrap().to_vec();
    assert_eq!(bytes(sections[0]), [1, 0, 0, 0, 7, 0, 0, 0]);
    assert_eq!(bytes(sections[1]), table);
}

/// Without a symbol nothing tells in which it is, and the error says so.
#[test]
fn of_two_sections_with_one_name_only_symbols_tell() {
    let object = changed("two-rodata", |elf| without_symbols(elf, &["four"]));
    let error = object.variables().unwrap().freeze("four").unwrap_err();
    assert!(matches!(error, VariableError::Unplaced { why: Unplaced::SharedName, .. }), "{error}");
    assert!(error.to_string().contains("several sections have this name"), "{error}");
    // What is set is known all the same, and nothing else is.
    let folded = Fold::new(&object).unwrap().set("a", "0").unwrap().run().unwrap();
    assert_eq!(folded.report.loads.len(), 1, "{:?}", folded.report.loads);
}

/// The same with names that the source gave.
#[test]
fn two_sections_with_another_name() {
    let object = changed("two-rodata", |elf| {
        for section in elf.sections.values_mut().filter(|section| section.name == b".rodata") {
            section.name = b".rodata.config".to_vec();
        }
    });
    let folded = Fold::new(&object).unwrap().set("a", "0").unwrap().run().unwrap();
    assert_eq!(folded.report.loads.len(), 1);
    let variables = object.variables().unwrap();
    assert_eq!(variables.iter().filter(|known| known.section == ".rodata.config").count(), 3);
}
