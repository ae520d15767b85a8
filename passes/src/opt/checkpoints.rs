//! Jumps that make the verifier remember where it has been.
//!
//! The verifier stores a state at a prune point only if it has gone through two jumps and eight
//! instructions since the last one (`is_state_visited` of kernel/bpf/verifier.c; a call counts as
//! a jump, so does a `goto`). A path that meets no stored state is followed to its end, so code
//! behind a join without one is verified once for each way to the join. A decided branch was such
//! a jump.
//!
//! The first path through a function is known without the verifier: it takes no conditional jump,
//! and meets no stored state. A `goto` to the next instruction counts as a jump and is a prune point,
//! so a few of them choose at which joins of that path states are stored. They stand for branches
//! that were decided; kernels since 5.1 remove them when they have verified the program
//! (`opt_remove_nops`).
//!
//! A state in the wrong place costs, too, since none is stored right behind it. So places are chosen
//! for the whole path: those with which the joins where states are stored have the most ways to them.

use crate::cfg::Cfg;
use crate::entity::{Block, PerEntity};
use crate::ir::{Function, InstData, Op};

/// Instructions between two states that are stored.
const INSTS: usize = 8;

/// Jumps between two states that are stored.
const JUMPS: usize = 2;

/// Instructions from which on a function is large. In smaller ones there is little to verify
/// twice.
const LARGE: usize = 256;

/// Whether a function is so large that states count.
#[must_use]
pub fn is_large(func: &Function) -> bool {
    func.insts().nth(LARGE - 1).is_some()
}

/// Ways to a join from which on more make it no better: a state there is worth less jumps than this.
const WAYS: usize = 5;

/// Adds up to `count` jumps to a function, where the first path through it then stores states at
/// more joins, or at those with more ways to them.
pub fn run(func: &mut Function, count: usize) {
    let mut places = choose(&first_path(func));
    places.truncate(count);
    // From the end on, so that positions in blocks stay right.
    for place in places.into_iter().rev() {
        match place {
            Place::Within(block, at) => {
                let behind = func.split_block(block, at);
                go_to(func, block, behind);
            }
            Place::Arm(block, next) => go_to(func, block, next),
        }
    }
}

/// Where a jump can be added.
#[derive(Clone, Copy)]
enum Place {
    /// Before an instruction that is not its block's first one.
    Within(Block, usize),
    /// At the end of a block that falls through to the one behind it.
    Arm(Block, Block),
}

/// An instruction on the way.
struct Step {
    /// Where a jump can be added before it.
    place: Option<Place>,
    is_prune_point: bool,
    is_jump: bool,
    /// What a state that is stored before it is worth, in jumps.
    worth: usize,
}

/// The instructions in the order in which the verifier first goes through them. It takes no
/// conditional jump before it has gone on behind it (`push_stack`).
fn first_path(func: &Function) -> Vec<Step> {
    let mut following: PerEntity<Block, Option<Block>> = PerEntity::default();
    for pair in func.layout().windows(2) {
        if let [block, next] = pair {
            following[*block] = Some(*next);
        }
    }
    let cfg = Cfg::new(func);
    let mut seen: PerEntity<Block, bool> = PerEntity::default();
    let mut steps = Vec::new();
    // Blocks that the verifier comes back to: the last one first.
    let mut later: Vec<Block> = func.entry().into_iter().collect();
    let mut at = None;
    let mut arm = None;
    loop {
        let block = match at.filter(|&block| !seen[block]) {
            Some(block) => block,
            None => {
                arm = None;
                match later.pop() {
                    Some(block) if seen[block] => continue,
                    Some(block) => block,
                    None => return steps,
                }
            }
        };
        seen[block] = true;
        let data = func.block(block);
        let ways = cfg.predecessors(block).take(WAYS).count();
        // What is known of a `gotox` is in its block.
        let is_whole =
            func.terminator(block).is_some_and(|inst| matches!(func.op(inst), Op::GotoX { .. }));
        let mut next = data.next;
        for (i, &inst) in data.insts.iter().enumerate() {
            let op = func.op(inst);
            let within = Some(Place::Within(block, i)).filter(|_| !is_whole);
            steps.push(Step {
                place: if i == 0 { arm } else { within },
                is_prune_point: i == 0 && ways > 1 || matches!(op, Op::Branch { .. }),
                is_jump: is_jump(op),
                worth: if i == 0 && ways > 1 { ways + 1 } else { 0 },
            });
            match op {
                Op::Goto { target, .. } => next = Some(*target),
                _ => later.extend(op.target()),
            }
        }
        let is_adjacent = data.next == following[block];
        if data.next.is_some() && !is_adjacent {
            // The `goto` that lowering makes up.
            steps.push(Step { place: None, is_prune_point: false, is_jump: true, worth: 0 });
        }
        arm = next.filter(|_| data.next.is_some() && is_adjacent).map(|to| Place::Arm(block, to));
        at = next;
    }
}

