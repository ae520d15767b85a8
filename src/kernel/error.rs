//! What can be wrong with the facts of a kernel, or does not fit the object.

use crate::btf::BtfError;
use crate::report::Location;

/// Why the facts of a kernel cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// Not a version.
    #[error("`{text}` is no kernel version, expected one like 6.1.192")]
    Version {
        /// What was given.
        text: String,
    },
    /// A configuration that is compressed and damaged, or too long.
    #[error("configuration: {problem}")]
    Gzip {
        /// What is wrong.
        problem: String,
    },
    /// A line of a configuration that is not right.
    #[error("configuration, line {line}: `{text}` has no {missing}, expected CONFIG_NAME=VALUE")]
    KconfigLine {
        /// The line, from 1.
        line: usize,
        /// Its text.
        text: String,
        /// `=` or `value`.
        missing: &'static str,
    },
    /// A file without a line of a configuration.
    #[error(
        "configuration: no line begins with CONFIG_, expected a kernel's configuration such as \
         /boot/config-VERSION"
    )]
    NoKconfig,
    /// A line of a list of symbols that is not right.
    #[error("kernel symbols, line {line}: `{text}`, expected ADDRESS TYPE NAME")]
    KallsymsLine {
        /// The line, from 1; 1 too if there is none.
        line: usize,
        /// Its text.
        text: String,
    },
    /// A file without types.
    #[error("types of {name}: {problem}, expected BTF or an ELF file with a section .BTF")]
    NoBtf {
        /// `vmlinux` or the module.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// Types that are damaged.
    #[error("types of {name}: {source}")]
    Btf {
        /// `vmlinux` or the module.
        name: String,
        /// What is wrong.
        source: BtfError,
    },
    /// A `.kconfig` variable of a type that loaders do not fill in.
    #[error(
        "`{name}` has type {type_name}, expected bool, enum libbpf_tristate, an integer or an \
         array of char"
    )]
    ExternType {
        /// The variable.
        name: String,
        /// Its type as C writes it.
        type_name: String,
    },
    /// A value of the configuration that does not fit the variable's type.
    #[error("`{name}` is {value} in the kernel, {problem} (its type is {type_name})")]
    ExternValue {
        /// The variable.
        name: String,
        /// The value as the configuration has it.
        value: String,
        /// The variable's type as C writes it.
        type_name: String,
        /// Why it does not fit.
        problem: &'static str,
    },
    /// A `.kconfig` variable that is used, is not weak, and that the kernel does not set.
    #[error("`{name}` is not set in the kernel, is not __weak, and is used: {at}")]
    NotSet {
        /// The variable.
        name: String,
        /// An instruction that uses it after folding.
        at: Box<Location>,
    },
}
