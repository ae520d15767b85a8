//! Changes to the model that keep its numbers right.

use std::collections::BTreeSet;

use bpfold_passes::entity::{Entity, EntityVec};

use super::error::ElfError;
use super::renumber::Renumbering;
use super::section::{Section, SectionData, SectionIndex, SectionInfo, SectionKind};
use super::symbol::{Symbol, SymbolBind, SymbolIndex, SymbolKind, SymbolPlace};
use super::{ElfObject, Reloc};

/// New numbers of what was kept when sections and symbols were removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renumbered {
    /// Old section numbers to new ones.
    pub sections: Renumbering<SectionIndex>,
    /// Old symbol numbers to new ones.
    pub symbols: Renumbering<SymbolIndex>,
}

impl ElfObject {
    /// Removes sections and symbols together, and renumbers everything that names what is
    /// kept. With a section go the relocations that apply to it, and its section symbol.
    ///
    /// Nothing has changed when this fails.
    ///
    /// # Errors
    /// [`ElfError::InUse`] when a kept section, symbol or relocation names what should go,
    /// or when symbols should go while an `.llvm_addrsig` section, which names them by
    /// number, is kept. [`ElfError::NoSuch`] for numbers that the object does not have.
    pub fn remove(
        &mut self,
        sections: &BTreeSet<SectionIndex>,
        symbols: &BTreeSet<SymbolIndex>,
    ) -> Result<Renumbered, ElfError> {
        self.check_numbers(sections, symbols)?;
        let applies_to = |section: &Section| match section.info {
            SectionInfo::Section(target) if section.relocations().is_some() => Some(target),
            _ => None,
        };
        let sections: BTreeSet<SectionIndex> = self
            .sections
            .iter()
            .filter(|(index, section)| {
                sections.contains(index)
                    || applies_to(section).is_some_and(|target| sections.contains(&target))
            })
            .map(|(index, _)| index)
            .collect();
        let mut symbols = symbols.clone();
        symbols.extend(self.symbols.iter().filter_map(|(index, symbol)| {
            (symbol.kind == SymbolKind::Section && sections.contains(&symbol.section()?))
                .then_some(index)
        }));
        self.check_unused(&sections, &symbols)?;

        let renumbered = Renumbered {
            sections: Renumbering::new(self.sections.len(), |index| sections.contains(&index)),
            symbols: Renumbering::new(self.symbols.len(), |index| symbols.contains(&index)),
        };
        if !sections.is_empty() || !symbols.is_empty() {
            self.renumber(&renumbered);
            self.edited = true;
        }
        Ok(renumbered)
    }

    /// [`remove`](Self::remove) for sections alone.
    ///
    /// # Errors
    /// As for [`remove`](Self::remove).
    pub fn remove_sections(
        &mut self,
        sections: &BTreeSet<SectionIndex>,
    ) -> Result<Renumbered, ElfError> {
        self.remove(sections, &BTreeSet::new())
    }

    /// [`remove`](Self::remove) for symbols alone.
    ///
    /// # Errors
    /// As for [`remove`](Self::remove).
    pub fn remove_symbols(
        &mut self,
        symbols: &BTreeSet<SymbolIndex>,
    ) -> Result<Renumbered, ElfError> {
        self.remove(&BTreeSet::new(), symbols)
    }

    /// Adds a section after all others. Its name goes to the string table when the object
    /// is written.
    pub fn add_section(&mut self, section: Section) -> SectionIndex {
        self.edited = true;
        self.sections.push(section)
    }

    /// Adds a symbol: a local one after the last local one, any other at the end.
    /// Returns its number; numbers of symbols behind it rise by one, in relocations too.
    ///
    /// # Errors
    /// [`ElfError::InUse`] when symbols would be renumbered under an `.llvm_addrsig`
    /// section; [`ElfError::NoSuch`] when there is no symbol table.
    pub fn add_symbol(&mut self, symbol: Symbol) -> Result<SymbolIndex, ElfError> {
        let table =
            self.symbol_table().ok_or(ElfError::NoSuch { what: "symbol", index: 0, count: 0 })?;
        let end = SymbolIndex(self.symbols.len() as u32);
        let first_global = match self.sections.get(table).map(|section| section.info) {
            // libbpf's linker writes 0 here and mixes the two.
            Some(SectionInfo::FirstGlobal(first)) if first.0 > 0 => first,
            _ => end,
        };
        let local = symbol.bind == SymbolBind::Local;
        let at = if local { first_global } else { end };
        if at < end
            && let Some(addrsig) = self.addrsig(&BTreeSet::new())
        {
            return Err(ElfError::InUse {
                what: format!("the number of symbol {}", at.0),
                user: self.section_id(addrsig).to_string(),
            });
        }
        self.edited = true;
        let mut symbols: Vec<_> = std::mem::take(&mut self.symbols).into_iter().collect();
        symbols.insert(at.index().min(symbols.len()), symbol);
        self.symbols = symbols.into_iter().collect();
        for section in self.sections.values_mut() {
            if let SectionInfo::FirstGlobal(first) = &mut section.info
                && local
                && first.0 > 0
            {
                first.0 += 1;
            }
            if let SectionData::Relocations(relocs) = &mut section.data {
                for reloc in relocs.iter_mut().filter(|reloc| reloc.symbol >= at) {
                    reloc.symbol.0 += 1;
                }
            }
        }
        Ok(at)
    }

