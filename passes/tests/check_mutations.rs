//! Mutation tests of the checker: rewritten programs are damaged, one instruction at a time,
//! in ways in which a pass could go wrong. Every damage that changes behaviour is refused.
//!
//! What the checker accepts, the interpreter runs against the original on many inputs: if they
//! ever differ, the checker has missed a miscompile. What no run can tell, whether the verifier
//! takes a value for a number or for a pointer, is changed by hand. `BPFOLD_CASES` sets how many
//! programs are damaged, `BPFOLD_SEED` the first of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking and tell what they counted"
)]

mod common;

use std::collections::BTreeMap;

use bpfold_passes::check;
use bpfold_passes::entity::{Block, Func, Inst};
use bpfold_passes::interp::{self, MapShape};
use bpfold_passes::ir::{self, Function, InstData, Linkage, Op, Program};
use bpfold_passes::isa::{AluOp, AtomicOp, Callee, Imm64, Operand, Reg, Size, Width};
use bpfold_passes::pass::{self, Options};
use bpfold_passes::testing::{Case, FUEL};
use bpfold_passes::text::{self, Printer};

use common::{number, with_origins};

/// Inputs on which an accepted program is compared with the original.
const INPUTS: u64 = 24;

/// Choices of each damage at each place of the cases of rules.
const CHOICES: u64 = 2;

/// A way to damage a function: what becomes of the instruction at a position of a block, with
/// a number to choose by. None if it does not apply there.
type Damage = fn(&mut Function, Block, usize, u64) -> Option<()>;

const KINDS: &[(&str, Damage)] = &[
    ("wrong immediate", wrong_immediate),
    ("wrong constant of ldimm64", wrong_ldimm64),
    ("swapped operands", swapped_operands),
    ("wrong source register", wrong_source),
    ("wrong destination register", wrong_destination),
    ("wrong operation", wrong_operation),
    ("wrong width", wrong_width),
    ("wrong load size or sign", wrong_load_size),
    ("wrong store size", wrong_store_size),
    ("wrong load offset", wrong_load_offset),
    ("wrong store offset", wrong_store_offset),
    ("wrong atomic operation", wrong_atomic),
    ("wrong condition", wrong_condition),
    ("branch the wrong way", inverted_branch),
    ("branch always taken", branch_taken),
    ("branch never taken", branch_not_taken),
    ("edge to another block", other_edge),
    ("dropped store", dropped_store),
    ("dropped call", dropped_call),
    ("dropped load", dropped_load),
    ("dropped computation", dropped_computation),
    ("wrong callee", wrong_callee),
    ("clobbered register read after a call", clobbered),
    ("early return", early_return),
    ("wrong result", wrong_result),
    ("neighbours in the wrong order", reordered),
    ("store done twice", doubled_store),
    ("call done twice", doubled_call),
];

/// Damage to programs that jump by a table.
const TABLE_KINDS: &[(&str, Damage)] = &[
    ("entry of a jump table to another block", other_entry),
    ("entries of a jump table exchanged", exchanged_entries),
    ("jump by a table decided", jump_decided),
    ("wrong load offset", wrong_load_offset),
    ("wrong constant of ldimm64", wrong_ldimm64),
    ("wrong operation", wrong_operation),
];

fn data(function: &Function, block: Block, at: usize) -> (Inst, InstData) {
    let inst = function.block(block).insts[at];
    (inst, *function.inst(inst))
}

fn set(function: &mut Function, inst: Inst, op: Op) -> Option<()> {
    let data = *function.inst(inst);
    if data.core.is_some() || data.op == op || op.defs().contains(Reg::FP) {
        return None;
    }
    function.replace(inst, op);
    function.attach(inst, |new| new.reloc = data.reloc);
    Some(())
}

fn drop_inst(function: &mut Function, block: Block, inst: Inst) -> Option<()> {
    function.retain_insts(block, |i, _| i != inst);
    Some(())
}

fn other_reg(reg: Reg, choice: u64) -> Reg {
    let number = (u64::from(reg.number()) + 1 + choice % 9) % 10;
    Reg::new(number as u8).unwrap_or(Reg::R0)
}

