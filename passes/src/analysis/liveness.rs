//! Liveness of registers and of the bytes of a function's own frame.
//!
//! Backward. Domain: a set of registers and a set of frame bytes; join is union. Transfer:
//! what an instruction writes leaves the set, then what it reads enters, unless nothing needs
//! the instruction. Loads have no side effect: the verifier has proven the access, or the
//! kernel catches the fault. A frame byte is
//! read by a load there, by a helper that reads there, and by anything that gets an address
//! at or below it and may keep or read it: bytes that a pointer may reach stay live, so that
//! the verifier finds them initialised.

use std::collections::BTreeSet;

use crate::analysis::calls::for_each_mention;
use crate::analysis::constants::Facts;
use crate::analysis::frame::{FRAME_SIZE, FrameBytes};
use crate::analysis::frame_access::Accesses;
use crate::analysis::value::Value;
use crate::cfg::Cfg;
use crate::dataflow::{self, Analysis, Direction};
use crate::entity::{Block, EntityVec, Func, Inst, PerEntity};
use crate::helpers::Helper;
use crate::ir::{Function, Linkage, Op, Program};
use crate::isa::{Callee, Operand, Reg, RegSet, Width};

/// What is live at one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// The registers whose value can still be read.
    pub regs: RegSet,
    /// The bytes of the own frame whose value can still be read.
    pub frame: FrameBytes,
}

impl Live {
    const NONE: Live = Live { regs: RegSet::EMPTY, frame: FrameBytes::NONE };
}

/// For each function the registers that it reads before it writes them, `r1` to `r5`.
pub type Arguments = EntityVec<Func, RegSet>;

/// Solves [`Arguments`] for all functions. Of a function that somebody outside can call or
/// replace, and of an opaque one, every argument counts as read.
///
/// Only functions that are `rewritten` lose their dead instructions; what such an instruction
/// of another function reads must stay initialised.
pub fn arguments(program: &Program, facts: &Facts, rewritten: &PerEntity<Func, bool>) -> Arguments {
    let all: RegSet = Reg::arguments().collect();
    let mut read: Arguments = program
        .funcs
        .values()
        .map(|f| match f.linkage {
            Linkage::Static if f.opaque.is_none() => RegSet::EMPTY,
            _ => all,
        })
        .collect();
    let is_solved =
        |id: &Func| program.funcs[*id].linkage == Linkage::Static && facts.is_reached(*id);
    let mut work: BTreeSet<Func> = program.funcs.keys().filter(is_solved).collect();
    let mut callers: PerEntity<Func, Vec<Func>> = PerEntity::default();
    let mut accesses: PerEntity<Func, Option<Accesses>> = PerEntity::default();
    for &id in &work {
        accesses[id] = Some(Accesses::new(program, facts, id));
        for_each_mention(&program.funcs[id], |callee, _| callers[callee].push(id));
    }
    // Callees mostly come behind their callers.
    while let Some(id) = work.pop_last() {
        let (Some(entry), Some(accesses)) = (program.funcs[id].entry(), &accesses[id]) else {
            continue;
        };
        let at_entry = match facts.func(id).blocks[entry] {
            Some(_) => {
                let live = Liveness::solve(program, accesses, &read, id, !rewritten[id]);
                live.at_start(entry).regs & all
            }
            None => all,
        };
        if at_entry != read[id] {
            read[id] = at_entry;
            work.extend(&callers[id]);
        }
    }
    read
}

/// Sees an instruction, the address that it accesses, and what is live after and before it.
type Visit<'v> = dyn FnMut(Inst, Option<Value>, &Live, &Live) + 'v;

/// Liveness of one function.
pub struct Liveness<'a> {
    program: &'a Program,
    accesses: &'a Accesses,
    arguments: &'a Arguments,
    func: Func,
    /// Whether dead instructions stay, so that what they read is live.
    keeps_dead: bool,
    exits: PerEntity<Block, Option<Live>>,
}

