//! What can go wrong, and the exit code that it gives.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use bpfold::KernelError;
use bpfold::variables::VariableError;

use super::sniff::{MAX_SIZE, Mistaken};
use super::table::printable;

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A file that cannot be read.
    #[error("{}: cannot read: {source}", shown(.path))]
    Read { path: PathBuf, source: io::Error },
    /// A file that is no object, and is told what it is.
    #[error("{}: {what}", shown(.path))]
    Mistaken { path: PathBuf, what: Mistaken },
    /// A file that is larger than objects are.
    #[error(
        "{}: the file has {size} bytes, more than any BPF object ({} MiB at most): it is not read",
        shown(.path), MAX_SIZE >> 20
    )]
    Huge { path: PathBuf, size: u64 },
    /// An object for a terminal.
    #[error("standard output is a terminal: the object would garble it, write it to a file")]
    Terminal,
    /// A program that the user keeps and drops.
    #[error("`{name}` is given to --entry and to --drop: give it to one of the two")]
    EntryAndDrop { name: String },
    /// Programs that are larger than they may be.
    #[error("{}: no object is written: {}", shown(.path), .over.join("; "))]
    Budget { path: PathBuf, over: Vec<String> },
    /// A file that cannot be written.
    #[error("{}: cannot write: {source}", shown(.path))]
    Write { path: PathBuf, source: io::Error },
    /// Standard output that cannot be written.
    #[error("standard output: cannot write: {0}")]
    Stdout(#[from] io::Error),
    /// An object that cannot be read or folded.
    #[error("{}: {source}{}", shown(.path), cure(.source))]
    Object { path: PathBuf, source: Box<bpfold::Error> },
    /// A fact of a kernel that cannot be used.
    #[error("{}: {source}", shown(.path))]
    Kernel { path: PathBuf, source: KernelError },
    /// A version that is none.
    #[error("--kernel: {0}")]
    KernelVersion(KernelError),
    /// A file of values or profiles that is none.
    #[error("{}: {problem}", place(.path, .line))]
    ValuesFile { path: PathBuf, line: Option<usize>, problem: String },
    /// A value of a file that cannot be given.
    #[error("{}: {source}{}", place(.path, .line), cure(.source))]
    Value { path: PathBuf, line: Option<usize>, source: Box<bpfold::Error> },
    /// A profile that no file has.
    #[error("no profile `{name}` in {}, there are {}", shown(.path), .known.join(", "))]
    NoProfile { path: PathBuf, name: String, known: Vec<String> },
    /// No file with profiles.
    #[error("--profile: no bpfold.toml in this directory or one above it")]
    NoConfig,
    /// Warnings of a kind that the user denies.
    #[error("{}: no object is written: {}", shown(.path), denied_list(.warnings))]
    Denied { path: PathBuf, warnings: Vec<(&'static str, String)> },
    /// A name that nothing of the object has.
    #[error(
        "{}: nothing is called `{name}`: expected a program, function, map, section, read-only \
         variable or member, or a source line as FILE:LINE",
        shown(.path)
    )]
    NothingCalled { path: PathBuf, name: String },
    /// A function that the object does not have.
    #[error("{}: no program or subprogram `{name}`, there are {}", shown(.path), .known.join(", "))]
    NoFunction { path: PathBuf, name: String, known: Vec<String> },
    /// The build cannot load objects.
    #[cfg(not(feature = "kernel"))]
    #[error(
        "this build of bpfold cannot load objects: build it with `cargo install bpfold \
         --features kernel`, which needs the headers of libelf and zlib"
    )]
    NoKernel,
    /// The kernel cannot be asked.
    #[cfg(feature = "kernel")]
    #[error(transparent)]
    Load(#[from] bpfold_kernel::Error),
    /// A file of packets that cannot be read.
    #[cfg(feature = "kernel")]
    #[error(transparent)]
    Packets(#[from] bpfold_kernel::InputError),
    /// Folding made something worse.
    #[cfg(feature = "kernel")]
    #[error("{programs} of the programs no longer load or answer differently")]
    Worse { programs: usize },
    /// A subcommand that there is not.
    #[error("no subcommand `{name}`")]
    NoSubcommand { name: String },
}

impl CliError {
    /// An error of the library about a file.
    pub fn object<E: Into<bpfold::Error>>(path: &Path) -> impl FnOnce(E) -> CliError {
        |source| CliError::Object { path: path.to_owned(), source: Box::new(source.into()) }
    }

    /// Whether somebody stopped reading the output.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, CliError::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The exit code that tells of it.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            CliError::Read { .. }
            | CliError::Mistaken { .. }
            | CliError::Huge { .. }
            | CliError::Budget { .. }
            | CliError::NothingCalled { .. }
            | CliError::Write { .. }
            | CliError::Stdout(_)
            | CliError::Object { .. }
            | CliError::Kernel { .. }
            | CliError::ValuesFile { .. }
            | CliError::Value { .. }
            | CliError::NoProfile { .. }
            | CliError::NoConfig
            | CliError::Denied { .. }
            | CliError::NoFunction { .. } => ExitCode::from(1),
            #[cfg(not(feature = "kernel"))]
            CliError::NoKernel => ExitCode::from(1),
            #[cfg(feature = "kernel")]
            CliError::Load(_) | CliError::Packets(_) | CliError::Worse { .. } => ExitCode::from(1),
            CliError::KernelVersion(_)
            | CliError::NoSubcommand { .. }
            | CliError::Terminal
            | CliError::EntryAndDrop { .. } => ExitCode::from(2),
        }
    }

    /// Tells standard error.
    pub fn print(&self) {
        let style = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
        // Nobody is left to tell if standard error cannot be written.
        let message = self.to_string();
        let lines: Vec<String> = message.lines().map(printable).collect();
        let message = lines.join("\n");
        let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {message}");
    }
}

/// Warnings, each with the option that denies it.
fn denied_list(warnings: &[(&'static str, String)]) -> String {
    let texts = warnings.iter().map(|(name, text)| format!("{text} (--deny {name})"));
    texts.collect::<Vec<String>>().join("; ")
}

/// What helps against an error of the library, where the error itself does not say it.
fn cure(error: &bpfold::Error) -> String {
    match error {
        bpfold::Error::Variable(VariableError::Untyped { .. }) => {
            "; compile it with -g, and strip it with `llvm-strip -g` only".to_owned()
        }
        bpfold::Error::Variable(VariableError::Float { value, .. }) => version_text(value),
        _ => String::new(),
    }
}

/// How a version of two numbers is written, for what looks like one.
fn version_text(value: &str) -> String {
    let is_number = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    match value.split_once('.') {
        Some((major, minor)) if is_number(major) && is_number(minor) && major != "0" => {
            format!("; if it is a version, write v{value} or {value}.0")
        }
        _ => String::new(),
    }
}

/// A line of a file as messages name it.
pub fn place(path: &Path, line: &Option<usize>) -> String {
    match line {
        Some(line) => format!("{}:{line}", shown(path)),
        None => shown(path),
    }
}

/// A path as messages name it.
pub fn shown(path: &Path) -> String {
    if super::files::is_stream(path) { "standard input".into() } else { path.display().to_string() }
}