fn changed_imm(imm: i32, choice: u64) -> i32 {
    match choice % 4 {
        0 => imm.wrapping_add(1),
        1 => imm.wrapping_sub(1),
        2 => imm ^ (1 << (choice / 4 % 32)),
        _ => imm.wrapping_neg(),
    }
}

fn wrong_immediate(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let change = |src: Operand| match src {
        Operand::Imm(imm) => Some(Operand::Imm(changed_imm(imm, choice))),
        Operand::Reg(_) => None,
    };
    let op = match data.op {
        Op::Alu { width, op, dst, src } => Op::Alu { width, op, dst, src: change(src)? },
        Op::Mov { width, dst, src } => Op::Mov { width, dst, src: change(src)? },
        Op::Store { size, base, off, src } => Op::Store { size, base, off, src: change(src)? },
        Op::Branch { width, cond, dst, src, target } => {
            Op::Branch { width, cond, dst, src: change(src)?, target }
        }
        _ => return None,
    };
    set(f, inst, op)
}

fn wrong_ldimm64(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let Op::LdImm64 { dst, imm } = data.op else { return None };
    let imm = match imm {
        Imm64::Const(value) => Imm64::Const(value ^ (1 << (choice % 64))),
        Imm64::Section { section, offset } => {
            Imm64::Section { section, offset: offset + 1 + (choice % 4) as i64 }
        }
        _ => return None,
    };
    set(f, inst, Op::LdImm64 { dst, imm })
}

fn swapped_operands(f: &mut Function, block: Block, at: usize, _: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let op = match data.op {
        Op::Alu { width, op, dst, src: Operand::Reg(src) } => {
            Op::Alu { width, op, dst: src, src: Operand::Reg(dst) }
        }
        Op::Mov { width, dst, src: Operand::Reg(src) } => {
            Op::Mov { width, dst: src, src: Operand::Reg(dst) }
        }
        Op::Branch { width, cond, dst, src: Operand::Reg(src), target } => {
            Op::Branch { width, cond, dst: src, src: Operand::Reg(dst), target }
        }
        Op::Store { size, base, off, src: Operand::Reg(src) } => {
            Op::Store { size, base: src, off, src: Operand::Reg(base) }
        }
        _ => return None,
    };
    set(f, inst, op)
}

fn wrong_source(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let change = |src: Operand| match src {
        Operand::Reg(reg) => Some(Operand::Reg(other_reg(reg, choice))),
        Operand::Imm(_) => None,
    };
    let op = match data.op {
        Op::Alu { width, op, dst, src } => Op::Alu { width, op, dst, src: change(src)? },
        Op::Mov { width, dst, src } => Op::Mov { width, dst, src: change(src)? },
        Op::MovSx { width, from, dst, src } => {
            Op::MovSx { width, from, dst, src: other_reg(src, choice) }
        }
        Op::Load { size, signed, dst, base, off } => {
            Op::Load { size, signed, dst, base: other_reg(base, choice), off }
        }
        Op::Store { size, base, off, src } => Op::Store { size, base, off, src: change(src)? },
        Op::Atomic { size, op, base, off, src } => {
            Op::Atomic { size, op, base, off, src: other_reg(src, choice) }
        }
        Op::Branch { width, cond, dst, src, target } => {
            Op::Branch { width, cond, dst: other_reg(dst, choice), src, target }
        }
        _ => return None,
    };
    set(f, inst, op)
}

fn wrong_destination(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let op = match data.op {
        Op::Alu { width, op, dst, src } => Op::Alu { width, op, dst: other_reg(dst, choice), src },
        Op::Mov { width, dst, src } => Op::Mov { width, dst: other_reg(dst, choice), src },
        Op::Load { size, signed, dst, base, off } => {
            Op::Load { size, signed, dst: other_reg(dst, choice), base, off }
        }
        Op::LdImm64 { dst, imm } => Op::LdImm64 { dst: other_reg(dst, choice), imm },
        _ => return None,
    };
    set(f, inst, op)
}

fn wrong_operation(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let Op::Alu { width, dst, src, .. } = data.op else { return None };
    let ops = [AluOp::Add, AluOp::Sub, AluOp::Mul, AluOp::Or, AluOp::And, AluOp::Xor];
    let op = ops[choice as usize % ops.len()];
    set(f, inst, Op::Alu { width, op, dst, src })
}

