//! The arguments of every subcommand; help, man page and completions are made of them.

use std::path::PathBuf;
use std::str::FromStr;

use super::budget::Budget;
use bpfold::passes::pass::PASSES;
use bpfold::report::Note;
use bpfold::{CoreMode, TailMap};
use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Folds the read-only variables of a compiled BPF object into its code and removes what is
/// dead.
#[derive(Debug, Parser)]
#[command(name = "bpfold", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 bad input or a fold that failed, 2 wrong usage.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Vars(VarsArgs),
    Fold(Box<FoldArgs>),
    Explain(Box<ExplainArgs>),
    Dump(DumpArgs),
    Verify(Box<VerifyArgs>),
    #[command(hide = true)]
    Completions(CompletionsArgs),
    #[command(hide = true)]
    Man(ManArgs),
}

/// List an object's read-only variables
///
/// For each variable its type, section and offset, size, value as stored, and how many
/// instructions load it; structs and arrays by member.
#[derive(Debug, clap::Args)]
pub struct VarsArgs {
    /// The object, `-` for standard input
    pub object: PathBuf,
    /// The variables and members to list, by name or pattern with `*` and `?`; all without any
    #[arg(value_name = "NAME|GLOB")]
    pub names: Vec<String>,
    /// List also what the compiler made and nobody can set: format strings, literals, constants
    #[arg(long)]
    pub all: bool,
    /// How deep members of members are listed; 0 lists variables only
    #[arg(long, value_name = "LEVELS")]
    pub depth: Option<usize>,
    /// Write a file for --values with each variable that can be set, its stored value, and its
    /// type in a comment
    #[arg(long, conflicts_with = "format")]
    pub template: bool,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// Fold values into an object and remove what is dead
///
/// Without --set and --freeze it folds what is final anyway, and says which variables could
/// be set.
#[derive(Debug, clap::Args)]
pub struct FoldArgs {
    /// The object, `-` for standard input
    pub object: PathBuf,
    /// Where to write the result, `-` for standard output; it can be the object itself
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// List each decided branch and each folded load in the summary
    #[arg(short, long)]
    pub verbose: bool,
    /// Print no summary, only warnings, to standard error
    #[arg(short, long, conflicts_with_all = ["verbose", "summary"])]
    pub quiet: bool,
    /// How much the summary tells
    #[arg(long, value_name = "LENGTH", default_value = "normal", conflicts_with = "verbose")]
    pub summary: Length,
    /// How to print the summary
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// Stop after so many steps (a pass that changed a function) and name the last one, to
    /// find the one that broke a program
    #[arg(long, value_name = "STEPS")]
    pub bisect: Option<u64>,
    /// Print each function after a pass changed it, to standard error
    #[arg(long, value_name = "PASS", value_parser = pass_names())]
    pub print_after: Vec<String>,
    /// Try several ways to fold each program, and as it was, and keep the one that the running
    /// kernel verifies with the fewest instructions. Needs root, and a build with the cargo
    /// feature `kernel`
    #[arg(long, value_name = "KERNEL", conflicts_with_all = ["bisect", "print_after"])]
    pub verify_cost: Option<CostKernel>,
    /// Fail, and write no object, if there are more instructions than this after folding: in
    /// all, or of a program with what it calls. Kernels count an `ldimm64` twice
    #[arg(long, value_name = "[PROGRAM|GLOB=]NUMBER")]
    pub max_instructions: Vec<Budget>,
    /// Also tell warnings and errors in the form that a service shows beside source lines
    #[arg(long, value_name = "SERVICE")]
    pub annotations: Option<Annotations>,
    /// The directory that source paths are told from; the current one without it
    #[arg(long, value_name = "DIRECTORY")]
    pub source_root: Option<PathBuf>,
    /// Fail on warnings of this kind, and write no object; `all` for every kind
    #[arg(long, value_name = "WARNING", value_parser = warning_names())]
    pub deny: Vec<String>,
    #[command(flatten)]
    pub options: FoldOptions,
}

/// How much a summary tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Length {
    /// Nothing but warnings, to standard error, as with --quiet
    None,
    /// Sizes and warnings
    Short,
    /// What was removed and why; long lists are cut short
    Normal,
    /// All of it, as with --verbose
    Full,
}

/// Who shows warnings beside source lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Annotations {
    /// GitHub Actions
    Github,
}

