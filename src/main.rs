//! The `bpfold` command; see `bpfold --help`.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
