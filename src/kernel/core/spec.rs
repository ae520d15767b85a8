//! What a CO-RE record accesses: its access string read against a type, and the same access
//! found in a type of the target (libbpf's `bpf_core_parse_spec`, `bpf_core_spec_match`).
//!
//! The string `0:1:2` says: element 0 of what the pointer points to, member 1 of that, member or
//! element 2 of that. A [`Spec`] keeps of it what has a meaning in other types too: named
//! members and array elements. Anonymous structs and unions on the way only add to the offset.

use std::collections::BTreeSet;

use super::Problem;
use super::candidates::{Candidate, essential};
use super::compat::{Fuel, fields_are_compatible, types_are_compatible, types_match};
use super::size::Side;
use crate::btf::{Array, Btf, CoreReloKind, Kind, StrOff, TypeId};

/// How many parts an access may have (`BPF_CORE_SPEC_MAX_LEN`).
const MAX_PARTS: usize = 64;

/// One step of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accessor {
    /// The struct of a member, the type of an element, or the enum of a value.
    pub ty: TypeId,
    /// Number of the member, element or value.
    pub index: u32,
    /// Name of a member or value; none for elements.
    pub name: Option<StrOff>,
}

/// An access, read against a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    /// The type that the access starts from.
    pub root: TypeId,
    /// The steps; empty for records about types.
    pub accessors: Vec<Accessor>,
    /// Bits from the start of the root.
    pub bit_offset: u32,
    /// Parts of the access string that would be needed, anonymous members included.
    parts: usize,
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Field,
    Type,
    EnumValue,
}

pub(super) fn subject(kind: CoreReloKind) -> Subject {
    match kind {
        CoreReloKind::FieldByteOffset
        | CoreReloKind::FieldByteSize
        | CoreReloKind::FieldExists
        | CoreReloKind::FieldSigned
        | CoreReloKind::FieldLShiftU64
        | CoreReloKind::FieldRShiftU64 => Subject::Field,
        CoreReloKind::TypeIdLocal
        | CoreReloKind::TypeIdTarget
        | CoreReloKind::TypeExists
        | CoreReloKind::TypeSize
        | CoreReloKind::TypeMatches => Subject::Type,
        CoreReloKind::EnumvalExists | CoreReloKind::EnumvalValue => Subject::EnumValue,
    }
}

impl Spec {
    fn new(root: TypeId) -> Self {
        Self { root, accessors: Vec::new(), bit_offset: 0, parts: 0 }
    }

    fn part(&mut self) -> Result<(), Problem> {
        self.parts += 1;
        if self.parts > MAX_PARTS { Err(Problem::TooDeep) } else { Ok(()) }
    }

    /// Moves by so many elements.
    fn advance(&mut self, side: Side<'_>, index: u32, element: TypeId) -> Result<(), Problem> {
        let size = side.size(element).ok_or(Problem::NoSize)?;
        let bits = u64::from(index).checked_mul(size).and_then(|bytes| bytes.checked_mul(8));
        let end = bits.and_then(|bits| bits.checked_add(u64::from(self.bit_offset)));
        self.bit_offset = end.and_then(|end| u32::try_from(end).ok()).ok_or(Problem::Overflow)?;
        Ok(())
    }

    fn advance_bits(&mut self, bits: u32) -> Result<(), Problem> {
        self.bit_offset = self.bit_offset.checked_add(bits).ok_or(Problem::Overflow)?;
        Ok(())
    }

    /// Whether an array is a flexible one: without a length and the last member of its struct.
    fn is_flexible(&self, btf: &Btf, array: &Array) -> bool {
        let last_member = |accessor: &Accessor| {
            let members = btf.composite(accessor.ty).map_or(0, |composite| composite.members.len());
            accessor.name.is_some() && accessor.index as usize + 1 == members
        };
        array.count == 0 && self.accessors.last().is_some_and(last_member)
    }

    /// Reads an access string against the type `root`.
    pub fn parse(
        side: Side<'_>,
        kind: CoreReloKind,
        root: TypeId,
        access: &str,
    ) -> Result<Spec, Problem> {
        let btf = side.btf;
        let mut spec = Spec::new(root);
        if subject(kind) == Subject::Type {
            return if access == "0" { Ok(spec) } else { Err(Problem::Access) };
        }
        let parts = indices(access)?;
        let (&first, rest) = parts.split_first().ok_or(Problem::Access)?;
        let (mut id, ty) = btf.resolve(root);
        if subject(kind) == Subject::EnumValue {
            let (Kind::Enum(of) | Kind::Enum64(of)) = &ty.kind else {
                return Err(Problem::Access);
            };
            let value = of.values.get(first as usize).filter(|_| rest.is_empty());
            let name = Some(value.ok_or(Problem::Access)?.name);
            spec.accessors.push(Accessor { ty: id, index: first, name });
            return Ok(spec);
        }
        spec.accessors.push(Accessor { ty: id, index: first, name: None });
        spec.advance(side, first, id)?;
        for &index in rest {
            let (composite, ty) = btf.resolve(id);
            match &ty.kind {
                Kind::Struct(of) | Kind::Union(of) => {
                    let member = of.members.get(index as usize).ok_or(Problem::Access)?;
                    spec.advance_bits(member.bit_offset)?;
                    if member.name != StrOff(0) {
                        let name = Some(member.name);
                        spec.accessors.push(Accessor { ty: composite, index, name });
                    }
                    id = member.ty;
                }
                Kind::Array(array) => {
                    if index >= array.count && !spec.is_flexible(btf, array) {
                        return Err(Problem::Access);
                    }
                    id = btf.resolve(array.element).0;
                    spec.accessors.push(Accessor { ty: id, index, name: None });
                    spec.advance(side, index, id)?;
                }
                _ => return Err(Problem::Access),
            }
        }
        Ok(spec)
    }

