//! What leaves the object: what nothing needs any more, variables whose value is final, constants
//! that nothing reads; and the record of what it was folded with.

use std::collections::BTreeSet;

use super::Fold;
use super::fold::Code;
use super::leaving::Leaving;
use super::resolve::Resolved;
use crate::btf::Linkage;
use crate::draft::Draft;
use crate::elf::{SectionIndex, SymbolIndex};
use crate::lift::Links;
use crate::lines::Lines;
use crate::lower::Lowered;
use crate::parts::{Node, is_data_map};
use crate::passes::opt::fold::{Event, LoadSource};
use crate::passes::pass::FoldLog;
use crate::prune::{self, CutSection, Live, Scope};
use crate::record::Record;
use crate::report::{FoldedWith, NotSealed};
use crate::seal::{self, Seals};
use crate::sections::RECORD;
use crate::variables::{Finality, Variable};
use crate::{Error, needs};

/// The object before it is written.
pub(super) struct Stripped {
    pub draft: Draft,
    /// What was cut out of sections that stay.
    pub cut: Vec<CutSection>,
    /// What the object is folded with.
    pub record: Record,
    /// What leaves the object, for the report.
    pub leaving: Leaving,
}

/// Takes out of the object what is not needed after folding.
///
/// # Errors
/// A program that is to be dropped and cannot be; global data that must not be there; bugs.
pub(super) fn strip(
    fold: &Fold<'_>,
    resolved: &Resolved<'_>,
    code: &Code,
    lowered: Lowered,
) -> Result<Stripped, Error> {
    let object = fold.object;
    let Resolved { facts, core, scope, .. } = resolved;
    let Code { program, log, live, stubs, .. } = code;
    let gone: Vec<SymbolIndex> = scope.dead(live, external).collect();
    let mut draft = Draft::new(lowered, object.btf().cloned());
    store_values(fold, &mut draft)?;
    prune::remove(&mut draft, scope, live, (program, stubs));
    let seals = seal_and_prune(fold, &mut draft, log, scope, live)?;
    // Skeletons write variables at the offsets that they had.
    let cut = match fold.prune.interface {
        true => Vec::new(),
        false => prune::cut_constants(&mut draft, scope, program, &fold.variables),
    };
    prune::drop_tables(&mut draft, object, program);
    let mut record = new_record(fold, &seals.sealed, facts.folded(object, &gone, log));
    let by_user = seals.sealed.iter().copied().filter(|variable| fold.is_by_user(variable));
    let by_user: Vec<&Variable> = by_user.collect();
    record.add_layout(object.btf(), &fold.variables, &by_user)?;
    record.types.add(object, &fold.kernel, core, (program, log))?;
    if !record.is_empty() {
        draft.set_section(RECORD, record.to_bytes()?).map_err(Error::from)?;
    }
    if fold.prune.no_globals {
        let mut lines = Lines::new(object);
        let location = |func, slot| lines.location(func, slot);
        prune::check_globals(object, program, &draft, location)?;
    }
    let leaving = Leaving::of(object, program, &draft, &seals);
    Ok(Stripped { draft, cut, record, leaving })
}

fn external(node: Node) -> Option<SymbolIndex> {
    match node {
        Node::Extern(symbol) => Some(symbol),
        Node::Func(_) | Node::Map(_) | Node::Data(_) => None,
    }
}

/// Puts the values that were set into the sections. Addresses of code there are those of
/// where it is now.
fn store_values(fold: &Fold<'_>, draft: &mut Draft) -> Result<(), Error> {
    for index in fold.variables.sections() {
        if let Some(section) = fold.variables.finality_of(index)
            && !section.bytes.is_empty()
        {
            let mut bytes = section.bytes;
            let addresses = fold.object.links().addresses.iter();
            for address in addresses.filter(|address| address.section == index) {
                let now = draft.elf.sections.get(address.section);
                let now = now.and_then(|section| section.bytes()).unwrap_or_default();
                let end = address.offset.saturating_add(address.form.width());
                if let (Ok(start), Ok(end)) =
                    (usize::try_from(address.offset), usize::try_from(end))
                    && let (Some(to), Some(from)) = (bytes.get_mut(start..end), now.get(start..end))
                {
                    to.copy_from_slice(from);
                }
            }
            draft.set_section_at(index, bytes)?;
        }
    }
    Ok(())
}

