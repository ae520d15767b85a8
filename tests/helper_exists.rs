//! `bpf_core_enum_value_exists` of enumerations of helpers and types, which the version of the kernel answers where
//! its types are not known.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use bpfold::kernel::core::CoreMode;
use bpfold::{Fold, Folded, Kernel, Object};

fn object() -> Object {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/objects/helper-exists.o");
    Object::parse(&std::fs::read(path).unwrap()).unwrap()
}

fn fold(version: &str) -> Folded {
    let kernel = Kernel::new().version(version.parse().unwrap());
    Fold::new(&object()).unwrap().kernel(&kernel).run().unwrap()
}

/// What was resolved: the functions, and whether there is the helper.
fn answers(folded: &Folded) -> Vec<(String, u64)> {
    folded.report.core.iter().map(|core| (core.at.function.clone(), core.value)).collect()
}

/// `bpf_ktime_get_boot_ns` and BPF_MAP_TYPE_RINGBUF came with 5.8, BPF_PROG_TYPE_SYSCALL with 5.14,
/// `bpf_loop` with 5.17, BPF_TRACE_KPROBE_MULTI with 5.18.
#[test]
fn the_version_says_whether_there_is_a_helper_or_type() {
    const NAMES: [&str; 6] = ["boot", "loop", "by_typedef", "map", "prog", "attach"];
    for (version, expected) in [
        ("5.7", [0, 0, 0, 0, 0, 0]),
        ("5.7.19", [0, 0, 0, 0, 0, 0]),
        ("5.8", [1, 0, 1, 1, 0, 0]),
        ("5.16.9", [1, 0, 1, 1, 1, 0]),
        ("5.17", [1, 1, 1, 1, 1, 0]),
        ("5.18", [1, 1, 1, 1, 1, 1]),
        ("9.0", [1, 1, 1, 1, 1, 1]),
    ] {
        let folded = fold(version);
        let expected: Vec<_> = NAMES.map(str::to_owned).into_iter().zip(expected).collect();
        assert_eq!(answers(&folded), expected, "{version}");
        assert_eq!(folded.report.branches.len(), NAMES.len(), "{version}");
    }
}

/// Names that no table has, other enumerations, and values of enumerators.
#[test]
fn nothing_else_is_answered() {
    let folded = fold("6.12");
    assert_eq!(folded.report.core_left, 4);
    for name in ["unknown", "stable", "command", "number"] {
        let function = folded.report.functions.iter().find(|f| f.name == name).unwrap();
        assert_eq!(function.before, function.after, "{name}");
    }
}

/// Without a version, or if relocations are left to the loader.
#[test]
fn nothing_is_answered_unasked() {
    let object = object();
    let folded = Fold::new(&object).unwrap().run().unwrap();
    assert_eq!(answers(&folded), []);
    let kernel = Kernel::new().version("6.12".parse().unwrap());
    let fold = Fold::new(&object).unwrap().kernel(&kernel).core(CoreMode::None);
    assert_eq!(answers(&fold.run().unwrap()), []);
}

/// Types tell, whatever the version says: distributions add helpers. These have no helpers at all.
#[test]
fn types_come_before_the_version() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/objects/core-target-old.o");
    let types = std::fs::read(path).unwrap();
    let kernel = Kernel::new().version("6.12".parse().unwrap()).btf(types);
    let object = object();
    // The number of a helper that the types do not have is an error.
    let fold = Fold::new(&object).unwrap().drop_program("number").unwrap();
    let answers = answers(&fold.kernel(&kernel).run().unwrap());
    assert!(answers.iter().all(|(_, value)| *value == 0), "{answers:?}");
    assert_eq!(answers.len(), 9, "{answers:?}");
}

/// What the version has decided is in the record: another version that says otherwise is an error, and
/// so are types that do. One that says the same is none.
#[test]
fn another_version_is_asked_again() {
    let folded = fold("5.14");
    let object = Object::parse(&folded.bytes).unwrap();
    let again = |kernel: &Kernel| Fold::new(&object).unwrap().kernel(kernel).run();
    let version = |version: &str| Kernel::new().version(version.parse().unwrap());
    for same in ["5.14", "5.14.3", "5.16"] {
        assert_eq!(again(&version(same)).unwrap().bytes, folded.bytes, "{same}");
    }
    let problem = |kernel: &Kernel| again(kernel).unwrap_err().to_string();
    let expected =
        "`exists enum bpf_prog_type.BPF_PROG_TYPE_SYSCALL` is 0 in this kernel, and was 1";
    assert!(problem(&version("5.13")).starts_with(expected), "{}", problem(&version("5.13")));
    let expected = "`exists enum bpf_func_id.BPF_FUNC_loop` is 1 in this kernel, and was 0";
    assert!(problem(&version("5.17")).starts_with(expected), "{}", problem(&version("5.17")));
    // Nobody says otherwise.
    assert_eq!(Fold::new(&object).unwrap().run().unwrap().bytes, folded.bytes);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/objects/core-target-old.o");
    let types = version("5.14").btf(std::fs::read(path).unwrap());
    let dropped = Fold::new(&object).unwrap().drop_program("number").unwrap();
    assert!(dropped.kernel(&types).run().is_err());
}
