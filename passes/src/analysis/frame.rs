//! The 512 bytes of a frame as 64 slots of 8 bytes.
//!
//! Lattice of a slot: bytes, each known or unknown, none part of an address · a value
//! spilled whole ⊏ anything. Join: bytes that agree stay known; spilled values join as
//! values; bytes against a spilled value give the join with what the bytes are as a number.
//! Offsets are bytes from the top of the frame (`r10`), -512 to -1.

use std::rc::Rc;

use crate::analysis::kind::Kind;
use crate::analysis::number::Number;
use crate::analysis::value::Value;
use crate::isa::{Endian, Size};

/// Bytes of a frame (`MAX_BPF_STACK` of the kernel).
pub const FRAME_SIZE: i64 = 512;
const SLOTS: usize = FRAME_SIZE as usize / 8;
/// Slots that are shared between states as one.
const GROUP: usize = 8;

/// Values that are known to be equal have the same number; 0 is none.
pub type Equal = u32;

/// A value with what it is known to be equal to, and how much of that verifiers know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// The value.
    pub value: Value,
    /// What it is known to be equal to.
    pub equal: Equal,
    /// Whether some verifiers know less of it (see [`Number::exclude`]).
    pub unsure: bool,
    /// What the verifier takes it for.
    pub kind: Kind,
}

impl Tracked {
    /// A value equal to nothing that is known.
    pub fn new(value: Value, kind: Kind) -> Tracked {
        Tracked { value, equal: 0, unsure: false, kind }
    }

    /// A number equal to nothing that is known.
    fn number(number: Number) -> Tracked {
        Tracked::new(Value::Number(number), Kind::Number)
    }

    /// The number, if it can be only one and every verifier takes it for one.
    fn as_constant(&self) -> Option<u64> {
        self.value.as_constant().filter(|_| self.kind.is_number())
    }

    /// The join of both.
    pub fn join(&self, other: &Tracked, widen: bool) -> Tracked {
        Tracked {
            value: self.value.join(&other.value, widen),
            equal: if self.equal == other.equal { self.equal } else { 0 },
            unsure: self.unsure || other.unsure,
            kind: self.kind.join(other.kind),
        }
    }
}

/// What 8 aligned bytes of a frame hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// A value that was stored as 8 bytes and is not a constant.
    Spill(Tracked),
    /// Bytes in the order of memory; bit `i` of `known` says that byte `i` is known.
    Bytes { bytes: [u8; 8], known: u8 },
}

const UNKNOWN: Slot = Slot::Bytes { bytes: [0; 8], known: 0 };

impl Slot {
    /// The slot as one value.
    fn value(&self, endian: Endian) -> Tracked {
        match self {
            Slot::Spill(tracked) => *tracked,
            Slot::Bytes { bytes, known } => {
                Tracked::number(number(bytes, *known, Size::DW, endian))
            }
        }
    }

    fn join(&self, other: &Slot, widen: bool, endian: Endian) -> Slot {
        if self == other {
            return *self;
        }
        match (self, other) {
            (Slot::Bytes { bytes: a, known: ka }, Slot::Bytes { bytes: b, known: kb }) => {
                let agree = (0..8).filter(|&i| a[i] == b[i]).fold(0, |m, i| m | 1 << i);
                Slot::bytes(*a, ka & kb & agree)
            }
            _ => Slot::Spill(self.value(endian).join(&other.value(endian), widen)),
        }
    }

    /// Unknown bytes are zero, so that equal knowledge compares equal.
    fn bytes(mut bytes: [u8; 8], known: u8) -> Slot {
        for (i, byte) in bytes.iter_mut().enumerate() {
            if known & (1 << i) == 0 {
                *byte = 0;
            }
        }
        Slot::Bytes { bytes, known }
    }

    /// The slot's known bytes; a spilled value that is overwritten in part has none.
    fn as_bytes(&self) -> ([u8; 8], u8) {
        match self {
            Slot::Spill(_) => ([0; 8], 0),
            Slot::Bytes { bytes, known } => (*bytes, *known),
        }
    }
}

/// The first `size` of `bytes` as a number. One unknown byte makes all of it unknown, as in
/// the verifier (`mark_reg_stack_read`).
fn number(bytes: &[u8], known: u8, size: Size, endian: Endian) -> Number {
    let bytes = bytes.get(..size.bytes() as usize).unwrap_or_default();
    if known.count_ones() < size.bytes() {
        return Number::zero_extended(size);
    }
    let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    Number::constant(match endian {
        Endian::Little => bytes.iter().rev().fold(0, push),
        Endian::Big => bytes.iter().fold(0, push),
    })
}

