//! Bytes to [`Btf`].

use std::sync::Arc;

use object::Endianness;

use super::bytes::Reader;
use super::types::{
    Array, Composite, DataSec, EnumValue, Enumeration, FuncProto, Int, Kind, Linkage, Member,
    Param, SecVar, StrOff, Type, TypeId,
};
use super::{Btf, BtfError, HEADER_LEN, LAYOUT_HEADER_LEN, Layout, SECTION};

/// Reads a section; `base` is the BTF whose types and strings come before this one's.
pub(super) fn read(bytes: &[u8], base: Option<Arc<Btf>>) -> Result<Btf, BtfError> {
    let mut reader = Reader::with_magic(SECTION, bytes)?;
    let order = reader.order();
    if let Some(base) = &base
        && base.order != order
    {
        return Err(BtfError::ByteOrder { section: SECTION, other: "the base BTF" });
    }
    let header_len = reader.u32("header length")?;
    let has_layout = match header_len {
        HEADER_LEN => false,
        LAYOUT_HEADER_LEN => true,
        found => {
            let expected = "24 or 32";
            return Err(BtfError::HeaderLength { section: SECTION, found, expected });
        }
    };
    let [types_off, types_len, strings_off, strings_len] = reader.words("the header")?;
    let [layout_off, layout_len] = if has_layout { reader.words("the header")? } else { [0; 2] };
    let start = u64::from(header_len);
    let types_end = start + u64::from(types_len);
    let layout_end = types_end + u64::from(layout_len);
    expect_at("the type part", start + u64::from(types_off), start)?;
    if layout_len != 0 {
        expect_at("the layout part", start + u64::from(layout_off), types_end)?;
    }
    expect_at("the string part", start + u64::from(strings_off), layout_end)?;

    let mut types = reader.sub("the type part", u64::from(types_len))?;
    let layout = reader.take("the layout part", u64::from(layout_len))?;
    let elsewhere = (layout_len == 0 && layout_off != types_len).then_some(layout_off);
    let layout = has_layout.then(|| Layout { bytes: layout.into(), elsewhere });
    let strings_at = reader.offset();
    let strings = reader.take("the string part", u64::from(strings_len))?.to_vec();
    expect_at("the end of the section", bytes.len() as u64, reader.offset() as u64)?;
    check_string_table(&strings, strings_at, base.is_some())?;

    let mut btf = Btf {
        order,
        first_id: base.as_ref().map_or(1, |base| base.end_id().0),
        first_str: base.as_ref().map_or(0, |base| base.strings_end()),
        base,
        layout,
        // The smallest record has 12 bytes.
        types: Vec::with_capacity(types_len as usize / 12),
        strings,
    };
    let mut names = NameCheck::new(&btf);
    while !types.is_empty() {
        let id = btf.end_id();
        let ty = read_type(&mut types, id, &mut names)?;
        btf.types.push(ty);
    }
    btf.types.shrink_to_fit();
    Ok(btf)
}

fn expect_at(part: &'static str, found: u64, expected: u64) -> Result<(), BtfError> {
    if found == expected {
        Ok(())
    } else {
        Err(BtfError::Layout { section: SECTION, part, found, expected })
    }
}

/// The kernel's `btf_parse_str_sec`: first and last byte are NUL; split BTF may have no strings
/// and need not start with an empty one.
fn check_string_table(strings: &[u8], at: usize, split: bool) -> Result<(), BtfError> {
    if split && strings.is_empty() {
        return Ok(());
    }
    if strings.first() != Some(&0) && !split {
        return Err(BtfError::StringTable { offset: at });
    }
    if strings.last() != Some(&0) {
        return Err(BtfError::StringTable { offset: at + strings.len().saturating_sub(1) });
    }
    Ok(())
}

/// Checks that names lie in the table and are UTF-8; free of charge when the table is ASCII.
struct NameCheck {
    len: usize,
    /// First string of this table and the table, if it is not ASCII.
    table: Option<(u32, Vec<u8>)>,
}

impl NameCheck {
    fn new(btf: &Btf) -> Self {
        let table = (!btf.strings.is_ascii()).then(|| (btf.first_str, btf.strings.clone()));
        Self { len: btf.strings_end() as usize, table }
    }

