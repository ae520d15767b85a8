//! Whole-object liveness: what nothing needs any more leaves the object.
//!
//! Two graphs of what needs what ([`Graph`]) are compared, one with the code as it was read,
//! one with the code after folding. What the first one's roots need and the second one's do
//! not has died, and goes. What nothing needed in the first place is somebody else's (a map
//! that only userspace uses, a function that is there to be replaced) and stays as a root of
//! both, unless the user says otherwise. So an object that gives nothing to fold loses
//! nothing, and folding again drops nothing more.
//!
//! Programs in the slots of a prog array are no roots if tail calls of other programs reach
//! them: they live as long as those tail calls.

mod constants;
mod cut;
mod error;
mod explain;
mod globals;
mod graph;
mod interface;
mod options;
mod reason;
mod remove;
mod slice;
mod spans;
mod tables;
mod tail;
mod types;

use std::collections::BTreeSet;

use bpfold_passes::entity::{Func, PerEntity};
use bpfold_passes::ir::Program;
use bpfold_passes::pass::FoldLog;

use crate::Object;
use crate::elf::SectionIndex;
use crate::needs;
use crate::parts::{MapId, Maps, Node, all_programs, functions, is_data, is_data_map, matches};
use crate::report::KeepReason;
pub(crate) use constants::{CutSection, cut_constants};
pub use error::PruneError;
pub(crate) use globals::check_globals;
use graph::Graph;
pub(crate) use interface::make_stubs;
pub(crate) use options::{
    PruneOptions, check_entries, check_function, check_map, check_program, check_tail_map,
};
pub(crate) use reason::{Findings, Reasons, reasons};
pub(crate) use remove::{lifted_without, remove};
pub(crate) use tables::drop_tables;
use tail::{TailCall, tail_calls};
pub(crate) use types::prune_types;

/// What of an object was needed before folding, and what must be needed after it.
pub(crate) struct Scope<'o> {
    object: &'o Object,
    options: &'o PruneOptions,
    pub maps: Maps,
    /// The graph of the code as it was read, and its tail calls.
    graph: Graph,
    tails: Vec<TailCall>,
    /// What needs what by its name.
    named: Vec<(Node, Node)>,
    /// What is needed in it.
    before: BTreeSet<Node>,
    /// What is needed in any case after folding.
    roots: BTreeSet<Node>,
    /// The maps among them that are there for somebody else, and why.
    pub kept: Vec<(Node, KeepReason)>,
    /// Prog arrays that hold the programs in their slots.
    holding: BTreeSet<MapId>,
}

/// What variables say of the sections that they are in.
#[derive(Clone, Debug, Default)]
pub(crate) struct DataSections {
    /// Something in them can still be set, so they must stay.
    pub open: BTreeSet<SectionIndex>,
    /// The user has said of some variable that it cannot be set, and none can: they can go
    /// although nothing has named them in the first place.
    pub closed: BTreeSet<SectionIndex>,
    /// The user wants a variable in them to stay declared.
    pub asked: BTreeSet<SectionIndex>,
}

/// What is needed after folding.
pub(crate) struct Live {
    pub nodes: BTreeSet<Node>,
    pub tails: Vec<TailCall>,
    graph: Graph,
}

impl Live {
    /// What a function needs, directly or not, and it itself.
    pub fn needs(&self, func: Func) -> BTreeSet<Node> {
        self.graph.reach([Node::Func(func)])
    }
}

impl<'o> Scope<'o> {
    /// The graph of an object as it was read, and what is needed in it.
    pub fn new(
        object: &'o Object,
        options: &'o PruneOptions,
        sections: &DataSections,
    ) -> Scope<'o> {
        let maps = Maps::new(object, &options.tail_maps);
        let program = object.program();
        let outside = needs::roots(object);
        let tails = tail_calls(object, &maps, program, &outside, &PerEntity::default());
        let graph =
            |named: &[_]| Graph::new(object, &maps, program, &tails, &BTreeSet::new(), named);
        let by_code = graph(&[]);
        let host = !options.prune_maps;
        let named = needs::needed_by_name(object, &maps, host, |node| by_code.reach([node]));
        let graph = graph(&named);

