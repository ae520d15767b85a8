//! What the generator knows at a point of a function, as the verifier would.

use super::choices::Choices;
use crate::entity::{Map, Section};
use crate::interp::FRAME_SIZE;
use crate::isa::Reg;

/// What a pointer points into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The function's own frame; offset 0 is the frame pointer.
    Frame,
    /// Initialised memory of a caller, of so many bytes.
    Lent(u32),
    /// A data section.
    Section(Section),
    /// A value of a map.
    Value(Map),
    /// The context.
    Ctx,
}

/// A pointer that is not null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    pub(super) target: Target,
    pub(super) offset: i32,
}

/// What a register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing that may be read.
    Nothing,
    Scalar,
    Pointer(Pointer),
}

/// Registers and frame.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) regs: [Value; Reg::COUNT],
    /// Registers that must not be written: loop counters, arguments set up so far.
    pub(super) locked_regs: [bool; Reg::COUNT],
    /// Frame bytes from the lowest address up.
    pub(super) init: [bool; FRAME_SIZE],
    /// Frame bytes that must not be written.
    pub(super) locked: [bool; FRAME_SIZE],
    /// Pointers spilled to aligned 8-byte slots, from the lowest address up.
    pub(super) spilled: [Option<Pointer>; FRAME_SIZE / 8],
}

impl State {
    pub(super) fn new() -> State {
        let mut regs = [Value::Nothing; Reg::COUNT];
        let frame = Pointer { target: Target::Frame, offset: 0 };
        regs[Reg::FP.index()] = Value::Pointer(frame);
        let mut locked_regs = [false; Reg::COUNT];
        locked_regs[Reg::FP.index()] = true;
        State {
            regs,
            locked_regs,
            init: [false; FRAME_SIZE],
            locked: [false; FRAME_SIZE],
            spilled: [None; FRAME_SIZE / 8],
        }
    }

    /// The bytes of the frame at `offset` (negative) as indices.
    pub(super) fn frame_range(offset: i32, len: u32) -> std::ops::Range<usize> {
        let start = (FRAME_SIZE as i32 + offset) as usize;
        start..start + len as usize
    }

    pub(super) fn is_init(&self, offset: i32, len: u32) -> bool {
        self.init[Self::frame_range(offset, len)].iter().all(|init| *init)
    }

    pub(super) fn is_locked(&self, offset: i32, len: u32) -> bool {
        self.locked[Self::frame_range(offset, len)].iter().any(|locked| *locked)
    }

    /// Notes that frame bytes were written with something that is no whole pointer.
    pub(super) fn write_frame(&mut self, offset: i32, len: u32) {
        let range = Self::frame_range(offset, len);
        self.init[range.clone()].fill(true);
        for slot in range.start / 8..range.end.div_ceil(8) {
            self.spilled[slot] = None;
        }
    }

    /// Forgets what the callers of `r1` to `r5` cannot rely on after a call.
    pub(super) fn after_call(&mut self, result: Value) {
        for reg in Reg::caller_saved() {
            self.regs[reg.index()] = Value::Nothing;
            self.locked_regs[reg.index()] = false;
        }
        self.regs[Reg::R0.index()] = result;
    }

    /// Keeps what holds in both states: the state where two ways meet.
    pub(super) fn join(&mut self, other: &State) {
        for (value, with) in self.regs.iter_mut().zip(&other.regs) {
            if value != with {
                *value = Value::Nothing;
            }
        }
        for (init, with) in self.init.iter_mut().zip(&other.init) {
            *init &= with;
        }
        for (slot, with) in self.spilled.iter_mut().zip(&other.spilled) {
            if slot != with {
                *slot = None;
            }
        }
    }

    /// The registers whose value `wanted` accepts.
    pub(super) fn holding(&self, wanted: impl Fn(Value) -> bool) -> Vec<Reg> {
        Reg::all().filter(|reg| wanted(self.regs[reg.index()])).collect()
    }

    /// A register that may be written.
    pub(super) fn free_reg(&self, choices: &mut Choices) -> Reg {
        let free: Vec<Reg> = Reg::all().filter(|reg| !self.locked_regs[reg.index()]).collect();
        choices.pick(&free)
    }
}
