//! Mutation tests of the checker: rewritten programs are damaged, one instruction at a time,
//! in ways in which a pass could go wrong. Every damage that changes behaviour is refused.
//!
//! What the checker accepts, the interpreter runs against the original on many inputs: if they
//! ever differ, the checker has missed a miscompile. `BPFOLD_CASES` sets how many programs are
//! damaged, `BPFOLD_SEED` the first of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking and tell what they counted"
)]

#[path = "../common/mod.rs"]
mod common;
mod damage;
mod kinds;

use std::collections::BTreeMap;

use bpfold_passes::check;
use bpfold_passes::entity::Func;
use bpfold_passes::interp::{self, MapShape};
use bpfold_passes::ir::{self, Linkage, Program};
use bpfold_passes::pass::{self, Options};
use bpfold_passes::testing::{Case, FUEL};
use bpfold_passes::text;

use common::{number, with_origins};
use damage::{Damage, KINDS, TABLE_KINDS};

/// Inputs on which an accepted program is compared with the original.
const INPUTS: u64 = 24;

/// Choices of each damage at each place of the cases of rules.
const CHOICES: u64 = 2;

/// Whether a damaged program keeps the rules of the IR, but for the functions that were removed.
fn keeps_rules(original: &Program, mut copy: Program) -> bool {
    for (func, function) in original.funcs.iter() {
        if copy.funcs[func].layout().is_empty() {
            copy.funcs[func] = function.clone();
        }
    }
    ir::verify(&copy).is_ok()
}

/// A damaged copy of a program, if the damage applies somewhere.
fn damaged(
    original: &Program,
    program: &Program,
    damage: Damage,
    choice: u64,
) -> Option<(Program, Func)> {
    let mut places = Vec::new();
    for (func, function) in program.funcs.iter() {
        for &block in function.layout() {
            let count = function.block(block).insts.len();
            places.extend((0..count).map(|at| (func, block, at)));
        }
    }
    let start = choice as usize % places.len().max(1);
    let (after, before) = (places.get(start..)?, &places[..start]);
    for &(func, block, at) in after.iter().chain(before) {
        let mut copy = program.clone();
        let applied = damage(&mut copy.funcs[func], block, at, choice / 7);
        if applied.is_some() && copy.funcs != program.funcs && keeps_rules(original, copy.clone()) {
            return Some((copy, func));
        }
    }
    None
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    tried: usize,
    refused: usize,
    /// Refused, and the interpreter sees a difference as well.
    seen: usize,
    /// Accepted, and the interpreter sees no difference.
    equivalent: usize,
}

fn behaves_the_same(case: &Case, original: &Program, other: &Program, seed: u64) -> bool {
    (0..INPUTS).all(|i| {
        let input = case.input(seed.wrapping_mul(INPUTS).wrapping_add(i));
        let before = interp::run(original, case.entry, &input, FUEL);
        before.differs(&interp::run(other, case.entry, &input, FUEL)).is_none()
    })
}

/// Every damage at every place of a program, each with some choices.
fn all_damages(original: &Program, program: &Program) -> Vec<(&'static str, Program)> {
    let mut all = Vec::new();
    for (func, function) in program.funcs.iter() {
        for &block in function.layout() {
            for at in 0..function.block(block).insts.len() {
                for ((kind, damage), choice) in
                    KINDS.iter().flat_map(|k| (0..CHOICES).map(move |c| (k, c)))
                {
                    let mut copy = program.clone();
                    let applied = damage(&mut copy.funcs[func], block, at, choice * 5 + 1);
                    if applied.is_some()
                        && copy.funcs != program.funcs
                        && keeps_rules(original, copy.clone())
                    {
                        all.push((*kind, copy));
                    }
                }
            }
        }
    }
    all
}

/// The cases of the checker's rules are proven, and damaged in every way at every place.
#[test]
fn damage_of_the_cases_of_rules_is_refused() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/filetests/prove");
    let mut files: Vec<_> = std::fs::read_dir(root).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let input = text.split("\n; ---\n").next().unwrap_or_default();
        let original = with_origins(text::parse(input).unwrap());
        let (entry, _) = original.funcs.iter().find(|(_, f)| f.linkage == Linkage::Entry).unwrap();
        let mut rewritten = original.clone();
        pass::fold(&mut rewritten, &Options::default()).unwrap();
        let roots = check::roots(&original);
        assert_eq!(check::check(&original, &rewritten, &roots), [], "{}", file.display());
        let maps = original.maps.keys().map(|_| MapShape { key_size: 4, value_size: 8 }).collect();
        let case = Case { program: original.clone(), entry, maps };
        let mut refused = 0;
        let damages = all_damages(&original, &rewritten);
        for (i, (kind, copy)) in damages.iter().enumerate() {
            let refusals = check::check(&original, copy, &roots);
            refused += usize::from(!refusals.is_empty());
            assert!(
                !refusals.is_empty() || behaves_the_same(&case, &original, copy, i as u64),
                "{}, {kind}:\n{}",
                file.display(),
                common::print(copy, entry)
            );
        }
        assert!(refused * 2 > damages.len(), "{}: {refused}", file.display());
    }
}

