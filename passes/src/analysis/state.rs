//! What is known at one point of a function: its registers, its frame, its callers' frames.
//!
//! Join is that of the parts. A function that is entered at several depths has the frames of the
//! deepest way in: an address in a frame that is not there does not occur. Equality of values (after `r2 = r1`, a spill, a reload) is
//! kept as a number that both carry: a comparison of one teaches about the other, as in the
//! verifier (`find_equal_scalars`).

use std::rc::Rc;

use crate::analysis::frame::{Equal, Frame, FrameBytes, Tracked};
use crate::analysis::kind::Kind;
use crate::analysis::value::Value;
use crate::ir::Linkage;
use crate::isa::{Endian, Operand, Reg, Size};

/// Joins after which bounds go to their extremes instead of growing step by step.
const WIDEN_AFTER: u32 = 3;

/// Joins after which a frame that still changes is forgotten: byte by byte, that can go on
/// for long.
const FORGET_AFTER: u32 = 16;

/// Frames that are followed: no more calls can be nested (MAX_CALL_FRAMES of the kernel).
pub const MAX_FRAMES: usize = 8;

/// What is known at one point of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    regs: [Tracked; Reg::COUNT],
    /// The function's own frame, then its caller's, and so on as far as they are known.
    frames: Vec<Rc<Frame>>,
    /// For each caller's frame what the function may have written there.
    touched: Vec<FrameBytes>,
    /// Whether it may have written to frames further up than `frames` has.
    touched_beyond: bool,
}

impl State {
    /// The state in which a function starts of which no call is known: the kernel calls it,
    /// or anybody.
    pub fn root(linkage: Linkage) -> State {
        let mut regs = [Tracked::new(Value::NUMBER, Kind::Number); Reg::COUNT];
        for reg in Reg::arguments() {
            regs[reg.index()] = Tracked::new(Value::CONTEXT, Kind::Unknown);
        }
        if linkage == Linkage::Entry {
            regs[Reg::R1.index()].value = Value::Context(0);
        }
        let frame = Value::Frame { depth: 0, offset: Some(0) };
        regs[Reg::FP.index()] = Tracked::new(frame, Kind::Unknown);
        State {
            regs,
            frames: vec![Rc::new(Frame::new())],
            touched: Vec::new(),
            touched_beyond: false,
        }
    }

    /// Sets a register to what is computed of others; `sure` is what every verifier computes
    /// of what it knows of them. A constant is written into the code, so all of them know it.
    pub fn set_computed(&mut self, reg: Reg, value: Value, kind: Kind, sure: Value) {
        let unsure = value != sure && value.as_constant().is_none();
        self.regs[reg.index()] = Tracked { unsure, ..Tracked::new(value, kind) };
    }

    /// An operand, without what not every verifier knows of it.
    pub fn sure(&self, src: Operand) -> Value {
        match src {
            Operand::Reg(reg) if self.is_unsure(reg) => Value::NUMBER,
            Operand::Reg(reg) => self.reg(reg),
            Operand::Imm(imm) => Value::constant(i64::from(imm) as u64),
        }
    }

    /// What a register holds.
    pub fn reg(&self, reg: Reg) -> Value {
        self.regs[reg.index()].value
    }

    /// What the verifier takes a register for.
    pub fn kind(&self, reg: Reg) -> Kind {
        self.regs[reg.index()].kind
    }

    /// What the verifier takes an operand for.
    pub fn operand_kind(&self, src: Operand) -> Kind {
        match src {
            Operand::Reg(reg) => self.kind(reg),
            Operand::Imm(_) => Kind::Number,
        }
    }

    /// Sets a register to what the verifier takes for a number.
    pub fn set_number(&mut self, reg: Reg, value: Value) {
        self.set(reg, value, Kind::Number);
    }

    /// Sets a register.
    pub fn set(&mut self, reg: Reg, value: Value, kind: Kind) {
        self.regs[reg.index()] = Tracked::new(value, kind);
    }

    /// The join of both states; says whether that changed this one.
    pub fn join(&mut self, other: &State, visits: u32, endian: Endian) -> bool {
        let widen = visits > WIDEN_AFTER;
        let mut changed = false;
        for (a, b) in self.regs.iter_mut().zip(&other.regs) {
            let joined = a.join(b, widen);
            changed |= joined != *a;
            *a = joined;
        }
        for (a, b) in self.frames.iter_mut().zip(&other.frames) {
            if !Rc::ptr_eq(a, b) && a != b {
                let frame = Rc::make_mut(a);
                if frame.join(b, widen, endian) {
                    changed = true;
                    if visits > FORGET_AFTER {
                        frame.clobber_all();
                    }
                }
            }
        }
        for (a, b) in self.touched.iter_mut().zip(&other.touched) {
            changed |= a.join(b);
        }
        // Where a function is entered with fewer callers, the frames of more are not there.
        if let Some(more) = other.frames.get(self.frames.len()..).filter(|more| !more.is_empty()) {
            self.frames.extend_from_slice(more);
            self.touched.extend_from_slice(&other.touched[self.touched.len()..]);
            changed = true;
        }
        changed |= other.touched_beyond && !self.touched_beyond;
        self.touched_beyond |= other.touched_beyond;
        changed
    }

