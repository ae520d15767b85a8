//! What was folded and why, in terms of the object and its source.

mod parts;
mod reasons;
mod text;

pub use parts::{
    Asked, Bytes, Cause, ConstantReport, CutReport, DeadReport, KeepReason, KeptReport, PartKind,
};

pub use reasons::{
    BranchReason, Condition, ConditionKind, Explained, Fate, FreedBy, How, LineRange, Link,
    LoadFate, OpenBranch, PresentReport,
};

use serde::{Deserialize, Serialize};

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

/// What folding did to an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Report {
    /// Every function, in the order of the object.
    pub functions: Vec<FunctionReport>,
    /// The conditional jumps that were decided.
    pub branches: Vec<BranchReport>,
    /// The loads that became immediates.
    pub loads: Vec<LoadReport>,
    /// The CO-RE relocations that became immediates and offsets.
    pub core: Vec<CoreReport>,
    /// The CO-RE relocations that are left to the loader.
    pub core_left: usize,
    /// What the checker has proven; none if it did not run.
    pub proof: Option<ProofReport>,
    /// What is no longer in the object.
    pub dropped: Dropped,
    /// Why programs, functions, maps, sections and externs are no longer in the object.
    pub dead: Vec<DeadReport>,
    /// What was cut out of sections that stay.
    pub cut: Vec<CutReport>,
    /// Maps and sections of data that stay although no code names them.
    pub kept: Vec<KeptReport>,
    /// The values that the object is folded with, those of earlier folds included.
    pub values: Vec<FoldedWith>,
    /// The variables that can still be set, and so were not folded.
    pub open: Vec<OpenVariable>,
    /// Why what is still there is needed, and what became of each load; only if it was asked for
    /// ([`Fold::explain`](crate::Fold::explain)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained: Option<Explained>,
    /// What the user should know besides.
    pub notes: Vec<Note>,
    /// What programs cost the verifier; empty unless the kernel was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(default))]
    pub cost: Vec<CostReport>,
    /// Bytes of the file that was read.
    pub size_before: u64,
    /// Bytes of the file that was written.
    pub size_after: u64,
    /// Bytes of .BTF in the file that was read.
    pub btf_before: u64,
    /// Bytes of .BTF in the file that was written.
    pub btf_after: u64,
}

/// What a program costs the verifier of a kernel that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CostReport {
    /// The program.
    pub program: String,
    /// Its section.
    pub section: String,
    /// How it was folded.
    pub setting: String,
    /// Instructions that the verifier goes through, before and after.
    pub verified: (u32, u32),
    /// States that it keeps at the same time, at most, before and after.
    pub peak_states: Option<(u32, u32)>,
}

/// What kind of function it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FunctionKind {
    /// A program that the kernel calls.
    Program,
    /// A subprogram that is verified on its own.
    Global,
    /// A subprogram that is verified with its callers.
    Static,
}

/// A function before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FunctionReport {
    /// Its name.
    pub name: String,
    /// The section that it is in.
    pub section: String,
    /// What kind of function it is.
    pub kind: FunctionKind,
    /// Instructions as the kernel counts them (an `ldimm64` is two) before.
    pub before: u32,
    /// The same after; 0 if the function was dropped.
    pub after: u32,
    /// The same after, with all functions that it calls: what the kernel gets of a program.
    pub loaded: u32,
}

/// A place in the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourceLine {
    /// The file, as the compiler was given it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1; 0 if unknown.
    pub column: u32,
    /// The text of the line.
    pub text: String,
}

/// An instruction of the object that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Location {
    /// The function.
    pub function: String,
    /// The instruction, counted from the function's start; none if an earlier step of folding
    /// made it.
    pub instruction: Option<u32>,
    /// Where it comes from.
    pub source: Option<SourceLine>,
}

/// A conditional jump, or one by a jump table, that was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BranchReport {
    /// The jump.
    pub at: Location,
    /// The condition as code, such as `r1 > 4` or `w2 == w3`; `gotox r1` of a jump by a table.
    pub condition: String,
    /// Value of the first operand, or the entry of the table, where it is a single one.
    pub left: Option<u64>,
    /// Value of the second operand, where it is a single one.
    pub right: Option<u64>,
    /// Whether the jump is always taken, or never.
    pub taken: bool,
    /// Why, in terms of the source, and what died with it.
    #[serde(flatten)]
    pub reason: BranchReason,
}

