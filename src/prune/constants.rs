//! Constants that nothing names any more.

use bpfold_passes::ir::Program;

use crate::Object;
use crate::draft::Draft;
use crate::variables::Variables;

pub(crate) fn cut_constants(
    _draft: &mut Draft,
    _object: &Object,
    _program: &Program,
    _variables: &Variables<'_>,
) {
}
