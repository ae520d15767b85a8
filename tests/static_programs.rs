//! Static functions in sections of programs: aya and cilium/ebpf load them as programs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use bpfold::elf::{ElfObject, SymbolBind};
use bpfold::passes::ir::Linkage;
use bpfold::report::{FunctionKind, Note};
use bpfold::{Fold, Folded, Object, PruneError};

fn file() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/objects/static-programs.o");
    std::fs::read(path).unwrap()
}

fn object() -> Object {
    Object::parse(&file()).unwrap()
}

/// The object, changed in its model before it is read.
fn changed(change: impl FnOnce(&mut ElfObject)) -> Object {
    let mut elf = object().elf().clone();
    change(&mut elf);
    Object::parse(&elf.write().unwrap()).unwrap()
}

fn rename(elf: &mut ElfObject, from: &str, to: &str) {
    let symbol = elf.symbol_by_name(from).unwrap();
    elf.symbols[symbol].name = to.as_bytes().to_vec();
}

/// The functions that are left.
fn left(folded: &Folded) -> Vec<String> {
    let object = Object::parse(&folded.bytes).unwrap();
    object.program().funcs.values().map(|func| func.name.clone()).collect()
}

fn fold<'o>(object: &'o Object, entries: &[&str], tail_maps: &[&str]) -> Fold<'o> {
    let mut fold = Fold::new(object).unwrap();
    for entry in entries {
        fold = fold.entry(entry).unwrap();
    }
    for map in tail_maps {
        fold = fold.tail_map(map.parse().unwrap()).unwrap();
    }
    fold
}

fn linkage(object: &Object, name: &str) -> Linkage {
    object.program().funcs.values().find(|func| func.name == name).unwrap().linkage
}

#[test]
fn what_nothing_calls_in_a_section_of_programs_is_a_program() {
    let object = object();
    let kinds = [
        ("entry", Linkage::Entry),
        ("unwind_python", Linkage::Entry),
        ("unwind_ruby", Linkage::Entry),
        ("weak_ruby", Linkage::Entry),
        ("itself", Linkage::Entry),
        ("numbered", Linkage::Entry),
        ("helper", Linkage::Static),
        ("count", Linkage::Static),
        ("unused_text", Linkage::Static),
    ];
    for (name, kind) in kinds {
        assert_eq!(linkage(&object, name), kind, "{name}");
    }
    let report = Fold::new(&object).unwrap().freeze_all().run().unwrap().report;
    let kind = |name: &str| report.functions.iter().find(|f| f.name == name).unwrap().kind;
    assert_eq!(kind("unwind_python"), FunctionKind::Program);
    assert_eq!(kind("helper"), FunctionKind::Static);
    assert_eq!(kind("unused_text"), FunctionKind::Static);
}

/// Without the list of programs everything is entered from outside and stays.
#[test]
fn static_programs_stay_and_keep_what_they_need() {
    let object = object();
    let folded = Fold::new(&object).unwrap().freeze_all().run().unwrap();
    let names: Vec<String> = object.program().funcs.values().map(|f| f.name.clone()).collect();
    assert_eq!(left(&folded), names);
    assert_eq!(folded.report.kept, []);
    let again = Object::parse(&folded.bytes).unwrap();
    let again = Fold::new(&again).unwrap().freeze_all().run().unwrap();
    assert!(again.bytes == folded.bytes);
}

/// `helper` is called with 4 alone, but a loader enters it as a program, too. So it stays when its
/// last call has died.
#[test]
fn of_a_static_program_that_is_called_nothing_is_assumed() {
    let object = object();
    let folded = Fold::new(&object).unwrap().set("deep", "0").unwrap().run().unwrap();
    let of_helper = |folded: &Folded| {
        let function = folded.report.functions.iter().find(|f| f.name == "helper").unwrap().clone();
        (function.before, function.after)
    };
    let (before, after) = of_helper(&folded);
    assert_eq!(before, after);
    let folded = Fold::new(&object).unwrap().set("deep", "1").unwrap().run().unwrap();
    assert!(left(&folded).contains(&"helper".to_owned()));
    // Compilers' own names of parts of functions are nobody's programs, and in .text are none.
    for section in [None, Some(".text.helped")] {
        let other = changed(|elf| match section {
            None => rename(elf, "helper", "helper.part.0"),
            Some(section) => {
                let index = elf.section_by_name("socket/helped").unwrap();
                elf.sections[index].name = section.as_bytes().to_vec();
            }
        });
        let folded = Fold::new(&other).unwrap().set("deep", "1").unwrap().run().unwrap();
        assert!(!left(&folded).iter().any(|name| name.starts_with("helper")), "{section:?}");
    }
}

