//! [`Btf`] to bytes.

use super::bytes::Writer;
use super::types::{Composite, Enumeration, Kind, Linkage, Type};
use super::{Btf, BtfError, HEADER_LEN, LAYOUT_HEADER_LEN, Layout};

impl Btf {
    /// The section's bytes, in its byte order; those of [`Btf::parse`] again if nothing changed.
    ///
    /// # Errors
    ///
    /// A type with more members than `vlen` can count.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BtfError> {
        let header_len = if self.layout.is_some() { LAYOUT_HEADER_LEN } else { HEADER_LEN };
        let mut writer = Writer::with_magic(self.order);
        writer.words(&[header_len]);
        writer.bytes.resize(header_len as usize, 0);
        for (id, ty) in self.own_types() {
            let vlen = vlen(ty);
            if vlen > MAX_VLEN {
                return Err(BtfError::TooManyMembers { id, count: vlen });
            }
            write_type(&mut writer, ty, vlen as u32);
        }
        let types_len = writer.bytes.len() as u32 - header_len;
        let layout: &[u8] = self.layout.as_ref().map_or(&[], |layout| &layout.bytes);
        writer.bytes.extend(layout);
        let strings_off = writer.bytes.len() as u32 - header_len;
        writer.bytes.extend(&self.strings);
        writer.patch(12, types_len);
        writer.patch(16, strings_off);
        writer.patch(20, self.strings.len() as u32);
        if let Some(Layout { bytes, elsewhere }) = &self.layout {
            writer.patch(24, elsewhere.unwrap_or(types_len));
            writer.patch(28, bytes.len() as u32);
        }
        Ok(writer.bytes)
    }
}

/// Kernels before 7.0 read 16 of the 24 bits.
const MAX_VLEN: usize = 0xff_ffff;

fn vlen(ty: &Type) -> usize {
    match &ty.kind {
        Kind::Struct(composite) | Kind::Union(composite) => composite.members.len(),
        Kind::Enum(enumeration) | Kind::Enum64(enumeration) => enumeration.values.len(),
        Kind::FuncProto(proto) => proto.params.len(),
        Kind::DataSec(section) => section.vars.len(),
        Kind::Func { linkage, .. } => linkage_number(*linkage) as usize,
        Kind::Void
        | Kind::Int(_)
        | Kind::Ptr(_)
        | Kind::Array(_)
        | Kind::Fwd { .. }
        | Kind::Typedef(_)
        | Kind::Volatile(_)
        | Kind::Const(_)
        | Kind::Restrict(_)
        | Kind::Var { .. }
        | Kind::Float { .. }
        | Kind::DeclTag { .. }
        | Kind::TypeTag(_) => 0,
    }
}

fn linkage_number(linkage: Linkage) -> u32 {
    match linkage {
        Linkage::Static => 0,
        Linkage::Global => 1,
        Linkage::Extern => 2,
    }
}

fn write_type(writer: &mut Writer, ty: &Type, vlen: u32) {
    let (number, flag, word) = match &ty.kind {
        // `void` has no number of its own; a forward declaration without name never occurs.
        Kind::Void => (7, ty.flag, 0),
        Kind::Int(int) => (1, ty.flag, int.size),
        Kind::Ptr(target) => (2, ty.flag, target.0),
        Kind::Array(_) => (3, ty.flag, 0),
        Kind::Struct(composite) => (4, composite.has_bitfields, composite.size),
        Kind::Union(composite) => (5, composite.has_bitfields, composite.size),
        Kind::Enum(enumeration) => (6, enumeration.signed, enumeration.size),
        Kind::Fwd { is_union, unused } => (7, *is_union, *unused),
        Kind::Typedef(target) => (8, ty.flag, target.0),
        Kind::Volatile(target) => (9, ty.flag, target.0),
        Kind::Const(target) => (10, ty.flag, target.0),
        Kind::Restrict(target) => (11, ty.flag, target.0),
        Kind::Func { proto, .. } => (12, ty.flag, proto.0),
        Kind::FuncProto(proto) => (13, ty.flag, proto.result.0),
        Kind::Var { ty: target, .. } => (14, ty.flag, target.0),
        Kind::DataSec(section) => (15, ty.flag, section.size),
        Kind::Float { size } => (16, ty.flag, *size),
        Kind::DeclTag { target, .. } => (17, ty.flag, target.0),
        Kind::TypeTag(target) => (18, ty.flag, target.0),
        Kind::Enum64(enumeration) => (19, enumeration.signed, enumeration.size),
    };
    writer.words(&[ty.name.0, u32::from(flag) << 31 | number << 24 | vlen, word]);
    match &ty.kind {
        Kind::Int(int) => {
            let encoding =
                u32::from(int.signed) | u32::from(int.char) << 1 | u32::from(int.bool) << 2;
            let data = encoding << 24 | u32::from(int.bit_offset) << 16 | u32::from(int.bits);
            writer.words(&[data]);
        }
        Kind::Array(array) => writer.words(&[array.element.0, array.index.0, array.count]),
        Kind::Struct(composite) | Kind::Union(composite) => write_members(writer, composite),
        Kind::Enum(enumeration) => {
            for value in &enumeration.values {
                writer.words(&[value.name.0, value.value as u32]);
            }
        }
        Kind::Enum64(enumeration) => write_values64(writer, enumeration),
        Kind::FuncProto(proto) => {
            for param in &proto.params {
                writer.words(&[param.name.0, param.ty.0]);
            }
        }
        Kind::Var { linkage, .. } => writer.words(&[linkage_number(*linkage)]),
        Kind::DataSec(section) => {
            for var in &section.vars {
                writer.words(&[var.var.0, var.offset, var.size]);
            }
        }
        Kind::DeclTag { component, .. } => writer.words(&[component.cast_unsigned()]),
        Kind::Void
        | Kind::Ptr(_)
        | Kind::Fwd { .. }
        | Kind::Typedef(_)
        | Kind::Volatile(_)
        | Kind::Const(_)
        | Kind::Restrict(_)
        | Kind::Func { .. }
        | Kind::Float { .. }
        | Kind::TypeTag(_) => {}
    }
}

fn write_members(writer: &mut Writer, composite: &Composite) {
    for member in &composite.members {
        let offset = if composite.has_bitfields {
            u32::from(member.bitfield) << 24 | member.bit_offset & 0xff_ffff
        } else {
            member.bit_offset
        };
        writer.words(&[member.name.0, member.ty.0, offset]);
    }
}

fn write_values64(writer: &mut Writer, enumeration: &Enumeration) {
    for value in &enumeration.values {
        let bits = value.value.cast_unsigned();
        writer.words(&[value.name.0, bits as u32, (bits >> 32) as u32]);
    }
}
