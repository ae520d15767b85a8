//! Types, which are compared by what they say and not by their numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Mismatch, Pairing};
use crate::Object;
use crate::btf::{Btf, CoreRelo, DataSec, Kind, Linkage, SecVar, StrOff, TypeId};
use crate::elf::{ElfObject, SymbolKind};

/// The types of the old and the new object.
pub(super) struct Types<'t> {
    pair: Option<(&'t Btf, &'t Btf)>,
    /// Both objects have types, or neither has.
    agree: bool,
    /// Nothing was changed, so that numbers can be compared.
    unchanged: bool,
    /// Pairs that say the same if all of these do.
    seen: BTreeSet<(TypeId, TypeId)>,
    /// The declaration tags of each type, in the old object and in the new one.
    tags: [BTreeMap<TypeId, Vec<Tag<'t>>>; 2],
}

/// Which member or parameter has a tag (−1 for the type itself), and the tag.
type Tag<'t> = (i32, &'t [u8]);

impl<'t> Types<'t> {
    pub fn of(old: &'t Object, new: &'t Object) -> Self {
        let (old, new) = (old.btf(), new.btf());
        let agree = old.is_some() == new.is_some();
        let tags = [old, new].map(|btf| btf.map(tags).unwrap_or_default());
        Self { pair: old.zip(new), agree, unchanged: old == new, seen: BTreeSet::new(), tags }
    }

    pub fn same_string(&self, a: StrOff, b: StrOff) -> bool {
        match self.pair {
            Some((old, new)) => old.bytes(a) == new.bytes(b),
            None => self.agree,
        }
    }

    pub fn same_core(&mut self, a: &CoreRelo, b: &CoreRelo) -> bool {
        a.kind == b.kind
            && a.extra == b.extra
            && self.same_string(a.access_str_off, b.access_str_off)
            && self.same(a.type_id, b.type_id)
    }

    /// Whether two types say the same, and all that they refer to.
    pub fn same(&mut self, a: TypeId, b: TypeId) -> bool {
        let Some((old, new)) = self.pair else { return self.agree };
        if self.unchanged {
            return a == b;
        }
        let mut work = vec![(a, b)];
        while let Some((a, b)) = work.pop() {
            if !self.seen.insert((a, b)) {
                continue;
            }
            let (x, y) = (old.ty(a), new.ty(b));
            let same = old.contains(a) == new.contains(b)
                && old.bytes(x.name) == new.bytes(y.name)
                // The kernel wants 0 where there is no name.
                && (x.name.0 != 0 || y.name.0 == 0)
                && x.flag == y.flag
                && self.tags[0].get(&a) == self.tags[1].get(&b)
                && same_shape((old, &x.kind), (new, &y.kind));
            if !same {
                return false;
            }
            if matches!(x.kind, Kind::DataSec(_)) {
                // Its variables can be fewer, and are compared for themselves.
                continue;
            }
            let (mut left, mut right) = (Vec::new(), Vec::new());
            x.kind.for_each_ref(|ty| left.push(ty));
            y.kind.for_each_ref(|ty| right.push(ty));
            if left.len() != right.len() {
                return false;
            }
            work.extend(left.into_iter().zip(right));
        }
        true
    }

