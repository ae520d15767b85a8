//! Jump tables: arrays of code offsets in `.jumptables`, which `gotox` jumps by.
//!
//! libbpf makes a map (BPF_MAP_TYPE_INSN_ARRAY) of each table that a program names by a sized
//! symbol (`create_jt_map`). Its entries count from the start of the section of the code that
//! names it, and the kernel wants them inside the subprogram of the `gotox` (`create_jt` of
//! `kernel/bpf/cfg.c`). Functions that use tables in any other way are carried.

use std::collections::{BTreeMap, BTreeSet};

use bpfold_passes::entity::Func;
use bpfold_passes::isa::{Imm64, Op};

use super::addresses::{JUMP_TABLES, read64};
use super::code::{Code, Insn};
use super::links::{Links, TableLink};
use crate::elf::{ElfObject, R_BPF_64_64, Section, SectionIndex};

/// Bytes of an entry.
const ENTRY: u64 = 8;

/// A table whose entries lead into the function that names it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub link: TableLink,
    /// Where each entry leads, in slots from the section's start.
    pub targets: Vec<u32>,
}

/// The jump tables of an object.
#[derive(Debug, Default)]
pub(super) struct Tables {
    known: BTreeMap<Func, Vec<Table>>,
    /// Functions that name the section in a way that is not understood.
    unclear: BTreeSet<Func>,
}

impl Tables {
    /// Finds the tables that code names.
    pub fn find(elf: &ElfObject, codes: &[Code], links: &Links) -> Tables {
        let mut found = Tables::default();
        let named = |section: &Section| section.name == JUMP_TABLES;
        let sections: BTreeSet<SectionIndex> =
            elf.sections.iter().filter(|(_, s)| named(s)).map(|(index, _)| index).collect();
        if sections.is_empty() {
            return found;
        }
        for code in codes {
            for insn in &code.insns {
                let names = |symbol| {
                    let section = elf.symbols.get(symbol).and_then(|symbol| symbol.section());
                    section.is_some_and(|section| sections.contains(&section))
                };
                if !insn.relocs.iter().any(|reloc| names(reloc.symbol)) {
                    continue;
                }
                let Some(func) = links.place_at(code.index, insn.slot).map(|place| place.func)
                else {
                    continue;
                };
                let table = (sections.len() == 1).then(|| table(elf, links, code, func, insn));
                match table.flatten() {
                    Some(table) => {
                        let known = found.known.entry(func).or_default();
                        if !known.iter().any(|other| other.link == table.link) {
                            known.push(table);
                        }
                    }
                    None => {
                        found.unclear.insert(func);
                    }
                }
            }
        }
        found.tell_overlaps();
        found
    }

    /// No two tables share bytes: what one function does to an entry the other would see.
    fn tell_overlaps(&mut self) {
        let mut all: Vec<&TableLink> =
            self.known.values().flatten().map(|table| &table.link).collect();
        all.sort_by_key(|link| (link.offset, link.end()));
        let mut end: Option<(u64, Func)> = None;
        for link in all {
            if let Some((until, func)) = end
                && link.offset < until
            {
                self.unclear.extend([func, link.func]);
            }
            let longer = end.is_none_or(|(until, _)| link.end() > until);
            end = if longer { Some((link.end(), link.func)) } else { end };
        }
    }

    /// The tables of a function; none if it names what is not understood.
    pub fn of(&self, func: Func) -> Option<&[Table]> {
        let known = || self.known.get(&func).map_or(&[][..], Vec::as_slice);
        (!self.unclear.contains(&func)).then(known)
    }
}

/// The table that an instruction names, if it is understood.
fn table(elf: &ElfObject, links: &Links, code: &Code, func: Func, insn: &Insn) -> Option<Table> {
    let [reloc] = insn.relocs.as_slice() else { return None };
    let plain = matches!(insn.op, Ok(Op::LdImm64 { imm: Imm64::Const(0), .. }));
    let symbol = elf.symbols.get(reloc.symbol)?;
    let section = symbol.section()?;
    let (offset, size) = (symbol.value, symbol.size);
    let aligned = offset.is_multiple_of(ENTRY) && size.is_multiple_of(ENTRY) && size > 0;
    if !plain || reloc.r_type != R_BPF_64_64 || !aligned {
        return None;
    }
    // The linker fills relocated entries in, and libbpf does not.
    if elf.relocations_for(section).next().is_some() {
        return None;
    }
    let data = elf.sections.get(section)?;
    let end = offset.checked_add(size)?;
    let mut targets = Vec::new();
    for at in (offset..end).step_by(ENTRY as usize) {
        let slot = code.slot_of_byte(read64(elf, data, at)?)?;
        let inside = links.place_at(code.index, slot).is_some_and(|place| place.func == func);
        targets.push(Some(slot).filter(|&slot| inside && code.is_head(slot))?);
    }
    let link = TableLink { section, offset, entries: size / ENTRY, symbol: reloc.symbol, func };
    Some(Table { link, targets })
}
