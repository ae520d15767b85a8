//! The programs of `docs/loaders` for aya and libbpf-rs run, and load what is left after folding.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::PathBuf;
use std::process::Command;

use bpfold_loaders::may_load;

/// What an example of this package prints.
fn run(example: &str) -> String {
    // Tests are in `deps`, beside `examples`, which `cargo test` builds if it runs all tests.
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let path = path.join("examples").join(example);
    assert!(path.exists(), "first: cargo build -p bpfold-loaders --examples");
    let output = Command::new(path).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && error.is_empty(), "{example}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn aya_loads_with_values_given_once() {
    if may_load("the example for aya") {
        let text = run("fold_with_aya");
        assert!(text.contains("instructions in the kernel") && text.contains("map "), "{text}");
    }
}

#[test]
fn libbpf_opens_folded_bytes() {
    if may_load("the example for libbpf-rs") {
        let text = run("fold_with_libbpf");
        assert!(text.contains("loads with") && text.contains("kernel_version = "), "{text}");
    }
}
