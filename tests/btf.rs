//! .BTF and .BTF.ext of real objects and of the kernel come back byte for byte.
//!
//! `BPFOLD_CORPUS` names a directory of objects to go through.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bpfold::btf::{
    Array, Block, Btf, BtfError, BtfExt, Composite, CoreRelo, CoreReloKind, DataSec, Endianness,
    EnumValue, Enumeration, FuncInfo, FuncProto, Int, Kind, LineInfo, Linkage, Member, Param,
    SecVar, StrOff, Type, TypeId, TypeSet,
};
use object::{Object, ObjectSection};

/// The .BTF and .BTF.ext of an ELF file.
fn sections(file: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let Ok(elf) = object::File::parse(file) else {
        return (None, None);
    };
    let data = |name| elf.section_by_name(name)?.data().ok().map(<[u8]>::to_vec);
    (data(".BTF"), data(".BTF.ext"))
}

fn objects_below(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            objects_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "o") {
            found.push(path);
        }
    }
}

/// Reads and writes both sections, then once more with types that nothing needs removed and the
/// strings made anew: nothing that .BTF.ext says may change.
fn round_trip(btf_bytes: &[u8], ext_bytes: Option<&[u8]>) -> Result<(), BtfError> {
    let mut btf = Btf::parse(btf_bytes)?;
    assert!(btf.to_bytes()? == btf_bytes, ".BTF differs");
    let Some(ext_bytes) = ext_bytes else {
        return Ok(());
    };
    let mut ext = BtfExt::parse(ext_bytes, &btf)?;
    assert!(ext.to_bytes() == ext_bytes, ".BTF.ext differs");

    let before = told(&btf, &ext);
    let mut keep = TypeSet::new();
    for (id, ty) in btf.types() {
        if matches!(ty.kind, Kind::Func { .. } | Kind::DataSec(_)) {
            keep.insert(id);
        }
    }
    for relo in ext.core_relo.blocks.iter().flat_map(|block| &block.records) {
        keep.insert(relo.type_id);
    }
    let map = btf.retain(&keep);
    ext.renumber(&map);
    btf.rebuild_strings(Some(&mut ext));
    let btf = Btf::parse(&btf.to_bytes()?)?;
    let ext = BtfExt::parse(&ext.to_bytes(), &btf)?;
    assert_eq!(before, told(&btf, &ext));
    Ok(())
}

/// What .BTF.ext says, without ids and offsets of strings.
fn told(btf: &Btf, ext: &BtfExt) -> Vec<String> {
    let mut lines = Vec::new();
    for block in &ext.func_info.blocks {
        for record in &block.records {
            lines.push(format!(
                "{} {} {}",
                btf.str(block.section),
                record.insn_off,
                btf.name(record.type_id)
            ));
        }
    }
    for block in &ext.line_info.blocks {
        for record in &block.records {
            lines.push(format!(
                "{} {} {}:{}:{} {}",
                btf.str(block.section),
                record.insn_off,
                btf.str(record.file_name_off),
                record.line(),
                record.column(),
                btf.str_lossy(record.line_off)
            ));
        }
    }
    for block in &ext.core_relo.blocks {
        for record in &block.records {
            lines.push(format!(
                "{} {} {} {} {:?}",
                btf.str(block.section),
                record.insn_off,
                btf.name(record.type_id),
                btf.str(record.access_str_off),
                record.kind
            ));
        }
    }
    lines
}

/// Adds a type with a name.
fn add(btf: &mut Btf, name: &str, kind: Kind) -> TypeId {
    let name = btf.add_string(name);
    btf.add_type(Type { name, flag: false, kind })
}

fn int(btf: &mut Btf, name: &str, size: u32) -> TypeId {
    let bits = (size * 8) as u8;
    add(btf, name, Kind::Int(Int { size, signed: true, bits, ..Int::default() }))
}

fn member(btf: &mut Btf, name: &str, ty: TypeId, bit_offset: u32, bitfield: u8) -> Member {
    Member { name: btf.add_string(name), ty, bit_offset, bitfield }
}

