//! Conditional constant propagation over all functions of a program.
//!
//! Domain: [`State`]. Transfer: each instruction by RFC 9669; loads from read-only sections
//! give their final bytes; calls of helpers do what their signature says; calls of static
//! functions take the join of their live call sites and give back what they return and what
//! they did to their callers' frames; anything else that is called gets to everything that
//! it can reach. Edges: a branch that the operands decide has one successor; otherwise each
//! edge learns what the comparison says.
//!
//! Functions are solved in turn until nothing changes: a call site that raises its callee's
//! entry state puts the callee back to work, a callee whose result rises puts its callers
//! back. All start as unreached, so recursion and code that is only called from dead code
//! need no special case to be sound.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use crate::analysis::calls::{CallGraph, for_each_mention};
use crate::analysis::number::Number;
use crate::analysis::state::State;
use crate::analysis::value::Value;
use crate::cfg::Cfg;
use crate::dataflow::{self, Analysis, Direction};
use crate::entity::{Block, Entity, EntityVec, Func, Inst, PerEntity};
use crate::helpers::{Access, Arg, Extent, Helper, Indirect};
use crate::ir::{ExternValue, Function, InstData, Linkage, Op, Program};
use crate::isa::{self, AluOp, AtomicOp, Callee, Cond, Imm64, Operand, Reg, Size, Width};
use crate::opt::load_constant;
use crate::pass::Level;

/// What is known of one function.
#[derive(Clone, Debug, Default)]
pub struct FuncFacts {
    /// The join of the states in which it is entered; none if it is never called.
    pub entry: Option<State>,
    /// For each block that is reached, the state at its start.
    pub blocks: PerEntity<Block, Option<State>>,
    /// The join of the states in which it returns; none if it never does.
    pub exit: Option<State>,
    joins: u32,
}

/// What is known of every function of a program.
#[derive(Clone, Debug)]
pub struct Facts {
    funcs: EntityVec<Func, FuncFacts>,
    levels: PerEntity<Func, Level>,
    recursive: PerEntity<Func, bool>,
}

impl Facts {
    /// Solves `program`. `roots` can be entered by somebody outside of it.
    pub fn new(program: &Program, roots: &[Func], levels: &PerEntity<Func, Level>) -> Facts {
        let graph = CallGraph::new(program);
        let mut solver = Solver {
            program,
            levels,
            facts: program.funcs.keys().map(|_| FuncFacts::default()).collect(),
            callers: PerEntity::default(),
            work: BTreeSet::new(),
            recursive: graph.recursive(),
        };
        for &root in roots {
            solver.enter(root, &State::root(program.funcs[root].linkage));
        }
        while let Some(func) = solver.work.pop_first() {
            solver.solve(func);
        }
        let Solver { facts: funcs, recursive, .. } = solver;
        Facts { funcs, levels: levels.clone(), recursive }
    }

    fn transfer<'a>(&'a self, program: &'a Program, func: Func) -> Transfer<'a> {
        let Facts { funcs: facts, levels, recursive } = self;
        Transfer { program, facts, levels, recursive, func }
    }

    /// What is known of one function.
    pub fn func(&self, func: Func) -> &FuncFacts {
        &self.funcs[func]
    }

    /// Whether the function can be entered at all.
    pub fn is_reached(&self, func: Func) -> bool {
        self.funcs[func].entry.is_some()
    }

