//! What constant propagation knows of one function.

use std::rc::Rc;

use crate::analysis::state::State;
use crate::entity::{Block, Func, PerEntity};
use crate::ir::{Level, Program};

/// What is known of one function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FuncFacts {
    /// The join of the states in which it is entered; none if it is never called.
    pub entry: Option<State>,
    /// For each block that is reached, the state at its start. What was kept from an earlier
    /// solution is the same allocation.
    pub blocks: Rc<PerEntity<Block, Option<State>>>,
    /// The join of the states in which it returns; none if it never does.
    pub exit: Option<State>,
    /// How often a call site has raised [`entry`](Self::entry).
    pub(super) joins: u32,
}

/// Whether nothing is assumed of what the function does.
pub(super) fn is_untouchable(
    program: &Program,
    levels: &PerEntity<Func, Level>,
    func: Func,
) -> bool {
    program.funcs[func].opaque.is_some() || levels[func] == Level::None
}
