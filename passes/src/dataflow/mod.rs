//! The dataflow engine: a worklist over the blocks of a function, forward or backward.
//!
//! An [`Analysis`] gives the domain, its join and the flow through a block. A block gets a
//! state only when one flows into it, so an edge that an analysis does not follow never
//! spoils a join: with constants as the domain this is conditional constant propagation
//! (Wegman and Zadeck 1991).

use std::collections::BTreeSet;

use crate::cfg::Cfg;
use crate::entity::{Block, PerEntity};
use crate::ir::Function;

/// Which way facts flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a block's entry to the entries of its successors.
    Forward,
    /// From a block's exit to the exits of its predecessors.
    Backward,
}

/// A dataflow problem.
pub trait Analysis {
    /// What is known at one point. A missing state is bottom: the point is not reached.
    type State: Clone;

    /// Which way facts flow.
    const DIRECTION: Direction;

    /// Joins `from` into `into` and says whether that changed it. `visits` counts how often
    /// facts have flowed through this block; a domain with long chains must speed up (widen)
    /// as it grows.
    fn join(&self, into: &mut Self::State, from: &Self::State, visits: u32) -> bool;

    /// The flow through one block: `state` is its entry (forward) or exit (backward) state.
    /// Calls `out` for each neighbour that facts flow to, with what flows there.
    fn flow(
        &mut self,
        func: &Function,
        cfg: &Cfg,
        block: Block,
        state: Self::State,
        out: &mut dyn FnMut(Block, Self::State),
    );
}

/// The least solution above the `start` states: for each block that is reached, its entry
/// (forward) or exit (backward) state.
pub fn solve<A: Analysis>(
    func: &Function,
    cfg: &Cfg,
    analysis: &mut A,
    start: impl IntoIterator<Item = (Block, A::State)>,
) -> PerEntity<Block, Option<A::State>> {
    let last = cfg.reverse_postorder().len() as u32;
    let priority = |block: Block| {
        let order = cfg.order(block).unwrap_or(last);
        match A::DIRECTION {
            Direction::Forward => order,
            Direction::Backward => last - order,
        }
    };
    let mut states: PerEntity<Block, Option<A::State>> = PerEntity::with_default(None);
    let mut visits: PerEntity<Block, u32> = PerEntity::with_default(0);
    let mut work = BTreeSet::new();
    for (block, state) in start {
        states[block] = Some(state);
        work.insert((priority(block), block));
    }
    let mut flows = Vec::new();
    while let Some((_, block)) = work.pop_first() {
        let Some(state) = states[block].clone() else { continue };
        visits[block] += 1;
        analysis.flow(func, cfg, block, state, &mut |to, state| flows.push((to, state)));
        for (to, state) in flows.drain(..) {
            let changed = match &mut states[to] {
                Some(known) => analysis.join(known, &state, visits[to]),
                unreached => {
                    *unreached = Some(state);
                    true
                }
            };
            if changed {
                work.insert((priority(to), to));
            }
        }
    }
    states
}
