//! Indirect jumps: `gotox` goes where the entry of a jump table says that its register was
//! loaded from.
//!
//! Both programs load from the same address where the symbols of what they loaded are the same,
//! and so select the same entry of the same table. Which entries that can be is what is known of
//! the address; where that is nothing, all entries of all tables of the function.

use std::collections::BTreeMap;

use crate::check::arena::{Arena, Sym};
use crate::check::pair::Point;
use crate::check::refusal::Reason;
use crate::check::state::{ORIGINAL, REWRITTEN, State};
use crate::check::value::Base;
use crate::check::walk::{Position, Step, Walk};
use crate::entity::{Block, Inst, Section};
use crate::ir::{Function, JumpTable, Op};
use crate::isa::Reg;

/// An entry of a jump table: the section, the bytes from its start, and where it leads.
type Entry = (Section, i64, Block);

/// All entries of a function's tables.
fn entries(function: &Function) -> impl Iterator<Item = Entry> {
    function.tables().iter().flat_map(|table| {
        let offsets = (0..).map(|i: i64| table.offset.saturating_add(i * JumpTable::ENTRY));
        table.targets.iter().zip(offsets).map(|(&to, offset)| (table.section, offset, to))
    })
}

impl Arena {
    /// The section that an address is in, and the offsets that it can have there.
    fn section_range(&self, address: Sym) -> Option<(Section, i64, i64)> {
        let sum = |base: Sym, by: Sym| {
            let Base::Section { section, offset: Some(at) } = self.abs(base).base else {
                return None;
            };
            let num = self.abs(by).num;
            let (low, high) = (i64::try_from(num.min()).ok()?, i64::try_from(num.max()).ok()?);
            Some((section, at.checked_add(low)?, at.checked_add(high)?))
        };
        if let Base::Section { section, offset: Some(at) } = self.abs(address).base {
            return Some((section, at, at));
        }
        let (a, b) = self.summands(address)?;
        sum(a, b).or_else(|| sum(b, a))
    }
}

impl Walk<'_> {
    /// The original is at a `gotox`.
    pub(super) fn indirect_jump(
        &mut self,
        mut at: Position,
        mut state: State,
        inst: Inst,
    ) -> Step<()> {
        let original = self.pair.original;
        let Op::GotoX { dst } = *original.op(inst) else { return Ok(()) };
        let value = self.machine.read(&state, ORIGINAL, dst);
        let value = value.map_err(|reason| self.refuse(Some(&at), None, reason))?;
        let selected = self.selected(value);
        if selected.is_empty() {
            let reason = Reason::Unsupported("an indirect jump without a table");
            return Err(self.refuse(Some(&at), None, reason));
        }
        let here = at.original.at;
        self.follow(&mut at, &mut state, here)?;
        let Some((point, other, dst)) = self.stands_for(&at) else {
            // The rewritten function has no jump here: it does what each place does.
            at.moved = [true, at.moved[REWRITTEN] || self.pair.rewritten.is_none()];
            let mut targets: Vec<Block> = selected.iter().map(|(.., to)| *to).collect();
            targets.sort_unstable();
            targets.dedup();
            for to in targets {
                self.arrive(at.clone(), Point::start(to), state.clone())?;
            }
            return Ok(());
        };
        at.rewritten = point;
        let same = self.machine.read(&state, REWRITTEN, dst);
        if same.map_err(|reason| self.refuse(Some(&at), Some(other), reason))? != value {
            return Err(self.refuse(Some(&at), Some(other), Reason::Condition));
        }
        at.moved = [true; 2];
        for (to, there) in self.pairs(&selected, &at, other)? {
            let next = Position { rewritten: Point::start(there), ..at.clone() };
            self.arrive(next, Point::start(to), state.clone())?;
        }
        Ok(())
    }

    /// The entries that a value can have been loaded from.
    fn selected(&self, value: Sym) -> Vec<Entry> {
        let address = self.machine.loaded_from(value);
        let range = address.and_then(|address| self.machine.arena.section_range(address));
        let within = |entry: &Entry| {
            range.is_none_or(|(section, low, high)| {
                entry.0 == section && (low..=high).contains(&entry.1)
            })
        };
        entries(self.pair.original).filter(within).collect()
    }

    /// The `gotox` of the rewritten function that stands for that of the original, if it is
    /// there, and its register.
    fn stands_for(&self, at: &Position) -> Option<(Point, Inst, Reg)> {
        let rewritten = self.pair.rewritten?;
        let point = at.rewritten.settle(rewritten)?;
        let other = *rewritten.block(point.block).insts.get(point.at)?;
        let Op::GotoX { dst } = *rewritten.op(other) else { return None };
        let home = (at.original.block, at.original.at);
        (self.pair.home(other) == Some(home)).then_some((point, other, dst))
    }

    /// For each entry where the two programs go, each pair once.
    fn pairs(&self, selected: &[Entry], at: &Position, other: Inst) -> Step<Vec<(Block, Block)>> {
        let known: BTreeMap<(Section, i64), Block> = (self.pair.rewritten.into_iter())
            .flat_map(entries)
            .map(|(section, offset, to)| ((section, offset), to))
            .collect();
        let mut pairs = Vec::new();
        for (section, offset, to) in selected {
            match known.get(&(*section, *offset)) {
                Some(&there) => pairs.push((*to, there)),
                None => return Err(self.refuse(Some(at), Some(other), Reason::Condition)),
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        Ok(pairs)
    }
}
