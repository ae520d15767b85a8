//! Global functions of folded objects can be replaced: the XDP dispatcher's, and those of the
//! example with callbacks.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and tell what they counted"
)]

use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;

use bpfold::Object;
use bpfold::passes::ir::{Op, Program};
use bpfold::passes::isa::Callee;
use bpfold_loaders::cases::{Case, Setting, root};
use bpfold_loaders::{leave_out, libbpf, may_load};
use libbpf_rs::ObjectBuilder;

/// Loads a replacement for a function of a loaded program.
fn replace(target: &[u8], program: &str, function: &str, with: &str) -> Result<(), String> {
    let text = |error: libbpf_rs::Error| format!("{function} of {program}: {error}");
    let target = libbpf::load(target)?;
    let program = target.progs().find(|prog| prog.name() == program).unwrap();
    let file = std::fs::read(root().join("tests/loaders/replace.bpf.o")).unwrap();
    let mut open = ObjectBuilder::default().open_memory(&file).map_err(text)?;
    for mut replacement in open.progs_mut() {
        replacement.set_autoload(replacement.name() == with);
        if replacement.autoload() {
            let fd = program.as_fd().as_raw_fd();
            replacement.set_attach_target(fd, Some(function.to_owned())).map_err(text)?;
        }
    }
    open.load().map(drop).map_err(text)
}

/// The functions that a function calls.
fn calls(program: &Program, name: &str) -> Vec<String> {
    let func = program.funcs.values().find(|func| func.name == name).unwrap();
    let ops = func.insts().map(|(_, inst)| func.op(inst));
    let called = ops.filter_map(|op| match op {
        Op::Call(Callee::Func(callee)) => Some(program.funcs[*callee].name.clone()),
        _ => None,
    });
    called.collect()
}

#[test]
fn functions_of_callbacks_can_be_replaced() {
    if !may_load("replacing functions") {
        return;
    }
    let file = std::fs::read(root().join("examples/callbacks.bpf.o")).unwrap();
    let setting = Setting::All(&[("limit", "false"), ("sum_bytes", "16")]);
    let case = Case::new("callbacks", &file, &setting).unwrap();
    for (function, with) in [("verdict_for", "int_of_u32"), ("checksum", "u32_of_context")] {
        same(&case, "entry", function, with);
        let other = if with == "int_of_u32" { "u32_of_context" } else { "int_of_u32" };
        let mismatched = replace(&case.folded, "entry", function, other);
        assert!(mismatched.is_err(), "a function of another type replaces {function}");
    }
}

/// What can be replaced before can be replaced after. Some kernels refuse every replacement:
/// then both are refused, and the test says so.
fn same(case: &Case, program: &str, function: &str, with: &str) {
    let before = replace(&case.original, program, function, with);
    let after = replace(&case.folded, program, function, with);
    if let Err(error) = &before {
        eprintln!("{function} of {program} cannot be replaced in the original: {error}");
    }
    assert!(after.is_ok() || before.is_err(), "{function} of {program}: {after:?}");
}

/// A replacement may change packet data only if the function does, in code that cannot run, too.
#[test]
fn functions_keep_what_replacements_may_do() {
    if !may_load("replacing functions") {
        return;
    }
    let file = std::fs::read(root().join("tests/objects/needs/replaced.o")).unwrap();
    let case = Case::new("replaced", &file, &Setting::All(&[])).unwrap();
    for function in ["changes_packet", "changes_by_another"] {
        same(&case, "dispatch", function, "changes_packet");
    }
    let refused = replace(&case.original, "dispatch", "changes_nothing", "changes_packet");
    println!("a function that changes nothing: {refused:?}");
}

/// The dispatcher of Debian's libxdp1; another with `BPFOLD_XDP_DISPATCHER`.
fn dispatcher() -> Option<Vec<u8>> {
    let chosen = std::env::var_os("BPFOLD_XDP_DISPATCHER").map(PathBuf::from);
    let path = chosen.unwrap_or_else(|| {
        format!("/usr/lib/{}-linux-gnu/bpf/xdp-dispatcher.o", std::env::consts::ARCH).into()
    });
    std::fs::read(path).ok()
}

#[test]
fn dispatcher_of_two_programs() {
    const WHAT: &str = "folding the XDP dispatcher";
    let Some(file) = dispatcher() else {
        return leave_out(WHAT, "there is no xdp-dispatcher.o; Debian has it in libxdp1");
    };
    let setting = Setting::Set(&[("conf.num_progs_enabled", "2")]);
    let case = Case::new("dispatcher", &file, &setting).unwrap();
    assert_eq!(case.growth(), [""; 0]);
    let folded = Object::parse(&case.folded).unwrap();
    assert_eq!(calls(folded.program(), "xdp_dispatcher"), ["prog0", "prog1"]);
    if !may_load(WHAT) {
        return;
    }
    assert!(libbpf::load(&case.original).is_ok());
    for function in ["prog0", "prog1"] {
        same(&case, "xdp_dispatcher", function, "int_of_context");
    }
    let dead = replace(&case.folded, "xdp_dispatcher", "prog2", "int_of_context");
    assert!(dead.is_err(), "prog2 is not called, and is still there");
}