#[test]
fn damage_is_refused() {
    let cases = number("BPFOLD_CASES", 16);
    let total = check_damage(KINDS, cases, |_| true);
    assert!(total.tried as u64 > cases * 10 && total.refused * 2 > total.tried, "{total:?}");
}

#[test]
fn damage_to_jump_tables_is_refused() {
    let cases = number("BPFOLD_CASES", 16);
    let has_tables = |program: &Program| program.funcs.values().any(|f| !f.tables().is_empty());
    let total = check_damage(TABLE_KINDS, cases, has_tables);
    assert!(total.tried as u64 > cases * 3 && total.refused * 2 > total.tried, "{total:?}");
}

/// Damages so many programs, of those that are wanted, in each way; what behaves otherwise is
/// refused.
fn check_damage(
    kinds: &[(&'static str, Damage)],
    cases: u64,
    is_wanted: impl Fn(&Program) -> bool,
) -> Count {
    let first = number("BPFOLD_SEED", 0);
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut missed = Vec::new();
    let mut done = 0;
    for seed in first.. {
        if done == cases {
            break;
        }
        let case = Case::from_seed(seed);
        if !is_wanted(&case.program) {
            continue;
        }
        let original = with_origins(case.program.clone());
        let mut rewritten = original.clone();
        pass::fold(&mut rewritten, &Options::default()).unwrap();
        if !is_wanted(&rewritten) {
            continue;
        }
        done += 1;
        let roots = check::roots(&original);
        if !check::check(&original, &rewritten, &roots).is_empty() {
            continue;
        }
        for (i, (kind, damage)) in kinds.iter().enumerate() {
            let choice = (seed * 31 + i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            let Some((copy, func)) = damaged(&original, &rewritten, *damage, choice) else {
                continue;
            };
            let refusals = check::check(&original, &copy, &roots);
            let same = behaves_the_same(&case, &original, &copy, seed);
            let count = counts.entry(kind).or_default();
            count.tried += 1;
            count.refused += usize::from(!refusals.is_empty());
            count.seen += usize::from(!refusals.is_empty() && !same);
            count.equivalent += usize::from(refusals.is_empty() && same);
            if refusals.is_empty() && !same {
                missed.push(format!(
                    "seed {seed}, {kind}:\n{}\nrewritten:\n{}\ndamaged:\n{}",
                    common::print(&original, func),
                    common::print(&rewritten, func),
                    common::print(&copy, func)
                ));
            }
        }
    }
    let mut total = Count::default();
    println!("{:40} {:>6} {:>8} {:>6} {:>10}", "damage", "tried", "refused", "seen", "equivalent");
    for (kind, count) in &counts {
        let Count { tried, refused, seen, equivalent } = *count;
        println!("{kind:40} {tried:6} {refused:8} {seen:6} {equivalent:10}");
        total.tried += tried;
        total.refused += refused;
        total.seen += seen;
        total.equivalent += equivalent;
    }
    println!("{total:?}");
    assert!(missed.is_empty(), "{} missed\n{}", missed.len(), missed.join("\n"));
    total
}

/// A callback whose address only the original makes can go, and no other.
#[test]
fn callbacks_that_are_passed_stay() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/filetests/prove");
    let text = std::fs::read_to_string(root.join("callback_by_config.bpf")).unwrap();
    let input = text.split("\n; ---\n").next().unwrap_or_default();
    let original = with_origins(text::parse(input).unwrap());
    let mut rewritten = original.clone();
    pass::fold(&mut rewritten, &Options::default()).unwrap();
    let roots = check::roots(&original);
    assert_eq!(check::check(&original, &rewritten, &roots), []);
    let named = |name: &str| original.funcs.iter().find(|(_, f)| f.name == name).unwrap().0;
    let (a, b) = (named("a"), named("b"));
    let gone = rewritten.funcs[b].clone();
    assert!(gone.layout().is_empty());

    let mut damaged = rewritten.clone();
    damaged.funcs[a] = gone.clone();
    damaged.funcs[a].name = original.funcs[a].name.clone();
    assert!(!check::check(&original, &damaged, &roots).is_empty());

    // The address of `b` is still made, though nothing is done with it.
    let mut damaged = original.clone();
    damaged.funcs[b] = gone;
    assert!(!check::check(&original, &damaged, &roots).is_empty());
}