/// A type of every kind, and .BTF.ext about its function.
fn every_kind(order: Endianness) -> (Btf, BtfExt) {
    let mut btf = Btf::new(order);
    let int = int(&mut btf, "int", 4);
    let index = add(&mut btf, "", Kind::Const(int));
    let array = add(&mut btf, "", Kind::Array(Array { element: int, index, count: 3 }));
    let members = vec![
        member(&mut btf, "low", int, 0, 3),
        member(&mut btf, "high", int, 3, 29),
        member(&mut btf, "rest", array, 32, 0),
    ];
    let bitfields = Composite { size: 16, has_bitfields: true, members };
    let bitfields = add(&mut btf, "bitfields", Kind::Struct(bitfields));
    let members = vec![member(&mut btf, "", bitfields, 0, 0), member(&mut btf, "b", int, 0, 0)];
    let union = Composite { size: 16, has_bitfields: false, members };
    add(&mut btf, "either", Kind::Union(union));
    let values = vec![
        EnumValue { name: btf.add_string("MINUS"), value: -1 },
        EnumValue { name: btf.add_string("PLUS"), value: 1 },
    ];
    add(
        &mut btf,
        "small",
        Kind::Enum(Enumeration { size: 4, signed: true, values: values.clone() }),
    );
    let values =
        [values, vec![EnumValue { name: btf.add_string("HUGE"), value: i64::MAX }]].concat();
    add(&mut btf, "large", Kind::Enum64(Enumeration { size: 8, signed: false, values }));
    let forward = add(&mut btf, "later", Kind::Fwd { is_union: true, unused: 0 });
    let typedef = add(&mut btf, "later_t", Kind::Typedef(forward));
    let pointer = add(&mut btf, "", Kind::Ptr(typedef));
    let volatile = add(&mut btf, "", Kind::Volatile(pointer));
    let tagged = add(&mut btf, "user", Kind::TypeTag(int));
    let to_tagged = add(&mut btf, "", Kind::Ptr(tagged));
    let restrict = add(&mut btf, "", Kind::Restrict(to_tagged));
    let params = vec![
        Param { name: btf.add_string("first"), ty: restrict },
        Param { name: StrOff(0), ty: TypeId::VOID },
    ];
    let proto = add(&mut btf, "", Kind::FuncProto(FuncProto { result: int, params }));
    let func = add(&mut btf, "program", Kind::Func { proto, linkage: Linkage::Global });
    let unused = add(&mut btf, "unused", Kind::Func { proto, linkage: Linkage::Static });
    add(&mut btf, "attribute", Kind::DeclTag { target: func, component: -1 });
    add(&mut btf, "gone", Kind::DeclTag { target: unused, component: 0 });
    add(&mut btf, "double", Kind::Float { size: 8 });
    let var = add(&mut btf, "where", Kind::Var { ty: volatile, linkage: Linkage::Static });
    let vars = vec![SecVar { var, offset: 8, size: 8 }];
    add(&mut btf, ".rodata", Kind::DataSec(DataSec { size: 16, vars }));

    let mut ext = BtfExt::new(order);
    let section = btf.add_string("xdp");
    let info = FuncInfo { insn_off: 0, type_id: func, extra: Box::default() };
    ext.func_info.blocks.push(Block { section, records: vec![info] });
    let line = LineInfo {
        insn_off: 8,
        file_name_off: btf.add_string("file.c"),
        line_off: btf.add_string("return 0;"),
        line_col: 12 << 10 | 34,
        extra: Box::default(),
    };
    ext.line_info.blocks.push(Block { section, records: vec![line] });
    let access_str_off = btf.add_string("0:1");
    let (insn_off, kind) = (16, CoreReloKind::FieldExists);
    let relo =
        CoreRelo { insn_off, type_id: bitfields, access_str_off, kind, extra: [7; 4].into() };
    ext.core_relo.record_size = 20;
    ext.core_relo.blocks.push(Block { section, records: vec![relo] });
    (btf, ext)
}

#[test]
fn every_kind_round_trips_in_both_orders() {
    let mut lengths = Vec::new();
    for order in [Endianness::Little, Endianness::Big] {
        let (btf, ext) = every_kind(order);
        btf.check().unwrap();
        let bytes = btf.to_bytes().unwrap();
        let again = Btf::parse(&bytes).unwrap();
        assert_eq!(again, btf);
        assert_eq!(BtfExt::parse(&ext.to_bytes(), &again).unwrap(), ext);
        let kinds: std::collections::BTreeSet<&str> =
            btf.types().map(|(_, ty)| ty.kind.name()).collect();
        assert_eq!(kinds.len(), 19, "all kinds but VOID");
        lengths.push((bytes.len(), ext.to_bytes().len()));
        let magic = if order == Endianness::Little { [0x9f, 0xeb] } else { [0xeb, 0x9f] };
        assert_eq!(bytes[..2], magic);
    }
    assert_eq!(lengths[0], lengths[1]);
}

