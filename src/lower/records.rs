//! The records of .BTF.ext for code that has moved.
//!
//! The kernel asks of line_info that offsets rise strictly and that the first instruction of
//! each subprogram has a record (`check_btf_line` of kernel/bpf/verifier.c).

use bpfold_passes::entity::{Func, Line};
use bpfold_passes::ir::Program;
use bpfold_passes::isa::RawInsn;

use super::layout::{Body, Layout};
use crate::btf::{BtfExt, CoreRelo, FuncInfo, LineInfo, Table};
use crate::elf::SectionIndex;
use crate::lift::links::{Links, Recorded};

/// The records of `ext` with those of the lifted sections replaced by new ones.
pub(super) fn rebuild(ext: &BtfExt, links: &Links, original: &Program, layout: &Layout) -> BtfExt {
    let mut new = ext.clone();
    clear(&mut new.func_info, &links.blocks.func_info);
    clear(&mut new.line_info, &links.blocks.line_info);
    clear(&mut new.core_relo, &links.blocks.core_relo);
    for section in &links.code {
        for &func in &section.funcs {
            let body = &layout.bodies[func];
            if body.live {
                func_info(&mut new, links, func, body);
                line_info(&mut new, links, original, func, body);
                core_relo(&mut new, links, body);
            }
        }
    }
    new
}

fn clear<R>(table: &mut Table<R>, sections: &[Option<SectionIndex>]) {
    for (block, section) in table.blocks.iter_mut().zip(sections) {
        if section.is_some() {
            block.records.clear();
        }
    }
}

fn push<R>(table: &mut Table<R>, block: usize, record: R) {
    if let Some(block) = table.blocks.get_mut(block) {
        block.records.push(record);
    }
}

/// A record and those at the same instruction.
fn all<R>(recorded: &Recorded<R>) -> impl Iterator<Item = (usize, &R)> {
    let more = recorded.more.iter().map(|(block, record)| (*block, record));
    std::iter::once((recorded.block, &recorded.record)).chain(more)
}

fn offset(body: &Body, slot: u32) -> u32 {
    (body.start + slot) * RawInsn::SIZE as u32
}

fn func_info(ext: &mut BtfExt, links: &Links, func: Func, body: &Body) {
    for info in links.funcs.get(func).into_iter().flat_map(|link| &link.func_info) {
        let record = FuncInfo { insn_off: offset(body, 0), ..info.record.clone() };
        push(&mut ext.func_info, info.block, record);
    }
}

fn line_info(ext: &mut BtfExt, links: &Links, original: &Program, func: Func, body: &Body) {
    let mut last: Option<Line> = None;
    for (position, item) in body.items.iter().enumerate() {
        let mut line = item.line;
        if position == 0 && line.is_none() && item.origin != Some(0) {
            line = first_line(original, func);
        }
        let Some(line) = line else { continue };
        if !item.line_starts && last == Some(line) {
            continue;
        }
        last = Some(line);
        let Some(recorded) = links.lines.get(line) else { continue };
        let count = if item.line_starts { usize::MAX } else { 1 };
        for (block, record) in all(recorded).take(count) {
            let insn_off = offset(body, item.slot);
            push(&mut ext.line_info, block, LineInfo { insn_off, ..record.clone() });
        }
    }
}

fn first_line(original: &Program, func: Func) -> Option<Line> {
    let func = original.funcs.get(func)?;
    match &func.opaque {
        Some(opaque) => opaque.items.iter().find_map(|item| item.line),
        None => func.insts().find_map(|(_, inst)| func.inst(inst).line),
    }
}

fn core_relo(ext: &mut BtfExt, links: &Links, body: &Body) {
    for item in &body.items {
        for (block, record) in
            item.core.and_then(|core| links.core.get(core)).iter().flat_map(|r| all(r))
        {
            let insn_off = offset(body, item.slot);
            push(&mut ext.core_relo, block, CoreRelo { insn_off, ..record.clone() });
        }
    }
}
