//! The control flow graph of a function, as a petgraph graph: orders, dominators, loops, DOT.

mod linearize;

pub use linearize::{LinearizeError, Placed, block_starts, encoded_slots, linearize};

use petgraph::Direction;
use petgraph::algo::dominators::{Dominators, simple_fast};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{DfsPostOrder, EdgeRef};
use std::fmt::Write;

use crate::entity::{Block, PerEntity};
use crate::ir::{Function, Op};

/// How control takes an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edge {
    /// The jump at the block's end is taken.
    Jump,
    /// Control runs past the block's end.
    Fallthrough,
    /// The `gotox` at the block's end goes there by its table.
    Table,
}

/// A snapshot of a function's control flow. It knows nothing of later changes.
#[derive(Clone, Debug)]
pub struct Cfg {
    graph: DiGraph<Block, Edge>,
    nodes: PerEntity<Block, Option<NodeIndex>>,
    rpo: Vec<Block>,
    order: PerEntity<Block, u32>,
    entry: Option<NodeIndex>,
}

impl Cfg {
    /// The graph of `func`: a node for each block of the layout, in layout order. An opaque
    /// function has an empty graph.
    pub fn new(func: &Function) -> Cfg {
        let mut graph = DiGraph::with_capacity(func.layout().len(), func.layout().len() * 2);
        let mut nodes = PerEntity::with_default(None);
        for &block in func.layout() {
            nodes[block] = Some(graph.add_node(block));
        }
        for &block in func.layout() {
            let jump = func.terminator(block).and_then(|i| func.op(i).target().copied());
            let edges = [(jump, Edge::Jump), (func.block(block).next, Edge::Fallthrough)];
            let tables = func.table_targets(block).into_iter().map(|to| (Some(to), Edge::Table));
            for (target, edge) in edges.into_iter().chain(tables) {
                if let (Some(from), Some(to)) = (nodes[block], target.and_then(|t| nodes[t])) {
                    graph.add_edge(from, to, edge);
                }
            }
        }
        let entry = func.entry().and_then(|b| nodes[b]);
        let mut rpo = Vec::with_capacity(graph.node_count());
        if let Some(entry) = entry {
            let mut dfs = DfsPostOrder::new(&graph, entry);
            while let Some(node) = dfs.next(&graph) {
                rpo.push(graph[node]);
            }
            rpo.reverse();
        }
        let mut order = PerEntity::with_default(u32::MAX);
        for (i, &block) in rpo.iter().enumerate() {
            order[block] = i as u32;
        }
        Cfg { graph, nodes, rpo, order, entry }
    }

    /// The blocks that the entry reaches, in reverse postorder.
    pub fn reverse_postorder(&self) -> &[Block] {
        &self.rpo
    }

    /// The position of a block in reverse postorder; none if the entry does not reach it.
    pub fn order(&self, block: Block) -> Option<u32> {
        Some(self.order[block]).filter(|&n| n != u32::MAX)
    }

    /// The blocks with an edge to `block`, once for each edge.
    pub fn predecessors(&self, block: Block) -> impl Iterator<Item = Block> + '_ {
        self.neighbors(block, Direction::Incoming)
    }

    /// The blocks that `block` has an edge to, once for each edge.
    pub fn successors(&self, block: Block) -> impl Iterator<Item = Block> + '_ {
        self.neighbors(block, Direction::Outgoing)
    }

    fn neighbors(&self, block: Block, direction: Direction) -> impl Iterator<Item = Block> + '_ {
        self.nodes[block]
            .into_iter()
            .flat_map(move |n| self.graph.neighbors_directed(n, direction))
            .map(|n| self.graph[n])
    }

    /// The dominator tree; none for an opaque function.
    pub fn dominators(&self) -> Option<DominatorTree<'_>> {
        let entry = self.entry?;
        Some(DominatorTree { cfg: self, tree: simple_fast(&self.graph, entry) })
    }

    /// The targets of edges that go backwards in reverse postorder: the loop headers of a
    /// reducible graph.
    pub fn loop_headers(&self) -> PerEntity<Block, bool> {
        let mut headers = PerEntity::with_default(false);
        for &block in &self.rpo {
            for succ in self.successors(block) {
                if self.order[succ] <= self.order[block] {
                    headers[succ] = true;
                }
            }
        }
        headers
    }

    /// The graph in Graphviz's DOT language, a node a block with its instructions as
    /// `label` gives them.
    pub fn dot(&self, name: &str, mut label: impl FnMut(Block) -> String) -> String {
        let quote =
            |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\l");
        let mut out = String::new();
        let _ = writeln!(out, "digraph \"{}\" {{", quote(name));
        let _ = writeln!(out, "  node [shape=box, fontname=monospace];");
        for node in self.graph.node_indices() {
            let block = self.graph[node];
            let _ = writeln!(out, "  {block} [label=\"{}\"];", quote(&label(block)));
        }
        for edge in self.graph.edge_references() {
            let style = match edge.weight() {
                Edge::Jump => "",
                Edge::Fallthrough => " [style=dashed]",
                Edge::Table => " [style=dotted]",
            };
            let (from, to) = (self.graph[edge.source()], self.graph[edge.target()]);
            let _ = writeln!(out, "  {from} -> {to}{style};");
        }
        out.push_str("}\n");
        out
    }
}

/// Which block dominates which.
pub struct DominatorTree<'a> {
    cfg: &'a Cfg,
    tree: Dominators<NodeIndex>,
}

impl DominatorTree<'_> {
    /// The nearest block that every path from the entry to `block` passes, other than
    /// `block`; none for the entry and for unreachable blocks.
    pub fn immediate_dominator(&self, block: Block) -> Option<Block> {
        let node = self.cfg.nodes[block]?;
        self.tree.immediate_dominator(node).map(|n| self.cfg.graph[n])
    }

    /// Whether every path from the entry to `b` passes `a`.
    pub fn dominates(&self, a: Block, b: Block) -> bool {
        let mut at = Some(b);
        while let Some(block) = at {
            if block == a {
                return true;
            }
            at = self.immediate_dominator(block);
        }
        false
    }
}

/// Whether the edge from `block` by way of `edge` can be told apart: a branch whose target
/// is also its fallthrough has two edges to one block.
pub fn edges(func: &Function, block: Block) -> impl Iterator<Item = (Block, Edge)> + '_ {
    let jump = func.terminator(block).and_then(|i| match func.op(i) {
        Op::Goto { target, .. } | Op::Branch { target, .. } | Op::MayGoto { target } => {
            Some((*target, Edge::Jump))
        }
        _ => None,
    });
    jump.into_iter().chain(func.block(block).next.map(|b| (b, Edge::Fallthrough)))
}
