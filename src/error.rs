//! Why an object cannot be folded.

use crate::btf::BtfError;
use crate::draft::DraftError;
use crate::elf::ElfError;
use crate::kernel::KernelError;
use crate::kernel::core::{AnswerError, CoreError};
use crate::lift::LiftError;
use crate::lower::LowerError;
use crate::object::ObjectError;
use crate::passes::pass::PassError;
use crate::prune::PruneError;
use crate::sections::RECORD;
use crate::variables::VariableError;

/// Any error of the library.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
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
    /// A variable or a value is not right.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// What is said about the parts of the object that are used is not right.
    #[error(transparent)]
    Prune(#[from] PruneError),
    /// The facts of the kernel are not right, or do not fit the object.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The object was folded before, with another value.
    #[error(
        "`{name}` cannot be set to `{value}`: this object was folded with `{folded}`, \
         start again from the object that the compiler made"
    )]
    AlreadyFolded {
        /// The variable or member.
        name: String,
        /// The value that it should get.
        value: String,
        /// The value that it has for good.
        folded: String,
    },
    /// The object was folded before, for a kernel with other types.
    #[error(
        "`{what}` is {value} in this kernel, and was {folded} in the one that this object was \
         folded for: start again from the object that the compiler made"
    )]
    OtherKernel {
        /// What was asked of the types.
        what: String,
        /// The answer of this kernel.
        value: String,
        /// The answer that the object has for good.
        folded: String,
    },
    /// The record of an earlier fold cannot be read.
    #[error("{section}: {problem}, expected the record that bpfold writes")]
    Record {
        /// The section of the record.
        section: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// CO-RE relocations cannot be resolved.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// A pass broke the program: a bug.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// The checker refuses a function that was not changed: a bug.
    #[error("the checker refuses {function}, which was not changed: {reason}")]
    Unproven {
        /// The function.
        function: String,
        /// Why.
        reason: String,
    },
    /// What was written does not say what was proven: a bug.
    #[error("what is written differs from what was proven, at {section}{}: {problem}", at(.offset))]
    Written {
        /// A section of the result.
        section: String,
        /// Bytes from its start.
        offset: Option<u64>,
        /// What differs.
        problem: String,
    },
    /// The result cannot be written.
    #[error(transparent)]
    Lower(#[from] LowerError),
}

fn at(offset: &Option<u64>) -> String {
    offset.map_or(String::new(), |offset| format!(" + {offset:#x}"))
}

impl From<ObjectError> for Error {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Elf(error) => error.into(),
            ObjectError::Btf(error) => error.into(),
            ObjectError::SeveralSections { what, name, count } => {
                Error::SeveralSections { what, name, count }
            }
            ObjectError::Lift(error) => error.into(),
        }
    }
}

impl From<DraftError> for Error {
    fn from(error: DraftError) -> Self {
        match error {
            DraftError::Elf(error) => error.into(),
            DraftError::Btf(error) => error.into(),
        }
    }
}

impl From<AnswerError> for Error {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Core(error) => error.into(),
            AnswerError::Differs { what, value, folded } => {
                Self::OtherKernel { what, value, folded }
            }
            AnswerError::NoQuestion { .. } => {
                Self::Record { section: RECORD, problem: error.to_string() }
            }
        }
    }
}
