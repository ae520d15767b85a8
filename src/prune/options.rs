//! What the user says about the parts of an object that are used.

use bpfold_passes::entity::Func;
use wildmatch::WildMatch;

use super::PruneError;
use crate::Object;
use crate::parts::{MapDef, Maps, TailMap, functions, is_data_map, programs};

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
    /// Prog arrays that loaders fill.
    pub tail_maps: Vec<TailMap>,
    /// Maps go that no program has used in the first place.
    pub prune_maps: bool,
    /// No data section may be left.
    pub no_globals: bool,
    /// What bindings made from the original object name stays.
    pub interface: bool,
    /// Variables that stay in the symbols and in BTF.
    pub keep_vars: Vec<String>,
}

impl PruneOptions {
    /// Whether any of them is given, so that an object is pruned that gives nothing to fold.
    pub fn any(&self) -> bool {
        let any = |patterns: &[String]| !patterns.is_empty();
        any(&self.entries) || any(&self.drops) || self.prune_maps || self.no_globals
    }
}

/// The programs that a pattern names.
///
/// # Errors
/// There are none.
pub(crate) fn check_program(object: &Object, pattern: &str) -> Result<(), PruneError> {
    if !programs(object, pattern).is_empty() {
        return Ok(());
    }
    let is_program = |func: Func| object.links().is_program(object.program(), func);
    Err(PruneError::NoProgram { pattern: pattern.to_owned(), known: names(object, is_program) })
}

/// No program is to be kept and to be dropped. A pattern over several entries less one that is
/// dropped by its name is no contradiction.
///
/// # Errors
/// One is.
pub(crate) fn check_entries(object: &Object, options: &PruneOptions) -> Result<(), PruneError> {
    let is_pattern = |text: &str| text.contains(['*', '?']);
    for drop in &options.drops {
        let dropped = programs(object, drop);
        let entries = options.entries.iter();
        for entry in entries.filter(|entry| is_pattern(drop) || !is_pattern(entry)) {
            let both = programs(object, entry).into_iter().find(|func| dropped.contains(func));
            if let Some(func) = both {
                return Err(PruneError::EntryAndDrop {
                    program: object.program().funcs[func].name.clone(),
                    entry: entry.clone(),
                    drop: drop.clone(),
                });
            }
        }
    }
    Ok(())
}

/// The functions that a pattern names.
///
/// # Errors
/// There are none.
pub(crate) fn check_function(object: &Object, pattern: &str) -> Result<(), PruneError> {
    if functions(object, std::slice::from_ref(&pattern.to_owned())).is_empty() {
        let known = names(object, |_| true);
        return Err(PruneError::NoFunction { pattern: pattern.to_owned(), known });
    }
    Ok(())
}

fn names(object: &Object, accept: impl Fn(Func) -> bool) -> Vec<String> {
    let funcs = object.program().funcs.iter().filter(|(id, _)| accept(*id));
    funcs.map(|(_, func)| func.name.clone()).collect()
}

/// The maps and data sections that a pattern names.
///
/// # Errors
/// There are none.
pub(crate) fn check_map(object: &Object, pattern: &str) -> Result<(), PruneError> {
    let glob = WildMatch::new(pattern);
    let maps = Maps::new(object, &[]);
    let mut known: Vec<String> = maps.defs.values().map(|def: &MapDef| def.name.clone()).collect();
    let data = object.elf().sections.values().filter(|section| is_data_map(section));
    known.extend(data.map(|section| String::from_utf8_lossy(&section.name).into_owned()));
    if known.iter().any(|name| glob.matches(name)) {
        return Ok(());
    }
    Err(PruneError::NoMap { pattern: pattern.to_owned(), known })
}

/// The prog array of a [`TailMap`].
///
/// # Errors
/// There is no such map, no section names a slot of it, or no program has the name given.
pub(crate) fn check_tail_map(object: &Object, tail: &TailMap) -> Result<(), PruneError> {
    let maps = Maps::new(object, std::slice::from_ref(tail));
    let Some(def) = maps.defs.values().find(|def| def.name == tail.map) else {
        let known = maps.defs.values().map(|def| def.name.clone()).collect();
        return Err(PruneError::NoMap { pattern: tail.map.clone(), known });
    };
    if def.is_prog_array && def.programs().next().is_some() {
        return Ok(());
    }
    match &tail.programs {
        Some(pattern) if def.is_prog_array => check_program(object, pattern),
        _ => Err(PruneError::NoSlots { map: tail.map.clone() }),
    }
}
