//! Whether what is written has what its parts need.

use super::arena::{Arenas, parts};
use super::types::type_of_tag;
use super::{Found, Gone, is_refused, lost_properties, needed_by_name, refused_types, rules};
use crate::Object;
use crate::btf::Kind;
use crate::parts::{Maps, Node};
use crate::passes::ir::{Linkage, Program};

/// What is missing in an object that was made of `old`: `has` says which functions of `old` it has,
/// and which sections. `program` is the code that was written, with the ids of `old`.
pub(crate) fn missing(
    old: &Object,
    new: &Object,
    program: &Program,
    has: impl Fn(Node) -> bool,
) -> Option<String> {
    let (before, after) = (Maps::new(old, &[]), Maps::new(new, &[]));
    missing_name(old, (&before, &after), has)
        .or_else(|| missing_type(old, new))
        .or_else(|| missing_arena(old, &before, program))
        .or_else(|| missing_property(old, program))
        .or_else(|| missing_section(old, new))
        .or_else(|| accepted_types(old, new))
}

fn missing_name(
    old: &Object,
    (before, after): (&Maps, &Maps),
    has: impl Fn(Node) -> bool,
) -> Option<String> {
    // What programs named is compared by the code that they have now.
    let needs = needed_by_name(old, before, false, |_| Default::default());
    needs.into_iter().filter(|(by, _)| has(*by)).find_map(|(_, needed)| match needed {
        Node::Map(map) => {
            let name = &before.defs.get(map)?.name;
            let there = after.defs.values().any(|def| def.name == *name);
            (!there).then(|| format!("the map {name} is missing, which is found by its name"))
        }
        Node::Func(func) if !has(needed) => {
            let name = &old.program().funcs.get(func)?.name;
            Some(format!("the function {name} is missing, which a declaration tag names"))
        }
        Node::Func(_) | Node::Data(_) | Node::Extern(_) => None,
    })
}

fn missing_type(old: &Object, new: &Object) -> Option<String> {
    let (old, new) = old.btf().zip(new.btf())?;
    new.own_types().find_map(|(_, ty)| {
        let Kind::DeclTag { .. } = ty.kind else { return None };
        let tag = new.str(ty.name);
        let gone = type_of_tag(old, tag).is_some() && type_of_tag(new, tag).is_none();
        gone.then(|| format!("the type is missing that the declaration tag {tag} names"))
    })
}

fn missing_arena(old: &Object, maps: &Maps, program: &Program) -> Option<String> {
    let arenas = Arenas::new(old, maps)?;
    let entries = program.funcs.iter().filter(|(_, func)| func.linkage == Linkage::Entry);
    entries.into_iter().find_map(|(entry, func)| {
        let is_missing = |program: &Program| arenas.is_missing(program, &parts(program, entry));
        let lost = is_missing(program) && !is_missing(old.program());
        lost.then(|| format!("{} casts addresses of an arena that it does not name", func.name))
    })
}

fn missing_property(old: &Object, program: &Program) -> Option<String> {
    let (func, property) = lost_properties(old.program(), program).into_iter().next()?;
    let name = &program.funcs.get(func)?.name;
    Some(format!("{name} {} no longer, so what replaces it must not either", property.text()))
}

fn missing_section(old: &Object, new: &Object) -> Option<String> {
    let has = |object: &Object, name: &str| object.elf().section_by_name(name).is_some();
    let lost = rules(Found::Section).find(|rule| has(old, rule.name) && !has(new, rule.name))?;
    Some(format!("the section {} is missing", lost.name))
}

fn accepted_types(old: &Object, new: &Object) -> Option<String> {
    let is_refused = |object: &Object| {
        object.btf().is_some_and(|btf| {
            is_refused(btf, object.elf(), Gone::default()) || refused_types(btf).next().is_some()
        })
    };
    let accepted = is_refused(old) && !is_refused(new);
    accepted.then(|| "kernels refused the types, and would accept what is left of them".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
mod tests {
    use super::missing;
    use crate::Object;
    use crate::btf::{Btf, Kind};
    use crate::parts::Node;

    fn object(name: &str) -> Object {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/objects/needs/");
        Object::parse(&std::fs::read(format!("{dir}{name}")).unwrap()).unwrap()
    }

    /// The object with another name for a struct.
    fn without_struct(object: &Object, name: &str) -> Object {
        let btf = object.btf().unwrap();
        let mut new = Btf::parse(&btf.to_bytes().unwrap()).unwrap();
        let is_it = |kind: &Kind, found: &str| matches!(kind, Kind::Struct(_)) && found == name;
        let mut types = btf.own_types();
        let (id, _) = types.find(|(_, ty)| is_it(&ty.kind, btf.str(ty.name))).unwrap();
        let other = new.add_string("other");
        new.ty_mut(id).unwrap().name = other;
        let mut elf = object.elf().clone();
        let section = elf.section_by_name(".BTF").unwrap();
        elf.set_section_data(section, new.to_bytes().unwrap()).unwrap();
        Object::parse(&elf.write().unwrap()).unwrap()
    }

    #[test]
    fn what_is_missing_is_found() {
        let graph = object("graph.o");
        let all = |_| true;
        assert_eq!(missing(&graph, &graph, graph.program(), all), None);
        let new = without_struct(&graph, "leaf");
        assert!(missing(&graph, &new, graph.program(), all).unwrap().contains("contains:leaf"));
        // No tag names it.
        let new = without_struct(&graph, "seed");
        assert_eq!(missing(&graph, &new, graph.program(), all), None);

        let throws = object("exceptions.o");
        let funcs = &throws.program().funcs;
        let no_callback = |node| !matches!(node, Node::Func(func) if funcs[func].name == "caught");
        let found = missing(&throws, &throws, throws.program(), no_callback);
        assert!(found.unwrap().contains("caught"));
    }
}