    fn check(&self, name: StrOff, offset: usize) -> Result<StrOff, BtfError> {
        if name.0 as usize >= self.len && name.0 != 0 {
            return Err(BtfError::StringOffset {
                section: SECTION,
                offset,
                string: name.0,
                len: self.len,
            });
        }
        if let Some((first, table)) = &self.table
            && let Some(own) = name.0.checked_sub(*first)
        {
            let bytes = super::until_nul(table.get(own as usize..).unwrap_or_default());
            if std::str::from_utf8(bytes).is_err() {
                return Err(BtfError::NameEncoding { offset, string: name.0 });
            }
        }
        Ok(name)
    }
}

/// The start of a type: what every kind has.
struct TypeHead {
    offset: usize,
    id: TypeId,
    vlen: u32,
    flag: bool,
    /// The field that is a size or a type.
    word: u32,
}

impl TypeHead {
    fn bad(&self, what: &'static str, found: u32, expected: &'static str) -> BtfError {
        BtfError::TypeField { offset: self.offset, id: self.id, what, found, expected }
    }

    fn zero(&self, what: &'static str, found: u32) -> Result<(), BtfError> {
        if found == 0 { Ok(()) } else { Err(self.bad(what, found, "0")) }
    }

    fn linkage(&self, found: u32) -> Result<Linkage, BtfError> {
        match found {
            0 => Ok(Linkage::Static),
            1 => Ok(Linkage::Global),
            2 => Ok(Linkage::Extern),
            _ => Err(self.bad("linkage", found, "0 to 2")),
        }
    }
}

fn read_type(reader: &mut Reader<'_>, id: TypeId, names: &mut NameCheck) -> Result<Type, BtfError> {
    let offset = reader.offset();
    let [name, info, word] = reader.words("a type")?;
    let name = names.check(StrOff(name), offset)?;
    let head = TypeHead { offset, id, vlen: info & 0xff_ffff, flag: info >> 31 != 0, word };
    let target = TypeId(word);
    let has_vlen = matches!(info >> 24 & 0x7f, 4 | 5 | 6 | 12 | 13 | 15 | 19);
    if !has_vlen {
        head.zero("vlen", head.vlen)?;
    }
    let mut flag = head.flag;
    let kind = match info >> 24 & 0x7f {
        1 => Kind::Int(read_int(reader, &head)?),
        2 => Kind::Ptr(target),
        3 => {
            head.zero("size", word)?;
            let [element, index, count] = reader.words("an array")?;
            Kind::Array(Array { element: TypeId(element), index: TypeId(index), count })
        }
        4 => Kind::Struct(read_composite(reader, &head, names)?),
        5 => Kind::Union(read_composite(reader, &head, names)?),
        6 => Kind::Enum(read_enum(reader, &head, names)?),
        7 => Kind::Fwd { is_union: flag, unused: word },
        8 => Kind::Typedef(target),
        9 => Kind::Volatile(target),
        10 => Kind::Const(target),
        11 => Kind::Restrict(target),
        12 => Kind::Func { proto: target, linkage: head.linkage(head.vlen)? },
        13 => {
            reader.expect("parameters", u64::from(head.vlen) * 8)?;
            let mut params = Vec::with_capacity(head.vlen as usize);
            for _ in 0..head.vlen {
                let [name, ty] = reader.words("a parameter")?;
                let name = names.check(StrOff(name), offset)?;
                params.push(Param { name, ty: TypeId(ty) });
            }
            Kind::FuncProto(FuncProto { result: target, params })
        }
        14 => {
            let [linkage] = reader.words("a variable")?;
            Kind::Var { ty: target, linkage: head.linkage(linkage)? }
        }
        15 => {
            reader.expect("section variables", u64::from(head.vlen) * 12)?;
            let mut vars = Vec::with_capacity(head.vlen as usize);
            for _ in 0..head.vlen {
                let [var, offset, size] = reader.words("a section variable")?;
                vars.push(SecVar { var: TypeId(var), offset, size });
            }
            Kind::DataSec(DataSec { size: word, vars })
        }
        16 => Kind::Float { size: word },
        17 => {
            let [component] = reader.words("a declaration tag")?;
            Kind::DeclTag { target, component: component.cast_signed() }
        }
        18 => Kind::TypeTag(target),
        19 => Kind::Enum64(read_enum64(reader, &head, names)?),
        kind => return Err(BtfError::UnknownKind { offset, id, kind }),
    };
    if matches!(
        kind,
        Kind::Struct(_) | Kind::Union(_) | Kind::Enum(_) | Kind::Enum64(_) | Kind::Fwd { .. }
    ) {
        flag = false;
    }
    Ok(Type { name, flag, kind })
}

