//! What loaders and kernels find without an instruction that names it: the objects of
//! `tests/objects/needs` load folded as they do unfolded, with every loader.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and tell what they counted"
)]

use bpfold_loaders::cases::{Case, Setting, root};
use bpfold_loaders::verdicts::{Counts, Verdicts, regressions};
use bpfold_loaders::{aya, cilium, leave_out, libbpf, may_load};

/// Objects and the settings that kill what the tests are about.
const CASES: &[(&str, &[Setting<'_>])] = &[
    ("hidden.o", &[Setting::All(&[])]),
    ("hidden-plain.o", &[Setting::All(&[])]),
    ("graph.o", &[Setting::All(&[]), Setting::Flipped]),
    ("exceptions.o", &[Setting::All(&[]), Setting::Flipped]),
    ("names.o", &[Setting::All(&[]), Setting::Flipped]),
    ("arena.o", &[Setting::All(&[]), Setting::Flipped]),
    ("replaced.o", &[Setting::All(&[])]),
    ("refused.o", &[Setting::All(&[])]),
    ("loops.o", &[Setting::All(&[])]),
];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, settings) in CASES {
        let file = std::fs::read(root().join("tests/objects/needs").join(name)).unwrap();
        cases.extend(settings.iter().map(|setting| Case::new(name, &file, setting).unwrap()));
    }
    cases
}

/// Every program that a loader loads unfolded it loads folded; `least` are that many.
fn compare(loader: &str, least: usize, verdicts: impl Fn(&[u8]) -> Result<Verdicts, String>) {
    let mut counts = Counts::default();
    let mut wrong = Vec::new();
    for case in cases() {
        let before = match verdicts(&case.original) {
            Ok(before) => before,
            Err(error) => {
                eprintln!("{loader} does not read {}: {error}", case.name);
                continue;
            }
        };
        for (program, error) in
            before.iter().filter_map(|(name, v)| Some((name, v.as_ref().err()?)))
        {
            eprintln!("{loader} does not load {program} of {}: {error}", case.name);
        }
        match verdicts(&case.folded) {
            Ok(after) => {
                let lines = regressions(&case, &before, &after, &mut counts);
                wrong.extend(lines.into_iter().map(|line| format!("{}: {line}", case.name)));
            }
            Err(error) => wrong.push(format!("{}: {error}", case.name)),
        }
    }
    println!("{loader}: {counts:?}");
    assert!(wrong.is_empty(), "{loader}: {} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(counts.loaded >= least, "{loader}: {counts:?}");
}

#[test]
fn libbpf_loads_what_it_loaded() {
    if may_load("loading with libbpf") {
        compare("libbpf", 28, libbpf::verdicts);
    }
}

#[test]
fn aya_loads_what_it_loaded() {
    if may_load("loading with aya") {
        compare("aya", 3, aya::verdicts);
    }
}

#[test]
fn cilium_loads_what_it_loaded() {
    if !may_load("loading with cilium/ebpf") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = match cilium::build(dir.path()) {
        Ok(program) => program,
        Err(error) => return leave_out("loading with cilium/ebpf", &error),
    };
    let path = dir.path().join("object.o");
    // Debian's 0.9.1 reads only `replaced.o` of these.
    compare("cilium/ebpf", 1, |file| {
        std::fs::write(&path, file).unwrap();
        cilium::verdicts(&program, &path)
    });
}
