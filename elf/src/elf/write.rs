//! From the model to bytes.

use bpfold_passes::entity::Entity;
use object::elf::{
    self, FileHeader64, Ident, Rel64, Rela64, SectionHeader64, Sym64, SymbolInfo, SymbolOther,
    SymbolSection,
};
use object::pod::bytes_of;
use object::{Endianness, I64, U16, U32, U64};

use super::error::ElfError;
use super::read::{HEADER_SIZE, SECTION_HEADER_SIZE};
use super::section::{Section, SectionData, SectionIndex, SectionInfo};
use super::strings::Strings;
use super::symbol::SymbolPlace;
use super::{ElfObject, Reloc};

/// The section header table is aligned to this when a file is laid out anew.
const HEADER_TABLE_ALIGN: u64 = 8;

impl ElfObject {
    /// Writes the object. The same model gives the same bytes.
    ///
    /// # Errors
    /// When an edit left the model in a state that cannot be written: a number that names
    /// no section or symbol, a relocation outside its section, a name with a zero byte.
    pub fn write(&self) -> Result<Vec<u8>, ElfError> {
        self.validate()?;
        let strings = Strings::new(self)?;
        let contents = self.contents(&strings);
        let plan = Plan::new(self, &contents);
        let mut file = vec![0; plan.file_size as usize];
        put(&mut file, 0, bytes_of(&self.file_header(&plan)));
        for (index, section) in self.sections.iter() {
            let position = index.index();
            let (Some(content), Some(&offset)) =
                (contents.get(position), plan.offsets.get(position))
            else {
                continue;
            };
            put(&mut file, offset, content);
            let header = self.section_header(
                section,
                strings.sections.get(position).copied().unwrap_or(0),
                offset,
                content.len() as u64,
            );
            let at = plan.header_table + position as u64 * SECTION_HEADER_SIZE;
            put(&mut file, at, bytes_of(&header));
        }
        for (offset, bytes) in plan.gaps {
            put(&mut file, *offset, bytes);
        }
        Ok(file)
    }

    /// The bytes of each section in the file.
    fn contents(&self, strings: &Strings) -> Vec<Vec<u8>> {
        self.sections
            .iter()
            .map(|(index, section)| match &section.data {
                SectionData::Bytes(bytes) => bytes.clone(),
                SectionData::NoBits(_) => Vec::new(),
                SectionData::Symbols => self.symbol_bytes(strings),
                SectionData::Relocations(relocs) => self.relocation_bytes(relocs),
                SectionData::Strings(bytes) => strings
                    .tables
                    .iter()
                    .find(|(table, _)| *table == index)
                    .map_or_else(|| bytes.clone(), |(_, rebuilt)| rebuilt.clone()),
            })
            .collect()
    }

    fn symbol_bytes(&self, strings: &Strings) -> Vec<u8> {
        let e: Endianness = self.endian.into();
        let mut bytes = Vec::with_capacity(self.symbols.len() * 24);
        for (symbol, &name) in self.symbols.values().zip(&strings.symbols) {
            let place = match symbol.place {
                SymbolPlace::Undefined => elf::SHN_UNDEF,
                SymbolPlace::Absolute => elf::SHN_ABS,
                SymbolPlace::Common => elf::SHN_COMMON,
                // `validate` keeps the count of sections below 0xff00.
                SymbolPlace::Section(section) => SymbolSection(section.0 as u16),
                SymbolPlace::Other(number) => SymbolSection(number),
            };
            let entry = Sym64 {
                st_name: U32::new(e, name),
                st_info: SymbolInfo((symbol.bind.raw() << 4) | symbol.kind.raw()),
                st_other: SymbolOther(symbol.other),
                st_shndx: U16::new(e, place),
                st_value: U64::new(e, symbol.value),
                st_size: U64::new(e, symbol.size),
            };
            bytes.extend_from_slice(bytes_of(&entry));
        }
        bytes
    }

    fn relocation_bytes(&self, relocs: &[Reloc]) -> Vec<u8> {
        let e: Endianness = self.endian.into();
        let mut bytes = Vec::with_capacity(relocs.len() * 24);
        for reloc in relocs {
            let r_offset = U64::new(e, reloc.offset);
            let r_info = U64::new(e, (u64::from(reloc.symbol.0) << 32) | u64::from(reloc.r_type));
            match reloc.addend {
                None => bytes.extend_from_slice(bytes_of(&Rel64 { r_offset, r_info })),
                Some(addend) => bytes.extend_from_slice(bytes_of(&Rela64 {
                    r_offset,
                    r_info,
                    r_addend: I64::new(e, addend),
                })),
            }
        }
        bytes
    }