/// A load that became an immediate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoadReport {
    /// The load.
    pub at: Location,
    /// The section, or the extern, that it read.
    pub section: String,
    /// Bytes from its start.
    pub offset: i64,
    /// How many bytes it read.
    pub size: u32,
    /// The value, extended to 64 bits as the load does.
    pub value: u64,
    /// The variable, member or element that it read, if one has all the bytes.
    pub variable: Option<String>,
    /// The variable's value as C writes it, if there is one.
    pub text: Option<String>,
    /// Who gave the value: `--set`, a file and line, `as stored`, `constant`.
    pub by: String,
}

/// A CO-RE relocation that got its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CoreReport {
    /// The instruction.
    pub at: Location,
    /// What it is about, such as `field pid of struct task_struct`.
    pub subject: String,
    /// What is asked of it, such as `existence` or `byte offset`.
    pub kind: &'static str,
    /// The value in the kernel.
    pub value: u64,
}

/// What the checker has proven of the functions that were changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProofReport {
    /// How many do what they did, for every input.
    pub proven: usize,
    /// Those of which this could not be proven at first: they are folded less, as far as that is
    /// proven.
    pub refused: Vec<RefusalReport>,
}

/// A function that is folded less than it could be, since the checker could not prove what
/// became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefusalReport {
    /// The function.
    pub function: String,
    /// Where the original stands: what was done to the instructions there is not shown to be
    /// right.
    pub at: Location,
    /// What is not shown.
    pub reason: String,
    /// What is done to the function all the same.
    pub folded: LessFolded,
    /// How many instructions, as the kernel counts them, it has more than if all were proven.
    pub instructions: u32,
    /// The functions, maps, sections of data and externs that would otherwise be dropped.
    pub keeps: Vec<String>,
}

/// What is done to a function of which not everything is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LessFolded {
    /// Values are folded, but what becomes useless is not removed.
    Values,
    /// Loads are immediates and branches are decided; all else that can run is unchanged.
    Branches,
    /// Nothing.
    Nothing,
}

/// What is no longer in the object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Dropped {
    /// Instructions, in 8-byte slots.
    pub instructions: u32,
    /// Programs and functions that nothing enters any more.
    pub functions: Vec<String>,
    /// Maps that nothing uses any more.
    pub maps: Vec<String>,
    /// Sections, those of relocations left out.
    pub sections: Vec<String>,
    /// Variables that no loader can set any more.
    pub variables: Vec<String>,
    /// Relocations of code.
    pub relocations: usize,
    /// func_info records.
    pub func_info: usize,
    /// line_info records.
    pub line_info: usize,
    /// CO-RE records.
    pub core_relo: usize,
}

/// A variable that can still be set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenVariable {
    /// Its name.
    pub name: String,
    /// Its type as C writes it, if BTF has it.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// The section that it is in.
    pub section: String,
    /// `volatile` is in its type: it is meant to be set.
    pub volatile: bool,
    /// The members that are folded all the same: a loader must leave them as they are.
    pub final_members: Vec<String>,
}