impl<'a> Liveness<'a> {
    /// Solves one function.
    pub fn new(
        program: &'a Program,
        accesses: &'a Accesses,
        arguments: &'a Arguments,
        func: Func,
    ) -> Liveness<'a> {
        Self::solve(program, accesses, arguments, func, false)
    }

    fn solve(
        program: &'a Program,
        accesses: &'a Accesses,
        arguments: &'a Arguments,
        func: Func,
        keeps_dead: bool,
    ) -> Liveness<'a> {
        let function = &program.funcs[func];
        let cfg = Cfg::new(function);
        let mut problem = Liveness {
            program,
            accesses,
            arguments,
            func,
            keeps_dead,
            exits: PerEntity::with_default(None),
        };
        let start = cfg.reverse_postorder().iter().map(|&b| (b, Live::NONE));
        problem.exits = dataflow::solve(function, &cfg, &mut problem, start);
        problem
    }

    /// What is live at a block's start.
    pub fn at_start(&self, block: Block) -> Live {
        let mut start = self.exits[block].unwrap_or(Live::NONE);
        self.walk(block, |_, _, _, before| start = *before);
        start
    }

    /// Calls `visit` for the instructions of a block from the last to the first, with the
    /// address that a load or store goes to and what is live after and before it.
    pub fn walk(&self, block: Block, mut visit: impl FnMut(Inst, Option<Value>, &Live, &Live)) {
        let mut live = self.exits[block].unwrap_or(Live::NONE);
        self.backward(block, &mut live, &mut visit);
    }

    fn backward(&self, block: Block, live: &mut Live, visit: &mut Visit<'_>) {
        let function = &self.program.funcs[self.func];
        if self.accesses.escapes {
            live.frame = FrameBytes::ALL;
        }
        for &inst in function.block(block).insts.iter().rev() {
            let access = self.accesses.of(inst);
            let address = access.and_then(|access| access.address);
            let after = *live;
            let op = function.op(inst);
            if !self.keeps_dead && is_dead(op, address, &after) {
                visit(inst, address, &after, live);
                continue;
            }
            live.regs = live.regs.without(op.defs()) | self.uses(op);
            match access {
                Some(access) => {
                    if let (Some((offset, len)), false) = (access.writes, self.accesses.escapes) {
                        live.frame.remove(offset, len);
                    }
                    for (offset, len) in &access.reads {
                        live.frame.add(*offset, *len);
                    }
                }
                None => live.frame = FrameBytes::ALL,
            }
            visit(inst, address, &after, live);
        }
    }

    /// What is live at a block's end.
    pub fn at_end(&self, block: Block) -> Live {
        self.exits[block].unwrap_or(Live::NONE)
    }

    /// The registers that an instruction reads, as far as its callee is known.
    pub fn uses(&self, op: &Op) -> RegSet {
        match op {
            Op::Call(Callee::Helper(number)) => match Helper::get(*number) {
                Some(helper) => Reg::arguments().take(helper.arity()).collect(),
                None => op.uses(),
            },
            Op::Call(Callee::Func(func)) => self.arguments[*func],
            Op::Call(Callee::Extern(ext)) => self.program.externs[*ext].arguments(),
            _ => op.uses(),
        }
    }
}

/// Whether an instruction does nothing that anything needs: `address` is where it stores.
/// What a dead instruction reads is not live because of it, so a chain dies in one step.
pub fn is_dead(op: &Op, address: Option<Value>, after: &Live) -> bool {
    match op {
        Op::Mov { width: Width::W64, dst, src: Operand::Reg(src) } if dst == src => true,
        Op::Alu { .. }
        | Op::Neg { .. }
        | Op::Mov { .. }
        | Op::MovSx { .. }
        | Op::AddrSpaceCast { .. }
        | Op::Swap { .. }
        | Op::Load { .. }
        | Op::LdImm64 { .. } => (op.defs() & after.regs).is_empty(),
        Op::Store { size, .. } => match address {
            // What is stored outside of the frame the verifier refuses, and it must be there for
            // that.
            Some(Value::Frame { depth: 0, offset: Some(offset) })
                if offset >= -FRAME_SIZE && offset <= -i64::from(size.bytes()) =>
            {
                !after.frame.intersects(offset, size.bytes().into())
            }
            _ => false,
        },
        Op::Atomic { .. }
        | Op::LoadAcquire { .. }
        | Op::StoreRelease { .. }
        | Op::LdAbs { .. }
        | Op::LdInd { .. }
        | Op::Call(_)
        | Op::Exit
        | Op::Goto { .. }
        | Op::Branch { .. }
        | Op::MayGoto { .. }
        | Op::GotoX { .. } => false,
    }
}

impl Analysis for Liveness<'_> {
    type State = Live;
    const DIRECTION: Direction = Direction::Backward;

    fn join(&self, into: &mut Live, from: &Live, _visits: u32) -> bool {
        let regs = into.regs | from.regs;
        let changed = regs != into.regs;
        into.regs = regs;
        into.frame.join(&from.frame) || changed
    }

    fn flow(
        &mut self,
        _func: &Function,
        cfg: &Cfg,
        block: Block,
        mut live: Live,
        out: &mut dyn FnMut(Block, Live),
    ) {
        self.backward(block, &mut live, &mut |_, _, _, _| {});
        for pred in cfg.predecessors(block) {
            out(pred, live);
        }
    }
}
