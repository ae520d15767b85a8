//! Functions of basic blocks back to sections of code, and everything that names code by its
//! offset made new: relocations, symbols, records of .BTF.ext, addresses in data.

mod encode;
mod error;
mod layout;
mod records;
mod tables;

use std::collections::BTreeSet;

use bpfold_passes::ir::Program;
use bpfold_passes::isa::RawInsn;

use crate::btf::BtfExt;
use crate::elf::{ElfObject, Endian, Reloc, SectionIndex, SymbolBind, SymbolIndex, SymbolKind};
use crate::lift::links::{AddressForm, CodeAddress, CodeSection, Links};
use crate::lift::{Lifted, Starts};
use crate::sections::{is_stale_with_code, live_relocs};
use encode::Encoder;
pub use error::LowerError;
use layout::{Layout, old_byte_of};

/// An object with new code. What has become wrong or useless is still in it, since removing
/// it changes the numbers of sections and symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowered {
    /// The object; .BTF.ext is as it was.
    pub elf: ElfObject,
    /// The records of .BTF.ext.
    pub ext: Option<BtfExt>,
    /// Where functions start: slots from the starts of their sections.
    pub(crate) starts: Starts,
    /// Whether any code differs from what was read.
    pub changed: bool,
    /// Sections that are wrong now: DWARF and address-significance tables, if code changed.
    pub stale: BTreeSet<SectionIndex>,
    /// Symbols of removed functions, and labels of removed instructions that nothing names.
    pub dead_symbols: BTreeSet<SymbolIndex>,
}

/// Puts `program`, which was made from `lifted`, into the object that `lifted` is of.
/// Functions without code are left out.
///
/// # Errors
/// When the program has no encoding: jumps too far, references to removed functions.
pub fn lower(
    elf: &ElfObject,
    ext: Option<&BtfExt>,
    lifted: &Lifted,
    program: &Program,
) -> Result<Lowered, LowerError> {
    let links = &lifted.links;
    let layout = Layout::new(program, links)?;
    let mut new = elf.clone();
    let mut changed = false;
    let before = elf.relocations_by_section();
    for section in &links.code {
        let (code, relocs) = section_code(elf, links, program, &layout, section)?;
        if elf.sections.get(section.index).and_then(|section| section.bytes()) != Some(&code) {
            changed = true;
            new.set_section_data(section.index, code)?;
        }
        if sorted(before.get(&section.index)) != relocs {
            changed = true;
            new.replace_relocations(section.index, relocs)?;
        }
    }
    move_symbols(&mut new, links, &layout);
    for address in &links.addresses {
        match links.table_at(address.section, address.offset) {
            Some(table) if address.form == AddressForm::JumpTable => {
                tables::move_entry(&mut new, program, (links, &layout), table, address);
            }
            _ => move_address(&mut new, program, links, &layout, address)?,
        }
    }
    let dead_symbols = dead_symbols(&new, links, &layout);
    let sections = elf.sections.iter();
    Ok(Lowered {
        ext: ext.map(|ext| records::rebuild(ext, links, &lifted.program, &layout)),
        stale: sections
            .filter(|(_, section)| changed && is_stale_with_code(section))
            .map(|(index, _)| index)
            .collect(),
        dead_symbols,
        starts: starts(links, &layout),
        elf: new,
        changed,
    })
}

fn starts(links: &Links, layout: &Layout) -> Starts {
    let mut starts = Starts::new();
    for (func, link) in links.funcs.iter().filter(|(func, _)| layout.is_live(*func)) {
        starts.entry(link.section).or_default().insert(layout.bodies[func].start);
    }
    starts
}

fn section_code(
    elf: &ElfObject,
    links: &Links,
    program: &Program,
    layout: &Layout,
    section: &CodeSection,
) -> Result<(Vec<u8>, Vec<Reloc>), LowerError> {
    let mut code = Vec::new();
    let mut relocs = Vec::new();
    for &func in &section.funcs {
        let body = &layout.bodies[func];
        let encoder = Encoder {
            elf,
            links,
            program,
            layout,
            func,
            section: section.index,
            start: body.start,
        };
        for item in &body.items {
            let encoded = encoder.encode(item)?;
            code.extend(encoded.raw.to_bytes(program.endian));
            if let Some(imm) = encoded.next_imm {
                code.extend(RawInsn { imm, ..RawInsn::default() }.to_bytes(program.endian));
            }
            relocs.extend(encoded.relocs);
        }
    }
    Ok((code, relocs))
}

