//! An object in the making: what is to be removed is collected, and goes all at once, since
//! that changes the numbers of sections and symbols.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::Object;
use crate::btf::{Btf, BtfError, BtfExt, TypeId};
use crate::elf::{
    ElfError, ElfObject, Reloc, Section, SectionData, SectionIndex, Symbol, SymbolBind,
    SymbolIndex, SymbolKind, SymbolPlace,
};
use crate::lift::Starts;
use crate::lower::Lowered;
use crate::sections::{BTF, BTF_EXT, is_stale_with_code, live_relocs};

/// An object in the making.
pub(crate) struct Draft {
    pub elf: ElfObject,
    pub btf: Option<Btf>,
    pub ext: Option<BtfExt>,
    /// Sections that go.
    pub sections: BTreeSet<SectionIndex>,
    /// Symbols that go.
    pub symbols: BTreeSet<SymbolIndex>,
    /// Variables that leave BTF.
    pub forgotten: Vec<Forgotten>,
    /// Where functions start: slots from the starts of their sections.
    starts: Starts,
    /// Bytes that were cut out of sections, in order and apart, each with the number of bytes that
    /// were cut out before it.
    pub cuts: BTreeMap<SectionIndex, Vec<(Range<u64>, u64)>>,
}

/// An object file.
pub(crate) struct Written {
    pub bytes: Vec<u8>,
    /// Bytes of its .BTF.
    pub btf_size: u64,
    /// The sections of the object that was read that are not in it.
    pub gone: BTreeSet<SectionIndex>,
    /// Where functions start in those that are.
    pub starts: Starts,
    /// What was cut out of them.
    pub cuts: BTreeMap<SectionIndex, Vec<(Range<u64>, u64)>>,
}

/// What leaves BTF.
pub(crate) enum Forgotten {
    /// Variables, from whatever DATASEC lists them.
    Vars(Vec<TypeId>),
    /// A DATASEC with all of its variables.
    DataSec(String),
}