    /// Calls `visit` for each instruction of a block that is reached, before and after it.
    /// Says whether the end of the block is reached: it is not if a call in it never returns.
    pub fn walk(
        &self,
        program: &Program,
        func: Func,
        block: Block,
        mut visit: impl FnMut(Inst, At<'_>),
    ) -> bool {
        let Some(state) = &self.funcs[func].blocks[block] else { return false };
        let function = &program.funcs[func];
        let transfer = self.transfer(program, func);
        let mut state = state.clone();
        for &inst in &function.block(block).insts {
            visit(inst, At::Before(&state));
            let goes_on = transfer.inst(&mut state, inst, function.inst(inst));
            visit(inst, At::After(&state));
            if !goes_on {
                return false;
            }
        }
        true
    }

    /// Calls `visit` for each instruction of a block that is reached, with what is known
    /// before it.
    pub fn walk_before(
        &self,
        program: &Program,
        func: Func,
        block: Block,
        mut visit: impl FnMut(Inst, &State),
    ) {
        self.walk(program, func, block, |inst, at| {
            if let At::Before(state) = at {
                visit(inst, state);
            }
        });
    }

    /// Calls `visit` for each edge out of a block that can be taken, with the state on it.
    pub fn out_edges(
        &self,
        program: &Program,
        func: Func,
        block: Block,
        mut visit: impl FnMut(Block, &State),
    ) {
        let function = &program.funcs[func];
        let Some(state) = &self.funcs[func].blocks[block] else { return };
        let transfer = self.transfer(program, func);
        let mut end = state.clone();
        for &inst in &function.block(block).insts {
            if !transfer.inst(&mut end, inst, function.inst(inst)) {
                return;
            }
        }
        flow_out(function, block, end, &mut |to, state| visit(to, &state));
    }
}

/// A point of a walk.
#[derive(Clone, Copy, Debug)]
pub enum At<'a> {
    /// Before an instruction.
    Before(&'a State),
    /// After it.
    After(&'a State),
}

struct Solver<'a> {
    program: &'a Program,
    levels: &'a PerEntity<Func, Level>,
    facts: EntityVec<Func, FuncFacts>,
    /// The functions that have a live call of each function.
    callers: PerEntity<Func, BTreeSet<Func>>,
    work: BTreeSet<Func>,
    /// Functions that can call themselves: the kernel refuses them, we assume nothing.
    recursive: PerEntity<Func, bool>,
}

impl Solver<'_> {
    /// Joins a call's state into a function's entry state.
    fn enter(&mut self, func: Func, state: &State) {
        let facts = &mut self.facts[func];
        let changed = match &mut facts.entry {
            Some(entry) => {
                facts.joins += 1;
                entry.join(state, facts.joins, self.program.endian)
            }
            unreached => {
                *unreached = Some(state.clone());
                true
            }
        };
        if changed {
            self.work.insert(func);
        }
    }

    /// Enters a function with arguments of which nothing is known.
    fn enter_from_outside(&mut self, func: Func) {
        self.enter(func, &State::root(self.program.funcs[func].linkage));
    }

    fn solve(&mut self, func: Func) {
        let function = &self.program.funcs[func];
        let Some(entry) = self.facts[func].entry.clone() else { return };
        if is_untouchable(self.program, self.levels, func) {
            let mut named = Vec::new();
            for_each_mention(function, |callee, _| named.push(callee));
            for callee in named {
                self.enter_from_outside(callee);
            }
            return;
        }
        let cfg = Cfg::new(function);
        let mut problem = Problem {
            transfer: Transfer {
                program: self.program,
                facts: &self.facts,
                levels: self.levels,
                recursive: &self.recursive,
                func,
            },
            entered: BTreeMap::new(),
            taken: BTreeSet::new(),
            exit: None,
        };
        let start = function.entry().map(|block| (block, entry));
        let blocks = dataflow::solve(function, &cfg, &mut problem, start);
        let Problem { entered, taken, exit, .. } = problem;
        self.facts[func].blocks = blocks;
        if exit != self.facts[func].exit {
            self.facts[func].exit = exit;
            self.work.extend(self.callers[func].iter().copied());
        }
        for (callee, state) in entered {
            self.callers[callee].insert(func);
            let outsider =
                self.recursive[callee] || self.program.funcs[callee].linkage != Linkage::Static;
            if outsider {
                self.enter_from_outside(callee);
            } else {
                self.enter(callee, &state);
            }
        }
        for callee in taken {
            self.enter_from_outside(callee);
        }
    }
}

/// Whether nothing is assumed of what the function does.
fn is_untouchable(program: &Program, levels: &PerEntity<Func, Level>, func: Func) -> bool {
    program.funcs[func].opaque.is_some() || levels[func] == Level::None
}

struct Problem<'a> {
    transfer: Transfer<'a>,
    /// Functions called from here, with the join of the states at the calls.
    entered: BTreeMap<Func, State>,
    /// Functions whose address is taken here.
    taken: BTreeSet<Func>,
    exit: Option<State>,
}

impl Problem<'_> {
    fn enters(&mut self, callee: Func, state: State) {
        match self.entered.entry(callee) {
            Entry::Occupied(mut entered) => {
                entered.get_mut().join(&state, 0, self.transfer.program.endian);
            }
            Entry::Vacant(none) => {
                none.insert(state);
            }
        }
    }

    fn returns(&mut self, state: State) {
        match &mut self.exit {
            Some(exit) => {
                exit.join(&state, 0, self.transfer.program.endian);
            }
            none => *none = Some(state),
        }
    }

    /// The function may return here, in the middle of a block.
    fn returns_early(&mut self, state: &State, result: Option<u64>) {
        let mut state = state.clone();
        state.set(Reg::R0, result.map_or(Value::NUMBER, Value::constant));
        self.returns(state);
    }
}

