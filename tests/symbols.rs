//! Undefined symbols that loaders replace by numbers, by name.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::Path;

use bpfold::passes::ir::Op;
use bpfold::passes::isa::Imm64;
use bpfold::{Fold, Folded, Object};

fn object() -> Object {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects/symbols.o");
    Object::parse(&std::fs::read(path).unwrap()).unwrap()
}

fn fold(values: &[(&str, &str)]) -> Folded {
    let object = object();
    let mut fold = Fold::new(&object).unwrap();
    for (name, value) in values {
        fold = fold.set(name, value).unwrap();
    }
    fold.run().unwrap()
}

fn numbers(folded: &Folded) -> Vec<u64> {
    let result = Object::parse(&folded.bytes).unwrap();
    let funcs = result.program().funcs.values();
    let ops = funcs.flat_map(|func| func.insts().map(|(_, inst)| *func.op(inst)));
    ops.filter_map(|op| match op {
        Op::LdImm64 { imm: Imm64::Const(number), .. } => Some(number),
        _ => None,
    })
    .collect()
}

#[test]
fn symbols_that_nothing_declares_can_be_set() {
    let object = object();
    let fold = Fold::new(&object).unwrap();
    let names: Vec<&str> = fold.symbols().iter().map(|symbol| symbol.name.as_str()).collect();
    assert_eq!(names, ["field_offset", "counting"]);
    // The kernel has this one.
    let error = fold.set("bpf_prog_active", "1").unwrap_err().to_string();
    assert!(error.contains("describe the kernel"), "{error}");
}

#[test]
fn a_number_decides_branches_and_removes_maps() {
    let folded = fold(&[("counting", "0"), ("field_offset", "0x1122334455667788")]);
    assert_eq!(folded.report.dropped.maps, ["hits"]);
    assert_eq!(folded.report.dropped.functions, ["count"]);
    assert_eq!(folded.report.proof.as_ref().unwrap().refused, []);
    let result = Object::parse(&folded.bytes).unwrap();
    for gone in ["field_offset", "counting", "bpf_prog_active"] {
        assert!(result.elf().symbol_by_name(gone).is_none(), "{gone}");
    }
    let values = result.folded_with().unwrap();
    let values: Vec<(&str, &str)> =
        values.iter().map(|v| (v.name.as_str(), v.value.as_str())).collect();
    assert_eq!(values, [("field_offset", "1234605616436508552"), ("counting", "0")]);
}

/// What has no number stays for the loader, and nothing is assumed of it.
#[test]
fn other_symbols_stay() {
    let folded = fold(&[("counting", "1")]);
    let result = Object::parse(&folded.bytes).unwrap();
    assert!(result.elf().symbol_by_name("field_offset").is_some());
    assert!(result.elf().symbol_by_name("bpf_prog_active").is_some());
    assert_eq!(folded.report.dropped.maps, [""; 0]);
    let untouched = fold(&[]);
    assert_eq!(untouched.report.branches, []);
    assert_eq!(untouched.report.instructions_after(), untouched.report.instructions_before());
}

#[test]
fn numbers_have_64_bits() {
    let folded = fold(&[("field_offset", "0xffffffffffffffff")]);
    assert!(numbers(&folded).contains(&u64::MAX) || folded.report.branches.len() == 1);
    let object = object();
    let set = |value: &str| Fold::new(&object).unwrap().set("field_offset", value);
    assert!(set("KERNEL_VERSION(6,1,0)").is_ok());
    assert!(set("0x10000000000000000").is_err());
    assert!(set("many").is_err());
    let twice = set("1").unwrap().set("field_offset", "2").unwrap_err().to_string();
    assert!(twice.contains("field_offset"), "{twice}");
}

#[test]
fn a_later_fold_knows_the_number() {
    let folded = fold(&[("counting", "0")]);
    let result = Object::parse(&folded.bytes).unwrap();
    assert!(Fold::new(&result).unwrap().set("counting", "0").is_ok());
    let error = Fold::new(&result).unwrap().set("counting", "1").unwrap_err().to_string();
    assert!(error.contains("this object was folded with `0`"), "{error}");
}
