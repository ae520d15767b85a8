//! Why something was decided, in the terms of the source.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::{Location, PartKind};

/// What kind of thing a condition hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ConditionKind {
    /// A read-only variable, or a member or element of one.
    Variable,
    /// An option of the kernel's configuration, or its version.
    KernelOption,
    /// A symbol of the kernel.
    KernelSymbol,
    /// A CO-RE relocation: a question about the kernel's types.
    Core,
    /// An argument that is the same in every call.
    Argument,
    /// What a function of the object returns.
    Result,
}

/// Something that a condition hangs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Condition {
    /// What kind of thing it is.
    pub kind: ConditionKind,
    /// Its name, such as `cfg.debug` or `existence of field pid of struct task_struct`.
    pub name: String,
    /// Its value as C writes it; none if it is not known.
    pub value: Option<String>,
    /// Who gave the value: `--set`, a file and line, `as stored`, `constant`, `open` of one that
    /// nobody has given.
    pub by: String,
}

/// Source lines, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LineRange {
    /// The first one.
    pub first: u32,
    /// The last one.
    pub last: u32,
}

/// Why a branch was decided, and what died with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BranchReason {
    /// What it was decided by; empty if that is not known.
    pub conditions: Vec<Condition>,
    /// Instructions of its function that it made unreachable, as the kernel counts them; what
    /// lies behind several decided branches counts for the last of them.
    pub dead_instructions: u32,
    /// The source lines in its file of which nothing can run any more, because of it.
    pub dead_lines: Vec<LineRange>,
}

/// How one part of an object needs another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// An instruction names it: a call, or an address.
    Code,
    /// A tail call enters it.
    TailCall,
    /// Its address is in data.
    Data,
    /// A loader or a kernel finds it by its name.
    Name,
}

/// A part of an object in a chain of what needs what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Link {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// How it needs the next one of the chain; none of the last one.
    pub how: Option<How>,
}

/// A branch that nothing has decided, and that keeps a part of the object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FreedBy {
    /// The branch.
    pub at: Location,
    /// What it hangs on that could be known.
    pub conditions: Vec<Condition>,
}

/// A branch that nothing has decided, and that hangs on something that could be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenBranch {
    /// The branch.
    pub at: Location,
    /// What it hangs on.
    pub conditions: Vec<Condition>,
    /// The source lines in its file that would be unreachable if it never jumped or always did.
    pub lines: Vec<LineRange>,
}

/// A part that is still there, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PresentReport {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// Why the first part of the chain is needed.
    pub root: String,
    /// From what is needed in any case to the part itself, the shortest way.
    pub chain: Vec<Link>,
    /// Where the last part of the chain before it uses it.
    pub at: Option<Location>,
    /// Branches that could be decided so that it goes.
    pub freed_by: Vec<FreedBy>,
}

/// What became of a load of read-only data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "fate")]
#[non_exhaustive]
pub enum Fate {
    /// It is an immediate.
    Folded {
        /// The value as C writes it.
        value: String,
        /// Who gave it.
        by: String,
    },
    /// It went with code that can no longer run, or whose result nothing uses.
    Removed,
    /// It reads bits that can still be set.
    Open {
        /// The variables and members.
        variables: Vec<String>,
    },
    /// It reads at an index that is not known.
    UnknownIndex,
    /// A loader fills in the bytes.
    Relocated,
    /// Its function is folded less: it would grow, could not be proven, or is not understood.
    FunctionLess,
}

/// A load of read-only data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoadFate {
    /// The load.
    pub at: Location,
    /// The section.
    pub section: String,
    /// The variable, member or element, if it is known.
    pub variable: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub fate: Fate,
}

/// Why things are as they are after folding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Explained {
    /// The parts that are still there.
    pub present: Vec<PresentReport>,
    /// Every load of read-only data.
    pub loads: Vec<LoadFate>,
    /// The branches that could be decided.
    pub open: Vec<OpenBranch>,
}

/// `cfg.debug is false (--set)`.
impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match (&self.kind, &self.value) {
            (ConditionKind::Argument, None) => return f.write_str(" is the same in every call"),
            (ConditionKind::Result, None) => return f.write_str(" is always the same"),
            (_, Some(value)) => write!(f, " is {value}")?,
            (_, None) if self.by == "open" => return f.write_str(" is open"),
            (_, None) => f.write_str(" is known")?,
        }
        match self.by.as_str() {
            "" => Ok(()),
            by => write!(f, " ({by})"),
        }
    }
}

/// `line 7`, `lines 67–69, 71`.
pub(crate) fn line_text(ranges: &[LineRange]) -> String {
    let one = matches!(ranges, [only] if only.first == only.last);
    let texts = ranges.iter().map(|range| match range.first == range.last {
        true => range.first.to_string(),
        false => format!("{}–{}", range.first, range.last),
    });
    let texts: Vec<String> = texts.collect();
    format!("{} {}", if one { "line" } else { "lines" }, texts.join(", "))
}

impl Display for Fate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Folded { value, by } if by.is_empty() => write!(f, "folded to {value}"),
            Fate::Folded { value, by } => write!(f, "folded to {value} ({by})"),
            Fate::Removed => f.write_str("removed: its code can no longer run, or nothing uses it"),
            Fate::Open { variables } => {
                write!(f, "not folded: {} can still be set", variables.join(", "))
            }
            Fate::UnknownIndex => f.write_str("not folded: the index or address is not known"),
            Fate::Relocated => f.write_str("not folded: the loader fills in an address here"),
            Fate::FunctionLess => f.write_str("not folded: its function is folded less, see notes"),
        }
    }
}
