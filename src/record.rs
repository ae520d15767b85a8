//! The record of what an object was folded with.
//!
//! It is JSON in a section that every loader skips without a word: libbpf's
//! `ignore_elf_section`, aya and cilium/ebpf pass over `.debug_*`. `llvm-strip -g` takes it
//! away, and with it the protection against folding with other values.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::elf::ElfObject;
use crate::kernel::core::Answers;

/// Name of the section.
pub(crate) const SECTION: &str = ".debug_bpfold";

/// A value that an object was folded with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// Whether two values are spelled the same, or are the same integer.
pub(crate) fn same_value(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim(), b.trim());
    a == b || integer(a).is_some_and(|number| Some(number) == integer(b))
}

fn integer(text: &str) -> Option<i128> {
    match text {
        "true" => return Some(1),
        "false" => return Some(0),
        _ => {}
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let number = if let Some(hex) = lower.strip_prefix("0x") {
        i128::from_str_radix(hex, 16)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        i128::from_str_radix(binary, 2)
    } else if lower.len() > 1 && lower.starts_with('0') {
        i128::from_str_radix(&lower, 8)
    } else {
        lower.parse()
    };
    number.ok().map(|number| if negative { -number } else { number })
}
