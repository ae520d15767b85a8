//! From bytes to the model.
//!
//! Every number of the file is checked here or in `validate` before anything is looked up
//! by it. Sections do not overlap and names have a limit, so the model is at most a small
//! multiple of the file's size.

use bpfold_passes::entity::EntityVec;
use object::Endianness;
use object::elf::{self, FileHeader64, Rel64, Rela64, SectionHeader64, Sym64};
use object::pod::{from_bytes, slice_from_all_bytes, slice_from_bytes};

use super::error::{ElfError, SectionId};
use super::layout::Layout;
use super::reloc::Reloc;
use super::section::{
    Origin, SHF_INFO_LINK, Section, SectionData, SectionIndex, SectionInfo, SectionKind,
};
use super::strings::NameBudget;
use super::symbol::{Symbol, SymbolBind, SymbolIndex, SymbolKind, SymbolPlace};
use super::{ElfObject, Endian, Header};

impl ElfObject {
    /// Reads an object.
    ///
    /// # Errors
    /// Whatever makes the file something other than a well-formed relocatable BPF object,
    /// see [`ElfError`].
    pub fn parse(file: &[u8]) -> Result<Self, ElfError> {
        let reader = Reader::new(file)?;
        let header = reader.header()?;
        let section_headers = reader.section_headers()?;
        reader.check_overlap(section_headers)?;
        let mut names = NameBudget::new(file.len());
        let section_names = reader.section_names(section_headers)?;
        let mut sections = reader.sections(section_headers, section_names, &mut names)?;
        let symbols = reader.symbols(&mut sections, &mut names)?;
        let layout = reader.layout(&sections);
        let object = Self {
            endian: reader.endian,
            header,
            sections,
            symbols,
            section_names,
            layout,
            edited: false,
        };
        object.validate()?;
        Ok(object)
    }
}

struct Reader<'data> {
    file: &'data [u8],
    raw: &'data FileHeader64<Endianness>,
    endian: Endian,
    /// The same for `object`.
    e: Endianness,
}

impl<'data> Reader<'data> {
    fn new(file: &'data [u8]) -> Result<Self, ElfError> {
        if !file.starts_with(&elf::ELFMAG) {
            return Err(ElfError::NotElf);
        }
        let (raw, _) =
            from_bytes::<FileHeader64<Endianness>>(file).map_err(|()| ElfError::Truncated {
                what: "the file header",
                offset: 0,
                size: HEADER_SIZE,
                file_size: file.len() as u64,
            })?;
        if raw.e_ident.class != elf::ELFCLASS64 {
            return Err(ElfError::Header {
                field: "EI_CLASS",
                value: raw.e_ident.class.0.into(),
                expected: "2 (64-bit)",
            });
        }
        let endian = match raw.e_ident.data {
            elf::ELFDATA2LSB => Endian::Little,
            elf::ELFDATA2MSB => Endian::Big,
            other => {
                return Err(ElfError::Header {
                    field: "EI_DATA",
                    value: other.0.into(),
                    expected: "1 (little-endian) or 2 (big-endian)",
                });
            }
        };
        Ok(Self { file, raw, endian, e: endian.into() })
    }

    fn header(&self) -> Result<Header, ElfError> {
        let (raw, e) = (self.raw, self.e);
        let check = |field, value: u64, right: bool, expected| {
            if right { Ok(()) } else { Err(ElfError::Header { field, value, expected }) }
        };
        let ident = &raw.e_ident;
        check("EI_VERSION", ident.version.0.into(), ident.version == elf::EV_CURRENT, "1")?;
        let machine = raw.e_machine.get(e);
        check(
            "e_machine",
            machine.0.into(),
            machine == elf::EM_BPF,
            "247 (EM_BPF; objects of clang before 3.9 have 0 and are not supported)",
        )?;
        let e_type = raw.e_type.get(e);
        check(
            "e_type",
            e_type.0.into(),
            e_type == elf::ET_REL,
            "1 (ET_REL, a relocatable object)",
        )?;
        let version = raw.e_version.get(e);
        check("e_version", version.into(), version == 1, "1")?;
        let header_size = raw.e_ehsize.get(e);
        check("e_ehsize", header_size.into(), u64::from(header_size) == HEADER_SIZE, "64")?;
        let segments = raw.e_phnum.get(e);
        check(
            "e_phnum",
            segments.into(),
            segments == 0,
            "0 (a relocatable object has no program headers)",
        )?;
        Ok(Header {
            os_abi: ident.os_abi.0,
            abi_version: ident.abi_version,
            ident_padding: ident.padding,
            e_type: e_type.0,
            machine: machine.0,
            version,
            entry: raw.e_entry.get(e),
            flags: raw.e_flags.get(e).0,
            program_header_offset: raw.e_phoff.get(e),
            program_header_size: raw.e_phentsize.get(e),
        })
    }