/// Explain what a fold decides, removes and leaves, and why
///
/// Without names: each decided branch in the order of the source with what died with it, each part
/// that is removed with its reasons, and what open variables and facts of the kernel keep. With
/// names: why each is removed, or what needs it and which of these could free it, and what becomes
/// of the loads of a variable. Nothing is written.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// The object, `-` for standard input
    pub object: PathBuf,
    /// Programs, functions, maps, sections, variables and members, or source lines as FILE:LINE
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Show also registers and values as the code has them
    #[arg(short, long)]
    pub verbose: bool,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// The directory that source paths are told from; the current one without it
    #[arg(long, value_name = "DIRECTORY")]
    pub source_root: Option<PathBuf>,
    #[command(flatten)]
    pub options: FoldOptions,
}

/// Which kernel is asked what programs cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CostKernel {
    /// The running one
    Host,
}

/// The warning that stands for every warning.
pub const ALL_WARNINGS: &str = "all";

fn warning_names() -> PossibleValuesParser {
    Note::WARNINGS.into_iter().chain([ALL_WARNINGS]).into()
}

/// The pass that stands for every pass.
pub const ALL_PASSES: &str = "all";

fn pass_names() -> PossibleValuesParser {
    PASSES.into_iter().chain([ALL_PASSES]).into()
}

/// What to fold, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct FoldOptions {
    /// Give a variable, member or element a value: `mode=2`, `cfg.debug=false`,
    /// `ports[2]=htons(80)`, `name=eth0`, `version=v6.1`, `flags=A|B`, `address=10.0.0.1`,
    /// `cfg={.a = 1}`, `raw=hex:01020304`. It overrides values of files and profiles
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<Setting>,
    /// Read such values from a file: a NAME = VALUE on each line with comments behind #, or TOML,
    /// or JSON as `bpfold vars --format json` prints it. Later files override earlier ones
    #[arg(long, value_name = "FILE")]
    pub values: Vec<PathBuf>,
    /// Take values and options from a profile of bpfold.toml, which is looked for in this
    /// directory and those above
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,
    /// The file with the profiles
    #[arg(long, value_name = "FILE", requires = "profile")]
    pub config: Option<PathBuf>,
    /// Take variables as they are stored: a name, member, or pattern over them with `*` and `?`,
    /// such as `cfg.*`
    #[arg(long, value_name = "NAME|GLOB")]
    pub freeze: Vec<String>,
    /// Leave out values for variables and members that the object does not have, with a note
    #[arg(long)]
    pub ignore_missing: bool,
    /// Take all read-only data as it is stored, except what is set
    #[arg(long)]
    pub freeze_all: bool,
    /// Name the programs that are attached, by name or else by section: all others go, except
    /// those that tail calls reach
    #[arg(long, value_name = "NAME|GLOB")]
    pub entry: Vec<String>,
    /// Drop programs that are neither attached nor tail-called, by name or else by section
    #[arg(long, value_name = "NAME|GLOB")]
    pub drop: Vec<String>,
    /// Keep maps, or sections of data, also when no program uses them any more
    #[arg(long, value_name = "NAME|GLOB")]
    pub keep_map: Vec<String>,
    /// Drop maps also when no program has used them in the first place, or when they are pinned
    #[arg(long)]
    pub prune_maps: bool,
    /// Keep programs and functions also when nothing enters them any more
    #[arg(long, value_name = "NAME|GLOB")]
    pub keep_func: Vec<String>,
    /// Name a prog array that the loader fills: with the programs of sections that end in a
    /// slot's number, such as `2/7` (all such sections, or those that begin with SECTION/), or
    /// with programs that are named, or whose sections are, each in any slot
    #[arg(long, value_name = "MAP[=SECTION|NAME|GLOB]")]
    pub tail_map: Vec<TailMap>,
    /// Fail if the result needs global data, which kernels before 5.2 do not have
    #[arg(long)]
    pub require_no_globals: bool,
    /// Take the variables as they are stored that the source marks with `bpfold_const` of
    /// `bpfold.h`
    #[arg(long)]
    pub freeze_marked: bool,
    /// Do not prove that the changed functions do what they did, nor compare the result with what
    /// was proven. What cannot be proven is otherwise left as it was
    #[arg(long)]
    pub no_check: bool,
    /// Check the code after every pass
    #[arg(long)]
    pub verify_each: bool,
    #[command(flatten)]
    pub kernel: KernelArgs,
}

