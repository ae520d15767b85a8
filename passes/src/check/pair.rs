//! An original function beside the rewritten one: which instruction stands for which.
//!
//! Origins decide only how the two are walked in step, never whether they do the same.

use crate::check::refusal::Reason;
use crate::entity::{Block, Entity, Inst, PerEntity};
use crate::ir::{Function, InstData, Op, Program};
use crate::isa::{Callee, Imm64};

/// An instruction of the original: its block and its position there.
pub type Home = (Block, usize);

/// An original function beside the rewritten one.
pub struct Pair<'a> {
    /// The original.
    pub original: &'a Function,
    /// The rewritten function; none if it is the same as the original.
    pub rewritten: Option<&'a Function>,
    homes: PerEntity<Inst, Option<Home>>,
    /// Whether some rewritten instruction stands for one of an original block.
    stands: PerEntity<Block, bool>,
}

impl<'a> Pair<'a> {
    /// Finds the origin of each rewritten instruction: by its slot, or, in functions without
    /// slots, by its number.
    pub fn new(original: &'a Function, rewritten: &'a Function) -> Pair<'a> {
        let mut pair = Pair {
            original,
            rewritten: (!same_code(original, rewritten)).then_some(rewritten),
            homes: PerEntity::with_default(None),
            stands: PerEntity::with_default(false),
        };
        if pair.rewritten.is_none() {
            return pair;
        }
        let mut by_slot: Vec<Option<Home>> = Vec::new();
        let mut by_inst: PerEntity<Inst, Option<Home>> = PerEntity::with_default(None);
        for &block in original.layout() {
            for (i, &inst) in original.block(block).insts.iter().enumerate() {
                by_inst[inst] = Some((block, i));
                if let Some(slot) = original.inst(inst).origin {
                    let slot = slot as usize;
                    if slot >= by_slot.len() && slot <= original.inst_bound() * 2 {
                        by_slot.resize(slot + 1, None);
                    }
                    if let Some(home) = by_slot.get_mut(slot) {
                        *home = Some((block, i));
                    }
                }
            }
        }
        for (_, inst) in rewritten.insts() {
            let home = match rewritten.inst(inst).origin {
                Some(slot) => by_slot.get(slot as usize).copied().flatten(),
                None if by_slot.is_empty() => by_inst[inst],
                None => None,
            };
            pair.homes[inst] = home;
            if let Some((block, _)) = home {
                pair.stands[block] = true;
            }
        }
        pair
    }

    /// The instruction of the original that a rewritten one stands for.
    pub fn home(&self, inst: Inst) -> Option<Home> {
        self.homes[inst]
    }

    /// Whether some rewritten instruction stands for one of this block of the original. If
    /// not, the block is empty now, or another one with the same code stands for it.
    pub fn stands(&self, block: Block) -> bool {
        self.stands[block]
    }

    /// What an instruction names (a map, a function, a relocation, a CO-RE record) is what its
    /// origin names. One without an origin may name a map as an instruction of the original
    /// program does.
    pub fn check_references(&self, program: &Program) -> Result<(), (Block, Inst, Reason)> {
        let Some(rewritten) = self.rewritten else { return Ok(()) };
        for (block, inst) in rewritten.insts() {
            let data = rewritten.inst(inst);
            let names = names_something(&data.op);
            if !names && data.reloc.is_none() && data.core.is_none() {
                continue;
            }
            let home = self.home(inst).and_then(|(block, i)| {
                let insts = &self.original.block(block).insts;
                insts.get(i).map(|&inst| self.original.inst(inst))
            });
            let is_new = data.origin.is_none() && home.is_none();
            if is_new && names_map_as(program, data) {
                continue;
            }
            if !home.is_some_and(|home| same_reference(home, data, names)) {
                return Err((block, inst, Reason::Reference));
            }
        }
        Ok(())
    }
}

fn same_reference(home: &InstData, data: &InstData, names: bool) -> bool {
    let same_op = || home.op.map_target(|_| ()) == data.op.map_target(|_| ());
    match data.core {
        Some(_) => home.core == data.core && home.reloc == data.reloc && same_op(),
        None => home.reloc == data.reloc && (!names || same_name(&home.op, &data.op)),
    }
}

/// Whether an instruction names a map, by the same relocation as one of the program.
fn names_map_as(program: &Program, data: &InstData) -> bool {
    let is_map = matches!(data.op, Op::LdImm64 { imm: Imm64::Map(_), .. });
    let is_same = |function: &Function| {
        let mut insts = function.insts().map(|(_, inst)| function.inst(inst));
        insts.any(|known| known.core.is_none() && same_reference(known, data, true))
    };
    is_map && data.core.is_none() && program.funcs.values().any(is_same)
}

fn names_something(op: &Op) -> bool {
    match op {
        Op::LdImm64 { imm, .. } => !matches!(imm, Imm64::Const(_)),
        Op::Call(callee) => !matches!(callee, Callee::Helper(_)),
        _ => false,
    }
}

fn same_name(a: &Op, b: &Op) -> bool {
    match (a, b) {
        (Op::LdImm64 { imm: a, .. }, Op::LdImm64 { imm: b, .. }) => a == b,
        (Op::Call(a), Op::Call(b)) => a == b,
        _ => false,
    }
}

/// Whether two functions are the same instructions in the same blocks.
fn same_code(a: &Function, b: &Function) -> bool {
    let same_inst = |x: Inst, y: Inst| {
        let (x, y) = (a.inst(x), b.inst(y));
        (x.op, x.reloc, x.core) == (y.op, y.reloc, y.core)
    };
    let same_block = |block: Block| {
        let (x, y) = (a.block(block), b.block(block));
        x.next == y.next
            && x.insts.len() == y.insts.len()
            && x.insts.iter().zip(&y.insts).all(|(&x, &y)| same_inst(x, y))
    };
    a.opaque == b.opaque
        && a.linkage == b.linkage
        && a.tables() == b.tables()
        && a.entry() == b.entry()
        && a.layout().len() == b.layout().len()
        && a.layout().iter().all(|&block| block.index() < b.block_bound() && same_block(block))
}

/// A place in a function: before the instruction at a position of a block, or at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    /// The block.
    pub block: Block,
    /// The position in the block.
    pub at: usize,
}

impl Point {
    /// The start of a block.
    pub fn start(block: Block) -> Point {
        Point { block, at: 0 }
    }

    /// The next point at which there is an instruction other than `goto`: past the ends of
    /// blocks and along `goto`s. None if they go round, or run off the end.
    pub fn settle(mut self, function: &Function) -> Option<Point> {
        for _ in 0..=function.block_bound() {
            let data = function.block(self.block);
            let next = match data.insts.get(self.at) {
                None => data.next?,
                Some(&inst) => match function.op(inst) {
                    Op::Goto { target, .. } => *target,
                    _ => return Some(self),
                },
            };
            self = Point::start(next);
        }
        None
    }
}
