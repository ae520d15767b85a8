//! What was written is read again and compared with what was proven.

use super::{Fold, Made};
use crate::Error;
use crate::written;

/// Compares a file with what was proven.
///
/// # Errors
/// It says something else: a bug.
pub(super) fn compare(fold: &Fold<'_>, made: &Made<'_>, file: &[u8]) -> Result<(), Error> {
    let written = &made.written;
    let made = written::Made {
        object: fold.object,
        program: &made.code.program,
        stubs: &made.code.stubs,
        variables: &fold.variables,
        record: &made.record,
        gone: &written.gone,
        starts: &written.starts,
        cuts: &written.cuts,
    };
    written::check(&made, file)
}
