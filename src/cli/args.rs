//! The arguments of every subcommand; help, man page and completions are made of them.

use std::path::PathBuf;
use std::str::FromStr;

use super::budget::Budget;
use bpfold::passes::pass::PASSES;
use bpfold::report::Note;
use bpfold::{CoreMode, TailMap};
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args as _, Id, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Folds the read-only variables of a compiled BPF object into its code and removes what is
/// dead.
#[derive(Debug, Parser)]
#[command(name = "bpfold", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Args {
    /// When to use colour; `auto`: on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", display_order = 1000)]
    pub color: ColorWhen,
    #[command(subcommand)]
    pub command: Command,
}

/// When colour is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl From<ColorWhen> for anstream::ColorChoice {
    fn from(when: ColorWhen) -> Self {
        match when {
            ColorWhen::Auto => Self::Auto,
            ColorWhen::Always => Self::Always,
            ColorWhen::Never => Self::Never,
        }
    }
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 bad input or a fold that failed, 2 wrong usage.";

const VARS_EXAMPLES: &str = "\
Examples:
  bpfold vars agent.bpf.o
  bpfold vars agent.bpf.o 'cfg.*' --depth 1
  bpfold vars agent.bpf.o --template > agent.values";

const FOLD_EXAMPLES: &str = "\
Examples:
  bpfold fold agent.bpf.o -o folded.bpf.o --set cfg.debug=false --freeze 'cfg.feature.*'
  bpfold fold agent.bpf.o -o folded.bpf.o --values agent.values --deny all
  bpfold fold agent.bpf.o -o folded.bpf.o --profile small --kernel 6.1 --btf vmlinux
  bpfold fold agent.bpf.o -o folded.bpf.o --freeze-all -q --max-instructions 'agent=4096'";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  bpfold explain agent.bpf.o --set cfg.debug=false
  bpfold explain agent.bpf.o --set cfg.debug=false events_perf cfg.transport
  bpfold explain agent.bpf.o --values agent.values agent.bpf.c:140";

const DIFF_EXAMPLES: &str = "\
Examples:
  bpfold diff agent.bpf.o --set cfg.debug=false
  bpfold diff agent.bpf.o folded.bpf.o --stat
  bpfold diff old.bpf.o new.bpf.o --function agent";

const VERIFY_EXAMPLES: &str = "\
Examples:
  bpfold verify agent.bpf.o --freeze-all --run
  bpfold verify agent.bpf.o folded.bpf.o --data capture.pcap";

const DUMP_EXAMPLES: &str = "\
Examples:
  bpfold dump agent.bpf.o agent --source
  bpfold dump agent.bpf.o 'handle_*' --stable > handlers.txt
  bpfold dump agent.bpf.o agent --cfg | dot -Tsvg > agent.svg";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Vars(VarsArgs),
    Fold(Box<FoldArgs>),
    Explain(Box<ExplainArgs>),
    Diff(Box<DiffArgs>),
    Dump(DumpArgs),
    Verify(Box<VerifyArgs>),
    #[command(hide = true)]
    Completions(CompletionsArgs),
    #[command(hide = true)]
    Man(ManArgs),
    #[command(hide = true)]
    Schema(SchemaArgs),
}

/// List an object's read-only variables
///
/// For each variable its type, section and offset, size, value as stored, and how many
/// instructions load it; structs and arrays by member.
#[derive(Debug, clap::Args)]
#[command(after_long_help = VARS_EXAMPLES)]
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
#[command(after_long_help = FOLD_EXAMPLES)]
pub struct FoldArgs {
    /// The object, `-` for standard input
    pub object: PathBuf,
    /// Where to write the result, `-` for standard output; it can be the object itself
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    #[command(flatten)]
    pub options: FoldOptions,
    /// List each decided branch and each folded load in the summary
    #[arg(help_heading = "Report", short, long)]
    pub verbose: bool,
    /// Print no summary, only warnings, to standard error
    #[arg(help_heading = "Report", short, long, conflicts_with_all = ["verbose", "summary"])]
    pub quiet: bool,
    /// How much the summary tells
    #[arg(
        help_heading = "Report",
        long,
        value_name = "LENGTH",
        default_value = "normal",
        conflicts_with = "verbose"
    )]
    pub summary: Length,
    /// How to print the summary
    #[arg(help_heading = "Report", long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// Fail, and write no object, if there are more instructions than this after folding: in
    /// all, or of a program with what it calls. Kernels count an `ldimm64` twice
    #[arg(help_heading = "Report", long, value_name = "[PROGRAM|GLOB=]NUMBER")]
    pub max_instructions: Vec<Budget>,
    /// Write what the result was made of, with digests of both objects, as an in-toto statement
    #[arg(help_heading = "Report", long, value_name = "FILE")]
    pub provenance: Option<PathBuf>,
    /// Also tell warnings and errors in the form that a service shows beside source lines
    #[arg(help_heading = "Report", long, value_name = "SERVICE")]
    pub annotations: Option<Annotations>,
    /// The directory that source paths are told from; the current one without it
    #[arg(help_heading = "Report", long, value_name = "DIRECTORY")]
    pub source_root: Option<PathBuf>,
    /// Fail on warnings of this kind, and write no object; `all` for every kind
    #[arg(help_heading = "Report", long, value_name = "WARNING", value_parser = warning_names())]
    pub deny: Vec<String>,
    /// Try several ways to fold each program, and as it was, and keep the one that the running
    /// kernel verifies with the fewest instructions. Needs root, and a build with the cargo
    /// feature `kernel`
    #[arg(help_heading = "Target kernel", long, value_name = "KERNEL", conflicts_with_all = ["bisect", "print_after"])]
    pub verify_cost: Option<CostKernel>,
    #[command(flatten)]
    pub debug: DebugArgs,
    /// Stop after so many steps (a pass that changed a function) and name the last one, to
    /// find the one that broke a program
    #[arg(help_heading = "Debugging", long, value_name = "STEPS")]
    pub bisect: Option<u64>,
    /// Print each function after a pass changed it, to standard error
    #[arg(help_heading = "Debugging", long, value_name = "PASS", value_parser = pass_names())]
    pub print_after: Vec<String>,
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
#[command(after_long_help = EXPLAIN_EXAMPLES)]
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
    #[command(flatten)]
    pub debug: DebugArgs,
}

