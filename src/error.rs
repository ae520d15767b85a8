//! Why an object cannot be folded.

use crate::btf::BtfError;
use crate::elf::ElfError;
use crate::lift::LiftError;
use crate::lower::LowerError;

/// Any error of the library.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The ELF file is damaged or not supported.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// The type information is damaged or not supported.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// The code is damaged.
    #[error(transparent)]
    Lift(#[from] LiftError),
    /// The result cannot be written.
    #[error(transparent)]
    Lower(#[from] LowerError),
}
