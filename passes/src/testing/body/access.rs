//! Statements that access memory.

use super::{Body, CTX_SIZE, reg, store};
use crate::entity::{Entity, Section};
use crate::interp::FRAME_SIZE;
use crate::ir::Op;
use crate::isa::{AluOp, AtomicOp, Imm64, Operand, Reg, Size, Width};
use crate::testing::state::{Pointer, State, Target, Value};

/// An access within bounds: address register, its displacement, and where that is.
struct Place {
    base: Reg,
    off: i16,
    target: Target,
    offset: i32,
}

impl Body<'_> {
    /// The lowest offset into a target, and one past the highest.
    pub(super) fn bounds(&self, target: Target) -> (i32, i32) {
        match target {
            Target::Frame => (-(FRAME_SIZE as i32), 0),
            Target::Lent(size) => (0, size as i32),
            Target::Ctx => (0, CTX_SIZE as i32),
            Target::Section(section) => {
                let len = self.program.sections.get(section).map_or(0, |data| data.bytes.len());
                (0, len as i32)
            }
            Target::Value(map) => (0, self.shape(map).1 as i32),
        }
    }

    fn is_writable(&self, target: Target) -> bool {
        match target {
            Target::Section(section) => {
                self.program.sections.get(section).is_some_and(|data| !data.read_only)
            }
            Target::Frame | Target::Lent(_) | Target::Value(_) | Target::Ctx => true,
        }
    }

    /// Puts a pointer into a register.
    pub(super) fn make_pointer(&mut self, dst: Reg, pointer: Pointer) {
        match pointer.target {
            Target::Frame => {
                self.mov(dst, Reg::FP);
                self.move_pointer(dst, pointer.offset);
            }
            Target::Section(section) => {
                let (low, high) = (pointer.offset.min(0), pointer.offset);
                let offset = low + self.c.below((high - low) as usize + 1) as i32;
                let imm = Imm64::Section { section, offset: offset.into() };
                self.emit(Op::LdImm64 { dst, imm });
                self.set(dst, Value::Pointer(Pointer { offset, ..pointer }));
                self.move_pointer(dst, pointer.offset);
            }
            Target::Lent(_) | Target::Value(_) | Target::Ctx => {
                let same = |value| matches!(value, Value::Pointer(p) if p.target == pointer.target);
                let sources = self.state.holding(same);
                debug_assert!(!sources.is_empty(), "{pointer:?} cannot be made");
                let src = self.c.pick(&sources);
                self.mov(dst, src);
                self.move_pointer(dst, pointer.offset);
            }
        }
    }

    /// Adds to the pointer in `dst` so that it has the offset.
    pub(super) fn move_pointer(&mut self, dst: Reg, offset: i32) {
        let Value::Pointer(pointer) = self.state.regs[dst.index()] else { return };
        let step = offset - pointer.offset;
        let width = Width::W64;
        if step < 0 && self.c.chance(1, 4) {
            self.emit(Op::Alu { width, op: AluOp::Sub, dst, src: Operand::Imm(-step) });
        } else if step != 0 || self.c.chance(1, 8) {
            self.emit(Op::Alu { width, op: AluOp::Add, dst, src: Operand::Imm(step) });
        }
        self.set(dst, Value::Pointer(Pointer { offset, ..pointer }));
    }

    /// An offset of `len` bytes in the frame, mostly near the frame pointer, where accesses
    /// overlap, at a multiple of 8 if `aligned`, else of the size of an access of `len` bytes: the
    /// verifier refuses other accesses to frames (`check_ptr_alignment`). None if the choice fell
    /// on locked bytes.
    pub(super) fn frame_place(&mut self, len: u32, aligned: bool) -> Option<i32> {
        let room = if self.c.chance(1, 8) { FRAME_SIZE } else { 64 };
        let offset = self.c.below(room - len as usize + 1) as i32 - room as i32;
        let offset = match len {
            _ if aligned => offset & -8,
            2 | 4 | 8 => offset & -(len as i32),
            _ => offset,
        };
        (!self.state.is_locked(offset, len)).then_some(offset)
    }

    fn place(&mut self, size: u32, writes: bool) -> Option<Place> {
        let mut bases = self.state.holding(|value| matches!(value, Value::Pointer(_)));
        if self.c.chance(1, 3) {
            bases = vec![Reg::FP];
        } else if self.c.chance(1, 4) {
            let dst = self.free_reg();
            let section = Section::from_index(self.c.below(self.program.sections.len()));
            self.make_pointer(dst, Pointer { target: Target::Section(section), offset: 0 });
            bases = vec![dst];
        }
        let base = self.c.pick(&bases);
        let Value::Pointer(Pointer { target, offset: start }) = self.state.regs[base.index()]
        else {
            return None;
        };
        let (low, high) = self.bounds(target);
        if high - low < size as i32 || writes && !self.is_writable(target) {
            return None;
        }
        let offset = match target {
            Target::Frame => {
                let aligned = self.c.chance(1, 2);
                self.frame_place(size, aligned && size <= 8)?
            }
            Target::Lent(_) => {
                (low + self.c.below((high - low) as usize - size as usize + 1) as i32)
                    & -(size as i32)
            }
            _ => low + self.c.below((high - low) as usize - size as usize + 1) as i32,
        };
        Some(Place { base, off: (offset - start) as i16, target, offset })
    }

    fn size(&mut self) -> Size {
        self.c.pick(&[Size::DW, Size::W, Size::H, Size::B])
    }

    fn stored(&mut self) -> Operand {
        if self.program.features.store_imm && self.c.chance(1, 3) {
            Operand::Imm(self.c.imm())
        } else {
            Operand::Reg(self.scalar())
        }
    }

    /// Writes the bytes of the frame that are not initialised yet, in pieces.
    pub(super) fn initialise(&mut self, offset: i32, len: u32) {
        let mut at = offset;
        let end = offset + len as i32;
        while at < end {
            if self.state.is_init(at, 1) {
                at += 1;
                continue;
            }
            let fits = |size: Size| {
                let bytes = size.bytes() as i32;
                at % bytes == 0 && at + bytes <= end && !self.state.is_locked(at, bytes as u32)
            };
            let sizes = [Size::DW, Size::W, Size::H, Size::B];
            let size = sizes.into_iter().find(|size| fits(*size)).unwrap_or(Size::B);
            let src = self.stored();
            self.emit(store(size, at, src));
            self.state.write_frame(at, size.bytes());
            at += size.bytes() as i32;
        }
    }

    pub(super) fn load(&mut self) {
        let size = self.size();
        let Some(place) = self.place(size.bytes(), false) else { return self.compute() };
        let Place { base, off, target, offset } = place;
        if target == Target::Frame && !self.state.is_init(offset, size.bytes()) {
            let src = self.stored_keeping(base);
            self.emit(Op::Store { size, base, off, src });
            self.state.write_frame(offset, size.bytes());
        }
        let dst = self.free_reg();
        let signed = self.program.features.v4 && size != Size::DW && self.c.chance(1, 4);
        let spilled = match target {
            Target::Frame if size == Size::DW && offset % 8 == 0 => {
                self.state.spilled[State::frame_range(offset, 8).start / 8]
            }
            _ => None,
        };
        if self.program.features.v4 && !signed && self.c.chance(1, 16) {
            self.emit(Op::LoadAcquire { size, dst, base, off });
            self.set(dst, Value::Scalar);
        } else {
            self.emit(Op::Load { size, signed, dst, base, off });
            self.set(dst, spilled.map_or(Value::Scalar, Value::Pointer));
        }
    }

    /// As [`Body::stored`], without losing the pointer in `base`.
    fn stored_keeping(&mut self, base: Reg) -> Operand {
        let locked = std::mem::replace(&mut self.state.locked_regs[base.index()], true);
        let src = self.stored();
        self.state.locked_regs[base.index()] = locked;
        src
    }

    pub(super) fn store(&mut self) {
        let size = self.size();
        let Some(place) = self.place(size.bytes(), true) else { return self.compute() };
        let Place { base, off, target, offset } = place;
        if self.program.features.v4 && self.c.chance(1, 16) {
            let Operand::Reg(src) = self.register_keeping(base) else { return };
            self.emit(Op::StoreRelease { size, base, off, src });
        } else {
            let src = self.stored_keeping(base);
            self.emit(Op::Store { size, base, off, src });
        }
        if target == Target::Frame {
            self.state.write_frame(offset, size.bytes());
        }
    }

    /// A store to memory that a caller lent.
    pub(super) fn store_to_caller(&mut self) {
        let lent = |value| match value {
            Value::Pointer(Pointer { target: Target::Lent(_), .. }) => true,
            Value::Nothing | Value::Scalar | Value::Pointer(_) => false,
        };
        let bases = self.state.holding(lent);
        if bases.is_empty() {
            return self.store();
        }
        let base = self.c.pick(&bases);
        if let Value::Pointer(pointer) = self.state.regs[base.index()] {
            let (low, high) = self.bounds(pointer.target);
            let (at, size) = self.piece(low, (high - low) as u32);
            let src = self.stored_keeping(base);
            self.emit(Op::Store { size, base, off: (at - pointer.offset) as i16, src });
        }
    }

    fn register_keeping(&mut self, base: Reg) -> Operand {
        let locked = std::mem::replace(&mut self.state.locked_regs[base.index()], true);
        let src = self.scalar();
        self.state.locked_regs[base.index()] = locked;
        Operand::Reg(src)
    }

    /// A piece of at most 8 bytes of frame memory, at a multiple of its size.
    fn piece(&mut self, offset: i32, len: u32) -> (i32, Size) {
        let sizes: Vec<Size> = [Size::B, Size::H, Size::W, Size::DW]
            .into_iter()
            .filter(|size| size.bytes() <= len)
            .collect();
        let size = self.c.pick(&sizes);
        let at = (offset + self.c.below((len - size.bytes()) as usize + 1) as i32)
            & -(size.bytes() as i32);
        if at < offset { (offset, Size::B) } else { (at, size) }
    }

    /// Stores a number to a piece of the frame that is not locked.
    pub(super) fn store_number(&mut self, offset: i32, len: u32) {
        let (at, size) = self.piece(offset, len);
        let src = self.free_reg();
        let value = self.c.number();
        self.mov_number(src, value);
        self.emit(store(size, at, Operand::Reg(src)));
        self.state.write_frame(at, size.bytes());
    }

    /// Loads a piece of the frame and shows it to the outside.
    pub(super) fn show_frame(&mut self, offset: i32, len: u32) {
        let (at, size) = self.piece(offset, len);
        let dst = self.free_reg();
        let off = at as i16;
        self.emit(Op::Load { size, signed: false, dst, base: Reg::FP, off });
        self.set(dst, Value::Scalar);
        self.show(dst);
    }

    /// Stores a register to writable data, where everybody sees it.
    pub(super) fn show(&mut self, src: Reg) {
        let writable = |section: &Section| {
            let data = self.program.sections.get(*section);
            data.is_some_and(|data| !data.read_only && data.bytes.len() >= 8)
        };
        let Some(section) = self.program.sections.keys().find(writable) else { return };
        let locked = std::mem::replace(&mut self.state.locked_regs[src.index()], true);
        let base = self.free_reg();
        self.state.locked_regs[src.index()] = locked;
        let offset = self.c.below(self.bounds(Target::Section(section)).1 as usize - 7) as i64;
        self.emit(Op::LdImm64 { dst: base, imm: Imm64::Section { section, offset } });
        self.emit(Op::Store { size: Size::DW, base, off: 0, src: Operand::Reg(src) });
        let target = Target::Section(section);
        self.set(base, Value::Pointer(Pointer { target, offset: offset as i32 }));
    }

    /// Spills a pointer.
    pub(super) fn spill(&mut self) {
        let Some(offset) = self.frame_place(8, true) else { return };
        let src = match self.c.below(3) {
            0 => {
                let dst = self.free_reg();
                let offset = -(8 * (1 + self.c.below(8)) as i32);
                self.make_pointer(dst, Pointer { target: Target::Frame, offset });
                dst
            }
            1 => {
                let dst = self.free_reg();
                let section = Section::from_index(0);
                let offset = self.c.below(self.bounds(Target::Section(section)).1 as usize) as i32;
                self.make_pointer(dst, Pointer { target: Target::Section(section), offset });
                dst
            }
            _ => {
                let pointers = self.state.holding(|value| matches!(value, Value::Pointer(_)));
                self.c.pick(&pointers)
            }
        };
        self.emit(store(Size::DW, offset, Operand::Reg(src)));
        self.state.write_frame(offset, 8);
        if let Value::Pointer(pointer) = self.state.regs[src.index()] {
            self.state.spilled[State::frame_range(offset, 8).start / 8] = Some(pointer);
        }
    }

    /// Fills a register with a spilled pointer.
    pub(super) fn fill(&mut self) {
        let slots = self.state.spilled.iter().enumerate();
        let slots: Vec<(usize, Pointer)> =
            slots.filter_map(|(slot, pointer)| Some((slot, (*pointer)?))).collect();
        if slots.is_empty() {
            return self.spill();
        }
        let (slot, pointer) = self.c.pick(&slots);
        let dst = self.free_reg();
        let off = (slot * 8) as i16 - FRAME_SIZE as i16;
        self.emit(Op::Load { size: Size::DW, signed: false, dst, base: Reg::FP, off });
        self.set(dst, Value::Pointer(pointer));
    }

    pub(super) fn atomic(&mut self) {
        let size = self.c.pick(&[Size::W, Size::DW]);
        let Some(Place { base, off, target, offset }) = self.place(size.bytes(), true) else {
            return self.compute();
        };
        if target == Target::Ctx {
            return;
        }
        if target == Target::Frame && !self.state.is_init(offset, size.bytes()) {
            let src = self.stored_keeping(base);
            self.emit(Op::Store { size, base, off, src });
            self.state.write_frame(offset, size.bytes());
        }
        let newer = self.program.features.jmp32;
        let fetch = newer && self.c.chance(1, 2);
        let op = match self.c.below(if newer { 6 } else { 1 }) {
            0 => AtomicOp::Add { fetch },
            1 => AtomicOp::Or { fetch },
            2 => AtomicOp::And { fetch },
            3 => AtomicOp::Xor { fetch },
            4 => AtomicOp::Xchg,
            _ => AtomicOp::Cmpxchg,
        };
        // Both `r0` and the operand can be overwritten; the base stays.
        let locked = std::mem::replace(&mut self.state.locked_regs[base.index()], true);
        let src = self.scalar_to_change();
        self.state.locked_regs[base.index()] = locked;
        if op == AtomicOp::Cmpxchg {
            if base == Reg::R0 {
                return;
            }
            if self.state.regs[0] != Value::Scalar {
                let value = self.c.number();
                self.mov_number(Reg::R0, value);
            }
        }
        self.emit(Op::Atomic { size, op, base, off, src });
        if target == Target::Frame {
            self.state.write_frame(offset, size.bytes());
        }
    }

    /// An access at an offset that only its bounds are known of.
    pub(super) fn variable_access(&mut self) {
        let index = self.scalar_to_change();
        let width = Width::W64;
        self.emit(Op::Alu { width, op: AluOp::And, dst: index, src: Operand::Imm(7) });
        self.state.locked_regs[index.index()] = true;
        let dst = self.free_reg();
        self.state.locked_regs[dst.index()] = true;
        let writes = self.c.chance(1, 2);
        if self.c.chance(1, 2) {
            if let Some(offset) = self.frame_place(8, false) {
                self.initialise(offset, 8);
                if self.c.chance(1, 2) {
                    self.store_number(offset, 8);
                }
                self.make_pointer(dst, Pointer { target: Target::Frame, offset });
                self.emit(Op::Alu { width, op: AluOp::Add, dst, src: Operand::Reg(index) });
                self.set(dst, Value::Nothing);
                if writes {
                    let src = self.stored();
                    self.emit(Op::Store { size: Size::B, base: dst, off: 0, src });
                    self.state.write_frame(offset, 8);
                    if self.c.chance(1, 2) {
                        self.show_frame(offset, 8);
                    }
                } else {
                    self.emit(Op::Load { size: Size::B, signed: false, dst, base: dst, off: 0 });
                    self.set(dst, Value::Scalar);
                }
            }
        } else {
            let section = Section::from_index(self.c.below(self.program.sections.len()));
            let target = Target::Section(section);
            let (_, high) = self.bounds(target);
            if high >= 8 {
                let offset = self.c.below(high as usize - 7) as i32;
                self.make_pointer(dst, Pointer { target, offset });
                self.emit(Op::Alu { width, op: AluOp::Add, dst, src: Operand::Reg(index) });
                self.emit(Op::Load { size: Size::B, signed: false, dst, base: dst, off: 0 });
                self.set(dst, Value::Scalar);
            }
        }
        self.state.locked_regs[index.index()] = false;
        self.state.locked_regs[dst.index()] = false;
    }

    /// A register that calls keep and that may be written.
    pub(super) fn saved_reg(&mut self) -> Option<Reg> {
        let free: Vec<Reg> =
            (6..=9).map(reg).filter(|reg| !self.state.locked_regs[reg.index()]).collect();
        (!free.is_empty()).then(|| self.c.pick(&free))
    }
}
