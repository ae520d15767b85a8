//! What is kept of each object: a line of JSON, from which tables are made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What came out for an object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ObjectResult {
    /// Its path.
    pub object: String,
    /// Why it cannot be folded, by assignment; `read` if it cannot even be read.
    pub refused: BTreeMap<String, String>,
    /// Under each assignment that can be folded.
    pub assignments: Vec<AssignmentResult>,
}

/// What came out under one assignment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AssignmentResult {
    /// The assignment.
    pub name: String,
    /// Loads whole before and after; none if it could not be tried.
    pub whole: Option<(bool, bool)>,
    /// Why loading could not be tried, before or after.
    pub untried: Option<String>,
    /// Milliseconds that folding took.
    pub fold_ms: f64,
    /// Branches decided.
    pub branches: usize,
    /// Notes of the report, by kind.
    pub notes: BTreeMap<String, usize>,
    /// The notes themselves, those left out that most objects have.
    pub note_texts: Vec<String>,
    /// Functions of which the checker has proven that they do what they did.
    pub proven: usize,
    /// Why it could not prove it of others, which stay as they were.
    pub unproven: Vec<String>,
    /// File sizes in bytes, before and after.
    pub file: (u64, u64),
    /// Its programs but those that went.
    pub programs: Vec<ProgramResult>,
    /// Programs that nothing enters any more under these values, and that went.
    pub dropped: usize,
}

/// A program before and after.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProgramResult {
    /// Its section.
    pub section: String,
    /// Its name.
    pub name: String,
    /// Before; none if it does not load.
    pub before: Option<Sizes>,
    /// After.
    pub after: Option<Sizes>,
    /// Why it does not load after.
    pub failure: Option<String>,
    /// The verifier's time is not told where the load after did not say either.
    pub residual: Option<Residual>,
    /// Test runs that were compared.
    pub runs: usize,
    /// What differs in them.
    pub differences: Vec<String>,
}

/// Sizes and costs of a program.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Sizes {
    /// Instructions given to the kernel.
    pub instructions: u32,
    /// Instructions after the kernel's rewriting.
    pub xlated: u32,
    /// Bytes of machine code.
    pub jited: u32,
    /// Instructions that the verifier went through.
    pub verified: u32,
    /// States that the verifier kept at the same time; 0 if it does not tell.
    #[serde(default)]
    pub peak_states: u32,
    /// Microseconds of verification.
    pub verification_us: u64,
    /// Maps used.
    pub maps: u32,
}

/// Dead instructions that are left.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Residual {
    /// How many.
    pub instructions: usize,
    /// The edges that are never taken.
    pub edges: Vec<ResidualEdge>,
}

/// An edge that is never taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResidualEdge {
    /// The kind of reason.
    pub kind: Kind,
    /// The function that it is in.
    pub function: String,
    /// From and to, in instructions from the program's start.
    pub edge: (u32, u32),
    /// Dead instructions behind it.
    pub instructions: u32,
    /// What the verifier writes of the branch.
    pub line: String,
    /// What it knows of the operands.
    pub operands: String,
}

/// Why code is left that the verifier never visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A subprogram of several programs, live in another one: the object has it once, libbpf
    /// copies it for each.
    SharedSubprogram,
    /// A CO-RE relocation decides it.
    CoRe,
    /// A kernel version or configuration decides it.
    Kconfig,
    /// A pointer that the verifier knows not to be null.
    Pointer,
    /// The range of a call's result, or of what is computed from it.
    CallResult,
    /// Code behind a call that never returns (`bpf_throw`): kernels want a function to end in
    /// an exit or a jump all the same.
    NoReturn,
    /// A global function that nothing calls is not verified.
    Uncalled,
    /// Anything else: a constant or range that bpfold does not find.
    Other,
}

impl Kind {
    /// What it is called in tables.
    pub fn title(self) -> &'static str {
        match self {
            Kind::SharedSubprogram => "subprogram that is live in another program",
            Kind::CoRe => "CO-RE relocation",
            Kind::Kconfig => "kernel version or configuration",
            Kind::Pointer => "pointer that cannot be null",
            Kind::CallResult => "range of a call's result",
            Kind::NoReturn => "end of a function behind a call that never returns",
            Kind::Uncalled => "function that nothing calls",
            Kind::Other => "other",
        }
    }
}
