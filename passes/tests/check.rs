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