/// Something that the user should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "note")]
#[non_exhaustive]
pub enum Note {
    /// A function that was carried untouched.
    Opaque {
        /// The function.
        function: String,
        /// Why.
        reason: String,
        /// The instruction that is the reason, counted from the function's start.
        instruction: u32,
    },
    /// DWARF went, since code has moved.
    DwarfDropped,
    /// Kernels refuse the types of the object, and load it without: global functions are verified
    /// with their callers. The types that are written are refused, too.
    TypesRefused {
        /// The section of a variable of which kernels refuse the place.
        section: String,
        /// The variable.
        variable: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A global function that stays as it was: a program that replaces it may do something only
    /// if the function does, be it in code that cannot run.
    Replaceable {
        /// The function.
        function: String,
        /// What it does.
        property: &'static str,
    },
    /// A function of which not everything was folded.
    FoldedLess {
        /// The function.
        function: String,
        /// Why.
        reason: LessReason,
    },
    /// A function that reached a limit on what folding may cost.
    Limit {
        /// The function.
        function: String,
        /// What is limited.
        limit: LimitKind,
        /// How many there may be.
        value: usize,
    },
    /// Variables that are folded but can still be set by name: setting them changes nothing, and
    /// no loader says so.
    NotSealed {
        /// The variables.
        variables: Vec<String>,
        /// Why they are still there.
        why: NotSealed,
    },
    /// Maps, programs or variables are gone that bindings made from the original object look up.
    NamesGone,
    /// A tail call that can run, into a slot of a prog array that the object leaves empty
    /// while it fills others.
    EmptySlot {
        /// The tail call.
        at: Location,
        /// The prog array.
        map: String,
        /// The slot.
        slot: u32,
    },
    /// Programs that are dropped since others are named as entries, while a tail call that can
    /// run uses a prog array that the object does not fill: userspace can put them there.
    DroppedTargets {
        /// The programs.
        programs: Vec<String>,
        /// The functions with such tail calls.
        by: Vec<String>,
        /// The prog arrays, as far as they are known.
        maps: Vec<String>,
    },
    /// A function that is still there and calls itself, directly or not: kernels refuse it.
    Recursive {
        /// The function.
        function: String,
    },
    /// A call that can run, of a helper that the kernel does not have.
    MissingHelper {
        /// The call.
        at: Location,
        /// The helper.
        helper: String,
        /// The first version that has it.
        since: String,
        /// The kernel's version.
        kernel: String,
    },
    /// A CO-RE record without an answer in a function that is not analysed, so that it is not
    /// known whether the instruction can run.
    LeftToLoader {
        /// The instruction.
        at: Location,
        /// What the record is about, such as `field pid of struct task_struct`.
        subject: String,
        /// What is asked of it, such as `byte offset`.
        kind: &'static str,
        /// Why there is no answer.
        problem: String,
    },
    /// An instruction that can run and uses a variable or function of the kernel that the
    /// kernel does not have.
    MissingSymbol {
        /// The instruction.
        at: Location,
        /// The variable or function.
        symbol: String,
    },
    /// A value that was set and changes nothing, or not all that it should.
    NoEffect {
        /// The variable, member or element, as it was named.
        variable: String,
        /// Why.
        cause: NoEffect,
    },
    /// A value that a later one has taken the place of, in all of its bits or in some.
    Override {
        /// The variable, member or element, as the later value named it.
        variable: String,
        /// The later value.
        value: String,
        /// Who gave it, such as `--set` or a file and line.
        by: String,
        /// What the earlier value was given to.
        earlier_variable: String,
        /// The earlier value.
        earlier_value: String,
        /// Who gave that.
        earlier_by: String,
    },
    /// A number for an enum that is none of its values.
    EnumRange {
        /// The variable, member or element, as it was named.
        variable: String,
        /// The enum as C writes it.
        #[serde(rename = "type")]
        type_name: String,
        /// The number.
        value: String,
        /// The names of its values.
        known: Vec<String>,
    },
    /// A name that the object does not have, left out as asked.
    Ignored {
        /// The name or pattern.
        variable: String,
        /// Who gave it.
        by: String,
    },
    /// A program that did something, and after folding only returns a value.
    OnlyReturns {
        /// The program.
        program: String,
    },
    /// No program is left.
    NoPrograms {
        /// How many there were.
        before: usize,
    },
    /// A function that is folded less, since what became of it could not be proven
    /// ([`ProofReport::refused`]).
    RefusedProof {
        /// The function.
        function: String,
        /// Where the proof stands.
        at: Location,
        /// What is not shown.
        reason: String,
    },
    /// An instruction that can run and accesses a data section outside of it, or makes such an
    /// address by `ldimm64`: kernels refuse the program.
    OutOfBounds {
        /// The instruction.
        at: Location,
        /// The variable that the address is in or, outside of the section, next to.
        variable: Option<String>,
        /// The section.
        section: String,
        /// Bytes from the section's start.
        offset: i64,
        /// Bytes that are accessed; none if only the address is made.
        size: Option<u32>,
        /// Bytes of the section.
        section_size: u64,
    },
}

/// Why a variable that is folded can still be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NotSealed {
    /// Data holds its address.
    Held,
    /// The user wants this variable to stay.
    Asked,
    /// Bindings made from the original object name it.
    Interface,
    /// It is the last variable of its section that is not static. Without one, libbpf does not
    /// map the section, and the pointer to it in a skeleton is NULL after loading.
    Mapped,
}

