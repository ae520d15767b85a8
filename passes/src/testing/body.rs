//! The body of one function, statement by statement.
//!
//! Control flow is structured (branches that join, counted loops, early exits), so that the
//! state at each point is known while it is made: where two ways meet, what only one of them
//! knows is forgotten; at the end of a loop's body, what the next round relies on is made
//! anew.

mod access;
mod call;
mod flow;

use super::choices::Choices;
use super::state::{Pointer, State, Target, Value};
use crate::entity::{Block, Entity, Func, Section};
use crate::interp::MapShape;
use crate::ir::{Function, InstData, Linkage, Op, Program};
use crate::isa::{AluOp, Imm64, Operand, Reg, Size, SwapOp, Width};

/// What a function takes in one register.
#[derive(Clone, Copy, Debug)]
pub(super) enum Param {
    Scalar,
    Ctx,
    /// Initialised memory of so many bytes.
    Memory(u32),
}

/// What callers know of a function.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) name: String,
    pub(super) linkage: Linkage,
    pub(super) params: Vec<Param>,
    /// Whether it is called by `bpf_loop`: it returns 0 or 1.
    pub(super) callback: bool,
    /// Whether it leaves something in `r0`.
    pub(super) returns: bool,
}

/// Bytes of the context that programs access.
const CTX_SIZE: u32 = 64;

/// How deep branches and loops nest.
const MAX_DEPTH: u32 = 3;

/// A function in the making.
pub(super) struct Body<'a> {
    program: &'a Program,
    maps: &'a [MapShape],
    callees: &'a [(Func, Signature)],
    signature: &'a Signature,
    c: &'a mut Choices,
    func: Function,
    block: Block,
    state: State,
    /// Statements that may still be made.
    budget: usize,
    /// Calls of functions that may still be made.
    calls: usize,
    depth: u32,
    loops: u32,
}

impl<'a> Body<'a> {
    pub(super) fn new(
        program: &'a Program,
        maps: &'a [MapShape],
        callees: &'a [(Func, Signature)],
        signature: &'a Signature,
        c: &'a mut Choices,
    ) -> Self {
        let mut func = Function::new(signature.name.clone(), signature.linkage);
        let block = func.push_block();
        let mut state = State::new();
        for (param, reg) in signature.params.iter().zip(Reg::arguments()) {
            let pointer = |target| Value::Pointer(Pointer { target, offset: 0 });
            state.regs[reg.index()] = match param {
                Param::Scalar => Value::Scalar,
                Param::Ctx => pointer(Target::Ctx),
                Param::Memory(size) => pointer(Target::Lent(*size)),
            };
        }
        let main = signature.linkage == Linkage::Entry;
        let budget = if main { 8 + c.below(40) } else { 2 + c.below(14) };
        Body {
            program,
            maps,
            callees,
            signature,
            c,
            func,
            block,
            state,
            budget,
            calls: if main { 4 } else { 2 },
            depth: 0,
            loops: 0,
        }
    }

    pub(super) fn finish(mut self) -> Function {
        let arguments = self.signature.params.len();
        for (source, saved) in Reg::arguments().take(arguments).zip([Reg::R6, reg(7), reg(8)]) {
            if self.c.chance(2, 3) {
                self.mov(saved, source);
            }
        }
        while self.budget > 0 {
            self.statement();
        }
        self.leave();
        self.func
    }

    fn emit(&mut self, op: Op) {
        self.func.push_inst(self.block, InstData::new(op));
    }

    /// Ends the block; what follows goes to `block`.
    fn continue_in(&mut self, block: Block) {
        self.func.set_next(self.block, Some(block));
        self.block = block;
    }

    fn set(&mut self, reg: Reg, value: Value) {
        self.state.regs[reg.index()] = value;
    }

    fn mov(&mut self, dst: Reg, src: Reg) {
        self.emit(Op::Mov { width: Width::W64, dst, src: Operand::Reg(src) });
        self.set(dst, self.state.regs[src.index()]);
    }

    fn mov_number(&mut self, dst: Reg, value: u64) {
        let imm = value as i32;
        if i64::from(imm) as u64 == value {
            self.emit(Op::Mov { width: Width::W64, dst, src: Operand::Imm(imm) });
        } else if value >> 32 == 0 {
            self.emit(Op::Mov { width: Width::W32, dst, src: Operand::Imm(imm) });
        } else {
            self.emit(Op::LdImm64 { dst, imm: Imm64::Const(value) });
        }
        self.set(dst, Value::Scalar);
    }

    fn free_reg(&mut self) -> Reg {
        self.state.free_reg(self.c)
    }

    /// A register with a scalar, made if need be.
    fn scalar(&mut self) -> Reg {
        let scalars = self.state.holding(|value| value == Value::Scalar);
        if !scalars.is_empty() && self.c.chance(7, 8) {
            return self.c.pick(&scalars);
        }
        let dst = self.free_reg();
        let value = self.c.number();
        self.mov_number(dst, value);
        dst
    }

    /// A register with a scalar that may be changed.
    fn scalar_to_change(&mut self) -> Reg {
        let src = self.scalar();
        if !self.state.locked_regs[src.index()] {
            return src;
        }
        let dst = self.free_reg();
        self.mov(dst, src);
        dst
    }

    fn operand(&mut self) -> Operand {
        if self.c.chance(1, 2) { Operand::Imm(self.c.imm()) } else { Operand::Reg(self.scalar()) }
    }

    fn width(&mut self) -> Width {
        self.c.pick(&[Width::W64, Width::W32])
    }

