//! The example programs after `--freeze-all` against what the compiler makes of the same
//! sources with the values as plain constants (`volatile` defined away).
//!
//! `BPFOLD_PATTERN_COMPILERS` names the compilers and cpu levels, as for the patterns.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and say what they skip"
)]

use std::path::Path;
use std::process::Command;

use bpfold::{Fold, Object};

/// How much longer than the compiler's code folded code may be, in total.
const AS_IF_COMPILED: f64 = 1.05;

fn compile(compiler: &str, cpu: &str, source: &Path, constant: bool) -> Vec<u8> {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{compiler}-{cpu}-{constant}.o"));
    let headers = format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH);
    let mut command = Command::new(compiler);
    command.args(["-target", "bpfel", "-O2", "-g", "-idirafter", &headers, "-c"]);
    command.arg(format!("-mcpu={cpu}")).arg(source).arg("-o").arg(&out);
    if constant {
        command.arg("-Dvolatile=");
    }
    let built = command.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    std::fs::read(out).unwrap()
}

fn length(object: &Object) -> u32 {
    object.program().funcs.values().map(|f| f.original_slots).sum()
}

#[test]
fn examples_are_about_as_short_as_compiled_with_constants() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let compilers = std::env::var("BPFOLD_PATTERN_COMPILERS");
    let compilers = compilers.unwrap_or_else(|_| "clang-14:v3".to_owned());
    for entry in compilers.split_whitespace().filter(|entry| entry.starts_with("clang")) {
        let (compiler, cpu) = entry.split_once(':').unwrap();
        if Command::new(compiler).arg("--version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "{compiler} is missing");
            eprintln!("{compiler} is missing: the examples are not compared");
            continue;
        }
        let (mut before, mut folded, mut compiled) = (0, 0, 0);
        for name in ["kernel_version", "xdp_filter", "trace_agent", "callbacks", "agent"] {
            let source = directory.join(format!("{name}.bpf.c"));
            let object = Object::parse(&compile(compiler, cpu, &source, false)).unwrap();
            let result = Fold::new(&object).unwrap().freeze_all().run().unwrap();
            let constant = Object::parse(&compile(compiler, cpu, &source, true)).unwrap();
            let (ours, theirs) =
                (length(&Object::parse(&result.bytes).unwrap()), length(&constant));
            println!("{entry} {name}: {} -> {ours}, as compiled {theirs}", length(&object));
            before += length(&object);
            folded += ours;
            compiled += theirs;
        }
        let ratio = f64::from(folded) / f64::from(compiled);
        println!("{entry}: {before} -> {folded}, as compiled {compiled}, ratio {ratio:.3}");
        assert!(ratio <= AS_IF_COMPILED, "{entry}: {ratio:.3} times as long as if compiled");
    }
}
