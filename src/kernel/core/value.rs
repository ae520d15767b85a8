//! What a record's value is in one set of types (libbpf's `bpf_core_calc_relo`).

use super::Problem;
use super::size::Side;
use super::spec::{Spec, Subject, subject};
use crate::btf::{CoreReloKind, Endianness, Kind, TypeId};

/// A value, and what goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Aspect {
    value: u64,
    /// For offsets of fields that are no bit-fields: size in bytes of the field or, of arrays,
    /// of its elements.
    size: u32,
    /// The type that has the size; `void` without one.
    ty: TypeId,
    /// Whether the compiler must have come to the same value: for bit-fields it may choose
    /// another load.
    certain: bool,
}

impl Aspect {
    fn of(value: u64) -> Self {
        Self { value, size: 0, ty: TypeId::VOID, certain: true }
    }
}

/// What is to be done to an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// What the instruction must hold; none where the compiler may have chosen otherwise.
    pub expected: Option<u64>,
    /// What it gets.
    pub value: u64,
    /// Bytes that the field had and has, where they differ.
    pub resize: Option<Resize>,
}

/// A field whose size differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resize {
    /// Bytes in the object's types.
    pub old: u32,
    /// Bytes in the target's types.
    pub new: u32,
    /// Whether a load of the other size gives the right value: pointers and unsigned integers,
    /// which are zero-extended.
    pub is_safe: bool,
}

