//! What must hold of the model. Checked once after reading, so that all else can rely on
//! it, and once before writing, so that no edit writes a file that could not be read.

use object::elf;

use super::error::ElfError;
use super::section::{SHF_EXECINSTR, Section, SectionData, SectionIndex, SectionInfo, SectionKind};
use super::symbol::{SymbolIndex, SymbolPlace};
use super::{ElfObject, Reloc, Symbol};

/// Largest `sh_addralign` that is accepted: a page of any architecture.
const MAX_ALIGN: u64 = 1 << 16;

/// Section types that hold section or symbol numbers, which would go stale unseen.
const UNSUPPORTED: [(u32, &str); 8] = [
    (elf::SHT_HASH.0, "SHT_HASH"),
    (elf::SHT_DYNAMIC.0, "SHT_DYNAMIC"),
    (elf::SHT_DYNSYM.0, "SHT_DYNSYM"),
    (elf::SHT_GROUP.0, "SHT_GROUP"),
    (elf::SHT_SYMTAB_SHNDX.0, "SHT_SYMTAB_SHNDX"),
    (19, "SHT_RELR"),
    (0x4000_0014, "SHT_CREL"),
    (0x6fff_4c09, "SHT_LLVM_CALL_GRAPH_PROFILE"),
];

impl ElfObject {
    pub(super) fn validate(&self) -> Result<(), ElfError> {
        if self.sections.len() >= usize::from(elf::SHN_LORESERVE) {
            return Err(ElfError::TooManySections { count: self.sections.len() as u64 });
        }
        let mut symbol_table = None;
        for (index, section) in self.sections.iter() {
            self.validate_section(index, section)?;
            if section.kind == SectionKind::SymTab && symbol_table.replace(index).is_some() {
                return Err(ElfError::SecondSymbolTable { section: self.section_id(index) });
            }
        }
        for (index, symbol) in self.symbols.iter() {
            self.validate_symbol(index, symbol)?;
        }
        Ok(())
    }

    fn validate_section(&self, index: SectionIndex, section: &Section) -> Result<(), ElfError> {
        let wrong = |field, value, expected: &str| ElfError::SectionField {
            section: self.section_id(index),
            field,
            value,
            expected: expected.into(),
        };
        if (index.0 == 0) != (section.kind == SectionKind::Null) {
            return Err(wrong(
                "sh_type",
                section.kind.raw().into(),
                "0 (SHT_NULL) in section 0 and nowhere else",
            ));
        }
        if index.0 == 0 && section.data != SectionData::NoBits(0) {
            return Err(wrong(
                "sh_size",
                section.content_size().unwrap_or_default(),
                "0 in section 0 (extended section numbering is not supported)",
            ));
        }
        if let SectionKind::Other(kind) = section.kind
            && let Some((_, name)) = UNSUPPORTED.iter().find(|(number, _)| *number == kind)
        {
            return Err(ElfError::UnsupportedSection {
                section: self.section_id(index),
                kind,
                name,
            });
        }
        if section.addralign > MAX_ALIGN
            || (section.addralign & section.addralign.wrapping_sub(1)) != 0
        {
            return Err(wrong(
                "sh_addralign",
                section.addralign,
                "0 or a power of two up to 65536",
            ));
        }
        if let Some(link) = section.link
            && (link.0 == 0 || self.sections.get(link).is_none())
        {
            return Err(wrong(
                "sh_link",
                link.0.into(),
                &format!("a section number below {}", self.sections.len()),
            ));
        }
        match (section.kind, section.info) {
            (_, SectionInfo::Section(target)) => {
                let special = matches!(section.kind, SectionKind::Rel | SectionKind::Rela);
                if self.sections.get(target).is_none() || (special && target.0 == 0) {
                    return Err(wrong(
                        "sh_info",
                        target.0.into(),
                        &format!("a section number below {}", self.sections.len()),
                    ));
                }
            }
            (SectionKind::SymTab, SectionInfo::FirstGlobal(first)) => {
                if first.0 as usize > self.symbols.len() {
                    return Err(wrong(
                        "sh_info",
                        first.0.into(),
                        &format!("at most {}, the number of symbols", self.symbols.len()),
                    ));
                }
            }
            (SectionKind::SymTab | SectionKind::Rel | SectionKind::Rela, _)
            | (_, SectionInfo::FirstGlobal(_)) => {
                return Err(ElfError::SectionContent {
                    section: self.section_id(index),
                    problem: "sh_info of this type does not go with the section's type",
                });
            }
            (_, SectionInfo::Number(_)) => {}
        }
        self.validate_content(index, section)
    }

