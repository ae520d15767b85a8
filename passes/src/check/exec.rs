//! What one instruction does that nobody outside sees: it sets a register, or a byte of the
//! function's own frame at a known offset.

use crate::check::arena::{Arena, FastMap, Sym};
use crate::check::cells::{self, FRAME};
use crate::check::context::Entry;
use crate::check::loads::Loaded;
use crate::check::num::Num;
use crate::check::pair::Home;
use crate::check::refusal::Reason;
use crate::check::state::{ORIGINAL, REWRITTEN, State, plain};
use crate::check::value::{Abs, Base, Kind};
use crate::entity::{Core, Extern, Func};
use crate::helpers::Helper;
use crate::ir::{ExternValue, InstData, Op, Program};
use crate::isa::{self, AluOp, Callee, Endian, Imm64, Operand, Reg, Size, Width};

/// Where 4-byte loads of a context give addresses: `data`, `data_end` and `data_meta` of
/// `struct xdp_md` (0, 4, 8) and of `struct __sk_buff` (76, 80, 140).
const CONTEXT_ADDRESSES: [i64; 6] = [0, 4, 8, 76, 80, 140];

/// Uninitialised values that are kept because the original has read them.
const MAX_UNINIT: usize = 64;

/// Executes instructions on symbols.
pub struct Machine<'a> {
    /// The original program: its tables are those of both.
    pub program: &'a Program,
    /// The symbols of the function.
    pub arena: Arena,
    /// Functions whose address is taken or that are called, with the states they start in.
    pub entered: Vec<(Func, Option<Entry>)>,
    /// What the original has read uninitialised on the way.
    pub uninit: Vec<Sym>,
    /// Whether code casts pointers into arenas: whatever is computed of one is one
    /// (`adjust_reg_min_max_vals` of the verifier).
    arenas: bool,
    /// Where in sections values of eight bytes were loaded from: entries of jump tables, which
    /// nobody changes.
    sources: FastMap<Sym, Sym>,
}