/// Why a draft cannot be written: a bug.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DraftError {
    #[error(transparent)]
    Elf(#[from] ElfError),
    #[error(transparent)]
    Btf(#[from] BtfError),
}

impl Draft {
    pub fn new(lowered: Lowered, btf: Option<Btf>) -> Draft {
        let Lowered { elf, ext, starts, changed: _, stale, dead_symbols } = lowered;
        Draft {
            elf,
            btf,
            ext,
            sections: stale,
            symbols: dead_symbols,
            forgotten: Vec::new(),
            starts,
            cuts: BTreeMap::new(),
        }
    }

    /// The relocations that loaders act on, with the section that they are for. Those of
    /// sections that go, of DWARF and of BTF are left out.
    pub fn live_relocs(&self) -> impl Iterator<Item = (SectionIndex, &Reloc)> {
        live_relocs(&self.elf).filter(|(section, _)| !self.sections.contains(section))
    }

    /// The section's symbol, which is added if there is none.
    pub fn section_symbol(&mut self, section: SectionIndex) -> Result<SymbolIndex, ElfError> {
        if let Some(symbol) = self.elf.section_symbol(section) {
            return Ok(symbol);
        }
        self.drop_addrsig();
        let place = SymbolPlace::Section(section);
        let symbol = Symbol::new("", SymbolKind::Section, SymbolBind::Local, place);
        let at = self.elf.add_symbol(symbol)?;
        let moved = |symbol: &SymbolIndex| SymbolIndex(symbol.0 + u32::from(*symbol >= at));
        self.symbols = self.symbols.iter().map(moved).collect();
        Ok(at)
    }

    /// Lets the address-significance table go, which names symbols by number.
    fn drop_addrsig(&mut self) {
        let tables = self.elf.sections.iter_mut().filter(|(_, section)| section.is_addrsig());
        for (index, section) in tables {
            // The model refuses new symbol numbers while the table has any.
            section.data = SectionData::Bytes(Vec::new());
            self.sections.insert(index);
        }
    }

    /// Gives a section these bytes; one that is not there is added, if there are any.
    pub fn set_section(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), ElfError> {
        match self.elf.section_by_name(name) {
            Some(index) => self.set_section_at(index, bytes)?,
            None if bytes.is_empty() => {}
            None => {
                self.elf.add_section(Section::new(name, bytes));
            }
        }
        Ok(())
    }

    /// Gives a section these bytes.
    pub fn set_section_at(&mut self, index: SectionIndex, bytes: Vec<u8>) -> Result<(), ElfError> {
        let section = self.elf.sections.get(index);
        if section.and_then(Section::bytes) != Some(&bytes) {
            let size = section.and_then(Section::content_size);
            if size != u64::try_from(bytes.len()).ok() {
                let holders: Vec<SectionIndex> = self.elf.relocation_sections(index).collect();
                self.sections.extend(holders);
            }
            self.elf.set_section_data(index, bytes)?;
        }
        Ok(())
    }

    /// Variables leave BTF.
    pub fn forget(&mut self, vars: impl IntoIterator<Item = TypeId>) {
        self.forgotten.push(Forgotten::Vars(vars.into_iter().collect()));
    }

    /// Removes a data section that nothing names, with its symbols and its DATASEC: loaders make
    /// a map of a section that has any of these.
    pub fn drop_section(&mut self, section: SectionIndex) {
        let symbols: Vec<SymbolIndex> =
            self.elf.symbols_in(section).map(|(symbol, _)| symbol).collect();
        self.symbols.extend(symbols);
        self.sections.insert(section);
        let section = self.elf.section_id(section).name;
        let mut others = self.elf.sections.iter().filter(|(at, _)| !self.sections.contains(at));
        if others.all(|(_, other)| other.name != section.as_bytes()) {
            self.forgotten.push(Forgotten::DataSec(section));
        }
    }

    /// Whether anything differs from the object that was read.
    pub fn has_changed(&self, original: &Object) -> bool {
        let removed = !self.sections.is_empty() || !self.symbols.is_empty();
        removed
            || self.forgotten.iter().any(|forgotten| match forgotten {
                Forgotten::Vars(vars) => !vars.is_empty(),
                Forgotten::DataSec(_) => true,
            })
            || self.elf != original.elf
            || self.ext != original.ext
            || self.btf != original.btf
    }

    /// Puts everything together. `original` says what has changed.
    ///
    /// # Errors
    /// Bugs.
    pub fn write(mut self, original: &Object) -> Result<Written, DraftError> {
        if let Some(btf) = &self.btf
            && self.btf != original.btf
        {
            let bytes = btf.to_bytes()?;
            self.set_section(BTF, bytes)?;
            self.drop_relocations_of(BTF);
        }
        if let Some(ext) = &self.ext
            && self.ext != original.ext
        {
            if ext.is_empty() {
                // libbpf refuses a section without records, and BTF with it (`btf_ext_parse`).
                self.sections.extend(self.elf.section_by_name(BTF_EXT));
            } else {
                let bytes = ext.to_bytes();
                self.set_section(BTF_EXT, bytes)?;
            }
            self.drop_relocations_of(BTF_EXT);
        }
        if !self.symbols.is_empty() || !self.sections.is_empty() {
            self.drop_addrsig();
        }
        // Symbols in sections that go, and relocations that name what goes in sections that
        // only debuggers read.
        let placed = self.elf.symbols.iter().filter(|(_, symbol)| {
            symbol.section().is_some_and(|section| self.sections.contains(&section))
        });
        self.symbols.extend(placed.map(|(index, _)| index));
        self.drop_dangling_debug_relocs();
        let gone = &self.symbols;
        let named = |section: &Section| {
            section
                .relocations()
                .is_some_and(|relocs| relocs.iter().any(|r| gone.contains(&r.symbol)))
        };
        let stale: Vec<SectionIndex> = [BTF, BTF_EXT]
            .iter()
            .filter_map(|name| self.elf.section_by_name(name))
            .flat_map(|index| self.elf.relocation_sections(index))
            .filter(|index| self.elf.sections.get(*index).is_some_and(named))
            .collect();
        self.sections.extend(stale);
        self.elf.remove(&self.sections, &self.symbols)?;
        let emptied = self
            .elf
            .sections
            .iter()
            .any(|(_, section)| section.relocations().is_some_and(<[Reloc]>::is_empty));
        if emptied && !original_has_empty_relocs(&original.elf) {
            self.elf.remove_empty_relocation_sections()?;
        }
        let btf = self.elf.section_by_name(BTF).and_then(|index| self.elf.sections.get(index));
        let btf_size = btf.and_then(Section::content_size).unwrap_or(0);
        let bytes = self.elf.write()?;
        let Draft { sections: gone, starts, cuts, .. } = self;
        Ok(Written { bytes, btf_size, gone, starts, cuts })
    }

    fn drop_relocations_of(&mut self, name: &str) {
        if let Some(index) = self.elf.section_by_name(name) {
            let holders: Vec<SectionIndex> = self.elf.relocation_sections(index).collect();
            self.sections.extend(holders);
        }
    }

    /// DWARF that names a symbol that goes is stale as a whole.
    fn drop_dangling_debug_relocs(&mut self) {
        let gone = &self.symbols;
        let stale = self.elf.sections.iter().any(|(index, section)| {
            is_stale_with_code(section)
                && self.elf.relocations_for(index).any(|reloc| gone.contains(&reloc.symbol))
        });
        if stale {
            let dwarf = self.elf.sections.iter().filter(|(_, section)| is_stale_with_code(section));
            let dwarf: Vec<SectionIndex> = dwarf.map(|(index, _)| index).collect();
            for index in dwarf {
                self.sections.insert(index);
                let symbols = self.elf.symbols_in(index).map(|(symbol, _)| symbol);
                self.symbols.extend(symbols);
            }
        }
    }
}

fn original_has_empty_relocs(elf: &ElfObject) -> bool {
    let mut sections = elf.sections.values();
    sections.any(|section| section.relocations().is_some_and(<[Reloc]>::is_empty))
}
