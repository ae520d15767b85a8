//! Names, values and finality of the variables of compiled objects.
//!
//! `tests/objects/variables.c` has variables of every shape, built for both byte orders; whatever
//! holds must hold for both.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use bpfold::btf::{Btf, Linkage};
use bpfold::elf::{ElfObject, SectionIndex, SymbolBind, SymbolKind, SymbolPlace};
use bpfold::variables::{Finality, Input, SectionInput, SymbolInput, VariableError, Variables};

const OBJECTS: [&str; 2] = ["tests/objects/variables.el.o", "tests/objects/variables.eb.o"];

struct Object {
    elf: ElfObject,
    btf: Option<Btf>,
}

impl Object {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let elf = ElfObject::parse(bytes).ok()?;
        let btf = elf.section_by_name(".BTF").and_then(|at| elf.sections[at].bytes());
        let btf = btf.and_then(|bytes| Btf::parse(bytes).ok());
        Some(Self { elf, btf })
    }

    fn read(path: &str) -> Self {
        Self::parse(&std::fs::read(path).unwrap()).unwrap()
    }

    fn input(&self) -> Input<'_> {
        let mut places = Vec::new();
        let mut sections = Vec::new();
        for (index, section) in self.elf.sections.iter() {
            if !section.is_alloc() || section.is_code() {
                continue;
            }
            places.push(index);
            sections.push(SectionInput {
                index,
                is_unique: true,
                name: str::from_utf8(&section.name).unwrap(),
                data: section.bytes().unwrap_or_default(),
                relocated: self
                    .elf
                    .relocations_for(index)
                    .map(|reloc| reloc.offset..reloc.offset + 8)
                    .collect(),
            });
        }
        let mut symbols = Vec::new();
        for (_, symbol) in self.elf.symbols.iter() {
            if symbol.name.is_empty()
                || !matches!(symbol.kind, SymbolKind::Object | SymbolKind::None)
            {
                continue;
            }
            symbols.push(SymbolInput {
                name: str::from_utf8(&symbol.name).unwrap(),
                section: symbol
                    .section()
                    .and_then(|index| places.iter().position(|place| *place == index)),
                offset: symbol.value,
                size: symbol.size,
                linkage: match (symbol.place, symbol.bind) {
                    (SymbolPlace::Undefined, _) => Linkage::Extern,
                    (_, SymbolBind::Local) => Linkage::Static,
                    _ => Linkage::Global,
                },
            });
        }
        Input { order: self.elf.endian.into(), btf: self.btf.as_ref(), sections, symbols }
    }
}