    /// What is left of the variables of each section lies where it should, with its type.
    pub fn check_sections(&mut self, pairing: &Pairing<'_>) -> Check {
        let Some((old, new)) = self.pair else {
            let problem = "types have come or gone";
            return if self.agree { Ok(()) } else { Err(Mismatch::new(".BTF", None, problem)) };
        };
        let (before, after) = (data_sections(old), data_sections(new));
        let mut stay = BTreeSet::new();
        for (name, section) in &after {
            let text = String::from_utf8_lossy(name);
            let Some(known) = before.get(name) else {
                return Err(Mismatch::new(".BTF", None, format!("a DATASEC {text} is new")));
            };
            let index = pairing.names.get(name).copied();
            let index = index.filter(|index| pairing.sections.contains_key(index));
            // Clang leaves 0 for what the symbol tells; where it leaves the size, too, loaders
            // ask the symbol whatever is here.
            let lies = |before: &SecVar, offset: u32| match index {
                Some(index) if before.offset != 0 => {
                    match pairing.moved(index, before.offset.into()) {
                        Some((_, moved)) => moved == u64::from(offset),
                        None => known.size == 0 && is_global(old, before.var),
                    }
                }
                _ => before.offset == offset,
            };
            let mut rest = known.vars.iter();
            for var in &section.vars {
                let before = rest.find(|before| {
                    lies(before, var.offset)
                        && before.size == var.size
                        && old.bytes(old.ty(before.var).name) == new.bytes(new.ty(var.var).name)
                });
                stay.extend(before.map(|before| before.var));
                if !before.is_some_and(|before| self.same(before.var, var.var)) {
                    let problem = format!("{} is another variable", new.name(var.var));
                    return Err(Mismatch::new(text, Some(var.offset.into()), problem));
                }
            }
            let gone = index.map_or(0, |index| pairing.cut_bytes(index));
            // Compilers leave 0; in damaged objects it can be less than what goes.
            if u64::from(known.size).saturating_sub(gone) != u64::from(section.size) {
                return Err(Mismatch::new(
                    ".BTF",
                    None,
                    format!("DATASEC {text} has another size"),
                ));
            }
        }
        check_gone(pairing, (old, &before), &stay)?;
        check_symbols(pairing, (old, &before), (new, &after))
    }
}

fn is_global(btf: &Btf, var: TypeId) -> bool {
    matches!(btf.ty(var).kind, Kind::Var { linkage: Linkage::Global, .. })
}

type DataSections<'t> = BTreeMap<&'t [u8], &'t DataSec>;

/// The DATASECs by name. Of several with one name, which no compiler writes, the first go first,
/// so the last is taken.
fn data_sections(btf: &Btf) -> DataSections<'_> {
    let sections = btf.own_types().filter_map(|(_, ty)| match &ty.kind {
        Kind::DataSec(section) => Some((btf.bytes(ty.name), section)),
        _ => None,
    });
    sections.collect()
}

