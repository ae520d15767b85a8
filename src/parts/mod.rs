//! The parts of an object that can be there or not: functions, maps, data sections and externs.

mod maps;
mod named;

use bpfold_passes::entity::Func;
use bpfold_passes::ir::{Function, Op};

use crate::elf::{Section, SectionData, SectionIndex, SectionKind, SymbolIndex};
use crate::lift::is_map_section;
use crate::sections::is_stale_with_code;
pub use maps::TailMap;
pub(crate) use maps::{MapDef, MapId, Maps};
pub(crate) use named::{all_programs, functions, matches, programs};

/// A part of the object that can be there or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    /// A program or subprogram.
    Func(Func),
    /// A map.
    Map(MapId),
    /// A section of data.
    Data(SectionIndex),
    /// An undefined symbol.
    Extern(SymbolIndex),
}

/// Whether a section holds data that is there for the code or other data that names it. Loaders
/// read `license` and `version` themselves, also where code names them too.
pub(crate) fn is_data(section: &Section) -> bool {
    if section.name == b"license" || section.name == b"version" {
        return false;
    }
    let kind = matches!(section.kind, SectionKind::ProgBits | SectionKind::NoBits);
    let data = matches!(section.data, SectionData::Bytes(_) | SectionData::NoBits(_));
    let known = kind && data && section.is_alloc() && !section.is_code();
    known && !is_map_section(&section.name) && !is_stale_with_code(section)
}

/// Whether loaders make a map of a section because of its name (libbpf's
/// `bpf_object__elf_collect`).
pub(crate) fn is_data_map(section: &Section) -> bool {
    let name = section.name.as_slice();
    let kinds: [&[u8]; 3] = [b".data", b".rodata", b".bss"];
    is_data(section)
        && kinds.iter().any(|kind| {
            name.strip_prefix(*kind).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"."))
        })
}

/// The instructions of a function, opaque or not, without their jump targets.
pub(crate) fn ops(func: &Function) -> Box<dyn Iterator<Item = Op> + '_> {
    use bpfold_passes::entity::{Block, Entity};
    match &func.opaque {
        Some(body) => Box::new(
            body.items
                .iter()
                .filter_map(|item| item.op)
                .map(|op| op.map_target(|_| Block::from_index(0))),
        ),
        None => Box::new(func.insts().map(|(_, inst)| *func.op(inst))),
    }
}
