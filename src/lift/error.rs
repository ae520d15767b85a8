//! What can be wrong with code.

use crate::elf::SectionId;

/// Damage to code, or to what names it, that every loader refuses. Offsets are in bytes from
/// the start of the named section.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LiftError {
    /// A section of code that ends within a slot.
    #[error("{section}: {size} bytes of code, expected a multiple of 8")]
    CodeSize {
        /// The section.
        section: SectionId,
        /// Its size.
        size: usize,
    },
    /// An `ldimm64` whose second half is missing.
    #[error(
        "{section}, offset {offset:#x}: ldimm64 takes 16 bytes, the section ends after the first 8"
    )]
    HalfLdImm64 {
        /// The section.
        section: SectionId,
        /// Where the instruction starts.
        offset: u64,
    },
    /// A jump or a call to a place outside of the section.
    #[error(
        "{section}, offset {offset:#x}: {what} to offset {target:#x}, \
         expected one in the {size:#x} bytes of {to}"
    )]
    Target {
        /// The section.
        section: SectionId,
        /// Where the instruction is.
        offset: u64,
        /// What kind of reference.
        what: &'static str,
        /// Where it leads.
        target: i64,
        /// The section that it leads to.
        to: SectionId,
        /// The size of that section.
        size: u64,
    },
    /// Something that belongs to an instruction lies where no instruction starts.
    #[error("{section}, offset {offset:#x}: {what} is not at the start of an instruction")]
    NotAnInstruction {
        /// The section of code.
        section: SectionId,
        /// The offset in it.
        offset: u64,
        /// What lies there.
        what: String,
    },
    /// A function's symbol that ends outside of its section or within a slot.
    #[error(
        "{section}, offset {offset:#x}: function {name} has {size:#x} bytes, \
         expected a multiple of 8 that ends in the section"
    )]
    FunctionSize {
        /// The section.
        section: SectionId,
        /// Where the function starts.
        offset: u64,
        /// Its name.
        name: String,
        /// Its size.
        size: u64,
    },
    /// A relocation of code that carries its addend itself (SHT_RELA). No loader reads those.
    #[error(
        "{section}, offset {offset:#x}: relocation with an addend of its own, expected SHT_REL"
    )]
    Addend {
        /// The section that is relocated.
        section: SectionId,
        /// The place that is relocated.
        offset: u64,
    },
    /// A stored address of code that is not the address of an instruction.
    #[error("{section}, offset {offset:#x}: code address {target:#x} is no instruction of {to}")]
    Address {
        /// The section that holds the address.
        section: SectionId,
        /// Where it holds it.
        offset: u64,
        /// The address: an offset into `to`.
        target: i64,
        /// The section of code.
        to: SectionId,
    },
}
