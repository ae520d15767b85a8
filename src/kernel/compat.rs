//! Whether a declaration of a kernel's variable or function fits the one that the kernel has:
//! libbpf's `bpf_core_types_are_compat`.

use crate::btf::{Btf, Kind, TypeId};

/// How deep types may nest.
const MAX_DEPTH: u32 = 32;

/// Whether two types fit each other; none if they nest too deep to tell.
pub(super) fn are_compatible(local: (&Btf, TypeId), target: (&Btf, TypeId)) -> Option<bool> {
    compatible(local, target, MAX_DEPTH)
}

fn compatible(
    (local, mut local_id): (&Btf, TypeId),
    (target, mut target_id): (&Btf, TypeId),
    level: u32,
) -> Option<bool> {
    for _ in 0..MAX_DEPTH {
        let (ours, theirs) = (local.resolve(local_id).1, target.resolve(target_id).1);
        (local_id, target_id) = match (&ours.kind, &theirs.kind) {
            (Kind::Void, Kind::Void)
            | (Kind::Struct(_), Kind::Struct(_))
            | (Kind::Union(_), Kind::Union(_))
            | (Kind::Fwd { .. }, Kind::Fwd { .. })
            | (Kind::Enum(_) | Kind::Enum64(_), Kind::Enum(_) | Kind::Enum64(_)) => {
                return Some(true);
            }
            (Kind::Int(ours), Kind::Int(theirs)) => {
                return Some(ours.bit_offset == 0 && theirs.bit_offset == 0);
            }
            (Kind::Ptr(ours), Kind::Ptr(theirs)) => (*ours, *theirs),
            (Kind::Array(ours), Kind::Array(theirs)) => (ours.element, theirs.element),
            (Kind::FuncProto(ours), Kind::FuncProto(theirs)) => {
                if ours.params.len() != theirs.params.len() {
                    return Some(false);
                }
                let level = level.checked_sub(1)?;
                for (ours, theirs) in ours.params.iter().zip(&theirs.params) {
                    if !compatible((local, ours.ty), (target, theirs.ty), level)? {
                        return Some(false);
                    }
                }
                (ours.result, theirs.result)
            }
            _ => return Some(false),
        };
    }
    None
}
