//! The verdicts: plain data that goes through JSON unchanged.

use serde::{Deserialize, Serialize};

use crate::run::ProgramRun;
use crate::unvisited::Unvisited;

/// What the kernel makes of an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectVerdict {
    /// Why libbpf does not load it as it is; none if it does.
    pub whole: Option<Failure>,
    /// Maps that were created when all of it was loaded; none if that failed.
    pub maps: Option<u32>,
    /// Its programs, in libbpf's order.
    pub programs: Vec<ProgramVerdict>,
    /// It has static functions in sections of programs, which libbpf refuses and other loaders
    /// load: it was loaded with global ones in their place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub static_programs: bool,
}

impl ObjectVerdict {
    /// The program of a name in a section.
    pub fn program(&self, section: &str, name: &str) -> Option<&ProgramVerdict> {
        self.programs.iter().find(|program| program.section == section && program.name == name)
    }
}

/// What the kernel makes of a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProgramVerdict {
    /// Its name.
    pub name: String,
    /// Its section, which tells libbpf its type.
    pub section: String,
    /// `enum bpf_prog_type`; where the section does not tell it, one with which it loads.
    pub program_type: u32,
    /// The section does not tell the type.
    pub type_guessed: bool,
    /// Whether it loads.
    pub outcome: Outcome,
    /// Its test runs, if they were asked for and it can be run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<ProgramRun>,
}

impl ProgramVerdict {
    /// The sizes and costs, if it loads.
    pub fn loaded(&self) -> Option<&Loaded> {
        self.outcome.loaded()
    }
}

/// Whether a program loads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It does.
    Loaded(Loaded),
    /// It does not.
    Failed(Failure),
}

impl Outcome {
    /// The sizes and costs, if it loads.
    pub fn loaded(&self) -> Option<&Loaded> {
        match self {
            Outcome::Loaded(loaded) => Some(loaded),
            Outcome::Failed(_) => None,
        }
    }
}

/// Sizes and costs of a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// Instructions that libbpf gives to the kernel, those of subprograms included; an
    /// `ldimm64` counts as two.
    pub instructions: u32,
    /// Instructions after the kernel has rewritten the program.
    pub xlated: u32,
    /// Bytes of machine code.
    pub jited: u32,
    /// Instructions that the verifier went through, each as often as it did; 0 if the kernel
    /// does not tell (before 5.16 it is in the log only).
    pub verified: u32,
    /// States that the verifier kept at the same time, at most, if the log tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_states: Option<u32>,
    /// Microseconds that verification took, if the log tells.
    pub verification_us: Option<u64>,
    /// Maps that it uses.
    pub maps: u32,
    /// What the verifier never visited, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unvisited: Option<Unvisited>,
}

/// Why something does not load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind of reason.
    pub class: FailureClass,
    /// The error number, positive.
    pub errno: i32,
    /// What the verifier or libbpf said.
    pub message: String,
}

/// Kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// libbpf cannot read the object.
    Open,
    /// The verifier rejects it.
    Verifier,
    /// The verifier gives up.
    TooComplex,
    /// A helper that this kernel or program type does not have.
    Helper,
    /// A CO-RE relocation that this kernel's types cannot satisfy.
    CoRe,
    /// A kfunc or kernel symbol that is not there.
    KernelSymbol,
    /// A map that cannot be created.
    Map,
    /// There is nothing to attach it to.
    AttachTarget,
    /// The section does not tell the program's type.
    ProgramType,
    /// A struct_ops that this kernel does not have or that names no program.
    StructOps,
    /// The kernel forbids it to anybody here (EPERM).
    NotPermitted,
    /// Something else that libbpf found.
    Libbpf,
    /// It did not come back in time.
    TimedOut,
    /// The process that loaded it died.
    Died,
}

impl std::fmt::Display for FailureClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            FailureClass::Open => "libbpf cannot read the object",
            FailureClass::Verifier => "rejected by the verifier",
            FailureClass::TooComplex => "too complex for the verifier",
            FailureClass::Helper => "helper that it may not call",
            FailureClass::CoRe => "CO-RE relocation that this kernel's types do not satisfy",
            FailureClass::KernelSymbol => "kernel symbol that is not there",
            FailureClass::Map => "map that cannot be created",
            FailureClass::AttachTarget => "nothing to attach it to",
            FailureClass::ProgramType => "unknown program type",
            FailureClass::StructOps => "struct_ops that cannot be made",
            FailureClass::NotPermitted => "not permitted",
            FailureClass::Libbpf => "libbpf",
            FailureClass::TimedOut => "took too long",
            FailureClass::Died => "the process died",
        })
    }
}