/// Bytes of a frame as a bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameBytes([u8; SLOTS]);

impl FrameBytes {
    /// No byte.
    pub const NONE: FrameBytes = FrameBytes([0; SLOTS]);
    /// Every byte.
    pub const ALL: FrameBytes = FrameBytes([0xff; SLOTS]);

    /// Adds `len` bytes from `offset` on, as far as they are in the frame.
    pub fn add(&mut self, offset: i64, len: i64) {
        for (slot, mask) in covered(offset, len) {
            self.0[slot] |= mask;
        }
    }

    /// Removes `len` bytes from `offset` on, as far as they are in the frame.
    pub fn remove(&mut self, offset: i64, len: i64) {
        for (slot, mask) in covered(offset, len) {
            self.0[slot] &= !mask;
        }
    }

    /// Whether any of `len` bytes from `offset` on is in the set.
    pub fn intersects(&self, offset: i64, len: i64) -> bool {
        covered(offset, len).any(|(slot, mask)| self.0[slot] & mask != 0)
    }

    /// Adds the bytes of `other` and says whether that changed anything.
    pub fn join(&mut self, other: &FrameBytes) -> bool {
        let before = *self;
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a |= b;
        }
        *self != before
    }
}

/// The slots that `len` bytes from `offset` on touch, each with a bit per byte.
fn covered(offset: i64, len: i64) -> impl Iterator<Item = (usize, u8)> {
    let start = offset.saturating_add(FRAME_SIZE).clamp(0, FRAME_SIZE);
    let end = offset.saturating_add(len).saturating_add(FRAME_SIZE).clamp(start, FRAME_SIZE);
    (start / 8..(end + 7) / 8).map(move |slot| {
        let mask = (0..8)
            .filter(|i| (start..end).contains(&(slot * 8 + i)))
            .fold(0u8, |mask, i| mask | 1 << i);
        (slot as usize, mask)
    })
}

/// The 512 bytes of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The slots from the lowest address on, shared in groups: states differ in few of them.
    groups: [Rc<[Slot; GROUP]>; SLOTS / GROUP],
    /// Whether some spilled value can be known to be equal to another.
    equalities: bool,
}

impl Frame {
    /// A frame of which nothing is known, and that holds no address.
    pub fn new() -> Frame {
        Frame::filled(UNKNOWN)
    }

    fn filled(slot: Slot) -> Frame {
        let group = Rc::new([slot; GROUP]);
        Frame { groups: std::array::from_fn(|_| Rc::clone(&group)), equalities: false }
    }

    fn slot(&self, slot: usize) -> &Slot {
        &self.groups[slot / GROUP][slot % GROUP]
    }

    fn set_slot(&mut self, slot: usize, value: Slot) {
        if *self.slot(slot) != value {
            Rc::make_mut(&mut self.groups[slot / GROUP])[slot % GROUP] = value;
        }
    }

    /// A frame that can hold anything.
    pub fn new_unknown() -> Frame {
        let mut frame = Frame::new();
        frame.clobber_all();
        frame
    }

    /// Joins `other` into this frame and says whether that changed anything.
    pub fn join(&mut self, other: &Frame, widen: bool, endian: Endian) -> bool {
        let mut changed = false;
        self.equalities |= other.equalities;
        for (a, b) in self.groups.iter_mut().zip(&other.groups) {
            if Rc::ptr_eq(a, b) || a == b {
                continue;
            }
            let joined: [Slot; GROUP] = std::array::from_fn(|i| a[i].join(&b[i], widen, endian));
            if joined == **b {
                *a = Rc::clone(b);
                changed = true;
            } else if joined != **a {
                *a = Rc::new(joined);
                changed = true;
            }
        }
        changed
    }

