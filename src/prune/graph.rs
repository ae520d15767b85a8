//! What needs what: functions, maps, data sections and externs, and how they name each other.

use std::collections::{BTreeMap, BTreeSet};

use bpfold_passes::ir::{Function, Op, Program};
use bpfold_passes::isa::{Callee, Imm64};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, EdgeRef};

use super::tail::TailCall;
use crate::Object;
use crate::elf::{SectionIndex, SymbolKind, SymbolPlace};
use crate::parts::{MapId, Maps, Node, is_data, ops};
use crate::sections::live_relocs;

/// How one part needs another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// An instruction names it: a call, or an address.
    Code,
    /// A tail call enters it.
    TailCall,
    /// Its address is in data.
    Data,
    /// A loader or a kernel finds it by its name ([`needs`](crate::needs)).
    Name,
}

/// The graph of an object with one state of its code.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    graph: DiGraph<Node, Need>,
    nodes: BTreeMap<Node, NodeIndex>,
}

impl Graph {
    /// The graph of an object with the code of `program`. A prog array holds the programs in
    /// its slots only if it is in `holding`; otherwise only tail calls do. `named` is what needs
    /// what by its name.
    pub fn new(
        object: &Object,
        maps: &Maps,
        program: &Program,
        tails: &[TailCall],
        holding: &BTreeSet<MapId>,
        named: &[(Node, Node)],
    ) -> Graph {
        let mut graph = Graph { graph: DiGraph::new(), nodes: BTreeMap::new() };
        program.funcs.keys().for_each(|func| graph.add(Node::Func(func)));
        maps.defs.keys().for_each(|map| graph.add(Node::Map(map)));
        for (index, section) in object.elf().sections.iter() {
            if is_data(section) {
                graph.add(Node::Data(index));
            }
        }
        for (index, symbol) in object.elf().symbols.iter().skip(1) {
            if symbol.place == SymbolPlace::Undefined {
                graph.add(Node::Extern(index));
            }
        }
        graph.code(object, maps, program);
        graph.tail_calls(maps, tails);
        graph.data(object, maps, holding);
        named.iter().for_each(|(from, to)| graph.need(*from, *to, Need::Name));
        graph
    }

    fn add(&mut self, node: Node) {
        let index = self.graph.add_node(node);
        self.nodes.insert(node, index);
    }

    fn need(&mut self, from: Node, to: Node, need: Need) {
        if let (Some(&from), Some(&to)) = (self.nodes.get(&from), self.nodes.get(&to)) {
            match self.graph.find_edge(from, to) {
                Some(_) if need == Need::Name => {}
                _ => drop(self.graph.update_edge(from, to, need)),
            }
        }
    }

    fn code(&mut self, object: &Object, maps: &Maps, program: &Program) {
        let links = object.links();
        for (id, func) in program.funcs.iter() {
            for op in ops(func) {
                if let Some(node) = named(object, maps, &op) {
                    self.need(Node::Func(id), node, Need::Code);
                }
            }
            for node in unclear(object, maps, func) {
                self.need(Node::Func(id), node, Need::Code);
            }
            let empty = func.opaque.is_none() && func.layout().is_empty();
            for &into in
                links.funcs.get(id).filter(|_| !empty).into_iter().flat_map(|l| &l.runs_into)
            {
                self.need(Node::Func(id), Node::Func(into), Need::Code);
            }
        }
    }

    fn tail_calls(&mut self, maps: &Maps, tails: &[TailCall]) {
        for call in tails {
            for def in call.maps.iter().filter_map(|map| maps.defs.get(*map)) {
                let entered = def.slots.iter().filter(|(slot, _)| call.enters(**slot));
                for func in entered.map(|(_, func)| func).chain(&def.anywhere) {
                    self.need(Node::Func(call.func), Node::Func(*func), Need::TailCall);
                }
            }
        }
    }

    fn data(&mut self, object: &Object, maps: &Maps, holding: &BTreeSet<MapId>) {
        let elf = object.elf();
        let holder = |section: SectionIndex, offset: u64| {
            maps.at(section, offset).map_or(Node::Data(section), Node::Map)
        };
        for address in &object.links().addresses {
            let from = holder(address.section, address.offset);
            let by_tail_calls = |map: MapId| {
                let def = &maps.defs[map];
                let in_slot = def.programs().any(|func| func == address.place.func);
                in_slot && !holding.contains(&map) || def.emptied.contains(&address.place.func)
            };
            if !matches!(from, Node::Map(map) if by_tail_calls(map)) {
                self.need(from, Node::Func(address.place.func), Need::Data);
            }
        }
        for (map, def) in maps.filled().filter(|(map, _)| holding.contains(map)) {
            for func in def.programs() {
                self.need(Node::Map(map), Node::Func(func), Need::Data);
            }
        }
        for (section, reloc) in live_relocs(elf) {
            let data = elf.sections.get(section).is_some_and(|section| !section.is_code());
            let Some(symbol) = elf.symbols.get(reloc.symbol).filter(|_| data) else { continue };
            let to = match symbol.place {
                SymbolPlace::Undefined => Node::Extern(reloc.symbol),
                SymbolPlace::Section(to) => {
                    let whole = symbol.kind == SymbolKind::Section;
                    let addend = if whole { addend(object, section, reloc.offset) } else { 0 };
                    holder(to, symbol.value.wrapping_add(addend))
                }
                SymbolPlace::Absolute | SymbolPlace::Common | SymbolPlace::Other(_) => continue,
            };
            self.need(holder(section, reloc.offset), to, Need::Data);
        }
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = Node> + '_ {
        self.nodes.keys().copied()
    }

