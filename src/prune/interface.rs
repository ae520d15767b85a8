//! What bindings made from an object name: its maps, programs and variables.
//!
//! Skeletons of libbpf and libbpf-rs (`bpf_object__open_skeleton`: `populate_skeleton_maps` and
//! `populate_skeleton_progs` fail on a name that is missing), structs of bpf2go (`LoadAndAssign`
//! of cilium/ebpf) and `map`, `program` and `override_global` of aya look these names up. With
//! [`PruneOptions::interface`](super::PruneOptions::interface) all of them stay, and what nothing
//! needs costs as little as that allows: no program names a dead map, so a loader can leave its
//! creation out, and a dead program only returns.

use std::collections::BTreeSet;

use bpfold_passes::entity::{Func, Line};
use bpfold_passes::ir::{Function, InstData, Op, Program};
use bpfold_passes::isa::{Operand, Reg, Width};

use crate::Object;
use crate::elf::{Section, SymbolIndex};
use crate::parts::is_data_map;

/// Whether loaders make maps of a section that bindings name: data sections, and each variable of
/// `.struct_ops` sections.
pub(super) fn is_map(section: &Section) -> bool {
    is_data_map(section) || section.name.starts_with(b".struct_ops")
}

/// The variables of `.kconfig`: libbpf makes a map of them, which skeletons name.
pub(super) fn externs(object: &Object) -> Vec<SymbolIndex> {
    let Some(btf) = object.btf() else { return Vec::new() };
    let Some((_, datasec)) = btf.find_datasec(".kconfig") else { return Vec::new() };
    let names: BTreeSet<&[u8]> =
        datasec.vars.iter().map(|var| btf.bytes(btf.ty(var.var).name)).collect();
    let symbols = object.elf().symbols.iter().skip(1);
    let named = symbols
        .filter(|(_, symbol)| symbol.section().is_none() && names.contains(symbol.name.as_slice()));
    named.map(|(index, _)| index).collect()
}

/// Lets the programs among the functions that are `gone` return at once, and gives their list.
pub(crate) fn make_stubs(
    object: &Object,
    program: &mut Program,
    gone: &BTreeSet<Func>,
) -> BTreeSet<Func> {
    let links = object.links();
    let is_program = |func: &Func| links.is_program(object.program(), *func);
    let stubs: BTreeSet<Func> = gone.iter().copied().filter(is_program).collect();
    for &func in &stubs {
        let Some(stub) = program.funcs.get_mut(func) else { continue };
        let section = links.funcs.get(func).map(|link| object.elf().section_id(link.section).name);
        let line = object.program().funcs.get(func).and_then(first_line);
        fill(stub, line, result(section.as_deref().unwrap_or_default()));
    }
    stubs
}

/// `r0 = RESULT; exit`.
fn fill(function: &mut Function, line: Option<Line>, result: i32) {
    function.clear();
    let block = function.push_block();
    let set = Op::Mov { width: Width::W64, dst: Reg::R0, src: Operand::Imm(result) };
    // Kernels want a line at the start of each function, if any has lines.
    let line_starts = line.is_some();
    function.push_inst(block, InstData { line, line_starts, ..InstData::new(set) });
    function.push_inst(block, InstData { line, ..InstData::new(Op::Exit) });
}

/// The line that a function begins with.
fn first_line(function: &Function) -> Option<Line> {
    match &function.opaque {
        Some(body) => body.items.first()?.line,
        None => function.insts().next().and_then(|(_, inst)| function.inst(inst).line),
    }
}

/// Programs of these sections must return 1 (`check_return_code` of kernel/bpf/verifier.c:
/// `recvmsg`, `getpeername` and `getsockname` always, `lsm_cgroup` where the hook returns
/// nothing, and 1 is allowed where it returns a number). All others may return 0.
const RETURN_ONE: [&str; 4] =
    ["cgroup/recvmsg", "cgroup/getpeername", "cgroup/getsockname", "lsm_cgroup"];

fn result(section: &str) -> i32 {
    let section = section.trim_start_matches('?');
    i32::from(RETURN_ONE.iter().any(|start| section.starts_with(start)))
}
