//! Blocks to slots: lays a function out, picks jump encodings, computes offsets.
//!
//! Blocks stay in the order of the layout. Where a block's fallthrough is not the next
//! block, a conditional jump is inverted if its target is, else a `goto` is made up. All
//! forms of `goto` take one slot, so one pass over the layout gives every offset.

use crate::entity::{Block, Inst, PerEntity};
use crate::ir::{Features, Function, Op};
use crate::isa::{self, Offset};

/// An instruction at its place in the encoded function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Slot of the instruction, counted from the function's start.
    pub slot: u32,
    /// The instruction that this encodes; none for a `goto` that the layout needs.
    pub inst: Option<Inst>,
    /// The instruction with jump offsets; references are still symbolic.
    pub op: isa::Op<Offset>,
}

/// A function that cannot be laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinearizeError {
    /// A jump over more slots than its encoding can hold at this cpu level.
    #[error("jump from slot {slot} over {distance} slots does not fit its encoding")]
    JumpTooFar {
        /// Slot of the jump, counted from the function's start.
        slot: u32,
        /// Slots from the instruction after the jump to its target.
        distance: i64,
    },
    /// An edge to a block that is not in the layout.
    #[error("edge to {target}, which is not in the layout")]
    DanglingEdge {
        /// The target.
        target: Block,
    },
}

/// Lays out a function that has blocks. An opaque function gives no instructions.
pub fn linearize(func: &Function, features: Features) -> Result<Vec<Placed>, LinearizeError> {
    let mut placed: Vec<(u32, Option<Inst>, Op)> = Vec::new();
    let mut starts = PerEntity::with_default(None);
    let mut slot = 0;
    for (i, &block) in func.layout().iter().enumerate() {
        starts[block] = Some(slot);
        let following = func.layout().get(i + 1).copied();
        for (inst, op) in block_code(func, block, following) {
            placed.push((slot, inst, op));
            slot += op.slots() as u32;
        }
    }
    let mut out = Vec::with_capacity(placed.len());
    for (slot, inst, op) in placed {
        let mut missing = None;
        let op = op.map_target(|target| match starts[target] {
            Some(start) => Offset(start as i32 - slot as i32 - 1),
            None => {
                missing = Some(target);
                Offset(0)
            }
        });
        if let Some(target) = missing {
            return Err(LinearizeError::DanglingEdge { target });
        }
        out.push(Placed { slot, inst, op: fit(slot, op, features)? });
    }
    Ok(out)
}

/// The slot at which each block of the layout starts, as [`linearize`] places them.
pub fn block_starts(func: &Function) -> PerEntity<Block, Option<u32>> {
    let layout = func.layout();
    let mut starts = PerEntity::with_default(None);
    let mut slot = 0;
    for (i, &block) in layout.iter().enumerate() {
        starts[block] = Some(slot);
        let code = block_code(func, block, layout.get(i + 1).copied());
        slot += code.map(|(_, op)| op.slots() as u32).sum::<u32>();
    }
    starts
}

/// The number of slots that [`linearize`] gives.
pub fn encoded_slots(func: &Function) -> u32 {
    let layout = func.layout();
    let blocks = layout.iter().enumerate();
    blocks
        .flat_map(|(i, &b)| block_code(func, b, layout.get(i + 1).copied()))
        .map(|(_, op)| op.slots() as u32)
        .sum()
}

/// The instructions of one block with the way out that `following` asks for.
fn block_code(
    func: &Function,
    block: Block,
    following: Option<Block>,
) -> impl Iterator<Item = (Option<Inst>, Op)> + '_ {
    let data = func.block(block);
    let mut inverted = None;
    let mut goto = data.next.filter(|next| Some(*next) != following);
    if let (Some(next), Some(inst)) = (goto, func.terminator(block))
        && let Op::Branch { width, cond, dst, src, target } = *func.op(inst)
        && Some(target) == following
        && let Some(cond) = cond.inverse()
    {
        inverted = Some((inst, Op::Branch { width, cond, dst, src, target: next }));
        goto = None;
    }
    data.insts
        .iter()
        .map(move |&inst| match inverted {
            Some((branch, op)) if branch == inst => (Some(inst), op),
            _ => (Some(inst), *func.op(inst)),
        })
        .chain(goto.map(|target| (None, Op::Goto { target, long: false })))
}

fn fit(
    slot: u32,
    op: isa::Op<Offset>,
    features: Features,
) -> Result<isa::Op<Offset>, LinearizeError> {
    let Some(&Offset(distance)) = op.target() else { return Ok(op) };
    if i16::try_from(distance).is_ok() {
        return Ok(op);
    }
    match op {
        isa::Op::Goto { target, long } if long || features.v4 => {
            Ok(isa::Op::Goto { target, long: true })
        }
        _ => Err(LinearizeError::JumpTooFar { slot, distance: i64::from(distance) }),
    }
}