    fn validate_content(&self, index: SectionIndex, section: &Section) -> Result<(), ElfError> {
        let entry_size = |right: u64| {
            if section.entsize == right {
                Ok(())
            } else {
                Err(ElfError::SectionField {
                    section: self.section_id(index),
                    field: "sh_entsize",
                    value: section.entsize,
                    expected: right.to_string(),
                })
            }
        };
        match (section.kind, &section.data) {
            (SectionKind::Null | SectionKind::NoBits, SectionData::NoBits(_))
            | (SectionKind::StrTab, SectionData::Strings(_)) => Ok(()),
            (SectionKind::SymTab, SectionData::Symbols) => {
                entry_size(24)?;
                self.validate_link(index, section, SectionKind::StrTab, "a string table")
            }
            (SectionKind::Rel | SectionKind::Rela, SectionData::Relocations(relocs)) => {
                let addends = section.kind == SectionKind::Rela;
                entry_size(if addends { 24 } else { 16 })?;
                self.validate_link(index, section, SectionKind::SymTab, "the symbol table")?;
                for (number, reloc) in relocs.iter().enumerate() {
                    self.validate_relocation(index, section, number, reloc)?;
                }
                Ok(())
            }
            (
                SectionKind::ProgBits
                | SectionKind::Note
                | SectionKind::LlvmAddrsig
                | SectionKind::Other(_),
                SectionData::Bytes(_),
            ) => Ok(()),
            _ => Err(ElfError::SectionContent {
                section: self.section_id(index),
                problem: "the content is of another kind than the section's type",
            }),
        }
    }

    fn validate_link(
        &self,
        index: SectionIndex,
        section: &Section,
        kind: SectionKind,
        expected: &str,
    ) -> Result<(), ElfError> {
        let linked = section.link.and_then(|link| self.sections.get(link));
        if linked.is_some_and(|linked| linked.kind == kind) {
            return Ok(());
        }
        Err(ElfError::SectionField {
            section: self.section_id(index),
            field: "sh_link",
            value: section.link.map_or(0, |link| link.0.into()),
            expected: format!("the number of {expected}"),
        })
    }

    fn validate_relocation(
        &self,
        index: SectionIndex,
        section: &Section,
        number: usize,
        reloc: &Reloc,
    ) -> Result<(), ElfError> {
        let SectionInfo::Section(target) = section.info else {
            return Ok(());
        };
        let wrong = |problem: String| ElfError::Relocation {
            section: self.section_id(index),
            number,
            r_type: reloc.r_type,
            offset: reloc.offset,
            target: self.section_id(target),
            problem,
        };
        if reloc.addend.is_some() != (section.kind == SectionKind::Rela) {
            return Err(wrong("SHT_RELA entries have an addend, SHT_REL entries have none".into()));
        }
        if self.symbols.get(reloc.symbol).is_none() {
            return Err(wrong(format!(
                "symbol {} does not exist, the symbol table has {}",
                reloc.symbol.0,
                self.symbols.len()
            )));
        }
        let Some(target) = self.sections.get(target) else {
            return Ok(());
        };
        // What writing makes anew: what is at an offset there now is elsewhere afterwards.
        let size = target.content_size().filter(|_| target.kind != SectionKind::StrTab);
        let Some(size) = size else {
            return Err(wrong("a table of strings, symbols or relocations has none".into()));
        };
        let code = target.flags & SHF_EXECINSTR != 0;
        let width = reloc.width(code);
        if reloc.offset.checked_add(width).is_none_or(|end| end > size) {
            return Err(wrong(format!("it covers {width} bytes, the section has {size:#x}")));
        }
        if code && reloc.names_instruction() && !reloc.offset.is_multiple_of(8) {
            return Err(wrong("instructions start at multiples of 8 bytes".into()));
        }
        Ok(())
    }

    fn validate_symbol(&self, index: SymbolIndex, symbol: &Symbol) -> Result<(), ElfError> {
        let wrong = |field, value, expected| ElfError::SymbolField {
            symbol: index.0,
            name: symbol.name.escape_ascii().to_string(),
            field,
            value,
            expected,
        };
        match symbol.place {
            SymbolPlace::Undefined | SymbolPlace::Absolute | SymbolPlace::Common => Ok(()),
            SymbolPlace::Other(number) => {
                if number == elf::SHN_XINDEX.0 || number < elf::SHN_LORESERVE {
                    return Err(wrong(
                        "st_shndx",
                        number.into(),
                        "a section number (extended section numbering is not supported)".into(),
                    ));
                }
                Ok(())
            }
            SymbolPlace::Section(place) => {
                let Some(section) = self.sections.get(place).filter(|_| place.0 != 0) else {
                    return Err(wrong(
                        "st_shndx",
                        place.0.into(),
                        format!("a section number below {}", self.sections.len()),
                    ));
                };
                let Some(size) = section.content_size() else {
                    return Ok(());
                };
                // Names move when a string table is written anew.
                let names = matches!(section.data, SectionData::Strings(_));
                if names && symbol.value != 0 {
                    let expected = format!("0 in {}, a string table", self.section_id(place));
                    return Err(wrong("st_value", symbol.value, expected));
                }
                let size = if names { 0 } else { size };
                if symbol.value > size {
                    return Err(wrong(
                        "st_value",
                        symbol.value,
                        format!("at most {size:#x}, the size of {}", self.section_id(place)),
                    ));
                }
                if symbol.size > size - symbol.value {
                    return Err(wrong(
                        "st_size",
                        symbol.size,
                        format!(
                            "at most {:#x}, the rest of {}",
                            size - symbol.value,
                            self.section_id(place)
                        ),
                    ));
                }
                Ok(())
            }
        }
    }
}
