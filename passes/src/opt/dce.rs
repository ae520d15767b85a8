//! Dead code elimination: instructions whose result nothing reads, and stores to frame bytes
//! that nothing reads and no pointer reaches.

use crate::analysis::liveness::{Liveness, is_dead};
use crate::entity::{Func, Inst, PerEntity};
use crate::ir::{Function, Program};

/// The instructions of one function that nothing needs.
pub fn collect(program: &Program, live: &Liveness<'_>, func: Func) -> PerEntity<Inst, bool> {
    let function = &program.funcs[func];
    let mut dead = PerEntity::with_default(false);
    for &block in function.layout() {
        live.walk(block, |inst, address, after, _| {
            dead[inst] = is_dead(function.op(inst), address, after);
        });
    }
    dead
}

/// Removes the instructions that [`collect`] found.
pub fn apply(function: &mut Function, dead: &PerEntity<Inst, bool>) {
    for block in function.layout().to_vec() {
        function.retain_insts(block, |inst, _| !dead[inst]);
    }
}
