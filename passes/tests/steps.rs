//! Each pass is a step of its own: what watches or stops after a step sees one pass at a time.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use bpfold_passes::pass::{self, Options, PASSES, Pass, Step};
use bpfold_passes::text;

/// A mask that changes nothing, a store of a constant and a branch that a final value decides.
const SOURCE: &str = "target bpfel store_imm
section .rodata readonly = u32 1
func f (entry) {
  r1 = .rodata ll
  r1 = *(u32 *)(r1 + 0)
  r2 = 5
  r2 += 0
  *(u32 *)(r10 - 8) = r2
  if r1 == 1 goto out
  r2 = 7
  *(u32 *)(r10 - 8) = r2
out:
  r0 = *(u32 *)(r10 - 8)
  exit
}
";

/// The passes that change something and the text behind each, up to so many steps.
fn steps(limit: Option<u64>) -> Vec<(&'static str, String)> {
    let mut program = text::parse(SOURCE).unwrap();
    let mut steps = Vec::new();
    let options = Options { limit, verify_each: true, ..Options::default() };
    let mut watch = |step: &Step<'_>| steps.push((step.pass, step.program.to_string()));
    pass::fold_watched(&mut program, &options, &mut watch).unwrap();
    assert!(steps.last().is_none_or(|(_, text)| *text == program.to_string()));
    steps
}

#[test]
fn a_store_of_an_immediate_is_a_step_of_its_own() {
    let store = "*(u32 *)(r10 - 0x8) = 0x5";
    let steps = steps(None);
    let at = steps.iter().position(|(pass, _)| *pass == "store_immediate").unwrap();
    assert!(steps[at].1.contains(store), "{}", steps[at].1);
    let (before, text) = &steps[at - 1];
    assert_eq!(*before, "algebra");
    assert!(!text.contains(store), "{text}");
}

#[test]
fn a_limit_stops_between_two_passes() {
    let all = steps(None);
    for limit in 1..=all.len() {
        assert_eq!(steps(Some(limit as u64)), all[..limit]);
    }
}

#[test]
fn steps_are_named_as_in_the_table() {
    for (pass, _) in steps(None) {
        assert!(Pass::named(pass).is_some(), "{pass}");
    }
    assert!(Pass::named("all").is_none());
    let mut names: Vec<&str> = PASSES.iter().map(|pass| pass.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), PASSES.len());
}
