//! What others see or do: stores outside of the frame, atomics, calls. Both programs must do
//! the same, and what comes back is the same for both.

use crate::check::arena::Sym;
use crate::check::cells::{self, FRAME};
use crate::check::context::{Entry, Exit, reaches_frame};
use crate::check::exec::Machine;
use crate::check::num::Num;
use crate::check::refusal::Reason;
use crate::check::state::{ORIGINAL, REWRITTEN, State, anything, plain};
use crate::check::value::{Abs, Base, Kind};
use crate::entity::Func;
use crate::helpers::{Access, Arg, Extent, Helper, Indirect, Ret};
use crate::ir::{InstData, Linkage, Op};
use crate::isa::{AtomicOp, Callee, Operand, Reg, RegSet, Size};

/// How many arguments a callee takes of which nothing is known.
const ANY_ARGUMENTS: u8 = 5;

/// What is known of a function that can be called.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The arguments that it reads.
    pub reads: RegSet,
    /// How it returns; none if it does not, as far as is known yet.
    pub exit: Option<Exit>,
    /// Whether a call tells nothing of what it does.
    pub unknown: bool,
    /// Whether it was rewritten: then an argument that is one known value in the rewritten
    /// program may be another in the original, if that does not matter to the function.
    pub rewritten: bool,
}

/// The functions that can be called, while one is walked.
pub trait Callees {
    /// What is known of a function.
    fn summary(&self, func: Func) -> Summary;

    /// A function of which no way to return is known is called in a state: it is looked at at
    /// once, so that the walk need not be started again for each call on its way.
    fn look_at(&self, func: Func, entry: &Entry);
}

/// Whether control goes on after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It does.
    On,
    /// A call that does not return.
    Never,
}