    fn file_header(&self, plan: &Plan<'_>) -> FileHeader64<Endianness> {
        let e: Endianness = self.endian.into();
        let header = &self.header;
        FileHeader64 {
            e_ident: Ident {
                magic: elf::ELFMAG,
                class: elf::ELFCLASS64,
                data: match e {
                    Endianness::Little => elf::ELFDATA2LSB,
                    Endianness::Big => elf::ELFDATA2MSB,
                },
                version: elf::EV_CURRENT,
                os_abi: elf::OsAbi(header.os_abi),
                abi_version: header.abi_version,
                padding: header.ident_padding,
            },
            e_type: U16::new(e, elf::FileType(header.e_type)),
            e_machine: U16::new(e, elf::Machine(header.machine)),
            e_version: U32::new(e, header.version),
            e_entry: U64::new(e, header.entry),
            e_phoff: U64::new(e, header.program_header_offset),
            e_shoff: U64::new(e, plan.header_table),
            e_flags: U32::new(e, elf::FileFlags(header.flags)),
            e_ehsize: U16::new(e, HEADER_SIZE as u16),
            e_phentsize: U16::new(e, header.program_header_size),
            e_phnum: U16::new(e, 0),
            e_shentsize: U16::new(e, SECTION_HEADER_SIZE as u16),
            e_shnum: U16::new(e, self.sections.len() as u16),
            e_shstrndx: U16::new(
                e,
                SymbolSection(self.section_names.map_or(0, |index| index.0 as u16)),
            ),
        }
    }

    fn section_header(
        &self,
        section: &Section,
        name: u32,
        offset: u64,
        file_size: u64,
    ) -> SectionHeader64<Endianness> {
        let e: Endianness = self.endian.into();
        let info = match section.info {
            SectionInfo::Number(number) => number,
            SectionInfo::Section(section) => section.0,
            SectionInfo::FirstGlobal(symbol) => symbol.0,
        };
        let size = match section.data {
            SectionData::NoBits(size) => size,
            _ => file_size,
        };
        SectionHeader64 {
            sh_name: U32::new(e, name),
            sh_type: U32::new(e, elf::SectionType(section.kind.raw())),
            sh_flags: U64::new(e, elf::SectionFlags(section.flags)),
            sh_addr: U64::new(e, section.addr),
            sh_offset: U64::new(e, offset),
            sh_size: U64::new(e, size),
            sh_link: U32::new(e, section.link.map_or(0, |link| link.0)),
            sh_info: U32::new(e, info),
            sh_addralign: U64::new(e, section.addralign),
            sh_entsize: U64::new(e, section.entsize),
        }
    }
}

/// Where each part goes, in bytes from the start of the file.
struct Plan<'object> {
    offsets: Vec<u64>,
    header_table: u64,
    file_size: u64,
    gaps: &'object [(u64, Vec<u8>)],
}

impl<'object> Plan<'object> {
    fn new(object: &'object ElfObject, contents: &[Vec<u8>]) -> Self {
        Self::as_it_was(object, contents).unwrap_or_else(|| Self::anew(object, contents))
    }

    /// The places of the file that was read, if every section still fits its own exactly.
    fn as_it_was(object: &'object ElfObject, contents: &[Vec<u8>]) -> Option<Self> {
        let layout = &object.layout;
        let offsets = object
            .sections
            .values()
            .zip(contents)
            .map(|(section, content)| {
                let origin = section.origin?;
                (origin.file_size == content.len() as u64).then_some(origin.offset)
            })
            .collect::<Option<_>>()?;
        Some(Self {
            offsets,
            header_table: layout.header_table,
            file_size: layout.file_size,
            gaps: &layout.gaps,
        })
    }

    /// The order of the file that was read, new sections after the old ones, each at its
    /// own alignment. The header table keeps its place in that order, or comes last.
    fn anew(object: &'object ElfObject, contents: &[Vec<u8>]) -> Self {
        let mut order: Vec<SectionIndex> = object.sections.keys().skip(1).collect();
        order.sort_by_key(|&index| {
            let origin = object.sections.get(index).and_then(|section| section.origin);
            (origin.map_or(u64::MAX, |origin| origin.offset), index)
        });
        let table_first = |index: SectionIndex| {
            let origin = object.sections.get(index).and_then(|section| section.origin);
            origin.is_some_and(|origin| origin.offset > object.layout.header_table)
        };
        let mut position = HEADER_SIZE;
        let mut header_table = None;
        let table_size = object.sections.len() as u64 * SECTION_HEADER_SIZE;
        let place_table = |position: &mut u64| {
            let start = position.next_multiple_of(HEADER_TABLE_ALIGN);
            *position = start + table_size;
            start
        };
        let mut offsets = vec![0; object.sections.len()];
        for index in order {
            if header_table.is_none() && table_first(index) {
                header_table = Some(place_table(&mut position));
            }
            let at = index.index();
            let size = contents.get(at).map_or(0, |content| content.len() as u64);
            let align = object.sections.get(index).map_or(1, |section| section.addralign.max(1));
            position = position.next_multiple_of(align);
            if let Some(offset) = offsets.get_mut(at) {
                *offset = position;
            }
            position += size;
        }
        let header_table = header_table.unwrap_or_else(|| place_table(&mut position));
        Self { offsets, header_table, file_size: position, gaps: &[] }
    }
}

fn put(file: &mut [u8], offset: u64, bytes: &[u8]) {
    let start = offset as usize;
    if bytes.is_empty() {
        return;
    }
    if let Some(place) = file.get_mut(start..start.saturating_add(bytes.len())) {
        place.copy_from_slice(bytes);
    }
}
