//! Which entries of its jump table a `gotox` can select.
//!
//! What is known of the index is what the verifier knows: it follows the entries between the
//! least and the greatest address that is loaded from (`indirect_jump_min_max_index` of
//! `kernel/bpf/verifier.c`).

use std::ops::RangeInclusive;

use crate::analysis::state::State;
use crate::analysis::value::Value;
use crate::entity::{Block, Inst, Section};
use crate::ir::{Function, IndirectJump, JumpTable, Op};
use crate::isa::{Operand, Reg};

/// Follows the code of a block that ends in a `gotox`.
pub struct Selection<'a> {
    function: &'a Function,
    jump: IndirectJump,
    /// The section and the offsets in it that the address of the load can have.
    address: Option<(Section, RangeInclusive<i64>)>,
}

impl<'a> Selection<'a> {
    /// Of a block; none if it does not end in a `gotox`.
    pub fn new(function: &'a Function, block: Block) -> Option<Selection<'a>> {
        let jump = function.indirect_jump(block)?;
        Some(Selection { function, jump, address: None })
    }

    /// Looks at what is known before an instruction of the block.
    pub fn before(&mut self, inst: Inst, state: &State) {
        if Some(inst) == self.jump.sum {
            self.address = self.sum(inst, state);
        }
        if Some(inst) == self.jump.load
            && let Op::Load { base, off, .. } = *self.function.op(inst)
        {
            self.address = match exact(state, base) {
                Some((section, at)) => Some((section, at..=at)),
                None => self.address.take(),
            };
            let moved = self.address.take().and_then(|(section, range)| {
                let off = i64::from(off);
                let (low, high) = range.into_inner();
                Some((section, low.checked_add(off)?..=high.checked_add(off)?))
            });
            self.address = moved;
        }
    }

    /// The address of an entry with an index added, whichever operand it is.
    fn sum(&self, inst: Inst, state: &State) -> Option<(Section, RangeInclusive<i64>)> {
        let Op::Alu { dst, src: Operand::Reg(src), .. } = *self.function.op(inst) else {
            return None;
        };
        let (table, index) = match (exact(state, dst), exact(state, src)) {
            (Some(table), None) => (table, src),
            (None, Some(table)) => (table, dst),
            _ => return None,
        };
        let (section, at) = table;
        let Value::Number(number) = state.reg(index) else { return None };
        let bound = |bound: u64| at.checked_add(i64::try_from(bound).ok()?);
        Some((section, bound(number.umin)?..=bound(number.umax)?))
    }

    /// The table and its entries that can be selected; none if they can be any of any table.
    pub fn entries(&self) -> Option<(usize, RangeInclusive<usize>)> {
        let (section, range) = self.address.clone()?;
        let tables = self.function.tables();
        let at = tables.iter().position(|table| table.contains(section, *range.start()))?;
        // The verifier refuses an index beyond the table.
        let entry = |address: i64| {
            let entry = (address - tables[at].offset) / JumpTable::ENTRY;
            usize::try_from(entry).ok().filter(|&entry| entry < tables[at].targets.len())
        };
        let table = self.jump.table.is_none_or(|table| table == at);
        let (first, last) = (entry(*range.start())?, entry(*range.end())?);
        (table && first <= last).then_some((at, first..=last))
    }

    /// The blocks that it can go to, each once.
    pub fn targets(&self, block: Block) -> Vec<Block> {
        let Some((table, entries)) = self.entries() else {
            return self.function.table_targets(block);
        };
        let mut targets: Vec<Block> = Vec::new();
        for &target in self.function.tables()[table].targets.get(entries).unwrap_or_default() {
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        targets
    }
}

/// The section and the offset that a register holds the address of.
fn exact(state: &State, reg: Reg) -> Option<(Section, i64)> {
    match state.reg(reg) {
        Value::Section { section, offset } => Some((section, offset?)),
        _ => None,
    }
}