    /// `dst = src` at the instruction with the number `fresh` (from 1): from now on both are
    /// known to be equal.
    pub fn copy(&mut self, dst: Reg, src: Reg, fresh: Equal) {
        if self.reg(src).as_constant().is_some() {
            self.regs[dst.index()] = Tracked { equal: 0, ..self.regs[src.index()] };
            return;
        }
        let equal = self.equal_of(src, fresh);
        self.regs[dst.index()] = Tracked { equal, ..self.regs[src.index()] };
    }

    fn equal_of(&mut self, src: Reg, fresh: Equal) -> Equal {
        if self.regs[src.index()].equal == 0 {
            self.forget_equal(fresh);
            self.regs[src.index()].equal = fresh;
        }
        self.regs[src.index()].equal
    }

    /// No value carries this number any more: the instruction that hands it out runs again.
    fn forget_equal(&mut self, equal: Equal) {
        self.update_all(
            |t| t.equal == equal,
            |t| {
                t.equal = 0;
            },
        );
    }

    fn update_all(&mut self, which: impl Fn(&Tracked) -> bool, f: impl Fn(&mut Tracked)) {
        self.regs.iter_mut().filter(|t| which(t)).for_each(&f);
        for frame in &mut self.frames {
            if frame.has_equalities() {
                Rc::make_mut(frame).map_spills(|t| {
                    if which(t) {
                        f(t);
                    }
                });
            }
        }
    }

    /// Whether some verifier can know less of a register than [`reg`](Self::reg) says: it was
    /// learned from a comparison in a way that not every kernel has, or of what may be a
    /// pointer. An instruction that says the same once more is then kept, and a use keeps the
    /// register.
    pub fn is_unsure(&self, reg: Reg) -> bool {
        let Tracked { value, unsure, kind, .. } = self.regs[reg.index()];
        let is_learned = matches!(value, Value::Number(_)) && value != Value::NUMBER;
        unsure || (is_learned && !kind.is_number())
    }

    /// Whether not every verifier that takes a register for a number knows as much of it as
    /// [`reg`](Self::reg) says.
    pub fn is_unsure_number(&self, reg: Reg) -> bool {
        self.regs[reg.index()].unsure
    }

    /// As [`learn`](Self::learn), of what not every verifier learns from it.
    pub fn learn_unsure(&mut self, reg: Reg, value: Value) {
        if self.reg(reg) != value {
            self.learn(reg, value);
            self.update_equal(reg, |t| t.unsure = true);
        }
    }

    /// A comparison has shown that a register, and whatever is equal to it, is `value`.
    pub fn learn(&mut self, reg: Reg, value: Value) {
        if self.reg(reg) != value {
            self.update_equal(reg, |t| t.value = value);
        }
    }

    /// A register, and whatever is equal to it, was checked for null.
    pub fn check_null(&mut self, reg: Reg, null: bool) {
        let kind = self.kind(reg).checked(null);
        if kind != self.kind(reg) {
            self.update_equal(reg, |t| {
                t.kind = kind;
                t.unsure &= !kind.is_number();
            });
        }
    }

    /// Changes a register and whatever is known to be equal to it.
    fn update_equal(&mut self, reg: Reg, f: impl Fn(&mut Tracked)) {
        let equal = self.regs[reg.index()].equal;
        f(&mut self.regs[reg.index()]);
        if equal != 0 {
            self.update_all(|t| t.equal == equal, f);
        }
    }

    /// Sets `dst` to the value of `size` bytes at a frame address, zero-extended.
    pub fn load_frame(
        &mut self,
        dst: Reg,
        (depth, offset): (u8, Option<i64>),
        size: Size,
        endian: Endian,
    ) {
        let loaded = match (self.frames.get(usize::from(depth)), offset) {
            (Some(frame), Some(offset)) => frame.load(offset, size, endian),
            _ => Frame::new_unknown().load(-8, size, endian),
        };
        self.regs[dst.index()] = loaded;
    }

