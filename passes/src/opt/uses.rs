//! The uses of the value that one instruction leaves in a register.

use crate::analysis::liveness::Liveness;
use crate::cfg::Cfg;
use crate::entity::{Block, Inst};
use crate::ir::Function;
use crate::isa::Reg;

/// Blocks that the uses of one value may be spread over, so that the time is bounded.
const MAX_BLOCKS: usize = 64;

/// The uses of the value that an instruction leaves in a register.
pub struct Uses<'a> {
    /// The function.
    pub function: &'a Function,
    /// Its control flow.
    pub cfg: &'a Cfg,
    /// What is live in it.
    pub live: &'a Liveness<'a>,
    /// The instruction's block.
    pub block: Block,
    /// The instruction.
    pub inst: Inst,
    /// The register.
    pub reg: Reg,
}

impl Uses<'_> {
    /// What `f` makes of each use. None if it makes nothing of one, or if another value of the
    /// register reaches one.
    pub fn collect<T>(&self, mut f: impl FnMut(Inst) -> Option<T>) -> Option<Vec<T>> {
        let mut uses = Vec::new();
        let at = self.function.block(self.block).insts.iter().position(|&i| i == self.inst)?;
        // For each block that the value enters: whether it leaves it as well.
        let mut entered: Vec<(Block, bool)> = Vec::new();
        let mut work = Vec::new();
        if self.scan(self.block, at + 1, &mut |inst| f(inst).map(|found| uses.push(found)))? {
            work.extend(self.cfg.successors(self.block));
        }
        while let Some(next) = work.pop() {
            if entered.iter().any(|(known, _)| *known == next)
                || !self.live.at_start(next).regs.contains(self.reg)
            {
                continue;
            }
            if entered.len() == MAX_BLOCKS || self.function.entry() == Some(next) {
                return None;
            }
            let leaves = self.scan(next, 0, &mut |inst| f(inst).map(|found| uses.push(found)))?;
            entered.push((next, leaves));
            if leaves {
                work.extend(self.cfg.successors(next));
            }
        }
        let carries = |pred: Block| pred == self.block || entered.contains(&(pred, true));
        let only = |(block, _): &(Block, bool)| self.cfg.predecessors(*block).all(carries);
        entered.iter().all(only).then_some(uses)
    }

    /// Calls `f` for the uses in a block from a position on. Says whether the value reaches the
    /// block's end and is read behind it; none if `f` gives none.
    fn scan(
        &self,
        block: Block,
        from: usize,
        f: &mut dyn FnMut(Inst) -> Option<()>,
    ) -> Option<bool> {
        for &inst in self.function.block(block).insts.iter().skip(from) {
            let op = self.function.op(inst);
            if self.live.uses(op).contains(self.reg) {
                f(inst)?;
            }
            if op.defs().contains(self.reg) {
                return Some(false);
            }
        }
        Some(self.live.at_end(block).regs.contains(self.reg))
    }
}
