//! Ways to walk the two functions in step.
//!
//! A walk is a proof whichever way it goes: how the points are paired and where ways are joined
//! decides only whether it finds one. So a function that is refused is walked again in another
//! way, and the first one that comes to an end counts. A function never goes back to a way that
//! has failed, so that the fixpoint over all functions comes to rest.

/// How the two functions are walked in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// Whether the original goes on over a block that ends in a test that is decided on this
    /// way, before ways are joined, also if the block computes something.
    pub carries: bool,
    /// Whether, where nothing stands for an original instruction, one that looks like it is
    /// taken for it.
    pub borrows: bool,
    /// Whether, in a block that nothing stands for, any jump on the same condition is taken for
    /// the original's.
    pub looks_ahead: bool,
    /// Whether a jump that stands for the original's must be on the same condition. If not, the
    /// original goes both ways before it, and the jump is decided by what each of them tells.
    pub insists: bool,
    /// How many states of one pair of points are kept apart before they are joined.
    pub states: usize,
}

/// The way that proves most functions, and the quickest.
pub const FIRST: Strategy =
    Strategy { carries: false, borrows: true, looks_ahead: true, insists: true, states: 1 };

/// Only what stands for an instruction of the original is taken for it.
const AT_HOME: Strategy = Strategy { borrows: false, looks_ahead: false, ..FIRST };

/// The ways to walk, in the order in which they are tried.
pub const ALL: [Strategy; 8] = [
    FIRST,
    Strategy { carries: true, ..FIRST },
    AT_HOME,
    Strategy { states: 4, ..FIRST },
    Strategy { carries: true, states: 4, insists: false, ..FIRST },
    Strategy { carries: true, ..AT_HOME },
    Strategy { borrows: true, insists: false, ..AT_HOME },
    Strategy { carries: true, states: 8, insists: false, ..AT_HOME },
];
