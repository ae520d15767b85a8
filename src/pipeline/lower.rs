//! Lays out the code that was proven.

use super::fold::Code;
use crate::lower::{LowerError, Lowered, lower};
use crate::passes::entity::Func;
use crate::{Error, Object, prune};

/// What became of laying out.
pub(super) enum Laid {
    Out(Box<Lowered>),
    /// A jump of this function does not reach its target.
    TooFar {
        func: Func,
        error: LowerError,
    },
}

/// Lays out the code after folding.
///
/// # Errors
/// What cannot be encoded or placed, other than jumps that do not reach.
pub(super) fn lay_out(object: &Object, code: &Code) -> Result<Laid, Error> {
    let lifted = prune::lifted_without(object, &code.program);
    match lower(object.elf(), object.btf_ext(), &lifted, &code.program) {
        Ok(lowered) => Ok(Laid::Out(Box::new(lowered))),
        Err(error @ LowerError::Linearize { id: func, .. }) => Ok(Laid::TooFar { func, error }),
        Err(error) => Err(error.into()),
    }
}
