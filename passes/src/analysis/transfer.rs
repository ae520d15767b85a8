//! What instructions do to a state: RFC 9669, with final bytes for loads from read-only
//! sections.

use crate::analysis::branches::operand;
use crate::analysis::call_effects::{
    call_function, call_helper, call_unknown, clobber_caller_saved, runs_nothing,
};
use crate::analysis::func_facts::{FuncFacts, is_untouchable};
use crate::analysis::kind::Kind;
use crate::analysis::number::Number;
use crate::analysis::state::State;
use crate::analysis::value::Value;
use crate::entity::{Entity, EntityVec, Extern, Func, Inst, PerEntity};
use crate::helpers::Helper;
use crate::ir::{ExternValue, InstData, Linkage, Op, Program};
use crate::ir::{Level, load_constant};
use crate::isa::{self, AluOp, AtomicOp, Callee, Imm64, Operand, Reg, Size, Width};

/// The effect of instructions on a state.
pub(super) struct Transfer<'a> {
    pub program: &'a Program,
    pub facts: &'a EntityVec<Func, FuncFacts>,
    pub levels: &'a PerEntity<Func, Level>,
    /// Functions that can call themselves: the kernel refuses them, we assume nothing.
    pub recursive: &'a PerEntity<Func, bool>,
    /// Whether code casts pointers into arenas.
    pub arenas: bool,
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
                // A number and a pointer that is null make a pointer.
                let identity = width == Width::W64
                    && matches!((op, operand(state, src).as_constant()), (AluOp::Add, Some(0)))
                    && state.operand_kind(src).is_number();
                if !identity {
                    let value = Value::alu(width, op, &state.reg(dst), &operand(state, src));
                    let (a, b) = (state.sure(Operand::Reg(dst)), state.sure(src));
                    let sure = Value::alu(width, op, &a, &b);
                    let kinds = (state.kind(dst), state.operand_kind(src));
                    let kind = Kind::computed(width, op, kinds, self.arenas);
                    state.set_computed(dst, value, kind, sure);
                }
            }
            Op::Neg { width, dst } => {
                let value = match (state.reg(dst).as_constant(), width) {
                    (Some(c), _) => Value::constant(isa::alu(width, AluOp::Sub, 0, c)),
                    // Older verifiers know nothing of a negated range.
                    (None, Width::W32) => Value::Number(Number::zero_extended(Size::W)),
                    (None, Width::W64) => Value::NUMBER,
                };
                state.set_number(dst, value);
            }
            Op::Mov { width: Width::W64, dst, src: Operand::Reg(src) } => {
                state.copy(dst, src, fresh);
            }
            Op::Mov { width: Width::W64, dst, src: Operand::Imm(imm) } => {
                state.set_number(dst, Value::constant(i64::from(imm) as u64));
            }
            Op::Mov { width: Width::W32, dst, src } => {
                let value = operand(state, src);
                let low = value.number().low_half();
                let is_number = state.operand_kind(src).is_number();
                match src {
                    Operand::Reg(src) if value == Value::Number(low) && is_number => {
                        state.copy(dst, src, fresh);
                    }
                    Operand::Reg(src) => {
                        let sure = state.sure(Operand::Reg(src)).number().low_half();
                        let (value, sure) = (Value::Number(low), Value::Number(sure));
                        state.set_computed(dst, value, Kind::Number, sure);
                    }
                    Operand::Imm(_) => state.set_number(dst, Value::Number(low)),
                }
            }
            Op::MovSx { width, from, dst, src } => {
                let extended = |value: Value| {
                    let value = value.number().sign_extend(from);
                    Value::Number(match width {
                        Width::W64 => value,
                        Width::W32 => value.low_half(),
                    })
                };
                let (value, sure) = (state.reg(src), state.sure(Operand::Reg(src)));
                state.set_computed(dst, extended(value), Kind::Number, extended(sure));
            }
            Op::AddrSpaceCast { dst, .. } => state.set(dst, Value::NUMBER, Kind::Unknown),
            Op::Swap { op, size, dst } => {
                let endian = self.program.endian;
                let value = match state.reg(dst) {
                    Value::Number(n) => n
                        .as_constant()
                        .map_or(Value::NUMBER, |c| Value::constant(isa::swap(op, size, endian, c))),
                    same if size == Size::DW && isa::swap(op, size, endian, 1) == 1 => same,
                    _ => Value::NUMBER,
                };
                state.set_number(dst, value);
            }
            Op::Load { size, signed, dst, base, off } => {
                self.load(state, dst, (base, off), size);
                if signed {
                    let value = state.reg(dst).number().sign_extend(size);
                    state.set_number(dst, Value::Number(value));
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
                // The verifier fills the register as a load does (`check_atomic`).
                let (fetched, kind) = match (size, address.may_be_frame()) {
                    (Size::DW, true) => (Value::ANY, Kind::Unknown),
                    (Size::DW, false) => (Value::NUMBER, Kind::Unknown),
                    (size, _) => (Value::Number(Number::zero_extended(size)), Kind::Number),
                };
                let stored = if address.may_be_frame() { (Value::ANY, None) } else { stored };
                state.store(address, size, stored, self.program.endian);
                match op {
                    AtomicOp::Add { fetch: false }
                    | AtomicOp::Or { fetch: false }
                    | AtomicOp::And { fetch: false }
                    | AtomicOp::Xor { fetch: false } => {}
                    AtomicOp::Cmpxchg => state.set(Reg::R0, fetched, kind),
                    AtomicOp::Add { fetch: true }
                    | AtomicOp::Or { fetch: true }
                    | AtomicOp::And { fetch: true }
                    | AtomicOp::Xor { fetch: true }
                    | AtomicOp::Xchg => state.set(src, fetched, kind),
                }
            }
            Op::LdImm64 { dst, imm } => {
                let (value, kind) = self.imm64(imm);
                state.set(dst, value, kind);
            }
            Op::LdAbs { .. } | Op::LdInd { .. } => {
                clobber_caller_saved(state);
                state.set_number(Reg::R0, Value::NUMBER);
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
            state.set(reg, Value::NUMBER, Kind::Unknown);
        }
        if let Op::Alu { dst, .. } = data.op {
            state.set(dst, Value::ANY, Kind::Unknown);
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
            state.set(dst, Value::ANY, Kind::Unknown);
        }
    }

    fn imm64(&self, imm: Imm64) -> (Value, Kind) {
        let value = match imm {
            Imm64::Const(value) => return (Value::constant(value), Kind::Number),
            Imm64::Section { section, offset } => Value::Section { section, offset: Some(offset) },
            Imm64::Map(map) => Value::Map(map),
            Imm64::Func(func) => Value::Func(func),
            Imm64::Extern(ext) => match self.program.externs[ext].value {
                // libbpf writes a number there.
                Some(ExternValue::Absent) => return (Value::constant(0), Kind::Number),
                // Nothing is known of what is behind it. It is no pointer that may be null.
                Some(ExternValue::Present) => {
                    return (Value::Number(Number::unsigned(1, u64::MAX)), Kind::Checked);
                }
                _ => Value::Extern { ext, offset: Some(0) },
            },
            Imm64::Pseudo { .. } => Value::NUMBER,
        };
        (value, Kind::Unknown)
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
            Value::Frames { .. } => {
                return state.load_frame(dst, (u8::MAX, None), size, self.program.endian);
            }
            Value::OneOf { .. } => self.load_one_of(address, size),
            Value::Context(0 | 4 | 8 | 76 | 80 | 140) if size == Size::W => Value::NUMBER,
            Value::Section { section, offset } => {
                let limit = isa::extend(size, u64::MAX);
                let section = &self.program.sections[section];
                match offset.and_then(|o| section.load(o, size, self.program.endian)) {
                    Some((value, known))
                        if known == limit
                            && self.levels[self.func] != Level::Full
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
        state.set(dst, value, self.loaded_kind(address, size));
    }

    /// What the verifier takes what is loaded for: numbers of maps that programs cannot write
    /// to, and whatever is shorter than a pointer, but for fields of the context.
    fn loaded_kind(&self, address: Value, size: Size) -> Kind {
        let contents =
            |ext: Extern| matches!(self.program.externs[ext].value, Some(ExternValue::Contents(_)));
        match (address, size) {
            (Value::Section { section, .. } | Value::OneOf { section, .. }, _)
                if self.program.sections[section].read_only =>
            {
                Kind::Number
            }
            (Value::Extern { ext, .. }, _) if contents(ext) => Kind::Number,
            (_, Size::DW) => Kind::Unknown,
            (Value::Context(0 | 4 | 8 | 76 | 80 | 140), Size::W) => Kind::Unknown,
            (Value::Opaque { .. }, Size::W) => Kind::Unknown,
            _ => Kind::Number,
        }
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
                Some(helper) if runs_nothing(state, helper) => {
                    clobber_caller_saved(state);
                    state.set_number(Reg::R0, Value::constant(0));
                }
                Some(helper) => call_helper(state, helper),
                None => call_unknown(state, Reg::arguments().collect()),
            },
            Callee::Func(func) => {
                let function = &self.program.funcs[func];
                if function.linkage != Linkage::Static
                    || self.recursive[func]
                    || is_untouchable(self.program, self.levels, func)
                {
                    call_function(state);
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