impl<'a> Machine<'a> {
    /// A machine for one function; `arenas`: code of the program [has casts](has_casts).
    pub fn new(program: &'a Program, arenas: bool) -> Machine<'a> {
        Machine {
            program,
            arena: Arena::default(),
            entered: Vec::new(),
            uninit: Vec::new(),
            arenas,
            sources: FastMap::default(),
        }
    }

    /// The byte order.
    pub fn endian(&self) -> Endian {
        self.program.endian
    }

    /// The address in a section that the original has loaded a value of eight bytes from.
    pub fn loaded_from(&self, value: Sym) -> Option<Sym> {
        self.sources.get(&value).copied()
    }

    /// The value of a register that is read.
    pub fn read(&mut self, state: &State, side: usize, reg: Reg) -> Result<Sym, Reason> {
        let sym = state.reg(side, reg);
        if self.arena.abs(sym).uninit {
            self.read_uninit(side, sym, Reason::UninitRegister(reg))?;
        }
        Ok(sym)
    }

    fn read_uninit(&mut self, side: usize, sym: Sym, reason: Reason) -> Result<(), Reason> {
        if side == ORIGINAL {
            if !self.uninit.contains(&sym) && self.uninit.len() < MAX_UNINIT {
                self.uninit.push(sym);
            }
            return Ok(());
        }
        if self.uninit.contains(&sym) { Ok(()) } else { Err(reason) }
    }

    /// The value of an operand.
    pub fn operand(&mut self, state: &State, side: usize, src: Operand) -> Result<Sym, Reason> {
        match src {
            Operand::Reg(reg) => self.read(state, side, reg),
            Operand::Imm(imm) => Ok(self.arena.number(i64::from(imm) as u64)),
        }
    }

    /// The address of a memory access.
    pub fn address(
        &mut self,
        state: &State,
        side: usize,
        base: Reg,
        off: i16,
    ) -> Result<Sym, Reason> {
        let base = self.read(state, side, base)?;
        let off = self.arena.number(i64::from(off) as u64);
        Ok(self.arena.alu(Width::W64, AluOp::Add, base, off))
    }

    /// Whether an instruction only sets a register or known bytes of the own frame.
    pub fn is_silent(&mut self, state: &State, side: usize, data: &InstData) -> bool {
        match data.op {
            Op::Alu { .. }
            | Op::Neg { .. }
            | Op::Mov { .. }
            | Op::MovSx { .. }
            | Op::AddrSpaceCast { .. }
            | Op::Swap { .. }
            | Op::Load { .. }
            | Op::LdImm64 { .. } => true,
            Op::Store { size, base, off, .. } => {
                data.core.is_none()
                    && matches!(
                        self.arena.abs(state.reg(side, base)).base,
                        Base::Frame { depth: 0, offset: Some(at) }
                            if cells::in_frame(at.saturating_add(off.into()), size.bytes())
                    )
            }
            Op::Call(Callee::Helper(number)) => {
                data.core.is_none() && self.runs_nothing(state, side, number)
            }
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

    /// Whether a helper that is called now runs none of the program's code and returns 0.
    fn runs_nothing(&mut self, state: &State, side: usize, number: i32) -> bool {
        let known = |reg| {
            let abs = self.arena.abs(state.reg(side, reg));
            abs.num.as_one().filter(|_| abs.is_number() && !abs.uninit)
        };
        Helper::get(number).is_some_and(|helper| helper.runs_nothing(known))
    }

    /// Executes a silent instruction of one program. `home` is the instruction of the original
    /// that it is or stands for.
    pub fn execute(
        &mut self,
        state: &mut State,
        side: usize,
        data: &InstData,
        home: Option<Home>,
    ) -> Result<(), Reason> {
        if let (Some(core), false) = (data.core, matches!(data.op, Op::Load { .. })) {
            return self.relocated(state, side, &data.op, core);
        }
        let (dst, value) = match data.op {
            Op::Alu { width, op, dst, src } => {
                let (a, b) = (self.read(state, side, dst)?, self.operand(state, side, src)?);
                let value = self.arena.alu(width, op, a, b);
                let numbers = [a, b].iter().all(|&sym| self.arena.abs(sym).is_number());
                match self.arenas && !numbers {
                    true => (dst, self.arena.taken_for(Kind::Unknown, value)),
                    false => (dst, value),
                }
            }
            Op::Neg { width, dst } => {
                let (zero, a) = (self.arena.number(0), self.read(state, side, dst)?);
                let value = self.arena.alu(width, AluOp::Sub, zero, a);
                (dst, self.arena.taken_for(Kind::Number, value))
            }
            Op::Mov { width, dst, src } => {
                let a = self.operand(state, side, src)?;
                (dst, if width == Width::W32 { self.arena.low(a) } else { a })
            }
            Op::MovSx { width, from, dst, src } => {
                let a = self.read(state, side, src)?;
                let wide = self.arena.sign_extend(from, a);
                (dst, if width == Width::W32 { self.arena.low(wide) } else { wide })
            }
            Op::AddrSpaceCast { dst, src, spaces } => {
                let a = self.read(state, side, src)?;
                (dst, self.arena.cast(spaces, a))
            }
            Op::Swap { op, size, dst } => {
                let (a, endian) = (self.read(state, side, dst)?, self.endian());
                (dst, self.arena.swap(op, size, endian, a))
            }
            Op::Load { size, signed, dst, base, off } => {
                let address = self.address(state, side, base, off)?;
                let value = self.load(state, side, (address, size, data.core), home)?;
                (dst, if signed { self.arena.sign_extend(size, value) } else { value })
            }
            Op::LdImm64 { dst, imm } => (dst, self.imm64(imm, side + 1 == state.sides.len())),
            Op::Store { size, base, off, src } => {
                let value = self.operand(state, side, src)?;
                let value = state.facts.resolve(self.arena.extract(value, 0, size.bytes()));
                let address = self.address(state, side, base, off)?;
                let endian = self.endian();
                if let Base::Frame { offset: Some(at), .. } = self.arena.abs(address).base
                    && let Some(side) = state.sides.get_mut(side)
                {
                    side.frame.write(&mut self.arena, endian, at, size.bytes(), value);
                }
                return Ok(());
            }
            Op::Call(Callee::Helper(number)) if self.runs_nothing(state, side, number) => {
                for reg in Reg::arguments() {
                    let nothing = self.arena.nothing();
                    state.set(side, reg, nothing);
                }
                (Reg::R0, self.arena.number(0))
            }
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
            | Op::GotoX { .. } => return Err(Reason::Unsupported("the instruction")),
        };
        let value = state.facts.resolve(value);
        state.set(side, dst, value);
        Ok(())
    }

    /// An instruction that the loader will still change: all that is known is that it does the
    /// same in both programs if its operands are the same.
    fn relocated(
        &mut self,
        state: &mut State,
        side: usize,
        op: &Op,
        core: Core,
    ) -> Result<(), Reason> {
        let mut operands = [self.arena.number(0); 2];
        for (operand, reg) in operands.iter_mut().zip(op.uses().iter()) {
            *operand = self.read(state, side, reg)?;
        }
        let [a, b] = operands;
        let abs = if matches!(op, Op::Alu { .. }) { Abs::ANY } else { Abs::PLAIN };
        let value = self.arena.relocated(core, a, b, abs);
        for reg in op.defs().iter() {
            state.set(side, reg, value);
        }
        Ok(())
    }

    /// What `ldimm64` gives; `stays`: the instruction is one of the rewritten program.
    fn imm64(&mut self, imm: Imm64, stays: bool) -> Sym {
        match imm {
            Imm64::Const(value) => self.arena.number(value),
            Imm64::Section { section, offset } => {
                self.arena.address(Base::Section { section, offset: Some(offset) })
            }
            Imm64::Map(map) => self.arena.address(Base::Map(map)),
            Imm64::Func(func) => {
                // Who enters the function has its address, the same in both programs: the
                // rewritten program has made it, too.
                if stays {
                    self.entered.push((func, None));
                }
                self.arena.address(Base::Func(func))
            }
            Imm64::Extern(ext) => match self.program.externs.get(ext).map(|e| &e.value) {
                Some(Some(ExternValue::Absent)) => self.arena.number(0),
                Some(Some(ExternValue::Present)) => {
                    self.arena.address_not_null(Base::Extern { ext, offset: Some(0) })
                }
                _ => self.arena.address(Base::Extern { ext, offset: Some(0) }),
            },
            Imm64::Pseudo { src, imm, next_imm } => self.arena.pseudo(src, imm, next_imm),
        }
    }

    /// What a load gives, zero-extended.
    fn load(
        &mut self,
        state: &mut State,
        side: usize,
        (address, size, core): (Sym, Size, Option<Core>),
        home: Option<Home>,
    ) -> Result<Sym, Reason> {
        let base = self.arena.abs(address).base;
        if core.is_none()
            && let Some(value) = self.load_known(state, side, base, size)?
        {
            return Ok(value);
        }
        if side == ORIGINAL {
            let abs = match core {
                Some(_) if base.may_be_frame() => Abs::ANY,
                Some(_) => Abs::PLAIN,
                None => self.loaded_abs(base, size),
            };
            let value = self.arena.opaque(abs);
            if core.is_none() && size == Size::DW && matches!(base, Base::Section { .. }) {
                self.sources.insert(value, address);
            }
            if let Some(home) = home {
                state.loads.push(Loaded { home, address, size, core, value });
            }
            return Ok(value);
        }
        if base.may_be_own_frame() {
            let endian = self.endian();
            let (at, end) = match base.frame() {
                Some((_, low, high)) => (low, high + i64::from(size.bytes())),
                None => (-FRAME, 0),
            };
            let (at, end) = (at.max(-FRAME), end.min(0));
            if let Some(offset) = state.differing_byte(&mut self.arena, endian, at, end) {
                return Err(Reason::Frame { offset });
            }
        }
        state.loads.take(address, size, core, home).ok_or(Reason::ExtraLoad)
    }

    /// What a load from a known frame, or of final bytes, gives.
    pub fn load_known(
        &mut self,
        state: &State,
        side: usize,
        base: Base,
        size: Size,
    ) -> Result<Option<Sym>, Reason> {
        let (endian, len) = (self.endian(), size.bytes());
        match base {
            Base::Frame { depth: 0, offset: Some(at) } if cells::in_frame(at, len) => {
                let Some(own) = state.sides.get(side) else { return Ok(None) };
                let value = own.frame.read(&mut self.arena, endian, (at, len), true);
                if let Some(sym) = value
                    && self.arena.abs(sym).uninit
                {
                    self.read_uninit(side, sym, Reason::UninitFrame { offset: at })?;
                }
                Ok(value)
            }
            Base::Frame { depth, offset: Some(at) } if cells::in_frame(at, len) => {
                let parent = state.parents.get(usize::from(depth.saturating_sub(1)));
                Ok(parent.and_then(|p| p.cells.read(&mut self.arena, endian, (at, len), false)))
            }
            Base::Section { section, offset: Some(at) } => {
                let known = self.program.sections.get(section);
                let whole = isa::extend(size, u64::MAX);
                Ok(match known.and_then(|s| s.load(at, size, endian)) {
                    Some((value, mask)) if mask == whole => Some(self.arena.number(value)),
                    _ => None,
                })
            }
            Base::Extern { ext, offset: Some(at) } => {
                Ok(self.extern_bytes(ext, at, size).map(|value| self.arena.number(value)))
            }
            _ => Ok(None),
        }
    }

    /// What a load from memory that is not known can give.
    pub fn loaded_abs(&self, base: Base, size: Size) -> Abs {
        let read_only = |section| self.program.sections.get(section).is_some_and(|s| s.read_only);
        // Only 8 bytes can be a pointer.
        let narrow = Abs::number(Num::of_size(size));
        let kind = if size == Size::DW { Kind::Unknown } else { Kind::Number };
        match (base, size) {
            (Base::Any { frame: true, .. }, Size::W | Size::DW) => Abs::ANY,
            (Base::Frame { .. } | Base::Within { .. } | Base::Among { .. }, Size::DW) => Abs::ANY,
            (Base::Any { ctx: true, .. }, Size::W | Size::DW) => Abs::PLAIN,
            (Base::Ctx(at), Size::W) if CONTEXT_ADDRESSES.contains(&at) => Abs::PLAIN,
            (Base::OneOf { section, .. }, _) if read_only(section) => {
                Abs::number(self.load_one_of(base, size))
            }
            (Base::Section { section, offset: None }, _) if read_only(section) => narrow,
            (Base::Section { section, offset: Some(at) }, _) if read_only(section) => {
                let known = self.program.sections.get(section);
                match known.and_then(|s| s.load(at, size, self.program.endian)) {
                    Some((value, mask)) => {
                        Abs::number(Num::with_bits(value, mask, isa::extend(size, u64::MAX)))
                    }
                    None => narrow,
                }
            }
            _ => Abs { kind, ..narrow },
        }
    }

    /// What a load of final bytes from one of some addresses can give.
    fn load_one_of(&self, base: Base, size: Size) -> Num {
        let any = Num::of_size(size);
        let Some((section, offsets)) = base.offsets() else { return any };
        let Some(known) = self.program.sections.get(section) else { return any };
        let mut joined: Option<Num> = None;
        for at in offsets {
            match known.load(at, size, self.program.endian) {
                Some((value, mask)) if mask == isa::extend(size, u64::MAX) => {
                    let one = Num::one(value);
                    joined = Some(joined.map_or(one, |num| num.join(&one)));
                }
                _ => return any,
            }
        }
        joined.unwrap_or(any)
    }

    fn extern_bytes(&self, ext: Extern, at: i64, size: Size) -> Option<u64> {
        let Some(ExternValue::Contents(bytes)) = &self.program.externs.get(ext)?.value else {
            return None;
        };
        let start = usize::try_from(at).ok()?;
        let bytes = bytes.get(start..start.checked_add(size.bytes() as usize)?)?;
        let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Some(match self.program.endian {
            Endian::Little => bytes.iter().rev().fold(0, push),
            Endian::Big => bytes.iter().fold(0, push),
        })
    }

    /// What both programs get from outside in a register.
    pub fn fresh(&mut self, state: &mut State, reg: Reg, abs: Abs) {
        let sym = self.arena.opaque(abs);
        state.set_both(reg, sym);
    }

    /// The callee has used `r1` to `r5`.
    pub fn clobber_arguments(&mut self, state: &mut State) {
        for reg in Reg::arguments() {
            self.fresh(state, reg, Abs::UNINIT);
        }
    }

    /// Whether a place holds the same in both programs.
    pub fn same_reg(&self, state: &State, reg: Reg) -> bool {
        state.sides.len() < 2 || state.reg(ORIGINAL, reg) == state.reg(REWRITTEN, reg)
    }

    /// What so many bytes of a frame hold that something outside of this function wrote, or a
    /// store of a value of this kind.
    pub fn written(&self, deep: bool, kind: Kind) -> impl Fn(i64, u32) -> Abs + use<> {
        move |_, len| match deep {
            true => crate::check::state::anything(len),
            false if len < 8 => plain(len),
            false => Abs { kind, ..plain(len) },
        }
    }
}

/// Whether code of a program casts between address spaces, or may.
pub fn has_casts(program: &Program) -> bool {
    fn casts<T>(op: &isa::Op<T>) -> bool {
        matches!(op, isa::Op::AddrSpaceCast { .. })
    }
    program.funcs.values().any(|function| match &function.opaque {
        Some(body) => body.items.iter().any(|item| item.op.as_ref().is_none_or(casts)),
        None => function.insts().any(|(_, inst)| casts(function.op(inst))),
    })
}
