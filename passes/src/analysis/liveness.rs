//! Liveness of registers and of the bytes of a function's own frame.
//!
//! Backward. Domain: a set of registers and a set of frame bytes; join is union. Transfer:
//! what an instruction writes leaves the set, then what it reads enters, unless nothing needs
//! the instruction. Loads have no side effect: the verifier has proven the access, or the
//! kernel catches the fault. A frame byte is
//! read by a load there, by a helper that reads there, and by anything that gets an address
//! at or below it and may keep or read it: bytes that a pointer may reach stay live, so that
//! the verifier finds them initialised.

use crate::analysis::constants::Facts;
use crate::analysis::frame::{FRAME_SIZE, FrameBytes};
use crate::analysis::state::State;
use crate::analysis::value::Value;
use crate::cfg::Cfg;
use crate::dataflow::{self, Analysis, Direction};
use crate::entity::{Block, EntityVec, Func, Inst, PerEntity};
use crate::helpers::{Access, Arg, Extent, Helper, Indirect};
use crate::ir::{Function, InstData, Linkage, Op, Program};
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
    loop {
        let mut changed = false;
        for (id, func) in program.funcs.iter() {
            let Some(entry) = func.entry() else { continue };
            if func.linkage != Linkage::Static || !facts.is_reached(id) {
                continue;
            }
            let at_entry = match facts.func(id).blocks[entry] {
                Some(_) => {
                    let keeps_dead = !rewritten[id];
                    let live = Liveness::solve(program, facts, &read, id, keeps_dead);
                    live.at_start(entry).regs & all
                }
                None => all,
            };
            changed |= at_entry != read[id];
            read[id] = at_entry;
        }
        if !changed {
            return read;
        }
    }
}

/// Sees an instruction, the address that it accesses, and what is live after and before it.
type Visit<'v> = dyn FnMut(Inst, Option<Value>, &Live, &Live) + 'v;

/// Liveness of one function.
pub struct Liveness<'a> {
    program: &'a Program,
    facts: &'a Facts,
    arguments: &'a Arguments,
    func: Func,
    /// Whether an address in the frame is kept where loads are not followed: every byte of
    /// the frame is live everywhere then.
    escapes: bool,
    /// Whether dead instructions stay, so that what they read is live.
    keeps_dead: bool,
    exits: PerEntity<Block, Option<Live>>,
}

impl<'a> Liveness<'a> {
    /// Solves one function.
    pub fn new(
        program: &'a Program,
        facts: &'a Facts,
        arguments: &'a Arguments,
        func: Func,
    ) -> Liveness<'a> {
        Self::solve(program, facts, arguments, func, false)
    }

    fn solve(
        program: &'a Program,
        facts: &'a Facts,
        arguments: &'a Arguments,
        func: Func,
        keeps_dead: bool,
    ) -> Liveness<'a> {
        let function = &program.funcs[func];
        let cfg = Cfg::new(function);
        let mut problem = Liveness {
            program,
            facts,
            arguments,
            func,
            escapes: escapes(program, facts, func),
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
        if self.escapes {
            live.frame = FrameBytes::ALL;
        }
        let mut accesses = Vec::with_capacity(function.block(block).insts.len());
        self.facts.walk_before(self.program, self.func, block, |inst, before| {
            accesses.push((inst, Memory::of(self.program, function.inst(inst), before)));
        });
        for &inst in function.block(block).insts.iter().skip(accesses.len()) {
            accesses.push((inst, Memory::unknown()));
        }
        for (inst, memory) in accesses.into_iter().rev() {
            let after = *live;
            let op = function.op(inst);
            if !self.keeps_dead && is_dead(op, memory.address, &after) {
                visit(inst, memory.address, &after, live);
                continue;
            }
            live.regs = live.regs.without(op.defs()) | self.uses(op);
            for (offset, len) in memory.writes.iter().filter(|_| !self.escapes) {
                live.frame.remove(*offset, *len);
            }
            for (offset, len) in &memory.reads {
                live.frame.add(*offset, *len);
            }
            visit(inst, memory.address, &after, live);
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
            _ => op.uses(),
        }
    }
}