impl Analysis for Problem<'_> {
    type State = State;
    const DIRECTION: Direction = Direction::Forward;

    fn join(&self, into: &mut State, from: &State, visits: u32) -> bool {
        into.join(from, visits, self.transfer.program.endian)
    }

    fn flow(
        &mut self,
        func: &Function,
        _cfg: &Cfg,
        block: Block,
        mut state: State,
        out: &mut dyn FnMut(Block, State),
    ) {
        for &inst in &func.block(block).insts {
            match func.op(inst) {
                Op::Call(Callee::Func(callee)) => self.enters(*callee, state.enter()),
                Op::LdImm64 { imm: Imm64::Func(callee), .. } => {
                    self.taken.insert(*callee);
                }
                Op::Exit => self.returns(state.clone()),
                // Beyond the packet the function returns 0 (`bpf_gen_ld_abs` of
                // `net/core/filter.c`).
                Op::LdAbs { .. } | Op::LdInd { .. } => self.returns_early(&state, Some(0)),
                // The program that a tail call enters returns to the function's caller.
                Op::Call(Callee::Helper(number))
                    if Helper::get(*number).is_some_and(|helper| helper.tail_call) =>
                {
                    self.returns_early(&state, None);
                }
                _ => {}
            }
            if !self.transfer.inst(&mut state, inst, func.inst(inst)) {
                return;
            }
        }
        flow_out(func, block, state, out);
    }
}

/// Gives the state at a block's end to each successor that can follow.
fn flow_out(func: &Function, block: Block, state: State, out: &mut dyn FnMut(Block, State)) {
    let next = func.block(block).next;
    let Some(inst) = func.terminator(block) else {
        if let Some(next) = next {
            out(next, state);
        }
        return;
    };
    match *func.op(inst) {
        Op::Branch { width, cond, dst, src, target } if func.inst(inst).core.is_none() => {
            for (holds, to) in [(true, Some(target)), (false, next)] {
                if let (Some(to), Some(state)) = (to, edge(&state, width, cond, dst, src, holds)) {
                    out(to, state);
                }
            }
        }
        Op::Branch { target, .. } | Op::Goto { target, .. } | Op::MayGoto { target } => {
            if let Some(next) = next {
                out(next, state.clone());
            }
            out(target, state);
        }
        _ => {}
    }
}

/// Whether the condition is the same for all that the operands can be.
pub fn decide(state: &State, width: Width, cond: Cond, dst: Reg, src: Operand) -> Option<bool> {
    let (a, b) = (state.reg(dst), operand(state, src));
    let null_check = width == Width::W64
        && matches!(cond, Cond::Eq | Cond::Ne)
        && (a.is_address() && b.as_constant() == Some(0)
            || b.is_address() && a.as_constant() == Some(0));
    if null_check {
        return Some(cond == Cond::Ne);
    }
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            // An edge without a state is never followed, so the branch must be decided too.
            let can_be = |holds| {
                Number::refine(width, cond, holds, &a, &b).is_some()
                    && (matches!(src, Operand::Imm(_))
                        || Number::refine(width, cond.swapped(), holds, &b, &a).is_some())
            };
            // Neither can be where the state is one that no run has.
            match (can_be(true), can_be(false)) {
                (true, false) => Some(true),
                (false, true) | (false, false) => Some(false),
                (true, true) => None,
            }
        }
        _ => None,
    }
}

/// The state on the edge on which `dst cond src` is `holds`; none if it cannot be.
fn edge(
    state: &State,
    width: Width,
    cond: Cond,
    dst: Reg,
    src: Operand,
    holds: bool,
) -> Option<State> {
    if decide(state, width, cond, dst, src) == Some(!holds) {
        return None;
    }
    let mut state = state.clone();
    if let (Value::Number(x), Value::Number(y)) = (state.reg(dst), operand(&state, src)) {
        let refined = Number::refine(width, cond, holds, &x, &y).unwrap_or(x);
        state.learn(dst, Value::Number(refined));
        if matches!((cond, holds), (Cond::Ne, true) | (Cond::Eq, false)) {
            let excluded = Number::exclude(width, &refined, &y);
            state.learn_unsure(dst, Value::Number(excluded));
        }
        if let Operand::Reg(src) = src {
            let refined = Number::refine(width, cond.swapped(), holds, &y, &x).unwrap_or(y);
            state.learn(src, Value::Number(refined));
        }
    }
    Some(state)
}

fn operand(state: &State, src: Operand) -> Value {
    match src {
        Operand::Reg(reg) => state.reg(reg),
        Operand::Imm(imm) => Value::constant(i64::from(imm) as u64),
    }
}

