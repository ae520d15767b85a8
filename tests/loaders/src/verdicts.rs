//! What a loader says of each program of an object.

use std::collections::BTreeMap;

use crate::cases::Case;

/// By a program's name, the number of instructions that were loaded, or why it was refused.
pub type Verdicts = BTreeMap<String, Result<usize, String>>;

/// How many programs were judged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Objects.
    pub objects: usize,
    /// Programs of the originals.
    pub programs: usize,
    /// Those that loaded.
    pub loaded: usize,
    /// Those that did not load before, and do now.
    pub gained: usize,
    /// Those that loaded and are no longer in the object, for a reason that the report gives.
    pub dropped: usize,
    /// Instructions that the originals' programs were loaded with.
    pub before: usize,
    /// The same for the folded ones.
    pub after: usize,
}

/// Compares the verdicts on an object and on its folded form: what loaded loads, with no more
/// instructions, unless it was dropped. Gives a line for each program where that is not so.
pub fn regressions(
    case: &Case,
    before: &Verdicts,
    after: &Verdicts,
    counts: &mut Counts,
) -> Vec<String> {
    let mut lines = Vec::new();
    counts.objects += 1;
    counts.programs += before.len();
    for (name, verdict) in before {
        let now = after.get(name);
        let Ok(before) = verdict else {
            counts.gained += usize::from(matches!(now, Some(Ok(_))));
            continue;
        };
        counts.loaded += 1;
        match now {
            Some(Ok(after)) => {
                counts.before += before;
                counts.after += after;
                if after > before {
                    lines.push(format!("{name}: {before} instructions before, {after} after"));
                }
            }
            Some(Err(error)) => lines.push(format!("{name}: {error}")),
            None if case.dropped_programs().any(|dropped| dropped == name) => counts.dropped += 1,
            None => lines.push(format!("{name} is not there")),
        }
    }
    lines
}