    /// Stores `size` bytes through an address. `src` is the register that holds the value,
    /// if one does. Equality is kept where every verifier keeps it: of a number that is equal
    /// to another before the store, and bounded (`check_stack_write_fixed_off` before 6.8).
    pub fn store(
        &mut self,
        address: Value,
        size: Size,
        (value, src): (Value, Option<Reg>),
        endian: Endian,
    ) {
        let kind = src.filter(|_| size == Size::DW).map_or(Kind::Number, |src| self.kind(src));
        match address {
            Value::Frame { depth, offset: Some(offset) } => {
                let mut stored = Tracked::new(value, kind);
                if let (Some(src), Size::DW) = (src, size)
                    && value != Value::NUMBER
                {
                    stored = self.regs[src.index()];
                }
                if let Some(frame) = self.touch(depth, offset, size.bytes().into()) {
                    frame.store(offset, size, stored, endian);
                }
            }
            Value::FrameWithin { depth, low, high } => {
                let len = i64::from(high) - i64::from(low) + i64::from(size.bytes());
                self.clobber(depth, low.into(), len, (value, kind));
            }
            Value::Frame { depth, offset: None } => {
                let start = -crate::analysis::frame::FRAME_SIZE;
                self.clobber(depth, start, i64::MAX, (value, kind));
            }
            Value::Frames { depths, low, high } => {
                let len = i64::from(high) - i64::from(low) + i64::from(size.bytes());
                for depth in (0..8).filter(|depth| depths & (1 << depth) != 0) {
                    self.clobber(depth, low.into(), len, (value, kind));
                }
            }
            Value::Opaque { frame: true, .. } => self.clobber_all(),
            Value::Opaque { frame: false, .. }
            | Value::Number(_)
            | Value::Section { .. }
            | Value::OneOf { .. }
            | Value::Context(_)
            | Value::Map(_)
            | Value::Func(_)
            | Value::Extern { .. } => {}
        }
    }

    /// Forgets `len` bytes of a frame from `offset` on. They hold something like `content`
    /// afterwards: a frame address only if that can be one.
    pub fn clobber(&mut self, depth: u8, offset: i64, len: i64, (content, kind): (Value, Kind)) {
        if let Some(frame) = self.touch(depth, offset, len) {
            if content.may_be_frame() || content.may_be_ctx() {
                frame.clobber_all();
            } else {
                frame.clobber(offset, len, kind);
            }
        }
    }

    /// Forgets everything in every frame.
    pub fn clobber_all(&mut self) {
        for frame in &mut self.frames {
            Rc::make_mut(frame).clobber_all();
        }
        self.touched.fill(FrameBytes::ALL);
        self.touched_beyond = true;
    }

    /// Notes a write to a frame, and gives the frame if it is known.
    fn touch(&mut self, depth: u8, offset: i64, len: i64) -> Option<&mut Frame> {
        let depth = usize::from(depth);
        if depth >= self.frames.len() {
            self.touched_beyond = true;
        } else if depth > 0 {
            self.touched[depth - 1].add(offset, len);
        }
        self.frames.get_mut(depth).map(Rc::make_mut)
    }

    /// Whether some known frame can hold a frame address.
    pub fn holds_frame_address(&self) -> bool {
        self.frames.iter().any(|f| f.holds_frame_address())
    }

    /// The state in which a static function starts that is called here.
    pub fn enter(&self) -> State {
        let mut inside = State::root(Linkage::Static);
        for reg in Reg::arguments() {
            inside.regs[reg.index()] = passed(self.regs[reg.index()], deeper);
        }
        for frame in self.frames.iter().take(MAX_FRAMES - 1) {
            let mut frame = Frame::clone(frame);
            frame.map_spills(|t| *t = passed(*t, deeper));
            inside.frames.push(Rc::new(frame));
            inside.touched.push(FrameBytes::NONE);
        }
        inside
    }

    /// The state after a call of a static function that returned in state `inside`. What the
    /// function did not touch is as it was; `r1` to `r5` are gone.
    pub fn leave(&mut self, inside: &State) {
        if inside.touched_beyond {
            self.clobber_all();
        }
        for (depth, (theirs, touched)) in
            inside.frames.iter().skip(1).zip(&inside.touched).enumerate()
        {
            if *touched == FrameBytes::NONE {
                continue;
            }
            if depth > 0 && depth <= self.touched.len() {
                self.touched[depth - 1].join(touched);
            }
            if let Some(own) = self.frames.get_mut(depth) {
                let mut theirs = Frame::clone(theirs);
                theirs.map_spills(|t| *t = passed(*t, shallower));
                Rc::make_mut(own).take(&theirs, touched);
            }
        }
        for reg in Reg::caller_saved() {
            self.set_number(reg, Value::NUMBER);
        }
        self.regs[Reg::R0.index()] = passed(inside.regs[Reg::R0.index()], shallower);
    }
}

/// What is known of a value in another function, equal to nothing that is known there.
fn passed(tracked: Tracked, view: impl Fn(Value) -> Value) -> Tracked {
    Tracked { value: view(tracked.value), equal: 0, ..tracked }
}

/// A value as the called function sees it.
fn deeper(value: Value) -> Value {
    value.seen_from(|depth| depth.checked_add(1))
}

/// A value as the caller sees it. An address in the frame that is gone is of no use.
fn shallower(value: Value) -> Value {
    value.seen_from(|depth| depth.checked_sub(1))
}