fn other_width(width: Width) -> Width {
    match width {
        Width::W32 => Width::W64,
        Width::W64 => Width::W32,
    }
}

fn wrong_width(f: &mut Function, block: Block, at: usize, _: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let op = match data.op {
        Op::Alu { width, op, dst, src } => Op::Alu { width: other_width(width), op, dst, src },
        Op::Neg { width, dst } => Op::Neg { width: other_width(width), dst },
        Op::Mov { width, dst, src } => Op::Mov { width: other_width(width), dst, src },
        Op::Branch { width, cond, dst, src, target } => {
            Op::Branch { width: other_width(width), cond, dst, src, target }
        }
        _ => return None,
    };
    set(f, inst, op)
}

fn other_size(size: Size, choice: u64) -> Size {
    let sizes = [Size::B, Size::H, Size::W, Size::DW];
    let at = sizes.iter().position(|s| *s == size).unwrap_or(0);
    sizes[(at + 1 + choice as usize % 3) % 4]
}

fn wrong_load_size(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let Op::Load { size, signed, dst, base, off } = data.op else { return None };
    let op = match (choice % 4, size) {
        (0, Size::B | Size::H | Size::W) => Op::Load { size, signed: !signed, dst, base, off },
        _ => Op::Load { size: other_size(size, choice), signed: false, dst, base, off },
    };
    set(f, inst, op)
}

fn wrong_store_size(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let Op::Store { size, base, off, src } = data.op else { return None };
    set(f, inst, Op::Store { size: other_size(size, choice), base, off, src })
}

fn other_offset(off: i16, choice: u64) -> i16 {
    let steps = [1, -1, 2, -2, 4, -4, 8, -8];
    off.wrapping_add(steps[choice as usize % steps.len()])
}

fn wrong_load_offset(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let Op::Load { size, signed, dst, base, off } = data.op else { return None };
    set(f, inst, Op::Load { size, signed, dst, base, off: other_offset(off, choice) })
}

fn wrong_store_offset(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let Op::Store { size, base, off, src } = data.op else { return None };
    set(f, inst, Op::Store { size, base, off: other_offset(off, choice), src })
}

fn wrong_atomic(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let Op::Atomic { size, op, base, off, src } = data.op else { return None };
    let fetch = choice.is_multiple_of(2);
    let op = match op {
        AtomicOp::Add { fetch } => AtomicOp::Xor { fetch },
        AtomicOp::Or { .. } => AtomicOp::And { fetch },
        AtomicOp::And { .. } => AtomicOp::Or { fetch },
        AtomicOp::Xor { .. } => AtomicOp::Add { fetch },
        AtomicOp::Xchg => AtomicOp::Add { fetch: true },
        AtomicOp::Cmpxchg => AtomicOp::Xchg,
    };
    set(f, inst, Op::Atomic { size, op, base, off, src })
}

fn wrong_condition(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    use bpfold_passes::isa::Cond;
    let (inst, data) = data(f, block, at);
    let Op::Branch { width, dst, src, target, .. } = data.op else { return None };
    let conds = [Cond::Eq, Cond::Ne, Cond::Gt, Cond::Ge, Cond::Lt, Cond::Le, Cond::Set, Cond::Slt];
    let cond = conds[choice as usize % conds.len()];
    set(f, inst, Op::Branch { width, cond, dst, src, target })
}

fn inverted_branch(f: &mut Function, block: Block, at: usize, _: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let Op::Branch { target, .. } = data.op else { return None };
    let next = f.block(block).next.filter(|&next| next != target)?;
    f.set_target(inst, next);
    f.set_next(block, Some(target));
    Some(())
}

fn branch_taken(f: &mut Function, block: Block, at: usize, _: u64) -> Option<()> {
    let (_, data) = data(f, block, at);
    let Op::Branch { target, .. } = data.op else { return None };
    f.replace_terminator(block, target);
    Some(())
}

fn branch_not_taken(f: &mut Function, block: Block, at: usize, _: u64) -> Option<()> {
    let (_, data) = data(f, block, at);
    let Op::Branch { .. } = data.op else { return None };
    let next = f.block(block).next?;
    f.replace_terminator(block, next);
    Some(())
}

