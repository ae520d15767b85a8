//! Parts of the object that went or stayed, and why.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::Location;

/// What kind of part it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// A program that the kernel calls.
    Program,
    /// A function that programs call.
    Subprogram,
    /// A map.
    Map,
    /// A section of data.
    Section,
    /// An undefined symbol.
    Extern,
}

/// A part of the object that is no longer in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadReport {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// What has used it: code that can no longer run, or what is dead itself.
    pub last_used_by: Vec<String>,
    /// Why that no longer does; none if the user did not name it, or nothing used it.
    pub cause: Option<Cause>,
    /// The option by which the user asked for it; none if it went by itself.
    pub asked: Option<Asked>,
}

/// By which option a program is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// `--drop` names it.
    Drop,
    /// `--entry` names others.
    Entry,
}

/// Why code can no longer run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cause {
    /// The decided branch that it lay behind.
    pub at: Location,
    /// What the branch was decided by, as `variable = value`; empty if it is not known.
    pub conditions: Vec<String>,
}

/// Bytes that were cut out of a read-only section, since nothing reads them any more. What lay
/// behind them has moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CutReport {
    /// The section's name.
    pub section: String,
    /// Its bytes before.
    pub before: u64,
    /// Its bytes after.
    pub after: u64,
    /// The bytes that went, in order.
    pub bytes: Vec<Bytes>,
    /// The constants in them.
    pub constants: Vec<ConstantReport>,
}

/// Bytes of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bytes {
    /// Where they were, from the start of the section that was read.
    pub offset: u64,
    /// How many.
    pub size: u64,
}

/// A constant that nothing reads any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConstantReport {
    /// The variable, if it is one.
    pub name: Option<String>,
    /// The string, if it is one.
    pub text: Option<String>,
    /// Where it was.
    #[serde(flatten)]
    pub bytes: Bytes,
    /// The functions whose code has read it.
    pub last_used_by: Vec<String>,
    /// Why that no longer does, if that is one branch: loads of it can have been folded as well.
    pub cause: Option<Cause>,
}

/// A map, section of data or extern that stays although no program needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeptReport {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// Why it stays.
    #[serde(flatten)]
    pub reason: KeepReason,
}

/// Why something stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "reason")]
#[non_exhaustive]
pub enum KeepReason {
    /// The user said so.
    Asked,
    /// Its declaration tag says so.
    Tagged,
    /// It is pinned: others can have it open.
    Pinned,
    /// Map definitions of its section name each other by number.
    Numbered,
    /// No program of the object has used it in the first place.
    NeverUsed,
    /// Variables in it can still be set.
    Open,
    /// A loader, a kernel or a tool finds it by its name.
    FoundByName,
    /// Bindings made from the original object name it, and nothing else needs it any more. A
    /// loader need not create such a map, and need not load such a program.
    Interface,
    /// Only a function names it that no program calls, and that is there for others (a loader,
    /// a program that replaces it).
    NotCalled {
        /// The function.
        by: String,
    },
    /// Data that stays holds it.
    Held {
        /// What holds it.
        by: String,
    },
}

/// `map stats: last used by handle_dbg, dead since cfg.debug = false`.
impl Display for DeadReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            PartKind::Program => "program",
            PartKind::Subprogram => "subprogram",
            PartKind::Map => "map",
            PartKind::Section => "section",
            PartKind::Extern => "extern",
        };
        write!(f, "{kind} {}: ", self.name)?;
        match self.asked {
            Some(Asked::Drop) => return f.write_str("removed as asked (--drop)"),
            Some(Asked::Entry) if self.last_used_by.is_empty() => {
                return f.write_str("removed, since --entry does not name it");
            }
            Some(Asked::Entry) | None => {}
        }
        reason(f, &self.last_used_by, self.cause.as_ref())
    }
}

fn reason(f: &mut Formatter<'_>, users: &[String], cause: Option<&Cause>) -> fmt::Result {
    match users {
        [] => f.write_str("not used")?,
        users => write!(f, "last used by {}", users.join(", "))?,
    }
    match cause {
        None => Ok(()),
        Some(cause) if cause.conditions.is_empty() => write!(f, ", dead since {}", cause.at),
        Some(cause) => write!(f, ", dead since {}", cause.conditions.join(", ")),
    }
}

/// `handle.____fmt "dropped %d\n": last used by handle, dead since cfg.debug = false`.
impl Display for ConstantReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.text) {
            (Some(name), Some(text)) => write!(f, "{name} {text:?}: ")?,
            (Some(name), None) => write!(f, "{name}: ")?,
            (None, Some(text)) => write!(f, "{text:?}: ")?,
            (None, None) => {
                let Bytes { offset, size } = self.bytes;
                write!(f, "{size} bytes at {offset:#x}: ")?;
            }
        }
        reason(f, &self.last_used_by, self.cause.as_ref())
    }
}

impl Display for KeptReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)?;
        match (&self.reason, self.kind) {
            (KeepReason::Interface, PartKind::Program) => f.write_str("; it only returns"),
            _ => Ok(()),
        }
    }
}

impl Display for KeepReason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            KeepReason::Asked => f.write_str("kept as asked"),
            KeepReason::Tagged => f.write_str("tagged bpfold:keep"),
            KeepReason::Pinned => f.write_str("pinned"),
            KeepReason::Numbered => f.write_str("maps of its section name each other by number"),
            KeepReason::NeverUsed => f.write_str("no program has used it in the first place"),
            KeepReason::Open => f.write_str("variables in it can still be set"),
            KeepReason::FoundByName => f.write_str("found by its name"),
            KeepReason::Interface => f.write_str("bindings name it"),
            KeepReason::NotCalled { by } => write!(f, "{by} uses it, which no program calls"),
            KeepReason::Held { by } => write!(f, "{by} holds it"),
        }
    }
}
