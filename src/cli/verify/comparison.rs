//! What is found out: plain data, also the JSON of the subcommand.

use bpfold_kernel::{Failure, Loaded, ObjectVerdict, Outcome};
use serde::Serialize;

/// An object before and after folding.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The release of the kernel.
    pub kernel: String,
    /// The original with its values as data.
    pub before: Whole,
    /// The folded object.
    pub after: Whole,
    /// The original's programs.
    pub programs: Vec<ProgramComparison>,
}

/// An object loaded as a whole.
#[derive(Debug, Serialize)]
pub struct Whole {
    /// Why it does not load; none if it does.
    pub failure: Option<Failure>,
    /// Maps that were created; none if it does not load.
    pub maps: Option<u32>,
    /// It has static programs, which libbpf refuses: it was loaded as if they were global.
    pub static_programs: bool,
}

impl From<ObjectVerdict> for Whole {
    fn from(verdict: ObjectVerdict) -> Whole {
        let ObjectVerdict { whole: failure, maps, static_programs, .. } = verdict;
        Whole { failure, maps, static_programs }
    }
}

/// A program before and after folding.
#[derive(Debug, Serialize)]
pub struct ProgramComparison {
    /// Its name.
    pub name: String,
    /// Its section.
    pub section: String,
    /// Before.
    pub before: Outcome,
    /// After; none if it is not in the folded object.
    pub after: Option<Outcome>,
    /// Test runs that were compared.
    pub runs: usize,
    /// What differs in them.
    pub differences: Vec<String>,
}

impl ProgramComparison {
    /// Its sizes and costs if it loads, before and after.
    pub fn loaded(&self) -> (Option<&Loaded>, Option<&Loaded>) {
        (self.before.loaded(), self.after.as_ref().and_then(Outcome::loaded))
    }

    /// Verified instructions before and after, if there are more.
    pub fn costlier(&self) -> Option<(u32, u32)> {
        let (before, after) = self.loaded();
        let (before, after) = (before?.verified, after?.verified);
        (before < after).then_some((before, after))
    }

    /// Whether it loaded and does not, or answers differently. A program that is no longer
    /// there has been dropped as unused.
    fn is_worse(&self) -> bool {
        let (before, after) = self.loaded();
        let is_lost = before.is_some() && after.is_none() && self.after.is_some();
        is_lost || !self.differences.is_empty()
    }
}

impl Comparison {
    /// How many programs got worse; without any, 1 if the object does not load whole any more.
    pub fn worse(&self) -> usize {
        let programs = self.programs.iter().filter(|program| program.is_worse()).count();
        let is_lost = self.before.failure.is_none() && self.after.failure.is_some();
        programs.max(usize::from(is_lost))
    }
}