    fn section_headers(&self) -> Result<&'data [SectionHeader64<Endianness>], ElfError> {
        let (raw, e) = (self.raw, self.e);
        let offset = raw.e_shoff.get(e);
        let count = raw.e_shnum.get(e);
        if count == 0 {
            return Err(ElfError::Header {
                field: "e_shnum",
                value: 0,
                expected: "the number of sections (extended section numbering is not supported)",
            });
        }
        if count >= elf::SHN_LORESERVE {
            return Err(ElfError::TooManySections { count: count.into() });
        }
        let entry_size = raw.e_shentsize.get(e);
        if u64::from(entry_size) != SECTION_HEADER_SIZE {
            return Err(ElfError::Header {
                field: "e_shentsize",
                value: entry_size.into(),
                expected: "64",
            });
        }
        let headers = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.file.get(offset..))
            .and_then(|bytes| slice_from_bytes(bytes, count.into()).ok())
            .map(|(headers, _)| headers)
            .ok_or(ElfError::Truncated {
                what: "the section header table",
                offset,
                size: u64::from(count) * SECTION_HEADER_SIZE,
                file_size: self.file.len() as u64,
            })?;
        Ok(headers)
    }

    /// The bytes of a section, from the file.
    fn content(
        &self,
        index: usize,
        header: &SectionHeader64<Endianness>,
    ) -> Result<&'data [u8], ElfError> {
        let e = self.e;
        if !takes_room(header, e) {
            return Ok(&[]);
        }
        let (offset, size) = (header.sh_offset.get(e), header.sh_size.get(e));
        let range = usize::try_from(offset)
            .ok()
            .zip(usize::try_from(size).ok())
            .and_then(|(start, size)| Some(start..start.checked_add(size)?));
        range.and_then(|range| self.file.get(range)).ok_or_else(|| ElfError::SectionOutsideFile {
            section: unnamed(index),
            offset,
            size,
            file_size: self.file.len() as u64,
        })
    }

    /// Headers and non-empty sections share no byte.
    fn check_overlap(&self, headers: &[SectionHeader64<Endianness>]) -> Result<(), ElfError> {
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        enum Part {
            FileHeader,
            HeaderTable,
            Section(usize),
        }
        let describe = |part| match part {
            Part::FileHeader => "the file header".to_owned(),
            Part::HeaderTable => "the section header table".to_owned(),
            Part::Section(index) => unnamed(index).to_string(),
        };
        let table = self.raw.e_shoff.get(self.e);
        let mut parts = vec![
            (0, HEADER_SIZE, Part::FileHeader),
            (
                table,
                table.saturating_add(headers.len() as u64 * SECTION_HEADER_SIZE),
                Part::HeaderTable,
            ),
        ];
        for (index, header) in headers.iter().enumerate() {
            let size = self.content(index, header)?.len() as u64;
            let start = header.sh_offset.get(self.e);
            if size > 0 {
                parts.push((start, start.saturating_add(size), Part::Section(index)));
            }
        }
        parts.sort_unstable();
        for pair in parts.windows(2) {
            if let [(_, end, first), (offset, _, second)] = *pair
                && offset < end
            {
                return Err(ElfError::Overlap {
                    first: describe(first),
                    end,
                    second: describe(second),
                    offset,
                });
            }
        }
        Ok(())
    }

    fn section_names(
        &self,
        headers: &[SectionHeader64<Endianness>],
    ) -> Result<Option<SectionIndex>, ElfError> {
        let index = self.raw.e_shstrndx.get(self.e).0;
        match headers.get(usize::from(index)) {
            _ if index == 0 => Ok(None),
            Some(header) if header.sh_type.get(self.e) == elf::SHT_STRTAB => {
                Ok(Some(SectionIndex(index.into())))
            }
            _ => Err(ElfError::Header {
                field: "e_shstrndx",
                value: index.into(),
                expected: "0 or the number of a string table",
            }),
        }
    }

    fn sections(
        &self,
        headers: &[SectionHeader64<Endianness>],
        section_names: Option<SectionIndex>,
        names: &mut NameBudget,
    ) -> Result<EntityVec<SectionIndex, Section>, ElfError> {
        let e = self.e;
        let strings = match section_names {
            Some(table) => headers
                .get(table.0 as usize)
                .map_or(Ok(&[][..]), |header| self.content(table.0 as usize, header))?,
            None => &[],
        };
        let mut sections = EntityVec::new();
        for (index, header) in headers.iter().enumerate() {
            let name_offset = header.sh_name.get(e);
            let name = names.read(
                strings,
                name_offset,
                || unnamed(index).to_string(),
                || unnamed(section_names.map_or(0, |table| table.0 as usize)),
            )?;
            let id = SectionId {
                index: index as u32,
                name: String::from_utf8_lossy(&name).into_owned(),
            };
            let kind = SectionKind::from_raw(header.sh_type.get(e).0);
            let flags = header.sh_flags.get(e).0;
            let info = header.sh_info.get(e);
            let content = self.content(index, header)?;
            let info = match kind {
                SectionKind::Rel | SectionKind::Rela => SectionInfo::Section(SectionIndex(info)),
                SectionKind::SymTab => SectionInfo::FirstGlobal(SymbolIndex(info)),
                _ if flags & SHF_INFO_LINK != 0 => SectionInfo::Section(SectionIndex(info)),
                _ => SectionInfo::Number(info),
            };
            let data = match kind {
                SectionKind::Null | SectionKind::NoBits => {
                    SectionData::NoBits(header.sh_size.get(e))
                }
                SectionKind::SymTab => SectionData::Symbols,
                SectionKind::StrTab => SectionData::Strings(content.to_vec()),
                SectionKind::Rel => SectionData::Relocations(self.relocations(&id, content)?),
                SectionKind::Rela => {
                    SectionData::Relocations(self.relocations_with_addends(&id, content)?)
                }
                SectionKind::ProgBits
                | SectionKind::Note
                | SectionKind::LlvmAddrsig
                | SectionKind::Other(_) => SectionData::Bytes(content.to_vec()),
            };
            let link = header.sh_link.get(e);
            sections.push(Section {
                name,
                kind,
                flags,
                addr: header.sh_addr.get(e),
                addralign: header.sh_addralign.get(e),
                entsize: header.sh_entsize.get(e),
                link: (link != 0).then_some(SectionIndex(link)),
                info,
                data,
                origin: Some(Origin {
                    name: name_offset,
                    offset: header.sh_offset.get(e),
                    file_size: content.len() as u64,
                }),
            });
        }
        Ok(sections)
    }

    fn relocations(&self, id: &SectionId, content: &[u8]) -> Result<Vec<Reloc>, ElfError> {
        let e = self.e;
        let entries: &[Rel64<Endianness>] =
            slice_from_all_bytes(content).map_err(|()| odd_size(id, content, 16))?;
        Ok(entries
            .iter()
            .map(|entry| Reloc {
                offset: entry.r_offset.get(e),
                symbol: SymbolIndex((entry.r_info.get(e) >> 32) as u32),
                r_type: entry.r_info.get(e) as u32,
                addend: None,
            })
            .collect())
    }

    fn relocations_with_addends(
        &self,
        id: &SectionId,
        content: &[u8],
    ) -> Result<Vec<Reloc>, ElfError> {
        let e = self.e;
        let entries: &[Rela64<Endianness>] =
            slice_from_all_bytes(content).map_err(|()| odd_size(id, content, 24))?;
        Ok(entries
            .iter()
            .map(|entry| Reloc {
                offset: entry.r_offset.get(e),
                symbol: SymbolIndex((entry.r_info.get(e) >> 32) as u32),
                r_type: entry.r_info.get(e) as u32,
                addend: Some(entry.r_addend.get(e)),
            })
            .collect())
    }

    /// The symbols of the first symbol table; `validate` refuses a second one.
    fn symbols(
        &self,
        sections: &mut EntityVec<SectionIndex, Section>,
        names: &mut NameBudget,
    ) -> Result<EntityVec<SymbolIndex, Symbol>, ElfError> {
        let e = self.e;
        let mut symbols = EntityVec::new();
        let Some((index, section)) =
            sections.iter().find(|(_, section)| section.kind == SectionKind::SymTab)
        else {
            return Ok(symbols);
        };
        let id =
            SectionId { index: index.0, name: String::from_utf8_lossy(&section.name).into_owned() };
        let content = section
            .origin
            .and_then(|origin| {
                let start = usize::try_from(origin.offset).ok()?;
                let size = usize::try_from(origin.file_size).ok()?;
                self.file.get(start..start.checked_add(size)?)
            })
            .unwrap_or_default();
        let entries: &[Sym64<Endianness>] =
            slice_from_all_bytes(content).map_err(|()| odd_size(&id, content, 24))?;
        let strings = section
            .link
            .and_then(|table| sections.get(table))
            .filter(|table| table.kind == SectionKind::StrTab)
            .and_then(Section::bytes)
            .ok_or_else(|| ElfError::SectionField {
                section: id,
                field: "sh_link",
                value: section.link.map_or(0, |link| link.0.into()),
                expected: "the number of a string table".into(),
            })?;
        for (number, entry) in entries.iter().enumerate() {
            let name_offset = entry.st_name.get(e);
            let name = names.read(
                strings,
                name_offset,
                || format!("symbol {number}"),
                || unnamed(section.link.map_or(0, |link| link.0 as usize)),
            )?;
            let place = match entry.st_shndx.get(e) {
                elf::SHN_UNDEF => SymbolPlace::Undefined,
                elf::SHN_ABS => SymbolPlace::Absolute,
                elf::SHN_COMMON => SymbolPlace::Common,
                other if other.0 >= elf::SHN_LORESERVE => SymbolPlace::Other(other.0),
                section => SymbolPlace::Section(SectionIndex(section.0.into())),
            };
            symbols.push(Symbol {
                name,
                value: entry.st_value.get(e),
                size: entry.st_size.get(e),
                kind: SymbolKind::from_raw(entry.st_info.0 & 0xf),
                bind: SymbolBind::from_raw(entry.st_info.0 >> 4),
                other: entry.st_other.0,
                place,
                origin: Some(name_offset),
            });
        }
        Ok(symbols)
    }

    fn layout(&self, sections: &EntityVec<SectionIndex, Section>) -> Layout {
        let table = self.raw.e_shoff.get(self.e);
        let mut parts = vec![(table, sections.len() as u64 * SECTION_HEADER_SIZE)];
        parts.extend(
            sections
                .values()
                .filter_map(|section| section.origin)
                .filter(|origin| origin.file_size > 0)
                .map(|origin| (origin.offset, origin.file_size)),
        );
        parts.sort_unstable();
        let file_size = self.file.len() as u64;
        parts.push((file_size, 0));
        let mut gaps = Vec::new();
        let mut position = HEADER_SIZE;
        for (start, size) in parts {
            let gap = self.file.get(position as usize..start as usize).unwrap_or_default();
            if gap.iter().any(|&byte| byte != 0) {
                gaps.push((position, gap.to_vec()));
            }
            position = start.saturating_add(size);
        }
        Layout { header_table: table, file_size, gaps }
    }
}

/// Bytes of a file header.
pub(super) const HEADER_SIZE: u64 = size_of::<FileHeader64<Endianness>>() as u64;
/// Bytes of a section header.
pub(super) const SECTION_HEADER_SIZE: u64 = size_of::<SectionHeader64<Endianness>>() as u64;

fn takes_room(header: &SectionHeader64<Endianness>, e: Endianness) -> bool {
    !matches!(header.sh_type.get(e), elf::SHT_NULL | elf::SHT_NOBITS)
}

fn unnamed(index: usize) -> SectionId {
    SectionId { index: u32::try_from(index).unwrap_or(u32::MAX), name: String::new() }
}

fn odd_size(id: &SectionId, content: &[u8], entry: u64) -> ElfError {
    ElfError::SectionField {
        section: id.clone(),
        field: "sh_size",
        value: content.len() as u64,
        expected: format!("a multiple of {entry}, the size of an entry"),
    }
}
