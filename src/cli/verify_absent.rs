//! `bpfold verify` in a build without the cargo feature `kernel`.

use super::args::VerifyArgs;
use super::error::CliError;

/// Says what is missing.
pub fn run(_args: &VerifyArgs) -> Result<(), CliError> {
    Err(CliError::NoKernel)
}
