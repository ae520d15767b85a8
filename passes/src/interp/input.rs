//! What a run is given: arguments, contents of memory, and the seed of everything else.

use super::Place;
use super::memory::Hash;
use crate::entity::{Entity, Extern, Map, Section};
use crate::ir::{ExternValue, Program};
use crate::isa::Size;

/// Sizes of a map, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapShape {
    /// Of a key.
    pub key_size: u32,
    /// Of a value.
    pub value_size: u32,
}

/// What an undefined symbol stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternInput {
    /// Nothing: its address is 0.
    Absent,
    /// Memory with these bytes.
    Contents(Vec<u8>),
    /// Memory whose bytes come from the hash.
    Unknown,
}

/// A load from the context that gives an address, as the verifier makes it of `data` and
/// `data_end` of a packet's context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypedLoad {
    /// Bytes from the context's start.
    pub offset: u32,
    /// Size of the load.
    pub size: Size,
    /// What the load gives: see [`Place::address`].
    pub value: u64,
}

/// What a run is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The seed of what helpers give back and of memory that nobody set.
    pub seed: u64,
    /// The values of `r1` and on at the start.
    pub args: Vec<u64>,
    /// The bytes of the context.
    pub ctx: Vec<u8>,
    /// Loads from the context that do not give its bytes.
    pub typed_loads: Vec<TypedLoad>,
    /// The bytes of further regions: packet data and the like ([`Place::Region`]).
    pub regions: Vec<Vec<u8>>,
    /// The bytes of each data section.
    pub sections: Vec<Vec<u8>>,
    /// What each undefined symbol stands for; unknown beyond the list.
    pub externs: Vec<ExternInput>,
    /// The sizes of each map; unknown beyond the list. A key or value of unknown size is as
    /// many initialised bytes as there are, at most 64.
    pub maps: Vec<MapShape>,
    /// How often `may_goto` falls through in one run of a function.
    pub may_goto: u32,
    /// Whether loads from numbers that are no address of ours succeed, as loads through
    /// BTF pointers do in tracing programs, instead of being a fault.
    pub kernel_memory: bool,
}

impl Input {
    /// An input for an entry program: a context of 256 bytes, and memory filled from `seed`.
    /// The final bits of read-only sections are the program's own; all others are open.
    pub fn random(program: &Program, seed: u64) -> Input {
        let bytes = |what: u64, len: usize| -> Vec<u8> {
            (0..len).map(|i| Hash::new(seed).with(what).with(i as u64).finish() as u8).collect()
        };
        let sections = program.sections.iter().map(|(id, section)| {
            let open = bytes(0x5ec0_0000 + id.index() as u64, section.bytes.len());
            let as_stored = !section.read_only && seed.is_multiple_of(2);
            let final_bits = |i: usize| match (as_stored, section.read_only) {
                (true, _) => 0xff,
                (false, true) => section.final_bits.get(i).copied().unwrap_or(0),
                (false, false) => 0,
            };
            let stored = section.bytes.iter().zip(open).enumerate();
            stored.map(|(i, (b, open))| b & final_bits(i) | open & !final_bits(i)).collect()
        });
        let externs = program.externs.iter().map(|(id, ext)| match &ext.value {
            Some(ExternValue::Absent) => ExternInput::Absent,
            Some(ExternValue::Present) => ExternInput::Unknown,
            Some(ExternValue::Contents(bytes)) => ExternInput::Contents(bytes.clone()),
            None => match Hash::new(seed).with(0xe71).with(id.index() as u64).finish() % 4 {
                0 => ExternInput::Absent,
                _ => ExternInput::Unknown,
            },
        });
        Input {
            seed,
            args: vec![Place::Ctx.address(0)],
            ctx: bytes(0xc0de, 256),
            typed_loads: Vec::new(),
            regions: Vec::new(),
            sections: sections.collect(),
            externs: externs.collect(),
            maps: Vec::new(),
            may_goto: (seed % 8) as u32,
            kernel_memory: false,
        }
    }

    /// The sizes of a map, if they are known.
    pub fn map(&self, map: Map) -> Option<MapShape> {
        self.maps.get(map.index()).copied()
    }

    /// The bytes of a section.
    pub(super) fn section(&self, section: Section) -> &[u8] {
        self.sections.get(section.index()).map_or(&[], Vec::as_slice)
    }

    /// What an undefined symbol stands for.
    pub(super) fn external(&self, ext: Extern) -> &ExternInput {
        self.externs.get(ext.index()).unwrap_or(&ExternInput::Unknown)
    }
}