/// The effect of instructions on a state.
struct Transfer<'a> {
    program: &'a Program,
    facts: &'a EntityVec<Func, FuncFacts>,
    levels: &'a PerEntity<Func, Level>,
    /// Functions that can call themselves: the kernel refuses them, we assume nothing.
    recursive: &'a PerEntity<Func, bool>,
    /// The function that the instructions are in.
    func: Func,
}

impl Transfer<'_> {
    /// Applies one instruction; false if control does not get past it.
    fn inst(&self, state: &mut State, inst: Inst, data: &InstData) -> bool {
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
                    state.set(dst, value);
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
                    _ => state.set(dst, Value::Number(low)),
                }
            }
            Op::MovSx { width, from, dst, src } => {
                let value = state.reg(src).number().sign_extend(from);
                let value = match width {
                    Width::W64 => value,
                    Width::W32 => value.low_half(),
                };
                state.set(dst, Value::Number(value));
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
            return call_unknown(state);
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

    fn load_extern(&self, ext: crate::entity::Extern, offset: i64, size: Size) -> Value {
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
                None => call_unknown(state),
            },
            Callee::Func(func) => {
                let function = &self.program.funcs[func];
                if function.linkage != Linkage::Static
                    || self.recursive[func]
                    || is_untouchable(self.program, self.levels, func)
                {
                    call_unknown(state);
                    return true;
                }
                match &self.facts[func].exit {
                    Some(exit) => state.leave(exit),
                    None => return false,
                }
            }
            Callee::Extern(_) | Callee::Pseudo { .. } => call_unknown(state),
        }
        true
    }
}

fn address(state: &State, base: Reg, off: i16) -> Value {
    let off = Value::constant(i64::from(off) as u64);
    Value::alu(Width::W64, AluOp::Add, &state.reg(base), &off)
}

fn clobber_caller_saved(state: &mut State) {
    for reg in Reg::caller_saved() {
        state.set(reg, Value::NUMBER);
    }
}

/// A callee of which nothing is known but the arguments: it may write, and keep for its
/// result, whatever it can reach.
fn call_unknown(state: &mut State) {
    let args: Vec<Value> = Reg::arguments().map(|r| state.reg(r)).collect();
    let reaches_frame = args.iter().any(Value::may_be_frame);
    for arg in args {
        write_through(state, arg, i64::MAX, true);
    }
    clobber_caller_saved(state);
    if reaches_frame {
        state.set(Reg::R0, Value::ANY);
    }
}

/// Something writes up to `len` bytes at an address and, if `deep`, through the addresses
/// that it finds there.
fn write_through(state: &mut State, address: Value, len: i64, deep: bool) {
    match address {
        _ if address.may_be_frame() && deep && state.holds_frame_address() => state.clobber_all(),
        Value::Frame { depth, offset: Some(offset) } => {
            state.clobber(depth, offset, len, Value::NUMBER);
        }
        Value::FrameWithin { depth, low, high } => {
            let len = len.saturating_add(i64::from(high) - i64::from(low));
            state.clobber(depth, low.into(), len, Value::NUMBER);
        }
        Value::Frame { depth, offset: None } => {
            state.clobber(depth, -crate::analysis::frame::FRAME_SIZE, i64::MAX, Value::NUMBER);
        }
        Value::Opaque { frame: true, .. } => state.clobber_all(),
        _ => {}
    }
}

fn call_helper(state: &mut State, helper: &Helper) {
    let args = || Reg::arguments().zip(helper.args);
    let reaches_frame = args().any(|(reg, _)| state.reg(reg).may_be_frame());
    let through_memory = helper.indirect == Indirect::ReadsWrites || helper.takes_callback();
    if through_memory && reaches_frame {
        state.clobber_all();
    }
    for (reg, arg) in args() {
        let address = state.reg(reg);
        match arg {
            Arg::Memory { access: Access::Retain, .. } if address.may_be_frame() => {
                state.clobber_all();
            }
            Arg::Memory { access, extent } if access.writes() => {
                let len = match extent {
                    Extent::Bytes(len) => i64::from(*len),
                    Extent::Arg(number) => match Reg::new(*number) {
                        Some(reg) => {
                            i64::try_from(state.reg(reg).number().umax).unwrap_or(i64::MAX)
                        }
                        None => i64::MAX,
                    },
                    Extent::MapKey | Extent::MapValue | Extent::String => i64::MAX,
                };
                write_through(state, address, len, false);
            }
            Arg::Memory { .. }
            | Arg::Scalar
            | Arg::Ctx
            | Arg::Map
            | Arg::Object
            | Arg::Callback
            | Arg::CallbackCtx
            | Arg::Variadic => {}
        }
    }
    clobber_caller_saved(state);
}