    /// What `roots` need, directly or not, and they themselves.
    pub fn reach(&self, roots: impl IntoIterator<Item = Node>) -> BTreeSet<Node> {
        let mut dfs = Dfs::empty(&self.graph);
        let mut reached = BTreeSet::new();
        for root in roots.into_iter().filter_map(|root| self.nodes.get(&root)) {
            dfs.move_to(*root);
            while let Some(node) = dfs.next(&self.graph) {
                reached.insert(self.graph[node]);
            }
        }
        reached
    }

    /// What a node needs directly, and how, in order.
    pub fn needs(&self, node: Node) -> Vec<(Node, Need)> {
        let Some(&index) = self.nodes.get(&node) else { return Vec::new() };
        let edges = self.graph.edges_directed(index, Direction::Outgoing);
        let mut needed: Vec<(Node, Need)> =
            edges.map(|edge| (self.graph[edge.target()], *edge.weight())).collect();
        needed.sort_by_key(|(node, _)| *node);
        needed
    }

    /// What needs a node directly, and how, in order.
    pub fn users(&self, node: Node) -> Vec<(Node, Need)> {
        let Some(&index) = self.nodes.get(&node) else { return Vec::new() };
        let edges = self.graph.edges_directed(index, Direction::Incoming);
        let mut users: Vec<(Node, Need)> =
            edges.map(|edge| (self.graph[edge.source()], *edge.weight())).collect();
        users.sort_by_key(|(node, _)| *node);
        users
    }
}

/// What the relocations of carried instructions name, also where the byte is not clear.
fn unclear(object: &Object, maps: &Maps, func: &Function) -> Vec<Node> {
    let items = func.opaque.iter().flat_map(|body| &body.items);
    let links = items.filter_map(|item| object.links().relocs.get(item.reloc?));
    let relocs = links.flat_map(|link| std::iter::once(&link.reloc).chain(&link.more));
    let named = relocs.filter_map(|reloc| {
        let symbol = object.elf().symbols.get(reloc.symbol)?;
        let Some(section) = symbol.section() else { return Some(Node::Extern(reloc.symbol)) };
        Some(maps.at(section, symbol.value).map_or(Node::Data(section), Node::Map))
    });
    named.collect()
}

/// What an instruction names.
pub(crate) fn named(object: &Object, maps: &Maps, op: &Op) -> Option<Node> {
    let links = object.links();
    let external = |ext| links.externs.get(ext).map(|link| Node::Extern(link.symbol));
    match op {
        Op::Call(Callee::Func(func)) => Some(Node::Func(*func)),
        Op::Call(Callee::Extern(ext)) => external(*ext),
        Op::LdImm64 { imm, .. } => match imm {
            Imm64::Func(func) => Some(Node::Func(*func)),
            Imm64::Map(map) => maps.of(object, *map).map(Node::Map),
            Imm64::Section { section, .. } => {
                links.sections.get(*section).map(|link| Node::Data(link.index))
            }
            Imm64::Extern(ext) => external(*ext),
            Imm64::Const(_) | Imm64::Pseudo { .. } => None,
        },
        _ => None,
    }
}

/// The eight bytes, or four, that a relocation adds to. Only the low half matters.
fn addend(object: &Object, section: SectionIndex, offset: u64) -> u64 {
    let elf = object.elf();
    let bytes = elf.sections.get(section).and_then(|section| section.bytes()).unwrap_or_default();
    let Ok(start) = usize::try_from(offset) else { return 0 };
    let rest = bytes.get(start..).unwrap_or_default();
    match (elf.endian, rest.first_chunk::<8>(), rest.first_chunk::<4>()) {
        (crate::elf::Endian::Little, _, Some(bytes)) => u64::from(u32::from_le_bytes(*bytes)),
        (crate::elf::Endian::Big, Some(bytes), _) => u64::from_be_bytes(*bytes) & 0xffff_ffff,
        _ => 0,
    }
}
