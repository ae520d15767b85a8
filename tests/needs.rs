//! What loaders and kernels find without an instruction that names it stays as long as something
//! needs it, and goes with the last that does. The objects are those of `tests/objects/needs`;
//! `bpfold-loaders` loads them before and after.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::Path;

use bpfold::passes::ir::{Linkage, Op};
use bpfold::{Fold, Object};

fn object(name: &str) -> Object {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects/needs").join(name);
    Object::parse(&std::fs::read(path).unwrap()).unwrap()
}

fn folded(object: &Object, values: &[(&str, &str)]) -> Object {
    let fold = Fold::new(object).unwrap();
    let fold = values.iter().fold(fold, |fold, (name, value)| fold.set(name, value).unwrap());
    Object::parse(&fold.freeze_all().run().unwrap().bytes).unwrap()
}

/// How many conditional jumps a function has, and who can call it.
fn jumps(object: &Object, name: &str) -> (usize, Linkage) {
    let func = object.program().funcs.values().find(|func| func.name == name).unwrap();
    let jumps = func.insts().filter(|(_, inst)| matches!(func.op(*inst), Op::Branch { .. }));
    (jumps.count(), func.linkage)
}

/// Only libbpf makes hidden functions static. Their callers decide nothing in them, and they nothing
/// in their callers.
#[test]
fn hidden_functions_are_verified_on_their_own() {
    let object = folded(&object("hidden.o"), &[]);
    for name in ["of_hidden", "of_internal", "of_weak_hidden", "of_weak", "of_local_symbol"] {
        assert_eq!(jumps(&object, name), (1, Linkage::Global), "{name}: the check of the index");
    }
    assert_eq!(jumps(&object, "of_static"), (0, Linkage::Static));
    // Whether `gives_three` gives 3, what `writes_beside` wrote, and the sum.
    assert_eq!(jumps(&object, "hidden"), (3, Linkage::Entry));
}