    /// The same access in a type of the target; none if the type has no such thing.
    pub fn find_in(
        &self,
        local: &Btf,
        kind: CoreReloKind,
        candidate: Candidate<'_>,
        side: Side<'_>,
    ) -> Result<Option<Spec>, Problem> {
        let mut found = Spec::new(candidate.id);
        match subject(kind) {
            Subject::Type => {
                let fuel = &mut Fuel::default();
                let (theirs, id) = (candidate.btf, candidate.id);
                let matches = match kind {
                    CoreReloKind::TypeMatches => types_match(local, self.root, theirs, id, fuel)?,
                    _ => types_are_compatible(local, self.root, theirs, id, fuel)?,
                };
                Ok(matches.then_some(found))
            }
            Subject::EnumValue => {
                let (ty, resolved) = candidate.btf.resolve(candidate.id);
                let (Kind::Enum(of) | Kind::Enum64(of)) = &resolved.kind else { return Ok(None) };
                let name = self.accessors.first().and_then(|accessor| accessor.name);
                let wanted = essential(local.bytes(name.unwrap_or_default()));
                let mut names = of.values.iter().map(|value| value.name);
                let at = names.position(|name| essential(candidate.btf.bytes(name)) == wanted);
                Ok(at.and_then(|at| {
                    let name = Some(of.values.get(at)?.name);
                    found.accessors.push(Accessor { ty, index: u32::try_from(at).ok()?, name });
                    Some(found)
                }))
            }
            Subject::Field => {
                let mut id = candidate.id;
                for (at, accessor) in self.accessors.iter().enumerate() {
                    let next = match accessor.name {
                        Some(_) => found.enter_member(local, accessor, side, id)?,
                        None => found.enter_element(accessor.index, side, id, at > 0)?,
                    };
                    let Some(next) = next else { return Ok(None) };
                    id = next;
                }
                Ok(Some(found))
            }
        }
    }

    /// Goes to an element of the array `id`, or of what the pointer at the start points to.
    fn enter_element(
        &mut self,
        index: u32,
        side: Side<'_>,
        id: TypeId,
        of_array: bool,
    ) -> Result<Option<TypeId>, Problem> {
        let (mut id, ty) = side.btf.resolve(id);
        if of_array {
            let Kind::Array(array) = &ty.kind else { return Ok(None) };
            if index >= array.count && !self.is_flexible(side.btf, array) {
                return Ok(None);
            }
            id = side.btf.resolve(array.element).0;
        }
        self.part()?;
        self.accessors.push(Accessor { ty: id, index, name: None });
        self.advance(side, index, id)?;
        Ok(Some(id))
    }

    /// Goes to the member of the struct `id` that `wanted` is in the object: of the same name
    /// and of a compatible type.
    fn enter_member(
        &mut self,
        local: &Btf,
        wanted: &Accessor,
        side: Side<'_>,
        id: TypeId,
    ) -> Result<Option<TypeId>, Problem> {
        let theirs = side.btf;
        let member = local
            .composite(wanted.ty)
            .and_then(|composite| composite.members.get(wanted.index as usize))
            .ok_or(Problem::Access)?;
        let name = local.bytes(member.name);
        let mut path = Vec::new();
        find_named(theirs, id, name, &mut BTreeSet::new(), &mut path);
        let Some(&(composite, index)) = path.last() else { return Ok(None) };
        for &(within, at) in &path {
            let step = theirs.composite(within).and_then(|of| of.members.get(at as usize));
            self.part()?;
            self.advance_bits(step.map_or(0, |step| step.bit_offset))?;
        }
        let members = theirs.composite(composite).map_or(&[][..], |of| &of.members);
        let Some(found) = members.get(index as usize) else { return Ok(None) };
        let accessor = Accessor { ty: composite, index, name: Some(found.name) };
        self.accessors.push(accessor);
        Ok(fields_are_compatible(local, member.ty, theirs, found.ty).then_some(found.ty))
    }
}

/// The way to the member of a name, through anonymous members: each struct with the number of
/// the member. `searched` has the types that are known not to have it, so that a type that
/// occurs often is searched once.
fn find_named(
    btf: &Btf,
    id: TypeId,
    name: &[u8],
    searched: &mut BTreeSet<TypeId>,
    path: &mut Vec<(TypeId, u32)>,
) -> bool {
    let (id, ty) = btf.resolve(id);
    let (Kind::Struct(of) | Kind::Union(of)) = &ty.kind else { return false };
    if !searched.insert(id) {
        return false;
    }
    for (index, member) in (0..).zip(&of.members) {
        path.push((id, index));
        let theirs = btf.bytes(member.name);
        let found = match theirs.is_empty() {
            true => find_named(btf, member.ty, name, searched, path),
            false => theirs == name,
        };
        if found {
            return true;
        }
        path.pop();
    }
    false
}

/// The numbers of an access string.
fn indices(access: &str) -> Result<Vec<u32>, Problem> {
    let parts: Vec<&str> = access.split(':').take(MAX_PARTS + 1).collect();
    if parts.len() > MAX_PARTS {
        return Err(Problem::TooDeep);
    }
    let number = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let number: i32 = part.parse().ok().filter(|_| digits)?;
        u32::try_from(number).ok()
    };
    parts.into_iter().map(|part| number(part).ok_or(Problem::Access)).collect()
}
