//! The passes: one table, by which folding runs them, names are looked up, and help and documents
//! say what each does.
//!
//! A pass looks at one function with what is known of it and gives what is to be done, or nothing;
//! doing it changes that function and no other. Passes of the same [`Turn`] look at the same code
//! with the same facts before the first of them changes it, and change it in the table's order.

use std::cell::OnceCell;

use crate::analysis::constants::Facts;
use crate::analysis::liveness::Liveness;
use crate::entity::{Block, Func, Inst};
use crate::ir::{Function, Op, Program};
use crate::opt::fold::Patch;
use crate::opt::{
    algebra, checkpoints, coalesce, commute, copy_propagation, dce, displacement, merge_tails,
    replace_all, simplify_cfg, store_immediate, thread_jumps,
};
use crate::rules::{Rule, Rules};

/// What a pass is to do to a function.
pub type Change<'o> = Box<dyn FnOnce(&mut Function) + 'o>;

/// A pass.
#[derive(Debug)]
pub struct Pass {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// When it runs.
    pub turn: Turn,
    /// The rule without which it does not run.
    pub rule: Option<Rule>,
    /// What of [`Input`] stays right behind it.
    pub keeps: Keeps,
    /// Finds what is to be done.
    pub collect: for<'p, 'o> fn(&Input<'p, 'o>) -> Option<Change<'o>>,
}

/// When a pass runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// On what constants allow.
    Constants,
    /// Behind [`Constants`](Turn::Constants) and [`Useless`](Turn::Useless), on whole blocks.
    Blocks,
    /// On what became useless. Those of a lower number come first.
    Useless(u8),
    /// Behind [`Useless`](Turn::Useless) and [`Blocks`](Turn::Blocks), in turn with the latter until
    /// nothing is found any more.
    Tails,
    /// Once, when nothing else finds anything.
    Last,
}

impl Turn {
    /// The last of those on what became useless.
    pub(super) const LAST_USELESS: u8 = 3;
}

/// What stays right behind a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// Nothing.
    Nothing,
    /// What accesses read and write, by the instructions.
    Accesses,
}

/// A function, with what is known of it.
pub struct Input<'p, 'o> {
    /// The program.
    pub program: &'p Program,
    /// What constant propagation knows.
    pub facts: &'p Facts,
    /// What is live, in turns on what became useless.
    pub live: Option<&'p Liveness<'p>>,
    /// The function.
    pub func: Func,
    /// The function before anything was folded.
    pub original: &'o Function,
    /// The rules for it.
    pub rules: Rules,
    /// How many branches were decided in it.
    pub decided: usize,
    patch: OnceCell<Patch>,
}

impl<'p, 'o> Input<'p, 'o> {
    /// The function `func` of a program; `original` is what it was before anything was folded.
    pub fn new(
        program: &'p Program,
        facts: &'p Facts,
        func: Func,
        original: &'o Function,
        rules: Rules,
    ) -> Self {
        let patch = OnceCell::new();
        Self { program, facts, live: None, func, original, rules, decided: 0, patch }
    }

    /// The function as it is.
    #[must_use]
    pub fn function(&self) -> &'p Function {
        &self.program.funcs[self.func]
    }

    /// The loads and branches that constants decide.
    #[must_use]
    pub fn patch(&self) -> &Patch {
        self.patch.get_or_init(|| Patch::collect(self.program, self.facts, self.func, self.rules))
    }

    fn in_blocks(&self, find: impl Fn(Block) -> Vec<(Inst, Op)>) -> Option<Change<'static>> {
        replace(self.function().layout().iter().flat_map(|&block| find(block)).collect())
    }
}

fn replace(found: Vec<(Inst, Op)>) -> Option<Change<'static>> {
    (!found.is_empty())
        .then(|| -> Change<'static> { Box::new(|function| replace_all(function, found)) })
}

