//! Values as they are stored: read by type, shown as C initialisers and as JSON.

use std::fmt::{self, Write as _};

use object::Endianness;

use super::path::{Slot, member_place};
use super::{Variables, bits};
use crate::btf::{Btf, Composite, Kind, TypeId};

/// A value, by its type. [`fmt::Display`] writes it so that [`Variables::set`] reads it again.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A signed integer.
    Signed(i128),
    /// An unsigned integer.
    Unsigned(u128),
    /// `true` or `false`; other numbers in a `bool` are [`Value::Unsigned`].
    Bool(bool),
    /// A value of an enum that has a name.
    Enum {
        /// The name.
        name: String,
        /// The value.
        value: i128,
    },
    /// A pointer.
    Pointer(u64),
    /// A floating-point number of 4 or 8 bytes, with its bytes as stored.
    Float {
        /// The number.
        value: f64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The characters of a `char` array before the NULs that fill it.
    String(Vec<u8>),
    /// The elements of an array.
    Array(Vec<Value>),
    /// The members of a struct by name, anonymous ones by an empty name.
    Struct(Vec<(String, Value)>),
    /// A union: the same bits, read in several ways.
    Union {
        /// The members by name, anonymous ones by an empty name.
        members: Vec<(String, Value)>,
        /// Place in `members` of one without padding that takes all of the bits.
        whole: Option<usize>,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The bytes of something whose type does not tell what they are.
    Bytes(Vec<u8>),
}

/// How many values one rendering may have; what is beyond shows as bytes. Types from a file can
/// repeat members without size without end.
const VALUE_LIMIT: u32 = 1 << 18;

impl Variables<'_> {
    /// The value in a slot of a section with the given bytes.
    pub(super) fn decode(&self, slot: &Slot, section: &[u8]) -> Value {
        let budget = VALUE_LIMIT;
        let mut reader = ValueReader { btf: self.btf, order: self.order, section, budget };
        match slot.ty {
            Some(ty) => reader.value(ty, slot.start, slot.len),
            None => reader.untyped(slot.start, slot.len),
        }
    }

    /// The bits of a slot's bytes that hold its value: all but padding.
    pub(super) fn value_mask(&self, slot: &Slot) -> Vec<u8> {
        let range = slot.byte_range();
        let mut mask = vec![0; usize::try_from(range.end - range.start).unwrap_or(0)];
        let start = slot.start % 8;
        let mut budget = VALUE_LIMIT;
        match (slot.ty, self.btf) {
            (Some(ty), Some(btf)) => {
                mark_value(btf, self.order, ty, start, slot.len, &mut mask, &mut budget);
                // What a flexible array member has beyond its struct.
                let known = btf.size_of(ty).and_then(|size| size.checked_mul(8)).unwrap_or(0);
                let beyond = slot.len.saturating_sub(known);
                bits::fill(&mut mask, self.order, start.saturating_add(known), beyond, true);
            }
            _ => bits::fill(&mut mask, self.order, start, slot.len, true),
        }
        if budget == 0 {
            bits::fill(&mut mask, self.order, start, slot.len, true);
        }
        mask
    }
}

fn mark_value(
    btf: &Btf,
    order: Endianness,
    ty: TypeId,
    start: u64,
    len: u64,
    mask: &mut [u8],
    budget: &mut u32,
) {
    *budget = budget.saturating_sub(1);
    if *budget == 0 || len == 0 {
        return;
    }
    match &btf.resolve(ty).1.kind {
        Kind::Struct(composite) | Kind::Union(composite) => {
            for member in &composite.members {
                if let Some(place) = member_place(btf, member) {
                    let start = start.saturating_add(place.start);
                    mark_value(btf, order, place.ty, start, place.len, mask, budget);
                }
            }
        }
        Kind::Array(array) if btf.composite(array.element).is_some() => {
            let Some(size) = btf.size_of(array.element).and_then(|size| size.checked_mul(8)) else {
                return;
            };
            for at in 0..u64::from(array.count) {
                if *budget == 0 {
                    return;
                }
                let start = start.saturating_add(at.saturating_mul(size));
                mark_value(btf, order, array.element, start, size, mask, budget);
            }
        }
        _ => bits::fill(mask, order, start, len, true),
    }
}

struct ValueReader<'v> {
    btf: Option<&'v Btf>,
    order: Endianness,
    section: &'v [u8],
    budget: u32,
}

