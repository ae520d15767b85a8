//! Big-endian objects fold to the same instructions as little-endian ones from the same source,
//! under the same values.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and say what they leave out"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use bpfold::passes::text::Printer;
use bpfold::{Fold, Folded, Object};

/// Values for the examples; the rest is frozen.
const VALUES: &[(&str, &[(&str, &str)])] = &[
    ("kernel_version", &[("kernel_version", "KERNEL_VERSION(5,10,0)")]),
    ("kernel_version", &[("kernel_version", "KERNEL_VERSION(5,3,0)"), ("max_args", "7")]),
    (
        "trace_agent",
        &[("targ_pid", "300"), ("min_duration_ns", "0x123456789a"), ("with_parent", "0")],
    ),
    ("trace_agent", &[("targ_comm", "\"bash\""), ("count_only", "true"), ("targ_syscall", "-1")]),
    (
        "callbacks",
        &[("sum_bytes", "0x1234"), ("limit_packets", "100000"), ("default_verdict", "-2")],
    ),
    ("callbacks", &[("limit", "0"), ("mirror", "1"), ("max_age_ns", "0x100000000")]),
    (
        "xdp_filter",
        &[("cfg.ports", "{80,443}"), ("cfg.flags.min_ttl", "2"), ("cfg.flags.ipv6", "0")],
    ),
    ("xdp_filter", &[("cfg.mode", "MODE_ALLOW_LISTED"), ("cfg.stats.sample_rate", "1000")]),
    ("agent", &[("cfg.transport", "TRANSPORT_PERF"), ("cfg.rate_limit.burst", "0x10000")]),
];

/// Examples whose code itself looks at the order: they compare parts of packets with constants
/// in network order. Their branches are decided at the same places all the same.
const IN_NETWORK_ORDER: &[&str] = &["xdp_filter", "agent"];

/// Runs a build script once for each byte order; none without a compiler.
fn build(script: &str, only: &str) -> Option<[PathBuf; 2]> {
    if Command::new("clang-14").arg("--version").output().is_err() {
        let is_ci = std::env::var("CI").as_deref() == Ok("true");
        assert!(!is_ci, "clang-14 is missing");
        eprintln!("clang-14 is missing: byte orders of {script} are not compared");
        return None;
    }
    Some(["bpfel", "bpfeb"].map(|target| {
        let name = script.replace(['/', '.'], "-");
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("orders-{name}-{target}"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let mut command = Command::new(script);
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pattern-objects");
        command.arg(&out).env("TARGET", target).env("ONLY", only).env("CACHE", cache);
        let built = command.output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        out
    }))
}

fn fold(path: &Path, values: &[(&str, &str)]) -> Folded {
    let object = Object::parse(&std::fs::read(path).unwrap()).unwrap();
    let fold = Fold::new(&object).unwrap();
    let fold = values.iter().fold(fold, |fold, (name, value)| fold.set(name, value).unwrap());
    fold.freeze_all().run().unwrap()
}

/// The text of every function of an object after folding.
fn code(path: &Path, values: &[(&str, &str)]) -> BTreeMap<String, String> {
    let folded = fold(path, values);
    let object = Object::parse(&folded.bytes).unwrap();
    let printer = Printer::new(object.program());
    let funcs = object.program().funcs.iter();
    funcs.map(|(id, func)| (func.name.clone(), printer.function(id).to_string())).collect()
}

/// The lines and columns of the source at which branches are decided, once each.
fn decided(path: &Path, values: &[(&str, &str)]) -> BTreeSet<(u32, u32)> {
    let report = fold(path, values).report;
    let sources = report.branches.iter().filter_map(|branch| branch.at.source.as_ref());
    sources.map(|source| (source.line, source.column)).collect()
}

#[test]
fn examples_fold_alike() {
    let Some([little, big]) = build("examples/build.sh", "*") else { return };
    for (example, values) in VALUES {
        let file = format!("{example}.bpf.o");
        let (little, big) = (little.join(&file), big.join(&file));
        if IN_NETWORK_ORDER.contains(example) {
            let decided = [decided(&little, values), decided(&big, values)];
            assert!(!decided[0].is_empty(), "{example}");
            assert_eq!(decided[0], decided[1], "{example} {values:?}");
        } else {
            assert_eq!(code(&little, values), code(&big, values), "{example} {values:?}");
        }
    }
}

#[test]
fn patterns_fold_alike() {
    let Some([little, big]) = build("tests/patterns/build.sh", "[a-e]*") else { return };
    let mut compared = 0;
    let mut differ = Vec::new();
    for entry in std::fs::read_dir(little.join("set")).unwrap() {
        let name = entry.unwrap().file_name();
        let (little, big) = (little.join("set").join(&name), big.join("set").join(&name));
        compared += 1;
        if code(&little, &[]) != code(&big, &[]) {
            differ.push(name);
        }
    }
    assert!(compared > 50, "{compared}");
    assert!(differ.is_empty(), "{differ:?}");
}
