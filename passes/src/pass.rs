//! The order of things: analysis of the whole program, then rewrites of each function, until
//! nothing changes.
//!
//! A function is touched only if a load or a branch in it is folded; whatever gives nothing
//! to fold stays as it is to the byte. A function that would grow is folded again without
//! the constants that take two slots, and if it still grows it stays as it was.

use crate::analysis::calls::CallGraph;
use crate::analysis::constants::Facts;
use crate::analysis::liveness::{self, Arguments, Liveness};
use crate::cfg::encoded_slots;
use crate::entity::{Func, Inst, PerEntity};
use crate::ir::{self, Linkage, Op, Program, VerifyError};
use crate::opt::fold::{Event, Patch};
use crate::opt::{
    algebra, copy_propagation, dce, merge_tails, simplify_cfg, store_immediate, thread_jumps,
};

/// How much of a function may be folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Level {
    /// Everything.
    #[default]
    Full,
    /// Not the loads whose value takes an `ldimm64`.
    Narrow,
    /// Nothing: the function stays as it is, and nothing is assumed of what it does.
    None,
}

/// How to fold.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The functions that somebody outside can enter. None: programs, and functions that no
    /// code names.
    pub roots: Option<Vec<Func>>,
    /// How much of each function may be folded.
    pub levels: PerEntity<Func, Level>,
    /// Check the IR after every pass.
    pub verify_each: bool,
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

/// Rounds of analysis and rewriting; each but the last folds something that the one before
/// made visible.
const MAX_ROUNDS: usize = 32;

/// Folds a program. What is left of each function does the same as before for every input
/// under the final bytes of the program's sections.
pub fn fold(program: &mut Program, options: &Options) -> Result<FoldLog, PassError> {
    let mut levels = options.levels.clone();
    loop {
        let mut attempt = program.clone();
        let log = fold_at(&mut attempt, options, &levels)?;
        let mut grown = false;
        for (id, func) in attempt.funcs.iter() {
            if log.changed[id] && encoded_slots(func) > encoded_slots(&program.funcs[id]) {
                grown = true;
                levels[id] = match levels[id] {
                    Level::Full => Level::Narrow,
                    Level::Narrow | Level::None => Level::None,
                };
            }
        }
        if !grown {
            *program = attempt;
            return Ok(log);
        }
    }
}

fn fold_at(
    program: &mut Program,
    options: &Options,
    levels: &PerEntity<Func, Level>,
) -> Result<FoldLog, PassError> {
    let graph = CallGraph::new(program);
    let roots = options.roots.clone().unwrap_or_else(|| default_roots(program, &graph));
    let before: Vec<Func> = {
        let reachable = graph.reachable(roots.iter().copied());
        program.funcs.keys().filter(|&f| reachable[f]).collect()
    };
    let mut log = FoldLog { levels: levels.clone(), ..FoldLog::default() };
    let check = |program: &Program, pass: &'static str| match options.verify_each {
        true => ir::verify(program).map_err(|error| PassError { pass, error }),
        false => Ok(()),
    };
    check(program, "read")?;
    for _ in 0..MAX_ROUNDS {
        let facts = Facts::new(program, &roots, levels);
        let mut folded = false;
        for func in program.funcs.keys() {
            if !facts.is_reached(func) || levels[func] == Level::None {
                continue;
            }
            let patch = Patch::collect(program, &facts, func);
            if patch.folds() || log.changed[func] {
                folded |= patch.folds();
                log.changed[func] = true;
                log.events.extend(patch.events.iter().copied());
                rewrite(program, &facts, func, patch);
            }
        }
        check(program, "fold")?;
        let edits = total_edits(program);
        clean_up(program, &roots, levels, &log.changed);
        check(program, "dce")?;
        if !folded && total_edits(program) == edits {
            break;
        }
    }
    let reachable = CallGraph::new(program).reachable(roots.iter().copied());
    log.dead = before.into_iter().filter(|&f| !reachable[f]).collect();
    for &func in &log.dead {
        program.funcs[func].clear();
    }
    Ok(log)
}

/// All rewrites of one function that the same facts allow. Where two have a say in one
/// instruction, its constant result wins.
fn rewrite(program: &mut Program, facts: &Facts, func: Func, patch: Patch) {
    let mut replace = Vec::new();
    for &block in program.funcs[func].layout() {
        replace.extend(algebra::collect(program, facts, func, block));
        replace.extend(store_immediate::collect(program, facts, func, block));
    }
    let threads = thread_jumps::collect(program, facts, func);
    for (inst, op) in replace {
        program.funcs[func].replace(inst, op);
    }
    patch.apply(program, func);
    thread_jumps::apply(program, func, &threads);
    simplify_cfg::run(&mut program.funcs[func]);
}

fn copies(program: &Program, facts: &Facts, arguments: &Arguments, func: Func) -> Vec<(Inst, Op)> {
    let function = &program.funcs[func];
    let live = Liveness::new(program, facts, arguments, func);
    let blocks = function.layout().iter();
    blocks.flat_map(|&block| copy_propagation::collect(function, &live, block)).collect()
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

fn clean_up(
    program: &mut Program,
    roots: &[Func],
    levels: &PerEntity<Func, Level>,
    changed: &PerEntity<Func, bool>,
) {
    let facts = Facts::new(program, roots, levels);
    let arguments = liveness::arguments(program, &facts);
    for func in program.funcs.keys().filter(|&f| changed[f] && facts.is_reached(f)) {
        let dead = dce::collect(program, &facts, &arguments, func);
        let copies = copies(program, &facts, &arguments, func);
        for (inst, op) in copies {
            program.funcs[func].replace(inst, op);
        }
        dce::apply(program, func, &dead);
        simplify_cfg::run(&mut program.funcs[func]);
        merge_tails::run(&mut program.funcs[func]);
    }
}

fn total_edits(program: &Program) -> u64 {
    program.funcs.values().map(|f| f.edits()).sum()
}
