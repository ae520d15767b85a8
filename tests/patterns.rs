//! The pattern suite of `tests/patterns`: after folding under a case's values every dead mark
//! is gone and every live one is there, and the code is about as short as what the compiler
//! makes of the same values as plain constants.
//!
//! `BPFOLD_PATTERN_COMPILERS` names the compilers and cpu levels (`clang-14:v1 bpf-gcc:v3`);
//! `BPFOLD_PATTERNS` a directory with objects that `build.sh` made before, in a folder
//! `COMPILER` + `CPU` each. The table of every compiler:
//! `BPFOLD_PATTERN_COMPILERS="clang-14:v1 clang-14:v3 clang-19:v3 clang-19:v4 clang-22:v4 \
//! bpf-gcc:v3" cargo test --release --test patterns -- --nocapture`
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and say what they skip"
)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use bpfold::{Fold, Object};

/// The immediate of mark 0.
const MARK: u32 = 0x4d4b_0000;
/// How much longer than the compiler's code folded code may be, in total.
const AS_IF_COMPILED: f64 = 1.05;

struct Case {
    name: String,
    values: Vec<(String, String)>,
    open: Vec<String>,
    live: Vec<u32>,
    dead: Vec<u32>,
}

struct Pattern {
    name: String,
    variables: Vec<String>,
    cases: Vec<Case>,
}

fn marks(list: &str) -> Vec<u32> {
    list.split_whitespace().map(|n| n.parse().unwrap()).collect()
}

fn read_pattern(path: &Path) -> Pattern {
    let text = std::fs::read_to_string(path).unwrap();
    let mut pattern = Pattern {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        variables: Vec::new(),
        cases: Vec::new(),
    };
    for line in text.lines() {
        if let Some(case) = line.strip_prefix("// case ") {
            let (name, rest) = case.split_once(':').unwrap();
            let (values, marked) = rest.split_once("=> live").unwrap();
            let (live, dead) = marked.split_once("; dead").unwrap();
            let assigned = values.split_whitespace().map(|v| v.split_once('=').unwrap());
            let (open, values) = assigned.partition::<Vec<_>, _>(|(_, value)| *value == "?");
            pattern.cases.push(Case {
                name: name.to_owned(),
                values: values.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
                open: open.iter().map(|(name, _)| (*name).to_owned()).collect(),
                live: marks(live),
                dead: marks(dead),
            });
        } else if let Some(variable) =
            line.strip_prefix("VAR(").or_else(|| line.strip_prefix("VAR_ARRAY("))
        {
            let names = variable.split([',', ')']).nth(1).unwrap();
            pattern.variables.push(names.trim().to_owned());
        }
    }
    pattern
}

fn patterns() -> Vec<Pattern> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/patterns");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "c"))
        .collect();
    files.sort();
    files.iter().map(|path| read_pattern(path)).collect()
}

/// The objects of one compiler; none if it is not there.
fn objects(compiler: &str, cpu: &str) -> Option<PathBuf> {
    if let Some(built) = std::env::var_os("BPFOLD_PATTERNS") {
        let built = PathBuf::from(built).join(format!("{compiler}{cpu}"));
        return built.is_dir().then_some(built);
    }
    if Command::new(compiler).arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "{compiler} is missing");
        eprintln!("{compiler} is missing: its patterns are skipped");
        return None;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("patterns-{compiler}-{cpu}"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/patterns/build.sh");
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pattern-objects");
    let mut command = Command::new(script);
    let built = command.arg(&out).args([compiler, cpu]).env("CACHE", cache).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(out)
}

/// The marks that are in an object's code: the immediates of its 8-byte slots.
fn marks_in(file: &[u8]) -> BTreeSet<u32> {
    let object = Object::parse(file).unwrap();
    let code = object.elf().sections.values().filter(|section| section.is_code());
    let slots = code.flat_map(|section| section.bytes().unwrap_or_default().as_chunks::<8>().0);
    let immediates = slots.map(|slot| u32::from_le_bytes([slot[4], slot[5], slot[6], slot[7]]));
    immediates.filter(|imm| imm & 0xffff_0000 == MARK).map(|imm| imm - MARK).collect()
}