/// What the verifier has gone through since it stored a state, as far as it counts.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Since {
    insts: usize,
    jumps: usize,
}

impl Since {
    const NOTHING: Since = Since { insts: 0, jumps: 0 };
    /// The number of different values.
    const COUNT: usize = (INSTS + 1) * (JUMPS + 1);

    fn all() -> impl Iterator<Item = Since> {
        (0..=INSTS).flat_map(|insts| (0..=JUMPS).map(move |jumps| Since { insts, jumps }))
    }

    fn index(self) -> usize {
        self.insts * (JUMPS + 1) + self.jumps
    }

    /// After an instruction, and whether a state is stored before it.
    fn after(self, is_prune_point: bool, is_jump: bool) -> (Since, bool) {
        let mut since = Since { insts: (self.insts + 1).min(INSTS), ..self };
        let stores = is_prune_point && since.insts == INSTS && since.jumps == JUMPS;
        if stores {
            since = Since::NOTHING;
        }
        since.jumps = (since.jumps + usize::from(is_jump)).min(JUMPS);
        (since, stores)
    }

    /// As [`after`](Self::after) an instruction of the path that a jump was added before, or not.
    fn after_step(self, step: &Step, is_jump_added: bool) -> (Since, bool) {
        match is_jump_added {
            false => self.after(step.is_prune_point, step.is_jump),
            true => self.after(false, true).0.after(true, step.is_jump),
        }
    }
}

/// The places at which jumps are worth most, by dynamic programming from the path's end over what
/// the verifier may have gone through.
fn choose(path: &[Step]) -> Vec<Place> {
    let mut worth = [0; Since::COUNT];
    // For each step a bit for each value of [`Since`] with which a jump is added.
    let mut added = vec![0_u32; path.len()];
    for (step, added) in path.iter().zip(&mut added).rev() {
        let mut before = [0; Since::COUNT];
        for since in Since::all() {
            let of = |is_jump_added| {
                let (after, stores) = since.after_step(step, is_jump_added);
                worth[after.index()] + if stores { step.worth } else { 0 }
            };
            let (without, with) = (of(false), of(true));
            let adds = step.place.is_some() && with > without + 1;
            before[since.index()] = if adds { with - 1 } else { without };
            *added |= u32::from(adds) << since.index();
        }
        worth = before;
    }
    let mut places = Vec::new();
    let mut since = Since::NOTHING;
    for (step, added) in path.iter().zip(added) {
        let adds = added & (1 << since.index()) != 0;
        places.extend(step.place.filter(|_| adds));
        since = since.after_step(step, adds).0;
    }
    places
}

/// Whether the verifier counts an instruction as a jump: it does all of their class.
fn is_jump(op: &Op) -> bool {
    match op {
        Op::Call(_)
        | Op::Branch { .. }
        | Op::Goto { .. }
        | Op::GotoX { .. }
        | Op::MayGoto { .. }
        | Op::Exit => true,
        Op::Alu { .. }
        | Op::Neg { .. }
        | Op::Mov { .. }
        | Op::MovSx { .. }
        | Op::Swap { .. }
        | Op::AddrSpaceCast { .. }
        | Op::LdImm64 { .. }
        | Op::LdAbs { .. }
        | Op::LdInd { .. }
        | Op::Load { .. }
        | Op::Store { .. }
        | Op::Atomic { .. }
        | Op::LoadAcquire { .. }
        | Op::StoreRelease { .. } => false,
    }
}

/// Makes a block that falls through to the one behind it jump there.
fn go_to(func: &mut Function, block: Block, next: Block) {
    let from = match func.terminator(block) {
        None => block,
        Some(_) => {
            let end = func.block(block).insts.len();
            func.split_block(block, end)
        }
    };
    let line = func.block(block).insts.last().and_then(|&inst| func.inst(inst).line);
    let goto = Op::Goto { target: next, long: false };
    func.push_inst(from, InstData { line, ..InstData::new(goto) });
    func.set_next(from, None);
}
