//! The order of things: analysis of the whole program, then rewrites of each function, until
//! nothing changes.
//!
//! A function is touched only if a load or a branch in it is folded; whatever gives nothing
//! to fold stays as it is to the byte. A function that would grow is folded again without
//! the constants that take two slots, and if it still grows it stays as it was.

mod folding;
mod table;

pub use crate::ir::Level;
pub use crate::limits::{Limit, Limits};
pub use folding::{Folded, Folding, Funcs};
pub use table::{Change, Input, Keeps, PASSES, Pass, Turn};

use std::rc::Rc;

use crate::analysis::calls::CallGraph;
use crate::analysis::constants::Facts;
use crate::analysis::frame_access::Accesses;
use crate::analysis::liveness::{self, Arguments, Liveness};
use crate::analysis::state::State;
use crate::entity::{Block, Func, PerEntity};
use crate::ir::{self, Function, Linkage, Program, VerifyError};
use crate::opt::checkpoints;
use crate::opt::fold::Event;
use crate::rules::Rules;
use table::FOLD;

/// How to fold.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The functions that somebody outside can enter. None: programs, and functions that no
    /// code names.
    pub roots: Option<Vec<Func>>,
    /// How much of each function may be folded.
    pub levels: PerEntity<Func, Level>,
    /// The rewrites that each function gets beyond what is folded and dead.
    pub rules: PerEntity<Func, Rules>,
    /// Check the IR after every step.
    pub verify_each: bool,
    /// Stop after so many steps (a pass on a function): to find the one that breaks a
    /// program. The result is what the steps so far made of it.
    pub limit: Option<u64>,
    /// What a function may cost.
    pub limits: Limits,
    /// Each time fold everything, so that steps have the numbers that [`limit`](Self::limit)
    /// counts.
    pub whole: bool,
}

/// A pass that has just run on a function, for who wants to watch.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Its number, from 1.
    pub number: u64,
    /// The pass.
    pub pass: &'static str,
    /// The function.
    pub func: Func,
    /// The program after it.
    pub program: &'a Program,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct FoldLog {
    /// What was folded, in the order of functions and of rounds.
    pub events: Vec<Event>,
    /// The functions whose code is not the original's any more.
    pub changed: PerEntity<Func, bool>,
    /// The functions that can no longer be entered, and could be before.
    pub dead: Vec<Func>,
    /// How much of each function was folded in the end.
    pub levels: PerEntity<Func, Level>,
    /// The limits that were reached.
    pub limits: Vec<Limit>,
}

/// A pass broke the IR.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("after {pass}: {error}")]
pub struct PassError {
    /// The pass.
    pub pass: &'static str,
    /// What it broke.
    pub error: VerifyError,
}

/// Folds a program. What is left of each function does the same as before for every input
/// under the final bytes of the program's sections.
///
/// # Errors
/// With [`Options::verify_each`], a pass that broke a rule of the IR.
pub fn fold(program: &mut Program, options: &Options) -> Result<FoldLog, PassError> {
    fold_watched(program, options, &mut |_| {})
}

/// [`fold`] with a look at every step. Steps of attempts that are given up, because a
/// function grew, are seen too.
///
/// # Errors
/// As [`fold`].
pub fn fold_watched(
    program: &mut Program,
    options: &Options,
    watch: &mut dyn FnMut(&Step<'_>),
) -> Result<FoldLog, PassError> {
    let mut folding = Folding::new(program);
    folding.fold(options, watch, &mut |_, _| {})?;
    let Some(folded) = folding.into_folded() else { return Ok(FoldLog::default()) };
    *program = folded.program;
    Ok(folded.log)
}

struct Driver<'a> {
    program: Program,
    /// The program before anything was folded.
    original: &'a Program,
    /// The component of each function in the original's call graph.
    components: PerEntity<Func, Func>,
    /// Functions that call a helper that would run a callback no times.
    drops_callback: PerEntity<Func, bool>,
    options: &'a Options,
    roots: &'a [Func],
    log: FoldLog,
    steps: u64,
    /// The functions that have taken all rounds that they may.
    stopped: PerEntity<Func, bool>,
    /// What each function was when it was folded last.
    folded: PerEntity<Func, Option<Seen>>,
    /// What each function was when it was cleaned up last, with these arguments read.
    cleaned: PerEntity<Func, Option<Seen>>,
    arguments: Arguments,
    watch: &'a mut dyn FnMut(&Step<'_>),
}

/// A function with what is known of it: where both are the same, rewrites find the same to do.
#[derive(Clone)]
struct Seen {
    edits: u64,
    blocks: Rc<PerEntity<Block, Option<State>>>,
}

impl Seen {
    fn new(program: &Program, facts: &Facts, func: Func) -> Seen {
        let blocks = Rc::clone(&facts.func(func).blocks);
        Seen { edits: program.funcs[func].edits(), blocks }
    }
}

impl PartialEq for Seen {
    fn eq(&self, other: &Seen) -> bool {
        self.edits == other.edits && Rc::ptr_eq(&self.blocks, &other.blocks)
    }
}

