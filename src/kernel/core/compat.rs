//! When a type of the target is as good as one of the object: three relations, from loose to
//! strict, as libbpf has them.
//!
//! - [`fields_are_compatible`], for the type of a member: kinds agree, structs and unions mix,
//!   pointers and integers of any sort agree, enums and forward declarations by name, arrays by
//!   element (`bpf_core_fields_are_compat`).
//! - [`types_are_compatible`], for a type asked for by itself: kinds agree through pointers,
//!   arrays and prototypes, names below the first do not matter (`bpf_core_types_are_compat`).
//! - [`types_match`], for `bpf_core_type_matches`: names, sizes and signs agree too, and each
//!   member of the object's struct is there (`__bpf_core_types_match`).

use super::Problem;
use super::candidates::{essential, same_kind};
use crate::btf::{Btf, Composite, Enumeration, Int, Kind, StrOff, TypeId};

/// How deep prototypes and structs may nest, and how long a chain of pointers and arrays may be.
const MAX_DEPTH: u32 = 32;

/// How many types and names one comparison may look at: damaged types can multiply without end.
#[derive(Debug)]
pub(crate) struct Fuel(u32);

impl Default for Fuel {
    fn default() -> Self {
        Self(1 << 22)
    }
}

impl Fuel {
    fn burn(&mut self) -> Result<(), Problem> {
        self.0 = self.0.checked_sub(1).ok_or(Problem::TooDeep)?;
        Ok(())
    }
}

/// Old-style bit-fields never agree with anything.
fn is_plain(int: &Int) -> bool {
    int.bit_offset == 0
}

fn names_match(local: &Btf, ours: StrOff, target: &Btf, theirs: StrOff) -> bool {
    essential(local.bytes(ours)) == essential(target.bytes(theirs))
}

/// Whether a member of the target can be read as the object's member is.
pub(super) fn fields_are_compatible(
    local: &Btf,
    mut ours: TypeId,
    target: &Btf,
    mut theirs: TypeId,
) -> bool {
    for _ in 0..MAX_DEPTH {
        let (our, their) = (local.resolve(ours).1, target.resolve(theirs).1);
        match (&our.kind, &their.kind) {
            (Kind::Struct(_) | Kind::Union(_), Kind::Struct(_) | Kind::Union(_))
            | (Kind::Ptr(_), Kind::Ptr(_))
            | (Kind::Float { .. }, Kind::Float { .. }) => return true,
            (Kind::Fwd { .. }, Kind::Fwd { .. })
            | (Kind::Enum(_) | Kind::Enum64(_), Kind::Enum(_) | Kind::Enum64(_)) => {
                let anonymous =
                    local.bytes(our.name).is_empty() || target.bytes(their.name).is_empty();
                return anonymous || names_match(local, our.name, target, their.name);
            }
            (Kind::Int(our), Kind::Int(their)) => return is_plain(our) && is_plain(their),
            (Kind::Array(our), Kind::Array(their)) => {
                (ours, theirs) = (our.element, their.element);
            }
            _ => return false,
        }
    }
    false
}

/// Whether two types whose names were compared are of the same sort.
pub(crate) fn types_are_compatible(
    local: &Btf,
    ours: TypeId,
    target: &Btf,
    theirs: TypeId,
    fuel: &mut Fuel,
) -> Result<bool, Problem> {
    // Typedefs and modifiers at the top count as kinds of their own.
    Ok(same_kind(&local.ty(ours).kind, &target.ty(theirs).kind)
        && compatible(local, ours, target, theirs, fuel, MAX_DEPTH)?)
}

fn compatible(
    local: &Btf,
    mut ours: TypeId,
    target: &Btf,
    mut theirs: TypeId,
    fuel: &mut Fuel,
    level: u32,
) -> Result<bool, Problem> {
    for _ in 0..MAX_DEPTH {
        fuel.burn()?;
        match (&local.resolve(ours).1.kind, &target.resolve(theirs).1.kind) {
            (Kind::Void, Kind::Void)
            | (Kind::Struct(_), Kind::Struct(_))
            | (Kind::Union(_), Kind::Union(_))
            | (Kind::Fwd { .. }, Kind::Fwd { .. })
            | (Kind::Enum(_) | Kind::Enum64(_), Kind::Enum(_) | Kind::Enum64(_)) => {
                return Ok(true);
            }
            (Kind::Int(our), Kind::Int(their)) => return Ok(is_plain(our) && is_plain(their)),
            (Kind::Ptr(our), Kind::Ptr(their)) => (ours, theirs) = (*our, *their),
            (Kind::Array(our), Kind::Array(their)) => {
                (ours, theirs) = (our.element, their.element);
            }
            (Kind::FuncProto(our), Kind::FuncProto(their)) => {
                if our.params.len() != their.params.len() {
                    return Ok(false);
                }
                for (our, their) in our.params.iter().zip(&their.params) {
                    let level = level.checked_sub(1).ok_or(Problem::TooDeep)?;
                    if !compatible(local, our.ty, target, their.ty, fuel, level)? {
                        return Ok(false);
                    }
                }
                (ours, theirs) = (our.result, their.result);
            }
            _ => return Ok(false),
        }
    }
    Err(Problem::TooDeep)
}