/// What is known of the kernel that the object is for. What is not given stays unknown.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Target kernel")]
pub struct KernelArgs {
    /// Its version, such as 6.1.192, or `host` for the running kernel's
    #[arg(long, value_name = "VERSION|host")]
    pub kernel: Option<String>,
    /// Its configuration, plain or compressed by gzip; `host`: /boot/config-RELEASE or
    /// /proc/config.gz
    #[arg(long, value_name = "FILE|host")]
    pub kconfig: Option<PathBuf>,
    /// Its symbols, those of modules included, as /proc/kallsyms lists them
    #[arg(long, value_name = "FILE|host")]
    pub kallsyms: Option<PathBuf>,
    /// Its types: BTF as in /sys/kernel/btf, or an ELF file with a section .BTF; further ones
    /// are modules'. `host`: all of /sys/kernel/btf
    #[arg(long, value_name = "FILE|host")]
    pub btf: Vec<PathBuf>,
    /// Which CO-RE relocations to resolve by these types. The rest is left to the loader
    #[arg(long, value_name = "MODE", default_value = "checks", requires = "btf")]
    pub core: Core,
}

/// Which CO-RE relocations are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Core {
    /// None
    None,
    /// What decides branches: existence, sizes and signs, values of enums
    Checks,
    /// All: offsets and type ids too, so that the object is for this one kernel
    All,
}

impl From<Core> for CoreMode {
    fn from(core: Core) -> Self {
        match core {
            Core::None => CoreMode::None,
            Core::Checks => CoreMode::Checks,
            Core::All => CoreMode::All,
        }
    }
}

/// All of [`FoldOptions`] and [`KernelArgs`]: clap makes no group of a structure with another
/// one in it.
const FOLD_OPTIONS: [&str; 21] = [
    "set",
    "values",
    "profile",
    "config",
    "ignore_missing",
    "freeze",
    "freeze_all",
    "entry",
    "drop",
    "keep_map",
    "prune_maps",
    "keep_func",
    "tail_map",
    "require_no_globals",
    "freeze_marked",
    "verify_each",
    "kernel",
    "kconfig",
    "kallsyms",
    "btf",
    "core",
];

/// Compare what the running kernel makes of an object before and after folding
///
/// Loads each program of both, attaches nothing, and unloads: verdict, instructions, the
/// verifier's steps, instructions and bytes of machine code that the kernel keeps, time and
/// maps. The original gets the values that the other was folded with. Needs root, and a build
/// with the cargo feature `kernel`.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The object
    pub object: PathBuf,
    /// The object folded; without it, what folding with these options makes
    #[arg(value_name = "FOLDED", conflicts_with_all = FOLD_OPTIONS)]
    pub folded: Option<PathBuf>,
    /// Also run the programs that can be run (BPF_PROG_TEST_RUN) on random packets, the same
    /// ones each time, and compare result, packet, context and maps
    #[arg(long, value_name = "PACKETS", num_args = 0..=1, require_equals = true,
          default_missing_value = "64")]
    pub run: Option<usize>,
    /// Run them on the packets of a capture (pcap), or on a file as one packet
    #[arg(long, value_name = "FILE")]
    pub data: Vec<PathBuf>,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    #[command(flatten)]
    pub options: FoldOptions,
}

/// A value for a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable, member or element.
    pub name: String,
    /// The value as the user wrote it.
    pub value: String,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            Some((name, value)) if !name.is_empty() => {
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err(format!("`{text}`: expected NAME=VALUE")),
        }
    }
}

/// Print an object's programs as text
///
/// The text is LLVM's BPF assembly with labels in place of offsets and names in place of
/// relocations.
#[derive(Debug, clap::Args)]
pub struct DumpArgs {
    /// The object, `-` for standard input
    pub object: PathBuf,
    /// The functions to print, programs or subprograms; all of them without any
    #[arg(value_name = "PROGRAM")]
    pub programs: Vec<String>,
    /// Show the source lines that the instructions come from
    #[arg(long)]
    pub source: bool,
    /// Print the control flow graph of each function in Graphviz's DOT language
    #[arg(long)]
    pub cfg: bool,
}

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Print a man page
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// The subcommand that it is about; the command itself without one
    pub subcommand: Option<String>,
}

/// How a summary is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for people
    Text,
    /// JSON for programs; README.md documents it
    Json,
}
