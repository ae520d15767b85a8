//! What is known before anything is rewritten: values of variables, facts of the kernel, answers
//! to CO-RE records, and what of the object is needed.

use super::Fold;
use crate::Error;
use crate::kernel::core::{self, Applied, CoreMode};
use crate::kernel::{self, Resolved as Facts};
use crate::lift::Links;
use crate::passes::ir::Program;
use crate::prune::{self, DataSections, Scope};
use crate::variables::Variables;

/// What is known before folding.
pub(super) struct Resolved<'f> {
    /// The code as it was read, with the values that are known.
    pub program: Program,
    /// What the kernel says of the undefined symbols.
    pub facts: Facts,
    /// The CO-RE records that were resolved.
    pub core: Applied,
    /// What of the object is needed.
    pub scope: Scope<'f>,
}

/// Resolves everything that the fold was told.
///
/// # Errors
/// Other values than those of an earlier fold; damaged facts of the kernel, or such as do not fit
/// the object.
pub(super) fn resolve<'f>(fold: &'f Fold<'_>) -> Result<Resolved<'f>, Error> {
    check_record(fold)?;
    let object = fold.object;
    prune::check_entries(object, &fold.prune)?;
    let facts = kernel::resolve(object, &fold.kernel)?;
    let scope = Scope::new(object, &fold.prune, &sections(fold));
    let mut program = object.program().clone();
    apply_variables(&mut program, object.links(), &fold.variables);
    facts.apply(&mut program);
    fold.patched.apply(&mut program);
    let core = resolve_core(fold, &mut program)?;
    Ok(Resolved { program, facts, core, scope })
}

/// What an earlier fold has made final must not have changed.
fn check_record(fold: &Fold<'_>) -> Result<(), Error> {
    for known in fold.record.values.iter().filter(|known| known.kernel) {
        let value = fold.kernel.option_text(&known.name);
        if let Some(value) = value.filter(|value| *value != known.value) {
            return Err(Error::AlreadyFolded {
                name: known.name.clone(),
                value,
                folded: known.value.clone(),
            });
        }
    }
    fold.record.types.check(&fold.kernel)?;
    for known in fold.record.values.iter().filter(|known| !known.sealed) {
        let value = fold.variables.value(&known.name)?.to_string();
        if value != known.value {
            return Err(Error::AlreadyFolded {
                name: known.name.clone(),
                value,
                folded: known.value.clone(),
            });
        }
    }
    Ok(())
}

fn resolve_core(fold: &Fold<'_>, program: &mut Program) -> Result<Applied, Error> {
    if fold.core == CoreMode::None {
        return Ok(Applied::default());
    }
    let resolutions = core::resolve(fold.object, &fold.kernel)?;
    Ok(core::apply(program, &resolutions, fold.core))
}

/// What the variables say of the read-only sections.
fn sections(fold: &Fold<'_>) -> DataSections {
    let mut sections = DataSections::default();
    let DataSections { open, closed, asked } = &mut sections;
    for index in fold.variables.sections() {
        let variables = || fold.variables.iter().filter(|known| known.section_at == index);
        if variables().any(|variable| fold.is_asked(variable)) {
            asked.insert(index);
        } else if variables().any(|variable| !fold.variables.is_sealed(variable)) {
            open.insert(index);
        } else if variables().any(|variable| fold.is_by_user(variable)) {
            closed.insert(index);
        }
    }
    sections
}

/// Fills in what is known of the read-only sections that code names.
fn apply_variables(program: &mut Program, links: &Links, variables: &Variables<'_>) {
    for (id, section) in program.sections.iter_mut().filter(|(_, section)| section.read_only) {
        let index = links.sections.get(id).map(|link| link.index);
        if let Some(known) = index.and_then(|index| variables.finality_of(index))
            && known.bytes.len() == section.bytes.len()
        {
            section.bytes = known.bytes;
            section.final_bits = known.final_mask;
        }
    }
}