/// Why a value that was set changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "why")]
#[non_exhaustive]
pub enum NoEffect {
    /// No instruction loads it.
    NotLoaded,
    /// Its type is `const` and not `volatile`, so the compiler has used the stored value, or may
    /// have used it where no load is left.
    CompilerUsed {
        /// The variable's type as C writes it.
        #[serde(rename = "type")]
        type_name: String,
        /// The stored value, which is another one.
        stored: String,
        /// Whether instructions load the variable all the same.
        loaded: bool,
    },
}

/// Why not everything in a function is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LessReason {
    /// It would have had more instructions than before.
    WouldGrow,
    /// A jump would have gone further than its encoding reaches.
    JumpTooFar,
}

/// What a limit is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LimitKind {
    /// Basic blocks of a function: one that has more is not analysed and is left as it was.
    Blocks,
    /// Rounds of analysis and rewriting: what further ones would fold is left.
    Rounds,
}

impl Note {
    /// The instruction that it is about, if it is about one.
    #[must_use]
    pub fn location(&self) -> Option<&Location> {
        match self {
            Note::EmptySlot { at, .. }
            | Note::MissingHelper { at, .. }
            | Note::LeftToLoader { at, .. }
            | Note::MissingSymbol { at, .. }
            | Note::RefusedProof { at, .. }
            | Note::OutOfBounds { at, .. } => Some(at),
            Note::Opaque { .. }
            | Note::DwarfDropped
            | Note::TypesRefused { .. }
            | Note::Replaceable { .. }
            | Note::FoldedLess { .. }
            | Note::Limit { .. }
            | Note::NotSealed { .. }
            | Note::NamesGone
            | Note::DroppedTargets { .. }
            | Note::Recursive { .. }
            | Note::NoEffect { .. }
            | Note::Override { .. }
            | Note::EnumRange { .. }
            | Note::Ignored { .. }
            | Note::OnlyReturns { .. }
            | Note::NoPrograms { .. } => None,
        }
    }

    /// Whether the object will not do what it should.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        self.warning().is_some()
    }

    /// The warning's name, one of [`WARNINGS`](Self::WARNINGS); none if the note is no warning.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        match self {
            Note::DroppedTargets { .. } => Some("dropped-targets"),
            Note::EnumRange { .. } => Some("enum-range"),
            Note::NoPrograms { .. } => Some("no-programs"),
            Note::OnlyReturns { .. } => Some("only-returns"),
            Note::Override { .. } => Some("override"),
            Note::RefusedProof { .. } => Some("refused-proof"),
            Note::MissingHelper { .. } => Some("missing-helper"),
            Note::MissingSymbol { .. } => Some("missing-symbol"),
            Note::NoEffect { .. } => Some("no-effect"),
            Note::OutOfBounds { .. } => Some("out-of-bounds"),
            Note::Recursive { .. } => Some("recursive"),
            Note::Opaque { .. }
            | Note::Ignored { .. }
            | Note::DwarfDropped
            | Note::FoldedLess { .. }
            | Note::Limit { .. }
            | Note::LeftToLoader { .. }
            | Note::Replaceable { .. }
            | Note::TypesRefused { .. }
            | Note::NotSealed { .. }
            | Note::NamesGone
            | Note::EmptySlot { .. } => None,
        }
    }

    /// The names of all warnings, as JSON has them in `note`.
    pub const WARNINGS: [&'static str; 11] = [
        "dropped-targets",
        "enum-range",
        "missing-helper",
        "missing-symbol",
        "no-effect",
        "no-programs",
        "only-returns",
        "out-of-bounds",
        "override",
        "recursive",
        "refused-proof",
    ];
}

impl Report {
    /// Instructions of all functions before, as the kernel counts them.
    pub fn instructions_before(&self) -> u64 {
        self.functions.iter().map(|function| u64::from(function.before)).sum()
    }

    /// Instructions of all functions after, as the kernel counts them.
    pub fn instructions_after(&self) -> u64 {
        self.functions.iter().map(|function| u64::from(function.after)).sum()
    }
}