#[test]
fn types_as_c_writes_them() {
    let (mut btf, _) = every_kind(Endianness::Little);
    let int = btf.find("int", |kind| matches!(kind, Kind::Int(_))).unwrap();
    let proto = btf.find("", |kind| matches!(kind, Kind::FuncProto(_))).unwrap();
    let array = btf.find("", |kind| matches!(kind, Kind::Array(_))).unwrap();
    let pointer = |btf: &mut Btf, to| add(btf, "", Kind::Ptr(to));
    let to_const = add(&mut btf, "", Kind::Const(int));
    let to_const = pointer(&mut btf, to_const);
    let const_pointer = add(&mut btf, "", Kind::Const(to_const));
    let function = pointer(&mut btf, proto);
    let functions = Kind::Array(Array { element: function, index: int, count: 2 });
    let functions = add(&mut btf, "", functions);
    let rows = Kind::Array(Array { element: array, index: int, count: 5 });
    let rows = add(&mut btf, "", rows);
    let to_array = pointer(&mut btf, array);
    let anonymous = add(&mut btf, "", Kind::Struct(Composite::default()));
    let var = btf.find("where", |kind| matches!(kind, Kind::Var { .. })).unwrap();
    for (ty, shown) in [
        (TypeId::VOID, "void"),
        (int, "int"),
        (to_const, "const int *"),
        (const_pointer, "const int *const"),
        (function, "int (*)(int *restrict, ...)"),
        (functions, "int (*[2])(int *restrict, ...)"),
        (rows, "int[5][3]"),
        (to_array, "int (*)[3]"),
        (anonymous, "struct {...}"),
        (var, "later_t *volatile"),
    ] {
        assert_eq!(btf.type_name(ty), shown);
    }
    assert_eq!(btf.size_of(rows), Some(60));
    assert_eq!(btf.size_of(proto), None);
}

#[test]
fn members_are_found_through_anonymous_ones() {
    let (btf, _) = every_kind(Endianness::Big);
    let either = btf.find("either", |kind| matches!(kind, Kind::Union(_))).unwrap();
    let (high, start) = btf.find_member(either, "high").unwrap();
    assert_eq!((start, high.bitfield), (3, 29));
    let bits = btf.member_bits(&high).unwrap();
    assert_eq!((bits.start, bits.len), (3, 29));
    assert_eq!(btf.find_member(either, "none"), None);
}

#[test]
fn retain_keeps_what_is_needed_and_no_more() {
    let (mut btf, mut ext) = every_kind(Endianness::Little);
    let before = told(&btf, &ext);
    let func = btf.find_func("program").unwrap();
    let bitfields = btf.find("bitfields", |kind| matches!(kind, Kind::Struct(_))).unwrap();
    let unused = btf.find_func("unused").unwrap();
    let map = btf.retain(&TypeSet::from_iter([func, bitfields]));
    ext.renumber(&map);
    btf.rebuild_strings(Some(&mut ext));
    btf.check().unwrap();
    assert_eq!(told(&btf, &ext), before);
    assert_eq!(map.get(unused), None);
    assert_eq!(map.get(func), btf.find_func("program"));
    let names: Vec<&str> =
        btf.types().map(|(id, _)| btf.name(id)).filter(|n| !n.is_empty()).collect();
    assert_eq!(names, ["int", "bitfields", "user", "program", "attribute"]);
    let bytes = btf.to_bytes().unwrap();
    for gone in ["gone", "double", "later", "where", ".rodata"] {
        assert!(!bytes.windows(gone.len()).any(|text| text == gone.as_bytes()), "{gone}");
    }
    assert!(map.get(func) < Some(func), "types were renumbered");

    let everything: TypeSet = btf.types().map(|(id, _)| id).collect();
    let before = btf.clone();
    assert!(btf.retain(&everything).is_identity());
    btf.rebuild_strings(Some(&mut ext));
    assert_eq!(btf, before, "a second time changes nothing");
}