fn read_int(reader: &mut Reader<'_>, head: &TypeHead) -> Result<Int, BtfError> {
    let [data] = reader.words("an integer")?;
    head.zero("reserved bits of the integer", data & 0xf800_ff00)?;
    let encoding = data >> 24;
    let int = Int {
        size: head.word,
        signed: encoding & 1 != 0,
        char: encoding & 2 != 0,
        bool: encoding & 4 != 0,
        bit_offset: (data >> 16) as u8,
        bits: data as u8,
    };
    if !matches!(int.size, 1 | 2 | 4 | 8 | 16) {
        return Err(head.bad("integer size", int.size, "1, 2, 4, 8 or 16"));
    }
    if u32::from(int.bit_offset) + u32::from(int.bits) > int.size * 8 {
        return Err(head.bad("integer width", data & 0xff_ffff, "no more bits than its size has"));
    }
    Ok(int)
}

fn read_composite(
    reader: &mut Reader<'_>,
    head: &TypeHead,
    names: &NameCheck,
) -> Result<Composite, BtfError> {
    reader.expect("members", u64::from(head.vlen) * 12)?;
    let mut members = Vec::with_capacity(head.vlen as usize);
    for _ in 0..head.vlen {
        let [name, ty, offset] = reader.words("a member")?;
        let name = names.check(StrOff(name), head.offset)?;
        let (bit_offset, bitfield) =
            if head.flag { (offset & 0xff_ffff, (offset >> 24) as u8) } else { (offset, 0) };
        members.push(Member { name, ty: TypeId(ty), bit_offset, bitfield });
    }
    Ok(Composite { size: head.word, has_bitfields: head.flag, members })
}

/// A forward declaration of an enum has size 0 and no values.
fn check_enum_size(head: &TypeHead) -> Result<(), BtfError> {
    match head.word {
        0 | 1 | 2 | 4 | 8 => Ok(()),
        size => Err(head.bad("enum size", size, "0, 1, 2, 4 or 8")),
    }
}

fn read_enum(
    reader: &mut Reader<'_>,
    head: &TypeHead,
    names: &NameCheck,
) -> Result<Enumeration, BtfError> {
    check_enum_size(head)?;
    reader.expect("enum values", u64::from(head.vlen) * 8)?;
    let mut values = Vec::with_capacity(head.vlen as usize);
    for _ in 0..head.vlen {
        let [name, value] = reader.words("an enum value")?;
        let name = names.check(StrOff(name), head.offset)?;
        values.push(EnumValue { name, value: i64::from(value.cast_signed()) });
    }
    Ok(Enumeration { size: head.word, signed: head.flag, values })
}

fn read_enum64(
    reader: &mut Reader<'_>,
    head: &TypeHead,
    names: &NameCheck,
) -> Result<Enumeration, BtfError> {
    check_enum_size(head)?;
    reader.expect("enum values", u64::from(head.vlen) * 12)?;
    let mut values = Vec::with_capacity(head.vlen as usize);
    for _ in 0..head.vlen {
        let [name, low, high] = reader.words("an enum value")?;
        let name = names.check(StrOff(name), head.offset)?;
        let value = (u64::from(high) << 32 | u64::from(low)).cast_signed();
        values.push(EnumValue { name, value });
    }
    Ok(Enumeration { size: head.word, signed: head.flag, values })
}

impl Btf {
    /// Reads a .BTF section and checks everything that the other methods rely on.
    ///
    /// # Errors
    ///
    /// What is malformed, unknown or inconsistent is refused by name.
    pub fn parse(bytes: &[u8]) -> Result<Self, BtfError> {
        let btf = read(bytes, None)?;
        btf.check_names(bytes.len())?;
        btf.check()?;
        Ok(btf)
    }

    /// Reads split BTF, whose types and strings continue those of `base` (kernel modules).
    ///
    /// # Errors
    ///
    /// As [`Btf::parse`]; also when the byte order is not the base's.
    pub fn parse_split(bytes: &[u8], base: Arc<Self>) -> Result<Self, BtfError> {
        let btf = read(bytes, Some(base))?;
        // Most names of a module's types can be those of the kernel.
        btf.check_names(
            bytes.len().saturating_add(btf.base().map_or(0, |base| base.strings.len())),
        )?;
        btf.check()?;
        Ok(btf)
    }

    /// The byte order that a section's first bytes tell, if they are BTF's.
    #[must_use]
    pub fn detect_order(bytes: &[u8]) -> Option<Endianness> {
        Reader::with_magic(SECTION, bytes).ok().map(|reader| reader.order())
    }
}
