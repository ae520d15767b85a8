//! Programs with kernel pointers that can be null load after folding if they did before: where
//! the verifier still takes a register that is 0 for a pointer, it cannot stand for the number.
//!
//! `BPFOLD_POINTERS` names a directory of objects that `ALL=1 build-pointers.sh` made; then all
//! of them are loaded.
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
use bpfold_loaders::verdicts::{Counts, regressions};
use bpfold_loaders::{leave_out, libbpf, may_load};

/// The directory of the objects.
fn built() -> PathBuf {
    if let Some(built) = std::env::var_os("BPFOLD_POINTERS") {
        return PathBuf::from(built);
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pointers");
    let script = root().join("tests/loaders/build-pointers.sh");
    let built = Command::new(script).arg(&out).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    out
}

#[test]
fn pointers_load_as_they_did() {
    const WHAT: &str = "loading programs with kernel pointers";
    if !may_load(WHAT) {
        return;
    }
    let objects = objects_in(&built());
    if objects.is_empty() {
        return leave_out(WHAT, "no clang is there");
    }
    let mut counts = Counts::default();
    let mut wrong = Vec::new();
    for path in objects {
        let file = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        for setting in [Setting::All(&[]), Setting::Flipped] {
            let case = Case::new(&name, &file, &setting).unwrap();
            let refused = case.report.proof.iter().flat_map(|proof| &proof.refused);
            wrong.extend(refused.map(|refusal| format!("{}: {refusal:?}", case.name)));
            let before = libbpf::verdicts(&case.original).unwrap();
            let after = libbpf::verdicts(&case.folded).unwrap();
            let lines = regressions(&case, &before, &after, &mut counts);
            wrong.extend(lines.into_iter().map(|line| format!("{}: {line}", case.name)));
        }
    }
    println!("{counts:?}");
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(counts.loaded >= 70, "{counts:?}");
}