/// Show what differs between two objects, or what folding changes in one
///
/// Functions are compared by name, with the source lines between; labels are the same where the
/// code is. With one object it is folded with these options.
#[derive(Debug, clap::Args)]
#[command(after_long_help = DIFF_EXAMPLES)]
pub struct DiffArgs {
    /// The object, `-` for standard input
    pub object: PathBuf,
    /// The other object; without it, what folding with these options makes
    #[arg(value_name = "OTHER", conflicts_with_all = fold_options())]
    pub other: Option<PathBuf>,
    /// Compare only these functions
    #[arg(long = "function", value_name = "NAME")]
    pub programs: Vec<String>,
    /// Print only how many instructions each function has and how many lines differ
    #[arg(long)]
    pub stat: bool,
    /// How many lines to show around a difference
    #[arg(short = 'U', long, value_name = "LINES", default_value = "3")]
    pub context: usize,
    /// Leave out the source lines
    #[arg(long)]
    pub no_source: bool,
    #[command(flatten)]
    pub options: FoldOptions,
    #[command(flatten)]
    pub debug: DebugArgs,
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
    let named = PASSES.iter().map(|pass| PossibleValue::new(pass.name).help(pass.about));
    let all = PossibleValue::new(ALL_PASSES).help("Every pass");
    named.chain([all]).collect::<Vec<_>>().into()
}

/// What to fold, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct FoldOptions {
    /// Give a variable, member or element a value: `mode=2`, `cfg.debug=false`,
    /// `ports[2]=htons(80)`, `name=eth0`, `version=v6.1`, `flags=A|B`, `address=10.0.0.1`,
    /// `cfg={.a = 1}`, `raw=hex:01020304`. It overrides values of files and profiles
    #[arg(help_heading = "Values", long, value_name = "NAME=VALUE")]
    pub set: Vec<Setting>,
    /// Read such values from a file: a NAME = VALUE on each line with comments behind #, or TOML,
    /// or JSON as `bpfold vars --format json` prints it. Later files override earlier ones
    #[arg(help_heading = "Values", long, value_name = "FILE")]
    pub values: Vec<PathBuf>,
    /// Give a read-only section, `.rodata` if none is named, all of its contents as a loader
    /// holds them, and take them as they are
    #[arg(help_heading = "Values", long, value_name = "[SECTION=]FILE")]
    pub rodata: Vec<SectionImage>,
    /// Take values and options from a profile of bpfold.toml, which is looked for in this
    /// directory and those above
    #[arg(help_heading = "Values", long, value_name = "NAME")]
    pub profile: Vec<String>,
    /// The file with the profiles
    #[arg(help_heading = "Values", long, value_name = "FILE", requires = "profile")]
    pub config: Option<PathBuf>,
    /// Take variables as they are stored: a name, member, or pattern over them with `*` and `?`,
    /// such as `cfg.*`
    #[arg(help_heading = "Values", long, value_name = "NAME|GLOB")]
    pub freeze: Vec<String>,
    /// Leave out values for variables and members that the object does not have, with a note
    #[arg(help_heading = "Values", long)]
    pub ignore_missing: bool,
    /// Take all read-only data as it is stored, except what is set
    #[arg(help_heading = "Values", long)]
    pub freeze_all: bool,
    /// Take the variables as they are stored that the source marks with `bpfold_const` of
    /// `bpfold.h`
    #[arg(help_heading = "Values", long)]
    pub freeze_marked: bool,
    #[command(flatten)]
    pub kernel: KernelArgs,
    /// Name the programs that are attached, by name or else by section: all others go, except
    /// those that tail calls reach
    #[arg(help_heading = "Programs and maps", long, value_name = "NAME|GLOB")]
    pub entry: Vec<String>,
    /// Drop programs that are neither attached nor tail-called, by name or else by section
    #[arg(help_heading = "Programs and maps", long, value_name = "NAME|GLOB")]
    pub drop: Vec<String>,
    /// Keep maps, or sections of data, also when no program uses them any more
    #[arg(help_heading = "Programs and maps", long, value_name = "NAME|GLOB")]
    pub keep_map: Vec<String>,
    /// Drop maps also when no program has used them in the first place, or when they are pinned
    #[arg(help_heading = "Programs and maps", long)]
    pub prune_maps: bool,
    /// Keep programs and functions also when nothing enters them any more
    #[arg(help_heading = "Programs and maps", long, value_name = "NAME|GLOB")]
    pub keep_func: Vec<String>,
    /// Keep what bindings made from the original object name: every map, program and variable.
    /// Dead maps stay declared, dead programs only return; the summary lists them, so that the
    /// loader can leave out creating and loading them
    #[arg(help_heading = "Programs and maps", long)]
    pub keep_interface: bool,
    /// Keep variables in the symbols and in BTF also when they are folded
    #[arg(help_heading = "Programs and maps", long, value_name = "NAME|GLOB")]
    pub keep_var: Vec<String>,
    /// Name a prog array that the loader fills: with the programs of sections that end in a
    /// slot's number, such as `2/7` (all such sections, or those that begin with SECTION/), or
    /// with programs that are named, or whose sections are, each in any slot
    #[arg(help_heading = "Programs and maps", long, value_name = "MAP[=SECTION|NAME|GLOB]")]
    pub tail_map: Vec<TailMap>,
    /// Fail if the result needs global data, which kernels before 5.2 do not have
    #[arg(help_heading = "Programs and maps", long)]
    pub require_no_globals: bool,
}

