//! Entries of jump tables: where the blocks are now that they lead to.

use bpfold_passes::ir::{JumpTable, Program};
use bpfold_passes::isa::RawInsn;

use super::layout::Layout;
use crate::elf::{ElfObject, Endian, SectionData};
use crate::lift::links::{CodeAddress, Links, TableLink};

/// Rewrites an entry of a jump table. The entries of a function that is gone stay as they are:
/// the table goes with it.
///
/// A table that no `gotox` uses any more, and that code names all the same, leads where its
/// instructions are, or to the function's start if they are gone: kernels want each entry of a
/// table that is named at an instruction (`valid_offsets` of `kernel/bpf/bpf_insn_array.c`).
pub(super) fn move_entry(
    elf: &mut ElfObject,
    program: &Program,
    (links, layout): (&Links, &Layout),
    table: &TableLink,
    address: &CodeAddress,
) {
    let func = table.func;
    let Some(body) = layout.bodies.get(func).filter(|body| body.live) else { return };
    let entry = (address.offset - table.offset) / JumpTable::ENTRY as u64;
    let slot = match (listed(program, links, table), usize::try_from(entry)) {
        (Some(known), Ok(entry)) => {
            let block = known.targets.get(entry);
            body.start + block.and_then(|&block| body.blocks[block]).unwrap_or(0)
        }
        _ if layout.has(address.place) => layout.slot_of(address.place),
        _ => body.start,
    };
    let value = u64::from(slot) * RawInsn::SIZE as u64;
    let bytes = match elf.endian {
        Endian::Little => value.to_le_bytes(),
        Endian::Big => value.to_be_bytes(),
    };
    let section = elf.sections.get_mut(address.section);
    if let Some(SectionData::Bytes(data)) = section.map(|section| &mut section.data)
        && let Ok(start) = usize::try_from(address.offset)
        && let Some(old) = data.get_mut(start..).and_then(|rest| rest.first_chunk_mut::<8>())
    {
        *old = bytes;
    }
}

/// The table as the function has it, if a `gotox` uses it.
fn listed<'p>(program: &'p Program, links: &Links, link: &TableLink) -> Option<&'p JumpTable> {
    let tables = program.funcs.get(link.func)?.tables();
    let is_it = |table: &&JumpTable| {
        let section = links.sections.get(table.section).map(|section| section.index);
        section == Some(link.section) && u64::try_from(table.offset) == Ok(link.offset)
    };
    tables.iter().find(is_it)
}