    /// The value of `size` bytes at `offset`, zero-extended.
    pub fn load(&self, offset: i64, size: Size, endian: Endian) -> Tracked {
        let unknown = match size {
            Size::DW => Tracked::new(Value::ANY, Kind::Unknown),
            _ => Tracked::number(Number::zero_extended(size)),
        };
        let Ok(start) = usize::try_from(offset.saturating_add(FRAME_SIZE)) else {
            return unknown;
        };
        let len = size.bytes() as usize;
        if start + len > FRAME_SIZE as usize {
            return unknown;
        }
        if let (0, Size::DW) = (start % 8, size) {
            return self.slot(start / 8).value(endian);
        }
        let (mut bytes, mut known) = ([0; 8], 0);
        for i in 0..len {
            let (from, mask) = self.slot((start + i) / 8).as_bytes();
            if mask & (1 << ((start + i) % 8)) != 0 {
                bytes[i] = from[(start + i) % 8];
                known |= 1 << i;
            }
        }
        let mut loaded = number(&bytes, known, size, endian);
        let low_end = match endian {
            Endian::Little => start % 8 == 0,
            Endian::Big => (start + len).is_multiple_of(8),
        };
        if let Slot::Spill(Tracked { value: Value::Number(n), .. }) = self.slot(start / 8)
            && low_end
        {
            // Verifiers before 6.9 know nothing of part of a spilled range.
            let low = n.zero_extend(size).as_constant();
            loaded = low.map_or(loaded, Number::constant);
        }
        Tracked::number(loaded)
    }

    /// Stores the low `size` bytes of a value at `offset`.
    pub fn store(&mut self, offset: i64, size: Size, stored: Tracked, endian: Endian) {
        if offset < -FRAME_SIZE || offset.saturating_add(size.bytes().into()) > 0 {
            return self.clobber(offset, size.bytes().into(), stored.kind);
        }
        let aligned = offset % 8 == 0 && size == Size::DW;
        let constant = match aligned {
            true => stored.as_constant(),
            false => stored.value.as_constant(),
        };
        if aligned && constant.is_none() {
            if let Some((slot, _)) = covered(offset, 8).next() {
                self.set_slot(slot, Slot::Spill(stored));
                self.equalities |= stored.equal != 0;
            }
            return;
        }
        let bytes = constant.map(|value| match endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => (value << (64 - size.bits())).to_be_bytes(),
        });
        let mut at = 0;
        for (slot, mask) in covered(offset, size.bytes().into()) {
            let (mut held, mut known) = self.slot(slot).as_bytes();
            for i in (0..8).filter(|i| mask & (1 << i) != 0) {
                known &= !(1 << i);
                if let Some(byte) = bytes.and_then(|b| b.get(at).copied()) {
                    held[i] = byte;
                    known |= 1 << i;
                }
                at += 1;
            }
            self.set_slot(slot, Slot::bytes(held, known));
        }
    }

    /// Forgets `len` bytes from `offset` on: some of them may have been overwritten by a value
    /// of this kind that is no address in a frame. An address that was spilled there may still
    /// be there.
    pub fn clobber(&mut self, offset: i64, len: i64, kind: Kind) {
        let content = Tracked::new(Value::NUMBER, kind);
        for (slot, mask) in covered(offset, len) {
            let old = *self.slot(slot);
            let (bytes, known) = old.as_bytes();
            let is_address =
                |t: &Tracked| !t.kind.is_number() || t.value.may_be_frame() || t.value.may_be_ctx();
            let new = match old {
                Slot::Spill(t) if is_address(&t) => Slot::Spill(t.join(&content, false)),
                _ if !kind.is_number() => Slot::Spill(content),
                Slot::Spill(_) | Slot::Bytes { .. } => Slot::bytes(bytes, known & !mask),
            };
            self.set_slot(slot, new);
        }
    }

    /// Forgets everything; what is there now can be anything.
    pub fn clobber_all(&mut self) {
        *self = Frame::filled(Slot::Spill(Tracked::new(Value::ANY, Kind::Unknown)));
    }

    /// Takes the bytes of `touched` from `other`.
    pub fn take(&mut self, other: &Frame, touched: &FrameBytes) {
        self.equalities |= other.equalities;
        for (slot, &mask) in touched.0.iter().enumerate() {
            let spilled = mask != 0 && matches!(other.slot(slot), Slot::Spill(_));
            if mask == 0xff || spilled {
                self.set_slot(slot, *other.slot(slot));
            } else if mask != 0 {
                let (mut bytes, mut known) = self.slot(slot).as_bytes();
                let (new, new_known) = other.slot(slot).as_bytes();
                for i in (0..8).filter(|i| mask & (1 << i) != 0) {
                    bytes[i] = new[i];
                    known = (known & !(1 << i)) | (new_known & (1 << i));
                }
                self.set_slot(slot, Slot::bytes(bytes, known));
            }
        }
    }

    /// Whether some slot can hold a frame address.
    pub fn holds_frame_address(&self) -> bool {
        let mut slots = self.groups.iter().flat_map(|group| group.iter());
        slots.any(|s| matches!(s, Slot::Spill(t) if t.value.may_be_frame()))
    }

    /// Whether some spilled value can be known to be equal to another.
    pub fn has_equalities(&self) -> bool {
        self.equalities
    }

    /// Changes every spilled value.
    pub fn map_spills(&mut self, mut f: impl FnMut(&mut Tracked)) {
        for slot in 0..SLOTS {
            if let Slot::Spill(mut tracked) = *self.slot(slot) {
                f(&mut tracked);
                self.set_slot(slot, Slot::Spill(tracked));
            }
        }
    }
}