impl<'a> Driver<'a> {
    /// Folds what `roots` can enter.
    fn fold(
        original: &'a Program,
        graph: &CallGraph,
        (options, roots): (&'a Options, &'a [Func]),
        log: FoldLog,
        watch: &'a mut dyn FnMut(&Step<'_>),
    ) -> Result<Folded, PassError> {
        let mut driver = Driver {
            program: original.clone(),
            original,
            components: graph.components(),
            drops_callback: PerEntity::default(),
            options,
            roots,
            log,
            steps: 0,
            stopped: PerEntity::default(),
            folded: PerEntity::default(),
            cleaned: PerEntity::default(),
            arguments: Arguments::default(),
            watch,
        };
        driver.run()?;
        driver.drop_dead(graph);
        Ok(Folded { program: driver.program, log: driver.log })
    }

    /// Rounds of rewriting until one changes nothing. Each but the last folds something that the
    /// one before made visible.
    fn run(&mut self) -> Result<(), PassError> {
        self.verify("read")?;
        let mut rounds: PerEntity<Func, usize> = PerEntity::default();
        let mut facts = Facts::new(&self.program, self.roots, &self.log.levels);
        loop {
            let before: Vec<u64> = self.program.funcs.values().map(Function::edits).collect();
            self.fold_constants(&facts)?;
            if !self.program.funcs.keys().any(|func| self.log.changed[func]) {
                return Ok(());
            }
            if !before.iter().copied().eq(self.program.funcs.values().map(Function::edits)) {
                facts = facts.again(&self.program, self.roots, &self.log.levels);
            }
            self.clean_up(&facts)?;
            let mut goes_on = false;
            for ((id, func), before) in self.program.funcs.iter().zip(before) {
                if func.edits() == before {
                    continue;
                }
                goes_on = true;
                rounds[id] += 1;
                let limit = self.options.limits.rounds(func);
                if rounds[id] > limit {
                    self.stopped[id] = true;
                    self.log.limits.push(Limit::Rounds(id, limit));
                }
            }
            if !goes_on {
                return self.add_checkpoints(&facts);
            }
            facts = facts.again(&self.program, self.roots, &self.log.levels);
        }
    }

    /// Jumps in place of decided ones, where the verifier is short of them.
    fn add_checkpoints(&mut self, facts: &Facts) -> Result<(), PassError> {
        let mut decided: PerEntity<Func, usize> = PerEntity::with_default(0);
        for event in &self.log.events {
            if let Event::BranchDecided { func, .. } = event {
                decided[*func] += 1;
            }
        }
        for func in self.program.funcs.keys() {
            let is_large = checkpoints::is_large(&self.program.funcs[func]);
            if decided[func] == 0 || !is_large || !self.log.levels[func].cleans_up() {
                continue;
            }
            for pass in Pass::of(Turn::Last, self.options.rules[func]) {
                let mut input = self.input(facts, func);
                input.decided = decided[func];
                if let Some(change) = (pass.collect)(&input) {
                    self.step(pass.name, func, change)?;
                }
            }
        }
        Ok(())
    }

    /// What constants allow, with the rewrites of single instructions that need the same facts.
    fn fold_constants(&mut self, facts: &Facts) -> Result<(), PassError> {
        for func in self.program.funcs.keys() {
            let is_left = self.log.levels[func] == Level::None || self.stopped[func];
            if !facts.is_reached(func) || is_left {
                continue;
            }
            let seen = Seen::new(&self.program, facts, func);
            if self.folded[func].as_ref() == Some(&seen) {
                continue;
            }
            self.fold_function(facts, func)?;
            self.folded[func] = Some(seen);
        }
        // Where something is folded, functions can become the last to enter a callback.
        let mut changed: Funcs = PerEntity::default();
        for func in self.program.funcs.keys().filter(|func| self.log.changed[*func]) {
            changed[self.components[func]] = true;
        }
        for func in self.program.funcs.keys() {
            if self.drops_callback[func] && changed[self.components[func]] {
                self.fold_function(facts, func)?;
            }
        }
        Ok(())
    }

    fn fold_function(&mut self, facts: &Facts, func: Func) -> Result<(), PassError> {
        let input = self.input(facts, func);
        let patch = input.patch();
        if !patch.folds() && !self.log.changed[func] && !self.drops_callback[func] {
            self.drops_callback[func] = patch.drops_callback;
            return Ok(());
        }
        let mut patch = patch.clone();
        if self.log.levels[func] == Level::Bare {
            self.drops_callback[func] = false;
            patch.keep_events();
            let events = std::mem::take(&mut patch.events);
            if self.step(FOLD, func, Box::new(|function| patch.apply(function)))? {
                self.log.changed[func] |= !events.is_empty();
                self.log.events.extend(events);
            }
            return Ok(());
        }
        let changes = self.collect(Turn::Constants, &input);
        self.drops_callback[func] = false;
        for (pass, change) in changes {
            if !self.step(pass.name, func, change)? {
                return Ok(());
            }
            if pass.name == FOLD {
                self.log.changed[func] = true;
                self.log.events.append(&mut patch.events);
            }
        }
        self.run_turn(Turn::Blocks, facts, func)
    }

    /// What became useless in the functions that were changed.
    fn clean_up(&mut self, facts: &Facts) -> Result<(), PassError> {
        let mut cleaned: Funcs = PerEntity::default();
        for func in self.program.funcs.keys() {
            cleaned[func] = self.log.changed[func] && self.log.levels[func].cleans_up();
        }
        let arguments = liveness::arguments(&self.program, facts, &cleaned);
        if arguments != self.arguments {
            self.cleaned = PerEntity::default();
        }
        for func in self.program.funcs.keys() {
            if !cleaned[func] || !facts.is_reached(func) || self.stopped[func] {
                continue;
            }
            let seen = Seen::new(&self.program, facts, func);
            if self.cleaned[func].as_ref() == Some(&seen) {
                continue;
            }
            self.clean_up_function(facts, &arguments, func)?;
            self.cleaned[func] = Some(seen);
        }
        self.arguments = arguments;
        Ok(())
    }

    fn clean_up_function(
        &mut self,
        facts: &Facts,
        arguments: &Arguments,
        func: Func,
    ) -> Result<(), PassError> {
        let mut accesses = Accesses::new(&self.program, facts, func);
        let mut turns = 0..=Turn::LAST_USELESS;
        loop {
            let live = Liveness::new(&self.program, &accesses, arguments, func);
            let mut input = self.input(facts, func);
            input.live = Some(&live);
            // What is live stays as long as nothing changes.
            let found = turns.find_map(|turn| {
                let changes = self.collect(Turn::Useless(turn), &input);
                (!changes.is_empty()).then_some(changes)
            });
            let Some(changes) = found else { break };
            let keeps = changes.iter().all(|(pass, _)| pass.keeps == Keeps::Accesses);
            for (pass, change) in changes {
                self.step(pass.name, func, change)?;
            }
            if turns.is_empty() {
                break;
            }
            if !keeps {
                accesses = Accesses::new(&self.program, facts, func);
            }
        }
        loop {
            self.run_turn(Turn::Blocks, facts, func)?;
            let before = self.program.funcs[func].edits();
            self.run_turn(Turn::Tails, facts, func)?;
            if self.program.funcs[func].edits() == before {
                return Ok(());
            }
        }
    }

    fn input<'p>(&'p self, facts: &'p Facts, func: Func) -> Input<'p, 'a> {
        let original: &'a Program = self.original;
        let rules = self.options.rules[func];
        Input::new(&self.program, facts, func, &original.funcs[func], rules)
    }

    /// What the passes of a turn find, each in the code as it is.
    fn collect(&self, turn: Turn, input: &Input<'_, 'a>) -> Vec<(&'static Pass, Change<'a>)> {
        let passes = Pass::of(turn, self.options.rules[input.func]);
        passes.filter_map(|pass| Some((pass, (pass.collect)(input)?))).collect()
    }

    /// Runs the passes of a turn, each in the code that the one before left.
    fn run_turn(&mut self, turn: Turn, facts: &Facts, func: Func) -> Result<(), PassError> {
        for pass in Pass::of(turn, self.options.rules[func]) {
            if let Some(change) = (pass.collect)(&self.input(facts, func)) {
                self.step(pass.name, func, change)?;
            }
        }
        Ok(())
    }

    /// Empties the functions that can no longer be entered, and could be before.
    fn drop_dead(&mut self, before: &CallGraph) {
        let before = before.reachable(self.roots.iter().copied());
        let after = CallGraph::new(&self.program).reachable(self.roots.iter().copied());
        for func in self.program.funcs.keys().filter(|&f| before[f] && !after[f]) {
            self.program.funcs[func].clear();
            self.log.dead.push(func);
        }
    }

    /// Runs a pass on a function, unless the limit is reached.
    fn step(
        &mut self,
        pass: &'static str,
        func: Func,
        change: Change<'_>,
    ) -> Result<bool, PassError> {
        if self.options.limit.is_some_and(|limit| self.steps >= limit) {
            return Ok(false);
        }
        let before = self.program.funcs[func].edits();
        change(&mut self.program.funcs[func]);
        if self.program.funcs[func].edits() != before {
            self.steps += 1;
            (self.watch)(&Step { number: self.steps, pass, func, program: &self.program });
            if self.options.verify_each {
                // The pass saw no other function.
                ir::verify_function(&self.program, func)
                    .map_err(|error| PassError { pass, error })?;
            }
        }
        Ok(true)
    }

    fn verify(&self, pass: &'static str) -> Result<(), PassError> {
        match self.options.verify_each {
            true => ir::verify(&self.program).map_err(|error| PassError { pass, error }),
            false => Ok(()),
        }
    }
}

/// Programs, and functions that no code names: somebody else may (a decl tag, a loader).
fn default_roots(program: &Program, graph: &CallGraph) -> Vec<Func> {
    let mut is_root = PerEntity::with_default(false);
    for func in graph.unnamed() {
        is_root[func] = true;
    }
    for (id, func) in program.funcs.iter() {
        is_root[id] |= func.linkage == Linkage::Entry;
    }
    program.funcs.keys().filter(|&f| is_root[f]).collect()
}
