//! The types that what is left needs, and the file.

use crate::draft::{Draft, Written};
use crate::needs::{self, Gone, Refused};
use crate::{Error, Object, prune};

/// Writes the file. Gives what kernels refused about its types and would no longer, which the
/// types are then marked for.
///
/// # Errors
/// Bugs.
pub(super) fn write(
    mut draft: Draft,
    object: &Object,
) -> Result<(Written, Option<Refused>), Error> {
    let refused = if draft.has_changed(object) { prune_types(&mut draft, object) } else { None };
    Ok((draft.write(object)?, refused))
}

fn prune_types(draft: &mut Draft, object: &Object) -> Option<Refused> {
    prune::prune_types(draft);
    let btf = draft.btf.as_mut()?;
    let refused = needs::refused_place(object.btf()?, object.elf(), Gone::default())?;
    let gone = Gone { symbols: Some(&draft.symbols), sections: Some(&draft.sections) };
    if needs::is_refused(btf, &draft.elf, gone) {
        return None;
    }
    needs::mark_refused(btf);
    Some(refused)
}
