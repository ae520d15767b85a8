//! The memory of a run, byte by byte.

use std::collections::BTreeMap;

use super::{ExternInput, FRAME_SIZE, Fault, Input, Place};
use crate::entity::Entity;
use crate::ir::Program;
use crate::isa::{Endian, Size};

/// Bytes of memory behind the address of a kernel object or of an unknown extern.
pub const OBJECT_SIZE: i64 = 4096;

/// A 64-bit hash, the same on every machine: FNV-1a over words, finished by the mixer of
/// SplitMix64.
#[derive(Clone, Copy)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) fn new(seed: u64) -> Hash {
        Hash(0xcbf2_9ce4_8422_2325).with(seed)
    }

    pub(super) fn with(self, word: u64) -> Hash {
        Hash((self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29))
    }

    pub(super) fn finish(self) -> u64 {
        let mut z = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The frame of one function: bytes are none until written.
struct Frame([Option<u8>; FRAME_SIZE]);

/// All memory of a run. What was written outside the frames lies over the input's bytes.
pub(super) struct Memory<'a> {
    program: &'a Program,
    input: &'a Input,
    frames: Vec<Frame>,
    written: BTreeMap<u64, u8>,
}

impl<'a> Memory<'a> {
    pub(super) fn new(program: &'a Program, input: &'a Input) -> Self {
        Self { program, input, frames: Vec::new(), written: BTreeMap::new() }
    }

    /// Makes a frame and returns its depth.
    pub(super) fn push_frame(&mut self) -> usize {
        self.frames.push(Frame([None; FRAME_SIZE]));
        self.frames.len() - 1
    }

    pub(super) fn pop_frame(&mut self) {
        self.frames.pop();
    }

    pub(super) fn depth(&self) -> usize {
        self.frames.len()
    }

    /// Whether `address` leads into a frame.
    pub(super) fn is_frame(address: u64) -> bool {
        matches!(Place::of(address), Some((Place::Frame(_), _)))
    }

    fn frame_byte(&self, depth: u32, offset: i64) -> Option<&Option<u8>> {
        let index = usize::try_from(offset + FRAME_SIZE as i64).ok()?;
        self.frames.get(depth as usize)?.0.get(index)
    }

    /// The byte at `address`; none if it is in a frame and not initialised.
    pub(super) fn peek(&self, address: u64) -> Result<Option<u8>, Fault> {
        let bad = Fault::BadAddress { address };
        let hashed = || Hash::new(self.input.seed).with(address).finish() as u8;
        let Some((place, offset)) = Place::of(address) else {
            return if self.input.kernel_memory { Ok(Some(hashed())) } else { Err(bad) };
        };
        if let Place::Frame(depth) = place {
            return self.frame_byte(depth, offset).copied().ok_or(bad);
        }
        let index = usize::try_from(offset).map_err(|_| bad)?;
        let given = |bytes: &[u8]| bytes.get(index).copied().ok_or(bad);
        let within = |size: i64| if offset < size { Ok(hashed()) } else { Err(bad) };
        let initial = match place {
            Place::Ctx => given(&self.input.ctx)?,
            Place::Region(region) => match self.input.regions.get(region as usize) {
                Some(bytes) => given(bytes)?,
                None => return Err(bad),
            },
            Place::Section(section) => given(self.input.section(section))?,
            Place::MapValue(map, _) => {
                within(self.input.map(map).map_or(OBJECT_SIZE, |map| map.value_size.into()))?
            }
            Place::Extern(ext) => match self.input.external(ext) {
                ExternInput::Absent => return Err(bad),
                ExternInput::Contents(bytes) => given(bytes)?,
                ExternInput::Unknown => within(OBJECT_SIZE)?,
            },
            Place::Object(_) => within(OBJECT_SIZE)?,
            Place::Frame(_) | Place::Map(_) | Place::Func(_) => return Err(bad),
        };
        Ok(Some(self.written.get(&address).copied().unwrap_or(initial)))
    }

    /// Writes the byte at `address`.
    pub(super) fn poke(&mut self, address: u64, byte: u8) -> Result<(), Fault> {
        let bad = Fault::BadAddress { address };
        let Some((place, offset)) = Place::of(address) else { return Err(bad) };
        if let Place::Frame(depth) = place {
            let index = usize::try_from(offset + FRAME_SIZE as i64).map_err(|_| bad)?;
            let frame = self.frames.get_mut(depth as usize).ok_or(bad)?;
            *frame.0.get_mut(index).ok_or(bad)? = Some(byte);
            return Ok(());
        }
        self.peek(address)?;
        let read_only = match place {
            Place::Section(section) => {
                self.program.sections.get(section).is_none_or(|s| s.read_only)
            }
            Place::Extern(_) => true,
            _ => false,
        };
        if read_only {
            return Err(Fault::ReadOnly { address });
        }
        self.written.insert(address, byte);
        Ok(())
    }

    /// The byte at `address`, which must be initialised.
    pub(super) fn byte(&self, address: u64) -> Result<u8, Fault> {
        self.peek(address)?.ok_or(Fault::UninitialisedFrame { address })
    }

    /// Checks that a store can be made, before any byte of it is.
    pub(super) fn check_write(&self, address: u64, size: Size) -> Result<(), Fault> {
        (0..u64::from(size.bytes())).try_for_each(|i| self.peek(address.wrapping_add(i)).map(drop))
    }

    /// Loads `size` bytes, zero-extended.
    pub(super) fn load(&self, address: u64, size: Size) -> Result<u64, Fault> {
        if let Some((Place::Ctx, offset)) = Place::of(address) {
            let typed = self.input.typed_loads.iter();
            let mut typed = typed.filter(|t| i64::from(t.offset) == offset && t.size == size);
            if let Some(load) = typed.next() {
                return Ok(load.value);
            }
        }
        let mut value = 0;
        for i in 0..u64::from(size.bytes()) {
            let byte = u64::from(self.byte(address.wrapping_add(i))?);
            value = match self.program.endian {
                Endian::Little => value | byte << (8 * i),
                Endian::Big => value << 8 | byte,
            };
        }
        Ok(value)
    }

    /// Stores the low `size` bytes of `value`.
    pub(super) fn store(&mut self, address: u64, size: Size, value: u64) -> Result<(), Fault> {
        self.check_write(address, size)?;
        let bytes = u64::from(size.bytes());
        for i in 0..bytes {
            let shift = match self.program.endian {
                Endian::Little => 8 * i,
                Endian::Big => 8 * (bytes - 1 - i),
            };
            self.poke(address.wrapping_add(i), (value >> shift) as u8)?;
        }
        Ok(())
    }

    /// The map that `address` names, if it names one.
    pub(super) fn map_at(&self, address: u64) -> Option<crate::entity::Map> {
        match Place::of(address)? {
            (Place::Map(map), 0) if map.index() < self.program.maps.len() => Some(map),
            _ => None,
        }
    }
}
