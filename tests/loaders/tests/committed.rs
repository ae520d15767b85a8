//! The examples and test objects, as they are and folded under several settings, are judged
//! alike by libbpf, aya and cilium/ebpf, and give the same results when they run.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and tell what they counted"
)]

use std::path::{Path, PathBuf};

use bpfold_loaders::cases::Case;
use bpfold_loaders::verdicts::{Counts, Verdicts, regressions};
use bpfold_loaders::{aya, cases, cilium, leave_out, libbpf, may_load, pruned, run};

/// Compares what a loader says of each case, of those with all their programs and of those that
/// were pruned; `least` programs of each kind have to load.
fn compare(loader: &str, least: [usize; 2], verdicts: impl Fn(&[u8]) -> Result<Verdicts, String>) {
    compare_cases(loader, least[0], &cases::committed(), &verdicts);
    let loader = format!("{loader}, pruned");
    compare_cases(&loader, least[1], &pruned::pruned(), &verdicts);
}

fn compare_cases(
    loader: &str,
    least: usize,
    cases: &[Case],
    verdicts: impl Fn(&[u8]) -> Result<Verdicts, String>,
) {
    let mut counts = Counts::default();
    let mut wrong = Vec::new();
    for case in cases {
        wrong.extend(case.growth().into_iter().map(|line| format!("{}: {line}", case.name)));
        let Ok(before) = verdicts(&case.original) else {
            continue;
        };
        match verdicts(&case.folded) {
            Ok(after) => {
                let lines = regressions(case, &before, &after, &mut counts);
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
        compare("libbpf", [80, 80], libbpf::verdicts);
    }
}

#[test]
fn aya_loads_what_it_loaded() {
    if may_load("loading with aya") {
        compare("aya", [35, 35], aya::verdicts);
    }
}

/// Compares with a version of cilium/ebpf.
fn compare_cilium(what: &str, least: [usize; 2], build: impl Fn(&Path) -> Result<PathBuf, String>) {
    if !may_load(what) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = match build(dir.path()) {
        Ok(program) => program,
        Err(error) => return leave_out(what, &error),
    };
    let path = dir.path().join("object.o");
    compare(what, least, |file| {
        std::fs::write(&path, file).unwrap();
        cilium::verdicts(&program, &path)
    });
}

#[test]
fn current_cilium_ebpf_loads_what_it_loaded() {
    compare_cilium("loading with cilium/ebpf", [150, 400], cilium::build_current);
}

#[test]
fn earlier_cilium_ebpf_loads_what_it_loaded() {
    compare_cilium("loading with cilium/ebpf of 2022", [40, 100], cilium::build);
}

#[test]
fn programs_give_the_same_results() {
    if !may_load("BPF_PROG_TEST_RUN") {
        return;
    }
    let mut counts = run::Counts::default();
    let mut wrong = Vec::new();
    for case in cases::committed() {
        let lines = run::compare(&case, &mut counts);
        wrong.extend(lines.into_iter().map(|line| format!("{}: {line}", case.name)));
    }
    println!("{counts:?}");
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(counts.runs > 500 && counts.elements > 100, "{counts:?}");
}
