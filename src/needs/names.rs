//! Functions, maps and variables that are found by their names.

use std::collections::BTreeSet;

use super::{Found, User, behind_prefix, rules};
use crate::Object;
use crate::btf::Kind;
use crate::elf::{Section, SectionIndex};
use crate::needs::arena;
use crate::parts::{Maps, Node};
use crate::passes::entity::Func;
use crate::passes::ir::Linkage;

/// What needs what by name, where `reach` gives what a program needs by its code as it was read;
/// `host`: also what the host looks up.
pub(crate) fn needed_by_name(
    object: &Object,
    maps: &Maps,
    host: bool,
    reach: impl Fn(Node) -> BTreeSet<Node>,
) -> Vec<(Node, Node)> {
    let callbacks = callbacks(object).into_iter();
    let mut needs: Vec<(Node, Node)> =
        callbacks.map(|(by, callback)| (Node::Func(by), Node::Func(callback))).collect();
    for rule in rules(Found::Map).filter(|rule| host || rule.user != User::Named) {
        let Some((map, _)) = maps.defs.iter().find(|(_, def)| def.name == rule.name) else {
            continue;
        };
        for (func, function) in object.program().funcs.iter() {
            let node = Node::Func(func);
            let is_program = function.linkage == Linkage::Entry;
            if is_program
                && (is_in(object, func, rule.user) || reach(node).contains(&Node::Map(map)))
            {
                needs.push((node, Node::Map(map)));
            }
        }
    }
    let arenas = maps.defs.iter().filter(|(_, def)| def.is_arena);
    for (map, _) in arenas {
        let data = arena_data(object).into_iter();
        needs.extend(data.map(|section| (Node::Data(section), Node::Map(map))));
    }
    needs
}

/// The sections of variables in an arena.
fn arena_data(object: &Object) -> Vec<SectionIndex> {
    let sections = object.elf().sections.iter();
    let named = sections.filter(|(_, section)| section.name == arena::SECTION.as_bytes());
    named.map(|(index, _)| index).collect()
}

/// Whether a program is in a section of a kind that a rule names: `usdt` or `usdt/…`, for loading
/// on demand with a `?` before it.
fn is_in(object: &Object, func: Func, user: User) -> bool {
    let User::Sections(kinds) = user else { return false };
    let Some(link) = object.links().funcs.get(func) else { return false };
    let section = object.elf().section_id(link.section).name;
    let kind = section.strip_prefix('?').unwrap_or(&section);
    kinds.contains(&kind.split_once('/').map_or(kind, |(kind, _)| kind))
}

/// The functions that kernels enter because of a declaration tag, each behind the function with
/// the tag.
pub(crate) fn callbacks(object: &Object) -> Vec<(Func, Func)> {
    let Some(btf) = object.btf() else { return Vec::new() };
    let find = |name: &str| object.program().funcs.iter().find(|(_, func)| func.name == name);
    let mut found = Vec::new();
    for (_, ty) in btf.own_types() {
        if let Kind::DeclTag { target, .. } = ty.kind
            && let Some(callback) = behind_prefix(Found::FunctionOfTag, btf.str(ty.name))
            && let (Some((by, _)), Some((callback, _))) = (find(btf.name(target)), find(callback))
        {
            found.push((by, callback));
        }
    }
    found
}

/// Whether a variable is there for who looks for its name, though no code loads it.
pub(crate) fn is_found_by_name(variable: &str) -> bool {
    rules(Found::Variable).any(|rule| variable.starts_with(rule.name))
}

/// Whether a section of data is found by its name, or holds a variable that is.
pub(crate) fn is_section_found(object: &Object, index: SectionIndex, section: &Section) -> bool {
    let mut names = object.elf().symbols_in(index).map(|(_, symbol)| &symbol.name);
    rules(Found::Section).any(|rule| section.name == rule.name.as_bytes())
        || names.any(|name| is_found_by_name(&String::from_utf8_lossy(name)))
}
