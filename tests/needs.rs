//! What loaders and kernels find without an instruction that names it stays as long as something
//! needs it, and goes with the last that does. The objects are those of `tests/objects/needs`;
//! `bpfold-loaders` loads them before and after.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::Path;

use bpfold::btf::{Btf, Kind, Linkage as BtfLinkage};
use bpfold::passes::ir::{Linkage, Op};
use bpfold::passes::isa::{Callee, Imm64};
use bpfold::report::{KeepReason, Note, Report};
use bpfold::{Fold, Object};

fn object(name: &str) -> Object {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects/needs").join(name);
    Object::parse(&std::fs::read(path).unwrap()).unwrap()
}

/// The object folded as it is stored, and folded again; with these programs only, if there are any.
fn folded_to(object: &Object, entries: &[&str]) -> (Object, Report) {
    let fold = Fold::new(object).unwrap();
    let fold = entries.iter().fold(fold, |fold, entry| fold.entry(entry).unwrap());
    let folded = fold.freeze_all().verify_each(true).run().unwrap();
    let new = Object::parse(&folded.bytes).unwrap();
    let again = Fold::new(&new).unwrap().freeze_all().run().unwrap();
    assert!(again.bytes == folded.bytes, "folding again changes the object");
    (new, folded.report)
}

fn folded(object: &Object) -> Object {
    folded_to(object, &[]).0
}

fn has_symbol(object: &Object, name: &str) -> bool {
    object.elf().symbols.values().any(|symbol| symbol.name == name.as_bytes())
}

fn has_struct(object: &Object, name: &str) -> bool {
    let btf = object.btf().unwrap();
    btf.own_types().any(|(_, ty)| matches!(ty.kind, Kind::Struct(_)) && btf.str(ty.name) == name)
}

/// Whether a function of this name has code.
fn has_code(object: &Object, name: &str) -> bool {
    let mut funcs = object.program().funcs.values();
    funcs.any(|func| func.name == name && !func.layout().is_empty())
}

/// How many conditional jumps a function has, and who can call it.
fn jumps(object: &Object, name: &str) -> (usize, Linkage) {
    let func = object.program().funcs.values().find(|func| func.name == name).unwrap();
    let jumps = func.insts().filter(|(_, inst)| matches!(func.op(*inst), Op::Branch { .. }));
    (jumps.count(), func.linkage)
}

/// Only libbpf makes hidden functions static. Their callers decide nothing in them, and they nothing
/// in their callers.
#[test]
fn hidden_functions_are_verified_on_their_own() {
    let object = folded(&object("hidden.o"));
    for name in ["of_hidden", "of_internal", "of_weak_hidden", "of_weak", "of_local_symbol"] {
        assert_eq!(jumps(&object, name), (1, Linkage::Global), "{name}: the check of the index");
    }
    assert_eq!(jumps(&object, "of_static"), (0, Linkage::Static));
    // Whether `gives_three` gives 3, what `writes_beside` wrote, and the sum.
    assert_eq!(jumps(&object, "hidden"), (3, Linkage::Entry));
}

/// `contains:TYPE:MEMBER`: the struct stays, and that in its lists, as long as its list does.
#[test]
fn types_of_lists_stay() {
    let object = object("graph.o");
    let all = ["branch", "leaf", "fruit", "seed"];
    assert_eq!(all.map(|name| has_struct(&object, name)), [true; 4]);
    // No list has `seed`, which only dead code names.
    let (with, _) = folded_to(&object, &[]);
    assert_eq!(all.map(|name| has_struct(&with, name)), [true, true, true, false]);
    // Neither map nor variable is left.
    let (without, _) = folded_to(&object, &["without"]);
    assert_eq!(all.map(|name| has_struct(&without, name)), [false; 4]);
}

/// `exception_callback:FUNCTION`: the kernel enters it with any cookie, whoever else calls it.
#[test]
fn exception_callbacks_stay() {
    let object = object("exceptions.o");
    let callbacks = ["caught", "also_caught", "of_other"];
    let folded = |entries: &[&str]| {
        let (folded, _) = folded_to(&object, entries);
        callbacks.map(|name| has_code(&folded, name).then(|| jumps(&folded, name).0))
    };
    assert_eq!(folded(&[]), [Some(1), Some(1), Some(0)], "each checks its cookie");
    assert_eq!(folded(&["throws", "other"]), [Some(1), None, Some(0)]);
    // Its only call is dead, and what throws is gone.
    assert_eq!(folded(&["calls"]), [None, Some(1), None]);
    let dropped = Fold::new(&object).unwrap().drop_program("other").unwrap().freeze_all().run();
    assert!(!has_code(&Object::parse(&dropped.unwrap().bytes).unwrap(), "of_other"));
}

