//! Constants of the compiler that nothing reads any more leave read-only sections, and no other
//! byte moves.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use bpfold::elf::SymbolKind;
use bpfold::passes::ir::Op;
use bpfold::passes::isa::Imm64;
use bpfold::report::{Bytes, ConstantReport, CutReport};
use bpfold::{Fold, Folded, Object};

/// The same source in both byte orders.
const OBJECTS: [&str; 2] = ["constants-el", "constants-eb"];

fn read(name: &str) -> Object {
    let path = format!("tests/objects/{name}.o");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    Object::parse(&std::fs::read(path).unwrap()).unwrap()
}

fn fold(object: &Object, prepare: impl Fn(Fold<'_>) -> Fold<'_>) -> (Folded, Object) {
    let folded = prepare(Fold::new(object).unwrap()).run().unwrap();
    let result = Object::parse(&folded.bytes).unwrap();
    (folded, result)
}

fn frozen(object: &Object) -> (Folded, Object) {
    fold(object, |fold| fold.freeze_all())
}

fn bytes<'o>(object: &'o Object, section: &str) -> &'o [u8] {
    let section = object.elf().section_by_name(section).unwrap();
    object.elf().sections[section].bytes().unwrap()
}

/// What code names in the sections: by the slot of the original, or in order for an object that
/// was folded, the section and the bytes from there on up to a zero byte.
fn named(object: &Object) -> Vec<(String, u64, Vec<u8>)> {
    let program = object.program();
    let mut found = Vec::new();
    for func in program.funcs.values() {
        for (_, inst) in func.insts() {
            if let Op::LdImm64 { imm: Imm64::Section { section, offset }, .. } = *func.op(inst) {
                let section = &program.sections[section];
                let offset = u64::try_from(offset).unwrap();
                // Code that kernels refuse can name what is behind the section.
                let rest = section.bytes.get(offset as usize..).unwrap_or_default();
                let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
                found.push((section.name.clone(), offset, rest[..end].to_vec()));
            }
        }
    }
    found
}

/// The strings that code names in a section.
fn strings(object: &Object, section: &str) -> Vec<String> {
    let named = named(object).into_iter().filter(|(name, ..)| name == section);
    named.map(|(_, _, string)| String::from_utf8(string).unwrap()).collect()
}

fn cut<'r>(folded: &'r Folded, section: &str) -> Option<&'r CutReport> {
    folded.report.cut.iter().find(|cut| cut.section == section)
}

#[test]
fn dead_constants_go_and_live_ones_are_found() {
    for name in OBJECTS {
        let object = read(name);
        let (folded, result) = frozen(&object);
        // The longest run of dead bytes is cut in words, since the section is aligned to 4.
        assert_eq!(bytes(&result, ".rodata"), b"v1.0\0es\0%d of %d\0%s\0", "{name}");
        assert_eq!(bytes(&result, ".rodata.str1.1"), b"17\x00142\0%s\0", "{name}");
        assert_eq!(strings(&result, ".rodata"), ["%d of %d"], "{name}");
        assert_eq!(strings(&result, ".rodata.str1.1"), ["17", "142", "%s"], "{name}");

        let btf = result.btf().unwrap();
        let (_, datasec) = btf.find_datasec(".rodata").unwrap();
        let vars: Vec<(&str, u32)> =
            datasec.vars.iter().map(|var| (btf.name(var.var), var.offset)).collect();
        assert_eq!(vars, [("version", 0), ("constants.___fmt", 8)], "{name}");
        let section = result.elf().section_by_name(".rodata").unwrap();
        let symbols = result.elf().symbols_in(section);
        let symbols: Vec<(&[u8], u64)> = symbols
            .filter(|(_, symbol)| symbol.kind == SymbolKind::Object)
            .map(|(_, symbol)| (symbol.name.as_slice(), symbol.value))
            .collect();
        assert_eq!(symbols, [(&b"constants.___fmt"[..], 8), (&b"version"[..], 0)], "{name}");
        assert!(folded.report.size_after < folded.report.size_before);
    }
}

/// The report says what went and why: in text for people, with offsets for tools.
#[test]
fn report_names_what_was_cut() {
    let object = read("constants-el");
    let (folded, _) = frozen(&object);
    let constants = |section| cut(&folded, section).unwrap().constants.iter();
    let text = |section| constants(section).map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        text(".rodata"),
        [
            "limit: last used by constants",
            "debug: last used by constants",
            "constants.____fmt \"received %d bytes\": last used by constants, \
             dead since debug = false",
            "constants.____fmt.1 \"text is %s\": last used by constants, dead since debug = false",
        ]
    );
    assert_eq!(
        text(".rodata.str1.1"),
        ["\"18\": last used by constants, dead since debug = false"]
    );
    let CutReport { before, after, bytes, .. } = cut(&folded, ".rodata.str1.1").unwrap();
    assert_eq!((*before, *after), (13, 10));
    assert_eq!(bytes.as_slice(), [Bytes { offset: 3, size: 3 }]);
    let [ConstantReport { bytes, .. }] = constants(".rodata.str1.1").as_slice() else { panic!() };
    assert_eq!(*bytes, Bytes { offset: 3, size: 3 });
}