/// The passes in the order in which they run in each turn.
pub static PASSES: [Pass; 12] = [
    Pass {
        name: "algebra",
        about: "Removes or simplifies instructions that compute what is there already",
        turn: Turn::Constants,
        rule: None,
        keeps: Keeps::Nothing,
        collect: |input| {
            let Input { program, facts, func, rules, .. } = *input;
            input.in_blocks(|block| algebra::collect(program, facts, func, block, rules))
        },
    },
    Pass {
        name: "store_immediate",
        about: "Turns stores of registers that hold constants into stores of immediates",
        turn: Turn::Constants,
        rule: Some(Rule::StoreImmediate),
        keeps: Keeps::Nothing,
        collect: |input| {
            let Input { program, facts, func, .. } = *input;
            input.in_blocks(|block| store_immediate::collect(program, facts, func, block))
        },
    },
    Pass {
        name: FOLD,
        about: "Turns loads of constants into immediates and decides branches",
        turn: Turn::Constants,
        rule: None,
        keeps: Keeps::Nothing,
        collect: |input| {
            let patch = input.patch().clone();
            Some(Box::new(|function| patch.apply(function)))
        },
    },
    Pass {
        name: "thread_jumps",
        about: "Lets edges to a test that is decided on them go where the test leads",
        turn: Turn::Constants,
        rule: Some(Rule::ThreadJumps),
        keeps: Keeps::Nothing,
        collect: |input| {
            let threads = thread_jumps::collect(input.program, input.facts, input.func);
            (!threads.is_empty()).then(|| -> Change<'_> {
                Box::new(move |function| thread_jumps::apply(function, &threads))
            })
        },
    },
    Pass {
        name: "simplify_cfg",
        about: "Removes unreached blocks and jumps that lead nowhere else, and joins blocks",
        turn: Turn::Blocks,
        rule: None,
        keeps: Keeps::Nothing,
        collect: |input| {
            let Input { original, rules, .. } = *input;
            Some(Box::new(move |function| simplify_cfg::run(function, original, rules)))
        },
    },
    Pass {
        name: "commute",
        about: "Moves constants to the right of operations that commute",
        turn: Turn::Useless(0),
        rule: Some(Rule::Commute),
        keeps: Keeps::Nothing,
        collect: |input| {
            let found = commute::collect(input.program, input.facts, input.live?, input.func);
            (!found.is_empty()).then(|| -> Change<'_> {
                Box::new(move |function| commute::apply(function, &found))
            })
        },
    },
    Pass {
        name: "displacement",
        about: "Moves constants that are added to addresses into the accesses through them",
        turn: Turn::Useless(1),
        rule: Some(Rule::Displacement),
        // Only addresses outside of frames have changed, and accesses go where they went.
        keeps: Keeps::Accesses,
        collect: |input| {
            let Input { program, facts, func, original, .. } = *input;
            replace(displacement::collect(program, facts, input.live?, original, func))
        },
    },
    Pass {
        name: "copy_propagation",
        about: "Lets uses of a copy name its source",
        turn: Turn::Useless(2),
        rule: Some(Rule::CopyPropagation),
        keeps: Keeps::Accesses,
        collect: |input| {
            let live = input.live?;
            input.in_blocks(|block| copy_propagation::collect(input.function(), live, block))
        },
    },
    Pass {
        name: "dce",
        about: "Removes instructions whose results nothing uses",
        turn: Turn::Useless(3),
        rule: None,
        keeps: Keeps::Nothing,
        collect: |input| {
            let dead = dce::collect(input.program, input.live?, input.func);
            Some(Box::new(move |function| dce::apply(function, &dead)))
        },
    },
    Pass {
        name: "coalesce",
        about: "Computes a value in the register that it is copied to",
        // It counts on what `dce` removes: nothing dead reads the old register any more.
        turn: Turn::Useless(3),
        rule: Some(Rule::Coalesce),
        keeps: Keeps::Nothing,
        collect: |input| {
            let live = input.live?;
            input.in_blocks(|block| coalesce::collect(input.function(), live, block))
        },
    },
    Pass {
        name: "merge_tails",
        about: "Keeps one of blocks that are the same",
        turn: Turn::Tails,
        rule: Some(Rule::MergeTails),
        keeps: Keeps::Nothing,
        collect: |_| Some(Box::new(merge_tails::run)),
    },
    Pass {
        name: "checkpoints",
        about: "Puts a `goto` where the verifier then stores states at more joins of large functions",
        turn: Turn::Last,
        rule: Some(Rule::Checkpoints),
        keeps: Keeps::Nothing,
        collect: |input| {
            let decided = input.decided;
            Some(Box::new(move |function| checkpoints::run(function, decided)))
        },
    },
];

/// The name of the pass that folds.
pub(super) const FOLD: &str = "fold";

impl Pass {
    /// The pass of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Pass> {
        PASSES.iter().find(|pass| pass.name == name)
    }

    /// The passes of a turn that these rules allow, in their order.
    pub(super) fn of(turn: Turn, rules: Rules) -> impl Iterator<Item = &'static Pass> {
        let is_allowed = move |pass: &Pass| pass.rule.is_none_or(|rule| rules.contains(rule));
        PASSES.iter().filter(move |pass| pass.turn == turn && is_allowed(pass))
    }
}