    /// Gives a section of bytes other bytes, of any length.
    ///
    /// # Errors
    /// [`ElfError::SectionContent`] for sections that do not hold plain bytes,
    /// [`ElfError::NoSuch`] for a number that the object does not have.
    pub fn set_section_data(&mut self, index: SectionIndex, data: Vec<u8>) -> Result<(), ElfError> {
        let id = self.section_id(index);
        let count = self.sections.len();
        let section = self.sections.get_mut(index).ok_or(ElfError::NoSuch {
            what: "section",
            index: index.0,
            count,
        })?;
        match &mut section.data {
            SectionData::Bytes(bytes) => {
                *bytes = data;
                Ok(())
            }
            SectionData::NoBits(_)
            | SectionData::Symbols
            | SectionData::Relocations(_)
            | SectionData::Strings(_) => Err(ElfError::SectionContent {
                section: id,
                problem: "only a section of bytes can be given other bytes",
            }),
        }
    }

    /// Gives `target` other relocations, in this order. Where there were none, a section
    /// for them is added; where there are none left, the empty section stays until
    /// [`remove_empty_relocation_sections`](Self::remove_empty_relocation_sections), so
    /// that no number changes here.
    ///
    /// # Errors
    /// [`ElfError::NoSuch`] when there is no such section or no symbol table.
    pub fn replace_relocations(
        &mut self,
        target: SectionIndex,
        relocs: Vec<Reloc>,
    ) -> Result<(), ElfError> {
        let holders: Vec<_> = self.relocation_sections(target).collect();
        let Some((&first, others)) = holders.split_first() else {
            if !relocs.is_empty() {
                self.add_relocation_section(target, relocs)?;
            }
            return Ok(());
        };
        for (index, content) in
            others.iter().map(|&index| (index, Vec::new())).chain([(first, relocs)])
        {
            if let Some(section) = self.sections.get_mut(index) {
                section.data = SectionData::Relocations(content);
            }
        }
        Ok(())
    }

    /// Removes the sections of relocations that have none left.
    ///
    /// # Errors
    /// As for [`remove`](Self::remove).
    pub fn remove_empty_relocation_sections(&mut self) -> Result<Renumbered, ElfError> {
        let empty = self
            .sections
            .iter()
            .filter(|(_, section)| section.relocations().is_some_and(<[Reloc]>::is_empty))
            .map(|(index, _)| index)
            .collect();
        self.remove_sections(&empty)
    }

    fn add_relocation_section(
        &mut self,
        target: SectionIndex,
        relocs: Vec<Reloc>,
    ) -> Result<SectionIndex, ElfError> {
        let count = self.sections.len();
        let missing = |index| ElfError::NoSuch { what: "section", index, count };
        let symbol_table = self.symbol_table().ok_or(missing(0))?;
        let target_name = &self.sections.get(target).ok_or(missing(target.0))?.name;
        let addends = relocs.first().is_some_and(|reloc| reloc.addend.is_some());
        let (prefix, kind, entsize) =
            if addends { (".rela", SectionKind::Rela, 24) } else { (".rel", SectionKind::Rel, 16) };
        let mut section = Section::new([prefix.as_bytes(), target_name].concat(), Vec::new());
        section.kind = kind;
        section.flags = super::SHF_INFO_LINK;
        section.addralign = 8;
        section.entsize = entsize;
        section.link = Some(symbol_table);
        section.info = SectionInfo::Section(target);
        section.data = SectionData::Relocations(relocs);
        Ok(self.add_section(section))
    }

