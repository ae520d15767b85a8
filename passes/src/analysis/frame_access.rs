//! What the instructions of a function do with its own frame, as far as constant propagation
//! knows their addresses.

use crate::analysis::constants::Facts;
use crate::analysis::frame::FRAME_SIZE;
use crate::analysis::state::State;
use crate::analysis::value::Value;
use crate::entity::{Func, Inst, PerEntity};
use crate::helpers::{Access, Arg, Extent, Helper, Indirect};
use crate::ir::{InstData, Op, Program};
use crate::isa::{AluOp, Callee, Operand, Reg, Width};

/// What each instruction of a function does with its frame.
#[derive(Clone, Debug)]
pub struct Accesses {
    /// Whether an address in the frame is kept where loads are not followed: every byte of
    /// the frame is live everywhere then.
    pub escapes: bool,
    insts: PerEntity<Inst, Option<FrameAccess>>,
}

impl Accesses {
    /// What is known of one function.
    pub fn new(program: &Program, facts: &Facts, func: Func) -> Accesses {
        let function = &program.funcs[func];
        let mut accesses = Accesses { escapes: false, insts: PerEntity::default() };
        for &block in function.layout() {
            facts.walk_before(program, func, block, |inst, before| {
                let data = function.inst(inst);
                accesses.escapes |= escapes(&data.op, before);
                accesses.insts[inst] = FrameAccess::of(data, before);
            });
        }
        accesses
    }

    /// What an instruction does; none if it can be anything.
    pub fn of(&self, inst: Inst) -> Option<&FrameAccess> {
        self.insts.get(inst).as_ref()
    }
}

/// Whether an instruction stores an address in the frame outside of frames, or gives it to a
/// helper that keeps it.
fn escapes(op: &Op, before: &State) -> bool {
    match *op {
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
    }
}

/// What an instruction does with the own frame: byte ranges (offset, length).
#[derive(Clone, Debug, Default)]
pub struct FrameAccess {
    /// The address that a load or a store goes to.
    pub address: Option<Value>,
    /// Bytes that may be read.
    pub reads: Vec<(i64, i64)>,
    /// Bytes that are certainly overwritten.
    pub writes: Option<(i64, i64)>,
}

const ALL: (i64, i64) = (-FRAME_SIZE, FRAME_SIZE);

impl FrameAccess {
    /// None if it can be any access.
    fn of(data: &InstData, before: &State) -> Option<FrameAccess> {
        let op = &data.op;
        if data.core.is_some() && op.uses().iter().any(|r| before.reg(r).may_be_frame()) {
            return None;
        }
        let mut memory = FrameAccess::default();
        let at = |base: Reg, off: i16| {
            let off = Value::constant(i64::from(off) as u64);
            Value::alu(Width::W64, AluOp::Add, &before.reg(base), &off)
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
            // Whatever its linkage: see `call_effects::call_function`.
            Op::Call(Callee::Func(_))
                if !Reg::arguments().any(|r| before.reg(r).may_be_frame()) => {}
            Op::Call(Callee::Func(_)) => memory.reads.push(ALL),
            Op::Call(_) => memory.call(before),
            _ => {}
        }
        Some(memory)
    }

    fn access(&mut self, address: Value, len: i64, store: bool) {
        self.address = Some(address);
        match address {
            Value::Frame { depth: 0, offset: Some(offset) } if store => {
                self.writes = Some((offset, len));
            }
            Value::Frame { depth: 0, offset: Some(offset) } => self.reads.push((offset, len)),
            _ if store => {}
            Value::Frame { depth: 0, .. }
            | Value::FrameWithin { depth: 0, .. }
            | Value::Frames { .. }
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
            | Value::Frames { .. }
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

/// Whether the kernel takes memory that is only written, of this extent, uninitialised: not
/// where the size is no constant (`check_mem_size_reg`, before CAP_PERFMON allowed it in 6.3).
fn fills(extent: Extent, before: &State) -> bool {
    match extent {
        Extent::Arg(number) => {
            let known = |r: Reg| before.reg(r).as_constant().is_some() && !before.is_unsure(r);
            Reg::new(number).is_some_and(known)
        }
        Extent::Bytes(_) | Extent::MapKey | Extent::MapValue | Extent::String => true,
    }
}
