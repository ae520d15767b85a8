//! What the tests with loaders share: cases to try, loading with each loader, inputs to run
//! programs on.
//!
//! Nothing is attached. Where the right to call bpf(2) or a loader is missing, a test says that
//! it is left out; with `CI=true` it fails.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and say what they leave out"
)]

pub mod aya;
pub mod cases;
pub mod cilium;
pub mod inputs;
pub mod libbpf;
pub mod maps;
pub mod pruned;
pub mod relocated;
pub mod run;
pub mod verdicts;

/// Says that a test is left out; fails with `CI=true`.
pub fn leave_out(what: &str, missing: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{what}: {missing}");
    eprintln!("{what} is left out: {missing}");
}

/// Whether this process may load programs; if not, says what is left out.
#[must_use]
pub fn may_load(what: &str) -> bool {
    let example = std::fs::read(cases::root().join("examples/xdp_filter.bpf.o")).unwrap();
    match libbpf::load(&example) {
        Ok(_) => true,
        Err(error) => {
            leave_out(what, &format!("no program can be loaded: {error}"));
            false
        }
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