fn sorted(relocs: Option<&Vec<&Reloc>>) -> Vec<Reloc> {
    let mut relocs: Vec<Reloc> = relocs.into_iter().flatten().copied().copied().collect();
    relocs.sort_by_key(|reloc| reloc.offset);
    relocs
}

fn dead_symbols(elf: &ElfObject, links: &Links, layout: &Layout) -> BTreeSet<SymbolIndex> {
    let is_label = |symbol: SymbolIndex| {
        elf.symbols.get(symbol).is_some_and(|symbol| {
            symbol.bind == SymbolBind::Local && symbol.kind == SymbolKind::None
        })
    };
    let dead = links.symbols.iter().filter(|moved| {
        let gone = is_label(moved.symbol) && !layout.has(moved.start);
        gone || !layout.is_live(moved.start.func)
    });
    let mut dead: BTreeSet<SymbolIndex> = dead.map(|moved| moved.symbol).collect();
    for (_, reloc) in live_relocs(elf).filter(|(_, reloc)| is_label(reloc.symbol)) {
        dead.remove(&reloc.symbol);
    }
    dead
}

/// Moves symbols with the instructions that they are at.
fn move_symbols(elf: &mut ElfObject, links: &Links, layout: &Layout) {
    for moved in &links.symbols {
        let Some(symbol) = elf.symbols.get_mut(moved.symbol) else { continue };
        let (old, new) = (old_byte_of(links, moved.start), layout.byte_of(moved.start));
        if let Some(end) = moved.end {
            let old_size = old_byte_of(links, end).saturating_sub(old);
            let new_size = layout.byte_of(end).saturating_sub(new);
            if new_size != old_size {
                symbol.size = new_size;
            }
        }
        // A label need not be at the start of a slot.
        symbol.value = new.saturating_add(symbol.value).saturating_sub(old);
    }
}

/// Rewrites an address of code in data.
fn move_address(
    elf: &mut ElfObject,
    program: &Program,
    links: &Links,
    layout: &Layout,
    address: &CodeAddress,
) -> Result<(), LowerError> {
    if !layout.is_live(address.place.func) {
        return Err(LowerError::DeadAddress {
            section: elf.section_id(address.section).name,
            offset: address.offset,
            func: program.funcs.get(address.place.func).map(|f| f.name.clone()).unwrap_or_default(),
        });
    }
    let (old, new) = (old_byte_of(links, address.place), layout.byte_of(address.place));
    // `links.symbols` have moved already: how far the symbol itself has moved is no part of
    // the addend.
    let symbol_moved = match address.form {
        AddressForm::Addend32(symbol) | AddressForm::Addend64(symbol) => {
            let moved = links.symbols.iter().find(|moved| moved.symbol == symbol);
            moved.map_or(0, |moved| {
                layout.byte_of(moved.start).wrapping_sub(old_byte_of(links, moved.start))
            })
        }
        AddressForm::Sum32 | AddressForm::Sum64 | AddressForm::JumpTable => 0,
    };
    let delta = new.wrapping_sub(old).wrapping_sub(symbol_moved);
    let endian = elf.endian;
    let section = elf.sections.get_mut(address.section);
    if let Some(crate::elf::SectionData::Bytes(bytes)) = section.map(|section| &mut section.data)
        && let Ok(start) = usize::try_from(address.offset)
        && let Some(rest) = bytes.get_mut(start..)
    {
        match address.form.width() {
            4 => add::<4>(rest, delta, endian),
            _ => add::<8>(rest, delta, endian),
        }
    }
    Ok(())
}

/// Adds to the number in the first `N` bytes, wrapping around.
fn add<const N: usize>(bytes: &mut [u8], delta: u64, endian: Endian) {
    let Some(bytes) = bytes.get_mut(..N) else { return };
    let mut carry = 0;
    for i in 0..N {
        let (at, part) = match endian {
            Endian::Little => (i, delta >> (8 * i)),
            Endian::Big => (N - 1 - i, delta >> (8 * i)),
        };
        if let Some(byte) = bytes.get_mut(at) {
            let sum = u64::from(*byte) + (part & 0xff) + carry;
            *byte = sum as u8;
            carry = sum >> 8;
        }
    }
}
