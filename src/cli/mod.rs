//! The command line: arguments in, files and tables out. Each subcommand has a file of its
//! own and is a thin user of the library.
//!
//! Exit codes: 0 for done, 1 for bad input or a fold that failed, 2 for wrong usage. A reader
//! of the output that goes away is no error.

mod annotations;
mod args;
mod budget;
#[cfg(feature = "kernel")]
mod cost;
#[cfg(not(feature = "kernel"))]
#[path = "cost_absent.rs"]
mod cost;
mod diff;
mod dump;
mod error;
mod explain;
mod files;
mod fold;
mod kernel;
mod listing;
mod manual;
mod profile;
mod provenance;
mod schema;
mod sniff;
mod summary;
mod table;
mod usage;
mod values;
mod vars;
#[cfg(feature = "kernel")]
mod verify;
#[cfg(not(feature = "kernel"))]
#[path = "verify_absent.rs"]
mod verify;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// Runs the command with the arguments of the process.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(mut error) => {
            usage::explain(&mut error);
            // Neither help nor a complaint can be reported if it cannot be written.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    anstream::ColorChoice::write_global(args.color.into());
    let done = match args.command {
        Command::Vars(args) => vars::run(&args),
        Command::Fold(args) => fold::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Dump(args) => dump::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
        Command::Schema(args) => schema::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            error.print();
            error.exit_code()
        }
    }
}
