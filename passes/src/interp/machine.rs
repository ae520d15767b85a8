//! Functions, blocks and instructions.

use super::call::Answer;
use super::memory::{Hash, Memory};
use super::{Event, Fault, Input, MAX_FRAMES, Outcome, Place, Trace};
use crate::entity::{Block, Func, Inst};
use crate::ir::{JumpTable, Op, Program};
use crate::isa::{
    self, AluOp, AtomicOp, Callee, Imm64, Operand, Reg, Size, Width, alu, compare, extend,
    sign_extend, truncate,
};

/// Runs `entry` on `input` for at most `fuel` instructions.
pub fn run(program: &Program, entry: Func, input: &Input, fuel: u64) -> Trace {
    let mut machine = Machine {
        program,
        input,
        memory: Memory::new(program, input),
        events: Vec::new(),
        calls: 0,
        retained: Vec::new(),
        fuel,
        at: (entry, None),
    };
    let mut args = [None; 5];
    for (arg, value) in args.iter_mut().zip(&input.args) {
        *arg = Some(*value);
    }
    let result = machine.function(entry, args);
    let (func, inst) = machine.at;
    let outcome = match result {
        Ok(Some(value)) => Outcome::Exit(value),
        Ok(None) => {
            let fault = Fault::UninitialisedRegister { reg: Reg::R0 };
            Outcome::Fault { fault, func, inst }
        }
        Err(Stop::Fault(fault)) => Outcome::Fault { fault, func, inst },
        Err(Stop::OutOfFuel) => Outcome::OutOfFuel,
    };
    Trace { events: machine.events, outcome, steps: fuel - machine.fuel }
}

/// Why the run stops before its entry function returns.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    Fault(Fault),
    OutOfFuel,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Stop::Fault(fault)
    }
}

/// What happens after an instruction.
enum Flow {
    Next,
    Jump(Block),
    Return(Option<u64>),
}

/// The state of a run.
pub(super) struct Machine<'a> {
    pub(super) program: &'a Program,
    pub(super) input: &'a Input,
    pub(super) memory: Memory<'a>,
    pub(super) events: Vec<Event>,
    /// The number of calls that were answered.
    pub(super) calls: u32,
    /// Memory that any call may write to: address and bytes.
    pub(super) retained: Vec<(u64, u64)>,
    fuel: u64,
    at: (Func, Option<Inst>),
}

/// The state of one function: registers (none is uninitialised) and what `may_goto` counts.
struct Frame {
    regs: [Option<u64>; Reg::COUNT],
    may_goto: u32,
}

impl Frame {
    fn get(&self, reg: Reg) -> Result<u64, Fault> {
        self.regs[reg.index()].ok_or(Fault::UninitialisedRegister { reg })
    }

    fn set(&mut self, reg: Reg, value: u64) {
        self.regs[reg.index()] = Some(value);
    }

    fn operand(&self, operand: Operand) -> Result<u64, Fault> {
        match operand {
            Operand::Reg(reg) => self.get(reg),
            Operand::Imm(imm) => Ok(i64::from(imm) as u64),
        }
    }

    fn address(&self, base: Reg, off: i16) -> Result<u64, Fault> {
        Ok(self.get(base)?.wrapping_add(i64::from(off) as u64))
    }

    /// After a call, `r1` to `r5` hold nothing and `r0` the result.
    fn clobber(&mut self, result: Option<u64>) {
        for reg in Reg::caller_saved() {
            self.regs[reg.index()] = None;
        }
        self.regs[Reg::R0.index()] = result;
    }

    fn args(&self) -> [Option<u64>; 5] {
        let [_, r1, r2, r3, r4, r5, ..] = self.regs;
        [r1, r2, r3, r4, r5]
    }
}