/// Maps that libbpf and aya look up stay as long as a program that needs them does.
#[test]
fn maps_are_found_by_name() {
    let object = object("names.o");
    let maps = ["__bpf_usdt_specs", "__bpf_usdt_ip_to_spec_id", "AYA_LOGS"];
    let left = |entries: &[&str]| {
        let (folded, report) = folded_to(&object, entries);
        let by_name = |kept: &str| {
            let mut list = report.kept.iter();
            list.any(|entry| entry.name == kept && entry.reason == KeepReason::FoundByName)
        };
        maps.map(|map| (has_symbol(&folded, map), by_name(map)))
    };
    let (gone, named) = ((false, false), (true, true));
    assert_eq!(left(&["probe"]), [named, named, gone]);
    // In no section of USDT probes, but it read arguments.
    assert_eq!(left(&["by_hand"]), [named, named, gone]);
    assert_eq!(left(&["logs"]), [gone, gone, named]);
    assert_eq!(left(&["plain"]), [gone, gone, gone]);
    // Whoever prunes maps says that the host looks up none; libbpf still does.
    let pruned = Fold::new(&object).unwrap().entry("probe").unwrap().entry("logs").unwrap();
    let pruned = pruned.prune_maps().freeze_all().run().unwrap();
    let pruned = Object::parse(&pruned.bytes).unwrap();
    assert_eq!(maps.map(|map| has_symbol(&pruned, map)), [true, true, false]);
}

/// bpftool shows variables that begin with `bpf_metadata_`. Others that nothing loads are sealed.
#[test]
fn metadata_stays() {
    let object = object("names.o");
    for entries in [&[][..], &["plain"]] {
        let (folded, _) = folded_to(&object, entries);
        assert!(has_symbol(&folded, "bpf_metadata_version"));
        assert!(!has_symbol(&folded, "with_arguments") && !has_symbol(&folded, "unused"));
        let section = folded.elf().section_by_name(".rodata").unwrap();
        let bytes = folded.elf().sections[section].bytes().unwrap();
        assert!(bytes.windows(6).any(|bytes| bytes == b"1.2.3\0"));
        let (_, datasec) = folded.btf().unwrap().find_datasec(".rodata").unwrap();
        assert_eq!(datasec.vars.len(), 1);
    }
}

/// A loop that runs its callback no times does not hold the callback's address: kernels refuse a
/// program that names a function which its verifier did not enter. In the functions that call it
/// with other numbers the callback stays.
#[test]
fn loops_that_run_no_times_go() {
    let object = object("loops.o");
    let left = |entry: &str| {
        let (folded, _) = folded_to(&object, &[entry]);
        ["never", "behind"].map(|name| has_code(&folded, name))
    };
    assert_eq!(left("by_value"), [false; 2]);
    assert_eq!(left("by_source"), [false; 2]);
    assert_eq!(left("both"), [true, false]);
    // Another number, and all of it is entered.
    let set = Fold::new(&object).unwrap().entry("by_value").unwrap().set("times", "1").unwrap();
    let folded = Object::parse(&set.freeze_all().run().unwrap().bytes).unwrap();
    assert!(has_code(&folded, "never"));
}

/// A program that casts addresses of an arena names it, and no other does.
#[test]
fn arenas_are_named() {
    let object = object("arena.o");
    let names_arena = |object: &Object, name: &str| {
        let func = object.program().funcs.values().find(|func| func.name == name).unwrap();
        let mut insts = func.insts().map(|(_, inst)| *func.op(inst));
        insts.any(|op| matches!(op, Op::LdImm64 { imm: Imm64::Map(_), .. }))
    };
    let programs = ["casts", "casts_in_function", "without"];
    assert_eq!(programs.map(|name| names_arena(&object, name)), [true; 3]);
    let (folded, report) = folded_to(&object, &[]);
    assert_eq!(programs.map(|name| names_arena(&folded, name)), [true, true, false]);
    assert!(!names_arena(&folded, "fill") && has_symbol(&folded, "arena"));
    assert_eq!(report.proof.unwrap().refused, []);
    let (without, _) = folded_to(&object, &["without"]);
    assert!(!has_symbol(&without, "arena"));
}