#[test]
fn variables_leave_a_datasec() {
    let (mut btf, _) = every_kind(Endianness::Little);
    let var = btf.find("where", |kind| matches!(kind, Kind::Var { .. })).unwrap();
    btf.remove_vars(|id| id == var);
    let (datasec, section) = btf.find_datasec(".rodata").unwrap();
    assert!(section.vars.is_empty());
    let map = btf.retain(&TypeSet::from_iter([datasec]));
    assert_eq!(map.get(var), None);
    assert_eq!(btf.end_id(), TypeId(2));
}

#[test]
fn blocks_without_records_are_left_out() {
    let (btf, mut ext) = every_kind(Endianness::Little);
    ext.line_info.blocks[0].records.clear();
    let again = BtfExt::parse(&ext.to_bytes(), &btf).unwrap();
    assert!(again.line_info.is_empty() && again.line_info.blocks.is_empty());
    assert_eq!(again.func_info, ext.func_info);
    assert_eq!(again.core_relo, ext.core_relo);
}

#[test]
fn split_btf_continues_its_base() {
    let (base, _) = every_kind(Endianness::Little);
    let base = Arc::new(base);
    let base_int = base.find("int", |kind| matches!(kind, Kind::Int(_))).unwrap();
    let base_len = base.to_bytes().unwrap();
    let base_len = u32::from_le_bytes(base_len[20..24].try_into().unwrap());
    // A pointer to the base's first type, and a typedef of it with a string of its own.
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    let first = base.end_id().0;
    for word in [24, 0, 24, 24, 3, 0, 2 << 24, base_int.0, base_len, 8 << 24, first] {
        bytes.extend(u32::to_le_bytes(word));
    }
    bytes.extend(b"it\0");
    let split = Btf::parse_split(&bytes, Arc::clone(&base)).unwrap();
    let typedef = split.find("it", |kind| matches!(kind, Kind::Typedef(_))).unwrap();
    assert_eq!(typedef, TypeId(first + 1));
    assert_eq!(split.type_name(TypeId(first)), "int *");
    assert_eq!(split.to_bytes().unwrap(), bytes);
    assert!(split.find_func("program").is_some());
    assert!(Btf::parse(&bytes).is_err(), "without its base it means nothing");
}

/// The types one after the other, as words, and the strings after them.
fn raw(words: &[u32], strings: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    let len = words.len() as u32 * 4;
    for word in [24, 0, len, len, strings.len() as u32].iter().chain(words) {
        bytes.extend(u32::to_le_bytes(*word));
    }
    bytes.extend(strings);
    bytes
}

#[test]
fn what_is_wrong_is_refused_by_name() {
    let good = raw(&[1, 1 << 24, 4, 32], b"\0int\0");
    Btf::parse(&good).unwrap();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let typed = |words: &[u32]| raw(words, b"\0x\0");
    let nested = |count: u32| {
        let types: Vec<u32> = (1..=count).flat_map(|id| [0, 10 << 24, id + 1]).collect();
        let mut types = types;
        types.extend([0, 2 << 24, 0]);
        typed(&types)
    };
    Btf::parse(&nested(200)).unwrap();
    for (bytes, message) in [
        (vec![], ".BTF, byte 0: magic, version and flags needs 4 bytes, the section has 0 left"),
        (with(0, 0), ".BTF, byte 0: magic is 0xeb00, expected 0xeb9f"),
        (with(2, 2), ".BTF, byte 2: version 2 is not supported, expected 1"),
        (with(3, 1), ".BTF, byte 3: flags are 0x1, expected 0"),
        (with(4, 40), ".BTF, byte 4: header length 40 is not supported, expected 24 or 32"),
        (with(8, 4), ".BTF: the type part is at byte 28, expected at byte 24"),
        (with(12, 200), ".BTF: the string part is at byte 40, expected at byte 224"),
        (with(20, 6), ".BTF, byte 40: the string part needs 6 bytes, the section has 5 left"),
        (with(20, 4), ".BTF: the end of the section is at byte 45, expected at byte 44"),
        (with(40, 1), ".BTF, byte 40: the string table must start and end with a NUL byte"),
        (with(44, 1), ".BTF, byte 44: the string table must start and end with a NUL byte"),
        (with(41, 0xff), ".BTF, byte 24: the name at string offset 1 is not UTF-8"),
        (with(24, 5), ".BTF, byte 24: string offset 5 is outside of the string table of 5 bytes"),
        (with(31, 99), ".BTF, byte 24: type [1] has unknown kind 99"),
        (with(32, 3), ".BTF, byte 24: type [1]: integer size is 0x3, expected 1, 2, 4, 8 or 16"),
        (
            with(36, 33),
            ".BTF, byte 24: type [1]: integer width is 0x21, expected no more bits than its size has",
        ),
        (with(28, 1), ".BTF, byte 24: type [1]: vlen is 0x1, expected 0"),
        (
            typed(&[0, 4 << 24 | 9, 4]),
            ".BTF, byte 36: members needs 108 bytes, the section has 0 left",
        ),
        (
            typed(&[0, 2 << 24, 2]),
            ".BTF: type [1] (PTR) refers to type [2], expected a type of the section",
        ),
        (
            typed(&[0, 12 << 24, 0]),
            ".BTF: type [1] (FUNC) refers to type [0], expected a FUNC_PROTO",
        ),
        (typed(&[0, 10 << 24, 1]), ".BTF: type [1] (CONST) contains itself"),
        (typed(&[0, 10 << 24, 2, 0, 9 << 24, 1]), ".BTF: type [1] (VOLATILE) contains itself"),
        (typed(&[0, 4 << 24 | 1, 4, 0, 1, 0]), ".BTF: type [1] (STRUCT) contains itself"),
        (nested(300), ".BTF: type [45] (CONST) nests deeper than 256 levels"),
    ] {
        assert_eq!(Btf::parse(&bytes).unwrap_err().to_string(), message);
    }
    // A pointer may point to what it is in.
    Btf::parse(&typed(&[0, 4 << 24 | 1, 8, 0, 2, 0, 0, 2 << 24, 1])).unwrap();
}