/// Whether a function stores an address in its frame outside of frames, or gives it to a
/// helper that keeps it.
fn escapes(program: &Program, facts: &Facts, func: Func) -> bool {
    let function = &program.funcs[func];
    let mut escapes = false;
    for &block in function.layout() {
        facts.walk_before(program, func, block, |inst, before| {
            let kept = match *function.op(inst) {
                Op::Store { base, src: Operand::Reg(src), .. }
                | Op::StoreRelease { base, src, .. }
                | Op::Atomic { base, src, .. } => {
                    before.reg(src).may_be_frame() && before.reg(base).frame().is_none()
                }
                Op::Call(Callee::Helper(number)) => Helper::get(number).is_some_and(|helper| {
                    Reg::arguments().zip(helper.args).any(|(reg, arg)| {
                        matches!(arg, Arg::Memory { access: Access::Retain, .. })
                            && before.reg(reg).may_be_frame()
                    })
                }),
                _ => false,
            };
            escapes |= kept;
        });
    }
    escapes
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
            Some(Value::Frame { depth: 0, offset: Some(offset) }) => {
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

/// Whether the kernel takes memory that is only written, of this extent, uninitialised: not
/// where the size is no constant (`check_mem_size_reg`, before CAP_PERFMON allowed it in 6.3).
fn fills(extent: Extent, before: &State) -> bool {
    match extent {
        Extent::Arg(number) => {
            Reg::new(number).is_some_and(|r| before.reg(r).as_constant().is_some())
        }
        Extent::Bytes(_) | Extent::MapKey | Extent::MapValue | Extent::String => true,
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

/// What an instruction does with the own frame: byte ranges (offset, length).
struct Memory {
    address: Option<Value>,
    reads: Vec<(i64, i64)>,
    /// Bytes that are certainly overwritten.
    writes: Vec<(i64, i64)>,
}

const ALL: (i64, i64) = (-FRAME_SIZE, FRAME_SIZE);

impl Memory {
    /// An instruction of which no state is known.
    fn unknown() -> Memory {
        Memory { address: None, reads: vec![ALL], writes: Vec::new() }
    }

    fn of(program: &Program, data: &InstData, before: &State) -> Memory {
        let op = &data.op;
        if data.core.is_some() && op.uses().iter().any(|r| before.reg(r).may_be_frame()) {
            return Memory::unknown();
        }
        let mut memory = Memory { address: None, reads: Vec::new(), writes: Vec::new() };
        let at = |base: Reg, off: i16| {
            let off = Value::constant(i64::from(off) as u64);
            Value::alu(Width::W64, crate::isa::AluOp::Add, &before.reg(base), &off)
        };
        match *op {
            Op::Load { size, base, off, .. } | Op::LoadAcquire { size, base, off, .. } => {
                memory.access(at(base, off), size.bytes().into(), false);
            }
            Op::Atomic { size, base, off, .. } => {
                memory.access(at(base, off), size.bytes().into(), false);
            }
            Op::Store { size, base, off, .. } => {
                memory.access(at(base, off), size.bytes().into(), true);
            }
            Op::StoreRelease { size, base, off, .. } => {
                memory.access(at(base, off), size.bytes().into(), true);
            }
            Op::Call(Callee::Helper(number)) => match Helper::get(number) {
                Some(helper) => memory.helper(helper, before),
                None => memory.call(before),
            },
            Op::Call(Callee::Func(func)) => {
                let passed = Reg::arguments().any(|r| before.reg(r).may_be_frame());
                if program.funcs[func].linkage == Linkage::Static && passed {
                    memory.reads.push(ALL);
                } else {
                    memory.call(before);
                }
            }
            Op::Call(_) => memory.call(before),
            _ => {}
        }
        memory
    }

    fn access(&mut self, address: Value, len: i64, store: bool) {
        self.address = Some(address);
        match address {
            Value::Frame { depth: 0, offset: Some(offset) } if store => {
                self.writes.push((offset, len));
            }
            Value::Frame { depth: 0, offset: Some(offset) } => self.reads.push((offset, len)),
            _ if store => {}
            Value::Frame { depth: 0, .. }
            | Value::FrameWithin { depth: 0, .. }
            | Value::Opaque { frame: true, .. } => {
                self.reads.push(ALL);
            }
            _ => {}
        }
    }

    /// Somebody may read at and above an address.
    fn escape(&mut self, value: Value) {
        match value {
            Value::Frame { depth: 0, offset: Some(offset) } => self.reads.push((offset, -offset)),
            Value::Frame { depth: 0, .. }
            | Value::FrameWithin { depth: 0, .. }
            | Value::Opaque { frame: true, .. } => {
                self.reads.push(ALL);
            }
            _ => {}
        }
    }

    fn call(&mut self, before: &State) {
        for reg in Reg::arguments() {
            let value = before.reg(reg);
            if value.may_be_frame() && before.holds_frame_address() {
                self.reads.push(ALL);
            }
            self.escape(value);
        }
    }

    fn helper(&mut self, helper: &Helper, before: &State) {
        let deep = helper.indirect != Indirect::None || helper.takes_callback();
        for (reg, arg) in Reg::arguments().zip(helper.args) {
            let value = before.reg(reg);
            if deep && value.may_be_frame() {
                self.reads.push(ALL);
            }
            match arg {
                Arg::Memory { access: Access::Write, extent } if fills(*extent, before) => {}
                Arg::CallbackCtx => {
                    if value.may_be_frame() {
                        self.reads.push(ALL);
                    }
                }
                Arg::Memory { extent, .. } => {
                    let len = match extent {
                        Extent::Bytes(len) => Some(i64::from(*len)),
                        Extent::Arg(number) => Reg::new(*number)
                            .and_then(|r| i64::try_from(before.reg(r).number().umax).ok()),
                        Extent::MapKey | Extent::MapValue | Extent::String => None,
                    };
                    match (value, len) {
                        (Value::Frame { depth: 0, offset: Some(offset) }, Some(len)) => {
                            self.reads.push((offset, len));
                        }
                        _ => self.escape(value),
                    }
                }
                Arg::Scalar | Arg::Ctx | Arg::Map | Arg::Object | Arg::Callback | Arg::Variadic => {
                    self.escape(value);
                }
            }
        }
    }
}