        let in_slots: BTreeSet<Func> = maps.filled().flat_map(|(_, def)| def.programs()).collect();
        let is_program = |func: &Func| object.links().is_program(program, *func);
        let first = outside.iter().filter(|func| is_program(func) && !in_slots.contains(func));
        let mut funcs: BTreeSet<Node> = first.map(|func| Node::Func(*func)).collect();
        let reached = graph.reach(funcs.iter().copied());
        let others = outside.iter().map(|func| Node::Func(*func));
        funcs.extend(others.filter(|node| !reached.contains(node)));
        let by_code = graph.reach(funcs.iter().copied());
        let unnamed: BTreeSet<Node> = graph
            .nodes()
            .filter(|node| matches!(node, Node::Map(_) | Node::Data(_)) && !by_code.contains(node))
            .collect();
        let mut before = graph.reach(funcs.iter().chain(&unnamed).copied());

        let mut scope = Scope {
            object,
            options,
            maps,
            graph,
            tails,
            named,
            before: BTreeSet::new(),
            roots: funcs,
            kept: Vec::new(),
            holding: BTreeSet::new(),
        };
        scope.choose_functions();
        scope.choose_maps(&unnamed);
        scope.choose_sections(&unnamed, sections);
        scope.choose_externs();
        // What may go although nothing has died.
        before.extend(unnamed.iter().filter(|node| !scope.roots.contains(node)));
        scope.before = before;
        scope
    }

    /// Whether the user wants a section of data to stay.
    pub fn is_asked(&self, section: SectionIndex) -> bool {
        self.kept.contains(&(Node::Data(section), KeepReason::Asked))
    }

    fn choose_functions(&mut self) {
        let Scope { object, options, .. } = *self;
        if !options.entries.is_empty() {
            self.roots.clear();
            let entries = all_programs(object, &options.entries);
            self.roots.extend(entries.into_iter().map(Node::Func));
        }
        for func in all_programs(object, &options.drops) {
            self.roots.remove(&Node::Func(func));
            self.maps.empty_slots_of(func);
        }
        let kept = functions(object, &options.keep_functions);
        self.roots.extend(kept.into_iter().map(Node::Func));
    }

    fn choose_maps(&mut self, unnamed: &BTreeSet<Node>) {
        for (map, def) in self.maps.defs.iter() {
            let node = Node::Map(map);
            let why = if matches(&self.options.keep_maps, &def.name) {
                KeepReason::Asked
            } else if def.tagged {
                KeepReason::Tagged
            } else if def.numbered {
                KeepReason::Numbered
            } else if !self.options.prune_maps && def.pinned {
                KeepReason::Pinned
            } else if !self.options.prune_maps && unnamed.contains(&node) {
                KeepReason::NeverUsed
            } else if self.options.interface {
                KeepReason::Interface
            } else {
                continue;
            };
            // A map that only its name keeps holds no program in its slots.
            if why != KeepReason::Interface {
                self.holding.insert(map);
            }
            self.kept.push((node, why));
            self.roots.insert(node);
        }
    }

    fn choose_sections(
        &mut self,
        unnamed: &BTreeSet<Node>,
        DataSections { open, closed, asked }: &DataSections,
    ) {
        for (index, section) in self.object.elf().sections.iter() {
            let node = Node::Data(index);
            let name = String::from_utf8_lossy(&section.name);
            let goes = closed.contains(&index) || is_data_map(section) && self.options.no_globals;
            let why = if !is_data(section) {
                continue;
            } else if asked.contains(&index) || matches(&self.options.keep_maps, &name) {
                KeepReason::Asked
            } else if open.contains(&index) {
                KeepReason::Open
            } else if needs::is_section_found(self.object, index, section) {
                KeepReason::FoundByName
            } else if unnamed.contains(&node) && !goes {
                KeepReason::NeverUsed
            } else if self.options.interface && interface::is_map(section) {
                KeepReason::Interface
            } else {
                continue;
            };
            self.kept.push((node, why));
            self.roots.insert(node);
        }
    }

    fn choose_externs(&mut self) {
        if self.options.interface {
            for symbol in interface::externs(self.object) {
                let node = Node::Extern(symbol);
                self.kept.push((node, KeepReason::Interface));
                self.roots.insert(node);
            }
        }
    }

    /// What is needed of the object with the code of `program`.
    /// Outsiders enter the code at `entered`; `stay` are functions that must stay.
    pub fn live(
        &self,
        program: &Program,
        entered: &[Func],
        log: &FoldLog,
        stay: &BTreeSet<Func>,
    ) -> Live {
        let Scope { object, maps, .. } = self;
        let tails = tail_calls(object, maps, program, entered, &log.levels);
        let graph = Graph::new(object, maps, program, &tails, &self.holding, &self.named);
        let stay = stay.iter().copied().map(Node::Func);
        let nodes = graph.reach(self.roots.iter().copied().chain(stay));
        Live { nodes, tails, graph }
    }

    /// The functions that go: they have died, or the user has named other roots.
    pub fn gone(&self, live: &Live) -> BTreeSet<Func> {
        let only = !self.options.entries.is_empty();
        let dropped = all_programs(self.object, &self.options.drops);
        let funcs = self.object.program().funcs.keys();
        funcs
            .filter(|func| {
                let node = Node::Func(*func);
                let may_go = only || dropped.contains(func) || self.before.contains(&node);
                may_go && !live.nodes.contains(&node)
            })
            .collect()
    }

    /// The functions that somebody outside of the code can enter.
    pub fn entered(&self, gone: &BTreeSet<Func>) -> Vec<Func> {
        let mut entered: BTreeSet<Func> = needs::roots(self.object).into_iter().collect();
        entered.extend(self.roots.iter().filter_map(|node| match node {
            Node::Func(func) => Some(*func),
            Node::Map(_) | Node::Data(_) | Node::Extern(_) => None,
        }));
        entered.into_iter().filter(|func| !gone.contains(func)).collect()
    }

    /// A program that cannot be dropped, since what is kept holds its address.
    pub fn check_drops(&self, live: &Live) -> Result<(), PruneError> {
        for func in all_programs(self.object, &self.options.drops) {
            let users = live.graph.users(Node::Func(func));
            let holder = users
                .iter()
                .find(|(user, need)| *need == graph::Need::Data && live.nodes.contains(user));
            if let Some((holder, _)) = holder {
                return Err(PruneError::Held {
                    program: self.object.program().funcs[func].name.clone(),
                    holder: self.name(*holder),
                });
            }
        }
        Ok(())
    }

    /// The name of a part of the object.
    pub fn name(&self, node: Node) -> String {
        let elf = self.object.elf();
        match node {
            Node::Func(func) => self.object.program().funcs[func].name.clone(),
            Node::Map(map) => self.maps.defs[map].name.clone(),
            Node::Data(section) => elf.section_id(section).name,
            Node::Extern(symbol) => elf.symbols.get(symbol).map_or_else(String::new, |symbol| {
                String::from_utf8_lossy(&symbol.name).into_owned()
            }),
        }
    }

    /// What has died of the kind that `pick` picks, in order.
    pub fn dead<'a, T>(
        &'a self,
        live: &'a Live,
        pick: impl Fn(Node) -> Option<T> + 'a,
    ) -> impl Iterator<Item = T> + 'a {
        let dead = self.before.iter().filter(|node| !live.nodes.contains(node));
        dead.filter_map(move |node| pick(*node))
    }
}
