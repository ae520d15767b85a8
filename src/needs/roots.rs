//! What enters the code from outside.

use std::collections::BTreeSet;

use super::callbacks;
use crate::Object;
use crate::passes::analysis::calls::CallGraph;
use crate::passes::entity::Func;

/// The functions that can be entered from outside of the code: programs, also those that other
/// code calls; what data holds the address of; what no code calls, since a loader or a program
/// that replaces it may; what kernels call by a declaration tag; what control runs into without
/// a call.
pub(crate) fn roots(object: &Object) -> Vec<Func> {
    let program = object.program();
    let links = object.links();
    let is_program = |func: &Func| links.is_program(program, *func);
    let mut roots: BTreeSet<Func> = program.funcs.keys().filter(is_program).collect();
    // What a jump table leads to is entered by the function's own jumps.
    let addresses = links.addresses.iter();
    let addresses = addresses.filter(|at| links.table_at(at.section, at.offset).is_none());
    roots.extend(addresses.map(|address| address.place.func));
    roots.extend(links.funcs.values().flat_map(|link| link.runs_into.iter().copied()));
    roots.extend(CallGraph::new(program).unnamed());
    roots.extend(callbacks(object).into_iter().map(|(_, callback)| callback));
    roots.into_iter().collect()
}
