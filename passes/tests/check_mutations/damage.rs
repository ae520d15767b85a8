//! Ways to damage a function, one instruction at a time.

use bpfold_passes::entity::{Block, Inst};
use bpfold_passes::ir::{Function, InstData, Op};
use bpfold_passes::isa::{AluOp, AtomicOp, Callee, Imm64, Operand, Reg, Size, Width};

/// A way to damage a function: what becomes of the instruction at a position of a block, with
/// a number to choose by. None if it does not apply there.
pub type Damage = fn(&mut Function, Block, usize, u64) -> Option<()>;

pub const KINDS: &[(&str, Damage)] = &[
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
pub const TABLE_KINDS: &[(&str, Damage)] = &[
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
