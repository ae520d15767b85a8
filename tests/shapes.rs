//! Programs in the shapes of agents (`tests/shapes`): whatever values their variables have, all
//! that is folded is proven.
//!
//! `BPFOLD_PATTERN_COMPILERS` names the compilers and cpu levels, as for the patterns.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and say what they skip"
)]

use std::path::Path;
use std::process::Command;

use bpfold::{Fold, Object};

fn compile(compiler: &str, cpu: &str, level: &str, name: &str) -> Vec<u8> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/shapes/{name}.c"));
    let out = format!("{name}-{compiler}-{cpu}{level}.o");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(out);
    let headers = format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH);
    let mut command = Command::new(compiler);
    command.args(["-target", "bpfel", level, "-g", "-Wno-pass-failed", "-idirafter", &headers]);
    command.arg(format!("-mcpu={cpu}")).arg("-c").arg(source).arg("-o").arg(&out);
    let built = command.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    std::fs::read(out).unwrap()
}

/// Values for all numbers among the variables: each 0, each 1, and one of them 1 with the others
/// as stored.
fn assignments(object: &Object) -> Vec<Vec<(String, &'static str)>> {
    let variables = object.variables().unwrap();
    let numbers = variables.iter().zip(variables.rows());
    let numbers = numbers.filter(|(variable, row)| variable.is_volatile && row.json.is_number());
    let names: Vec<String> = numbers.map(|(_, row)| row.name).collect();
    let all = |value| names.iter().map(|name| (name.clone(), value)).collect();
    let mut assignments = vec![Vec::new(), all("0"), all("1")];
    assignments.extend(names.iter().map(|name| vec![(name.clone(), "1")]));
    assignments
}

fn all_is_proven(name: &str) {
    let compilers = std::env::var("BPFOLD_PATTERN_COMPILERS");
    let compilers = compilers.unwrap_or_else(|_| "clang-14:v3".to_owned());
    for entry in compilers.split_whitespace().filter(|entry| entry.starts_with("clang")) {
        let (compiler, cpu) = entry.split_once(':').unwrap();
        if Command::new(compiler).arg("--version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "{compiler} is missing");
            eprintln!("{compiler} is missing: {name} is not folded");
            continue;
        }
        for level in ["-O2", "-Os"] {
            let object = Object::parse(&compile(compiler, cpu, level, name)).unwrap();
            let assignments = assignments(&object);
            assert!(assignments.len() > 8, "{name}: {}", assignments.len());
            for values in assignments {
                let mut fold = Fold::new(&object).unwrap();
                for (variable, value) in &values {
                    fold = fold.set(variable, value).unwrap();
                }
                let folded = fold.freeze_all().run().unwrap();
                let proof = folded.report.proof.unwrap();
                assert!(proof.proven > 0, "{entry} {level} {values:?}");
                assert_eq!(proof.refused, [], "{entry} {level} {values:?}");
            }
        }
    }
}

#[test]
fn a_collector_of_flows_is_proven() {
    all_is_proven("flow_collector");
}

#[test]
fn readers_of_arguments_are_proven() {
    all_is_proven("arguments");
}
