//! The order in which blocks are visited: loops before what comes after them.
//!
//! A weak topological order (Bourdoncle 1993): each strongly connected part of the graph is
//! one stretch of the order, its head first, the rest ordered in the same way without the
//! head. A walk that always goes on with the first block that has something new is done with
//! a loop before it leaves it.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;

use crate::cfg::Cfg;
use crate::entity::{Block, PerEntity};
use crate::ir::Function;

/// Loops around a loop whose parts are put in order; deeper inside, blocks are in reverse
/// postorder. Keeps the work in proportion to the function.
const MAX_DEPTH: u32 = 32;

/// The position of each block in the order; blocks that the entry does not reach come last.
pub fn positions(function: &Function) -> PerEntity<Block, u32> {
    let cfg = Cfg::new(function);
    let mut positions = PerEntity::with_default(u32::MAX);
    let mut next = 0;
    let mut parts = vec![(0, cfg.reverse_postorder().to_vec())];
    while let Some((depth, part)) = parts.pop() {
        if part.len() == 1 || depth > MAX_DEPTH {
            for block in part {
                positions[block] = next;
                next += 1;
            }
            continue;
        }
        let mut components = components(function, &part);
        if let [whole] = components.as_mut_slice() {
            let order = |block: &Block| cfg.order(*block);
            whole.sort_by_key(order);
            if let [head, rest @ ..] = whole.as_slice() {
                positions[*head] = next;
                next += 1;
                parts.push((depth + 1, rest.to_vec()));
            }
            continue;
        }
        parts.extend(components.into_iter().map(|part| (depth, part)));
    }
    positions
}

/// Whether there is exactly one edge to a block, for each block but the entry.
pub fn single_entries(function: &Function) -> PerEntity<Block, bool> {
    let mut edges: PerEntity<Block, u32> = PerEntity::default();
    for &block in function.layout() {
        for successor in function.successors(block) {
            edges[successor] += 1;
        }
    }
    let mut single = PerEntity::with_default(false);
    for &block in function.layout() {
        single[block] = edges[block] == 1 && Some(block) != function.entry();
    }
    single
}

/// The strongly connected parts of a set of blocks, the last in topological order first.
fn components(function: &Function, blocks: &[Block]) -> Vec<Vec<Block>> {
    let mut graph = DiGraph::<Block, ()>::new();
    let mut nodes = PerEntity::with_default(None);
    for &block in blocks {
        nodes[block] = Some(graph.add_node(block));
    }
    for &block in blocks {
        for successor in function.successors(block) {
            if let (Some(from), Some(to)) = (nodes[block], nodes[successor]) {
                graph.add_edge(from, to, ());
            }
        }
    }
    let name = |part: Vec<_>| part.into_iter().map(|node| graph[node]).collect();
    kosaraju_scc(&graph).into_iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Entity;

    #[test]
    fn loops_come_before_what_follows_them() {
        let text = "func f (entry) {
  r0 = 0
outer:
  r1 = 0
inner:
  r1 += 1
  if r1 == 7 goto out
  if r1 < 5 goto inner
  r0 += 1
  if r0 < 5 goto outer
  goto out
out:
  exit
}";
        let program = crate::text::parse(text).unwrap();
        let function = program.funcs.values().next().unwrap();
        let positions = positions(function);
        let mut order: Vec<usize> = function.layout().iter().map(|b| b.index()).collect();
        order.sort_by_key(|&i| positions[Block::from_index(i)]);
        assert_eq!(order.last(), function.layout().last().map(|b| b.index()).as_ref());
        assert_eq!(order.first(), Some(&0));
    }
}