/// Whether a type of the target has everything that the object's has.
pub(super) fn types_match(
    local: &Btf,
    ours: TypeId,
    target: &Btf,
    theirs: TypeId,
    fuel: &mut Fuel,
) -> Result<bool, Problem> {
    Match { local, target, fuel }.types(ours, theirs, false, MAX_DEPTH)
}

/// A comparison for [`types_match`].
struct Match<'a> {
    local: &'a Btf,
    target: &'a Btf,
    fuel: &'a mut Fuel,
}

impl<'a> Match<'a> {
    /// `behind_pointer` is set for what a pointer points to: there structs are not compared by
    /// their members, and can be forward declarations.
    fn types(
        &mut self,
        mut ours: TypeId,
        mut theirs: TypeId,
        mut behind_pointer: bool,
        level: u32,
    ) -> Result<bool, Problem> {
        if level == 0 {
            return Err(Problem::TooDeep);
        }
        let (local, target): (&'a Btf, &'a Btf) = (self.local, self.target);
        for _ in 0..MAX_DEPTH {
            self.fuel.burn()?;
            let (our, their) = (local.resolve(ours).1, target.resolve(theirs).1);
            if !names_match(local, our.name, target, their.name) {
                return Ok(false);
            }
            match (&our.kind, &their.kind) {
                (Kind::Void, Kind::Void) => return Ok(true),
                (Kind::Fwd { is_union: a, .. }, Kind::Fwd { is_union: b, .. }) => {
                    return Ok(a == b);
                }
                (Kind::Fwd { is_union, .. }, Kind::Union(_))
                | (Kind::Union(_), Kind::Fwd { is_union, .. }) => {
                    return Ok(behind_pointer && *is_union);
                }
                (Kind::Fwd { is_union, .. }, Kind::Struct(_))
                | (Kind::Struct(_), Kind::Fwd { is_union, .. }) => {
                    return Ok(behind_pointer && !*is_union);
                }
                (Kind::Enum(our) | Kind::Enum64(our), Kind::Enum(their) | Kind::Enum64(their)) => {
                    return self.enums(our, their);
                }
                (Kind::Struct(our), Kind::Struct(their))
                | (Kind::Union(our), Kind::Union(their)) => {
                    return Ok(behind_pointer || self.members(our, their, level)?);
                }
                (Kind::Int(our), Kind::Int(their)) => {
                    return Ok(our.size == their.size && our.signed == their.signed);
                }
                (Kind::Ptr(our), Kind::Ptr(their)) => {
                    behind_pointer = true;
                    (ours, theirs) = (*our, *their);
                }
                (Kind::Array(our), Kind::Array(their)) => {
                    if our.count != their.count {
                        return Ok(false);
                    }
                    (ours, theirs) = (our.element, their.element);
                }
                (Kind::FuncProto(our), Kind::FuncProto(their)) => {
                    if our.params.len() != their.params.len() {
                        return Ok(false);
                    }
                    for (our, their) in our.params.iter().zip(&their.params) {
                        if !self.types(our.ty, their.ty, behind_pointer, level - 1)? {
                            return Ok(false);
                        }
                    }
                    (ours, theirs) = (our.result, their.result);
                }
                _ => return Ok(false),
            }
        }
        Err(Problem::TooDeep)
    }

    fn enums(&mut self, ours: &Enumeration, theirs: &Enumeration) -> Result<bool, Problem> {
        if ours.size != theirs.size || ours.values.len() > theirs.values.len() {
            return Ok(false);
        }
        for our in &ours.values {
            let mut found = false;
            for their in &theirs.values {
                self.fuel.burn()?;
                if names_match(self.local, our.name, self.target, their.name) {
                    found = true;
                    break;
                }
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn members(
        &mut self,
        ours: &Composite,
        theirs: &Composite,
        level: u32,
    ) -> Result<bool, Problem> {
        if ours.members.len() > theirs.members.len() {
            return Ok(false);
        }
        for our in &ours.members {
            let mut found = false;
            for their in &theirs.members {
                self.fuel.burn()?;
                if names_match(self.local, our.name, self.target, their.name)
                    && self.types(our.ty, their.ty, false, level - 1)?
                {
                    found = true;
                    break;
                }
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
