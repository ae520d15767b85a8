//! The functions that names and patterns stand for.

use std::collections::BTreeSet;

use bpfold_passes::entity::Func;
use wildmatch::WildMatch;

use crate::Object;

/// Whether a name is matched by one of the patterns.
pub(crate) fn matches(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| WildMatch::new(pattern).matches(name))
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