/// Runs a test on both objects.
fn on_both(test: impl Fn(&mut Variables<'_>)) {
    for path in OBJECTS {
        let object = Object::read(path);
        test(&mut Variables::collect(&object.input()).unwrap());
    }
}

fn state(variables: &Variables<'_>, name: &str) -> Finality {
    variables.state(variables.iter().find(|variable| variable.name == name).unwrap())
}

#[test]
fn rows_show_every_shape() {
    let shown: Vec<String> = OBJECTS
        .iter()
        .map(|path| {
            let object = Object::read(path);
            let variables = Variables::collect(&object.input()).unwrap();
            let mut rows = Vec::new();
            for row in variables.rows() {
                let line = |row: &bpfold::variables::Row| {
                    format!(
                        "{}+{:#x} {}{} {}: {} = {} ({}, {:?})",
                        row.section,
                        row.offset,
                        row.size,
                        row.bits.map_or(String::new(), |(at, len)| format!(" bits {at}+{len}")),
                        row.name,
                        row.type_name.as_deref().unwrap_or("?"),
                        row.value,
                        row.linkage,
                        row.finality,
                    )
                };
                rows.push(line(&row));
                let variable = variables.iter().find(|v| v.name == row.name).unwrap();
                rows.extend(
                    variables.member_rows(variable).iter().map(|row| format!("    {}", line(row))),
                );
            }
            rows.join("\n")
        })
        .collect();
    // The halves of a word and the bytes of a float are all that shows the byte order.
    let differing = ["config.first", "config.second", "ratio"];
    for (little, big) in shown[0].lines().zip(shown[1].lines()) {
        let differs = differing.iter().any(|name| little.contains(&format!(" {name}: ")));
        assert_eq!(little == big, !differs, "{little}");
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("variables_rows", shown[0]));
}

#[test]
fn every_value_reads_back_as_it_is_shown() {
    on_both(|variables| {
        for row in variables.rows() {
            if state(variables, &row.name) == Finality::Open {
                variables.set(&row.name, &row.value).unwrap_or_else(|error| panic!("{error}"));
            }
        }
        for section in [".rodata", ".rodata.custom"] {
            let stored = Variables::clone(variables).finality(section).unwrap();
            assert!(stored.final_mask.iter().all(|mask| *mask == 0xff), "{section} is all final");
        }
        assert!(variables.rows().iter().all(|row| row.stored.is_none()), "nothing changed");
    });
}

/// Sets something and gives the value that is then shown.
fn after(variables: &mut Variables<'_>, path: &str, value: &str) -> String {
    variables.set(path, value).unwrap_or_else(|error| panic!("{path} = {value}: {error}"));
    variables.value(path).unwrap().to_string()
}

#[test]
fn integers_in_all_forms() {
    for (value, shown) in [
        ("42", "42"),
        ("+42", "42"),
        ("0x2A", "42"),
        ("0o52", "42"),
        ("052", "42"),
        ("0b101010", "42"),
        ("42ULL", "42"),
        ("0xffffffff", "4294967295"),
        ("'a'", "97"),
        ("'\\n'", "10"),
        ("'\\x41'", "65"),
        ("'\\101'", "65"),
        ("true", "1"),
        ("MODE_FAST", "5"),
        ("KERNEL_VERSION(5, 15, 300)", "331775"),
        ("0", "0"),
    ] {
        on_both(|variables| assert_eq!(after(variables, "plain", value), shown, "{value}"));
    }
    on_both(|variables| {
        assert_eq!(after(variables, "negative", "-2147483648"), "-2147483648");
        assert_eq!(after(variables, "enabled", "true"), "true");
        assert_eq!(after(variables, "mode", "-1"), "MODE_SAFE");
        assert_eq!(after(variables, "big", "0x123456789abc"), "BIG_HIGH");
    });
}

#[test]
fn the_bytes_are_in_the_object_s_order() {
    for (path, bytes) in OBJECTS.iter().zip([[4, 3, 2, 1], [1, 2, 3, 4]]) {
        let object = Object::read(path);
        let mut variables = Variables::collect(&object.input()).unwrap();
        variables.set("plain", "0x01020304").unwrap();
        let section = variables.finality(".rodata").unwrap();
        assert_eq!(section.bytes[0..4], bytes);
        assert_eq!(section.final_mask[0..8], [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        assert!(section.is_final(0..4) && !section.is_final(3..5));
    }
}

#[test]
fn strings_arrays_and_structs() {
    on_both(|variables| {
        assert_eq!(after(variables, "name", r#""wl\x61n\060""#), r#""wlan0""#);
        assert_eq!(after(variables, "ports", "{ [2] = 7, 8 }"), "{0, 0, 7, 8}");
        assert_eq!(after(variables, "matrix[1]", "{ 9, }"), "{9}");
        assert_eq!(after(variables, "matrix[0][0x2]", "7"), "7");
        assert_eq!(variables.value("matrix").unwrap().to_string(), "{{1, 2, 7}, {9}}");
        let value = "{ MODE_FAST, .name = \"x\", .ports[1].kind = 3, .ports[2] = { 1 }, \
                     .flags = { 1, .sign = -8 }, .second = 5, .limit = 6 }";
        let shown = after(variables, "config", value);
        let word = variables.value("config.word").unwrap();
        assert_eq!(
            shown,
            format!(
                "{{.mode = MODE_FAST, .on = false, .name = \"x\", \
                 .ports = {{{{.number = 0, .kind = 0}}, {{.number = 0, .kind = 3}}, \
                 {{.number = 1, .kind = 0}}}}, \
                 .flags = {{.low = 1, .middle = 0, .sign = -8, .high = 0}}, \
                 {{.word = {word}}}, .text = NULL, .limit = 6}}"
            )
        );
        assert_eq!(variables.value("config.second").unwrap().to_string(), "5");
        assert_eq!(variables.value("config.first").unwrap().to_string(), "0");
        assert_eq!(variables.value("config.limit").unwrap().to_string(), "6");
        assert_eq!(variables.value("config.text").unwrap().to_string(), "NULL");
    });
    on_both(|variables| {
        let zero = "hex:0000000000000000";
        assert_eq!(after(variables, "ratio", zero), zero);
        // 257 is the same in both byte orders.
        let port = after(variables, "config.ports[0]", "hex:01010200");
        assert_eq!(port, "{.number = 257, .kind = 2}");
    });
}

#[test]
fn a_bit_field_makes_only_its_bits_final() {
    on_both(|variables| {
        let before = variables.finality(".rodata").unwrap();
        variables.set("config.flags.middle", "0x55").unwrap();
        assert_eq!(variables.value("config.flags.middle").unwrap().to_string(), "85");
        let at = variables.rows().iter().find(|row| row.name == "config").unwrap().offset as usize;
        let flags = at + 28..at + 32;
        let section = variables.finality(".rodata").unwrap();
        let ones: u32 =
            section.final_mask[flags.clone()].iter().map(|mask| mask.count_ones()).sum();
        assert_eq!(ones, 7);
        for byte in 0..section.bytes.len() {
            let open = !section.final_mask[byte];
            assert_eq!(section.bytes[byte] & open, before.bytes[byte] & open, "byte {byte}");
        }
        assert_eq!(variables.value("config.flags.low").unwrap().to_string(), "5");
        assert_eq!(variables.value("config.flags.sign").unwrap().to_string(), "-3");
        assert_eq!(state(variables, "config"), Finality::Partial);
        let config = variables.iter().find(|variable| variable.name == "config").unwrap();
        assert_eq!(variables.final_members(config), ["config.flags.middle"]);
        variables.set("config.flags.low", "1").unwrap();
        variables.set("config.flags.sign", "-1").unwrap();
        variables.set("config.flags.high", "262143").unwrap();
        let section = variables.finality(".rodata").unwrap();
        assert!(section.is_final(flags.start as u64..flags.end as u64));
    });
}

#[test]
fn only_what_nobody_sets_is_final_at_first() {
    on_both(|variables| {
        for (name, expected) in [
            ("plain", Finality::Open),
            ("hidden", Finality::Open),
            ("program.local", Finality::Open),
            // A global is set by name by loaders even without `volatile`.
            ("constant", Finality::Open),
            ("table", Finality::ConstNotVolatile),
        ] {
            assert_eq!(state(variables, name), expected, "{name}");
        }
        let section = variables.finality(".rodata").unwrap();
        for variable in variables.iter().filter(|variable| variable.section == ".rodata") {
            let is_open = variable.name != "table";
            let bytes = variable.offset as usize..(variable.offset + variable.size) as usize;
            assert_eq!(section.final_mask[bytes].iter().all(|mask| *mask == 0), is_open);
        }
        let padding = section.provenance.iter().filter(|p| p.finality == Finality::CompilerData);
        assert!(padding.clone().count() > 0);
        assert!(padding.clone().all(|provenance| provenance.path.is_empty()));
    });
}

#[test]
fn a_variable_whose_members_are_all_set_is_sealed() {
    on_both(|variables| {
        for member in ["mode", "on", "name", "ports", "flags", "word", "text"] {
            let path = format!("config.{member}");
            let value = variables.value(&path).unwrap().to_string();
            variables.set(&path, &value).unwrap();
            assert_eq!(state(variables, "config"), Finality::Partial, "{member}");
        }
        variables.set("config.limit", "3").unwrap();
        assert_eq!(state(variables, "config"), Finality::Set);
    });
}

#[test]
fn freezing() {
    on_both(|variables| {
        variables.freeze("p*").unwrap();
        assert_eq!(state(variables, "plain"), Finality::Frozen);
        assert_eq!(state(variables, "program.local"), Finality::Frozen);
        assert_eq!(state(variables, "negative"), Finality::Open);
        variables.freeze("config.ports[1]").unwrap();
        assert_eq!(state(variables, "config"), Finality::Partial);

        // What is frozen as stored is the value unless one is given, before or after.
        variables.set("plain", "99").unwrap();
        assert_eq!(state(variables, "plain"), Finality::Set);
        variables.freeze_all();
        assert_eq!(variables.value("plain").unwrap().to_string(), "99");
        assert_eq!(state(variables, "config"), Finality::Frozen);
        assert!(variables.iter().all(|variable| variables.is_sealed(variable)));

        let error = variables.freeze("confg*").unwrap_err();
        assert_eq!(
            error.to_string(),
            "no read-only variable matches `confg*`; did you mean `config`?"
        );
    });
}

#[test]
fn folded_values_can_be_set_again() {
    on_both(|variables| {
        let mut again = variables.clone();
        variables.set("config.flags.sign", "-2").unwrap();
        variables.set("name", "\"a\\\"b\"").unwrap();
        variables.freeze("m*").unwrap();
        for value in variables.folded_values() {
            again.set(&value.path, &value.value).unwrap();
        }
        let (one, two) = (variables.finality(".rodata"), again.finality(".rodata"));
        assert_eq!(one.as_ref().unwrap().bytes, two.as_ref().unwrap().bytes);
        assert_eq!(one.unwrap().final_mask, two.unwrap().final_mask);
    });
}

#[test]
fn loads_are_described_by_member() {
    on_both(|variables| {
        let at = variables.rows().iter().find(|row| row.name == "config").unwrap().offset;
        let rodata = variables.iter().find(|known| known.name == "config").unwrap().section_at;
        let describe = |bytes| variables.describe(rodata, bytes).unwrap();
        assert_eq!(describe(at..at + 4), "config.mode");
        assert_eq!(describe(at + 18..at + 20), "config.ports[1].number");
        assert_eq!(describe(at..at + 8), "config");
        assert_eq!(describe(at + 6..at + 7), "config.name[1]");
        assert_eq!(variables.describe(rodata, 1 << 40..1 << 41), None);
    });
}

#[test]
fn errors_say_what_would_be_right() {
    let mut shown = String::new();
    let object = Object::read(OBJECTS[0]);
    for (path, value) in [
        ("plian", "1"),
        ("nothing_like_it", "1"),
        ("writable", "1"),
        ("zeroed", "1"),
        ("LINUX_KERNEL_VERSION", "1"),
        ("table[0]", "2"),
        ("plain", "4294967296"),
        ("plain", "-1"),
        ("plain", "1.5"),
        ("plain", "\"text\""),
        ("plain", "{1}"),
        ("plain", ""),
        ("plain", "1 2"),
        ("plain", "0x"),
        ("plain", "09"),
        ("plain", "NO_SUCH_NAME"),
        ("plain", "hex:0102"),
        ("plain", "hex:0102030405"),
        ("plain", "hex:01020304050"),
        ("plain", "'ab'"),
        ("plain", "KERNEL_VERSION(5)"),
        ("plain.member", "1"),
        ("plain[1]", "1"),
        ("plain]", "1"),
        ("enabled", "2"),
        ("mode", "MODE_FSAT"),
        ("name", "'eth0'"),
        ("name", "\"seventeen letters\""),
        ("name", "\"open"),
        ("ports", "{1, 2, 3, 4, 5}"),
        ("ports", "{[4] = 1}"),
        ("ports[4]", "1"),
        ("ports[x]", "1"),
        ("ports[1", "1"),
        ("config.", "1"),
        ("config.mod", "1"),
        ("config.flags.sign", "8"),
        ("config.flags.sign", "hex:00"),
        ("config.name.x", "1"),
        ("config", "{.nmae = \"x\"}"),
        ("config", "{.mode 1}"),
        ("config", "{1"),
        ("ratio", "0.25"),
        ("ratio", "1"),
    ] {
        let mut variables = Variables::collect(&object.input()).unwrap();
        let before = variables.finality(".rodata");
        let error = variables.set(path, value).unwrap_err();
        assert_eq!(variables.finality(".rodata"), before, "{path} = {value}");
        shown += &format!("--set {path}={value}\n    {error}\n");
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("variables_errors", shown));
}

#[test]
fn two_values_for_the_same_bits_conflict() {
    on_both(|variables| {
        variables.set("config.word", "0x00010001").unwrap();
        variables.set("config.word", "65537").unwrap();
        variables.set("config.first", "1").unwrap();
        let error = variables.set("config.second", "2").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`config.second` is set to `2`, but `config.word` was set to `0x00010001`"
        );
    });
}

/// A hand-made object: two variables of one name, one of unknown place, relocated bytes.
fn bare<'a>(data: &'a [u8], symbols: &[(&'a str, u64, u64, Linkage)]) -> Input<'a> {
    Input {
        order: bpfold::variables::Endianness::Little,
        btf: None,
        sections: vec![SectionInput {
            index: SectionIndex(1),
            is_unique: true,
            name: ".rodata",
            data,
            relocated: Vec::from([std::ops::Range { start: 8, end: 16 }]),
        }],
        symbols: symbols
            .iter()
            .map(|(name, offset, size, linkage)| SymbolInput {
                name,
                section: Some(0),
                offset: *offset,
                size: *size,
                linkage: *linkage,
            })
            .collect(),
    }
}

#[test]
fn without_btf_symbols_are_the_variables() {
    let data: Vec<u8> = (0..32).collect();
    let symbols = [
        ("number", 0, 4, Linkage::Global),
        ("pointer", 8, 8, Linkage::Global),
        ("twice", 16, 2, Linkage::Static),
        ("twice", 18, 2, Linkage::Static),
        (".Lprivate", 20, 4, Linkage::Static),
        ("text", 24, 8, Linkage::Static),
    ];
    let mut variables = Variables::collect(&bare(&data, &symbols)).unwrap();
    let section = variables.finality(".rodata").unwrap();
    assert!(section.is_final(4..8) && section.is_final(20..24), "no variable covers these");
    assert!((0..4).chain(8..20).chain(24..32).all(|byte| section.final_mask[byte] == 0));

    variables.set("number", "-1").unwrap();
    variables.set("text", "\"abc\"").unwrap();
    variables.set(".rodata+18:twice", "0x0304").unwrap();
    let section = variables.finality(".rodata").unwrap();
    assert_eq!(section.bytes[..4], [0xff; 4]);
    assert_eq!(section.bytes[16..20], [16, 17, 4, 3]);
    assert_eq!(&section.bytes[24..], b"abc\0\0\0\0\0");

    let message = |result: Result<(), VariableError>| result.unwrap_err().to_string();
    assert_eq!(
        message(variables.set("twice", "1")),
        "`twice` is the name of several variables, say which: .rodata+16:twice, .rodata+18:twice"
    );
    assert_eq!(
        message(variables.set("pointer", "1")),
        "`pointer`: .rodata has a relocation at byte 8, the loader fills it in"
    );
    assert_eq!(
        message(variables.set("number.a", "1")),
        "the type of `number` is not known: the object has no BTF for it"
    );
    variables.freeze_all();
    let section = variables.finality(".rodata").unwrap();
    for (byte, mask) in section.final_mask.iter().enumerate() {
        assert_eq!(*mask == 0, (8..16).contains(&byte), "relocated bytes are never final");
    }
}

#[test]
fn a_variable_beyond_its_section_is_refused() {
    let data = [0; 16];
    let input = bare(&data, &[("long", 8, 9, Linkage::Global)]);
    let error = Variables::collect(&input).unwrap_err();
    assert_eq!(
        error.to_string(),
        ".rodata: variable `long` at byte 8 has 9 bytes, the section only 16"
    );
}

/// Types from a file may say anything; nothing may panic, whatever they say.
#[test]
fn mutated_types_do_no_harm() {
    let object = Object::read(OBJECTS[0]);
    let bytes = object.btf.as_ref().unwrap().to_bytes().unwrap();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut parsed = 0;
    for _ in 0..4000 {
        let mut mutated = bytes.clone();
        for _ in 0..1 + next() % 4 {
            let at = (next() % mutated.len() as u64) as usize;
            mutated[at] =
                if next() % 2 == 0 { next() as u8 } else { mutated[at] ^ (1 << (next() % 8)) };
        }
        let Ok(btf) = Btf::parse(&mutated) else { continue };
        parsed += 1;
        let mut input = object.input();
        input.btf = Some(&btf);
        let Ok(mut variables) = Variables::collect(&input) else { continue };
        for row in variables.rows() {
            let _ = variables.set(&row.name, &row.value);
        }
        let known: Vec<_> = variables.iter().cloned().collect();
        for variable in &known {
            for row in variables.member_rows(variable) {
                let _ = variables.set(&row.name, "1");
            }
        }
        let _ = variables.describe(SectionIndex(1), 57..58);
        variables.freeze_all();
        let _ = variables.folded_values();
    }
    assert!(parsed > 400, "{parsed} of 4000 were good enough to get past the parser");
}

fn objects_below(dir: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            objects_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "o") {
            found.push(path);
        }
    }
}

/// On every object of `BPFOLD_CORPUS`: each value that is shown can be set, and is then the same.
#[test]
fn corpus_values_read_back() {
    let Some(corpus) = std::env::var_os("BPFOLD_CORPUS") else { return };
    let mut paths = Vec::new();
    objects_below(std::path::Path::new(&corpus), &mut paths);
    paths.sort();
    let (mut objects, mut count, mut members, mut failed) = (0, 0, 0, Vec::new());
    for path in &paths {
        let Some(object) = Object::parse(&std::fs::read(path).unwrap()) else { continue };
        let input = object.input();
        let mut variables = match Variables::collect(&input) {
            Ok(variables) => variables,
            Err(error) => {
                failed.push(format!("{}: {error}", path.display()));
                continue;
            }
        };
        objects += usize::from(variables.iter().next().is_some());
        let mut fresh = variables.clone();
        for variable in &variables.clone() {
            for row in fresh.member_rows(variable) {
                members += 1;
                match fresh.set(&row.name, &row.value) {
                    // Members without a name of their own are set with what is around them.
                    Ok(()) | Err(VariableError::Relocated { .. }) => {}
                    Err(error) => failed.push(format!("{}: {error}", path.display())),
                }
            }
        }
        for row in variables.rows() {
            count += 1;
            match variables.set(&row.name, &row.value) {
                Ok(()) | Err(VariableError::Relocated { .. }) => {}
                Err(error) => failed.push(format!("{}: {error}", path.display())),
            }
        }
        for (variables, what) in [(&variables, "whole"), (&fresh, "by members")] {
            for section in input.sections.iter().filter(|s| s.name.starts_with(".rodata")) {
                if let Some(result) = variables.finality(section.name)
                    && result.bytes != section.data
                {
                    failed.push(format!("{}: {} differs, {what}", path.display(), section.name));
                }
            }
        }
    }
    println!(
        "{} files, {objects} with read-only variables: {count}, {members} members",
        paths.len()
    );
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}
