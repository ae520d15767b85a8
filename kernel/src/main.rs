//! `bpfold-load [--unvisited] [--run N] OBJECT…`: a line of JSON for each object.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match bpfold_kernel::run_command(std::env::args_os().skip(1), &mut std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nobody is left to tell if standard error cannot be written.
            let _ = writeln!(std::io::stderr(), "error: {message}");
            ExitCode::FAILURE
        }
    }
}
