//! The types of a kernel or a module, read when they are first needed.

use std::sync::{Arc, OnceLock};

use object::Endianness;
use object::read::elf::ElfFile64;
use object::read::{Object as _, ObjectSection as _};

use super::KernelError;
use crate::btf::Btf;

/// Types that have not been read yet, or have.
#[derive(Debug)]
pub(super) struct LazyBtf {
    name: String,
    file: Vec<u8>,
    parsed: OnceLock<Result<Arc<Btf>, KernelError>>,
}

impl LazyBtf {
    pub fn new(name: &str, file: Vec<u8>) -> Self {
        Self { name: name.to_owned(), file, parsed: OnceLock::new() }
    }

    /// The types; `base` are those that they continue.
    pub fn get(&self, base: Option<&Arc<Btf>>) -> Result<Arc<Btf>, KernelError> {
        self.parsed.get_or_init(|| self.parse(base)).clone()
    }

    /// What tells the types from those of another kernel: a checksum and the number of bytes.
    pub fn identity(&self) -> Result<String, KernelError> {
        let mut crc = flate2::Crc::new();
        crc.update(self.section()?);
        Ok(format!("{:08x}-{}", crc.sum(), crc.amount()))
    }

    fn parse(&self, base: Option<&Arc<Btf>>) -> Result<Arc<Btf>, KernelError> {
        let bytes = self.section()?;
        let parsed = match base {
            Some(base) => Btf::parse_split(bytes, base.clone()),
            None => Btf::parse(bytes),
        };
        let damaged = |source| KernelError::Btf { name: self.name.clone(), source };
        parsed.map(Arc::new).map_err(damaged)
    }

    /// The bytes of .BTF: the whole file, unless it is an ELF file.
    fn section(&self) -> Result<&[u8], KernelError> {
        if !self.file.starts_with(&object::elf::ELFMAG) {
            return Ok(&self.file);
        }
        let none = |problem: String| KernelError::NoBtf { name: self.name.clone(), problem };
        let elf = ElfFile64::<Endianness>::parse(self.file.as_slice())
            .map_err(|error| none(error.to_string()))?;
        let section = elf.section_by_name(".BTF");
        let section = section.ok_or_else(|| none("no section .BTF".to_owned()))?;
        section.data().map_err(|error| none(error.to_string()))
    }
}
