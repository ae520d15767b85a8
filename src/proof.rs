//! The checker's place in the pipeline: a function that is not proven is folded less, and it alone.
//!
//! The checker names the functions that are not proven, in the order in which it comes to them,
//! and goes on with the originals of those before. So what has to do with an earlier one can be
//! refused because of it: a callee that is needed again, a function that now gets other
//! arguments. Only the first refusal of each component of the call graph is a root, and only its
//! function is folded again with less, step by step ([`Level`]). Components that are proven stay
//! proven for as long as nothing in them is folded again.

use std::collections::{BTreeMap, BTreeSet};

use crate::Error;
use crate::parts::Node;
use crate::passes::cfg::encoded_slots;
use crate::passes::check::{self, Refusal};
use crate::passes::entity::{Func, PerEntity};
use crate::passes::ir::Program;
use crate::passes::pass::{FoldLog, Folding, Funcs, Level};
use crate::prune::Live;

/// Attempts after which every function that is refused is put back at once, so that the time
/// stays bounded.
const STEPWISE: usize = 24;

/// What the checker said of the attempts so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof {
    /// The functions that are folded less than they could be.
    pub refused: BTreeMap<Func, Refused>,
    /// The functions that were changed and are proven to do what they did.
    pub proven: usize,
    /// The functions that are not proven yet.
    unproven: Funcs,
    /// The functions that had no code when the others were proven.
    cleared: BTreeSet<Func>,
    attempts: usize,
    /// What is needed if everything is folded.
    live: Option<BTreeSet<Node>>,
}

/// A function of which an attempt was not proven.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    /// What was not shown of the first attempt; of another function, if that one was not touched.
    pub refusal: Refusal,
    /// The slots that the function had then.
    pub slots: u32,
}

impl Proof {
    /// Functions were folded anew: they are to be proven.
    pub fn add(&mut self, anew: &Funcs, program: &Program) {
        for func in program.funcs.keys().filter(|func| anew[*func]) {
            self.unproven[func] = true;
        }
    }

    /// Proves that `program` does what `original` does when it is entered at `roots`. If it is
    /// not proven of some functions, lowers the levels of those that this begins with and says
    /// false: then they are to be folded again.
    ///
    /// # Errors
    /// Functions are refused although nothing was changed: a bug.
    pub fn prove(
        &mut self,
        folding: &Folding<'_>,
        (original, program, log): (&Program, &Program, &FoldLog),
        (roots, live): (&[Func], &Live),
        levels: &mut PerEntity<Func, Level>,
    ) -> Result<bool, Error> {
        let is_empty = |func: &Func| program.funcs[*func].layout().is_empty();
        let cleared: BTreeSet<Func> = program.funcs.keys().filter(is_empty).collect();
        let other = self.cleared.symmetric_difference(&cleared).copied();
        self.add(&folding.connected(other), program);
        self.cleared = cleared;
        let mut subject = original.clone();
        for (id, func) in subject.funcs.iter_mut().filter(|(id, _)| self.unproven[*id]) {
            func.clone_from(&program.funcs[id]);
        }
        let roots: Vec<Func> = roots.iter().copied().filter(|root| self.unproven[*root]).collect();
        let refusals = check::check(original, &subject, &roots);
        let Some(first) = refusals.first().cloned() else {
            let changed = |func: &Func| log.changed[*func] && !log.dead.contains(func);
            self.proven = program.funcs.keys().filter(changed).count();
            return Ok(true);
        };
        self.attempts += 1;
        self.live.get_or_insert_with(|| live.nodes.clone());
        let unproven = folding.connected(refusals.iter().map(|refusal| refusal.func));
        let mut follows: Funcs = PerEntity::default();
        let mut less = false;
        for refusal in refusals {
            if follows[refusal.func] {
                continue;
            }
            let is_stepwise = self.attempts <= STEPWISE;
            let connected = folding.connected([refusal.func]);
            let all = || original.funcs.keys().filter(|func| connected[*func]);
            // A function that was not touched is refused for what others pass to it, or for
            // having been removed.
            let callers = || folding.graph().naming(refusal.func).collect();
            let culprits: [&dyn Fn() -> Vec<Func>; 3] =
                [&|| vec![refusal.func], &callers, &|| all().collect()];
            let mut lowered = false;
            for funcs in culprits {
                for func in funcs().into_iter().filter(|func| log.changed[*func]) {
                    let level = levels[func].max(log.levels[func]);
                    levels[func] = if is_stepwise { level.lower() } else { Level::None };
                    lowered |= levels[func] != level;
                    let slots = encoded_slots(&program.funcs[func]);
                    let refused = Refused { refusal: refusal.clone(), slots };
                    self.refused.entry(func).or_insert(refused);
                }
                if lowered {
                    break;
                }
            }
            if !lowered {
                for func in all() {
                    lowered |= std::mem::replace(&mut levels[func], Level::None) != Level::None;
                }
            }
            less |= lowered;
            if is_stepwise {
                follows = union(follows, &connected, original);
            }
        }
        self.unproven = unproven;
        match less {
            true => Ok(false),
            false => Err(Error::Unproven {
                function: original.funcs[first.func].name.clone(),
                reason: first.reason.to_string(),
            }),
        }
    }

    /// What is needed because functions are folded less: what the folded program needs and the
    /// first attempt did not.
    pub fn kept<'l>(&'l self, live: &'l Live) -> impl Fn(Func) -> Vec<Node> + 'l {
        move |func| {
            let Some(first) = &self.live else { return Vec::new() };
            let needed = live.needs(func);
            needed.into_iter().filter(|node| !first.contains(node)).collect()
        }
    }
}

fn union(mut a: Funcs, b: &Funcs, program: &Program) -> Funcs {
    program.funcs.keys().filter(|func| b[*func]).for_each(|func| a[func] = true);
    a
}