impl Machine<'_> {
    /// Runs a function in a frame of its own and gives what it leaves in `r0`.
    pub(super) fn function(
        &mut self,
        func: Func,
        args: [Option<u64>; 5],
    ) -> Result<Option<u64>, Stop> {
        if self.memory.depth() >= MAX_FRAMES {
            return Err(Fault::CallDepth.into());
        }
        let depth = self.memory.push_frame();
        let mut frame = Frame { regs: [None; Reg::COUNT], may_goto: self.input.may_goto };
        for (reg, value) in Reg::arguments().zip(args) {
            frame.regs[reg.index()] = value;
        }
        frame.set(Reg::FP, Place::Frame(depth as u32).address(0));
        let result = self.blocks(func, &mut frame);
        self.memory.pop_frame();
        result
    }

    fn blocks(&mut self, func: Func, frame: &mut Frame) -> Result<Option<u64>, Stop> {
        let code = self.program.funcs.get(func).ok_or(Fault::NoCode { func })?;
        let mut block = code.entry().ok_or(Fault::NoCode { func })?;
        'blocks: loop {
            let data = code.block(block);
            for &inst in &data.insts {
                self.at = (func, Some(inst));
                self.fuel = self.fuel.checked_sub(1).ok_or(Stop::OutOfFuel)?;
                match self.step(frame, code.op(inst))? {
                    Flow::Next => {}
                    Flow::Jump(target) => {
                        block = target;
                        continue 'blocks;
                    }
                    Flow::Return(value) => return Ok(value),
                }
            }
            // A block without instructions costs fuel too: a ring of them never ends.
            if data.insts.is_empty() {
                self.fuel = self.fuel.checked_sub(1).ok_or(Stop::OutOfFuel)?;
            }
            block = data.next.ok_or(Fault::NoNextBlock)?;
        }
    }

    fn step(&mut self, frame: &mut Frame, op: &Op) -> Result<Flow, Stop> {
        match *op {
            Op::Alu { width, op, dst, src } => {
                let value = alu(width, op, frame.get(dst)?, frame.operand(src)?);
                frame.set(dst, value);
            }
            Op::Neg { width, dst } => {
                let value = alu(width, AluOp::Sub, 0, frame.get(dst)?);
                frame.set(dst, value);
            }
            Op::Mov { width, dst, src } => {
                let value = truncate(width, frame.operand(src)?);
                frame.set(dst, value);
            }
            Op::MovSx { width, from, dst, src } => {
                let value = truncate(width, sign_extend(from, frame.get(src)?));
                frame.set(dst, value);
            }
            Op::AddrSpaceCast { dst, src, spaces: _ } => {
                let value = frame.get(src)?;
                frame.set(dst, value);
            }
            Op::Swap { op, size, dst } => {
                let value = isa::swap(op, size, self.program.endian, frame.get(dst)?);
                frame.set(dst, value);
            }
            Op::Load { size, signed, dst, base, off } => {
                let address = frame.address(base, off)?;
                let value = match size {
                    Size::DW if self.entry(address).is_some() => address,
                    _ => self.memory.load(address, size)?,
                };
                frame.set(dst, if signed { sign_extend(size, value) } else { value });
            }
            Op::LoadAcquire { size, dst, base, off } => {
                let address = frame.address(base, off)?;
                let value = self.memory.load(address, size)?;
                frame.set(dst, value);
                self.observe(address, Event::LoadAcquire { address, size });
            }
            Op::Store { size, base, off, src } => {
                let value = frame.operand(src)?;
                self.store(frame.address(base, off)?, size, value, false)?;
            }
            Op::StoreRelease { size, base, off, src } => {
                let value = frame.get(src)?;
                self.store(frame.address(base, off)?, size, value, true)?;
            }
            Op::Atomic { size, op, base, off, src } => {
                self.atomic(frame, size, op, frame.address(base, off)?, src)?;
            }
            Op::LdImm64 { dst, imm } => {
                let value = self.imm64(imm)?;
                frame.set(dst, value);
            }
            Op::LdAbs { size, imm } => return self.packet(frame, size, imm as u32),
            Op::LdInd { size, src, imm } => {
                let offset = (frame.get(src)? as u32).wrapping_add(imm as u32);
                return self.packet(frame, size, offset);
            }
            Op::Call(callee) => return self.call(frame, callee),
            Op::Exit => return Ok(Flow::Return(frame.regs[Reg::R0.index()])),
            Op::Goto { target, long: _ } => return Ok(Flow::Jump(target)),
            Op::Branch { width, cond, dst, src, target } => {
                if compare(width, cond, frame.get(dst)?, frame.operand(src)?) {
                    return Ok(Flow::Jump(target));
                }
            }
            Op::MayGoto { target } => match frame.may_goto.checked_sub(1) {
                Some(left) => frame.may_goto = left,
                None => return Ok(Flow::Jump(target)),
            },
            Op::GotoX { dst } => {
                let address = frame.get(dst)?;
                let target = self.entry(address).ok_or(Fault::BadAddress { address })?;
                return Ok(Flow::Jump(target));
            }
        }
        Ok(Flow::Next)
    }

    /// Where the entry of a jump table leads that is at an address. What is loaded from it is its
    /// address: where code is differs from program to program.
    fn entry(&self, address: u64) -> Option<Block> {
        let (Place::Section(section), offset) = Place::of(address)? else { return None };
        let tables = self.program.funcs.get(self.at.0)?.tables();
        let table = tables.iter().find(|table| table.contains(section, offset))?;
        let at = offset - table.offset;
        let entry = usize::try_from(at / JumpTable::ENTRY).ok()?;
        table.targets.get(entry).copied().filter(|_| at % JumpTable::ENTRY == 0)
    }

    /// Records an event unless it happens in a frame.
    fn observe(&mut self, address: u64, event: Event) {
        if !Memory::is_frame(address) {
            self.events.push(event);
        }
    }

    fn store(&mut self, address: u64, size: Size, value: u64, release: bool) -> Result<(), Stop> {
        self.memory.store(address, size, value)?;
        self.observe(address, Event::Store { address, size, value: extend(size, value), release });
        Ok(())
    }

    fn atomic(
        &mut self,
        frame: &mut Frame,
        size: Size,
        op: AtomicOp,
        address: u64,
        src: Reg,
    ) -> Result<(), Stop> {
        let operand = extend(size, frame.get(src)?);
        let old = self.memory.load(address, size)?;
        let compute = |op| alu(Width::W64, op, old, operand);
        let mut expected = None;
        let (new, receiver) = match op {
            AtomicOp::Add { fetch } => (compute(AluOp::Add), fetch.then_some(src)),
            AtomicOp::Or { fetch } => (compute(AluOp::Or), fetch.then_some(src)),
            AtomicOp::And { fetch } => (compute(AluOp::And), fetch.then_some(src)),
            AtomicOp::Xor { fetch } => (compute(AluOp::Xor), fetch.then_some(src)),
            AtomicOp::Xchg => (operand, Some(src)),
            AtomicOp::Cmpxchg => {
                let compared = extend(size, frame.get(Reg::R0)?);
                expected = Some(compared);
                (if compared == old { operand } else { old }, Some(Reg::R0))
            }
        };
        self.memory.store(address, size, new)?;
        self.observe(address, Event::Atomic { op, address, size, operand, expected });
        if let Some(receiver) = receiver {
            frame.set(receiver, old);
        }
        Ok(())
    }

    fn imm64(&self, imm: Imm64) -> Result<u64, Fault> {
        Ok(match imm {
            Imm64::Const(value) => value,
            Imm64::Section { section, offset } => Place::Section(section).address(offset),
            Imm64::Map(map) => Place::Map(map).address(0),
            Imm64::Func(func) => Place::Func(func).address(0),
            Imm64::Extern(ext) => match self.input.external(ext) {
                super::ExternInput::Absent => 0,
                super::ExternInput::Contents(_) | super::ExternInput::Unknown => {
                    Place::Extern(ext).address(0)
                }
            },
            Imm64::Pseudo { .. } => return Err(Fault::Unsupported),
        })
    }

    /// A legacy packet load. Beyond the packet, the function returns 0 (`bpf_gen_ld_abs` of
    /// `net/core/filter.c`).
    fn packet(&mut self, frame: &mut Frame, size: Size, offset: u32) -> Result<Flow, Stop> {
        frame.get(Reg::R6)?;
        let hash = Hash::new(self.input.seed).with(0x1dab).with(u64::from(offset));
        let value = hash.with(size.bytes().into()).finish();
        if value >> 60 == 0 {
            return Ok(Flow::Return(Some(0)));
        }
        frame.clobber(Some(extend(size, value)));
        Ok(Flow::Next)
    }

    fn call(&mut self, frame: &mut Frame, callee: Callee) -> Result<Flow, Stop> {
        let args = frame.args();
        let answer = match callee {
            Callee::Helper(number) => self.helper(number, args)?,
            Callee::Func(func) => match self.program.funcs.get(func) {
                Some(code) if code.opaque.is_some() => self.unknown(callee, args)?,
                _ => Answer::Value(self.function(func, args)?),
            },
            Callee::Extern(ext) => {
                let known = self.program.externs.get(ext).and_then(|decl| decl.args);
                let passed = |at: usize| known.is_none_or(|known| at < usize::from(known));
                let args = std::array::from_fn(|at| args[at].filter(|_| passed(at)));
                self.unknown(callee, args)?
            }
            Callee::Pseudo { .. } => return Err(Fault::Unsupported.into()),
        };
        Ok(match answer {
            Answer::Value(value) => {
                frame.clobber(value);
                Flow::Next
            }
            Answer::Leave(value) => Flow::Return(Some(value)),
        })
    }
}
