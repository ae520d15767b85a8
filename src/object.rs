//! A BPF object: the ELF file, its type information and the program in it.

use crate::Error;
use crate::btf::{Btf, BtfExt};
use crate::elf::ElfObject;
use crate::lift::{Lifted, Links, lift};
use crate::passes::ir::Program;

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
}

impl Object {
    /// Reads an object file.
    ///
    /// # Errors
    /// What is damaged or not supported, by name.
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        let elf = ElfObject::parse(file)?;
        let bytes = |name| elf.sections.get(elf.section_by_name(name)?)?.bytes();
        let btf = bytes(BTF).map(Btf::parse).transpose()?;
        // libbpf ignores .BTF.ext without .BTF (`bpf_object__init_btf`).
        let ext = match (&btf, bytes(BTF_EXT)) {
            (Some(btf), Some(bytes)) => Some(BtfExt::parse(bytes, btf)?),
            _ => None,
        };
        let lifted = lift(&elf, btf.as_ref(), ext.as_ref())?;
        Ok(Self { elf, btf, ext, lifted })
    }

    /// The ELF file.
    pub fn elf(&self) -> &ElfObject {
        &self.elf
    }

    /// The types, if the object has any.
    pub fn btf(&self) -> Option<&Btf> {
        self.btf.as_ref()
    }

    /// What the types say about instructions, if the object has it.
    pub fn btf_ext(&self) -> Option<&BtfExt> {
        self.ext.as_ref()
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
