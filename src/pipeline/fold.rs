//! The code is folded, functions that nothing needs any more are removed, and what changed is
//! proven to do what it did.
//!
//! A program that is removed enters nothing any more, and what it has called can be folded
//! further, so this starts over until nothing more is removed. A function that would grow, that
//! is not proven, in which a jump does not reach, or that others replace, is folded less.

use std::collections::BTreeSet;

use super::resolve::Resolved;
use super::{Effort, Fold, Watch};
use crate::Error;
use crate::needs::{self, Property};
use crate::parts::Node;
use crate::passes::entity::{Func, PerEntity};
use crate::passes::ir::Program;
use crate::passes::pass::{FoldLog, Folded, Folding, Level, Options};
use crate::proof::Proof;
use crate::prune::{self, Live};
use crate::report::Note;

/// The code after folding.
pub(super) struct Code {
    pub program: Program,
    pub log: FoldLog,
    /// What is needed with this code.
    pub live: Live,
    pub proof: Proof,
    /// The functions in which a jump would not reach.
    pub too_far: BTreeSet<Func>,
    /// Functions that stay as they were for what a replacement of them may do.
    pub held: Vec<(Func, Property)>,
    /// The functions that can be entered from outside.
    pub entered: Vec<Func>,
    /// Programs that are entered no more, and that only return.
    pub stubs: BTreeSet<Func>,
}

/// The folding of an object's code.
pub(super) struct Folder<'f> {
    fold: &'f Fold<'f>,
    resolved: &'f Resolved<'f>,
    options: Options,
    folding: Folding<'f>,
    /// The functions that were removed.
    gone: BTreeSet<Func>,
    /// Those that were and are needed after all.
    stay: BTreeSet<Func>,
    too_far: BTreeSet<Func>,
    proof: Proof,
    held: BTreeSet<(Func, Property)>,
}

impl<'f> Folder<'f> {
    pub fn new(fold: &'f Fold<'f>, resolved: &'f Resolved<'f>) -> Self {
        let mut options = Options {
            verify_each: fold.verify_each,
            limit: fold.step_limit,
            whole: fold.whole,
            ..Options::default()
        };
        apply_efforts(fold, &mut options);
        let mut gone = BTreeSet::new();
        let stay = BTreeSet::new();
        if fold.prune.any() {
            let Resolved { program, scope, .. } = resolved;
            let roots = needs::roots(fold.object);
            gone = scope.gone(&scope.live(program, &roots, &FoldLog::default(), &stay));
        }
        Self {
            fold,
            resolved,
            options,
            folding: Folding::new(&resolved.program),
            gone,
            stay,
            too_far: BTreeSet::new(),
            proof: Proof::default(),
            held: BTreeSet::new(),
        }
    }

    /// Folds until nothing changes any more.
    ///
    /// # Errors
    /// Bugs of passes.
    pub fn fold(&mut self, watch: &mut Watch<'_>) -> Result<Code, Error> {
        loop {
            if let Some(code) = self.attempt(watch)? {
                return Ok(code);
            }
        }
    }

    /// A function in which a jump does not reach is to stay as it was. False if it does already.
    pub fn put_back(&mut self, func: Func) -> bool {
        let level = std::mem::replace(&mut self.options.levels[func], Level::None);
        self.too_far.insert(func);
        level != Level::None
    }

    /// Folds once; none if something is to be folded again.
    fn attempt(&mut self, watch: &mut Watch<'_>) -> Result<Option<Code>, Error> {
        let Fold { object, hooks, .. } = self.fold;
        let Resolved { program: original, scope, .. } = self.resolved;
        let entered = scope.entered(&self.gone);
        self.options.roots = Some(entered.clone());
        let anew = self.folding.fold(&self.options, watch, &mut |program, log| {
            let changed = (&mut *program, &log.changed);
            needs::name_arenas(object, &scope.maps, original, changed, &entered);
            hooks.damage(program, log);
        })?;
        self.proof.add(&anew, original);
        let Some(Folded { program, log }) = self.folding.folded() else { return Ok(None) };
        let live = scope.live(program, &entered, log, &self.stay);
        // Less can be folded in a function that grows, and then more is needed again.
        let gone = self.gone.iter().copied();
        let back: Vec<Func> = gone.filter(|f| live.nodes.contains(&Node::Func(*f))).collect();
        if !back.is_empty() {
            self.gone.retain(|func| !back.contains(func));
            self.stay.extend(back);
            return Ok(None);
        }
        let now: BTreeSet<Func> = scope.gone(&live);
        if now.iter().any(|func| entered.contains(func)) {
            self.gone.extend(now);
            return Ok(None);
        }
        let mut program = program.clone();
        clear(&mut program, &now);
        let levels = &mut self.options.levels;
        let lost = needs::lost_properties(original, &program);
        if needs::put_back(original, &lost, levels) {
            self.held.extend(lost);
            return Ok(None);
        }
        let programs = (original, &program, log);
        if self.fold.check
            && !self.proof.prove(&self.folding, programs, (&entered, &live), levels)?
        {
            return Ok(None);
        }
        let stubs = match self.fold.prune.interface {
            true => prune::make_stubs(object, &mut program, &now),
            false => BTreeSet::new(),
        };
        Ok(Some(Code {
            log: log.clone(),
            program,
            live,
            proof: self.proof.clone(),
            too_far: self.too_far.clone(),
            held: self.held.iter().copied().collect(),
            entered,
            stubs,
        }))
    }
}

/// What the code that is left wants of the kernel and the kernel does not have.
///
/// # Errors
/// It is certain that loaders refuse it.
pub(super) fn missing(
    fold: &Fold<'_>,
    resolved: &Resolved<'_>,
    code: &Code,
) -> Result<Vec<Note>, Error> {
    let Code { program, log, live, .. } = code;
    resolved.scope.check_drops(live)?;
    let mut notes = resolved.core.check(fold.object, program, log)?;
    notes.extend(resolved.facts.check(fold.object, program, &fold.kernel)?);
    Ok(notes)
}

/// What is said of the rewrites of each function.
fn apply_efforts(fold: &Fold<'_>, options: &mut Options) {
    options.rules = PerEntity::with_default(fold.rules);
    for (id, func) in fold.object.program().funcs.iter() {
        match fold.efforts.get(&func.name) {
            Some(Effort::Rules(rules)) => options.rules[id] = *rules,
            Some(Effort::None) => options.levels[id] = Level::None,
            None => {}
        }
    }
}

fn clear(program: &mut Program, gone: &BTreeSet<Func>) {
    for func in gone {
        if let Some(func) = program.funcs.get_mut(*func) {
            func.clear();
        }
    }
}