fn other_edge(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    if at + 1 != f.block(block).insts.len() {
        return None;
    }
    let layout = f.layout().to_vec();
    let to = layout[choice as usize % layout.len()];
    match f.terminator(block) {
        Some(inst) if !choice.is_multiple_of(3) => {
            f.op(inst).target().filter(|&&old| old != to)?;
            f.set_target(inst, to);
        }
        _ => {
            f.block(block).next.filter(|&old| old != to)?;
            f.set_next(block, Some(to));
        }
    }
    Some(())
}

/// The entries of the tables, if the instruction jumps by one.
fn entries(f: &Function, block: Block, at: usize) -> Option<Vec<Vec<Block>>> {
    let (_, data) = data(f, block, at);
    let jumps = matches!(data.op, Op::GotoX { .. }) && !f.tables().is_empty();
    jumps.then(|| f.tables().iter().map(|table| table.targets.clone()).collect())
}

fn other_entry(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let mut tables = entries(f, block, at)?;
    let used = f.indirect_jump(block)?.table?;
    let entries = tables.get_mut(used)?;
    let entry = choice as usize % entries.len();
    let target = f.layout()[choice as usize / 8 % f.layout().len()];
    (entries[entry] != target).then_some(())?;
    entries[entry] = target;
    f.set_table_targets(tables);
    Some(())
}

fn exchanged_entries(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let mut tables = entries(f, block, at)?;
    let used = f.indirect_jump(block)?.table?;
    let entries = tables.get_mut(used)?;
    let (a, b) = (choice as usize % entries.len(), choice as usize / 8 % entries.len());
    (entries[a] != entries[b]).then_some(())?;
    entries.swap(a, b);
    f.set_table_targets(tables);
    Some(())
}

fn jump_decided(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    entries(f, block, at)?;
    let targets = f.table_targets(block);
    f.replace_terminator(block, targets[choice as usize % targets.len()]);
    Some(())
}

fn dropped_store(f: &mut Function, block: Block, at: usize, _: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let is_store =
        matches!(data.op, Op::Store { .. } | Op::StoreRelease { .. } | Op::Atomic { .. });
    is_store.then_some(())?;
    drop_inst(f, block, inst)
}

fn dropped_call(f: &mut Function, block: Block, at: usize, _: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let Op::Call(_) = data.op else { return None };
    let op = Op::Mov { width: Width::W64, dst: Reg::R0, src: Operand::Imm(0) };
    f.attach(inst, |data| data.reloc = None);
    set(f, inst, op)
}

fn dropped_load(f: &mut Function, block: Block, at: usize, _: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    matches!(data.op, Op::Load { .. }).then_some(())?;
    drop_inst(f, block, inst)
}

fn dropped_computation(f: &mut Function, block: Block, at: usize, _: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let computes = matches!(
        data.op,
        Op::Alu { .. } | Op::Neg { .. } | Op::Mov { .. } | Op::MovSx { .. } | Op::Swap { .. }
    );
    computes.then_some(())?;
    drop_inst(f, block, inst)
}

fn wrong_callee(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    let Op::Call(Callee::Helper(number)) = data.op else { return None };
    let helpers = [5, 7, 8, 14, 125];
    let other = helpers[choice as usize % helpers.len()];
    (other != number).then_some(())?;
    set(f, inst, Op::Call(Callee::Helper(other)))
}

fn clobbered(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let before = &f.block(block).insts[..at];
    before.iter().rev().take(6).find(|&&i| matches!(f.op(i), Op::Call(_)))?;
    let (inst, data) = data(f, block, at);
    let reg = Reg::new(1 + (choice % 5) as u8)?;
    let op = match data.op {
        Op::Mov { width, dst, src: Operand::Reg(_) } => {
            Op::Mov { width, dst, src: Operand::Reg(reg) }
        }
        Op::Alu { width, op, dst, src: Operand::Reg(_) } => {
            Op::Alu { width, op, dst, src: Operand::Reg(reg) }
        }
        Op::Store { size, base, off, src: Operand::Reg(_) } => {
            Op::Store { size, base, off, src: Operand::Reg(reg) }
        }
        Op::Branch { width, cond, src, target, .. } => {
            Op::Branch { width, cond, dst: reg, src, target }
        }
        _ => return None,
    };
    set(f, inst, op)
}