#[test]
fn entry_and_drop_name_static_programs() {
    let object = object();
    let entries = |names: &[&str]| left(&fold(&object, names, &[]).run().unwrap());
    assert_eq!(entries(&["unwind_python"]), ["count", "unwind_python"]);
    // By the names of sections, with libbpf's mark and without.
    assert_eq!(entries(&["socket/ruby"]), ["count", "unwind_ruby", "weak_ruby"]);
    assert_eq!(entries(&["2/*"]), ["numbered"]);
    assert_eq!(entries(&["?2/7"]), ["numbered"]);
    assert_eq!(entries(&["weak_*"]), ["count", "weak_ruby"]);
    assert_eq!(entries(&["helper"]), ["count", "helper"]);
    let dropped = Fold::new(&object).unwrap().drop_program("socket/ruby").unwrap();
    let dropped = left(&dropped.drop_program("numbered").unwrap().run().unwrap());
    assert!(!dropped.iter().any(|name| name.ends_with("ruby") || name == "numbered"));
    assert!(dropped.contains(&"unwind_python".to_owned()));
    let kept = fold(&object, &["itself"], &[]).keep_function("socket/python").unwrap();
    assert_eq!(left(&kept.run().unwrap()), ["count", "unwind_python", "itself"]);
    // Subprograms are no programs, also not by their section.
    for name in ["unused_text", "count", ".text"] {
        let error = Fold::new(&object).unwrap().entry(name).unwrap_err();
        let bpfold::Error::Prune(PruneError::NoProgram { known, .. }) = error else {
            panic!("{error}")
        };
        assert!(known.contains(&"unwind_python".to_owned()) && !known.contains(&name.to_owned()));
    }
}

/// A name of a program is not one of a section.
#[test]
fn names_of_programs_come_before_names_of_sections() {
    let object = changed(|elf| {
        let section = elf.section_by_name("socket/python").unwrap();
        elf.sections[section].name = b"entry".to_vec();
    });
    assert_eq!(left(&fold(&object, &["entry"], &[]).run().unwrap()), ["count", "entry"]);
}

/// Two static programs of different sections may have one name, and one a global program's.
#[test]
fn programs_with_one_name() {
    let object = changed(|elf| {
        rename(elf, "unwind_ruby", "unwind_python");
        rename(elf, "itself", "entry");
    });
    let by_name = left(&fold(&object, &["unwind_python"], &[]).run().unwrap());
    assert_eq!(by_name, ["count", "unwind_python", "unwind_python"]);
    let by_section = left(&fold(&object, &["socket/timer"], &[]).run().unwrap());
    assert_eq!(by_section, ["entry"]);
}

/// The notes, without the one that says that names are gone: programs are in all of these.
fn notes(folded: &Folded) -> Vec<Note> {
    let notes = folded.report.notes.iter();
    notes.filter(|note| **note != Note::NamesGone).cloned().collect()
}

