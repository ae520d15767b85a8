//! Which types of the target can stand for a type of the object: those of the same kind and the
//! same essential name (libbpf's `bpf_core_find_cands`).

use std::collections::{BTreeMap, HashMap};
use std::mem::discriminant;
use std::sync::Arc;

use crate::btf::{Btf, Kind, TypeId};

/// A type of the target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'t> {
    pub btf: &'t Btf,
    pub id: TypeId,
}

/// The candidates of each local type that records start from.
#[derive(Debug)]
pub(super) struct Candidates<'t> {
    local: &'t Btf,
    by_type: BTreeMap<TypeId, Vec<Candidate<'t>>>,
    /// The local types by their essential names.
    by_name: HashMap<&'t [u8], Vec<TypeId>>,
}

impl<'t> Candidates<'t> {
    /// No candidates yet for any of the `wanted` types of `local`.
    pub fn new(local: &'t Btf, wanted: impl Iterator<Item = TypeId>) -> Self {
        let by_type: BTreeMap<TypeId, Vec<Candidate<'t>>> =
            wanted.map(|id| (id, Vec::new())).collect();
        let mut by_name: HashMap<&[u8], Vec<TypeId>> = HashMap::new();
        for &id in by_type.keys() {
            let name = essential(local.bytes(local.ty(id).name));
            if !name.is_empty() {
                by_name.entry(name).or_default().push(id);
            }
        }
        Self { local, by_type, by_name }
    }

    /// Adds those among the types of `btf` itself, in one walk over them.
    pub fn add(&mut self, btf: &'t Btf) {
        for (id, ty) in btf.own_types() {
            let name = btf.bytes(ty.name);
            if name.is_empty() {
                continue;
            }
            for wanted in self.by_name.get(essential(name)).into_iter().flatten() {
                if same_kind(&self.local.ty(*wanted).kind, &ty.kind)
                    && let Some(list) = self.by_type.get_mut(wanted)
                {
                    list.push(Candidate { btf, id });
                }
            }
        }
    }

    /// Whether there is a type with a name and without candidates.
    pub fn are_missing(&self) -> bool {
        self.by_name.values().flatten().any(|id| self.of(*id).is_empty())
    }

    /// Adds the types of modules, which count only where the kernel itself has none.
    pub fn add_modules(&mut self, modules: &'t [Arc<Btf>]) {
        let by_type = &self.by_type;
        self.by_name.retain(|_, ids| {
            ids.retain(|id| by_type.get(id).is_some_and(Vec::is_empty));
            !ids.is_empty()
        });
        for module in modules {
            self.add(module);
        }
    }

    pub fn of(&self, id: TypeId) -> &[Candidate<'t>] {
        self.by_type.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Lets only these candidates of a type be asked again: libbpf drops those that did not
    /// match a record for all later records of the same local type (`bpf_core_calc_relo_insn`).
    pub fn narrow(&mut self, id: TypeId, matching: Vec<Candidate<'t>>) {
        if !matching.is_empty() {
            self.by_type.insert(id, matching);
        }
    }
}

/// Whether two types are of the same kind; both kinds of enums are (`btf_kind_core_compat`).
pub(super) fn same_kind(local: &Kind, target: &Kind) -> bool {
    discriminant(local) == discriminant(target)
        || matches!(
            (local, target),
            (Kind::Enum(_) | Kind::Enum64(_), Kind::Enum(_) | Kind::Enum64(_))
        )
}

/// A name without its flavor, the part from the last `___` that stands between other characters
/// (`bpf_core_essential_name_len`).
pub(crate) fn essential(name: &[u8]) -> &[u8] {
    let is_separator =
        |part: &[u8]| matches!(part, [x, b'_', b'_', b'_', y] if *x != b'_' && *y != b'_');
    match name.windows(5).rposition(is_separator) {
        Some(at) => name.get(..=at).unwrap_or(name),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::essential;

    #[test]
    fn flavors_are_no_part_of_a_name() {
        let cases: [(&str, &str); 8] = [
            ("task_struct", "task_struct"),
            ("task_struct___old", "task_struct"),
            ("a___b___c", "a___b"),
            ("___b", "___b"),
            ("a___", "a___"),
            ("a____b", "a____b"),
            ("a__b", "a__b"),
            ("", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(essential(name.as_bytes()), expected.as_bytes(), "{name}");
        }
    }
}
