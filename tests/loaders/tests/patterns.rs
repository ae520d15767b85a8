//! A sample of the pattern suite runs in the kernel, before and after folding, on the same
//! inputs: return values, packets, contexts and `marks`. Those that ask for the time or random
//! numbers are left out.
//!
//! `BPFOLD_PATTERNS` names a directory of objects that `tests/patterns/build.sh` made with any
//! compiler; then all of them run.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and tell what they counted"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use bpfold_loaders::cases::{Case, Setting, objects_in, root};
use bpfold_loaders::{leave_out, may_load, run};

/// The patterns of the sample.
const SAMPLE: &str = "[aflm]*";

/// The objects with the values of a case in each; none if there is no compiler.
fn objects(what: &str) -> Option<PathBuf> {
    if let Some(built) = std::env::var_os("BPFOLD_PATTERNS") {
        return Some(PathBuf::from(built));
    }
    if Command::new("clang-14").arg("--version").output().is_err() {
        leave_out(what, "clang-14 is missing");
        return None;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("patterns");
    let script = root().join("tests/patterns/build.sh");
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pattern-objects");
    let mut command = Command::new(script);
    let built = command.arg(&out).env("ONLY", SAMPLE).env("CACHE", cache).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(out)
}

#[test]
fn patterns_run_alike() {
    const WHAT: &str = "running the patterns";
    if !may_load(WHAT) {
        return;
    }
    let Some(dir) = objects(WHAT) else { return };
    let mut counts = run::Counts::default();
    let mut wrong = Vec::new();
    for path in objects_in(&dir.join("set")) {
        let file = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        // Their results hang on the lowest bits of a clock.
        if run::is_unsteady(&file) {
            continue;
        }
        for setting in [Setting::All(&[]), Setting::Flipped] {
            match Case::new(&name, &file, &setting) {
                Ok(case) => {
                    let lines = run::compare(&case, &mut counts);
                    wrong.extend(lines.into_iter().map(|line| format!("{}: {line}", case.name)));
                }
                Err(error) => wrong.push(format!("{name}: {error}")),
            }
        }
    }
    println!("{counts:?}");
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(counts.objects > 50 && counts.runs > 1000, "{counts:?}");
}
