//! Types that are found by the names in declaration tags.

use super::{Found, behind_prefix};
use crate::btf::{Btf, Kind, TypeId, TypeSet};

/// The struct that a tag `contains:STRUCT:MEMBER` names: the first of its name, as the kernel's
/// `btf_find_by_name_kind` finds it.
pub(super) fn type_of_tag(btf: &Btf, tag: &str) -> Option<TypeId> {
    let (name, _) = behind_prefix(Found::TypeOfTag, tag)?.split_once(':')?;
    let mut types = btf.own_types();
    let found =
        types.find(|(_, ty)| matches!(ty.kind, Kind::Struct(_)) && btf.str(ty.name) == name);
    found.map(|(id, _)| id)
}

/// Adds what `keep` needs: types that it refers to, tags of its types, and the types that these
/// name, which can have tags again.
pub(crate) fn add_types_of_tags(btf: &Btf, keep: &mut TypeSet) {
    let named: Vec<(TypeId, TypeId)> = btf
        .own_types()
        .filter_map(|(tag, ty)| match ty.kind {
            Kind::DeclTag { .. } => Some((tag, type_of_tag(btf, btf.str(ty.name))?)),
            _ => None,
        })
        .collect();
    if named.is_empty() {
        return;
    }
    loop {
        btf.close(keep);
        let mut more = false;
        for (tag, ty) in &named {
            more |= keep.contains(*tag) && keep.insert(*ty);
        }
        if !more {
            return;
        }
    }
}
