//! Sizes and places: what a type resolves to, how many bytes it takes, where its members lie.

use super::types::{Array, Composite, Kind, Member, Type, TypeId};
use super::{Btf, TypeSet};

/// How deep types may nest, modifiers and typedefs counted.
pub const MAX_DEPTH: u32 = 256;

/// A run of bits within a struct, in the order of [`Member::bit_offset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitRange {
    /// First bit.
    pub start: u64,
    /// Number of bits.
    pub len: u64,
}

impl Btf {
    /// What is behind modifiers, typedefs and type tags: the id and its type.
    #[must_use]
    pub fn resolve(&self, mut id: TypeId) -> (TypeId, &Type) {
        for _ in 0..MAX_DEPTH {
            match self.ty(id).kind {
                Kind::Typedef(inner)
                | Kind::Volatile(inner)
                | Kind::Const(inner)
                | Kind::Restrict(inner)
                | Kind::TypeTag(inner) => id = inner,
                _ => break,
            }
        }
        (id, self.ty(id))
    }

    /// Size in bytes; none for `void`, functions, forward declarations and what overflows.
    /// A VAR has its type's size. Pointers have the 8 bytes of BPF.
    #[must_use]
    pub fn size_of(&self, id: TypeId) -> Option<u64> {
        let mut id = id;
        let mut count = 1_u64;
        for _ in 0..MAX_DEPTH {
            let size = match &self.resolve(id).1.kind {
                Kind::Int(int) => u64::from(int.size),
                Kind::Ptr(_) => 8,
                Kind::Struct(composite) | Kind::Union(composite) => u64::from(composite.size),
                Kind::Enum(enumeration) | Kind::Enum64(enumeration) => u64::from(enumeration.size),
                Kind::Float { size } => u64::from(*size),
                Kind::DataSec(section) => u64::from(section.size),
                Kind::Array(Array { element, count: elements, .. }) => {
                    count = count.checked_mul(u64::from(*elements))?;
                    id = *element;
                    continue;
                }
                Kind::Var { ty, .. } => {
                    id = *ty;
                    continue;
                }
                Kind::Void
                | Kind::Fwd { .. }
                | Kind::Func { .. }
                | Kind::FuncProto(_)
                | Kind::DeclTag { .. } => return None,
                // `resolve` went through these.
                Kind::Typedef(_)
                | Kind::Volatile(_)
                | Kind::Const(_)
                | Kind::Restrict(_)
                | Kind::TypeTag(_) => return None,
            };
            return count.checked_mul(size);
        }
        None
    }

    /// Where a member lies in its struct and how many bits it has. Bit-fields have their width,
    /// of either encoding; others the size of their type.
    #[must_use]
    pub fn member_bits(&self, member: &Member) -> Option<BitRange> {
        let start = u64::from(member.bit_offset);
        if member.bitfield != 0 {
            return Some(BitRange { start, len: u64::from(member.bitfield) });
        }
        if let Kind::Int(int) = self.resolve(member.ty).1.kind
            && (int.bit_offset != 0 || u32::from(int.bits) != int.size * 8)
            && !int.bool
        {
            let start = start + u64::from(int.bit_offset);
            return Some(BitRange { start, len: u64::from(int.bits) });
        }
        Some(BitRange { start, len: self.size_of(member.ty)?.checked_mul(8)? })
    }

    /// The struct or union that a type resolves to.
    #[must_use]
    pub fn composite(&self, id: TypeId) -> Option<&Composite> {
        match &self.resolve(id).1.kind {
            Kind::Struct(composite) | Kind::Union(composite) => Some(composite),
            _ => None,
        }
    }

    /// The member of this name, also within anonymous members, and its offset in bits from the
    /// start of the type.
    #[must_use]
    pub fn find_member(&self, id: TypeId, name: &str) -> Option<(Member, u64)> {
        self.find_member_within(id, name, &mut TypeSet::new())
    }

    /// `searched` has the types that are known not to have the member.
    fn find_member_within(
        &self,
        id: TypeId,
        name: &str,
        searched: &mut TypeSet,
    ) -> Option<(Member, u64)> {
        if !searched.insert(id) {
            return None;
        }
        self.composite(id)?.members.iter().find_map(|member| {
            let start = u64::from(member.bit_offset);
            let known = self.bytes(member.name);
            if known.is_empty() {
                let (found, inner) = self.find_member_within(member.ty, name, searched)?;
                Some((found, start + inner))
            } else {
                (known == name.as_bytes()).then_some((*member, start))
            }
        })
    }
}
