//! `bpfold fold --verify-cost host`: of several ways to fold a program the one that the running
//! kernel verifies with the fewest instructions.
//!
//! Each setting folds the whole object, and the kernel tells what each program costs. A program
//! gets the setting under which it costs least; among equals the earlier one, which folds more.
//! What this makes together is measured too, since programs share subprograms, and since what one
//! needs decides what leaves the object: if all programs together cost more than under one setting
//! for all, that setting is taken.

use std::collections::BTreeMap;
use std::path::Path;

use bpfold::passes::rules::{Rule, Rules};
use bpfold::report::CostReport;
use bpfold::{Effort, Fold, Folded, Object};
use bpfold_kernel::{ObjectVerdict, Options, load};

use super::error::CliError;
use super::files;

/// A way to fold.
struct Setting {
    name: &'static str,
    effort: Effort,
}

/// The ways that are tried, those that fold more first.
fn settings() -> Vec<Setting> {
    let rules = |name, rules| Setting { name, effort: Effort::Rules(rules) };
    // What the verifier would not know of a value that a decided branch has told.
    let few = [Rule::Results, Rule::Moves, Rule::FrameLoads].into_iter().collect();
    vec![
        rules("default", Rules::default()),
        rules("without checkpoints", Rules::default().without(Rule::Checkpoints)),
        rules("jumps kept", Rules::default().with(Rule::KeepJumps)),
        rules("blocks where they were", Rules::default().without(Rule::MoveBlocks)),
        rules("few rules", few),
        Setting { name: "as it was", effort: Effort::None },
    ]
}

/// A fold and what the kernel makes of it.
struct Trial {
    folded: Folded,
    verdict: ObjectVerdict,
}

impl Trial {
    fn new(fold: &Fold<'_>, path: &Path, name: &str) -> Result<Trial, CliError> {
        let folded = fold.clone().run().map_err(CliError::object(path))?;
        let verdict = load(&folded.bytes, name, Options::default())?;
        Ok(Trial { folded, verdict })
    }

    /// Verified instructions of a program; none if it does not load.
    fn cost(&self, (section, name): (&str, &str)) -> Option<u32> {
        Some(self.verdict.program(section, name)?.loaded()?.verified)
    }

    /// Programs that do not load, and verified instructions of all that do: less is better.
    fn sum(&self) -> (usize, u64) {
        let costs = self.verdict.programs.iter().map(|program| program.loaded());
        let (mut lost, mut sum) = (0, 0);
        for loaded in costs {
            match loaded {
                Some(loaded) => sum += u64::from(loaded.verified),
                None => lost += 1,
            }
        }
        (lost, sum)
    }
}

/// Folds an object in the cheapest way.
pub fn cheapest(fold: &Fold<'_>, object: &Object, path: &Path) -> Result<Folded, CliError> {
    let name = files::map_prefix(path);
    let original = fold.unfolded().map_err(CliError::object(path))?;
    let original = load(&original, &name, Options::default())?;
    let settings = settings();
    let mut trials = Vec::new();
    let functions = || object.program().funcs.values().map(|func| func.name.as_str());
    for setting in &settings {
        let fold = match setting.effort {
            Effort::Rules(rules) => fold.clone().rules(rules),
            Effort::None => {
                functions().fold(fold.clone(), |fold, name| fold.effort(name, Effort::None))
            }
        };
        trials.push(Trial::new(&fold, path, &name)?);
    }
    let mut chosen: BTreeMap<(&str, &str), &Setting> = BTreeMap::new();
    let mut mixed = fold.clone();
    for program in &original.programs {
        let key = (program.section.as_str(), program.name.as_str());
        let costs = settings.iter().zip(&trials);
        let costs = costs.filter_map(|(setting, trial)| Some((trial.cost(key)?, setting)));
        // The first of several that cost least.
        if let Some((_, setting)) = costs.min_by_key(|(cost, _)| *cost) {
            mixed = mixed.effort(&program.name, setting.effort);
            chosen.insert(key, setting);
        }
    }
    let mixed = Trial::new(&mixed, path, &name)?;
    let best = settings.iter().zip(trials).min_by_key(|(_, trial)| trial.sum());
    let (taken, uniform) = match best {
        Some((setting, trial)) if trial.sum() < mixed.sum() => (trial, Some(setting.name)),
        _ => (mixed, None),
    };
    let setting_of = |key| uniform.or_else(|| chosen.get(&key).map(|setting| setting.name));
    let costs = costs(&original, &taken.verdict, &setting_of);
    let Folded { bytes, mut report } = taken.folded;
    report.cost = costs;
    Ok(Folded { bytes, report })
}

/// What each program that loads cost and costs.
fn costs<'a>(
    before: &'a ObjectVerdict,
    after: &ObjectVerdict,
    setting_of: &dyn Fn((&'a str, &'a str)) -> Option<&'static str>,
) -> Vec<CostReport> {
    let mut reports = Vec::new();
    for program in &before.programs {
        let key = (program.section.as_str(), program.name.as_str());
        let Some(old) = program.loaded() else { continue };
        let Some(new) = after.program(key.0, key.1).and_then(|after| after.loaded()) else {
            continue;
        };
        reports.push(CostReport {
            program: program.name.clone(),
            section: program.section.clone(),
            setting: setting_of(key).unwrap_or_default().to_owned(),
            verified: (old.verified, new.verified),
            peak_states: old.peak_states.zip(new.peak_states),
        });
    }
    reports
}