#[test]
fn wrong_records_are_refused_by_name() {
    let (btf, ext) = every_kind(Endianness::Little);
    let good = ext.to_bytes();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    // The header has 32 bytes; func_info: size, section, count, one record of 8 bytes.
    let big = every_kind(Endianness::Big).1.to_bytes();
    for (bytes, message) in [
        (big, ".BTF.ext: byte order differs from that of .BTF"),
        (with(4, 28), ".BTF.ext, byte 4: header length 28 is not supported, expected 24 or 32"),
        (with(16, 1), ".BTF.ext: line_info is at byte 33, expected at byte 52"),
        (
            with(32, 6),
            ".BTF.ext, byte 32: func_info record size is 6, expected a multiple of 4 from 8",
        ),
        (
            with(36, 0xff),
            ".BTF.ext, byte 36: string offset 255 is outside of the string table of 167 bytes",
        ),
        (
            with(40, 2),
            ".BTF.ext, byte 44: the records of a block needs 16 bytes, the section has 8 left",
        ),
        (
            with(43, 0xff),
            ".BTF.ext, byte 44: the records of a block needs 34225520648 bytes, the section has 8 left",
        ),
        (
            with(48, 99),
            ".BTF.ext, byte 44: func_info record refers to type [99], .BTF ends at [22]",
        ),
        (with(good.len() - 8, 13), ".BTF.ext, byte 92: unknown CO-RE relocation kind 13"),
        (
            good[..40].to_vec(),
            ".BTF.ext, byte 32: func_info needs 20 bytes, the section has 8 left",
        ),
    ] {
        assert_eq!(BtfExt::parse(&bytes, &btf).unwrap_err().to_string(), message);
    }
}

/// Whatever the bytes say: no panic, and what is accepted is written as it was read.
#[test]
fn mutated_sections_do_no_harm() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut seeds = vec![every_kind(Endianness::Little), every_kind(Endianness::Big)];
    for path in ["tests/objects/variables.el.o", "tests/objects/variables.eb.o"] {
        let (btf, ext) = sections(&std::fs::read(path).unwrap());
        let btf = Btf::parse(&btf.unwrap()).unwrap();
        let ext = BtfExt::parse(&ext.unwrap(), &btf).unwrap();
        seeds.push((btf, ext));
    }
    let (mut accepted, mut accepted_ext) = (0, 0);
    for round in 0..8000 {
        let (btf, ext) = &seeds[round % seeds.len()];
        let mut mutate = |mut bytes: Vec<u8>| {
            for _ in 0..next() % 3 {
                let at = (next() % bytes.len() as u64) as usize;
                match next() % 4 {
                    0 => bytes.truncate(at + 1),
                    1 => bytes[at] ^= 1 << (next() % 8),
                    2 => bytes[at] = 0xff,
                    _ => bytes[at] = next() as u8,
                }
            }
            bytes
        };
        let bytes = mutate(btf.to_bytes().unwrap());
        if let Ok(mut mutated) = Btf::parse(&bytes) {
            accepted += 1;
            assert_eq!(mutated.to_bytes().unwrap(), bytes);
            let every: Vec<TypeId> = mutated.types().map(|(id, _)| id).collect();
            for id in &every {
                let _ = (mutated.size_of(*id), mutated.type_name(*id));
                let _ = mutated.find_member(*id, "high");
            }
            mutated.retain(&every.into_iter().filter(|id| id.0 % 3 == 0).collect());
            mutated.rebuild_strings(None);
            mutated.check().unwrap();
        }
        let bytes = mutate(ext.to_bytes());
        if let Ok(mut mutated) = BtfExt::parse(&bytes, btf) {
            accepted_ext += 1;
            let again = BtfExt::parse(&mutated.to_bytes(), btf).unwrap();
            assert_eq!(again.to_bytes(), mutated.to_bytes());
            mutated.for_each_str_mut(&mut |string| string.0 = 0);
        }
    }
    println!("{accepted} and {accepted_ext} of 8000 accepted");
    assert!(accepted > 1000 && accepted_ext > 1000);
}

