//! Statements that call.

use super::{Body, Param, store};
use crate::entity::{Entity, Extern, Map, Section};
use crate::helpers::Helper;
use crate::ir::{Linkage, Op};
use crate::isa::{Callee, Cond, Imm64, Operand, Reg, Size, Width};
use crate::testing::state::{Pointer, Target, Value};

/// The argument registers in order.
const ARGS: [Reg; 5] = [Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5];

/// Memory of the frame that a call may write to: offset and bytes.
type Lent = (i32, u32);

impl Body<'_> {
    /// Puts an argument; it stays until the call.
    fn argument(&mut self, index: usize, put: impl FnOnce(&mut Self, Reg)) {
        let dst = ARGS[index];
        put(self, dst);
        self.state.locked_regs[dst.index()] = true;
    }

    fn number(&mut self, index: usize, value: u64) {
        self.argument(index, |body, dst| body.mov_number(dst, value));
    }

    fn any_scalar(&mut self, index: usize) {
        self.argument(index, |body, dst| {
            let src = body.scalar();
            body.mov(dst, src);
        });
    }

    fn map(&mut self, index: usize) -> Map {
        let map = Map::from_index(self.c.below(self.program.maps.len()));
        self.argument(index, |body, dst| {
            body.emit(Op::LdImm64 { dst, imm: Imm64::Map(map) });
            body.set(dst, Value::Nothing);
        });
        map
    }

    /// An initialised piece of the frame that a helper gets.
    fn frame_memory(&mut self, index: usize, len: u32, writes: bool) -> Lent {
        let aligned = self.c.chance(1, 2);
        self.frame_piece(index, len, aligned, writes)
    }

    /// An initialised piece of the frame that a function gets.
    fn lent_memory(&mut self, index: usize, len: u32) -> Lent {
        self.frame_piece(index, len, true, true)
    }

    /// Perhaps an address that the function itself has got, of at least so many bytes: in the frame
    /// of its caller, or further away.
    fn pass_on(&mut self, index: usize, len: u32) -> bool {
        let is_long = |value| match value {
            Value::Pointer(Pointer { target: Target::Lent(size), .. }) => size >= len,
            Value::Pointer(_) | Value::Nothing | Value::Scalar => false,
        };
        let held = self.state.holding(is_long);
        if held.is_empty() || self.c.chance(1, 3) {
            return false;
        }
        let reg = self.c.pick(&held);
        let Value::Pointer(pointer) = self.state.regs[reg.index()] else { return false };
        let whole = Pointer { offset: 0, ..pointer };
        self.argument(index, |body, dst| body.make_pointer(dst, whole));
        true
    }

    fn frame_piece(&mut self, index: usize, len: u32, aligned: bool, writes: bool) -> Lent {
        let mut offset = None;
        for _ in 0..4 {
            offset = offset.or_else(|| self.frame_place(len, aligned));
        }
        // Far down, where nothing is locked: locks are near the frame pointer, or rare.
        let offset = offset.unwrap_or((-256 - len as i32) & -8);
        if self.state.is_locked(offset, len) && writes {
            return self.lowest_memory(index, len);
        }
        self.initialise(offset, len);
        if writes && self.c.chance(1, 2) {
            self.store_number(offset, len);
        }
        let pointer = Pointer { target: Target::Frame, offset };
        self.argument(index, |body, dst| body.make_pointer(dst, pointer));
        (offset, len)
    }

    /// A piece of the frame without locked bytes, found by looking.
    fn lowest_memory(&mut self, index: usize, len: u32) -> Lent {
        let mut offsets = (-512..-(len as i32)).step_by(8);
        let offset = offsets.find(|offset| !self.state.is_locked(*offset, len));
        let offset = offset.unwrap_or(-512);
        self.initialise(offset, len);
        let pointer = Pointer { target: Target::Frame, offset };
        self.argument(index, |body, dst| body.make_pointer(dst, pointer));
        (offset, len)
    }

    /// Memory that is only read: frame or section.
    fn read_memory(&mut self, index: usize, len: u32) {
        let section = Section::from_index(self.c.below(self.program.sections.len()));
        let target = Target::Section(section);
        let (_, high) = self.bounds(target);
        if high >= len as i32 && self.c.chance(1, 3) {
            let offset = self.c.below(high as usize - len as usize + 1) as i32;
            let pointer = Pointer { target, offset };
            self.argument(index, |body, dst| body.make_pointer(dst, pointer));
        } else {
            self.frame_memory(index, len, false);
        }
    }

    /// The call, after its arguments; `lent` was perhaps written.
    fn finish_call(&mut self, callee: Callee, lent: &[Lent], result: Value) {
        self.emit(Op::Call(callee));
        for (offset, len) in lent {
            self.state.write_frame(*offset, *len);
        }
        self.state.after_call(result);
        for (offset, len) in lent {
            if self.c.chance(1, 2) {
                self.show_frame(*offset, *len);
            }
        }
    }

    fn call_helper(&mut self, name: &str, lent: &[Lent]) {
        let number = Helper::by_name(name).map_or(0, |helper| helper.number);
        self.finish_call(Callee::Helper(number), lent, Value::Scalar);
        if self.state.regs[0] == Value::Scalar
            && self.c.chance(1, 2)
            && let Some(saved) = self.saved_reg()
        {
            self.mov(saved, Reg::R0);
        }
    }

    pub(super) fn helper(&mut self) {
        let len = 1 + self.c.below(16) as u32;
        match self.c.below(15) {
            0 => self.call_helper("bpf_ktime_get_ns", &[]),
            1 => self.call_helper("bpf_get_prandom_u32", &[]),
            2 => {
                let lent = self.frame_memory(0, len, true);
                self.number(1, len.into());
                self.call_helper("bpf_get_current_comm", &[lent]);
            }
            3 => {
                let lent = self.frame_memory(0, len, true);
                self.number(1, len.into());
                if self.c.chance(1, 2) {
                    self.read_memory(2, len)
                } else {
                    self.any_scalar(2)
                }
                self.call_helper("bpf_probe_read_kernel", &[lent]);
            }
            4 => {
                self.read_memory(0, len);
                self.number(1, len.into());
                for index in 2..5 {
                    if self.c.chance(1, 2) {
                        self.any_scalar(index);
                    } else {
                        self.frame_memory(index, 8, false);
                    }
                }
                self.call_helper("bpf_trace_printk", &[]);
            }
            5 => {
                self.read_memory(0, len);
                self.number(1, len.into());
                self.number(2, 0);
                let lent = self.frame_memory(3, 8, true);
                self.call_helper("bpf_strtol", &[lent]);
            }
            6 => {
                self.map(0);
                self.read_memory(1, len);
                self.number(2, len.into());
                self.any_scalar(3);
                self.call_helper("bpf_ringbuf_output", &[]);
            }
            7 => {
                self.any_scalar(0);
                self.any_scalar(1);
                self.call_helper("bpf_redirect", &[]);
            }
            8 => self.update(),
            9 => {
                // A list of addresses, one of the frame among them.
                let Some(list) = self.frame_place(16, true) else { return };
                self.initialise(list, 16);
                let dst = self.free_reg();
                let Some(text) = self.frame_place(8, false) else { return };
                self.initialise(text, 8);
                self.make_pointer(dst, Pointer { target: Target::Frame, offset: text });
                self.emit(store(Size::DW, list, Operand::Reg(dst)));
                self.state.write_frame(list, 8);
                self.read_memory(0, len);
                self.number(1, len.into());
                let pointer = Pointer { target: Target::Frame, offset: list };
                self.argument(2, |body, dst| body.make_pointer(dst, pointer));
                self.number(3, 16);
                self.call_helper("bpf_trace_vprintk", &[]);
            }
            10 => {
                let lent = self.frame_memory(0, 8, true);
                self.any_scalar(1);
                let callee = Callee::Extern(Extern::from_index(usize::from(lent.0 % 16 == 0)));
                self.finish_call(callee, &[lent], Value::Scalar);
            }
            11 => self.run_callback(),
            12 => self.packet_load(),
            13 => self.tail_call(),
            _ => {
                self.any_scalar(0);
                self.call_helper("bpf_send_signal", &[]);
            }
        }
    }

    /// Bytes of a map's key and value.
    pub(super) fn shape(&self, map: Map) -> (u32, u32) {
        self.maps.get(map.index()).map_or((0, 0), |shape| (shape.key_size, shape.value_size))
    }

    fn update(&mut self) {
        let map = self.map(0);
        let (key, value) = self.shape(map);
        self.frame_memory(1, key, false);
        self.read_memory(2, value);
        self.number(3, 0);
        self.call_helper("bpf_map_update_elem", &[]);
    }

    /// Looks a value up and uses it where it is not null.
    pub(super) fn lookup(&mut self) {
        let map = self.map(0);
        let (key, _) = self.shape(map);
        self.frame_memory(1, key, false);
        let callee = Callee::Helper(Helper::MAP_LOOKUP_ELEM);
        self.finish_call(callee, &[], Value::Nothing);
        let (found, join) = (self.func.push_block(), self.func.push_block());
        let (width, dst, src) = (Width::W64, Reg::R0, Operand::Imm(0));
        let before = self.state.clone();
        if self.c.chance(1, 2) {
            self.emit(Op::Branch { width, cond: Cond::Eq, dst, src, target: join });
            self.continue_in(found);
        } else {
            self.emit(Op::Branch { width, cond: Cond::Ne, dst, src, target: found });
            self.continue_in(join);
            self.block = found;
        }
        self.set(Reg::R0, Value::Pointer(Pointer { target: Target::Value(map), offset: 0 }));
        if let Some(saved) = self.saved_reg()
            && self.c.chance(1, 2)
        {
            self.mov(saved, Reg::R0);
        }
        self.load_or_store();
        self.statements();
        self.continue_in(join);
        self.state.join(&before);
    }

    fn load_or_store(&mut self) {
        if self.c.chance(1, 2) { self.load() } else { self.store() }
    }

    pub(super) fn call_function(&mut self) {
        let callees: Vec<usize> =
            (0..self.callees.len()).filter(|index| !self.callees[*index].1.callback).collect();
        if callees.is_empty() || self.calls == 0 {
            return self.helper();
        }
        self.calls -= 1;
        let (func, signature) = &self.callees[self.c.pick(&callees)];
        let mut lent = Vec::new();
        for (index, param) in signature.params.iter().enumerate() {
            match param {
                Param::Memory(len) if self.pass_on(index, *len) => {}
                Param::Memory(len) => lent.push(self.lent_memory(index, *len)),
                Param::Scalar | Param::Ctx if self.c.chance(1, 2) => {
                    let value = self.c.number();
                    self.number(index, value);
                }
                Param::Scalar | Param::Ctx => self.any_scalar(index),
            }
        }
        let result = if signature.returns { Value::Scalar } else { Value::Nothing };
        self.finish_call(Callee::Func(*func), &lent, result);
    }

    pub(super) fn run_callback(&mut self) {
        let callbacks: Vec<usize> =
            (0..self.callees.len()).filter(|index| self.callees[*index].1.callback).collect();
        if callbacks.is_empty() || self.calls == 0 || self.loops > 1 {
            return self.packet_load();
        }
        self.calls -= 1;
        let (func, signature) = &self.callees[self.c.pick(&callbacks)];
        let len = signature.params.iter().find_map(|param| match param {
            Param::Memory(len) => Some(*len),
            Param::Scalar | Param::Ctx => None,
        });
        let rounds = self.c.below(4) as u64;
        self.number(0, rounds);
        self.argument(1, |body, dst| {
            body.emit(Op::LdImm64 { dst, imm: Imm64::Func(*func) });
            body.set(dst, Value::Nothing);
        });
        let lent = self.lent_memory(2, len.unwrap_or(8));
        self.number(3, 0);
        self.call_helper("bpf_loop", &[lent]);
    }

    /// The context in a register, if one has it.
    fn ctx(&self) -> Option<Reg> {
        let whole = Pointer { target: Target::Ctx, offset: 0 };
        self.state.holding(|value| value == Value::Pointer(whole)).first().copied()
    }

    fn packet_load(&mut self) {
        let Some(ctx) = self.ctx() else { return self.compute() };
        if self.signature.linkage != Linkage::Entry || self.state.locked_regs[6] && ctx != Reg::R6 {
            return self.compute();
        }
        if ctx != Reg::R6 {
            self.mov(Reg::R6, ctx);
        }
        let size = self.c.pick(&[Size::B, Size::H, Size::W]);
        let imm = self.c.below(64) as i32;
        let op = match self.c.chance(1, 2) {
            true => Op::LdAbs { size, imm },
            false => {
                let src = self.scalar_besides(Reg::R6);
                Op::LdInd { size, src, imm }
            }
        };
        self.emit(op);
        self.state.after_call(Value::Scalar);
    }

    fn scalar_besides(&mut self, kept: Reg) -> Reg {
        let locked = std::mem::replace(&mut self.state.locked_regs[kept.index()], true);
        let src = self.scalar();
        self.state.locked_regs[kept.index()] = locked;
        src
    }

    fn tail_call(&mut self) {
        let Some(ctx) = self.ctx() else { return self.compute() };
        if self.signature.linkage != Linkage::Entry || !self.c.chance(1, 4) {
            return self.compute();
        }
        self.argument(0, |body, dst| {
            if dst != ctx {
                body.mov(dst, ctx);
            }
        });
        self.map(1);
        self.any_scalar(2);
        self.finish_call(Callee::Helper(Helper::TAIL_CALL), &[], Value::Nothing);
    }
}
