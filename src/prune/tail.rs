//! Tail calls: which slots of which prog arrays live code enters.

use std::collections::BTreeSet;

use bpfold_passes::analysis::constants::Facts;
use bpfold_passes::analysis::number::Number;
use bpfold_passes::analysis::value::Value;
use bpfold_passes::entity::{Func, PerEntity};
use bpfold_passes::helpers::Helper;
use bpfold_passes::ir::{Op, Program};
use bpfold_passes::isa::{self, Callee, Cond, Imm64, Reg, Width};
use bpfold_passes::pass::Level;

use crate::Object;
use crate::parts::{MapId, Maps, ops};

/// A tail call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TailCall {
    /// The function that it is in.
    pub func: Func,
    /// Slot of the original instruction, from the function's start.
    pub at: Option<u32>,
    /// The prog arrays that it can be through.
    pub maps: Vec<MapId>,
    /// What is known of the index.
    pub index: Number,
}

impl TailCall {
    /// Whether the index can be this one. The kernel takes the low half of the register
    /// (`JMP_TAIL_CALL` of kernel/bpf/core.c).
    pub fn enters(&self, slot: u32) -> bool {
        let slot = Number::constant(u64::from(slot));
        Number::decide(Width::W32, Cond::Eq, &self.index, &slot) != Some(false)
    }

    /// The index, if it is one number.
    pub fn constant_index(&self) -> Option<u32> {
        self.index.as_constant().map(|index| index as u32)
    }
}

/// The tail calls that can be reached from `roots`, through prog arrays of which it is known what
/// fills them.
pub(crate) fn tail_calls(
    object: &Object,
    maps: &Maps,
    program: &Program,
    roots: &[Func],
    levels: &PerEntity<Func, Level>,
) -> Vec<TailCall> {
    let filled: Vec<MapId> = maps.filled().map(|(map, _)| map).collect();
    if filled.is_empty() {
        return Vec::new();
    }
    let mut calls = all_tail_calls(object, maps, program, roots, levels);
    for call in &mut calls {
        // Code that is not understood can have others than those that it names.
        let is_exact = call.at.is_some() && !call.maps.is_empty();
        call.maps.retain(|map| filled.contains(map));
        if call.maps.is_empty() && !is_exact {
            call.maps.clone_from(&filled);
        }
    }
    calls
}

/// The tail calls that can be reached from `roots`, through whatever prog arrays; without any
/// where it is not known through which.
fn all_tail_calls(
    object: &Object,
    maps: &Maps,
    program: &Program,
    roots: &[Func],
    levels: &PerEntity<Func, Level>,
) -> Vec<TailCall> {
    let facts = Facts::new(program, roots, levels);
    let mut calls = Vec::new();
    for (id, func) in program.funcs.iter().filter(|(id, _)| facts.is_reached(*id)) {
        if func.opaque.is_some() || levels[id] == Level::None {
            if ops(func).any(|op| is_tail_call(&op)) {
                let named: BTreeSet<MapId> = ops(func)
                    .filter_map(|op| match op {
                        Op::LdImm64 { imm: Imm64::Map(map), .. } => maps.of(object, map),
                        _ => None,
                    })
                    .filter(|map| maps.defs[*map].is_prog_array)
                    .collect();
                let maps = named.into_iter().collect();
                calls.push(TailCall { func: id, at: None, maps, index: Number::TOP });
            }
            continue;
        }
        for &block in func.layout() {
            facts.walk_before(program, id, block, |inst, state| {
                let data = func.inst(inst);
                if !is_tail_call(&data.op) {
                    return;
                }
                let maps = match state.reg(Reg::R2) {
                    Value::Map(map) => maps.of(object, map).into_iter().collect(),
                    _ => Vec::new(),
                };
                let index = state.reg(Reg::R3).number();
                calls.push(TailCall { func: id, at: data.origin, maps, index });
            });
        }
    }
    calls
}

/// The tail calls that `roots` reach through prog arrays of which it is not known what fills
/// them: the functions that they are in, and the arrays' names.
pub(crate) fn open_tail_calls(
    object: &Object,
    maps: &Maps,
    program: &Program,
    roots: &[Func],
    levels: &PerEntity<Func, Level>,
) -> (BTreeSet<Func>, BTreeSet<String>) {
    let (mut funcs, mut names) = (BTreeSet::new(), BTreeSet::new());
    let filled: BTreeSet<MapId> = maps.filled().map(|(map, _)| map).collect();
    for call in all_tail_calls(object, maps, program, roots, levels) {
        let open = call.maps.iter().filter(|map| !filled.contains(*map));
        let open: Vec<String> = open.map(|map| maps.defs[*map].name.clone()).collect();
        if call.maps.is_empty() || !open.is_empty() {
            funcs.insert(call.func);
            names.extend(open);
        }
    }
    (funcs, names)
}

/// Whether an instruction calls `bpf_tail_call`.
pub(super) fn is_tail_call<T>(op: &isa::Op<T>) -> bool {
    matches!(op, isa::Op::Call(Callee::Helper(number))
        if Helper::get(*number).is_some_and(|helper| helper.tail_call))
}
