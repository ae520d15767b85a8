//! The records of .BTF.ext, by the instruction that they belong to.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::LiftError;
use super::code::Code;
use super::links::{Blocks, Recorded};
use crate::btf::{Btf, BtfExt, CoreRelo, FuncInfo, LineInfo, Record, Table};
use crate::elf::SectionIndex;

/// Section and slot of an instruction.
pub(super) type At = (SectionIndex, u32);

/// All records of code that the object has, and what each block is for.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub func_info: BTreeMap<At, Vec<Recorded<FuncInfo>>>,
    pub line_info: BTreeMap<At, Recorded<LineInfo>>,
    pub core_relo: BTreeMap<At, Recorded<CoreRelo>>,
    pub blocks: Blocks,
}

impl Records {
    pub fn read(codes: &[Code], btf: Option<(&Btf, &BtfExt)>) -> Result<Records, LiftError> {
        let mut records = Records::default();
        let Some((btf, ext)) = btf else { return Ok(records) };
        records.blocks = Blocks {
            func_info: blocks(codes, btf, &ext.func_info),
            line_info: blocks(codes, btf, &ext.line_info),
            core_relo: blocks(codes, btf, &ext.core_relo),
        };
        for_each(codes, &records.blocks.func_info, &ext.func_info, |at, block, record| {
            let info = Recorded { block, record, more: Vec::new() };
            records.func_info.entry(at).or_default().push(info);
        })?;
        for_each(codes, &records.blocks.line_info, &ext.line_info, |at, block, record| {
            insert(records.line_info.entry(at), block, record);
        })?;
        for_each(codes, &records.blocks.core_relo, &ext.core_relo, |at, block, record| {
            insert(records.core_relo.entry(at), block, record);
        })?;
        Ok(records)
    }
}

fn insert<R>(entry: Entry<'_, At, Recorded<R>>, block: usize, record: R) {
    match entry {
        Entry::Vacant(entry) => {
            entry.insert(Recorded { block, record, more: Vec::new() });
        }
        Entry::Occupied(mut entry) => entry.get_mut().more.push((block, record)),
    }
}

/// The section of each block: the first of its name, as libbpf's `elf_sec_by_name` finds it.
fn blocks<R>(codes: &[Code], btf: &Btf, table: &Table<R>) -> Vec<Option<SectionIndex>> {
    let section = |name: &str| codes.iter().find(|code| code.id.name == name);
    let blocks = table.blocks.iter();
    blocks.map(|block| Some(section(&btf.str_lossy(block.section))?.index)).collect()
}

fn for_each<R: Record + Clone>(
    codes: &[Code],
    sections: &[Option<SectionIndex>],
    table: &Table<R>,
    mut f: impl FnMut(At, usize, R),
) -> Result<(), LiftError> {
    for (number, (block, section)) in table.blocks.iter().zip(sections).enumerate() {
        let Some(code) = codes.iter().find(|code| Some(code.index) == *section) else { continue };
        for record in &block.records {
            let what = format!("a {} record of .BTF.ext", R::TABLE);
            let slot = code.head_at_byte(u64::from(record.insn_off()), &what)?;
            f((code.index, slot), number, record.clone());
        }
    }
    Ok(())
}
