//! `cargo xtask random-insts`: random programs of instructions, proven, and run by the
//! interpreter before and after. They need no kernel and no compiler.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use bpfold_passes::interp;
use bpfold_passes::ir::Program;
use bpfold_passes::testing::{Case, FUEL};
use bpfold_passes::{check, pass};

use crate::reduce;
use crate::work::work;

/// Make random programs of instructions, and prove and run what folding makes of them
///
/// Fails if a function is not proven, or if a run of the interpreter differs.
#[derive(Debug, clap::Args)]
pub struct RandomInstsArguments {
    /// First seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Programs
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub count: u64,
    /// Inputs that each program runs on
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub inputs: u64,
    /// Programs that are worked on at the same time
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub jobs: usize,
    /// Where the smallest programs go that are refused for the same reasons
    #[arg(long, value_name = "DIR")]
    pub reduce: Option<PathBuf>,
}

/// What came out for a program.
#[derive(Clone, Copy, Debug, Default)]
struct Tried {
    changed: bool,
    refused: usize,
    differs: bool,
    failed: bool,
}

/// Runs the command; false if something is refused or differs.
pub fn run(arguments: &RandomInstsArguments) -> Result<bool> {
    if let Some(dir) = &arguments.reduce {
        fs::create_dir_all(dir).with_context(|| format!("{}: cannot create", dir.display()))?;
    }
    let seeds: Vec<u64> = (arguments.seed..arguments.seed + arguments.count).collect();
    let tried = work(seeds, arguments.jobs, |seed| {
        let (tried, lines) = one(seed, arguments)?;
        Ok((seed.to_string(), tried, lines))
    })?;
    let count = |part: fn(&Tried) -> bool| tried.iter().filter(|one| part(one)).count();
    let unproven = count(|one| one.refused > 0);
    let (differ, failed) = (count(|one| one.differs), count(|one| one.failed));
    println!(
        "{} programs, {} changed, {unproven} with {} functions that are not proven, \
         {differ} differ, {failed} failed",
        tried.len(),
        count(|one| one.changed),
        tried.iter().map(|one| one.refused).sum::<usize>()
    );
    Ok(unproven + differ + failed == 0)
}

fn one(seed: u64, arguments: &RandomInstsArguments) -> Result<(Tried, Vec<String>)> {
    let case = Case::from_seed(seed);
    let mut lines = Vec::new();
    let mut folded = case.program.clone();
    let options = pass::Options { verify_each: true, ..pass::Options::default() };
    if let Err(error) = pass::fold(&mut folded, &options) {
        lines.push(format!("FAILED seed {seed}: {error}"));
        return Ok((Tried { failed: true, ..Tried::default() }, lines));
    }
    let found = check::check(&case.program, &folded, &check::roots(&case.program));
    for refusal in &found {
        let function = &case.program.funcs[refusal.func].name;
        lines.push(format!("UNPROVEN seed {seed}: {function}: {}", refusal.reason));
    }
    if let (Some(dir), Some(refusal)) = (&arguments.reduce, found.first()) {
        let name = &case.program.funcs[refusal.func].name;
        if let Some((text, said)) = reduce::reduced(&case.program, Some(name)) {
            fs::write(dir.join(format!("seed{seed}.txt")), format!("; {said}\n{text}\n"))?;
        }
    }
    let difference = difference(&case, &folded, seed, arguments.inputs);
    lines.extend(difference.iter().cloned());
    let tried = Tried {
        changed: folded != case.program,
        refused: found.len(),
        differs: difference.is_some(),
        failed: false,
    };
    Ok((tried, lines))
}

/// Where runs differ first.
fn difference(case: &Case, folded: &Program, seed: u64, inputs: u64) -> Option<String> {
    (0..inputs).find_map(|number| {
        let input = case.input(seed.wrapping_mul(inputs).wrapping_add(number));
        let before = interp::run(&case.program, case.entry, &input, FUEL);
        let after = interp::run(folded, case.entry, &input, FUEL);
        before.differs(&after).map(|difference| {
            let mut text = format!("DIFFERS seed {seed}, input {number}: ");
            // Writing to a string does not fail.
            let _ = write!(text, "{difference}");
            text
        })
    })
}
