//! `bpfold fold --verify-cost` in a build without the cargo feature `kernel`.

use std::path::Path;

use bpfold::{Fold, Folded, Object};

use super::error::CliError;

/// Says what is missing.
pub fn cheapest(_fold: &Fold<'_>, _object: &Object, _path: &Path) -> Result<Folded, CliError> {
    Err(CliError::NoKernel)
}
