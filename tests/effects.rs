//! Values that change nothing, accesses outside of sections, and values that are given again in
//! other words.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::Path;

use bpfold::report::{NoEffect, Note};
use bpfold::{Error, Fold, Object};

/// The same source by two compilers.
const COMPILERS: [&str; 2] = ["clang14", "clang19"];

fn read(name: &str) -> Object {
    let path = format!("tests/objects/{name}.o");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    Object::parse(&std::fs::read(path).unwrap()).unwrap()
}

/// The warnings of a fold with one value.
fn warnings(object: &Object, name: &str, value: &str) -> Vec<Note> {
    let folded = Fold::new(object).unwrap().set(name, value).unwrap().run().unwrap();
    folded.report.notes.into_iter().filter(Note::is_warning).collect()
}

fn not_loaded(variable: &str) -> Vec<Note> {
    vec![Note::NoEffect { variable: variable.to_owned(), cause: NoEffect::NotLoaded }]
}

/// A const that the compiler has used: whether it is still loaded.
fn used(variable: &str, type_name: &str, stored: &str, loaded: bool) -> Vec<Note> {
    let (type_name, stored) = (type_name.to_owned(), stored.to_owned());
    let cause = NoEffect::CompilerUsed { type_name, stored, loaded };
    vec![Note::NoEffect { variable: variable.to_owned(), cause }]
}

#[test]
fn values_that_nothing_loads_are_told() {
    for compiler in COMPILERS {
        let object = read(&format!("effects-{compiler}"));
        let told = |name, value| warnings(&object, name, value);
        assert_eq!(told("unused", "1"), not_loaded("unused"));
        assert_eq!(told("unused", "7"), not_loaded("unused"), "the stored value changes nothing");
        assert_eq!(told("unused_array[1]", "3"), not_loaded("unused_array[1]"));
        assert_eq!(told("cfg.spare", "3"), not_loaded("cfg.spare"), "others of cfg are loaded");
        assert_eq!(told("cfg.name", "\"a\""), not_loaded("cfg.name"));
        assert_eq!(told("last", "{}"), not_loaded("last"));
    }
}

#[test]
fn values_that_the_compiler_has_used_are_told() {
    for compiler in COMPILERS {
        let object = read(&format!("effects-{compiler}"));
        let told = |name, value| warnings(&object, name, value);
        assert_eq!(told("deny", "1"), used("deny", "const int", "0", false));
        assert_eq!(told("deny", "0"), not_loaded("deny"), "it is the stored value");
        let stored = "{1, 2, 3, 4}";
        assert_eq!(told("table[2]", "9"), used("table[2]", "const int[4]", "3", true));
        assert_eq!(told("table", "{9}"), used("table", "const int[4]", stored, true));
        assert_eq!(told("table[2]", "3"), [], "the stored value is right where it is used");
    }
}

/// Loads by an index, through another function, in code that never runs, and by a helper.
#[test]
fn values_that_code_reads_are_not_told() {
    for compiler in COMPILERS {
        let object = read(&format!("effects-{compiler}"));
        for (name, value) in [
            ("cfg", "{.mode = 4}"),
            ("cfg.mode", "1"),
            ("indexed[3]", "1"),
            ("passed[1]", "5"),
            ("guarded", "2"),
            ("never", "true"),
            ("level", "QUIET"),
            ("letter", "'y'"),
            ("version", "1"),
            ("text", "\"text %d\""),
        ] {
            assert_eq!(warnings(&object, name, value), [], "{name}");
        }
    }
}

/// What a first fold has given is not given without effect by the second.
#[test]
fn values_of_an_earlier_fold_are_not_told_again() {
    for compiler in COMPILERS {
        let object = read(&format!("effects-{compiler}"));
        let once = Fold::new(&object).unwrap().set("cfg.mode", "4").unwrap().run().unwrap();
        let once = Object::parse(&once.bytes).unwrap();
        let again = |name, value| warnings(&once, name, value);
        assert_eq!(warnings(&once, "level", "QUIET"), []);
        assert_eq!(again("cfg.mode", "0b100"), []);
        assert_eq!(again("cfg.spare", "2"), not_loaded("cfg.spare"));
    }
}

/// Section, offset, size, variable and source line of an access outside of a section.
type Outside = (String, i64, Option<u32>, Option<String>, u32);

/// The accesses outside of sections that a fold tells.
fn outside(object: &Object, kind: u32) -> Vec<Outside> {
    let told = warnings(object, "kind", &kind.to_string()).into_iter();
    // With some kinds, all that the program did is dead.
    let told = told.filter(|note| !matches!(note, Note::OnlyReturns { .. }));
    told.map(|note| match note {
        Note::OutOfBounds { at, variable, section, offset, size, section_size } => {
            let len = object.elf().section_by_name(&section).unwrap();
            let len = object.elf().sections[len].content_size().unwrap();
            assert_eq!(section_size, len);
            assert_eq!(at.function, "outside");
            (section, offset, size, variable, at.source.unwrap().line)
        }
        note => panic!("{note}"),
    })
    .collect()
}

