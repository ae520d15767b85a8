//! What the user says about the parts of an object that are used.

use std::str::FromStr;

use bpfold_passes::entity::Func;
use bpfold_passes::ir::{Function, Linkage};
use wildmatch::WildMatch;

use super::PruneError;
use super::maps::{MapDef, Maps};
use crate::Object;

/// What the user says about the parts of an object that are used. Patterns have `*` and `?`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PruneOptions {
    /// The only programs that somebody attaches, if there are any.
    pub entries: Vec<String>,
    /// Programs that nobody attaches.
    pub drops: Vec<String>,
    /// Maps and data sections that stay.
    pub keep_maps: Vec<String>,
    /// Functions that stay, programs too.
    pub keep_functions: Vec<String>,
    /// Prog arrays that the names of sections fill.
    pub tail_maps: Vec<TailMap>,
    /// Maps go that no program has used in the first place.
    pub prune_maps: bool,
    /// No data section may be left.
    pub no_globals: bool,
}

/// A prog array that loaders fill with the programs of sections `PREFIX/SLOT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailMap {
    /// The map's name.
    pub map: String,
    /// What the names of its programs' sections have before the slot; any without.
    pub prefix: Option<String>,
}

impl FromStr for TailMap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (map, prefix) = match text.split_once('=') {
            Some((map, prefix)) => (map, Some(prefix.trim_end_matches('/').to_owned())),
            None => (text, None),
        };
        if map.is_empty() || prefix.as_ref().is_some_and(String::is_empty) {
            return Err(format!("`{text}`: expected MAP or MAP=SECTION"));
        }
        Ok(Self { map: map.to_owned(), prefix })
    }
}

impl PruneOptions {
    /// Whether any of them is given, so that an object is pruned that gives nothing to fold.
    pub fn any(&self) -> bool {
        let any = |patterns: &[String]| !patterns.is_empty();
        any(&self.entries) || any(&self.drops) || self.prune_maps || self.no_globals
    }
}

/// Whether a name is matched by one of the patterns.
pub(crate) fn matches(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| WildMatch::new(pattern).matches(name))
}

/// The programs that a pattern names.
///
/// # Errors
/// There are none.
pub(crate) fn check_program(object: &Object, pattern: &str) -> Result<(), PruneError> {
    let is_program = |func: &Function| func.linkage == Linkage::Entry;
    check_functions(object, pattern, is_program)
        .map_err(|known| PruneError::NoProgram { pattern: pattern.to_owned(), known })
}

/// The functions that a pattern names.
///
/// # Errors
/// There are none.
pub(crate) fn check_function(object: &Object, pattern: &str) -> Result<(), PruneError> {
    check_functions(object, pattern, |_| true)
        .map_err(|known| PruneError::NoFunction { pattern: pattern.to_owned(), known })
}

fn check_functions(
    object: &Object,
    pattern: &str,
    accept: impl Fn(&Function) -> bool,
) -> Result<(), Vec<String>> {
    let glob = WildMatch::new(pattern);
    let known = || object.program().funcs.values().filter(|func| accept(func));
    if known().any(|func| glob.matches(&func.name)) {
        return Ok(());
    }
    Err(known().map(|func| func.name.clone()).collect())
}

/// The maps and data sections that a pattern names.
///
/// # Errors
/// There are none.
pub(crate) fn check_map(object: &Object, pattern: &str) -> Result<(), PruneError> {
    let glob = WildMatch::new(pattern);
    let maps = Maps::new(object, &[]);
    let mut known: Vec<String> = maps.defs.values().map(|def: &MapDef| def.name.clone()).collect();
    let data = object.elf().sections.values().filter(|section| super::is_data_map(section));
    known.extend(data.map(|section| String::from_utf8_lossy(&section.name).into_owned()));
    if known.iter().any(|name| glob.matches(name)) {
        return Ok(());
    }
    Err(PruneError::NoMap { pattern: pattern.to_owned(), known })
}

/// The prog array of a [`TailMap`].
///
/// # Errors
/// There is no such map, or no section names a slot of it.
pub(crate) fn check_tail_map(object: &Object, tail: &TailMap) -> Result<(), PruneError> {
    let maps = Maps::new(object, std::slice::from_ref(tail));
    let Some(def) = maps.defs.values().find(|def| def.name == tail.map) else {
        let known = maps.defs.values().map(|def| def.name.clone()).collect();
        return Err(PruneError::NoMap { pattern: tail.map.clone(), known });
    };
    if !def.is_prog_array || def.slots.is_empty() {
        return Err(PruneError::NoSlots { map: tail.map.clone() });
    }
    Ok(())
}

/// The functions that patterns name.
pub(crate) fn functions<'o>(
    object: &'o Object,
    patterns: &'o [String],
) -> impl Iterator<Item = Func> + 'o {
    let funcs = object.program().funcs.iter();
    funcs.filter(|(_, func)| matches(patterns, &func.name)).map(|(id, _)| id)
}
