//! What a pair of verdicts comes to, program by program.

use anyhow::Result;
use bpfold::Report;
use bpfold::report::PartKind;
use bpfold_kernel::{ObjectVerdict, Outcome, ProgramRun, ProgramVerdict};

use crate::result::{AssignmentResult, ProgramResult, Residual, Sizes};

/// What differs between the first run of a program of the original and one of the folded object.
pub type Differ<'a> = &'a dyn Fn(&ProgramVerdict, &ProgramRun, &ProgramRun) -> Result<Vec<String>>;

/// Adds the verdicts before and after, of a fold with a report.
pub fn judge(
    result: &mut AssignmentResult,
    (before, after): (&ObjectVerdict, &ObjectVerdict),
    report: &Report,
    differ: Differ<'_>,
    mut residual: impl FnMut(&ProgramVerdict) -> Option<Residual>,
) -> Result<()> {
    result.whole = Some((before.whole.is_none(), after.whole.is_none()));
    let dead = report.dead.iter().filter(|dead| dead.kind == PartKind::Program);
    let dropped: Vec<&str> = dead.map(|dead| dead.name.as_str()).collect();
    for program in &before.programs {
        let after = after.program(&program.section, &program.name);
        if after.is_none() && dropped.contains(&program.name.as_str()) {
            result.dropped += 1;
        } else {
            result.programs.push(compare(program, after, residual(program), differ)?);
        }
    }
    Ok(())
}

fn compare(
    before: &ProgramVerdict,
    after: Option<&ProgramVerdict>,
    residual: Option<Residual>,
    differ: Differ<'_>,
) -> Result<ProgramResult> {
    let failure = match after.map(|after| &after.outcome) {
        None => Some("the program is not there any more".to_owned()),
        Some(Outcome::Failed(failure)) => Some(format!("{:?}: {}", failure.class, failure.message)),
        Some(Outcome::Loaded(_)) => None,
    };
    let both = before.run.as_ref().zip(after.and_then(|after| after.run.as_ref()));
    let differences = match both {
        Some((first, after)) => differ(before, first, after)?,
        None => Vec::new(),
    };
    Ok(ProgramResult {
        section: before.section.clone(),
        name: before.name.clone(),
        before: sizes(before),
        after: after.and_then(sizes),
        failure,
        residual,
        runs: both.map_or(0, |(_, after)| after.count()),
        differences,
    })
}

/// The sizes and costs of a program, if it loads.
pub fn sizes(program: &ProgramVerdict) -> Option<Sizes> {
    let loaded = program.loaded()?;
    Some(Sizes {
        instructions: loaded.instructions,
        xlated: loaded.xlated,
        jited: loaded.jited,
        verified: loaded.verified,
        peak_states: loaded.peak_states.unwrap_or(0),
        verification_us: loaded.verification_us.unwrap_or(0),
        maps: loaded.maps,
    })
}