/// What a record does to its instruction, given its access in the object's types and in the
/// target's; `found` is none if the target does not have it. No value: there is none without it.
pub(super) fn change(
    kind: CoreReloKind,
    (ours, local): (Side<'_>, &Spec),
    found: Option<(Side<'_>, &Spec)>,
) -> Result<Option<Change>, Problem> {
    let old = aspect(kind, ours, local)?;
    let new = match found {
        Some((theirs, spec)) => aspect(kind, theirs, spec)?,
        None => match kind {
            CoreReloKind::FieldExists
            | CoreReloKind::EnumvalExists
            | CoreReloKind::TypeExists
            | CoreReloKind::TypeMatches
            | CoreReloKind::TypeSize
            | CoreReloKind::TypeIdTarget => Aspect::of(0),
            CoreReloKind::FieldByteOffset
            | CoreReloKind::FieldByteSize
            | CoreReloKind::FieldSigned
            | CoreReloKind::FieldLShiftU64
            | CoreReloKind::FieldRShiftU64
            | CoreReloKind::EnumvalValue
            | CoreReloKind::TypeIdLocal => return Ok(None),
        },
    };
    let resize = found.filter(|_| old.size != new.size).map(|(theirs, _)| {
        let kinds = (&ours.btf.ty(old.ty).kind, &theirs.btf.ty(new.ty).kind);
        let is_safe = match kinds {
            (Kind::Ptr(_), Kind::Ptr(_)) => true,
            (Kind::Int(a), Kind::Int(b)) => {
                [a, b].iter().all(|int| !int.signed || int.char || int.bool)
            }
            _ => false,
        };
        Resize { old: old.size, new: new.size, is_safe }
    });
    Ok(Some(Change { expected: old.certain.then_some(old.value), value: new.value, resize }))
}

fn aspect(kind: CoreReloKind, side: Side<'_>, spec: &Spec) -> Result<Aspect, Problem> {
    match subject(kind) {
        Subject::Field => field(kind, side, spec),
        Subject::Type => match kind {
            CoreReloKind::TypeSize => Ok(Aspect::of(side.size(spec.root).ok_or(Problem::NoSize)?)),
            CoreReloKind::TypeIdTarget => {
                Ok(Aspect { certain: false, ..Aspect::of(u64::from(spec.root.0)) })
            }
            _ => Ok(Aspect::of(1)),
        },
        Subject::EnumValue => {
            let accessor = spec.accessors.first().ok_or(Problem::Access)?;
            let value = match &side.btf.ty(accessor.ty).kind {
                Kind::Enum(of) | Kind::Enum64(of) => of.values.get(accessor.index as usize),
                _ => None,
            };
            match kind {
                CoreReloKind::EnumvalExists => Ok(Aspect::of(1)),
                _ => Ok(Aspect::of(value.ok_or(Problem::Access)?.value.cast_unsigned())),
            }
        }
    }
}

fn field(kind: CoreReloKind, side: Side<'_>, spec: &Spec) -> Result<Aspect, Problem> {
    if kind == CoreReloKind::FieldExists {
        return Ok(Aspect::of(1));
    }
    let accessor = spec.accessors.last().ok_or(Problem::Access)?;
    if accessor.name.is_none() {
        return match kind {
            CoreReloKind::FieldByteOffset => Ok(Aspect {
                size: element_size(side, accessor.ty)?,
                ty: accessor.ty,
                ..Aspect::of(u64::from(spec.bit_offset / 8))
            }),
            CoreReloKind::FieldByteSize => {
                Ok(Aspect::of(side.size(accessor.ty).ok_or(Problem::NoSize)?))
            }
            _ => Err(Problem::Element),
        };
    }
    let composite = side.btf.composite(accessor.ty);
    let member = composite.and_then(|of| of.members.get(accessor.index as usize));
    let member = member.ok_or(Problem::Access)?;
    let (ty, resolved) = side.btf.resolve(member.ty);
    let start = u64::from(spec.bit_offset);
    let size = side.size(ty).ok_or(Problem::NoSize)?;
    let is_bitfield = member.bitfield != 0;
    let place = match is_bitfield {
        true => Place::of_bitfield(start, u64::from(member.bitfield), size)?,
        false => Place { start, bits: size * 8, byte: start / 8, bytes: size },
    };
    let aspect = |value| Aspect { certain: !is_bitfield, ..Aspect::of(value) };
    Ok(match kind {
        CoreReloKind::FieldByteOffset if !is_bitfield => {
            Aspect { size: element_size(side, ty)?, ty, ..aspect(place.byte) }
        }
        CoreReloKind::FieldByteOffset => aspect(place.byte),
        CoreReloKind::FieldByteSize => aspect(place.bytes),
        CoreReloKind::FieldSigned => Aspect::of(u64::from(match &resolved.kind {
            Kind::Enum(of) | Kind::Enum64(of) => of.signed,
            Kind::Int(int) => int.signed,
            _ => false,
        })),
        CoreReloKind::FieldLShiftU64 => aspect(place.left_shift(side.btf.order())),
        CoreReloKind::FieldRShiftU64 => Aspect::of(64_u64.wrapping_sub(place.bits)),
        CoreReloKind::FieldExists
        | CoreReloKind::TypeIdLocal
        | CoreReloKind::TypeIdTarget
        | CoreReloKind::TypeExists
        | CoreReloKind::TypeSize
        | CoreReloKind::TypeMatches
        | CoreReloKind::EnumvalExists
        | CoreReloKind::EnumvalValue => return Err(Problem::Access),
    })
}

fn element_size(side: Side<'_>, ty: TypeId) -> Result<u32, Problem> {
    let size = side.size(side.innermost(ty)).ok_or(Problem::NoSize)?;
    u32::try_from(size).map_err(|_| Problem::Overflow)
}

/// The load that reads a field.
struct Place {
    /// First bit of the field.
    start: u64,
    /// Bits of the field.
    bits: u64,
    /// First byte of the load.
    byte: u64,
    /// Bytes of the load.
    bytes: u64,
}

impl Place {
    /// The smallest aligned load that has all bits of a bit-field, of at least the size of the
    /// field's type.
    fn of_bitfield(start: u64, bits: u64, size: u64) -> Result<Self, Problem> {
        let mut bytes = size;
        loop {
            let byte = (start / 8).checked_div(bytes).ok_or(Problem::NoSize)? * bytes;
            if start + bits <= (byte + bytes) * 8 {
                return Ok(Self { start, bits, byte, bytes });
            }
            if bytes >= 8 {
                return Err(Problem::Bitfield);
            }
            bytes *= 2;
        }
    }

    /// How far the loaded value is to be shifted left until the field is at the top of 64 bits;
    /// wraps around for fields of more than 8 bytes, which no register holds.
    fn left_shift(&self, order: Endianness) -> u64 {
        let skipped = self.start.wrapping_sub(self.byte * 8);
        match order {
            Endianness::Little => 64_u64.wrapping_sub(skipped.wrapping_add(self.bits)),
            Endianness::Big => 8_u64.wrapping_sub(self.bytes).wrapping_mul(8).wrapping_add(skipped),
        }
    }
}