#[test]
fn accesses_outside_of_sections_are_told() {
    for compiler in COMPILERS {
        let object = read(&format!("outside-{compiler}"));
        let variables = object.variables().unwrap();
        let last = variables.iter().find(|variable| variable.name == "last").unwrap();
        let last = last.offset as i64;
        let rodata = |offset, size, name: &str, line| {
            vec![(".rodata".to_owned(), offset, size, Some(name.to_owned()), line)]
        };
        let data = |offset, line| vec![(".data".to_owned(), offset, Some(4), None, line)];
        assert_eq!(outside(&object, 1), rodata(last + 36, Some(4), "last", 76));
        assert_eq!(outside(&object, 2), rodata(-4, Some(4), "deny", 78));
        assert_eq!(outside(&object, 3), rodata(last + 8, Some(8), "last", 80));
        assert_eq!(outside(&object, 4), rodata(last + 1600, None, "kind", 82));
        assert_eq!(outside(&object, 5), data(28, 85));
        assert_eq!(outside(&object, 6), data(20, 87));
        assert_eq!(outside(&object, 7), [], "all within");
        assert_eq!(outside(&object, 8), rodata(last, Some(20), "last", 92));
        assert_eq!(outside(&object, 9), rodata(last, Some(16), "last", 94));
        let written = (".data".to_owned(), 4, Some(8), None, 96);
        assert_eq!(outside(&object, 10), [written]);
        assert_eq!(outside(&object, 11), [], "nothing that must be within");
        assert_eq!(outside(&object, 0), [], "dead");
    }
}

/// A sealed variable takes its value in any words that `--set` reads, and no other value.
#[test]
fn sealed_values_can_be_given_again_in_other_words() {
    for compiler in COMPILERS {
        let object = read(&format!("effects-{compiler}"));
        let fold = Fold::new(&object).unwrap().set("version", "KERNEL_VERSION(5,10,0)").unwrap();
        let once = fold.freeze_all().run().unwrap().bytes;
        let once_object = Object::parse(&once).unwrap();
        let set = |name: &str, value: &str| Fold::new(&once_object).unwrap().set(name, value);
        for (name, value) in [
            ("version", "KERNEL_VERSION(5, 10, 0)"),
            ("version", "330240"),
            (".rodata:version", "0x50a00"),
            ("letter", "'x'"),
            ("letter", "120"),
            ("level", "LOUD"),
            ("level", "5"),
            ("cfg", "{.mode = 1, .spare = 2, .name = \"eth0\"}"),
            ("cfg.mode", "+1"),
            ("cfg.name[3]", "'0'"),
            ("indexed", "{1, 2, 3, 4}"),
            ("indexed[1]", "0x2"),
            ("never", "0"),
            ("unused_array", "hex:01000000000000000200000000000000"),
        ] {
            let again = set(name, value).unwrap().run().unwrap();
            assert_eq!(again.bytes, once, "{name}={value}");
            let warned: Vec<&Note> = again.report.notes.iter().filter(|n| n.is_warning()).collect();
            assert!(warned.is_empty(), "{warned:?}");
        }
        for (name, value, folded) in [
            ("version", "KERNEL_VERSION(5,10,1)", "330240"),
            ("letter", "'y'", "120"),
            ("level", "QUIET", "LOUD"),
            ("cfg.mode", "2", "1"),
            ("cfg", "{.mode = 1}", "{.mode = 1, .spare = 2, .name = \"eth0\"}"),
            ("indexed[1]", "3", "2"),
        ] {
            let error = Error::AlreadyFolded {
                name: name.to_owned(),
                value: value.to_owned(),
                folded: folded.to_owned(),
            };
            assert_eq!(set(name, value).unwrap_err(), error);
        }
        for (name, value) in
            [("cfg.none", "1"), ("version", "x"), ("version", "1 2"), ("none", "1")]
        {
            let error = set(name, value).unwrap_err();
            assert!(matches!(error, Error::Variable(_)), "{name}={value}: {error}");
        }
    }
}

/// Variables without types, and variables that two folds have sealed.
#[test]
fn sealed_values_of_several_folds_and_without_types() {
    let object = read("effects-clang19");
    let once = Fold::new(&object).unwrap().set("version", "0x50a00").unwrap().run().unwrap();
    let once = Object::parse(&once.bytes).unwrap();
    let twice = Fold::new(&once).unwrap().set("cfg.mode", "3").unwrap();
    let twice = twice.freeze("cfg").unwrap().set("level", "QUIET").unwrap().run().unwrap();
    let twice = Object::parse(&twice.bytes).unwrap();
    let set = |name: &str, value: &str| Fold::new(&twice).unwrap().set(name, value).map(drop);
    assert_eq!(set("version", "KERNEL_VERSION(5,10,0)"), Ok(()));
    assert_eq!(set("cfg.mode", "'\\x03'"), Ok(()));
    assert_eq!(set("level", "0"), Ok(()));
    assert!(matches!(set("version", "1"), Err(Error::AlreadyFolded { .. })));
    assert!(matches!(set("cfg.mode", "4"), Err(Error::AlreadyFolded { .. })));

    let object = read("aya-plain");
    let name = "TARGET_PID";
    let once = Fold::new(&object).unwrap().freeze_all().run().unwrap();
    let once = Object::parse(&once.bytes).unwrap();
    let known = once.folded_with().unwrap().into_iter().find(|v| v.name == name).unwrap();
    let set = |value: &str| Fold::new(&once).unwrap().set(name, value).map(drop);
    assert_eq!(set(&known.value), Ok(()));
    let number: u64 = known.value.parse().unwrap();
    assert_eq!(set(&format!("{number:#x}")), Ok(()));
    assert!(matches!(set(&(number + 1).to_string()), Err(Error::AlreadyFolded { .. })));
}
