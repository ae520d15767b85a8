//! The call graph of a program, as a petgraph graph.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::unionfind::UnionFind;
use petgraph::visit::{EdgeFiltered, EdgeRef, IntoNeighbors};

use crate::entity::{Entity, Func, PerEntity};
use crate::ir::{Function, Program};
use crate::isa::{Callee, Imm64, Op};

/// How a function names another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mention {
    /// It calls it.
    Call,
    /// It takes its address.
    Address,
}

/// Which function names which, dead code included.
#[derive(Clone, Debug)]
pub struct CallGraph {
    graph: DiGraph<Func, Mention>,
}

impl CallGraph {
    /// The call graph of `program`.
    pub fn new(program: &Program) -> CallGraph {
        let mut graph = DiGraph::new();
        let nodes: Vec<_> = program.funcs.keys().map(|f| graph.add_node(f)).collect();
        for (&node, function) in nodes.iter().zip(program.funcs.values()) {
            for_each_mention(function, |func, mention| {
                if let Some(&to) = nodes.get(func.index()) {
                    graph.add_edge(node, to, mention);
                }
            });
        }
        CallGraph { graph }
    }

    /// The functions that can call themselves, directly or not, by callbacks too.
    pub fn recursive(&self) -> PerEntity<Func, bool> {
        self.in_circles(|_| true)
    }

    /// The functions that call themselves, directly or not, by calls alone: kernels refuse
    /// them (`check_max_stack_depth` of the verifier). A timer's callback may name itself.
    pub fn calling_themselves(&self) -> PerEntity<Func, bool> {
        self.in_circles(|mention| mention == Mention::Call)
    }

    fn in_circles(&self, follow: impl Fn(Mention) -> bool) -> PerEntity<Func, bool> {
        let mut recursive = PerEntity::with_default(false);
        let graph = EdgeFiltered::from_fn(&self.graph, |edge| follow(*edge.weight()));
        // The other algorithm of petgraph recurses as deep as calls go.
        for component in kosaraju_scc(&graph) {
            let cyclic = match component.as_slice() {
                [one] => graph.neighbors(*one).any(|next| next == *one),
                _ => true,
            };
            for node in component {
                recursive[self.graph[node]] = cyclic;
            }
        }
        recursive
    }

    /// The functions that no code names.
    pub fn unnamed(&self) -> impl Iterator<Item = Func> + '_ {
        self.graph.externals(petgraph::Direction::Incoming).map(|n| self.graph[n])
    }

    /// For each function one of its component, the same for all that have to do with each other:
    /// by calls and addresses in any direction.
    pub fn components(&self) -> PerEntity<Func, Func> {
        let mut sets = UnionFind::new(self.graph.node_count());
        for edge in self.graph.edge_references() {
            sets.union(edge.source().index(), edge.target().index());
        }
        let mut components = PerEntity::with_default(Func::from_index(0));
        for (at, set) in sets.into_labeling().into_iter().enumerate() {
            components[Func::from_index(at)] = Func::from_index(set);
        }
        components
    }

    /// The functions that name `func`, once for each mention.
    pub fn naming(&self, func: Func) -> impl Iterator<Item = Func> + '_ {
        let node = NodeIndex::new(func.index());
        self.graph.neighbors_directed(node, petgraph::Direction::Incoming).map(|n| self.graph[n])
    }

    /// The functions that `roots` reach by calls and addresses, the roots included.
    pub fn reachable(&self, roots: impl IntoIterator<Item = Func>) -> PerEntity<Func, bool> {
        let mut reached = PerEntity::with_default(false);
        let mut work: Vec<Func> = roots.into_iter().collect();
        while let Some(func) = work.pop() {
            if std::mem::replace(&mut reached[func], true) {
                continue;
            }
            // Nodes are in the order of functions.
            let node = NodeIndex::new(func.index());
            work.extend(self.graph.neighbors(node).map(|n| self.graph[n]));
        }
        reached
    }
}

/// Calls `f` for each function that `function`'s code names.
pub fn for_each_mention(function: &Function, mut f: impl FnMut(Func, Mention)) {
    match &function.opaque {
        Some(body) => body.items.iter().filter_map(|i| i.op).for_each(|op| mention(&op, &mut f)),
        None => function.insts().for_each(|(_, inst)| mention(function.op(inst), &mut f)),
    }
}

fn mention<T>(op: &Op<T>, f: &mut impl FnMut(Func, Mention)) {
    match op {
        Op::Call(Callee::Func(func)) => f(*func, Mention::Call),
        Op::LdImm64 { imm: Imm64::Func(func), .. } => f(*func, Mention::Address),
        _ => {}
    }
}