/// Sections in which something died keep every byte where it was if an address in them goes
/// where it is not followed.
#[test]
fn layout_stays_where_addresses_are_not_followed() {
    let sections = [".rodata.table", ".rodata.passed", ".rodata.stored", ".rodata.held"];
    for name in OBJECTS {
        let object = read(name);
        let (folded, result) = frozen(&object);
        for section in sections.into_iter().chain([".rodata.moved"]) {
            assert_eq!(bytes(&result, section), bytes(&object, section), "{name} {section}");
            assert!(cut(&folded, section).is_none(), "{name} {section}");
            // Something in it has died.
            let (was, is) = (strings(&object, section), strings(&result, section));
            assert!(was.len() == is.len() + 1, "{name} {section} {was:?} {is:?}");
        }
    }
}

/// As long as a variable can be set, skeletons set it by its offset.
#[test]
fn layout_stays_while_a_variable_can_be_set() {
    for name in OBJECTS {
        let object = read(name);
        let (folded, result) = fold(&object, |fold| fold.freeze("debug").unwrap());
        for section in [".rodata", ".rodata.open"] {
            assert_eq!(bytes(&result, section), bytes(&object, section), "{name} {section}");
            assert!(cut(&folded, section).is_none(), "{name} {section}");
        }
        // The compiler's own strings are nobody's variables.
        assert!(cut(&folded, ".rodata.str1.1").is_some(), "{name}");
        let (folded, result) = fold(&object, |fold| fold.set("debug", "true").unwrap());
        assert_eq!(bytes(&result, ".rodata").len(), bytes(&object, ".rodata").len(), "{name}");
        assert!(folded.report.cut.is_empty(), "{name}");
    }
}

#[test]
fn layout_stays_if_the_user_says_so() {
    let object = read("constants-el");
    let (folded, result) = fold(&object, |fold| fold.freeze_all().keep_map(".rodata").unwrap());
    assert_eq!(bytes(&result, ".rodata"), bytes(&object, ".rodata"));
    assert!(cut(&folded, ".rodata").is_none());
    assert!(cut(&folded, ".rodata.str1.1").is_some());
}

#[test]
fn another_fold_cuts_nothing_more() {
    for name in OBJECTS {
        let object = read(name);
        let (folded, result) = frozen(&object);
        let (again, _) = frozen(&result);
        assert!(again.bytes == folded.bytes, "{name}");
        assert!(again.report.cut.is_empty(), "{name}");
    }
}

/// What nothing has read in the first place is somebody else's, and stays with its name.
#[test]
fn constants_that_nothing_has_read_stay() {
    for name in OBJECTS {
        let (folded, result) = frozen(&read(name));
        let section = result.elf().section_by_name(".rodata").unwrap();
        let mut symbols = result.elf().symbols_in(section);
        let (_, version) = symbols.find(|(_, symbol)| symbol.name == b"version").unwrap();
        let rest = &bytes(&result, ".rodata")[version.value as usize..];
        assert!(rest.starts_with(b"v1.0\0"), "{name}");
        let cut = cut(&folded, ".rodata").unwrap();
        assert!(cut.constants.iter().all(|c| c.name.as_deref() != Some("version")), "{name}");
    }
}

/// Over the committed objects: all that code names after folding is what it named before, at
/// the place that the report tells.
#[test]
fn named_bytes_are_the_same_in_all_objects() {
    let mut cuts = 0;
    for dir in ["examples", "tests/objects", "tests/patterns"] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "o") {
                continue;
            }
            let object = Object::parse(&std::fs::read(&path).unwrap()).unwrap();
            let (folded, result) = frozen(&object);
            cuts += folded.report.cut.len();
            let was: BTreeMap<(String, u64), Vec<u8>> = named(&object)
                .into_iter()
                .map(|(section, offset, bytes)| ((section, offset), bytes))
                .collect();
            // What tables of jumps hold follows the code.
            let data = named(&result).into_iter().filter(|(name, ..)| name != ".jumptables");
            for (section, offset, bytes) in data {
                let mut old = offset;
                for cut in cut(&folded, &section).into_iter().flat_map(|cut| &cut.bytes) {
                    old += if cut.offset <= old { cut.size } else { 0 };
                }
                let known = was.get(&(section.clone(), old));
                assert_eq!(known, Some(&bytes), "{} {section}+{offset:#x}", path.display());
            }
        }
    }
    assert!(cuts > 4, "{cuts}");
}
