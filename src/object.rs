//! A BPF object: the ELF file, its type information and the program in it.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::btf::{Btf, BtfError, BtfExt, Kind, Linkage, Type};
use crate::elf::{
    ElfError, ElfObject, R_BPF_64_32, R_BPF_64_ABS32, R_BPF_DATA_32, Reloc, Section, SectionData,
    SectionIndex, SectionKind, SymbolKind, SymbolPlace,
};
use crate::lift::{Hints, LiftError, Lifted, Links, lift_with_hints};
use crate::passes::ir::Program;
use crate::sections::{BTF, BTF_EXT, is_stale_with_code};
use crate::variables::{Input, SectionInput, SymbolInput, VariableError, Variables};

/// Why an object cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// The ELF file is damaged or not supported.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// The type information is damaged or not supported.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// Several sections have a name of which loaders take one.
    #[error(
        "there are {count} {what} called {name}, where loaders look for one: link the object again, \
         with `bpftool gen object` or with names of their own"
    )]
    SeveralSections {
        /// What there are several of: sections, or DATASECs of the types.
        what: &'static str,
        /// Their name.
        name: &'static str,
        /// How many.
        count: usize,
    },
    /// The code is damaged.
    #[error(transparent)]
    Lift(#[from] LiftError),
}

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
    pub fn parse(file: &[u8]) -> Result<Self, ObjectError> {
        Self::of(ElfObject::parse(file)?, file.len(), &Hints::default())
    }

    /// An object of so many bytes of which more is known than it tells.
    pub(crate) fn of(elf: ElfObject, size: usize, hints: &Hints) -> Result<Self, ObjectError> {
        check_sections(&elf)?;
        let bytes = |name| elf.sections.get(elf.section_by_name(name)?)?.bytes();
        let btf = bytes(BTF).map(Btf::parse).transpose()?;
        // libbpf ignores .BTF.ext without .BTF (`bpf_object__init_btf`).
        let ext = match (&btf, bytes(BTF_EXT)) {
            (Some(btf), Some(bytes)) => Some(BtfExt::parse(bytes, btf)?),
            _ => None,
        };
        btf.as_ref().map_or(Ok(()), check_datasecs)?;
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
    pub fn variables(&self) -> Result<Variables<'_>, VariableError> {
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
        Variables::collect(&Input {
            order: self.elf.endian.into(),
            btf: self.btf.as_ref(),
            sections: sections.collect(),
            symbols: symbols.collect(),
        })
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

/// Sections that loaders find by their names (`bpf_object__elf_collect` of libbpf takes the last,
/// cilium/ebpf the first): what another one holds would be lost. Data sections are told apart by
/// their numbers.
const UNIQUE_SECTIONS: [&str; 3] = [BTF, BTF_EXT, ".maps"];

/// DATASECs that are no sections, or hold what is found by its name.
const UNIQUE_DATASECS: [&str; 3] = [".maps", ".kconfig", ".ksyms"];

fn check_sections(elf: &ElfObject) -> Result<(), ObjectError> {
    for name in UNIQUE_SECTIONS {
        let named = elf.sections.values().filter(|section| section.name == name.as_bytes());
        let count = named.count();
        if count > 1 {
            return Err(ObjectError::SeveralSections { what: "sections", name, count });
        }
    }
    Ok(())
}

fn check_datasecs(btf: &Btf) -> Result<(), ObjectError> {
    for name in UNIQUE_DATASECS {
        let is_named = |ty: &Type| matches!(ty.kind, Kind::DataSec(_)) && btf.str(ty.name) == name;
        let count = btf.own_types().filter(|(_, ty)| is_named(ty)).count();
        if count > 1 {
            return Err(ObjectError::SeveralSections { what: "DATASECs", name, count });
        }
    }
    Ok(())
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