    fn check_numbers(
        &self,
        sections: &BTreeSet<SectionIndex>,
        symbols: &BTreeSet<SymbolIndex>,
    ) -> Result<(), ElfError> {
        let is_section = |index: &SectionIndex| index.0 != 0 && self.sections.get(*index).is_some();
        if let Some(index) = sections.iter().find(|index| !is_section(index)) {
            return Err(ElfError::NoSuch {
                what: "section",
                index: index.0,
                count: self.sections.len(),
            });
        }
        let is_symbol = |index: &SymbolIndex| index.0 != 0 && self.symbols.get(*index).is_some();
        if let Some(index) = symbols.iter().find(|index| !is_symbol(index)) {
            return Err(ElfError::NoSuch {
                what: "symbol",
                index: index.0,
                count: self.symbols.len(),
            });
        }
        Ok(())
    }

    fn check_unused(
        &self,
        sections: &BTreeSet<SectionIndex>,
        symbols: &BTreeSet<SymbolIndex>,
    ) -> Result<(), ElfError> {
        let section_in_use =
            |index, user| Err(ElfError::InUse { what: self.section_id(index).to_string(), user });
        if let Some(names) = self.section_names.filter(|names| sections.contains(names)) {
            return section_in_use(names, "the file header (e_shstrndx)".into());
        }
        if let Some(table) = self.symbol_table().filter(|table| sections.contains(table))
            && self.symbols.len() > symbols.len() + 1
        {
            return section_in_use(table, "its symbols".into());
        }
        for (index, section) in self.sections.iter() {
            if sections.contains(&index) {
                continue;
            }
            let info = match section.info {
                SectionInfo::Section(target) => Some(target),
                SectionInfo::Number(_) | SectionInfo::FirstGlobal(_) => None,
            };
            for named in [section.link, info].into_iter().flatten() {
                if sections.contains(&named) {
                    return section_in_use(named, self.section_id(index).to_string());
                }
            }
            for (number, reloc) in section.relocations().unwrap_or_default().iter().enumerate() {
                if symbols.contains(&reloc.symbol) {
                    return Err(ElfError::InUse {
                        what: self.symbol_text(reloc.symbol),
                        user: format!("relocation {number} of {}", self.section_id(index)),
                    });
                }
            }
        }
        for (index, symbol) in self.symbols.iter() {
            if let SymbolPlace::Section(place) = symbol.place
                && sections.contains(&place)
                && !symbols.contains(&index)
            {
                return section_in_use(place, self.symbol_text(index));
            }
        }
        if let (Some(&symbol), Some(addrsig)) = (symbols.first(), self.addrsig(sections)) {
            return Err(ElfError::InUse {
                what: self.symbol_text(symbol),
                user: self.section_id(addrsig).to_string(),
            });
        }
        Ok(())
    }

    /// An address-significance table that is not among `removed` and not empty.
    fn addrsig(&self, removed: &BTreeSet<SectionIndex>) -> Option<SectionIndex> {
        self.sections
            .iter()
            .filter(|(index, section)| section.is_addrsig() && !removed.contains(index))
            .find(|(_, section)| section.content_size() != Some(0))
            .map(|(index, _)| index)
    }

    fn symbol_text(&self, index: SymbolIndex) -> String {
        match self.symbols.get(index) {
            Some(symbol) if !symbol.name.is_empty() => {
                format!("symbol {} ({})", index.0, symbol.name.escape_ascii())
            }
            _ => format!("symbol {}", index.0),
        }
    }

    fn renumber(&mut self, new: &Renumbered) {
        for section in self.sections.values_mut() {
            section.link = section.link.and_then(|link| new.sections.get(link));
            match &mut section.info {
                SectionInfo::Section(target) => {
                    *target = new.sections.get(*target).unwrap_or(*target);
                }
                SectionInfo::FirstGlobal(first) => {
                    let kept =
                        (0..first.0).filter(|&old| new.symbols.get(SymbolIndex(old)).is_some());
                    *first = SymbolIndex(kept.count() as u32);
                }
                SectionInfo::Number(_) => {}
            }
            if let SectionData::Relocations(relocs) = &mut section.data {
                for reloc in relocs {
                    reloc.symbol = new.symbols.get(reloc.symbol).unwrap_or(reloc.symbol);
                }
            }
        }
        for symbol in self.symbols.values_mut() {
            if let SymbolPlace::Section(place) = &mut symbol.place {
                *place = new.sections.get(*place).unwrap_or(*place);
            }
        }
        self.section_names = self.section_names.and_then(|names| new.sections.get(names));
        new.sections.retain(&mut self.sections);
        new.symbols.retain(&mut self.symbols);
        if self.symbol_table().is_none() {
            self.symbols = EntityVec::new();
        }
    }
}
