//! Addresses: 64-bit numbers that name a region and an offset in it.
//!
//! The top byte says what kind of region, the next 24 bits which one, and the low 32 bits
//! the offset, biased so that a small step below offset 0 stays in the region's numbers.

use std::fmt;

use crate::entity::{Entity, Extern, Func, Map, Section};

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The program's context.
    Ctx,
    /// A region that the input hands in: packet data and the like.
    Region(u32),
    /// A data section.
    Section(Section),
    /// The frame of the function at this depth, 0 being the entry. Offset 0 is the frame
    /// pointer.
    Frame(u32),
    /// A map.
    Map(Map),
    /// A value of a map, by the number of its slot (0 to 15).
    MapValue(Map, u32),
    /// A function.
    Func(Func),
    /// What an undefined symbol stands for.
    Extern(Extern),
    /// An object of the kernel, or memory that a helper handed out, by the number of the
    /// call that made it.
    Object(u32),
}

const BIAS: u64 = 1 << 31;
const SLOTS: u32 = 16;

impl Place {
    /// The number of the address `offset` bytes into the place.
    pub fn address(self, offset: i64) -> u64 {
        let (kind, index) = match self {
            Place::Ctx => (0xb0, 0),
            Place::Region(index) => (0xb1, index),
            Place::Section(section) => (0xb2, section.index() as u32),
            Place::Frame(depth) => (0xb3, depth),
            Place::Map(map) => (0xb4, map.index() as u32),
            Place::MapValue(map, slot) => (0xb5, map.index() as u32 * SLOTS + slot % SLOTS),
            Place::Func(func) => (0xb6, func.index() as u32),
            Place::Extern(ext) => (0xb7, ext.index() as u32),
            Place::Object(call) => (0xb8, call),
        };
        let base = kind << 56 | u64::from(index & 0xff_ffff) << 32 | BIAS;
        base.wrapping_add(offset as u64)
    }

    /// Where `address` leads, and the offset there; none if it is just a number.
    pub fn of(address: u64) -> Option<(Place, i64)> {
        let index = (address >> 32) as u32 & 0xff_ffff;
        let entity = index as usize;
        let place = match address >> 56 {
            0xb0 if index == 0 => Place::Ctx,
            0xb1 => Place::Region(index),
            0xb2 => Place::Section(Section::from_index(entity)),
            0xb3 => Place::Frame(index),
            0xb4 => Place::Map(Map::from_index(entity)),
            0xb5 => Place::MapValue(Map::from_index(entity / SLOTS as usize), index % SLOTS),
            0xb6 => Place::Func(Func::from_index(entity)),
            0xb7 => Place::Extern(Extern::from_index(entity)),
            0xb8 => Place::Object(index),
            _ => return None,
        };
        Some((place, (address & 0xffff_ffff) as i64 - BIAS as i64))
    }

    /// Writes a value the way a reader wants it: as an address if it is one.
    pub(super) fn write(f: &mut fmt::Formatter<'_>, value: u64) -> fmt::Result {
        match Place::of(value) {
            Some((place, offset)) => write!(f, "{place}{offset:+}"),
            None => write!(f, "{value:#x}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Ctx => write!(f, "ctx"),
            Place::Region(index) => write!(f, "region{index}"),
            Place::Section(section) => write!(f, "{section}"),
            Place::Frame(depth) => write!(f, "frame{depth}"),
            Place::Map(map) => write!(f, "{map}"),
            Place::MapValue(map, slot) => write!(f, "{map}[{slot}]"),
            Place::Func(func) => write!(f, "{func}"),
            Place::Extern(ext) => write!(f, "{ext}"),
            Place::Object(call) => write!(f, "object{call}"),
        }
    }
}
