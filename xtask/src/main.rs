//! Commands of the project that are no tests: `cargo xtask corpus` folds many objects and asks
//! the running kernel what it makes of them before and after, `cargo xtask kernels` asks many
//! kernels about a few, and `cargo xtask fetch` gets the objects and kernels. `random-c` and
//! `random-insts` make programs themselves, and `reduce` makes those small that are not proven.
//! README.md beside the sources tells what they need and print.

mod assignments;
mod bound;
mod cache;
mod carve;
mod corpus;
mod cost;
mod debian;
mod fetch;
mod initramfs;
mod judge;
mod kernels;
mod machine;
mod objects;
mod oracle;
mod random_c;
mod random_insts;
mod reduce;
mod report;
mod residual;
mod result;
mod trial;
mod work;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Corpus(corpus::CorpusArguments),
    Kernels(kernels::KernelsArguments),
    Fetch(fetch::FetchArguments),
    RandomC(random_c::RandomCArguments),
    RandomInsts(random_insts::RandomInstsArguments),
    Reduce(reduce::ReduceArguments),
    Cost(cost::CostArguments),
    /// Load objects in this process and print a line of JSON for each
    #[command(hide = true)]
    Load {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Corpus(arguments) => corpus::run(&arguments),
        Command::Kernels(arguments) => kernels::run(&arguments),
        Command::Cost(arguments) => cost::run(&arguments),
        Command::Fetch(arguments) => fetch::run(&arguments),
        Command::RandomC(arguments) => random_c::run(&arguments),
        Command::RandomInsts(arguments) => random_insts::run(&arguments),
        Command::Reduce(arguments) => reduce::run(&arguments),
        Command::Load { arguments } => {
            bpfold_kernel::run_command(arguments, &mut std::io::stdout().lock())
                .map(|()| true)
                .map_err(anyhow::Error::msg)
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
