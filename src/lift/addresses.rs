//! Addresses of code that are stored in data: prog arrays with initial values, struct_ops,
//! tables of functions, jump tables.

use super::LiftError;
use super::code::Code;
use super::links::{AddressForm, CodeAddress, Links};
use crate::elf::{
    ElfObject, R_BPF_64_32, R_BPF_64_64, R_BPF_64_ABS32, R_BPF_64_ABS64, R_BPF_DATA_32,
    R_BPF_DATA_64, Section, SectionIndex, SymbolKind,
};
use crate::sections::{is_btf, is_stale_with_code};

/// Name of the section of jump tables.
pub(super) const JUMP_TABLES: &[u8] = b".jumptables";

/// Finds every address of code in the sections that loaders read.
pub(super) fn find(
    elf: &ElfObject,
    codes: &[Code],
    links: &Links,
) -> Result<Vec<CodeAddress>, LiftError> {
    let mut list = Vec::new();
    let relocs = elf.relocations_by_section();
    for (index, section) in elf.sections.iter() {
        if section.is_code() || is_stale_with_code(section) || is_btf(section) {
            continue;
        }
        for reloc in relocs.get(&index).into_iter().flatten() {
            let form = match reloc.r_type {
                R_BPF_64_64 | R_BPF_64_ABS64 => AddressForm::Addend64(reloc.symbol),
                R_BPF_64_32 | R_BPF_64_ABS32 => AddressForm::Addend32(reloc.symbol),
                R_BPF_DATA_64 => AddressForm::Sum64,
                R_BPF_DATA_32 => AddressForm::Sum32,
                _ => continue,
            };
            let Some(symbol) = elf.symbols.get(reloc.symbol) else { continue };
            let Some(code) = codes.iter().find(|code| Some(code.index) == symbol.section()) else {
                continue;
            };
            if reloc.addend.is_some() {
                return Err(LiftError::Addend {
                    section: elf.section_id(index),
                    offset: reloc.offset,
                });
            }
            let is_sum = matches!(form, AddressForm::Sum32 | AddressForm::Sum64);
            let addend = match form.width() {
                _ if is_sum && symbol.kind != SymbolKind::Section => None,
                4 => read32(elf, section, reloc.offset).map(i64::from),
                _ => read64(elf, section, reloc.offset).map(|value| value as i64),
            };
            let value = i64::try_from(symbol.value).unwrap_or(i64::MAX);
            let target = value.saturating_add(addend.unwrap_or(0));
            let slot = u64::try_from(target).ok().and_then(|target| code.slot_of_byte(target));
            let place = slot
                .filter(|slot| code.is_head(*slot))
                .and_then(|slot| links.place_at(code.index, slot));
            let Some(place) = place else {
                return Err(LiftError::Address {
                    section: elf.section_id(index),
                    offset: reloc.offset,
                    target,
                    to: code.id.clone(),
                });
            };
            list.push(CodeAddress { section: index, offset: reloc.offset, form, place });
        }
    }
    jump_tables(elf, codes, links, &mut list);
    Ok(list)
}

/// A jump table is named by a sized symbol. Its entries count from the start of the section
/// of the code that loads its address. An entry that is no instruction stays as it is: the
/// kernel refuses the program if the table is ever used.
fn jump_tables(elf: &ElfObject, codes: &[Code], links: &Links, list: &mut Vec<CodeAddress>) {
    let Some(tables) = elf.section_by_name(JUMP_TABLES) else { return };
    let Some(section) = elf.sections.get(tables) else { return };
    let users = codes.iter().flat_map(|code| code.insns.iter().map(move |insn| (code, insn)));
    for (code, insn) in users {
        for reloc in &insn.relocs {
            let Some(symbol) = elf.symbols.get(reloc.symbol) else { continue };
            if symbol.section() != Some(tables) {
                continue;
            }
            let end = symbol.value.saturating_add(symbol.size).min(section_size(section));
            for offset in (symbol.value..end).step_by(8) {
                let known = |address: &CodeAddress| is_entry(address, tables, offset);
                let place = read64(elf, section, offset)
                    .and_then(|target| code.slot_of_byte(target))
                    .filter(|slot| code.is_head(*slot))
                    .and_then(|slot| links.place_at(code.index, slot));
                if let Some(place) = place
                    && !list.iter().any(known)
                {
                    let form = AddressForm::JumpTable;
                    list.push(CodeAddress { section: tables, offset, form, place });
                }
            }
        }
    }
}

fn is_entry(address: &CodeAddress, tables: SectionIndex, offset: u64) -> bool {
    address.section == tables && address.offset == offset
}

fn section_size(section: &Section) -> u64 {
    section.bytes().map_or(0, |bytes| bytes.len() as u64)
}

fn read_bytes<const N: usize>(section: &Section, offset: u64) -> Option<[u8; N]> {
    let start = usize::try_from(offset).ok()?;
    section.bytes()?.get(start..start.checked_add(N)?)?.try_into().ok()
}

fn read32(elf: &ElfObject, section: &Section, offset: u64) -> Option<i32> {
    let bytes = read_bytes(section, offset)?;
    Some(match elf.endian {
        crate::elf::Endian::Little => i32::from_le_bytes(bytes),
        crate::elf::Endian::Big => i32::from_be_bytes(bytes),
    })
}

pub(super) fn read64(elf: &ElfObject, section: &Section, offset: u64) -> Option<u64> {
    let bytes = read_bytes(section, offset)?;
    Some(match elf.endian {
        crate::elf::Endian::Little => u64::from_le_bytes(bytes),
        crate::elf::Endian::Big => u64::from_be_bytes(bytes),
    })
}
