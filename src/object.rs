//! A BPF object: the ELF file, its type information and the program in it.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::Error;
use crate::btf::{Btf, BtfExt, Linkage};
use crate::elf::{
    ElfObject, R_BPF_64_32, R_BPF_64_ABS32, R_BPF_DATA_32, Reloc, Section, SectionData,
    SectionIndex, SectionKind, SymbolKind, SymbolPlace,
};
use crate::lift::{Hints, Lifted, Links, is_stale_with_code, lift_with_hints};
use crate::passes::ir::Program;
use crate::record::{FoldedWith, Record};
use crate::variables::{Input, SectionInput, SymbolInput, Variables};

/// Section of the type information.
pub(crate) const BTF: &str = ".BTF";
/// Section of the records of instructions.
pub(crate) const BTF_EXT: &str = ".BTF.ext";

/// A BPF object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub(crate) elf: ElfObject,
    pub(crate) btf: Option<Btf>,
    pub(crate) ext: Option<BtfExt>,
    pub(crate) lifted: Lifted,
    file_size: u64,
    /// The directory that source paths are told from.
    source_root: String,
}

impl Object {
    /// Reads an object file.
    ///
    /// # Errors
    /// What is damaged or not supported, by name.
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        Self::of(ElfObject::parse(file)?, file.len(), &Hints::default())
    }

    /// An object of so many bytes of which more is known than it tells.
    pub(crate) fn of(elf: ElfObject, size: usize, hints: &Hints) -> Result<Self, Error> {
        let bytes = |name| elf.sections.get(elf.section_by_name(name)?)?.bytes();
        let btf = bytes(BTF).map(Btf::parse).transpose()?;
        // libbpf ignores .BTF.ext without .BTF (`bpf_object__init_btf`).
        let ext = match (&btf, bytes(BTF_EXT)) {
            (Some(btf), Some(bytes)) => Some(BtfExt::parse(bytes, btf)?),
            _ => None,
        };
        let lifted = lift_with_hints(&elf, btf.as_ref(), ext.as_ref(), hints)?;
        Ok(Self { elf, btf, ext, lifted, file_size: size as u64, source_root: String::new() })
    }

    /// Tells the paths of source files that lie in a directory from there, in reports: compilers
    /// write them as they were given, which is often from the root.
    #[must_use]
    pub fn with_source_root(mut self, directory: &str) -> Self {
        self.source_root = directory.trim_end_matches('/').to_owned();
        self
    }

    /// A path of line_info as reports have it.
    #[must_use]
    pub fn source_path<'p>(&self, path: &'p str) -> &'p str {
        let rest = match self.source_root.as_str() {
            "" => None,
            root => path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')),
        };
        let mut path = rest.unwrap_or(path);
        while let Some(rest) = path.strip_prefix("./") {
            path = rest.trim_start_matches('/');
        }
        path
    }

    /// The ELF file.
    pub fn elf(&self) -> &ElfObject {
        &self.elf
    }

    /// Bytes of the file.
    pub fn file_size(&self) -> u64 {
        self.file_size
    }

    /// The types, if the object has any.
    pub fn btf(&self) -> Option<&Btf> {
        self.btf.as_ref()
    }

    /// What the types say about instructions, if the object has it.
    pub fn btf_ext(&self) -> Option<&BtfExt> {
        self.ext.as_ref()
    }

    /// The read-only variables, with what is known of their values without asking anybody.
    ///
    /// # Errors
    /// A variable that reaches beyond its section.
    pub fn variables(&self) -> Result<Variables<'_>, Error> {
        // A name that is not UTF-8 cannot be asked for.
        let text = |name| std::str::from_utf8(name).unwrap_or_default();
        let data: Vec<(SectionIndex, &Section)> =
            self.elf.sections.iter().filter(|(_, section)| holds_data(section)).collect();
        let mut seen = BTreeSet::new();
        let names = self.elf.sections.values().map(|section| &section.name);
        let several: BTreeSet<&Vec<u8>> = names.filter(|name| !seen.insert(*name)).collect();
        let sections = data.iter().map(|(index, section)| SectionInput {
            index: *index,
            name: text(&section.name),
            is_unique: !several.contains(&section.name),
            data: section.bytes().unwrap_or_default(),
            relocated: self.elf.relocations_for(*index).map(relocated).collect(),
        });
        let named = self
            .elf
            .symbols
            .values()
            .filter(|symbol| matches!(symbol.kind, SymbolKind::Object | SymbolKind::None))
            .filter(|symbol| !symbol.name.is_empty());
        let symbols = named.map(|symbol| SymbolInput {
            name: text(&symbol.name),
            section: data.iter().position(|(index, _)| symbol.section() == Some(*index)),
            offset: symbol.value,
            size: symbol.size,
            linkage: match symbol.place {
                SymbolPlace::Undefined => Linkage::Extern,
                _ if symbol.is_global() => Linkage::Global,
                _ => Linkage::Static,
            },
        });
        Ok(Variables::collect(&Input {
            order: self.elf.endian.into(),
            btf: self.btf.as_ref(),
            sections: sections.collect(),
            symbols: symbols.collect(),
        })?)
    }

    /// What the object was folded with before; empty if it never was.
    ///
    /// # Errors
    /// A record that cannot be read.
    pub fn folded_with(&self) -> Result<Vec<FoldedWith>, Error> {
        Ok(Record::read(&self.elf)?.rows())
    }

    /// The code with what ties it to the file.
    pub fn lifted(&self) -> &Lifted {
        &self.lifted
    }

    /// The code.
    pub fn program(&self) -> &Program {
        &self.lifted.program
    }

    /// What the entities of the program stand for.
    pub fn links(&self) -> &Links {
        &self.lifted.links
    }
}

/// Whether variables can be in a section.
fn holds_data(section: &Section) -> bool {
    let kind = matches!(section.kind, SectionKind::ProgBits | SectionKind::NoBits);
    let data = matches!(section.data, SectionData::Bytes(_) | SectionData::NoBits(_));
    kind && data && section.is_alloc() && !section.is_code() && !is_stale_with_code(section)
}

/// The bytes of a section of data that a relocation fills in.
fn relocated(reloc: &Reloc) -> Range<u64> {
    let size = match reloc.r_type {
        R_BPF_64_32 | R_BPF_64_ABS32 | R_BPF_DATA_32 => 4,
        _ => 8,
    };
    reloc.offset..reloc.offset.saturating_add(size)
}