#[test]
fn tail_maps_name_programs() {
    let object = object();
    let with = |tail_maps: &[&str], mode| {
        let fold = fold(&object, &["entry"], tail_maps).set("mode", mode).unwrap();
        fold.run().unwrap()
    };
    let names = |tail_maps: &[&str]| {
        let folded = with(tail_maps, "1");
        assert_eq!(notes(&folded), []);
        left(&folded)
    };
    assert_eq!(names(&["progs=unwind_*"]), ["count", "entry", "unwind_python", "unwind_ruby"]);
    assert_eq!(names(&["progs=socket/r*"]), ["count", "entry", "unwind_ruby", "weak_ruby"]);
    assert_eq!(
        names(&["progs=weak_ruby", "progs=itself"]),
        ["count", "entry", "weak_ruby", "itself"]
    );
    // Slots that names of sections tell.
    assert_eq!(names(&["progs"]), ["count", "entry", "numbered"]);
    // They live by the tail call.
    let folded = with(&["progs=unwind_*"], "0");
    assert_eq!(left(&folded), ["count", "entry"]);
    assert_eq!(notes(&folded), []);
    let dead: Vec<String> = folded.report.dead.iter().map(ToString::to_string).collect();
    let why = "program unwind_ruby: last used by entry, dead since mode = 0";
    assert!(dead.iter().any(|line| line == why), "{dead:#?}");
    // Without --entry too, and then all others stay.
    let folded = fold(&object, &[], &["progs=unwind_*"]).set("mode", "0").unwrap().run().unwrap();
    assert!(!left(&folded).iter().any(|name| name.starts_with("unwind")));
    assert!(left(&folded).contains(&"weak_ruby".to_owned()));
    for wrong in ["progs=nothing", "progs=count", "counts=unwind_*"] {
        let error = Fold::new(&object).unwrap().tail_map(wrong.parse().unwrap()).unwrap_err();
        assert!(matches!(error, bpfold::Error::Prune(_)), "{error}");
    }
}

/// A kept prog array keeps what is in it.
#[test]
fn a_kept_prog_array_keeps_its_programs() {
    let object = object();
    let fold = fold(&object, &["entry"], &["progs=unwind_ruby"]).set("mode", "0").unwrap();
    let folded = fold.keep_map("progs").unwrap().run().unwrap();
    assert_eq!(left(&folded), ["count", "entry", "unwind_ruby"]);
}

#[test]
fn entry_tells_of_programs_that_tail_calls_may_need() {
    let object = object();
    let notes = |fold: Fold<'_>| notes(&fold.run().unwrap());
    let found = notes(fold(&object, &["entry"], &[]));
    let [note @ Note::DroppedTargets { programs, by, maps }] = found.as_slice() else {
        panic!("{found:?}")
    };
    let dropped =
        ["unwind_python", "unwind_ruby", "weak_ruby", "helper", "helped", "itself", "numbered"];
    assert_eq!(programs, &dropped);
    assert_eq!(
        (by.as_slice(), maps.as_slice()),
        (&["entry".to_owned()][..], &["progs".to_owned()][..])
    );
    assert!(note.is_warning());
    assert!(note.to_string().contains("--tail-map progs=NAME|GLOB"), "{note}");
    // No tail call is left; none is in what stays; what is dropped is named; nothing is dropped.
    assert_eq!(notes(fold(&object, &["entry"], &[]).set("mode", "0").unwrap()), []);
    assert_eq!(notes(fold(&object, &["unwind_*"], &[])), []);
    let named = fold(&object, &["entry"], &[]).drop_program("*ruby").unwrap();
    let named = named.drop_program("unwind_python").unwrap().drop_program("help*").unwrap();
    assert_eq!(
        notes(named.drop_program("socket/timer").unwrap().drop_program("?2/7").unwrap()),
        []
    );
    assert_eq!(notes(fold(&object, &["*"], &[])), []);
    assert_eq!(notes(fold(&object, &[], &[])), []);
}

/// Global programs are dropped in the same way.
#[test]
fn entry_tells_of_global_programs_too() {
    let object = changed(|elf| {
        for name in ["unwind_python", "unwind_ruby"] {
            let symbol = elf.symbol_by_name(name).unwrap();
            elf.symbols[symbol].bind = SymbolBind::Weak;
        }
    });
    let notes = notes(&fold(&object, &["entry"], &[]).run().unwrap());
    assert!(
        matches!(notes.as_slice(), [Note::DroppedTargets { programs, .. }]
            if programs.contains(&"unwind_ruby".to_owned())),
        "{notes:?}"
    );
}
