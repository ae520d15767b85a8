//! The checker over real objects: everything that the passes make of them is proven.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bpfold::Object;
use bpfold::passes::check::{self, Refusal};
use bpfold::passes::ir::Program;
use bpfold::passes::pass::{self, Options};
use bpfold::passes::text::Printer;

fn objects_in(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            objects_in(&path, found);
        } else if path.extension().is_some_and(|e| e == "o" || e == "elf") {
            found.push(path);
        }
    }
}

/// What every read-only byte is taken for, and made final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Assignment {
    /// What is stored.
    Stored,
    /// The same byte everywhere.
    Filled(u8),
}

const ASSIGNMENTS: [Assignment; 4] =
    [Assignment::Stored, Assignment::Filled(0), Assignment::Filled(1), Assignment::Filled(0xff)];

fn assigned(program: &Program, assignment: Assignment) -> Program {
    let mut program = program.clone();
    for section in program.sections.values_mut().filter(|section| section.read_only) {
        section.final_bits.fill(0xff);
        if let Assignment::Filled(byte) = assignment {
            section.bytes.fill(byte);
        }
    }
    program
}

#[derive(Default)]
struct Totals {
    objects: usize,
    functions: usize,
    changed: usize,
    instructions: usize,
    fold: Duration,
    check: Duration,
    ratios: Vec<f64>,
    refusals: BTreeMap<String, usize>,
    texts: Vec<String>,
}

fn show(path: &Path, original: &Program, rewritten: &Program, refusal: &Refusal) -> String {
    let print =
        |program: &Program| Printer::new(program).verbose().function(refusal.func).to_string();
    let name = &original.funcs[refusal.func].name;
    let (before, after) = (print(original), print(rewritten));
    format!("{} {name}: {refusal}\noriginal:\n{before}\nrewritten:\n{after}", path.display())
}

fn prove(path: &Path, object: &Object, assignment: Assignment, totals: &mut Totals) {
    let original = assigned(object.program(), assignment);
    let mut rewritten = original.clone();
    let start = Instant::now();
    let log = pass::fold(&mut rewritten, &Options::default()).unwrap();
    let fold = start.elapsed();
    let start = Instant::now();
    let refusals = check::check(&original, &rewritten, &check::roots(&original));
    let check = start.elapsed();
    let changed = original.funcs.keys().filter(|&func| log.changed[func]).count();
    totals.functions += original.funcs.len();
    totals.changed += changed;
    totals.instructions += original.funcs.values().map(|f| f.insts().count()).sum::<usize>();
    totals.fold += fold;
    totals.check += check;
    totals.ratios.push(check.as_secs_f64() / fold.as_secs_f64().max(1e-9));
    if check > Duration::from_secs(2) {
        totals
            .texts
            .push(format!("{} {assignment:?} slow: {check:?} (fold {fold:?})", path.display()));
    }
    for refusal in refusals {
        *totals.refusals.entry(refusal.reason.to_string()).or_default() += 1;
        totals
            .texts
            .push(format!("{assignment:?} {}", show(path, &original, &rewritten, &refusal)));
    }
}

fn prove_all(paths: &[PathBuf]) -> Totals {
    let mut totals = Totals::default();
    for path in paths {
        let Ok(object) = Object::parse(&std::fs::read(path).unwrap()) else { continue };
        totals.objects += 1;
        for assignment in ASSIGNMENTS {
            prove(path, &object, assignment, &mut totals);
        }
    }
    totals.ratios.sort_by(f64::total_cmp);
    totals
}

fn report(totals: &Totals) -> String {
    let median = totals.ratios.get(totals.ratios.len() / 2).copied().unwrap_or_default();
    format!(
        "{} objects, {} functions, {} changed, {} instructions; fold {:?}, check {:?}, \
         median check/fold {median:.2}; refusals {:#?}",
        totals.objects,
        totals.functions,
        totals.changed,
        totals.instructions,
        totals.fold,
        totals.check,
        totals.refusals
    )
}

#[test]
fn committed_objects_are_proven() {
    let mut paths = Vec::new();
    for dir in ["examples", "tests/objects", "tests/patterns"] {
        objects_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut paths);
    }
    let totals = prove_all(&paths);
    assert!(totals.objects > 8 && totals.changed > 50, "{}", report(&totals));
    assert!(totals.refusals.is_empty(), "{}\n{}", report(&totals), totals.texts.join("\n"));
}

/// The objects below `BPFOLD_CORPUS`, a directory; every `BPFOLD_EVERY`th of them.
#[test]
#[ignore = "needs BPFOLD_CORPUS, a directory with objects"]
fn corpus_is_proven() {
    let number = |name: &str, default: usize| {
        std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
    };
    let mut paths = Vec::new();
    objects_in(Path::new(&std::env::var("BPFOLD_CORPUS").unwrap()), &mut paths);
    let every = number("BPFOLD_EVERY", 1);
    let (first, paths) = (number("BPFOLD_FIRST", 0), paths);
    let paths: Vec<PathBuf> = paths.into_iter().skip(first).step_by(every).collect();
    let totals = prove_all(&paths);
    println!("{}", report(&totals));
    for text in totals.texts.iter().take(number("BPFOLD_SHOW", 100)) {
        println!("### {text}");
    }
    assert!(totals.refusals.is_empty(), "{:#?}", totals.refusals);
}
