//! Sizes of types in an object and in the target, whose pointers can differ in size.

use crate::btf::{Btf, Kind, TypeId};

/// Names of the type that is as wide as pointers are (libbpf's `determine_ptr_size`).
const LONG: [&str; 11] = [
    "long",
    "long int",
    "int long",
    "unsigned long",
    "long unsigned",
    "unsigned long int",
    "unsigned int long",
    "long unsigned int",
    "long int unsigned",
    "int unsigned long",
    "int long unsigned",
];

/// How many arrays of arrays there may be.
const MAX_DIMENSIONS: usize = 32;

/// Types with the size of their pointers in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side<'b> {
    pub btf: &'b Btf,
    pub pointer: u32,
}

impl<'b> Side<'b> {
    /// The types of an object: pointers of BPF have 8 bytes.
    pub fn local(btf: &'b Btf) -> Self {
        Self { btf, pointer: 8 }
    }

    /// The types of a target, in another BTF over the same base.
    pub fn target(btf: &'b Btf, pointer: u32) -> Self {
        Self { btf, pointer }
    }

    /// Size of a type in bytes; none if it has none, or more than 32 bits hold
    /// (`btf__resolve_size`).
    pub fn size(self, id: TypeId) -> Option<u64> {
        let mut id = id;
        let mut count = 1_u64;
        for _ in 0..MAX_DIMENSIONS {
            let (resolved, ty) = self.btf.resolve(id);
            let size = match &ty.kind {
                Kind::Ptr(_) => u64::from(self.pointer),
                Kind::Array(array) => {
                    count = count.checked_mul(u64::from(array.count))?;
                    id = array.element;
                    continue;
                }
                _ => self.btf.size_of(resolved)?,
            };
            return count.checked_mul(size).filter(|size| *size <= u64::from(u32::MAX));
        }
        None
    }

    /// What an array of arrays is made of; any other type itself.
    pub fn innermost(self, id: TypeId) -> TypeId {
        let mut id = self.btf.resolve(id).0;
        for _ in 0..MAX_DIMENSIONS {
            match &self.btf.ty(id).kind {
                Kind::Array(array) => id = self.btf.resolve(array.element).0,
                _ => break,
            }
        }
        id
    }
}

/// Bytes of a pointer, as the size of `long` tells; 8 if the types do not have it.
pub(super) fn pointer_size(btf: &Btf) -> u32 {
    let long = btf.types().find_map(|(_, ty)| match &ty.kind {
        Kind::Int(int) if matches!(int.size, 4 | 8) => {
            LONG.contains(&btf.str(ty.name)).then_some(int.size)
        }
        _ => None,
    });
    long.unwrap_or(8)
}
