//! Sealing: a variable whose value is final leaves the symbols and the BTF DATASEC, so that a
//! loader that tries to set it gets an error instead of a value that changes nothing.

use bpfold_passes::isa::RawInsn;

use crate::Error;
use crate::btf::TypeId;
use crate::draft::{Draft, live_relocs};
use crate::elf::{ElfObject, R_BPF_64_64, SectionData, SectionIndex, SymbolIndex, SymbolKind};
use crate::lift::Addends;
use crate::variables::Variable;

/// What became of the variables that were to be sealed.
#[derive(Debug, Default)]
pub(crate) struct Seals<'v> {
    /// They are gone.
    pub sealed: Vec<&'v Variable>,
    /// They are still there, since data holds their address.
    pub kept: Vec<&'v Variable>,
}

/// Seals variables of one section. Gives those that could not be sealed, since data holds
/// their address by their symbol.
pub(crate) fn seal<'v>(
    draft: &mut Draft,
    section: SectionIndex,
    variables: &[&'v Variable],
    addends: Addends,
) -> Result<Vec<&'v Variable>, Error> {
    let mut kept = Vec::new();
    let mut vars = Vec::new();
    for &variable in variables {
        if repoint(draft, section, variable, addends)? {
            let symbols: Vec<SymbolIndex> = symbols_of(&draft.elf, section, variable).collect();
            draft.symbols.extend(symbols);
            vars.extend(variable.var);
        } else {
            kept.push(variable);
        }
    }
    let section = draft.elf.section_id(section).name;
    draft.forgotten.push(Forgotten { section, vars, whole: false });
    Ok(kept)
}

/// The symbols of a variable and of what lies in it.
fn symbols_of<'e>(
    elf: &'e ElfObject,
    section: SectionIndex,
    variable: &'e Variable,
) -> impl Iterator<Item = SymbolIndex> + 'e {
    let named = elf.symbols_in(section).filter(|(_, symbol)| {
        matches!(symbol.kind, SymbolKind::Object | SymbolKind::None)
            && variable.bytes().contains(&symbol.value)
    });
    named.map(|(index, _)| index)
}

/// Lets code that names the variable's symbols name the section's instead. False, with
/// nothing changed, if a relocation of data does.
fn repoint(
    draft: &mut Draft,
    section: SectionIndex,
    variable: &Variable,
    addends: Addends,
) -> Result<bool, Error> {
    let named = |draft: &Draft, symbol: SymbolIndex| {
        symbols_of(&draft.elf, section, variable).any(|known| known == symbol)
    };
    let mut uses = false;
    for (at, reloc) in draft.live_relocs().filter(|(_, reloc)| named(draft, reloc.symbol)) {
        let code = draft.elf.sections.get(at).is_some_and(|at| at.is_code());
        if !code || reloc.r_type != R_BPF_64_64 {
            return Ok(false);
        }
        uses = true;
    }
    if !uses {
        return Ok(true);
    }
    let whole = draft.section_symbol(section)?;
    let symbols: Vec<SymbolIndex> = symbols_of(&draft.elf, section, variable).collect();
    let mut fixes: Vec<(SectionIndex, u64, u64)> = Vec::new();
    for (at, reloc) in live_relocs(&draft.elf).filter(|(_, reloc)| symbols.contains(&reloc.symbol))
    {
        let value = draft.elf.symbols.get(reloc.symbol).map_or(0, |symbol| symbol.value);
        let added = if addends == Addends::WithSymbol { 0 } else { value };
        fixes.push((at, reloc.offset, added));
    }
    for section in draft.elf.sections.values_mut().filter(|section| section.relocations().is_some())
    {
        if let SectionData::Relocations(relocs) = &mut section.data {
            for reloc in relocs.iter_mut().filter(|reloc| symbols.contains(&reloc.symbol)) {
                reloc.symbol = whole;
            }
        }
    }
    for (at, offset, added) in fixes {
        add_to_imm(&mut draft.elf, at, offset, added);
    }
    Ok(true)
}

/// Adds to the immediate of the instruction at a byte offset.
fn add_to_imm(elf: &mut ElfObject, section: SectionIndex, offset: u64, added: u64) {
    let endian = crate::lift::endian(elf);
    let Ok(start) = usize::try_from(offset) else { return };
    let data = elf.sections.get_mut(section).map(|section| &mut section.data);
    if let Some(SectionData::Bytes(bytes)) = data
        && let Some(slot) = bytes.get_mut(start..).and_then(|rest| rest.first_chunk_mut::<8>())
    {
        let mut raw = RawInsn::from_bytes(*slot, endian);
        raw.imm = raw.imm.wrapping_add(added as i32);
        *slot = raw.to_bytes(endian);
    }
}

/// Variables that leave BTF.
pub(crate) struct Forgotten {
    /// Name of the section that they are in.
    pub section: String,
    /// Their VARs.
    pub vars: Vec<TypeId>,
    /// Whether all of the section's go, with the DATASEC.
    pub whole: bool,
}