    fn statement(&mut self) {
        self.budget = self.budget.saturating_sub(1);
        let nests = self.depth < MAX_DEPTH && self.budget > 0;
        match self.c.below(36) {
            0..=5 => self.compute(),
            6 => self.copy(),
            7..=10 => self.load(),
            11..=14 => self.store(),
            15 => self.spill(),
            16 => self.fill(),
            17 => self.atomic(),
            18 => self.variable_access(),
            19 | 20 => self.section_value(),
            21..=23 if nests => self.branch(),
            23 | 24 if nests && self.program.features.v4 && self.c.chance(1, 2) => {
                self.table_switch();
            }
            24 if nests => self.switch(),
            25 if nests && self.loops < 2 => self.counted_loop(),
            26 if nests && self.loops < 2 => self.may_goto_loop(),
            27 if nests => self.lookup(),
            28 | 29 => self.helper(),
            30 | 31 if self.loops < 2 => match self.c.below(3) {
                0 => self.run_callback(),
                _ => self.call_function(),
            },
            32 if self.c.chance(1, 3) => self.early_exit(),
            33 => {
                let src = self.scalar();
                self.show(src);
            }
            34 | 35 => self.store_to_caller(),
            _ => self.load(),
        }
    }

    fn statements(&mut self) {
        self.depth += 1;
        for _ in 0..1 + self.c.below(4) {
            self.statement();
        }
        self.depth -= 1;
    }

    fn compute(&mut self) {
        const OPS: [AluOp; 13] = [
            AluOp::Add,
            AluOp::And,
            AluOp::Or,
            AluOp::Xor,
            AluOp::Sub,
            AluOp::Lsh,
            AluOp::Rsh,
            AluOp::Arsh,
            AluOp::Mul,
            AluOp::Div,
            AluOp::Mod,
            AluOp::SDiv,
            AluOp::SMod,
        ];
        let newer = self.program.features.v4;
        let width = self.width();
        let dst = self.scalar_to_change();
        match self.c.below(8) {
            0 => self.emit(Op::Neg { width, dst }),
            1 => {
                let op = self.c.pick(&[SwapOp::ToLe, SwapOp::ToBe, SwapOp::Bswap]);
                let op = if newer || op != SwapOp::Bswap { op } else { SwapOp::ToBe };
                let size = self.c.pick(&[Size::H, Size::W, Size::DW]);
                self.emit(Op::Swap { op, size, dst });
            }
            2 if newer => {
                let from = self.c.pick(&[Size::B, Size::H, Size::W]);
                let width = if from == Size::W { Width::W64 } else { width };
                let src = self.scalar();
                self.emit(Op::MovSx { width, from, dst, src });
            }
            3 => {
                let src = self.operand();
                self.emit(Op::Mov { width, dst, src });
            }
            _ => {
                let known = if newer { OPS.len() } else { OPS.len() - 2 };
                let op = self.c.pick(&OPS[..known]);
                let src = self.operand();
                self.emit(Op::Alu { width, op, dst, src });
            }
        }
        self.set(dst, Value::Scalar);
    }

    /// Copies any register, pointers too.
    fn copy(&mut self) {
        let sources = self.state.holding(|value| value != Value::Nothing);
        let src = self.c.pick(&sources);
        let dst = self.free_reg();
        self.mov(dst, src);
        if let Value::Pointer(pointer) = self.state.regs[dst.index()]
            && self.c.chance(1, 2)
        {
            let (low, high) = self.bounds(pointer.target);
            let offset = low + self.c.below((high - low) as usize) as i32;
            self.move_pointer(dst, offset);
        }
    }

    /// Loads a read-only variable and computes with it, or compares it with what it is.
    fn section_value(&mut self) {
        let section = Section::from_index(0);
        let Some(data) = self.program.sections.get(section) else { return };
        let size = self.c.pick(&[Size::B, Size::H, Size::W, Size::DW]);
        let room = data.bytes.len().saturating_sub(size.bytes() as usize);
        let offset = self.c.below(room + 1);
        if data.bytes.len() < size.bytes() as usize {
            return;
        }
        let dst = self.free_reg();
        let base = self.c.below(offset + 1);
        self.emit(Op::LdImm64 { dst, imm: Imm64::Section { section, offset: base as i64 } });
        let off = (offset - base) as i16;
        self.emit(Op::Load { size, signed: false, dst, base: dst, off });
        self.set(dst, Value::Scalar);
        if self.depth < MAX_DEPTH && self.c.chance(2, 3) {
            let stored = data.load(offset as i64, size, self.program.endian);
            let stored = stored.map_or(0, |(value, _)| value);
            let width = if self.program.features.jmp32 { self.width() } else { Width::W64 };
            let near = stored.wrapping_add(self.c.pick(&[0, 0, 0, 1, u64::MAX]));
            let imm = near as i32;
            let cond = self.condition();
            self.decide(width, cond, dst, Operand::Imm(imm));
        }
    }

    fn leave(&mut self) {
        if self.signature.returns {
            let scalars = self.state.holding(|value| value == Value::Scalar);
            if !scalars.is_empty() && self.c.chance(2, 3) {
                let src = self.c.pick(&scalars);
                self.mov(Reg::R0, src);
            } else {
                let value = self.c.number();
                self.mov_number(Reg::R0, value);
            }
            if self.signature.callback {
                let (width, dst) = (Width::W64, Reg::R0);
                self.emit(Op::Alu { width, op: AluOp::And, dst, src: Operand::Imm(1) });
            }
        }
        self.emit(Op::Exit);
    }
}

/// A store to the frame.
fn store(size: Size, offset: i32, src: Operand) -> Op {
    Op::Store { size, base: Reg::FP, off: offset as i16, src }
}

/// The register with this number, 0 to 10.
fn reg(number: u8) -> Reg {
    Reg::new(number).unwrap_or(Reg::FP)
}