impl ValueReader<'_> {
    /// Bits from `start` on as bytes; bit-fields, which start or end within a byte, as one number.
    fn raw(&self, start: u64, len: u64) -> Value {
        if bits::are_bytes(start, len) {
            let range = (start / 8) as usize..(start.saturating_add(len) / 8) as usize;
            Value::Bytes(self.section.get(range).unwrap_or_default().to_vec())
        } else {
            Value::Unsigned(bits::read(self.section, self.order, start, len).unwrap_or(0))
        }
    }

    fn untyped(&self, start: u64, len: u64) -> Value {
        match (len, bits::read(self.section, self.order, start, len)) {
            (8 | 16 | 32 | 64, Some(value)) => Value::Unsigned(value),
            _ => self.raw(start, len),
        }
    }

    fn value(&mut self, ty: TypeId, start: u64, len: u64) -> Value {
        let Some(btf) = self.btf else { return self.untyped(start, len) };
        self.budget = self.budget.saturating_sub(1);
        if self.budget == 0 || start.saturating_add(len) > self.section.len() as u64 * 8 {
            return self.raw(start, len);
        }
        let number = bits::read(self.section, self.order, start, len);
        let (id, resolved) = btf.resolve(ty);
        match (&resolved.kind, number) {
            (Kind::Int(int), Some(number)) => match number {
                0 | 1 if int.bool => Value::Bool(number != 0),
                _ if int.signed => Value::Signed(bits::sign_extend(number, len)),
                _ => Value::Unsigned(number),
            },
            (Kind::Enum(enumeration) | Kind::Enum64(enumeration), Some(number)) => {
                let signed = enumeration.signed || enumeration.values.iter().any(|v| v.value < 0);
                let value =
                    if signed { bits::sign_extend(number, len) } else { number.cast_signed() };
                let same =
                    |value: i64| i128::from(value).cast_unsigned() & bits::ones(len) == number;
                match enumeration.values.iter().find(|known| same(known.value)) {
                    Some(known) => Value::Enum { name: btf.str(known.name).to_owned(), value },
                    None => Value::Signed(value),
                }
            }
            (Kind::Ptr(_), Some(number)) => Value::Pointer(number as u64),
            (Kind::Float { .. }, Some(number)) => {
                let value = match len {
                    32 => f64::from(f32::from_bits(number as u32)),
                    64 => f64::from_bits(number as u64),
                    _ => return self.raw(start, len),
                };
                match self.raw(start, len) {
                    Value::Bytes(bytes) => Value::Float { value, bytes },
                    other => other,
                }
            }
            (Kind::Array(array), _) => {
                let (element, count) = (array.element, array.count);
                self.array(btf, element, u64::from(count), start, len)
            }
            (Kind::Struct(composite), _) => Value::Struct(self.members(btf, composite, start, len)),
            (Kind::Union(composite), _) => {
                let members = self.members(btf, composite, start, len);
                let whole = composite.members.iter().position(|member| {
                    let plain = btf.composite(member.ty).is_none() && member.name.0 != 0;
                    plain && member_place(btf, member).is_some_and(|place| place.len == len)
                });
                let whole = whole.filter(|_| members.len() == composite.members.len());
                match self.raw(start, len) {
                    Value::Bytes(bytes) => Value::Union { members, whole, bytes },
                    other => other,
                }
            }
            _ if btf.size_of(id).is_some() => self.raw(start, len),
            _ => self.untyped(start, len),
        }
    }

    fn members(
        &mut self,
        btf: &Btf,
        composite: &Composite,
        start: u64,
        len: u64,
    ) -> Vec<(String, Value)> {
        let mut members = Vec::new();
        for member in &composite.members {
            let Some(place) = member_place(btf, member) else { continue };
            if self.budget == 0 || place.start.saturating_add(place.len) > len {
                continue;
            }
            let value = self.value(place.ty, start + place.start, place.len);
            members.push((btf.str(member.name).to_owned(), value));
        }
        members
    }

    fn array(&mut self, btf: &Btf, element: TypeId, count: u64, start: u64, len: u64) -> Value {
        let size = btf.size_of(element).and_then(|size| size.checked_mul(8)).unwrap_or(0);
        if size == 0 {
            return self.raw(start, len);
        }
        if is_char(btf, element)
            && let Value::Bytes(bytes) = self.raw(start, len)
            && let Some(text) = as_string(&bytes)
        {
            return Value::String(text.to_vec());
        }
        let mut elements = Vec::new();
        for at in 0..count.min(len / size) {
            if self.budget == 0 {
                return self.raw(start, len);
            }
            elements.push(self.value(element, start + at * size, size));
        }
        Value::Array(elements)
    }
}