impl Default for Frame {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LE: Endian = Endian::Little;
    const BE: Endian = Endian::Big;

    fn constant(value: u64) -> Tracked {
        Tracked::number(Number::constant(value))
    }

    #[test]
    fn overlapping_stores_follow_the_byte_order() {
        for (endian, expected) in [(LE, 0x5566_7799), (BE, 0x5566_9988)] {
            let mut frame = Frame::new();
            frame.store(-8, Size::DW, constant(0x1122_3344_5566_7788), endian);
            let low = if endian == LE { -8 } else { -4 };
            frame.store(low + i64::from(endian == BE) * 2, Size::B, constant(0x99), endian);
            let loaded = frame.load(low, Size::W, endian).value.as_constant();
            assert_eq!(loaded, Some(expected), "{endian:?}");
        }
    }

    #[test]
    fn partial_overwrite_of_a_spill_forgets_it() {
        let mut frame = Frame::new();
        let address = Value::Frame { depth: 0, offset: Some(-8) };
        frame.store(-16, Size::DW, Tracked::new(address, Kind::Unknown), LE);
        frame.store(-16, Size::B, constant(0), LE);
        assert_eq!(frame.load(-16, Size::DW, LE).value.as_constant(), None);
        assert!(!frame.holds_frame_address());
        assert_eq!(frame.load(-16, Size::B, LE).value.as_constant(), Some(0));
    }

    #[test]
    fn joins_keep_what_agrees() {
        let (mut a, mut b) = (Frame::new(), Frame::new());
        a.store(-8, Size::W, constant(1), LE);
        b.store(-8, Size::W, constant(1), LE);
        a.store(-4, Size::W, constant(2), LE);
        b.store(-4, Size::W, constant(3), LE);
        assert!(a.join(&b, false, LE));
        assert_eq!(a.load(-8, Size::W, LE).value.as_constant(), Some(1));
        assert_eq!(a.load(-4, Size::W, LE).value.as_constant(), None);
        assert!(!a.join(&b, false, LE));
    }

    #[test]
    fn outside_the_frame_nothing_is_known() {
        let mut frame = Frame::new();
        frame.store(0, Size::DW, constant(1), LE);
        frame.store(-516, Size::DW, constant(u64::MAX), LE);
        assert_eq!(frame.load(-4, Size::DW, LE).value, Value::ANY);
        assert_eq!(frame.load(-520, Size::DW, LE).value, Value::ANY);
        assert_eq!(frame.load(-512, Size::W, LE).value.as_constant(), None);
    }

    #[test]
    fn clobber_hits_exactly_its_bytes() {
        let mut frame = Frame::new();
        frame.store(-16, Size::DW, constant(0x0101_0101_0101_0101), LE);
        frame.store(-8, Size::DW, constant(0x0202_0202_0202_0202), LE);
        frame.clobber(-10, 4, Kind::Number);
        assert_eq!(frame.load(-16, Size::W, LE).value.as_constant(), Some(0x0101_0101));
        assert_eq!(frame.load(-12, Size::H, LE).value.as_constant(), Some(0x0101));
        assert_eq!(frame.load(-10, Size::B, LE).value.as_constant(), None);
        assert_eq!(frame.load(-7, Size::B, LE).value.as_constant(), None);
        assert_eq!(frame.load(-6, Size::H, LE).value.as_constant(), Some(0x0202));
    }
}
