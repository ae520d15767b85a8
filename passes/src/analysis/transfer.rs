//! What instructions do to a state: RFC 9669, with final bytes for loads from read-only
//! sections.

use crate::analysis::branches::operand;
use crate::analysis::call_effects::{call_helper, call_unknown, clobber_caller_saved};
use crate::analysis::constants::{FuncFacts, is_untouchable};
use crate::analysis::number::Number;
use crate::analysis::state::State;
use crate::analysis::value::Value;
use crate::entity::{Entity, EntityVec, Extern, Func, Inst, PerEntity};
use crate::helpers::Helper;
use crate::ir::{ExternValue, InstData, Linkage, Op, Program};
use crate::isa::{self, AluOp, AtomicOp, Callee, Imm64, Operand, Reg, Size, Width};
use crate::opt::load_constant;
use crate::pass::Level;

/// The effect of instructions on a state.
pub(super) struct Transfer<'a> {
    pub program: &'a Program,
    pub facts: &'a EntityVec<Func, FuncFacts>,
    pub levels: &'a PerEntity<Func, Level>,
    /// Functions that can call themselves: the kernel refuses them, we assume nothing.
    pub recursive: &'a PerEntity<Func, bool>,
    /// The function that the instructions are in.
    pub func: Func,
}

impl Transfer<'_> {
    /// Applies one instruction; false if control does not get past it.
    pub fn inst(&self, state: &mut State, inst: Inst, data: &InstData) -> bool {
        let fresh = inst.index() as u32 + 1;
        if data.core.is_some() {
            self.relocated(state, data);
            return true;
        }
        match data.op {
            Op::Alu { width, op, dst, src } => {
                let identity = width == Width::W64
                    && matches!((op, operand(state, src).as_constant()), (AluOp::Add, Some(0)));
                if !identity {
                    let value = Value::alu(width, op, &state.reg(dst), &operand(state, src));
                    let unsure = state.is_unsure(dst)
                        || matches!(src, Operand::Reg(src) if state.is_unsure(src));
                    state.set_computed(dst, value, unsure);
                }
            }
            Op::Neg { width, dst } => {
                let value = match (state.reg(dst).as_constant(), width) {
                    (Some(c), _) => Value::constant(isa::alu(width, AluOp::Sub, 0, c)),
                    // Older verifiers know nothing of a negated range.
                    (None, Width::W32) => Value::Number(Number::zero_extended(Size::W)),
                    (None, Width::W64) => Value::NUMBER,
                };
                state.set(dst, value);
            }
            Op::Mov { width: Width::W64, dst, src: Operand::Reg(src) } => {
                state.copy(dst, src, fresh);
            }
            Op::Mov { width: Width::W64, dst, src: Operand::Imm(imm) } => {
                state.set(dst, Value::constant(i64::from(imm) as u64));
            }
            Op::Mov { width: Width::W32, dst, src } => {
                let value = operand(state, src);
                let low = value.number().low_half();
                match src {
                    Operand::Reg(src) if value == Value::Number(low) => state.copy(dst, src, fresh),
                    Operand::Reg(src) => {
                        state.set_computed(dst, Value::Number(low), state.is_unsure(src));
                    }
                    Operand::Imm(_) => state.set(dst, Value::Number(low)),
                }
            }
            Op::MovSx { width, from, dst, src } => {
                let value = state.reg(src).number().sign_extend(from);
                let value = match width {
                    Width::W64 => value,
                    Width::W32 => value.low_half(),
                };
                state.set_computed(dst, Value::Number(value), state.is_unsure(src));
            }
            Op::AddrSpaceCast { dst, .. } => state.set(dst, Value::NUMBER),
            Op::Swap { op, size, dst } => {
                let value = match state.reg(dst).as_constant() {
                    Some(c) => Value::constant(isa::swap(op, size, self.program.endian, c)),
                    None => Value::NUMBER,
                };
                state.set(dst, value);
            }
            Op::Load { size, signed, dst, base, off } => {
                self.load(state, dst, (base, off), size);
                if signed {
                    let value = state.reg(dst).number().sign_extend(size);
                    state.set(dst, Value::Number(value));
                }
            }
            Op::LoadAcquire { size, dst, base, off } => {
                self.load(state, dst, (base, off), size);
            }
            Op::Store { size, base, off, src } => {
                let reg = match src {
                    Operand::Reg(reg) => Some(reg),
                    Operand::Imm(_) => None,
                };
                let address = address(state, base, off);
                let value = operand(state, src);
                state.store(address, size, (value, reg), self.program.endian);
            }
            Op::StoreRelease { size, base, off, src } => {
                let address = address(state, base, off);
                let value = state.reg(src);
                state.store(address, size, (value, Some(src)), self.program.endian);
            }
            Op::Atomic { size, op, base, off, src } => {
                let address = address(state, base, off);
                let stored = (Value::NUMBER, None);
                let fetched = match (size, address.may_be_frame()) {
                    (Size::DW, true) => Value::ANY,
                    (Size::DW, false) => Value::NUMBER,
                    (size, _) => Value::Number(Number::zero_extended(size)),
                };
                let stored = if address.may_be_frame() { (Value::ANY, None) } else { stored };
                state.store(address, size, stored, self.program.endian);
                match op {
                    AtomicOp::Add { fetch: false }
                    | AtomicOp::Or { fetch: false }
                    | AtomicOp::And { fetch: false }
                    | AtomicOp::Xor { fetch: false } => {}
                    AtomicOp::Cmpxchg => state.set(Reg::R0, fetched),
                    AtomicOp::Add { fetch: true }
                    | AtomicOp::Or { fetch: true }
                    | AtomicOp::And { fetch: true }
                    | AtomicOp::Xor { fetch: true }
                    | AtomicOp::Xchg => state.set(src, fetched),
                }
            }
            Op::LdImm64 { dst, imm } => state.set(dst, self.imm64(imm)),
            Op::LdAbs { .. } | Op::LdInd { .. } => {
                clobber_caller_saved(state);
                state.set(Reg::R0, Value::NUMBER);
            }
            Op::Call(callee) => return self.call(state, callee),
            Op::Exit
            | Op::Goto { .. }
            | Op::Branch { .. }
            | Op::MayGoto { .. }
            | Op::GotoX { .. } => {}
        }
        true
    }

    /// An instruction that the loader will still change (CO-RE): it may become another load
    /// size, another immediate or a call that fails.
    fn relocated(&self, state: &mut State, data: &InstData) {
        if let Op::Call(_) = data.op {
            return call_unknown(state, Reg::arguments().collect());
        }
        for reg in data.op.defs().iter() {
            state.set(reg, Value::NUMBER);
        }
        if let Op::Alu { dst, .. } = data.op {
            state.set(dst, Value::ANY);
        }
        if let Op::Store { base, .. } | Op::Atomic { base, .. } | Op::StoreRelease { base, .. } =
            data.op
            && state.reg(base).may_be_frame()
        {
            state.clobber_all();
        }
        if let Op::Load { base, dst, .. } | Op::LoadAcquire { base, dst, .. } = data.op
            && state.reg(base).may_be_frame()
        {
            state.set(dst, Value::ANY);
        }
    }

    fn imm64(&self, imm: Imm64) -> Value {
        match imm {
            Imm64::Const(value) => Value::constant(value),
            Imm64::Section { section, offset } => Value::Section { section, offset: Some(offset) },
            Imm64::Map(map) => Value::Map(map),
            Imm64::Func(func) => Value::Func(func),
            Imm64::Extern(ext) => match self.program.externs[ext].value {
                Some(ExternValue::Absent) => Value::constant(0),
                // Nothing is known of what is behind it.
                Some(ExternValue::Present) => Value::Number(Number::unsigned(1, u64::MAX)),
                _ => Value::Extern { ext, offset: Some(0) },
            },
            Imm64::Pseudo { .. } => Value::NUMBER,
        }
    }

    fn load(&self, state: &mut State, dst: Reg, (base, off): (Reg, i16), size: Size) {
        let address = address(state, base, off);
        let value = match address {
            Value::Frame { depth, offset } => {
                return state.load_frame(dst, (depth, offset), size, self.program.endian);
            }
            Value::FrameWithin { depth, .. } => {
                return state.load_frame(dst, (depth, None), size, self.program.endian);
            }
            Value::OneOf { .. } => self.load_one_of(address, size),
            Value::Context(0 | 4 | 8 | 76 | 80 | 140) if size == Size::W => Value::NUMBER,
            Value::Section { section, offset } => {
                let limit = isa::extend(size, u64::MAX);
                let section = &self.program.sections[section];
                match offset.and_then(|o| section.load(o, size, self.program.endian)) {
                    Some((value, known))
                        if known == limit
                            && self.levels[self.func] == Level::Narrow
                            && load_constant(dst, value).slots() > 1 =>
                    {
                        Value::NUMBER
                    }
                    Some((value, known)) => Value::Number(Number::known_bits(value, known, limit)),
                    None => Value::Number(Number::zero_extended(size)),
                }
            }
            Value::Extern { ext, offset: Some(offset) } => self.load_extern(ext, offset, size),
            Value::Opaque { frame: true, .. } => Value::ANY,
            Value::Opaque { ctx: true, .. } if matches!(size, Size::W | Size::DW) => Value::NUMBER,
            _ if size == Size::DW => Value::NUMBER,
            _ => Value::Number(Number::zero_extended(size)),
        };
        state.set(dst, value);
    }

    /// A load through one of some addresses: the verifier follows each of them, with what
    /// it knows of frozen maps.
    fn load_one_of(&self, address: Value, size: Size) -> Value {
        let limit = isa::extend(size, u64::MAX);
        let any = Number::zero_extended(size);
        let Some((section, offsets)) = address.offsets() else { return Value::Number(any) };
        let section = &self.program.sections[section];
        let mut joined: Option<Number> = None;
        for offset in offsets {
            let loaded = match section.load(offset, size, self.program.endian) {
                Some((value, known)) if known == limit => Number::constant(value),
                _ => return Value::Number(any),
            };
            joined = Some(joined.map_or(loaded, |known| known.join(&loaded)));
        }
        Value::Number(joined.unwrap_or(any))
    }

    fn load_extern(&self, ext: Extern, offset: i64, size: Size) -> Value {
        let len = size.bytes() as usize;
        let bytes = match &self.program.externs[ext].value {
            Some(ExternValue::Contents(bytes)) => usize::try_from(offset)
                .ok()
                .and_then(|start| bytes.get(start..start.checked_add(len)?)),
            _ => None,
        };
        let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        match (bytes, self.program.endian) {
            (Some(bytes), isa::Endian::Little) => Value::constant(bytes.iter().rev().fold(0, push)),
            (Some(bytes), isa::Endian::Big) => Value::constant(bytes.iter().fold(0, push)),
            (None, _) if size == Size::DW => Value::NUMBER,
            (None, _) => Value::Number(Number::zero_extended(size)),
        }
    }

    fn call(&self, state: &mut State, callee: Callee) -> bool {
        match callee {
            Callee::Helper(number) => match Helper::get(number) {
                Some(helper) => call_helper(state, helper),
                None => call_unknown(state, Reg::arguments().collect()),
            },
            Callee::Func(func) => {
                let function = &self.program.funcs[func];
                if function.linkage != Linkage::Static
                    || self.recursive[func]
                    || is_untouchable(self.program, self.levels, func)
                {
                    call_unknown(state, Reg::arguments().collect());
                    return true;
                }
                match &self.facts[func].exit {
                    Some(exit) => state.leave(exit),
                    None => return false,
                }
            }
            Callee::Extern(ext) => call_unknown(state, self.program.externs[ext].arguments()),
            Callee::Pseudo { .. } => call_unknown(state, Reg::arguments().collect()),
        }
        true
    }
}

fn address(state: &State, base: Reg, off: i16) -> Value {
    let off = Value::constant(i64::from(off) as u64);
    Value::alu(Width::W64, AluOp::Add, &state.reg(base), &off)
}