impl Machine<'_> {
    /// An event of the original, and of the rewritten program where that is another function.
    pub fn event(
        &mut self,
        state: &mut State,
        callees: &dyn Callees,
        original: &InstData,
        rewritten: Option<&InstData>,
    ) -> Result<Next, Reason> {
        let differ = || Reason::Event {
            original: format!("{:?}", original.op),
            rewritten: rewritten.map_or(String::new(), |data| format!("{:?}", data.op)),
        };
        if rewritten.is_some_and(|data| data.core != original.core) {
            return Err(Reason::Reference);
        }
        let core = original.core.is_some();
        match (original.op, rewritten.map(|data| data.op)) {
            (Op::Store { size, base, off, src }, None) => {
                self.store(state, (size, core), [(base, off, src); 2])?;
            }
            (
                Op::Store { size, base, off, src },
                Some(Op::Store { size: s, base: b, off: o, src: v }),
            ) if size == s => {
                self.store(state, (size, core), [(base, off, src), (b, o, v)])?;
            }
            (Op::StoreRelease { size, base, off, src }, None) => {
                self.store(state, (size, core), [(base, off, Operand::Reg(src)); 2])?;
            }
            (
                Op::StoreRelease { size, base, off, src },
                Some(Op::StoreRelease { size: s, base: b, off: o, src: v }),
            ) if size == s => {
                let sides = [(base, off, Operand::Reg(src)), (b, o, Operand::Reg(v))];
                self.store(state, (size, core), sides)?;
            }
            (Op::LoadAcquire { size, dst, base, off }, None) => {
                self.load_acquire(state, size, [(dst, base, off); 2])?;
            }
            (
                Op::LoadAcquire { size, dst, base, off },
                Some(Op::LoadAcquire { size: s, dst: d, base: b, off: o }),
            ) if size == s => {
                self.load_acquire(state, size, [(dst, base, off), (d, b, o)])?;
            }
            (Op::Atomic { size, op, base, off, src }, None) => {
                self.atomic(state, (size, op, core), [(base, off, src); 2])?;
            }
            (
                Op::Atomic { size, op, base, off, src },
                Some(Op::Atomic { size: s, op: p, base: b, off: o, src: v }),
            ) if (size, op) == (s, p) => {
                self.atomic(state, (size, op, core), [(base, off, src), (b, o, v)])?;
            }
            (Op::LdAbs { .. }, other) if other.is_none_or(|op| op == original.op) => {
                self.packet_load(state, None)?;
            }
            (Op::LdInd { size, src, imm }, None) => {
                let _ = (size, imm);
                self.packet_load(state, Some([src; 2]))?;
            }
            (Op::LdInd { size, src, imm }, Some(Op::LdInd { size: s, src: v, imm: i }))
                if (size, imm) == (s, i) =>
            {
                self.packet_load(state, Some([src, v]))?;
            }
            (Op::Call(callee), other) if other.is_none_or(|op| op == original.op) => {
                return self.call(state, callees, callee);
            }
            _ => return Err(differ()),
        }
        Ok(Next::On)
    }

    /// An operand of both programs that must be the same.
    fn both(
        &mut self,
        state: &State,
        regs: [Reg; 2],
        reason: impl FnOnce() -> Reason,
    ) -> Result<Sym, Reason> {
        let sym = self.read(state, ORIGINAL, regs[0])?;
        if state.sides.len() > 1 && self.read(state, REWRITTEN, regs[1])? != sym {
            return Err(reason());
        }
        Ok(sym)
    }

    fn both_addresses(&mut self, state: &State, sides: [(Reg, i16); 2]) -> Result<Sym, Reason> {
        let address = self.address(state, ORIGINAL, sides[0].0, sides[0].1)?;
        if state.sides.len() > 1
            && self.address(state, REWRITTEN, sides[1].0, sides[1].1)? != address
        {
            return Err(Reason::Address);
        }
        Ok(address)
    }

    fn store(
        &mut self,
        state: &mut State,
        (size, core): (Size, bool),
        sides: [(Reg, i16, Operand); 2],
    ) -> Result<(), Reason> {
        let address = self.both_addresses(state, sides.map(|(base, off, _)| (base, off)))?;
        let mut values = [None; 2];
        for (i, value) in values.iter_mut().enumerate().take(state.sides.len()) {
            let whole = self.operand(state, i, sides[i].2)?;
            *value = Some(self.arena.extract(whole, 0, size.bytes()));
        }
        let [Some(value), other] = values else { return Ok(()) };
        if other.is_some_and(|other| other != value) {
            return Err(Reason::Stored);
        }
        if core && self.arena.abs(address).base.may_be_frame() {
            let endian = self.endian();
            state.overwrite_all(&mut self.arena, endian);
            return Ok(());
        }
        self.stored(state, address, size, value);
        Ok(())
    }

    /// What a store that both programs did changes in known frames.
    fn stored(&mut self, state: &mut State, address: Sym, size: Size, value: Sym) {
        let (endian, len) = (self.endian(), size.bytes());
        let Abs { base, kind, .. } = self.arena.abs(value);
        let deep = base.may_be_frame() || base.may_be_ctx();
        match self.arena.abs(address).base {
            Base::Frame { depth: 0, offset: Some(at) } if cells::in_frame(at, len) => {
                for side in &mut state.sides {
                    side.frame.write(&mut self.arena, endian, at, len, value);
                }
            }
            base @ (Base::Frame { depth: 0, .. } | Base::Within { depth: 0, .. }) => {
                let content = self.written(deep, kind);
                let (_, low, high) = base.frame().unwrap_or((0, -FRAME, 0));
                let bytes = (low, high.saturating_add(len.into()));
                state.overwrite(&mut self.arena, endian, bytes, true, content);
            }
            Base::Frame { depth, offset: Some(at) }
                if cells::in_frame(at, len) && usize::from(depth) <= state.parents.len() =>
            {
                if let Some(parent) = state.parents.get_mut(usize::from(depth) - 1) {
                    parent.cells.write(&mut self.arena, endian, at, len, value);
                    parent.touched.add(at, at + i64::from(len));
                }
            }
            base @ Base::Among { low, high, .. } => {
                let bytes = (low, high.saturating_add(len.into()));
                for depth in base.depths() {
                    match depth.checked_sub(1) {
                        None => {
                            let content = self.written(deep, kind);
                            state.overwrite(&mut self.arena, endian, bytes, true, content);
                        }
                        Some(parent) => state.lose(&mut self.arena, endian, parent, bytes),
                    }
                }
            }
            base @ (Base::Frame { .. } | Base::Within { .. }) => {
                let (depth, low, high) = base.frame().unwrap_or((u8::MAX, -FRAME, 0));
                let bytes = (low, high.saturating_add(len.into()));
                state.lose(&mut self.arena, endian, depth - 1, bytes);
            }
            Base::Any { frame: true, .. } => state.overwrite_all(&mut self.arena, endian),
            Base::Any { frame: false, .. }
            | Base::Plain
            | Base::Ctx(_)
            | Base::OneOf { .. }
            | Base::Section { .. }
            | Base::Map(_)
            | Base::Func(_)
            | Base::Extern { .. } => {}
        }
    }

    /// Frame bytes that are read through an address must be the same in both programs. What
    /// they hold, if the address is exact and in a known frame.
    fn same_memory(
        &mut self,
        state: &State,
        address: Sym,
        size: Size,
    ) -> Result<Option<Sym>, Reason> {
        let (base, len) = (self.arena.abs(address).base, size.bytes());
        if !base.may_be_own_frame() {
            return match base {
                Base::Frame { .. } => self.load_known(state, ORIGINAL, base, size),
                _ => Ok(None),
            };
        }
        let endian = self.endian();
        let (at, end, exact) = match base {
            Base::Frame { offset: Some(at), .. } if cells::in_frame(at, len) => {
                (at, at + i64::from(len), true)
            }
            _ => match base.frame() {
                Some((_, low, high)) => (low, high.saturating_add(len.into()), false),
                None => (-FRAME, 0, false),
            },
        };
        self.same_frame(state, at, end)?;
        let own = state.sides.first().filter(|_| exact);
        Ok(own.and_then(|own| own.frame.read(&mut self.arena, endian, (at, len), true)))
    }

    fn same_frame(&mut self, state: &State, at: i64, end: i64) -> Result<(), Reason> {
        let endian = self.endian();
        match state.differing_byte(&mut self.arena, endian, at.max(-FRAME), end.min(0)) {
            Some(offset) => Err(Reason::Frame { offset }),
            None => Ok(()),
        }
    }

    fn load_acquire(
        &mut self,
        state: &mut State,
        size: Size,
        sides: [(Reg, Reg, i16); 2],
    ) -> Result<(), Reason> {
        let address = self.both_addresses(state, sides.map(|(_, base, off)| (base, off)))?;
        let value = match self.same_memory(state, address, size)? {
            Some(value) => value,
            None => {
                let abs = self.loaded_abs(self.arena.abs(address).base, size);
                self.arena.opaque(abs)
            }
        };
        for (i, (dst, ..)) in sides.into_iter().enumerate() {
            state.set(i, dst, value);
        }
        Ok(())
    }

    fn atomic(
        &mut self,
        state: &mut State,
        (size, op, core): (Size, AtomicOp, bool),
        sides: [(Reg, i16, Reg); 2],
    ) -> Result<(), Reason> {
        let address = self.both_addresses(state, sides.map(|(base, off, _)| (base, off)))?;
        let regs = sides.map(|(.., src)| src);
        self.both(state, regs, || Reason::Stored)?;
        if op == AtomicOp::Cmpxchg {
            self.both(state, [Reg::R0; 2], || Reason::Stored)?;
        }
        let held = self.same_memory(state, address, size)?;
        let frame = self.arena.abs(address).base.may_be_frame();
        // What an atomic leaves in a frame is no address to the verifier (`check_atomic` writes
        // no register); what it gives back can be one that was spilled there.
        let new = self.arena.opaque(plain(size.bytes()));
        if core && frame {
            let endian = self.endian();
            state.overwrite_all(&mut self.arena, endian);
        } else {
            self.stored(state, address, size, new);
        }
        let any = if frame { anything(size.bytes()) } else { plain(size.bytes()) };
        let old = held.unwrap_or_else(|| self.arena.opaque(any));
        match op {
            AtomicOp::Add { fetch: false }
            | AtomicOp::Or { fetch: false }
            | AtomicOp::And { fetch: false }
            | AtomicOp::Xor { fetch: false } => {}
            AtomicOp::Cmpxchg => state.set_both(Reg::R0, old),
            AtomicOp::Add { fetch: true }
            | AtomicOp::Or { fetch: true }
            | AtomicOp::And { fetch: true }
            | AtomicOp::Xor { fetch: true }
            | AtomicOp::Xchg => {
                for (i, src) in regs.into_iter().enumerate() {
                    state.set(i, src, old);
                }
            }
        }
        Ok(())
    }

    fn packet_load(&mut self, state: &mut State, src: Option<[Reg; 2]>) -> Result<(), Reason> {
        self.both(state, [Reg::R6; 2], || Reason::Argument(Reg::R6))?;
        if let Some(regs) = src {
            self.both(state, regs, || Reason::Argument(regs[0]))?;
        }
        self.clobber_arguments(state);
        self.fresh(state, Reg::R0, Abs::NUMBER);
        Ok(())
    }

    fn call(
        &mut self,
        state: &mut State,
        callees: &dyn Callees,
        callee: Callee,
    ) -> Result<Next, Reason> {
        match callee {
            Callee::Helper(number) => match Helper::get(number) {
                Some(helper) => self.call_helper(state, helper)?,
                None => self.call_unknown(state, ANY_ARGUMENTS)?,
            },
            Callee::Func(func) => {
                let summary = callees.summary(func);
                let linkage = self.program.funcs.get(func).map(|f| f.linkage);
                if linkage != Some(Linkage::Static) || summary.unknown {
                    self.entered.push((func, None));
                    self.call_function(state)?;
                    return Ok(Next::On);
                }
                return self.call_static(state, func, &summary, callees);
            }
            Callee::Extern(ext) => {
                let decl = self.program.externs.get(ext);
                let args = decl.map_or(ANY_ARGUMENTS, |decl| decl.args.unwrap_or(ANY_ARGUMENTS));
                self.call_unknown(state, args)?;
            }
            Callee::Pseudo { .. } => self.call_unknown(state, ANY_ARGUMENTS)?,
        }
        Ok(Next::On)
    }

    fn same_arguments(
        &mut self,
        state: &State,
        regs: impl Iterator<Item = Reg>,
    ) -> Result<(), Reason> {
        for reg in regs {
            // The verifier would not let a callee read it.
            let nothing = self.arena.is_nothing(state.reg(ORIGINAL, reg));
            if !nothing && !self.same_reg(state, reg) {
                return Err(Reason::Argument(reg));
            }
        }
        Ok(())
    }

    fn call_static(
        &mut self,
        state: &mut State,
        func: Func,
        summary: &Summary,
        callees: &dyn Callees,
    ) -> Result<Next, Reason> {
        for reg in summary.reads.iter() {
            let other = self.arena.abs(state.reg(REWRITTEN, reg));
            let is_known = summary.rewritten && other.is_single();
            if !is_known && !self.same_reg(state, reg) {
                return Err(Reason::Argument(reg));
            }
        }
        let reaches = |reg: Reg| reaches_frame(&self.arena, state.reg(ORIGINAL, reg));
        let reads = |reg: Reg| reaches_frame(&self.arena, state.reg(REWRITTEN, reg));
        let reads_frame = summary.reads.iter().any(reads);
        let passes_frame = Reg::arguments().any(reaches);
        if reads_frame {
            self.same_frame(state, -FRAME, 0)?;
        }
        let entry = Entry::call(&self.arena, state, passes_frame);
        let mut exit = summary.exit.clone();
        if exit.is_none() {
            callees.look_at(func, &entry);
            let summary = callees.summary(func);
            if summary.unknown {
                self.entered.push((func, None));
                self.call_unknown(state, ANY_ARGUMENTS)?;
                return Ok(Next::On);
            }
            exit = summary.exit;
        }
        self.entered.push((func, Some(entry)));
        let Some(exit) = exit else { return Ok(Next::Never) };
        let endian = self.endian();
        exit.apply(&mut self.arena, endian, state);
        self.clobber_arguments(state);
        self.fresh(state, Reg::R0, exit.result);
        Ok(Next::On)
    }

    /// A function of the program of which only the arguments are known. Loaders and kernels differ
    /// in which functions they verify with their callers (libbpf the hidden ones, all of them the
    /// global ones of objects whose types are refused), and those may read and write a whole frame
    /// that they get an address in, and return that address, or the context.
    fn call_function(&mut self, state: &mut State) -> Result<(), Reason> {
        self.same_arguments(state, Reg::arguments())?;
        let args = || Reg::arguments().map(|reg| self.arena.abs(state.reg(ORIGINAL, reg)).base);
        let ctx = args().any(|base| base.may_be_ctx());
        let reaches = Reg::arguments().any(|reg| {
            let sym = state.reg(ORIGINAL, reg);
            reaches_frame(&self.arena, sym)
        });
        if reaches {
            self.same_frame(state, -FRAME, 0)?;
            let endian = self.endian();
            state.overwrite_all(&mut self.arena, endian);
        }
        self.clobber_arguments(state);
        let result = match (reaches, ctx) {
            (true, _) => Abs::ANY,
            (false, true) => Abs::CONTEXT,
            (false, false) => Abs::PLAIN,
        };
        self.fresh(state, Reg::R0, result);
        Ok(())
    }

    /// A callee of which only the arguments are known: it may read and write whatever it can
    /// reach from them, at and above an address in the frame.
    fn call_unknown(&mut self, state: &mut State, args: u8) -> Result<(), Reason> {
        let passed = || Reg::arguments().take(usize::from(args));
        self.same_arguments(state, passed())?;
        let args: Vec<Sym> = passed().map(|reg| state.reg(ORIGINAL, reg)).collect();
        let reaches = args.iter().any(|&sym| reaches_frame(&self.arena, sym));
        let reach = state.reach(&self.arena, &args);
        self.same_frame(state, reach.low, 0)?;
        for &sym in &args {
            let base = self.arena.abs(sym).base;
            if reach.all || base.frame().is_none_or(|(depth, ..)| depth > 0) {
                self.written_through(state, sym, (i64::MAX, false), reach.all);
            }
        }
        if !reach.all {
            let (endian, content) = (self.endian(), self.written(reach.holds, Kind::Number));
            state.overwrite(&mut self.arena, endian, (reach.low, 0), false, content);
        }
        self.clobber_arguments(state);
        self.fresh(state, Reg::R0, if reaches { Abs::ANY } else { Abs::PLAIN });
        Ok(())
    }

    /// Somebody may write up to `len` bytes at an address and, if `deep`, through addresses in
    /// frames.
    ///
    /// The verifier takes bytes for initialised afterwards only if a helper writes a number of
    /// bytes that it knows to an address that it knows (`check_stack_range_initialized`).
    fn written_through(
        &mut self,
        state: &mut State,
        address: Sym,
        (len, exact): (i64, bool),
        deep: bool,
    ) {
        let endian = self.endian();
        let base = self.arena.abs(address).base;
        match base {
            _ if deep && base.may_be_frame() => state.overwrite_all(&mut self.arena, endian),
            Base::Frame { depth: 0, .. } | Base::Within { depth: 0, .. } => {
                let (_, low, high) = base.frame().unwrap_or((0, -FRAME, 0));
                let content = self.written(false, Kind::Number);
                let bytes = (low, high.saturating_add(len));
                let all = exact && low == high;
                state.overwrite(&mut self.arena, endian, bytes, all, content);
            }
            Base::Frame { .. } | Base::Within { .. } => {
                let (depth, low, high) = base.frame().unwrap_or((u8::MAX, -FRAME, 0));
                state.lose(&mut self.arena, endian, depth - 1, (low, high.saturating_add(len)));
            }
            Base::Among { low, high, .. } => {
                let bytes = (low, high.saturating_add(len));
                for depth in base.depths() {
                    match depth.checked_sub(1) {
                        None => {
                            let content = self.written(false, Kind::Number);
                            state.overwrite(&mut self.arena, endian, bytes, false, content);
                        }
                        Some(parent) => state.lose(&mut self.arena, endian, parent, bytes),
                    }
                }
            }
            Base::Any { frame: true, .. } => state.overwrite_all(&mut self.arena, endian),
            Base::Any { frame: false, .. }
            | Base::Plain
            | Base::Ctx(_)
            | Base::OneOf { .. }
            | Base::Section { .. }
            | Base::Map(_)
            | Base::Func(_)
            | Base::Extern { .. } => {}
        }
    }

    fn call_helper(&mut self, state: &mut State, helper: &Helper) -> Result<(), Reason> {
        let arity = helper.arity();
        self.same_arguments(state, Reg::arguments().take(arity))?;
        let args: Vec<(Sym, Arg)> = Reg::arguments()
            .zip(helper.args)
            .map(|(reg, arg)| (state.reg(ORIGINAL, reg), *arg))
            .collect();
        let reaches = args.iter().any(|(sym, _)| reaches_frame(&self.arena, *sym));
        let indirect = helper.indirect != Indirect::None || helper.takes_callback();
        if reaches && indirect {
            let syms: Vec<Sym> = args.iter().map(|(sym, _)| *sym).collect();
            let low = match helper.takes_callback() {
                true => -FRAME,
                false => state.reach(&self.arena, &syms).low,
            };
            self.same_frame(state, low, 0)?;
        }
        for (sym, arg) in &args {
            self.helper_reads(state, *sym, arg)?;
        }
        let endian = self.endian();
        if reaches && (helper.indirect == Indirect::ReadsWrites || helper.takes_callback()) {
            state.overwrite_all(&mut self.arena, endian);
        }
        for (sym, arg) in &args {
            match arg {
                Arg::Memory { access: Access::Retain, .. }
                    if self.arena.abs(*sym).base.may_be_frame() =>
                {
                    return Err(Reason::Unsupported("memory in the frame that a helper keeps"));
                }
                Arg::Memory { access, extent } if access.writes() => {
                    let len = self.extent(state, extent);
                    let exact = self.is_exact(state, extent);
                    self.written_through(state, *sym, (len, exact), false);
                }
                _ => {}
            }
        }
        let result = match helper.ret {
            Ret::Void => Abs::UNINIT,
            Ret::Length(number) => Abs::number(self.at_most(state, number)),
            Ret::Integer => Abs::NUMBER,
            Ret::Ptr => Abs::PLAIN,
            Ret::PtrOrNull => Abs::OR_NULL,
        };
        self.clobber_arguments(state);
        self.fresh(state, Reg::R0, result);
        Ok(())
    }

    /// Negative numbers, and those up to the largest value of an argument, if that is no
    /// negative `int`.
    fn at_most(&self, state: &State, number: u8) -> Num {
        let size = Reg::new(number).map(|reg| self.arena.abs(state.reg(ORIGINAL, reg)).num.max());
        match size.and_then(|size| i32::try_from(size).ok()) {
            Some(size) => Num::at_most(size),
            None => Num::ALL,
        }
    }

    /// The most bytes that a helper accesses.
    fn extent(&self, state: &State, extent: &Extent) -> i64 {
        match extent {
            Extent::Bytes(len) => i64::from(*len),
            Extent::Arg(number) => Reg::new(*number).map_or(i64::MAX, |reg| {
                let size = self.arena.abs(state.reg(ORIGINAL, reg)).num.max();
                i64::try_from(size).unwrap_or(i64::MAX)
            }),
            Extent::MapKey | Extent::MapValue | Extent::String => i64::MAX,
        }
    }

    /// Whether a helper accesses a number of bytes that is known.
    fn is_exact(&self, state: &State, extent: &Extent) -> bool {
        match extent {
            Extent::Bytes(_) => true,
            Extent::Arg(number) => Reg::new(*number)
                .is_some_and(|reg| self.arena.abs(state.reg(ORIGINAL, reg)).num.as_one().is_some()),
            Extent::MapKey | Extent::MapValue | Extent::String => false,
        }
    }

    /// What a helper can read through an argument must be the same in both programs.
    fn helper_reads(&mut self, state: &State, sym: Sym, arg: &Arg) -> Result<(), Reason> {
        let base = self.arena.abs(sym).base;
        if !base.may_be_own_frame() {
            return Ok(());
        }
        let len = match arg {
            Arg::Memory { access, extent } if access.reads() => self.extent(state, extent),
            Arg::Memory { .. } => return Ok(()),
            Arg::Scalar
            | Arg::Ctx
            | Arg::Map
            | Arg::Object
            | Arg::Callback
            | Arg::CallbackCtx
            | Arg::Variadic => i64::MAX,
        };
        match base.frame() {
            Some((_, low, high)) => self.same_frame(state, low, high.saturating_add(len)),
            None => self.same_frame(state, -FRAME, 0),
        }
    }
}
