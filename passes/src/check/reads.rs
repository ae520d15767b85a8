//! Which of `r1` to `r5` each function reads before it writes them: what its callers must
//! pass. Backward liveness over the edges as written, to a fixpoint over all functions.

use crate::entity::{Block, EntityVec, Func, PerEntity};
use crate::helpers::Helper;
use crate::ir::{ExternDecl, Function, Linkage, Op, Program};
use crate::isa::{Callee, Reg, RegSet};

/// The arguments that each function of a program reads, where `code` gives the functions.
/// Of a function that others can call or replace, or that is opaque, all count as read.
pub fn arguments<'a>(
    program: &Program,
    code: impl Fn(Func) -> &'a Function,
) -> EntityVec<Func, RegSet> {
    let all: RegSet = Reg::arguments().collect();
    let is_static = |func: Func| {
        let function = code(func);
        function.linkage == Linkage::Static && function.opaque.is_none()
    };
    let start = |func| if is_static(func) { RegSet::EMPTY } else { all };
    let mut reads: EntityVec<Func, RegSet> = program.funcs.keys().map(start).collect();
    loop {
        let mut changed = false;
        for func in program.funcs.keys().rev().filter(|&func| is_static(func)) {
            let read = at_entry(program, code(func), &reads) & all;
            changed |= read != reads[func];
            reads[func] = read;
        }
        if !changed {
            return reads;
        }
    }
}

/// The arguments that each function reads, whoever can call or replace it: those that the
/// verifier has found initialised. Of a function that is opaque, all.
pub fn initialised(program: &Program) -> EntityVec<Func, RegSet> {
    let all: RegSet = Reg::arguments().collect();
    let start = |f: &Function| if f.opaque.is_some() { all } else { RegSet::EMPTY };
    let mut reads: EntityVec<Func, RegSet> = program.funcs.values().map(start).collect();
    loop {
        let mut changed = false;
        for (func, function) in program.funcs.iter().filter(|(_, f)| f.opaque.is_none()) {
            let read = at_entry(program, function, &reads) & all;
            changed |= read != reads[func];
            reads[func] = read;
        }
        if !changed {
            return reads;
        }
    }
}

fn at_entry(program: &Program, function: &Function, reads: &EntityVec<Func, RegSet>) -> RegSet {
    let mut live: PerEntity<Block, RegSet> = PerEntity::default();
    loop {
        let mut changed = false;
        for &block in function.layout().iter().rev() {
            let after = function.successors(block).fold(RegSet::EMPTY, |set, b| set | live[b]);
            let before = function.block(block).insts.iter().rev().fold(after, |set, &inst| {
                let op = function.op(inst);
                set.without(op.defs()) | uses(program, op, reads)
            });
            changed |= before != live[block];
            live[block] = before;
        }
        if !changed {
            return function.entry().map_or(RegSet::EMPTY, |entry| live[entry]);
        }
    }
}

fn uses(program: &Program, op: &Op, reads: &EntityVec<Func, RegSet>) -> RegSet {
    match op {
        Op::Call(Callee::Helper(number)) => match Helper::get(*number) {
            Some(helper) => Reg::arguments().take(helper.arity()).collect(),
            None => op.uses(),
        },
        Op::Call(Callee::Func(func)) => reads.get(*func).copied().unwrap_or(op.uses()),
        Op::Call(Callee::Extern(ext)) => {
            program.externs.get(*ext).map_or(op.uses(), ExternDecl::arguments)
        }
        _ => op.uses(),
    }
}