/// What a replacement may do only if the function does stays in global functions, though it cannot
/// run.
#[test]
fn replaceable_functions_keep_their_properties() {
    let object = object("replaced.o");
    let (folded, report) = folded_to(&object, &[]);
    let calls = |name: &str| {
        let func = folded.program().funcs.values().find(|func| func.name == name).unwrap();
        let calls =
            func.insts().filter(|(_, inst)| matches!(func.op(*inst), Op::Call(Callee::Helper(_))));
        calls.count()
    };
    // Through another function, too; a static one that only programs call is folded.
    assert_eq!(["changes_packet", "adjusts", "sleeps"].map(calls), [1; 3]);
    assert_eq!(["changes_nothing", "static_one"].map(calls), [0; 2]);
    let notes = report.notes.iter().filter_map(|note| match note {
        Note::Replaceable { function, property } => Some((function.as_str(), *property)),
        _ => None,
    });
    let packet = "changes packet data";
    let expected = [("changes_packet", packet), ("changes_by_another", packet)];
    let expected = expected.into_iter().chain([("sleeps", "might sleep")]);
    assert_eq!(notes.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    let section = folded.elf().section_by_name(".xdp_run_config");
    assert!(section.is_some() && has_symbol(&folded, "_dispatch"));
    assert!(folded.btf().unwrap().find_datasec(".xdp_run_config").is_some());
}

/// The object with other types.
fn with_types(object: &Object, change: impl FnOnce(&mut Btf)) -> Object {
    let mut btf = object.btf().unwrap().clone();
    change(&mut btf);
    let mut elf = object.elf().clone();
    let section = elf.section_by_name(".BTF").unwrap();
    elf.set_section_data(section, btf.to_bytes().unwrap()).unwrap();
    Object::parse(&elf.write().unwrap()).unwrap()
}

/// Extern functions in no section, which kernels refuse.
fn marks(object: &Object) -> usize {
    let btf = object.btf().unwrap();
    let is_mark = |kind: &Kind| matches!(kind, Kind::Func { linkage: BtfLinkage::Extern, .. });
    btf.own_types().filter(|(_, ty)| is_mark(&ty.kind)).count()
}

/// Kernels that have refused the types because of a variable that goes refuse what is left of them.
#[test]
fn refused_types_stay_refused() {
    let clang14 = object("refused.o");
    // Accepted as it is: the variables lie beside each other.
    let valid = object("hidden.o");
    let empty = |object: &Object, section: &str, name: &str| {
        with_types(object, |btf| {
            let find = |(_, ty): &(_, &bpfold::btf::Type)| {
                matches!(ty.kind, Kind::Var { .. }) && btf.str(ty.name) == name
            };
            let var = btf.own_types().find(find).unwrap().0;
            let vars = &mut btf.datasec_mut(section).unwrap().vars;
            vars.iter_mut().find(|known| known.var == var).unwrap().size = 0;
        })
    };
    let cases = [
        ("clang 14", clang14, "it begins in another variable"),
        ("size 0", empty(&valid, ".rodata", "limit"), "it has no size"),
    ];
    for (name, object, expected) in cases {
        let fold = Fold::new(&object).unwrap().set("limit", "4").unwrap();
        let folded = fold.freeze_all().run().unwrap();
        let new = Object::parse(&folded.bytes).unwrap();
        assert!(!has_symbol(&new, "limit"), "{name}");
        assert_eq!(marks(&new), 1, "{name}");
        let told =
            folded.report.notes.iter().any(
                |note| matches!(note, Note::TypesRefused { problem, .. } if *problem == expected),
            );
        assert!(told, "{name}: {:?}", folded.report.notes);
        // It is no mark of another fold.
        let (again, report) = folded_to(&new, &[]);
        assert_eq!(marks(&again), 1, "{name}");
        assert!(!report.notes.iter().any(|note| matches!(note, Note::TypesRefused { .. })));
    }
    // A type that is refused by itself is kept as it is, whatever loaders do with it; nothing else.
    let valid_types = object("refused-valid.o");
    let unordered = with_types(&valid_types, |btf| {
        let part = btf.find("part", |kind| matches!(kind, Kind::Struct(_))).unwrap();
        if let Kind::Struct(part) = &mut btf.ty_mut(part).unwrap().kind {
            (part.members[0].bit_offset, part.members[1].bit_offset) = (32, 0);
        }
    });
    let (with, without) = (folded(&unordered), folded(&valid_types));
    assert_eq!((has_struct(&with, "part"), marks(&with)), (true, 0));
    assert_eq!((has_struct(&without, "part"), marks(&without)), (false, 0));
    let find = |btf: &Btf| btf.find_func("dead");
    assert!(find(with.btf().unwrap()).is_none());
    assert_eq!(marks(&folded(&valid)), 0);
    // What is refused has not gone.
    assert_eq!(marks(&folded(&empty(&valid, ".data", "counter"))), 0);
}