fn early_return(f: &mut Function, block: Block, at: usize, _: u64) -> Option<()> {
    let (inst, data) = data(f, block, at);
    (at > 0 && !data.op.is_terminator()).then_some(())?;
    let mut past = false;
    f.retain_insts(block, |i, _| {
        past |= i == inst;
        !past
    });
    f.set_next(block, None);
    f.push_inst(block, InstData::new(Op::Exit));
    Some(())
}

fn wrong_result(f: &mut Function, block: Block, at: usize, choice: u64) -> Option<()> {
    let (_, data) = data(f, block, at);
    (data.op == Op::Exit).then_some(())?;
    let src = Operand::Imm((choice % 5) as i32);
    let op = Op::Mov { width: Width::W64, dst: Reg::R0, src };
    f.insert_inst(block, at, InstData { origin: data.origin, ..InstData::new(op) });
    Some(())
}

fn reordered(f: &mut Function, block: Block, at: usize, _: u64) -> Option<()> {
    let (first, data_first) = data(f, block, at);
    let second = *f.block(block).insts.get(at + 1)?;
    let data_second = *f.inst(second);
    let movable = |data: &InstData| !data.op.is_terminator() && data.core.is_none();
    (movable(&data_first) && movable(&data_second)).then_some(())?;
    f.retain_insts(block, |i, _| i != first);
    f.insert_inst(block, at + 1, data_first);
    Some(())
}

fn doubled_store(f: &mut Function, block: Block, at: usize, _: u64) -> Option<()> {
    let (_, data) = data(f, block, at);
    matches!(data.op, Op::Store { .. } | Op::Atomic { .. }).then_some(())?;
    f.insert_inst(block, at, data);
    Some(())
}

fn doubled_call(f: &mut Function, block: Block, at: usize, _: u64) -> Option<()> {
    let (_, data) = data(f, block, at);
    matches!(data.op, Op::Call(_)).then_some(())?;
    f.insert_inst(block, at, data);
    Some(())
}

/// Whether a damaged program keeps the rules of the IR, but for the functions that were removed.
fn keeps_rules(original: &Program, mut copy: Program) -> bool {
    for (func, function) in original.funcs.iter() {
        if copy.funcs[func].layout().is_empty() {
            copy.funcs[func] = function.clone();
        }
    }
    ir::verify(&copy).is_ok()
}

/// A damaged copy of a program, if the damage applies somewhere.
fn damaged(
    original: &Program,
    program: &Program,
    damage: Damage,
    choice: u64,
) -> Option<(Program, Func)> {
    let mut places = Vec::new();
    for (func, function) in program.funcs.iter() {
        for &block in function.layout() {
            let count = function.block(block).insts.len();
            places.extend((0..count).map(|at| (func, block, at)));
        }
    }
    let start = choice as usize % places.len().max(1);
    let (after, before) = (places.get(start..)?, &places[..start]);
    for &(func, block, at) in after.iter().chain(before) {
        let mut copy = program.clone();
        let applied = damage(&mut copy.funcs[func], block, at, choice / 7);
        if applied.is_some() && copy.funcs != program.funcs && keeps_rules(original, copy.clone()) {
            return Some((copy, func));
        }
    }
    None
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    tried: usize,
    refused: usize,
    /// Refused, and the interpreter sees a difference as well.
    seen: usize,
    /// Accepted, and the interpreter sees no difference.
    equivalent: usize,
}

fn behaves_the_same(case: &Case, original: &Program, other: &Program, seed: u64) -> bool {
    (0..INPUTS).all(|i| {
        let input = case.input(seed.wrapping_mul(INPUTS).wrapping_add(i));
        let before = interp::run(original, case.entry, &input, FUEL);
        before.differs(&interp::run(other, case.entry, &input, FUEL)).is_none()
    })
}

