//! Backward slices: which instructions a value comes from.

use std::collections::{BTreeMap, BTreeSet};

use bpfold_passes::cfg::Cfg;
use bpfold_passes::entity::{Block, Func};
use bpfold_passes::ir::{Function, Op};
use bpfold_passes::isa::{Callee, Operand, Reg, RegSet, Size};

/// What a value comes from.
#[derive(Debug, Default)]
pub(super) struct Slice {
    /// The slots of instructions, up to calls and memory other than the stack.
    pub slots: BTreeSet<u32>,
    /// Arguments of the function, by their registers.
    pub arguments: RegSet,
    /// Functions of the program whose results are used.
    pub callees: BTreeSet<Func>,
}

/// A place in a block: before so many of its instructions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub block: Block,
    pub before: usize,
}

/// What registers hold at a place comes from, on all paths to it but those through edges that are
/// never taken. None if `spend` has no more for the instructions that are looked at.
pub(super) fn slice(
    function: &Function,
    start: Start,
    regs: RegSet,
    cut: &[(Block, Block)],
    spend: &mut dyn FnMut(usize) -> Option<()>,
) -> Option<Slice> {
    spend(function.layout().len())?;
    let cfg = Cfg::new(function);
    let reached = reached(function, cut);
    let mut slice = Slice::default();
    // What is wanted at the end of each block.
    let mut ends: BTreeMap<Block, Wanted> = BTreeMap::new();
    let mut first = Some(Wanted { regs, stack: BTreeSet::new() });
    let mut work = vec![start.block];
    while let Some(block) = work.pop() {
        let insts = &function.block(block).insts;
        let (mut wanted, count) = match first.take() {
            Some(wanted) => (wanted, start.before.min(insts.len())),
            None => (ends.get(&block).cloned().unwrap_or_default(), insts.len()),
        };
        spend(1 + count)?;
        for &inst in insts.iter().take(count).rev() {
            let data = function.inst(inst);
            if wanted.come_from(&data.op) {
                slice.slots.extend(data.origin);
                if let Op::Call(Callee::Func(callee)) = data.op {
                    slice.callees.insert(callee);
                }
            }
        }
        if function.entry() == Some(block) {
            let arguments = wanted.regs.iter().filter(|reg| (1..=5).contains(&reg.number()));
            for reg in arguments {
                slice.arguments = slice.arguments | RegSet::of(reg);
            }
        }
        for before in cfg.predecessors(block) {
            if !reached.contains(&before) || cut.contains(&(before, block)) {
                continue;
            }
            if ends.entry(before).or_default().add(&wanted) {
                work.push(before);
            }
        }
    }
    Some(slice)
}

/// The blocks that control reaches without the edges that are never taken.
pub(super) fn reached(function: &Function, cut: &[(Block, Block)]) -> BTreeSet<Block> {
    function.entry().map_or_else(BTreeSet::new, |entry| reached_from(function, entry, cut))
}

/// Those that it reaches from a block.
pub(super) fn reached_from(
    function: &Function,
    from: Block,
    cut: &[(Block, Block)],
) -> BTreeSet<Block> {
    let cut: BTreeSet<&(Block, Block)> = cut.iter().collect();
    let mut reached = BTreeSet::new();
    let mut work = vec![from];
    while let Some(block) = work.pop() {
        if reached.insert(block) {
            work.extend(function.successors(block).filter(|to| !cut.contains(&(block, *to))));
        }
    }
    reached
}

/// Registers, and bytes of the stack by their offsets from the frame pointer.
#[derive(Clone, Debug, Default)]
struct Wanted {
    regs: RegSet,
    stack: BTreeSet<(i64, i64)>,
}

impl Wanted {
    /// Adds what another wants; whether that is new.
    fn add(&mut self, other: &Wanted) -> bool {
        let before = (self.regs, self.stack.len());
        self.regs = self.regs | other.regs;
        self.stack.extend(other.stack.iter().copied());
        before != (self.regs, self.stack.len())
    }

    /// Goes back over an instruction. Whether something that is wanted comes from it; instead of
    /// that, its operands are wanted then.
    fn come_from(&mut self, op: &Op) -> bool {
        let bytes = |off: i16, size: Size| {
            let start = i64::from(off);
            (start, start + i64::from(size.bytes()))
        };
        if let Op::Store { size, base: Reg::FP, off, src } = *op {
            let (start, end) = bytes(off, size);
            let here = self.stack.iter().any(|bytes| bytes.0 < end && start < bytes.1);
            self.stack.retain(|bytes| bytes.0 < start || end < bytes.1);
            if let (true, Operand::Reg(src)) = (here, src) {
                self.regs = self.regs | RegSet::of(src);
            }
            return here;
        }
        let defs = op.defs();
        if !self.regs.iter().any(|reg| defs.contains(reg)) {
            return false;
        }
        self.regs = self.regs.without(defs);
        match *op {
            Op::Load { size, base: Reg::FP, off, .. } => drop(self.stack.insert(bytes(off, size))),
            Op::Load { .. } | Op::Call(_) => {}
            _ => self.regs = self.regs | op.uses(),
        }
        true
    }
}