/// Types that repeat others without end: work stays in proportion to the file.
#[test]
fn types_that_fan_out_are_no_trouble() {
    let mut btf = Btf::new(Endianness::Little);
    let mut inner = add(&mut btf, "leaf", Kind::Struct(Composite::default()));
    for _ in 0..200 {
        let members = vec![member(&mut btf, "", inner, 0, 0), member(&mut btf, "", inner, 0, 0)];
        let composite = Composite { size: 8, has_bitfields: false, members };
        inner = add(&mut btf, "", Kind::Struct(composite));
    }
    let mut function = inner;
    for _ in 0..50 {
        let param = Param { name: StrOff(0), ty: function };
        let proto = FuncProto { result: function, params: vec![param, param] };
        let proto = add(&mut btf, "", Kind::FuncProto(proto));
        function = add(&mut btf, "", Kind::Ptr(proto));
    }
    let btf = Btf::parse(&btf.to_bytes().unwrap()).unwrap();
    assert_eq!(btf.find_member(inner, "none"), None);
    assert!(btf.type_name(function).len() < 100_000);
}

/// An empty layout part can be said to be anywhere.
#[test]
fn empty_layout_parts_stay_where_they_are_said_to_be() {
    for offset in [0, 16, 0xb_0000] {
        let words = [32, 0, 16, 16, 5, offset, 0, 1, 1 << 24, 4, 32];
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        bytes.extend(words.iter().flat_map(|word: &u32| word.to_le_bytes()));
        bytes.extend(b"\0int\0");
        assert_eq!(Btf::parse(&bytes).unwrap().to_bytes().unwrap(), bytes, "{offset:#x}");
    }
}

#[test]
fn corpus_round_trips() {
    let Some(corpus) = std::env::var_os("BPFOLD_CORPUS") else {
        return;
    };
    let mut objects = Vec::new();
    objects_below(Path::new(&corpus), &mut objects);
    objects.sort();
    let (mut with_btf, mut with_ext, mut refused) = (0, 0, Vec::new());
    for path in &objects {
        let Ok(file) = std::fs::read(path) else {
            continue;
        };
        let (Some(btf), ext) = sections(&file) else {
            continue;
        };
        with_btf += 1;
        with_ext += usize::from(ext.is_some());
        if let Err(error) = round_trip(&btf, ext.as_deref()) {
            refused.push(format!("{}: {error}", path.display()));
        }
    }
    println!("{} objects, {with_btf} with .BTF, {with_ext} with .BTF.ext", objects.len());
    assert!(refused.is_empty(), "{} refused:\n{}", refused.len(), refused.join("\n"));
}

#[test]
fn kernel_btf_round_trips() {
    let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else {
        return;
    };
    let start = std::time::Instant::now();
    let btf = Btf::parse(&bytes).unwrap();
    println!("{} types of {} bytes in {:?}", btf.end_id().0 - 1, bytes.len(), start.elapsed());
    assert!(btf.to_bytes().unwrap() == bytes);
    let task = btf.find("task_struct", |kind| matches!(kind, Kind::Struct(_))).unwrap();
    assert!(btf.size_of(task).unwrap() > 1000);
    assert!(btf.find_member(task, "pid").is_some());
    let _: Arc<Btf> = Arc::new(btf);
}
