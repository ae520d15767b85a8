//! What is checked once, so that nothing else has to: references and nesting.

use super::types::{Kind, StrOff, TypeId};
use super::{Btf, BtfError, MAX_DEPTH};

/// Names together, each as often as a type has it, may be this many times larger than types and
/// strings. Strings can share their ends, but never so that names come near.
const NAMES_PER_BYTE: u64 = 8;

impl Btf {
    /// Checks that names together are not much larger than the section. With long strings that
    /// share their ends, whatever copies names would take memory without end.
    pub(super) fn check_names(&self, section_size: usize) -> Result<(), BtfError> {
        let limit = (section_size as u64).saturating_mul(NAMES_PER_BYTE);
        let mut left = limit;
        let mut take = |name: StrOff| {
            let rest = left.checked_sub(self.bytes(name).len() as u64);
            left = rest.unwrap_or(0);
            match rest {
                Some(_) => Ok(()),
                None => Err(BtfError::NamesTooLong { limit, section_size }),
            }
        };
        for (_, ty) in self.own_types() {
            take(ty.name)?;
            match &ty.kind {
                Kind::Struct(composite) | Kind::Union(composite) => {
                    composite.members.iter().try_for_each(|member| take(member.name))?;
                }
                Kind::Enum(enumeration) | Kind::Enum64(enumeration) => {
                    enumeration.values.iter().try_for_each(|value| take(value.name))?;
                }
                Kind::FuncProto(proto) => {
                    proto.params.iter().try_for_each(|param| take(param.name))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks that every reference names a type of a fitting kind, that no type contains itself
    /// and that types nest at most [`MAX_DEPTH`] levels deep.
    ///
    /// Parsing does this; it is of use after changes through [`Btf::ty_mut`].
    ///
    /// # Errors
    ///
    /// The first type that breaks a rule.
    pub fn check(&self) -> Result<(), BtfError> {
        for (id, ty) in self.own_types() {
            self.check_refs(id, &ty.kind)?;
        }
        self.check_nesting()
    }

    fn check_refs(&self, id: TypeId, kind: &Kind) -> Result<(), BtfError> {
        let end = self.end_id();
        let bad =
            |target, expected| BtfError::TypeReference { id, kind: kind.name(), target, expected };
        let mut outside = None;
        kind.for_each_ref(|target| {
            if target >= end {
                outside.get_or_insert(target);
            }
        });
        if let Some(target) = outside {
            return Err(bad(target, "a type of the section"));
        }
        match kind {
            Kind::Func { proto, .. } if !matches!(self.ty(*proto).kind, Kind::FuncProto(_)) => {
                Err(bad(*proto, "a FUNC_PROTO"))
            }
            Kind::DataSec(section) => {
                let fits = |kind: &Kind| matches!(kind, Kind::Var { .. } | Kind::Func { .. });
                match section.vars.iter().find(|var| !fits(&self.ty(var.var).kind)) {
                    Some(var) => Err(bad(var.var, "a VAR or FUNC")),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Depth-first over the references that put one type inside another. A type's depth is the
    /// longest chain below it; the base's types count as leaves, they were checked before.
    fn check_nesting(&self) -> Result<(), BtfError> {
        const OPEN: u16 = u16::MAX;
        let mut depths = vec![0_u16; self.types.len()];
        let mut stack: Vec<(TypeId, u32)> = Vec::new();
        let own = |id: TypeId| id.0.checked_sub(self.first_id).map(|own| own as usize);
        for (root, _) in self.own_types() {
            if own(root).and_then(|at| depths.get(at)) != Some(&0) {
                continue;
            }
            stack.push((root, 0));
            while let Some((id, next)) = stack.last_mut() {
                let (id, part) = (*id, self.part(*id, *next));
                let Some(at) = own(id) else {
                    stack.pop();
                    continue;
                };
                if *next == 0 {
                    depths[at] = OPEN;
                }
                *next += 1;
                let kind = self.ty(id).kind.name();
                match part {
                    Some(part) => match own(part).and_then(|at| depths.get(at)) {
                        Some(0) => stack.push((part, 0)),
                        Some(&OPEN) => return Err(BtfError::Cycle { id: part, kind }),
                        _ => {}
                    },
                    None => {
                        let mut depth = 1;
                        let mut next = 0;
                        while let Some(part) = self.part(id, next) {
                            let below = own(part).and_then(|at| depths.get(at)).unwrap_or(&1);
                            depth = depth.max(below + 1);
                            next += 1;
                        }
                        if u32::from(depth) > MAX_DEPTH {
                            return Err(BtfError::TooDeep { id, kind, limit: MAX_DEPTH });
                        }
                        depths[at] = depth;
                        stack.pop();
                    }
                }
            }
        }
        Ok(())
    }

    /// The `at`th type that is contained in a type: what a modifier modifies, elements and
    /// members, but not what pointers and prototypes name.
    fn part(&self, id: TypeId, at: u32) -> Option<TypeId> {
        let first = |part: &TypeId| (at == 0).then_some(*part);
        match &self.ty(id).kind {
            Kind::Typedef(part)
            | Kind::Volatile(part)
            | Kind::Const(part)
            | Kind::Restrict(part)
            | Kind::TypeTag(part)
            | Kind::Var { ty: part, .. }
            | Kind::DeclTag { target: part, .. } => first(part),
            Kind::Array(array) => first(&array.element),
            Kind::Struct(composite) | Kind::Union(composite) => {
                composite.members.get(at as usize).map(|member| member.ty)
            }
            Kind::DataSec(section) => section.vars.get(at as usize).map(|var| var.var),
            Kind::Void
            | Kind::Int(_)
            | Kind::Ptr(_)
            | Kind::Enum(_)
            | Kind::Enum64(_)
            | Kind::Fwd { .. }
            | Kind::Func { .. }
            | Kind::FuncProto(_)
            | Kind::Float { .. } => None,
        }
    }
}
