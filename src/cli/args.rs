//! The arguments of every subcommand; help, man page and completions are made of them.

use std::path::PathBuf;
use std::str::FromStr;

use bpfold::TailMap;
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
    Dump(DumpArgs),
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
    /// Give a variable, member or element a value: `mode=2`, `cfg.debug=false`,
    /// `ports[2]=0x50`, `name="eth0"`, `version=KERNEL_VERSION(6,1,0)`, `cfg={.a = 1}`,
    /// `raw=hex:01020304`
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<Setting>,
    /// Read such values from a file, one a line; lines that begin with # are comments
    #[arg(long, value_name = "FILE")]
    pub values: Vec<PathBuf>,
    /// Take variables as they are stored: a name, member, or pattern with `*` and `?`
    #[arg(long, value_name = "NAME|GLOB")]
    pub freeze: Vec<String>,
    /// Take all read-only data as it is stored, except what is set
    #[arg(long)]
    pub freeze_all: bool,
    /// Name the programs that are attached: all others go, except those that tail calls reach
    #[arg(long, value_name = "NAME|GLOB")]
    pub entry: Vec<String>,
    /// Drop programs that are neither attached nor tail-called
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
    /// Name a prog array that the loader fills with the programs of sections that end in a
    /// slot's number, such as `2/7`; all such sections, or those that begin with SECTION/
    #[arg(long, value_name = "MAP[=SECTION]")]
    pub tail_map: Vec<TailMap>,
    /// Fail if the result needs global data, which kernels before 5.2 do not have
    #[arg(long)]
    pub require_no_globals: bool,
    /// Take the variables as they are stored that the source marks with `bpfold_const` of
    /// `bpfold.h`
    #[arg(long)]
    pub freeze_marked: bool,
    #[command(flatten)]
    pub kernel: KernelArgs,
    /// List each decided branch and each folded load in the summary
    #[arg(short, long)]
    pub verbose: bool,
    /// How to print the summary
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// Check the code after every pass
    #[arg(long)]
    pub verify_each: bool,
}

/// What is known of the kernel that the object is for. What is not given stays unknown.
#[derive(Debug, clap::Args)]
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
