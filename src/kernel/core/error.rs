//! Why a CO-RE record has no value, and when that is an error.

use crate::btf::Endianness;
use crate::kernel::KernelError;
use crate::report::Location;

/// Why a record cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The target has no such type, field or enum value.
    #[error("the target kernel does not have it")]
    Missing,
    /// Several types of the target have it, at different places or with different values.
    #[error("the target kernel has several types of this name, which disagree")]
    Ambiguous,
    /// The access starts from a type without a name, which cannot be looked for.
    #[error("the type has no name to look for")]
    Anonymous,
    /// The access string does not fit the object's own type.
    #[error("the access does not fit the object's own type")]
    Access,
    /// The access, or a type on the way, nests too deep.
    #[error("the access or a type on its way nests too deep")]
    TooDeep,
    /// Something on the way has no size.
    #[error("a type on the way has no size")]
    NoSize,
    /// The field lies further from the start of its type than 2³² bits.
    #[error("the field lies too far from the start of its type")]
    Overflow,
    /// A bit-field that no aligned load of 8 bytes has as a whole.
    #[error("no load of up to 8 bytes reads the whole bit-field")]
    Bitfield,
    /// Sign or shifts of an array's element.
    #[error("elements of arrays have only an offset and a size")]
    Element,
    /// The instruction does not hold what the object's own types say.
    #[error("the instruction holds {found:#x}, the object's own types say {expected:#x}")]
    Unexpected {
        /// What it holds.
        found: u64,
        /// What it should hold.
        expected: u64,
    },
    /// An instruction that has no place for the value: gcc ties some records to moves between
    /// registers. libbpf does not load such an object (`bpf_core_patch_insn`).
    #[error("the instruction has no place for the value, loaders refuse it too")]
    Instruction,
    /// An offset that does not fit into the instruction.
    #[error("offset {offset} does not fit into the instruction, the largest is 32767")]
    OffsetTooBig {
        /// The offset in bytes.
        offset: u64,
    },
    /// The field has another size in the target, and a load of that size would not give the
    /// same value: only pointers and unsigned integers can change their size.
    #[error("the field has {new} bytes instead of {old}, and is no pointer or unsigned integer")]
    AccessSize {
        /// Bytes in the object's types.
        old: u32,
        /// Bytes in the target's types.
        new: u32,
    },
}

/// Why answers that an object was folded with cannot be compared with those of a kernel.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum AnswerError {
    /// The types are damaged.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// An answer differs.
    #[error("`{what}` is {value}, and was {folded}")]
    Differs {
        /// What was asked.
        what: String,
        /// The answer of this kernel.
        value: String,
        /// The answer that the object has.
        folded: String,
    },
    /// Something else was recorded.
    #[error("`{words}` is no question about types")]
    NoQuestion {
        /// What was recorded.
        words: String,
    },
}

impl From<KernelError> for AnswerError {
    fn from(error: KernelError) -> Self {
        Self::Core(error.into())
    }
}

/// Why CO-RE relocations cannot be resolved.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CoreError {
    /// The target's types are those of a machine with the other byte order.
    #[error("the target's BTF is {found:?}-endian, expected {expected:?}-endian as the object")]
    ByteOrder {
        /// The target's byte order.
        found: Endianness,
        /// The object's byte order.
        expected: Endianness,
    },
    /// The target's types are damaged.
    #[error(transparent)]
    Types(#[from] KernelError),
    /// A record of an instruction that is live after folding cannot be resolved.
    #[error("{what} ({kind}): {problem}: {at}")]
    Unresolvable {
        /// What it accesses: `field pid of struct task_struct`.
        what: String,
        /// What is asked of it: `byte offset`.
        kind: &'static str,
        /// Why it cannot be resolved.
        problem: Problem,
        /// The instruction.
        at: Box<Location>,
    },
}