/// Every damage at every place of a program, each with some choices.
fn all_damages(original: &Program, program: &Program) -> Vec<(&'static str, Program)> {
    let mut all = Vec::new();
    for (func, function) in program.funcs.iter() {
        for &block in function.layout() {
            for at in 0..function.block(block).insts.len() {
                for ((kind, damage), choice) in
                    KINDS.iter().flat_map(|k| (0..CHOICES).map(move |c| (k, c)))
                {
                    let mut copy = program.clone();
                    let applied = damage(&mut copy.funcs[func], block, at, choice * 5 + 1);
                    if applied.is_some()
                        && copy.funcs != program.funcs
                        && keeps_rules(original, copy.clone())
                    {
                        all.push((*kind, copy));
                    }
                }
            }
        }
    }
    all
}

/// The cases of the checker's rules are proven, and damaged in every way at every place.
#[test]
fn damage_of_the_cases_of_rules_is_refused() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/filetests/prove");
    let mut files: Vec<_> = std::fs::read_dir(root).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let input = text.split("\n; ---\n").next().unwrap_or_default();
        let original = with_origins(text::parse(input).unwrap());
        let (entry, _) = original.funcs.iter().find(|(_, f)| f.linkage == Linkage::Entry).unwrap();
        let mut rewritten = original.clone();
        pass::fold(&mut rewritten, &Options::default()).unwrap();
        let roots = check::roots(&original);
        assert_eq!(check::check(&original, &rewritten, &roots), [], "{}", file.display());
        let maps = original.maps.keys().map(|_| MapShape { key_size: 4, value_size: 8 }).collect();
        let case = Case { program: original.clone(), entry, maps };
        let mut refused = 0;
        let damages = all_damages(&original, &rewritten);
        for (i, (kind, copy)) in damages.iter().enumerate() {
            let refusals = check::check(&original, copy, &roots);
            refused += usize::from(!refusals.is_empty());
            assert!(
                !refusals.is_empty() || behaves_the_same(&case, &original, copy, i as u64),
                "{}, {kind}:\n{}",
                file.display(),
                common::print(copy, entry)
            );
        }
        assert!(refused * 2 > damages.len(), "{}: {refused}", file.display());
    }
}

#[test]
fn damage_is_refused() {
    let cases = number("BPFOLD_CASES", 16);
    let total = check_damage(KINDS, cases, |_| true);
    assert!(total.tried as u64 > cases * 10 && total.refused * 2 > total.tried, "{total:?}");
}

#[test]
fn damage_to_jump_tables_is_refused() {
    let cases = number("BPFOLD_CASES", 16);
    let has_tables = |program: &Program| program.funcs.values().any(|f| !f.tables().is_empty());
    let total = check_damage(TABLE_KINDS, cases, has_tables);
    assert!(total.tried as u64 > cases * 3 && total.refused * 2 > total.tried, "{total:?}");
}