fn length(file: &[u8]) -> u32 {
    Object::parse(file).unwrap().program().funcs.values().map(|f| f.original_slots).sum()
}

fn fold(object: &Object, pattern: &Pattern, case: &Case) -> Vec<u8> {
    let mut fold = Fold::new(object).unwrap();
    for (name, value) in &case.values {
        fold = fold.set(name, value).unwrap_or_else(|e| panic!("{} {name}: {e}", pattern.name));
    }
    for variable in pattern.variables.iter().filter(|v| !case.open.contains(v)) {
        fold = fold.freeze(variable).unwrap_or_else(|e| panic!("{} {variable}: {e}", pattern.name));
    }
    fold.verify_each(true).run().unwrap().bytes
}

#[derive(Default)]
struct Totals {
    cases: u32,
    live: u32,
    dead: u32,
    folded: u32,
    compiled: u32,
    worst: Option<(f64, String)>,
    wrong: String,
}

fn check_compiler(compiler: &str, cpu: &str) -> Option<Totals> {
    let directory = objects(compiler, cpu)?;
    let mut totals = Totals::default();
    for pattern in patterns() {
        let Ok(file) = std::fs::read(directory.join(format!("{}.o", pattern.name))) else {
            continue;
        };
        let object = Object::parse(&file).unwrap();
        for case in &pattern.cases {
            let folded = fold(&object, &pattern, case);
            let left = marks_in(&folded);
            totals.cases += 1;
            totals.live += case.live.len() as u32;
            totals.dead += case.dead.len() as u32;
            let at = format!("{compiler} {cpu} {} {}", pattern.name, case.name);
            for mark in case.live.iter().filter(|m| !left.contains(m)) {
                writeln!(totals.wrong, "{at}: live mark {mark} is gone").unwrap();
            }
            for mark in case.dead.iter().filter(|m| left.contains(m)) {
                writeln!(totals.wrong, "{at}: dead mark {mark} is left").unwrap();
            }
            let constant = directory.join(format!("const/{}.{}.o", pattern.name, case.name));
            if case.open.is_empty()
                && let Ok(constant) = std::fs::read(constant)
            {
                let (ours, theirs) = (length(&folded), length(&constant));
                totals.folded += ours;
                totals.compiled += theirs;
                let ratio = f64::from(ours) / f64::from(theirs);
                if totals.worst.as_ref().is_none_or(|(worst, _)| ratio > *worst) {
                    totals.worst = Some((ratio, format!("{at} ({ours} for {theirs})")));
                }
                if std::env::var_os("BPFOLD_PATTERN_LENGTHS").is_some() && ours > theirs {
                    eprintln!("{at}: {ours} for {theirs}");
                }
            }
        }
    }
    Some(totals)
}

#[test]
fn every_dead_branch_is_gone_and_no_live_one() {
    let compilers = std::env::var("BPFOLD_PATTERN_COMPILERS");
    let compilers = compilers.unwrap_or_else(|_| "clang-14:v3 clang-19:v4".to_owned());
    let mut wrong = String::new();
    for entry in compilers.split_whitespace() {
        let (compiler, cpu) = entry.split_once(':').unwrap();
        let Some(totals) = check_compiler(compiler, cpu) else { continue };
        let ratio = f64::from(totals.folded) / f64::from(totals.compiled.max(1));
        let (worst, at) = totals.worst.unwrap_or_default();
        println!(
            "{compiler} {cpu}: {} cases, {} live marks, {} dead marks; {} instructions for {} \
             as if compiled, ratio {ratio:.3}, worst {worst:.2} {at}",
            totals.cases, totals.live, totals.dead, totals.folded, totals.compiled
        );
        wrong += &totals.wrong;
        if ratio > AS_IF_COMPILED {
            writeln!(wrong, "{compiler} {cpu}: {ratio:.3} times as long as if compiled").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
