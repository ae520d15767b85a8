//! The checker over what the passes make of random programs, and over damaged results.

mod common;

use bpfold_passes::check::{self, Refusal};
use bpfold_passes::ir::Program;
use bpfold_passes::pass::{self, Options};
use bpfold_passes::testing::Case;

use common::{number, print, with_origins};

fn show(original: &Program, rewritten: &Program, refusal: &Refusal) -> String {
    let (before, after) = (print(original, refusal.func), print(rewritten, refusal.func));
    format!("{refusal}\noriginal:\n{before}\nrewritten:\n{after}")
}

/// Everything that the passes make of random programs is proven.
#[test]
fn folded_programs_are_proven() {
    let (first, cases) = (number("BPFOLD_SEED", 0), number("BPFOLD_CASES", 300));
    let (mut changed, mut failures) = (0, Vec::new());
    for seed in first..first + cases {
        let original = with_origins(Case::from_seed(seed).program);
        let mut rewritten = original.clone();
        pass::fold(&mut rewritten, &Options::default()).unwrap();
        changed += usize::from(original != rewritten);
        for refusal in check::check(&original, &rewritten, &check::roots(&original)) {
            failures.push(format!("seed {seed}: {}", show(&original, &rewritten, &refusal)));
        }
    }
    let shown = number("BPFOLD_SHOW", 2) as usize;
    assert!(
        failures.is_empty(),
        "{} refusals in {changed} changed programs\n{}",
        failures.len(),
        failures.iter().take(shown).cloned().collect::<Vec<_>>().join("\n")
    );
    assert!(changed * 4 > cases as usize, "{changed} of {cases} programs were changed");
}

/// Filetests that are not proven, and why.
const UNPROVEN: [(&str, &str); 2] = [
    ("fold/self_loop_forever.bpf", "a loop without end"),
    ("linearize/offsets.bpf", "a loop without end"),
];

/// What the passes make of each filetest is proven too.
#[test]
fn filetests_are_proven() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/filetests");
    let (mut failures, mut unproven) = (Vec::new(), Vec::new());
    let mut changed = 0;
    for directory in std::fs::read_dir(&root).unwrap().flatten().filter(|d| d.path().is_dir()) {
        for file in std::fs::read_dir(directory.path()).unwrap().flatten() {
            let text = std::fs::read_to_string(file.path()).unwrap();
            let input = text.split("\n; ---\n").next().unwrap_or_default();
            let Ok(program) = bpfold_passes::text::parse(input) else { continue };
            if bpfold_passes::ir::verify(&program).is_err() {
                continue;
            }
            let original = with_origins(program);
            let mut rewritten = original.clone();
            pass::fold(&mut rewritten, &Options::default()).unwrap();
            changed += usize::from(original != rewritten);
            let name = file.path().strip_prefix(&root).unwrap().display().to_string();
            let refusals = check::check(&original, &rewritten, &check::roots(&original));
            if !refusals.is_empty() && UNPROVEN.iter().any(|(known, _)| *known == name) {
                unproven.push(name);
                continue;
            }
            for refusal in refusals {
                failures.push(format!("{name}: {}", show(&original, &rewritten, &refusal)));
            }
        }
    }
    assert!(failures.is_empty(), "{} refusals\n{}", failures.len(), failures.join("\n"));
    assert_eq!(unproven.len(), UNPROVEN.len(), "{unproven:?}");
    assert!(changed > 50, "{changed} were changed");
}
