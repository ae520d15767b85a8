//! What the user says about the parts of an object that are used.

use std::collections::BTreeSet;
use std::str::FromStr;

use bpfold_passes::entity::Func;
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
    /// Prog arrays that loaders fill.
    pub tail_maps: Vec<TailMap>,
    /// Maps go that no program has used in the first place.
    pub prune_maps: bool,
    /// No data section may be left.
    pub no_globals: bool,
}

/// A prog array that loaders fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailMap {
    /// The map's name.
    pub map: String,
    /// Its programs: what the names of their sections have before the slot, as `2` of `2/7`, or
    /// else a pattern of names of programs or sections, and then any slot can hold any of them.
    /// Without, the programs of all sections that end in a slot's number.
    pub programs: Option<String>,
}

impl FromStr for TailMap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (map, programs) = match text.split_once('=') {
            Some((map, programs)) => (map, Some(programs)),
            None => (text, None),
        };
        if map.is_empty() || programs.is_some_and(|programs| programs.trim_matches('/').is_empty())
        {
            return Err(format!("`{text}`: expected MAP, MAP=SECTION or MAP=NAME|GLOB"));
        }
        Ok(Self { map: map.to_owned(), programs: programs.map(str::to_owned) })
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

/// The programs that a pattern names: those with such a name, or if there are none, those in
/// sections with such a name.
pub(crate) fn programs(object: &Object, pattern: &str) -> Vec<Func> {
    let glob = WildMatch::new(pattern);
    let is_program = |func: &Func| object.links().is_program(object.program(), *func);
    let by_name = object.program().funcs.iter().filter(|(_, func)| glob.matches(&func.name));
    let by_name: Vec<Func> = by_name.map(|(id, _)| id).filter(is_program).collect();
    if !by_name.is_empty() {
        return by_name;
    }
    let in_section = |section: &str| {
        // libbpf's mark of programs that are not loaded unless asked for.
        let bare = section.strip_prefix('?');
        glob.matches(section) || bare.is_some_and(|bare| glob.matches(bare))
    };
    let funcs = object.links().funcs.iter();
    let here = funcs.filter(|(_, link)| in_section(&object.elf().section_id(link.section).name));
    here.map(|(id, _)| id).filter(is_program).collect()
}

/// The programs that patterns name.
pub(crate) fn all_programs(object: &Object, patterns: &[String]) -> BTreeSet<Func> {
    patterns.iter().flat_map(|pattern| programs(object, pattern)).collect()
}

/// The functions that patterns name, programs also by their sections.
pub(crate) fn functions(object: &Object, patterns: &[String]) -> BTreeSet<Func> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let glob = WildMatch::new(pattern);
        let funcs = object.program().funcs.iter();
        let by_name = funcs.filter(|(_, func)| glob.matches(&func.name)).map(|(id, _)| id);
        let by_name: Vec<Func> = by_name.collect();
        found.extend(if by_name.is_empty() { programs(object, pattern) } else { by_name });
    }
    found
}
