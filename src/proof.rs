//! The checker's place in the pipeline: what it cannot prove stays as it was.
//!
//! Every attempt of folding is proven whole, with the functions that were put back before: a
//! function that stays as it was is entered by callers that may have been changed, and names
//! what would otherwise go.

use std::collections::BTreeMap;

use crate::Error;
use crate::passes::check::{self, Refusal};
use crate::passes::entity::{Func, PerEntity};
use crate::passes::ir::Program;
use crate::passes::pass::{FoldLog, Level};

/// What the checker said of the attempts so far.
#[derive(Debug, Default)]
pub(crate) struct Proof {
    /// The functions that were put back, each with the first reason.
    pub refusals: BTreeMap<Func, Refusal>,
    /// The functions that were changed and are proven to do what they did.
    pub proven: usize,
}

impl Proof {
    /// Proves that `program` does what `original` does when it is entered at `roots`. If it is
    /// not proven of some functions, sets their levels to [`Level::None`] and says false: then
    /// everything is to be folded again.
    ///
    /// # Errors
    /// Functions are refused although nothing was changed: a bug.
    pub fn prove(
        &mut self,
        original: &Program,
        (program, log): (&Program, &FoldLog),
        roots: &[Func],
        levels: &mut PerEntity<Func, Level>,
    ) -> Result<bool, Error> {
        let refusals = check::check(original, program, roots);
        let Some(first) = refusals.first().cloned() else {
            let changed = |func: &Func| log.changed[*func] && !log.dead.contains(func);
            self.proven = program.funcs.keys().filter(changed).count();
            return Ok(true);
        };
        let mut less = false;
        for refusal in refusals {
            let level = std::mem::replace(&mut levels[refusal.func], Level::None);
            less |= level != Level::None;
            self.refusals.entry(refusal.func).or_insert(refusal);
        }
        // A function that was not touched can be refused for what others pass to it, or for
        // having gone.
        for func in original.funcs.keys().filter(|_| !less).collect::<Vec<_>>() {
            less |= std::mem::replace(&mut levels[func], Level::None) != Level::None;
        }
        match less {
            true => Ok(false),
            false => Err(Error::Unproven {
                function: original.funcs[first.func].name.clone(),
                reason: first.reason.to_string(),
            }),
        }
    }
}
