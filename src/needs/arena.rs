//! The arena of a program.
//!
//! A kernel takes `addr_space_cast` only in a program that has an arena, and has one is what
//! names one, in dead code too: it resolves all references before it follows paths
//! (`resolve_pseudo_ldimm64`, `check_alu_op` in kernel/bpf/verifier.c). So if the last instruction
//! that named the arena was dead, one stays where it does nothing: at the start of a function,
//! in `r0`, which has no value there.

use std::collections::BTreeSet;

use crate::Object;
use crate::parts::{Maps, ops};
use crate::passes::entity::{Func, PerEntity};
use crate::passes::ir::{Function, InstData, Linkage, Op, Program};
use crate::passes::isa::{Callee, Imm64, Reg};

/// Where variables of an arena are.
pub(crate) const SECTION: &str = ".addr_space.1";

/// How code names arenas.
pub(super) struct Arenas<'a> {
    object: &'a Object,
    maps: &'a Maps,
}

impl<'a> Arenas<'a> {
    pub fn new(object: &'a Object, maps: &'a Maps) -> Option<Self> {
        maps.defs.values().any(|def| def.is_arena).then_some(Self { object, maps })
    }

    /// Whether an instruction gives its program an arena. libbpf names the map for its variables.
    fn names(&self, op: &Op) -> bool {
        let Op::LdImm64 { imm, .. } = op else { return false };
        match imm {
            Imm64::Map(map) => {
                self.maps.of(self.object, *map).is_some_and(|map| self.maps.defs[map].is_arena)
            }
            Imm64::Section { section, .. } => {
                let link = self.object.links().sections.get(*section);
                link.is_some_and(|link| self.object.elf().section_id(link.index).name == SECTION)
            }
            Imm64::Const(_) | Imm64::Func(_) | Imm64::Extern(_) | Imm64::Pseudo { .. } => false,
        }
    }

    /// Whether the functions cast addresses and none of them names an arena.
    pub fn is_missing(&self, program: &Program, funcs: &BTreeSet<Func>) -> bool {
        let code = || funcs.iter().filter_map(|func| program.funcs.get(*func));
        let casts = code().flat_map(ops).any(|op| matches!(op, Op::AddrSpaceCast { .. }));
        casts && !code().flat_map(ops).any(|op| self.names(&op))
    }

    /// The instruction of the function that names an arena.
    fn naming(&self, function: &Function) -> Option<InstData> {
        let mut insts = function.insts().map(|(_, inst)| function.inst(inst));
        insts.find(|data| self.names(&data.op) && data.core.is_none()).copied()
    }
}

/// What a loader puts together for a program: the functions that its code names.
pub(crate) fn parts(program: &Program, entry: Func) -> BTreeSet<Func> {
    let mut parts = BTreeSet::new();
    let mut work = vec![entry];
    while let Some(func) = work.pop() {
        if !parts.insert(func) {
            continue;
        }
        let Some(function) = program.funcs.get(func) else { continue };
        work.extend(ops(function).filter_map(|op| match op {
            Op::Call(Callee::Func(callee)) => Some(callee),
            Op::LdImm64 { imm: Imm64::Func(callee), .. } => Some(callee),
            _ => None,
        }));
    }
    parts
}

/// Gives programs their arena back that cast addresses and no longer name it.
pub(crate) fn name_arenas(
    object: &Object,
    maps: &Maps,
    original: &Program,
    (program, changed): (&mut Program, &PerEntity<Func, bool>),
    entered: &[Func],
) {
    let Some(arenas) = Arenas::new(object, maps) else { return };
    let is_program = |func: &&Func| original.funcs[**func].linkage == Linkage::Entry;
    for &entry in entered.iter().filter(is_program) {
        let now = parts(program, entry);
        let before = parts(original, entry);
        if !arenas.is_missing(program, &now) || arenas.is_missing(original, &before) {
            continue;
        }
        let known = before.iter().filter_map(|func| arenas.naming(&original.funcs[*func]));
        let Some(mut data) = known.into_iter().next() else { continue };
        if let Op::LdImm64 { dst, .. } = &mut data.op {
            *dst = Reg::R0;
        }
        data.origin = None;
        data.line = None;
        data.line_starts = false;
        // One that has lost its own, so that it does not grow, or else the program's.
        let is_open = |func: &&Func| changed[**func] && program.funcs[**func].entry().is_some();
        let has_lost = |func: &&Func| arenas.naming(&original.funcs[**func]).is_some();
        let open = || now.iter().filter(is_open);
        let place = open().find(has_lost).or(open().find(|func| **func == entry)).or(open().next());
        if let Some(&place) = place {
            put_first(&mut program.funcs[place], data);
        }
    }
}

/// Puts an instruction before all others of a function, where no jump leads to.
fn put_first(function: &mut Function, data: InstData) {
    let Some(entry) = function.entry() else { return };
    let mut layout = function.layout().to_vec();
    let first = function.push_block();
    function.push_inst(first, data);
    function.set_next(first, Some(entry));
    layout.insert(0, first);
    function.set_layout(layout);
}
