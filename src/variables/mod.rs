//! Read-only variables: their names, types and values, and which of their bits are final.
//!
//! Variables come from the DATASECs of BTF and, where BTF says nothing, from ELF symbols.
//! Userspace gives values by [`Variables::set`] and [`Variables::freeze`]; the result is, for
//! each read-only section, its bytes and a mask of the bits that no one can change any more
//! ([`Variables::finality`]). A bit is final when
//!
//! - the user set it, or froze it as it is stored, or
//! - nobody can be meant to set it: a static variable that is `const` and nowhere `volatile`,
//!   bytes that no variable covers, and what the compiler put into `.rodata.cst*` and
//!   `.rodata.str*`.
//!
//! Bits under a data relocation are never final. This module knows nothing of ELF: sections and
//! symbols come in as [`SectionInput`] and [`SymbolInput`].

mod bits;
mod collect;
mod encode;
mod error;
mod expression;
mod finality;
mod image;
mod lex;
mod number;
mod path;
mod place;
mod rows;
mod value;

use std::ops::Range;

pub use collect::is_read_only;
pub use error::VariableError;
pub(crate) use finality::SetValue;
pub use finality::{FinalBytes, Finality, FoldedValue, Overridden, Provenance};
pub use object::Endianness;
pub use rows::Row;
pub use value::Value;

use crate::btf::{Btf, Linkage, TypeId};
use crate::elf::SectionIndex;

/// A section with data, read-only or not.
#[derive(Clone, Debug)]
pub struct SectionInput<'a> {
    /// Its number in the object.
    pub index: SectionIndex,
    /// Its name.
    pub name: &'a str,
    /// No other section of the object has its name.
    pub is_unique: bool,
    /// Its bytes; empty for `.bss`.
    pub data: &'a [u8],
    /// The byte ranges that relocations of this section fill in.
    pub relocated: Vec<Range<u64>>,
}

/// A symbol that names data: `STT_OBJECT`, or `STT_NOTYPE` in a section of data.
#[derive(Clone, Debug)]
pub struct SymbolInput<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its section's place in the list of [`SectionInput`]s; none if it is undefined or its
    /// section is not in that list.
    pub section: Option<usize>,
    /// Its offset in bytes in the section.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Local is static, global and weak are global, undefined is extern.
    pub linkage: Linkage,
}

/// What [`Variables::collect`] reads.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The object's byte order.
    pub order: Endianness,
    /// Its .BTF.
    pub btf: Option<&'a Btf>,
    /// Its sections of data, in the object's order.
    pub sections: Vec<SectionInput<'a>>,
    /// Its symbols, in the object's order.
    pub symbols: Vec<SymbolInput<'a>>,
}

/// A read-only variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name: static variables of functions are called `function.name`.
    pub name: String,
    /// The name of its section.
    pub section: String,
    /// The number of its section.
    pub section_at: SectionIndex,
    /// Its offset in bytes in the section.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Its VAR, if BTF describes it.
    pub var: Option<TypeId>,
    /// Its type, if BTF describes it.
    pub ty: Option<TypeId>,
    /// Its type as C writes it, if BTF describes it.
    pub type_name: Option<String>,
    /// `volatile` is somewhere in its type: its own, its elements' or its members', but not
    /// that of what pointers point to.
    pub is_volatile: bool,
    /// Its type, or its elements' type, is `const`.
    pub is_const: bool,
    /// Its linkage.
    pub linkage: Linkage,
    /// The source marks it as known when the object is built: the mark's description, which
    /// can be empty.
    pub mark: Option<String>,
    /// Place of its section in `Variables::sections`.
    section_index: usize,
    /// No other variable has its name.
    is_unique: bool,
}

impl Variable {
    /// A static constant without `volatile`: the compiler may have used its value already.
    #[must_use]
    pub fn is_compile_time(&self) -> bool {
        self.linkage == Linkage::Static && self.is_const && !self.is_volatile
    }

    /// Whether the compiler made it, or has used its value already: nobody can be meant to set
    /// it. Without BTF its name tells, as of the format strings of `bpf_printk`.
    #[must_use]
    pub fn is_compiler_made(&self) -> bool {
        let name = self.name.as_str();
        let by_name = name.contains("____fmt")
            || name.starts_with("__const.")
            || name.starts_with("switch.table")
            || name.starts_with("anon.")
            || name.starts_with("str.");
        self.is_compile_time() || by_name && !self.is_volatile
    }

    /// Its offsets in bytes in the section.
    #[must_use]
    pub fn bytes(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.size)
    }
}

/// A name that cannot be set.
#[derive(Clone, Debug)]
struct Unsettable {
    name: String,
    /// The writable section; none for externs.
    section: Option<String>,
    /// It is in a read-only section, but where is not known.
    unplaced: Option<Unplaced>,
}

/// Why it is not known where a variable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplaced {
    /// The object has no symbol for it, or several.
    NoSymbol,
    /// Several sections have the name of its section, and no symbol tells in which it is.
    SharedName,
}

impl std::fmt::Display for Unplaced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unplaced::NoSymbol => "the object has no symbol for it that tells",
            Unplaced::SharedName => {
                "several sections have this name, and no symbol tells in which of them it is"
            }
        })
    }
}

/// The read-only variables of an object, and what has been decided about them.
#[derive(Clone, Debug)]
pub struct Variables<'a> {
    order: Endianness,
    btf: Option<&'a Btf>,
    sections: Vec<finality::SectionState>,
    variables: Vec<Variable>,
    unsettable: Vec<Unsettable>,
    sets: Vec<finality::SetRecord>,
}

impl Variables<'_> {
    /// The variables, by section and offset.
    pub fn iter(&self) -> std::slice::Iter<'_, Variable> {
        self.variables.iter()
    }

    /// The read-only sections, in the object's order.
    pub fn sections(&self) -> impl Iterator<Item = SectionIndex> {
        self.sections.iter().map(|section| section.index)
    }

    /// The names of the read-only sections, in the object's order.
    pub fn section_names(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(|section| section.name.as_str())
    }
}

impl<'v> IntoIterator for &'v Variables<'_> {
    type Item = &'v Variable;
    type IntoIter = std::slice::Iter<'v, Variable>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