/// Damages so many programs, of those that are wanted, in each way; what behaves otherwise is
/// refused.
fn check_damage(
    kinds: &[(&'static str, Damage)],
    cases: u64,
    is_wanted: impl Fn(&Program) -> bool,
) -> Count {
    let first = number("BPFOLD_SEED", 0);
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut missed = Vec::new();
    let mut done = 0;
    for seed in first.. {
        if done == cases {
            break;
        }
        let case = Case::from_seed(seed);
        if !is_wanted(&case.program) {
            continue;
        }
        let original = with_origins(case.program.clone());
        let mut rewritten = original.clone();
        pass::fold(&mut rewritten, &Options::default()).unwrap();
        if !is_wanted(&rewritten) {
            continue;
        }
        done += 1;
        let roots = check::roots(&original);
        if !check::check(&original, &rewritten, &roots).is_empty() {
            continue;
        }
        for (i, (kind, damage)) in kinds.iter().enumerate() {
            let choice = (seed * 31 + i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            let Some((copy, func)) = damaged(&original, &rewritten, *damage, choice) else {
                continue;
            };
            let refusals = check::check(&original, &copy, &roots);
            let same = behaves_the_same(&case, &original, &copy, seed);
            let count = counts.entry(kind).or_default();
            count.tried += 1;
            count.refused += usize::from(!refusals.is_empty());
            count.seen += usize::from(!refusals.is_empty() && !same);
            count.equivalent += usize::from(refusals.is_empty() && same);
            if refusals.is_empty() && !same {
                missed.push(format!(
                    "seed {seed}, {kind}:\n{}\nrewritten:\n{}\ndamaged:\n{}",
                    common::print(&original, func),
                    common::print(&rewritten, func),
                    common::print(&copy, func)
                ));
            }
        }
    }
    let mut total = Count::default();
    println!("{:40} {:>6} {:>8} {:>6} {:>10}", "damage", "tried", "refused", "seen", "equivalent");
    for (kind, count) in &counts {
        let Count { tried, refused, seen, equivalent } = *count;
        println!("{kind:40} {tried:6} {refused:8} {seen:6} {equivalent:10}");
        total.tried += tried;
        total.refused += refused;
        total.seen += seen;
        total.equivalent += equivalent;
    }
    println!("{total:?}");
    assert!(missed.is_empty(), "{} missed\n{}", missed.len(), missed.join("\n"));
    total
}

/// A function `f` with a change of one of its lines (none: the line is dropped), and whether
/// that leaves each value of the kind that it had: none of them changes any of its bits.
struct KindChange {
    text: &'static str,
    line: &'static str,
    change: Option<&'static str>,
    proven: bool,
}

const POINTER: &str = "
  r6 = *(u64 *)(r1 + 0)
  r7 = 1
  if r6 != 0 goto L
";
const NUMBER: &str = "
  w6 = *(u32 *)(r1 + 20)
  r7 = 1
  if r6 != 0 goto L
";
const OR_NULL: &str = "
  *(u32 *)(r10 - 4) = 0
  r2 = r10
  r2 += -4
  r1 = map m ll
  call bpf_map_lookup_elem
  r6 = r0
  r7 = 1
  if r6 != 0 goto L
";

/// Where the number 0 gets to, as the function with [`POINTER`] or another one before it.
const USES: &[(&str, &str, Option<&str>)] = &[
    ("r1 = r6\n r1 = 0\n call report\n", "r1 = 0x0", None),
    ("r1 = 0\n call report\n", "r1 = 0x0", Some("r1 = r6")),
    ("r1 = 0\n call note\n r7 = r0\n", "r1 = 0x0", Some("r1 = r6")),
    ("r1 = 0\n call extern bpf_thing\n", "r1 = 0x0", Some("r1 = r6")),
    ("r1 = 0\n call bpf_send_signal\n", "r1 = 0x0", Some("r1 = r6")),
    ("r0 = 0\n exit\n", "r0 = 0x0", Some("r0 = r6")),
    ("r1 = .data ll\n r2 = 0\n *(u64 *)(r1 + 0) = r2\n", "r2 = 0x0", Some("r2 = r6")),
    ("r1 = 0\n r7 += r1\n", "r1 = 0x0", Some("r1 = r6")),
    ("r1 = 16\n r2 = 0\n r1 += r2\n r0 = *(u64 *)(r1 + 0)\n", "r2 = 0x0", Some("r2 = r6")),
    (
        "*(u64 *)(r10 - 16) = r6\n r1 = *(u64 *)(r10 - 16)\n r1 = 0\n call report\n",
        "r1 = 0x0",
        None,
    ),
    ("w1 = w6\n call report\n", "w1 = w6", Some("r1 = r6")),
    ("r1 = r6\n r1 &= 255\n call report\n", "r1 &= 0xff", None),
    ("r1 = r6\n r1 = -r1\n call report\n", "r1 = -r1", None),
];

/// Changes that are right or wrong whatever comes before.
const OTHERS: &[KindChange] = &[
    KindChange {
        text: "r6 = *(u64 *)(r1 + 0)\n r7 = 1\n r6 &= 7\n if r6 != 3 goto L\n r7 = r6\n r7 = 3\n",
        line: "r7 = 0x3",
        change: None,
        proven: true,
    },
    KindChange {
        text: "r6 = addr_space_cast(r1, 0, 1)\n r7 = 1\n r6 &= 7\n if r6 != 3 goto L\n r7 = r6\n \
               r7 = 3\n",
        line: "r7 = 0x3",
        change: None,
        proven: false,
    },
    KindChange {
        text: "r6 = *(u64 *)(r1 + 0)\n r7 = 1\n r1 = r6\n if r6 != 0 goto L\n r2 = 0\n r1 -= r2\n \
               call report\n",
        line: "r1 -= r2",
        change: Some("r1 -= r6"),
        proven: false,
    },
];

/// The program with a line of its code changed, its instructions standing for the same ones.
fn with_change(program: &Program, line: &str, change: Option<&str>) -> Program {
    let text = Printer::new(program).verbose().to_string();
    let is_line = |l: &&str| l.trim().split(" ;!").next() == Some(line);
    let found = text.lines().rfind(is_line);
    let found = found.unwrap_or_else(|| panic!("no line {line:?} in\n{text}"));
    let changed = change.map_or(String::new(), |change| found.replace(line, change));
    text::parse(&text.replace(found, &changed)).unwrap()
}

fn kind_change_is_judged(change: &KindChange) {
    let text = format!(
        "target bpfel v4\nextern bpf_thing\nmap m\nsection .data = 00*8\n\
         func report (global) {{\n r0 = r1\n exit\n}}\n\
         func note (static) {{\n r0 = r1\n r0 += 1\n exit\n}}\n\
         func f (entry) {{\n{} r0 = r7\n exit\nL:\n r0 = r7\n exit\n}}\n",
        change.text
    );
    let original = with_origins(text::parse(&text).unwrap());
    let rewritten = with_change(&original, change.line, change.change);
    let refusals = check::check(&original, &rewritten, &check::roots(&original));
    assert_eq!(
        refusals.is_empty(),
        change.proven,
        "{} to {:?} in\n{}\n{refusals:?}",
        change.line,
        change.change,
        change.text
    );
}

/// A number must not become what the verifier may take for a pointer, though it has the same
/// bits.
#[test]
fn numbers_and_pointers_are_told_apart() {
    for (before, proven) in [(POINTER, false), (NUMBER, true), (OR_NULL, true)] {
        for (uses, line, change) in USES {
            let text = format!("{before}{uses}").leak();
            kind_change_is_judged(&KindChange { text, line, change: *change, proven });
        }
    }
    OTHERS.iter().for_each(kind_change_is_judged);
}

/// Only a null check that both programs make finds a number where it finds null.
#[test]
fn null_checks_are_made_by_both() {
    for (check, proven) in [
        ("if r6 != 0x0 goto L2", true),
        ("if r6 >= 0x1 goto L2", false),
        ("if r6 > 0x0 goto L2", false),
        ("if r6 != r8 goto L2", false),
    ] {
        let text = format!(
            "map m\nfunc report (global) {{\n r0 = r1\n exit\n}}\nfunc f (entry) {{\n r8 = 0\n{}\
             r1 = r6\n r1 = 0\n call report\nL:\n r0 = r7\n exit\n}}\n",
            OR_NULL
        );
        let original = with_origins(text::parse(&text).unwrap());
        let dropped = with_change(&original, "r1 = 0x0", None);
        let rewritten = with_change(&dropped, "if r6 != 0x0 goto L2", Some(check));
        let refusals = check::check(&original, &rewritten, &check::roots(&original));
        assert_eq!(refusals.is_empty(), proven, "{check}: {refusals:?}");
    }
}

/// A callback whose address only the original makes can go, and no other.
#[test]
fn callbacks_that_are_passed_stay() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/filetests/prove");
    let text = std::fs::read_to_string(root.join("callback_by_config.bpf")).unwrap();
    let input = text.split("\n; ---\n").next().unwrap_or_default();
    let original = with_origins(text::parse(input).unwrap());
    let mut rewritten = original.clone();
    pass::fold(&mut rewritten, &Options::default()).unwrap();
    let roots = check::roots(&original);
    assert_eq!(check::check(&original, &rewritten, &roots), []);
    let named = |name: &str| original.funcs.iter().find(|(_, f)| f.name == name).unwrap().0;
    let (a, b) = (named("a"), named("b"));
    let gone = rewritten.funcs[b].clone();
    assert!(gone.layout().is_empty());

    let mut damaged = rewritten.clone();
    damaged.funcs[a] = gone.clone();
    damaged.funcs[a].name = original.funcs[a].name.clone();
    assert!(!check::check(&original, &damaged, &roots).is_empty());

    // The address of `b` is still made, though nothing is done with it.
    let mut damaged = original.clone();
    damaged.funcs[b] = gone;
    assert!(!check::check(&original, &damaged, &roots).is_empty());
}
