//! What a function may cost.

use crate::entity::Func;
use crate::ir::Function;

/// What a single function may cost, so that time and memory stay bounded whatever the input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Blocks of a function that is analysed. The default is more than any function has that a
    /// kernel takes: its verifier stops after a million instructions
    /// (BPF_COMPLEXITY_LIMIT_INSNS).
    pub blocks: usize,
    /// Rounds of analysis and rewriting that change a function, whatever its size.
    pub rounds: usize,
    /// Rounds times instructions of a function: a small one may take more rounds.
    pub work: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { blocks: 1 << 18, rounds: 32, work: 1 << 23 }
    }
}

impl Limits {
    /// Whether a function is too large to be analysed.
    #[must_use]
    pub fn is_too_large(&self, func: &Function) -> bool {
        func.layout().len() > self.blocks
    }

    /// The rounds that a function may take.
    pub(crate) fn rounds(&self, func: &Function) -> usize {
        (self.work / func.inst_bound().max(1)).max(self.rounds)
    }
}

/// A limit that was reached, and at which function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// The function has more blocks: it is not analysed.
    Blocks(Func, usize),
    /// The function has changed in more rounds: it stays as the last one left it.
    Rounds(Func, usize),
}

impl Limit {
    /// The function.
    #[must_use]
    pub fn func(&self) -> Func {
        match self {
            Limit::Blocks(func, _) | Limit::Rounds(func, _) => *func,
        }
    }
}
