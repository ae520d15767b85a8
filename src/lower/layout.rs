//! Where everything goes: functions in their sections, instructions in their functions.

use bpfold_passes::cfg::{Placed, block_starts, linearize};
use bpfold_passes::entity::{Block, Core, EntityVec, Func, Line, PerEntity, Reloc};
use bpfold_passes::ir::{Function, OpaqueItem, Program};
use bpfold_passes::isa::{Offset, Op, RawInsn};

use super::LowerError;
use crate::lift::links::{Links, Place};

/// An instruction at its place in the function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// Slot, counted from the function's start.
    pub slot: u32,
    /// The instruction.
    pub code: ItemCode,
    /// The slot that it had.
    pub origin: Option<u32>,
    pub line: Option<Line>,
    pub line_starts: bool,
    pub reloc: Option<Reloc>,
    pub core: Option<Core>,
}

/// What is encoded.
#[derive(Clone, Copy, Debug)]
pub(super) enum ItemCode {
    /// An instruction of a function that was taken apart.
    Op(Op<Offset>),
    /// An instruction of an opaque function: only a reference to code can change.
    Opaque { raw: RawInsn, next_imm: Option<i32>, op: Option<Op<Offset>> },
}

impl Item {
    fn placed(func: &Function, placed: &Placed) -> Item {
        let data = placed.inst.map(|inst| func.inst(inst));
        Item {
            slot: placed.slot,
            code: ItemCode::Op(placed.op),
            origin: data.and_then(|data| data.origin),
            line: data.and_then(|data| data.line),
            line_starts: data.is_some_and(|data| data.line_starts),
            reloc: data.and_then(|data| data.reloc),
            core: data.and_then(|data| data.core),
        }
    }

    fn opaque(slot: u32, item: &OpaqueItem) -> Item {
        Item {
            slot,
            code: ItemCode::Opaque { raw: item.raw, next_imm: item.next_imm, op: item.op },
            origin: Some(item.origin),
            line: item.line,
            line_starts: item.line_starts,
            reloc: item.reloc,
            core: item.core,
        }
    }
}

/// A function laid out.
#[derive(Clone, Debug)]
pub(super) struct Body {
    /// First slot, counted from the section's start.
    pub start: u32,
    /// Number of slots.
    pub slots: u32,
    /// Slots that it had.
    original_slots: u32,
    /// Whether it is there at all.
    pub live: bool,
    pub items: Vec<Item>,
    /// Origins with their new slots, rising.
    origins: Vec<(u32, u32)>,
    /// The slots of blocks, counted from the function's start, where jump tables lead.
    pub blocks: PerEntity<Block, Option<u32>>,
}

impl Body {
    fn new(id: Func, func: &Function, program: &Program) -> Result<Body, LowerError> {
        let items: Vec<Item> = match &func.opaque {
            Some(opaque) => {
                let mut slot = 0;
                let place = |item: &OpaqueItem| {
                    let placed = Item::opaque(slot, item);
                    slot += 1 + u32::from(item.next_imm.is_some());
                    placed
                };
                opaque.items.iter().map(place).collect()
            }
            None => linearize(func, program.features)
                .map_err(|source| LowerError::Linearize { id, func: func.name.clone(), source })?
                .iter()
                .map(|placed| Item::placed(func, placed))
                .collect(),
        };
        let slots = items.last().map_or(0, |last| last.slot + last.code.slots());
        let mut origins: Vec<(u32, u32)> =
            items.iter().filter_map(|item| Some((item.origin?, item.slot))).collect();
        origins.sort();
        Ok(Body {
            start: 0,
            slots,
            original_slots: func.original_slots,
            live: !items.is_empty(),
            items,
            origins,
            blocks: match func.tables() {
                [] => PerEntity::default(),
                _ => block_starts(func),
            },
        })
    }

    /// The slot, counted from the section's start, of what was at `origin`: of the
    /// instruction itself or, if it is gone, of the next one that is there.
    fn slot_of(&self, origin: u32) -> u32 {
        if origin == 0 {
            return self.start;
        }
        if origin >= self.original_slots {
            return self.start + self.slots;
        }
        let next = self.origins.partition_point(|(at, _)| *at < origin);
        self.start + self.origins.get(next).map_or(self.slots, |(_, slot)| *slot)
    }
}

impl ItemCode {
    fn slots(&self) -> u32 {
        match self {
            ItemCode::Op(op) => op.slots() as u32,
            ItemCode::Opaque { next_imm, .. } => 1 + u32::from(next_imm.is_some()),
        }
    }
}

/// All functions laid out.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub bodies: EntityVec<Func, Body>,
}

impl Layout {
    /// Lays out every function of `program`, in the order of its section and without gaps.
    pub fn new(program: &Program, links: &Links) -> Result<Layout, LowerError> {
        let bodies = program.funcs.iter().map(|(id, func)| Body::new(id, func, program));
        let mut bodies = bodies.collect::<Result<EntityVec<Func, Body>, LowerError>>()?;
        for section in &links.code {
            let mut start = 0;
            for &func in &section.funcs {
                bodies[func].start = start;
                start += bodies[func].slots;
            }
        }
        Ok(Layout { bodies })
    }

    /// The slot of a place, counted from its section's start.
    pub fn slot_of(&self, place: Place) -> u32 {
        self.bodies.get(place.func).map_or(0, |body| body.slot_of(place.origin))
    }

    /// Bytes from the section's start to a place.
    pub fn byte_of(&self, place: Place) -> u64 {
        u64::from(self.slot_of(place)) * RawInsn::SIZE as u64
    }

    /// Whether the instruction at a place is still there, or the place is a function's start
    /// or end.
    pub fn has(&self, place: Place) -> bool {
        self.bodies.get(place.func).is_some_and(|body| {
            let edge = place.origin == 0 || place.origin >= body.original_slots;
            let known = body.origins.binary_search_by_key(&place.origin, |(origin, _)| *origin);
            body.live && (edge || known.is_ok())
        })
    }

    /// Whether a function is there.
    pub fn is_live(&self, func: Func) -> bool {
        self.bodies.get(func).is_some_and(|body| body.live)
    }
}

/// Bytes from the section's start that a place was at before.
pub(super) fn old_byte_of(links: &Links, place: Place) -> u64 {
    let start = links.funcs.get(place.func).map_or(0, |link| link.start);
    u64::from(start + place.origin) * RawInsn::SIZE as u64
}