/// Whether a type is C's `char`: LLVM marks no integer as such, so the name tells.
pub(super) fn is_char(btf: &Btf, ty: TypeId) -> bool {
    let (_, resolved) = btf.resolve(ty);
    match &resolved.kind {
        Kind::Int(int) => int.size == 1 && (int.char || btf.str(resolved.name) == "char"),
        _ => false,
    }
}

/// The text of a `char` array that has only NULs after its first NUL and is readable.
fn as_string(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (text, rest) = bytes.split_at(end);
    let readable = std::str::from_utf8(text).is_ok_and(|text| {
        text.chars().all(|char| !char.is_control() || matches!(char, '\n' | '\r' | '\t' | '\x1b'))
    });
    (readable && rest.iter().all(|byte| *byte == 0)).then_some(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("hex:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Value {
    /// Whether every byte of the value is zero, so that an initialiser can leave it out.
    fn is_zero(&self) -> bool {
        match self {
            Self::Signed(value) | Self::Enum { value, .. } => *value == 0,
            Self::Unsigned(value) => *value == 0,
            Self::Bool(value) => !value,
            Self::Pointer(value) => *value == 0,
            Self::Float { bytes, .. } | Self::Bytes(bytes) | Self::Union { bytes, .. } => {
                bytes.iter().all(|byte| *byte == 0)
            }
            Self::String(text) => text.is_empty(),
            Self::Array(elements) => elements.iter().all(Self::is_zero),
            Self::Struct(members) => members.iter().all(|(_, value)| value.is_zero()),
        }
    }

    /// The value for programs: numbers beyond 64 bits and bytes as strings, enums by name,
    /// structs and unions as objects.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Signed(value) => {
                i64::try_from(*value).map_or_else(|_| Json::from(value.to_string()), Json::from)
            }
            Self::Unsigned(value) => {
                u64::try_from(*value).map_or_else(|_| Json::from(value.to_string()), Json::from)
            }
            Self::Bool(value) => Json::from(*value),
            Self::Enum { name, .. } => Json::from(name.as_str()),
            Self::Pointer(value) => Json::from(*value),
            Self::Float { value, .. } => Json::from(*value),
            Self::String(text) => Json::from(String::from_utf8_lossy(text)),
            Self::Array(elements) => elements.iter().map(Self::to_json).collect(),
            Self::Struct(members) | Self::Union { members, .. } => {
                let mut object = serde_json::Map::new();
                for (name, value) in members {
                    match value {
                        Self::Struct(inner) | Self::Union { members: inner, .. }
                            if name.is_empty() =>
                        {
                            for (name, value) in inner {
                                object.insert(name.clone(), value.to_json());
                            }
                        }
                        _ => {
                            object.insert(name.clone(), value.to_json());
                        }
                    }
                }
                Json::Object(object)
            }
            Self::Bytes(bytes) => Json::from(hex(bytes)),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signed(value) => write!(f, "{value}"),
            Self::Unsigned(value) => write!(f, "{value}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Enum { name, .. } => f.write_str(name),
            Self::Pointer(0) => f.write_str("NULL"),
            Self::Pointer(value) => write!(f, "{value:#x}"),
            Self::Float { bytes, .. } | Self::Bytes(bytes) => f.write_str(&hex(bytes)),
            Self::String(text) => write_string(f, text),
            Self::Array(elements) => {
                let used = elements.iter().rposition(|value| !value.is_zero());
                f.write_char('{')?;
                for (at, value) in elements.iter().take(used.map_or(0, |at| at + 1)).enumerate() {
                    write!(f, "{}{value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_char('}')
            }
            Self::Struct(members) => {
                f.write_char('{')?;
                for (at, (name, value)) in members.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { ", " })?;
                    if !name.is_empty() {
                        write!(f, ".{name} = ")?;
                    }
                    write!(f, "{value}")?;
                }
                f.write_char('}')
            }
            Self::Union { members, whole, bytes } => match whole.and_then(|at| members.get(at)) {
                _ if self.is_zero() => f.write_str("{}"),
                Some((name, value)) => write!(f, "{{.{name} = {value}}}"),
                None => f.write_str(&hex(bytes)),
            },
        }
    }
}

fn write_string(f: &mut fmt::Formatter<'_>, text: &[u8]) -> fmt::Result {
    f.write_char('"')?;
    for char in String::from_utf8_lossy(text).chars() {
        match char {
            '"' | '\\' => write!(f, "\\{char}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\x1b' => f.write_str("\\033")?,
            _ => f.write_char(char)?,
        }
    }
    f.write_char('"')
}
