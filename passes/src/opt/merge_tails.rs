//! Tail merging: of blocks with the same instructions and the same way on, one stays.
//!
//! Folding leaves many of them, such as `r0 = 0; exit` at the end of every arm. The verifier
//! keeps some things by instruction, not by path: the kind of address that a load or store
//! goes to ("same insn cannot be used with different pointers"), the map and the callback of a
//! call. What two paths may bring there differently is not merged.

use indexmap::IndexMap;

use crate::cfg::Cfg;
use crate::entity::{Block, PerEntity};
use crate::helpers::{Arg, Helper};
use crate::ir::{Function, InstData, Op};
use crate::isa::{Callee, Reg};

/// Merges the blocks of one function that are the same. Blocks that become the same when the
/// blocks behind them are merged are merged too: each class of equal blocks is looked at again
/// only if a class that it leads to has grown, the smaller of two classes joining the larger.
pub fn run(func: &mut Function) {
    let mut classes = Classes::new(func);
    // Blocks after those that they lead to, so that most are looked at once.
    let mut work: Vec<Block> = classes.order.clone();
    let mut first: IndexMap<Code, Block> = IndexMap::new();
    while let Some(block) = work.pop() {
        let Some(code) = classes.code(func, block) else { continue };
        let known = *first.entry(code).or_insert(block);
        work.extend(classes.union(known, block));
    }
    classes.redirect(func);
}

/// What a block does: its instructions and its way on, blocks named by their class.
type Code = (Vec<Op>, Option<Block>);

/// The classes of equal blocks found so far: a union-find structure.
struct Classes {
    /// The blocks in reverse postorder, then those that the entry does not reach.
    order: Vec<Block>,
    /// The position of each block in the layout.
    position: PerEntity<Block, usize>,
    parent: PerEntity<Block, Option<Block>>,
    /// For each class the blocks that lead to it.
    before: PerEntity<Block, Vec<Block>>,
    /// For each class the block that stays: the first one of the layout.
    stays: PerEntity<Block, Option<Block>>,
}

impl Classes {
    fn new(func: &Function) -> Classes {
        let cfg = Cfg::new(func);
        let mut classes = Classes {
            order: cfg.reverse_postorder().to_vec(),
            position: PerEntity::default(),
            parent: PerEntity::default(),
            before: PerEntity::default(),
            stays: PerEntity::default(),
        };
        let unreached = func.layout().iter().filter(|&&block| cfg.order(block).is_none());
        classes.order.extend(unreached);
        for (position, &block) in func.layout().iter().enumerate() {
            classes.position[block] = position;
            for next in func.successors(block) {
                classes.before[next].push(block);
            }
        }
        classes
    }

    fn root(&mut self, block: Block) -> Block {
        let mut root = block;
        while let Some(parent) = self.parent[root] {
            root = parent;
        }
        let mut at = block;
        while at != root {
            at = self.parent[at].replace(root).unwrap_or(root);
        }
        root
    }

    /// What a block does, if it can be merged with another one.
    fn code(&mut self, func: &Function, block: Block) -> Option<Code> {
        let data = func.block(block);
        let plain = |inst: &InstData| {
            inst.reloc.is_none() && inst.core.is_none() && is_same_on_every_path(&inst.op)
        };
        if data.insts.is_empty() || !data.insts.iter().all(|&i| plain(func.inst(i))) {
            return None;
        }
        let mut ops: Vec<Op> = data.insts.iter().map(|&i| *func.op(i)).collect();
        if let Some(target) = ops.last_mut().and_then(|op| op.target_mut()) {
            *target = self.root(*target);
        }
        Some((ops, data.next.map(|next| self.root(next))))
    }

    /// Two blocks are the same. Gives the blocks that lead to the smaller of their classes.
    fn union(&mut self, a: Block, b: Block) -> Vec<Block> {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return Vec::new();
        }
        let stays = |classes: &Classes, root: Block| classes.stays[root].unwrap_or(root);
        let (x, y) = (stays(self, a), stays(self, b));
        let first = if self.position[x] < self.position[y] { x } else { y };
        let smaller = self.before[a].len() < self.before[b].len();
        let (from, to) = if smaller { (a, b) } else { (b, a) };
        self.parent[from] = Some(to);
        self.stays[to] = Some(first);
        let moved = std::mem::take(&mut self.before[from]);
        self.before[to].extend(&moved);
        moved
    }

    /// Lets all edges lead to the blocks that stay.
    fn redirect(&mut self, func: &mut Function) {
        let mut kept: PerEntity<Block, Option<Block>> = PerEntity::default();
        for &block in func.layout() {
            let root = self.root(block);
            kept[block] = Some(self.stays[root].unwrap_or(block));
        }
        let of = |block: Block| kept[block].unwrap_or(block);
        for block in func.layout().to_vec() {
            let next = func.block(block).next.map(of);
            func.set_next(block, next);
            if let Some(inst) = func.terminator(block)
                && let Some(target) = func.op(inst).target().copied()
            {
                func.set_target(inst, of(target));
            }
        }
        func.map_table_targets(of);
        func.retain_blocks(|block| of(block) == block);
    }
}

/// Whether the verifier keeps nothing of the instruction that depends on the path.
fn is_same_on_every_path(op: &Op) -> bool {
    match op {
        Op::Load { base, .. }
        | Op::Store { base, .. }
        | Op::Atomic { base, .. }
        | Op::LoadAcquire { base, .. }
        | Op::StoreRelease { base, .. } => *base == Reg::FP,
        Op::Call(Callee::Helper(number)) => Helper::get(*number).is_some_and(|helper| {
            helper.args.iter().all(|arg| matches!(arg, Arg::Scalar | Arg::Ctx | Arg::Memory { .. }))
        }),
        Op::Call(Callee::Func(_)) => true,
        Op::Call(Callee::Extern(_) | Callee::Pseudo { .. })
        | Op::AddrSpaceCast { .. }
        | Op::GotoX { .. } => false,
        Op::Alu { .. }
        | Op::Neg { .. }
        | Op::Mov { .. }
        | Op::MovSx { .. }
        | Op::Swap { .. }
        | Op::LdImm64 { .. }
        | Op::LdAbs { .. }
        | Op::LdInd { .. }
        | Op::Exit
        | Op::Goto { .. }
        | Op::Branch { .. }
        | Op::MayGoto { .. } => true,
    }
}