/// A VAR goes with its section or its bytes, or if nobody is to set it any more; that of a symbol
/// that is not in the object goes with the symbol.
fn check_gone(
    pairing: &Pairing<'_>,
    (old, before): (&Btf, &DataSections<'_>),
    stay: &BTreeSet<TypeId>,
) -> Check {
    let variables = pairing.made.variables;
    let sealed = variables.iter().filter(|variable| variables.is_sealed(variable));
    let sealed: BTreeSet<TypeId> = sealed.filter_map(|variable| variable.var).collect();
    let (named, left) = (symbol_counts(pairing.old.elf()), symbol_counts(pairing.new.elf()));
    for (name, section) in before {
        let index = pairing.names.get(name);
        if index.is_some_and(|index| !pairing.sections.contains_key(index)) {
            continue;
        }
        for var in section.vars.iter().filter(|var| !stay.contains(&var.var)) {
            let bytes = u64::from(var.offset)..u64::from(var.offset) + u64::from(var.size);
            // Where clang leaves 0, the symbol must have gone.
            let is_cut =
                var.offset != 0 && index.is_some_and(|index| !pairing.stays(*index, &bytes));
            let symbol = old.bytes(old.ty(var.var).name);
            let has_gone =
                left.get(symbol).is_none_or(|left| named.get(symbol).is_some_and(|all| left < all));
            if !is_cut && !sealed.contains(&var.var) && !has_gone {
                let name = String::from_utf8_lossy(name);
                let problem = format!("{} is missing in BTF", old.name(var.var));
                return Err(Mismatch::new(name, None, problem));
            }
        }
    }
    Ok(())
}

/// How many symbols have a name.
fn symbol_counts(elf: &ElfObject) -> BTreeMap<&[u8], usize> {
    let mut counts = BTreeMap::new();
    for symbol in elf.symbols.values() {
        *counts.entry(symbol.name.as_slice()).or_default() += 1;
    }
    counts
}

/// Loaders find a variable by its symbol and by its VAR: both stay, or neither. Where several
/// symbols have one name, as in damaged objects, nothing tells whose VAR it is.
fn check_symbols(
    pairing: &Pairing<'_>,
    (old, before): (&Btf, &DataSections<'_>),
    (new, after): (&Btf, &DataSections<'_>),
) -> Check {
    fn names<'t>(btf: &'t Btf, sections: &DataSections<'t>) -> BTreeSet<(&'t [u8], &'t [u8])> {
        let vars = sections.iter().flat_map(|(name, s)| s.vars.iter().map(move |var| (*name, var)));
        vars.map(|(section, var)| (section, btf.bytes(btf.ty(var.var).name))).collect()
    }
    let (before, after) = (names(old, before), names(new, after));
    let named = symbol_counts(pairing.old.elf());
    for symbol in pairing.new.elf().symbols.values() {
        let section = symbol.section().and_then(|index| pairing.new.elf().sections.get(index));
        let Some(section) = section else { continue };
        let var = (section.name.as_slice(), symbol.name.as_slice());
        // Loaders look for no others (libbpf's `find_elf_var_offset`).
        let is_variable = matches!(symbol.kind, SymbolKind::Object | SymbolKind::None);
        let is_one = is_variable && named.get(var.1) == Some(&1);
        if !symbol.name.is_empty() && is_one && before.contains(&var) && !after.contains(&var) {
            let name = String::from_utf8_lossy(&section.name);
            return Err(Mismatch::new(name, Some(symbol.value), "a symbol has lost its VAR"));
        }
    }
    Ok(())
}

/// The tags of each type, in order.
fn tags(btf: &Btf) -> BTreeMap<TypeId, Vec<Tag<'_>>> {
    let mut found: BTreeMap<TypeId, Vec<Tag<'_>>> = BTreeMap::new();
    for (_, ty) in btf.own_types() {
        if let Kind::DeclTag { target, component } = ty.kind {
            found.entry(target).or_default().push((component, btf.bytes(ty.name)));
        }
    }
    found.values_mut().for_each(|tags| tags.sort_unstable());
    found
}

/// Whether two types say the same, but for their names and what they refer to.
fn same_shape((old, a): (&Btf, &Kind), (new, b): (&Btf, &Kind)) -> bool {
    let same = |a: StrOff, b: StrOff| old.bytes(a) == new.bytes(b);
    match (a, b) {
        (Kind::Int(a), Kind::Int(b)) => a == b,
        (Kind::Array(a), Kind::Array(b)) => a.count == b.count,
        (Kind::Struct(a), Kind::Struct(b)) | (Kind::Union(a), Kind::Union(b)) => {
            (a.size, a.has_bitfields, a.members.len()) == (b.size, b.has_bitfields, b.members.len())
                && a.members.iter().zip(&b.members).all(|(a, b)| {
                    (a.bit_offset, a.bitfield) == (b.bit_offset, b.bitfield) && same(a.name, b.name)
                })
        }
        (Kind::Enum(a), Kind::Enum(b)) | (Kind::Enum64(a), Kind::Enum64(b)) => {
            (a.size, a.signed, a.values.len()) == (b.size, b.signed, b.values.len())
                && a.values
                    .iter()
                    .zip(&b.values)
                    .all(|(a, b)| a.value == b.value && same(a.name, b.name))
        }
        (Kind::Fwd { .. }, Kind::Fwd { .. }) => a == b,
        (Kind::Func { linkage: a, .. }, Kind::Func { linkage: b, .. })
        | (Kind::Var { linkage: a, .. }, Kind::Var { linkage: b, .. }) => a == b,
        (Kind::FuncProto(a), Kind::FuncProto(b)) => {
            a.params.len() == b.params.len()
                && a.params.iter().zip(&b.params).all(|(a, b)| same(a.name, b.name))
        }
        (Kind::Float { size: a }, Kind::Float { size: b }) => a == b,
        (Kind::DeclTag { component: a, .. }, Kind::DeclTag { component: b, .. }) => a == b,
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}
