//! The record of what an object was folded with.
//!
//! It is JSON in a section that every loader skips without a word: libbpf's
//! `ignore_elf_section`, aya and cilium/ebpf pass over `.debug_*`. `llvm-strip -g` takes it
//! away, and with it the protection against folding with other values.

mod layout;

use serde::{Deserialize, Serialize};

use layout::Layout;

use crate::Error;
use crate::btf::Btf;
use crate::elf::ElfObject;
use crate::kernel::core::Answers;
use crate::variables::{Variable, VariableError, Variables};

/// Name of the section.
pub(crate) const SECTION: &str = ".debug_bpfold";

/// A value that an object was folded with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FoldedWith {
    /// The variable or member.
    pub name: String,
    /// Its value, as it could be set.
    pub value: String,
    /// It was frozen as it was stored, not set.
    pub frozen: bool,
    /// The variable has left the symbols and BTF: no loader can set it.
    pub sealed: bool,
    /// It is the kernel's, not a variable of the object.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kernel: bool,
}

/// What the section holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// The sealed ones first, each kind in the order of folding, then of sections.
    pub values: Vec<FoldedWith>,
    /// What was asked of the kernel's types.
    #[serde(default, skip_serializing_if = "Answers::is_empty")]
    pub types: Answers,
    /// What the sealed variables were, one for each fold that has sealed some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layouts: Vec<Layout>,
}

impl Record {
    /// The record of an object; empty if it was never folded.
    pub fn read(elf: &ElfObject) -> Result<Record, Error> {
        let section = elf.section_by_name(SECTION).and_then(|index| elf.sections.get(index));
        let Some(bytes) = section.and_then(|section| section.bytes()) else {
            return Ok(Record::default());
        };
        serde_json::from_slice(bytes)
            .map_err(|error| Error::Record { section: SECTION, problem: error.to_string() })
    }

    /// Whether the object was never folded.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.types.is_empty()
    }

    /// Everything that is in it, for people.
    pub fn rows(self) -> Vec<FoldedWith> {
        let of_kernel =
            |(name, value)| FoldedWith { name, value, frozen: false, sealed: true, kernel: true };
        let types: Vec<FoldedWith> = self.types.rows().map(of_kernel).collect();
        self.values.into_iter().chain(types).collect()
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self)
            .map_err(|error| Error::Record { section: SECTION, problem: error.to_string() })
    }

    /// Adds what variables are that have been sealed, so that [`confirm`](Self::confirm) can read
    /// values for them.
    ///
    /// # Errors
    /// Bugs.
    pub fn add_layout(
        &mut self,
        btf: Option<&Btf>,
        variables: &Variables<'_>,
        sealed: &[&Variable],
    ) -> Result<(), Error> {
        // What a loader could never set will hardly be given in other words.
        let set: Vec<&Variable> =
            sealed.iter().copied().filter(|variable| !variable.is_compile_time()).collect();
        self.layouts.extend(Layout::new(btf, variables, &set)?);
        Ok(())
    }

    /// Checks that a value is the one that an earlier fold has sealed, whatever words it is in.
    /// None if no variable that was sealed has such a path.
    ///
    /// # Errors
    /// Another value; one that does not fit the variable's type; a damaged record.
    pub fn confirm(&self, path: &str, value: &str) -> Result<Option<()>, Error> {
        let other = |folded: String| Error::AlreadyFolded {
            name: path.to_owned(),
            value: value.to_owned(),
            folded,
        };
        let sealed = self.values.iter().filter(|known| known.sealed && !known.kernel);
        let compare = |variables: &mut Variables<'_>| {
            for known in sealed.clone() {
                // Those of other layouts are not known here.
                let _ = variables.set(&known.name, &known.value);
            }
            let folded = match variables.value(path) {
                Ok(folded) => folded.to_string(),
                Err(VariableError::Unknown { .. }) => return None,
                Err(error) => return Some(Err(error.into())),
            };
            let is_whole = variables.is_path_final(path);
            Some(match variables.set(path, value) {
                Ok(()) if is_whole => Ok(Some(())),
                Ok(()) | Err(VariableError::Conflict { .. }) => Err(other(folded)),
                Err(error) => Err(error.into()),
            })
        };
        for layout in &self.layouts {
            if let Some(compared) = layout.with_variables(compare)? {
                return compared;
            }
        }
        match self.sealed(path) {
            Some(sealed) if sealed.name == path && sealed.value == value.trim() => Ok(Some(())),
            Some(sealed) => Err(other(sealed.value.clone())),
            None => Ok(None),
        }
    }

    /// The sealed value that decides about a path: that of the variable itself, or of the
    /// one that it is a member or element of.
    pub fn sealed(&self, path: &str) -> Option<&FoldedWith> {
        let holds = |name: &str| {
            let rest = path.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.values.iter().find(|value| value.sealed && holds(&value.name))
    }
}