/// To find out what goes wrong.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[command(next_help_heading = "Debugging")]
pub struct DebugArgs {
    /// Do not prove that the changed functions do what they did, nor compare the result with what
    /// was proven. What cannot be proven is otherwise left as it was
    #[arg(long)]
    pub no_check: bool,
    /// Check the code after every pass
    #[arg(long)]
    pub verify_each: bool,
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
/// in it.
fn fold_options() -> Vec<Id> {
    ids(FoldOptions::augment_args(clap::Command::new("")))
}

/// Those, and all of [`DebugArgs`].
fn fold_and_debug_options() -> Vec<Id> {
    ids(DebugArgs::augment_args(FoldOptions::augment_args(clap::Command::new(""))))
}

fn ids(command: clap::Command) -> Vec<Id> {
    command.get_arguments().map(|argument| argument.get_id().clone()).collect()
}

/// Compare what the running kernel makes of an object before and after folding
///
/// Loads each program of both, attaches nothing, and unloads: verdict, instructions, the
/// verifier's steps, instructions and bytes of machine code that the kernel keeps, time and
/// maps. The original gets the values that the other was folded with. Needs root, and a build
/// with the cargo feature `kernel`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = VERIFY_EXAMPLES)]
pub struct VerifyArgs {
    /// The object
    pub object: PathBuf,
    /// The object folded; without it, what folding with these options makes
    #[arg(value_name = "FOLDED", conflicts_with_all = fold_and_debug_options())]
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
    #[command(flatten)]
    pub debug: DebugArgs,
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

/// The contents of a read-only section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionImage {
    /// The section.
    pub section: String,
    /// The file that holds its contents.
    pub path: PathBuf,
}

impl FromStr for SectionImage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (section, path) = text.split_once('=').unwrap_or((".rodata", text));
        if section.is_empty() || path.is_empty() {
            return Err(format!("`{text}`: expected FILE or SECTION=FILE"));
        }
        Ok(Self { section: section.to_owned(), path: PathBuf::from(path) })
    }
}

/// Print an object's programs as text
///
/// The text is LLVM's BPF assembly with labels in place of offsets and names in place of
/// relocations.
#[derive(Debug, clap::Args)]
#[command(after_long_help = DUMP_EXAMPLES)]
pub struct DumpArgs {
    /// The object, `-` for standard input
    pub object: PathBuf,
    /// The functions to print, programs or subprograms, by name, pattern or else by section; all of
    /// them without any
    #[arg(value_name = "PROGRAM|GLOB")]
    pub programs: Vec<String>,
    /// Show the source lines that the instructions come from
    #[arg(long)]
    pub source: bool,
    /// Print a form for snapshots in a repository: no offsets, labels by the order of blocks
    #[arg(long)]
    pub stable: bool,
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

/// Print the JSON Schema of what a subcommand prints with --format json
#[derive(Debug, clap::Args)]
pub struct SchemaArgs {
    /// The subcommand
    pub of: SchemaOf,
}

/// The subcommands with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// `bpfold vars`
    Vars,
    /// `bpfold fold`
    Fold,
    /// `bpfold explain`
    Explain,
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