/// Removes dead sections, and seals final variables in the others.
fn seal_and_prune<'f>(
    fold: &'f Fold<'_>,
    draft: &mut Draft,
    log: &FoldLog,
    scope: &Scope<'_>,
    live: &Live,
) -> Result<Seals<'f>, Error> {
    let mut seals = Seals::default();
    let loaded = loaded(fold.object.links(), log);
    let data = |node| match node {
        Node::Data(section) => Some(section),
        Node::Func(_) | Node::Map(_) | Node::Extern(_) => None,
    };
    for section in scope.dead(live, data) {
        draft.drop_section(section);
        // Other DATASECs can list its variables.
        let here = fold.variables.iter().filter(|variable| variable.section_at == section);
        draft.forget(here.filter_map(|variable| variable.var));
    }
    for index in fold.variables.sections() {
        let variables = fold.variables.iter().filter(|known| known.section_at == index);
        let loaded: BTreeSet<u64> =
            loaded.iter().filter(|(section, _)| *section == index).map(|(_, at)| *at).collect();
        let is_loaded = |variable: &Variable| {
            let bytes = variable.bytes();
            !bytes.is_empty() && loaded.range(bytes).next().is_some()
        };
        let to_seal: Vec<&Variable> = variables
            .filter(|variable| fold.variables.is_sealed(variable))
            .filter(|variable| {
                let is_found = needs::is_found_by_name(&variable.name);
                is_loaded(variable) || fold.is_by_user(variable) && !is_found
            })
            .collect();
        if draft.sections.contains(&index) {
            seals.sealed.extend(to_seal);
            continue;
        }
        let addends = fold.object.links().addends;
        let to_seal = hold_back(fold, (draft, scope), index, to_seal, &mut seals.kept);
        let kept = seal::seal(draft, index, &to_seal, addends)?;
        let is_kept = |variable: &&Variable| kept.iter().any(|kept| std::ptr::eq(*kept, *variable));
        seals.sealed.extend(to_seal.into_iter().filter(|variable| !is_kept(variable)));
        seals.kept.extend(kept.into_iter().map(|variable| (variable, NotSealed::Held)));
    }
    Ok(seals)
}

/// Leaves out the variables that stay in the symbols and in BTF, and puts them into `kept`.
fn hold_back<'v>(
    fold: &Fold<'_>,
    (draft, scope): (&Draft, &Scope<'_>),
    section: SectionIndex,
    to_seal: Vec<&'v Variable>,
    kept: &mut Vec<(&'v Variable, NotSealed)>,
) -> Vec<&'v Variable> {
    let mut seal: Vec<&Variable> = Vec::new();
    for variable in to_seal {
        match () {
            () if fold.is_asked(variable) => kept.push((variable, NotSealed::Asked)),
            () if fold.prune.interface => kept.push((variable, NotSealed::Interface)),
            () => seal.push(variable),
        }
    }
    if !scope.is_asked(section) {
        return seal;
    }
    // libbpf maps a section into the process that loads it, and a skeleton has a pointer to it,
    // as long as BTF lists a variable there that is not static (`map_is_mmapable`).
    let is_mapped = |variable: &Variable| {
        variable.section_at == section
            && variable.var.is_some()
            && variable.linkage != Linkage::Static
    };
    let stays = |variable: &&Variable| {
        is_mapped(variable) && !seal.iter().any(|sealed| std::ptr::eq(*sealed, *variable))
    };
    let is_map = draft.elf.sections.get(section).is_some_and(is_data_map);
    if is_map && !fold.variables.iter().any(|variable| stays(&variable)) {
        let by_compiler = |variable: &&Variable| !fold.is_by_user(variable);
        let candidates = || seal.iter().copied().filter(|variable| is_mapped(variable));
        if let Some(held) = candidates().find(by_compiler).or_else(|| candidates().next()) {
            seal.retain(|variable| !std::ptr::eq(*variable, held));
            kept.push((held, NotSealed::Mapped));
        }
    }
    seal
}

/// The record of this fold and of those before.
fn new_record(fold: &Fold<'_>, sealed: &[&Variable], externs: Vec<FoldedWith>) -> Record {
    let sealed: BTreeSet<&str> = sealed.iter().map(|variable| variable.name.as_str()).collect();
    let is_sealed = |path: &str| {
        let path = path.rsplit_once(':').map_or(path, |(_, name)| name);
        // Names have dots in them, so that any dot can be the end of one.
        let ends = path.match_indices(['.', '[']).map(|(at, _)| at).chain([path.len()]);
        ends.filter_map(|end| path.get(..end)).any(|name| sealed.contains(name))
    };
    let earlier = fold.record.values.iter().filter(|value| value.sealed).cloned();
    let now = fold.variables.folded_values().into_iter().map(|value| FoldedWith {
        sealed: is_sealed(&value.path),
        frozen: value.finality == Finality::Frozen,
        name: value.path,
        value: value.value,
        kernel: false,
    });
    // Code names these symbols no more, and nothing else has.
    let symbols = fold.patched.values().folded_values().into_iter().map(|value| FoldedWith {
        sealed: true,
        frozen: false,
        name: value.path,
        value: value.value,
        kernel: false,
    });
    let mut values: Vec<FoldedWith> = earlier.chain(now).chain(symbols).collect();
    let new = externs.into_iter().filter(|value| !values.contains(value));
    let new: Vec<FoldedWith> = new.collect();
    values.extend(new);
    // Another fold finds the sealed ones only here, so they come first.
    values.sort_by_key(|value| !value.sealed);
    let Record { types, layouts, .. } = fold.record.clone();
    Record { values, types, layouts }
}

/// Sections and offsets of the bytes that folded loads read, the first of each.
fn loaded(links: &Links, log: &FoldLog) -> Vec<(SectionIndex, u64)> {
    let mut list: Vec<(SectionIndex, u64)> = log
        .events
        .iter()
        .filter_map(|event| match event {
            Event::LoadFolded { source: LoadSource::Section { section, offset }, .. } => {
                let index = links.sections.get(*section)?.index;
                Some((index, u64::try_from(*offset).ok()?))
            }
            Event::LoadFolded { .. } | Event::BranchDecided { .. } | Event::JumpDecided { .. } => {
                None
            }
        })
        .collect();
    list.sort();
    list.dedup();
    list
}
