//! Whole-object liveness: what is no longer used is no longer there, and everything else is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};

use bpfold::btf::{self, Btf, Kind};
use bpfold::elf::SymbolKind;
use bpfold::passes::ir::Linkage;
use bpfold::report::{KeepReason, Note, PartKind};
use bpfold::{Fold, Folded, Object, PruneError};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn object(path: &str) -> Object {
    Object::parse(&std::fs::read(root(path)).unwrap()).unwrap()
}

fn agent(settings: &[(&str, &str)]) -> Folded {
    let object = object("examples/agent.bpf.o");
    let mut fold = Fold::new(&object).unwrap().entry("agent").unwrap().freeze_all();
    for (name, value) in settings {
        fold = fold.set(name, value).unwrap();
    }
    fold.run().unwrap()
}

fn programs(object: &Object) -> Vec<String> {
    let funcs = object.program().funcs.values();
    let mut names: Vec<String> =
        funcs.filter(|func| func.linkage == Linkage::Entry).map(|func| func.name.clone()).collect();
    names.sort();
    names
}

/// The maps that libbpf would create, by its walk of the DATASEC; each has its symbol.
fn maps(object: &Object) -> Vec<String> {
    let Some(section) = object.elf().section_by_name(".maps") else {
        assert!(object.btf().unwrap().find_datasec(".maps").is_none());
        return Vec::new();
    };
    let btf = object.btf().unwrap();
    let (_, datasec) = btf.find_datasec(".maps").unwrap();
    let mut names: Vec<String> =
        datasec.vars.iter().map(|var| btf.name(var.var).to_owned()).collect();
    names.sort();
    let symbols = object.elf().symbols_in(section);
    let mut symbols: Vec<String> = symbols
        .filter(|(_, symbol)| symbol.kind == SymbolKind::Object)
        .map(|(_, symbol)| String::from_utf8_lossy(&symbol.name).into_owned())
        .collect();
    symbols.sort();
    assert_eq!(symbols, names);
    names
}

/// The configurations of the agent that differ in what they use.
fn configurations() -> impl Iterator<Item = (u32, [bool; 5])> {
    (0..3).flat_map(|transport| {
        (0..32).map(move |bits| (transport, [0, 1, 2, 3, 4].map(|bit| bits >> bit & 1 == 1)))
    })
}

/// Programs and maps by the table in examples/README.md.
fn expected(
    transport: u32,
    [dns, tls, icmp, debug, limit]: [bool; 5],
) -> (Vec<&'static str>, Vec<&'static str>) {
    let some = dns || tls || icmp;
    let pick = |list: &[(bool, &'static str)]| {
        let mut names: Vec<&str> =
            list.iter().filter(|(used, _)| *used).map(|(_, name)| *name).collect();
        names.sort();
        names
    };
    let programs =
        pick(&[(true, "agent"), (dns, "handle_dns"), (tls, "handle_tls"), (icmp, "handle_icmp")]);
    let maps = pick(&[
        (some && transport == 1, "events_ring"),
        (some && transport == 2, "events_perf"),
        (some && debug, "debug_counters"),
        (some && debug, "debug_last"),
        (some && limit, "buckets"),
        (some, "handlers"),
        (dns, "dns_ports"),
        (tls, "tls_versions"),
        (icmp, "icmp_types"),
    ]);
    (programs, maps)
}

fn fold_agent(transport: u32, [dns, tls, icmp, debug, limit]: [bool; 5]) -> Folded {
    let transport = transport.to_string();
    let text = |value: bool| if value { "true" } else { "false" };
    agent(&[
        ("cfg.transport", &transport),
        ("cfg.feature.dns", text(dns)),
        ("cfg.feature.tls", text(tls)),
        ("cfg.feature.icmp", text(icmp)),
        ("cfg.debug", text(debug)),
        ("cfg.rate_limit.enabled", text(limit)),
    ])
}

#[test]
fn agent_keeps_exactly_what_each_configuration_uses() {
    for (transport, flags) in configurations() {
        let folded = fold_agent(transport, flags);
        let result = Object::parse(&folded.bytes).unwrap();
        let (want_programs, want_maps) = expected(transport, flags);
        assert_eq!(programs(&result), want_programs, "{transport} {flags:?}");
        assert_eq!(maps(&result), want_maps, "{transport} {flags:?}");
        assert!(folded.report.kept.is_empty(), "{:?}", folded.report.kept);
        let again = Fold::new(&result).unwrap().entry("agent").unwrap().run().unwrap();
        assert!(again.bytes == folded.bytes, "{transport} {flags:?}");
    }
}

#[test]
fn reasons_are_in_terms_of_the_source() {
    let folded = agent(&[("cfg.debug", "false"), ("cfg.feature.icmp", "false")]);
    let dead: Vec<String> = folded.report.dead.iter().map(ToString::to_string).collect();
    for reason in [
        "map debug_last: last used by debug_event, dead since cfg.debug = false",
        "map events_perf: last used by report, dead since cfg.transport = TRANSPORT_RINGBUF",
        "program handle_icmp: last used by agent, dead since cfg.feature.icmp = false",
        "map icmp_types: last used by handle_icmp, dead since cfg.feature.icmp = false",
    ] {
        assert!(dead.iter().any(|line| line == reason), "{reason} is not in {dead:#?}");
    }
}

/// A value that comes past joins and through the stack is that of the load; what is read only
/// where control never comes to is no reason.
#[test]
fn reasons_past_joins_and_through_the_stack() {
    let folded = fold_test_object("reasons", &[]).freeze_all().run().unwrap();
    let dead: Vec<String> = folded.report.dead.iter().map(ToString::to_string).collect();
    assert_eq!(
        dead,
        [
            "map of_first: last used by past_a_join, dead since first = 0",
            "map of_second: last used by through_the_stack, dead since second = 1",
            "map of_third: last used by not_from_dead_code, dead since third = 2",
            "section .rodata: last used by past_a_join, through_the_stack, not_from_dead_code",
        ]
    );
}

/// Objects of rustc and bpf-linker for aya: legacy maps, statics without `volatile`, with types
/// and without any.
#[test]
fn objects_of_rust() {
    let legacy = |file: &[u8]| {
        let object = Object::parse(file).unwrap();
        let section = object.elf().section_by_name("maps").unwrap();
        let symbols = object.elf().symbols_in(section);
        let named = symbols.filter(|(_, symbol)| symbol.kind == SymbolKind::Object);
        let mut names: Vec<String> =
            named.map(|(_, symbol)| String::from_utf8(symbol.name.clone()).unwrap()).collect();
        names.sort();
        names
    };
    let objects =
        [("examples/aya_agent.bpf.o", "CONFIG.mode"), ("tests/objects/aya-plain.o", "CONFIG")];
    for (path, mode) in objects {
        let object = object(path);
        let fold = Fold::new(&object).unwrap().set("VERBOSE", "0").unwrap();
        let folded = fold.freeze_all().prune_maps().run().unwrap();
        let report = &folded.report;
        assert_eq!(legacy(&folded.bytes), ["BLOCK", "PIDS", "RING", "STATS"]);
        assert_eq!(report.proof.as_ref().unwrap().refused, []);
        let jumps = report.dead.iter().find(|dead| dead.name == "JUMPS").unwrap().to_string();
        let reason = format!("map JUMPS: last used by filter, dead since {mode} = ");
        assert!(jumps.starts_with(&reason), "{jumps}");
        // Nothing was said of VERBOSE: what it decides stays.
        let open = Fold::new(&object).unwrap().set("TARGET_PID", "1").unwrap().run().unwrap();
        let all = ["AYA_LOGS", "AYA_LOG_BUF", "BLOCK", "EVENTS", "JUMPS", "PIDS", "RECENT", "RING"];
        assert_eq!(legacy(&open.bytes), [&all[..], &["STATS"]].concat());
    }
}

/// Without options only what dies by folding goes: handlers that tail calls reach are no
/// entries, and a map that nothing uses any more is somebody's only if it was to begin with.
#[test]
fn default_drops_what_has_died() {
    let object = object("examples/agent.bpf.o");
    let fold = Fold::new(&object).unwrap().freeze_all();
    let folded = fold.set("cfg.feature.tls", "false").unwrap().run().unwrap();
    let result = Object::parse(&folded.bytes).unwrap();
    assert_eq!(programs(&result), ["agent", "handle_dns", "handle_icmp"]);
    assert!(!maps(&result).contains(&"tls_versions".to_owned()));

    let fold = Fold::new(&object).unwrap().freeze_all().set("cfg.feature.tls", "false").unwrap();
    let folded =
        fold.keep_map("tls_*").unwrap().keep_function("handle_tls").unwrap().run().unwrap();
    let result = Object::parse(&folded.bytes).unwrap();
    assert_eq!(programs(&result), programs(&object));
    assert!(maps(&result).contains(&"tls_versions".to_owned()));

    let fold = Fold::new(&object).unwrap().freeze_all().set("cfg.debug", "false").unwrap();
    let folded = fold.keep_map("debug_last").unwrap().run().unwrap();
    let kept: Vec<_> = folded.report.kept.iter().collect();
    assert!(
        matches!(kept.as_slice(), [kept] if kept.name == "debug_last" && kept.kind == PartKind::Map
            && kept.reason == KeepReason::Asked),
        "{kept:?}"
    );
}

/// A program that is dropped leaves the slots of prog arrays, and a tail call into an empty
/// slot is reported.
#[test]
fn dropped_programs_leave_their_slots() {
    let object = object("examples/agent.bpf.o");
    let fold = Fold::new(&object).unwrap().freeze_all().set("cfg.feature.dns", "false").unwrap();
    let fold = fold.set("cfg.feature.icmp", "false").unwrap();
    let folded = fold.drop_program("handle_*").unwrap().run().unwrap();
    let result = Object::parse(&folded.bytes).unwrap();
    assert_eq!(programs(&result), ["agent"]);
    assert_eq!(maps(&result), ["handlers"]);
    let empty =
        |note: &Note| matches!(note, Note::EmptySlot { map, slot: 1, .. } if map == "handlers");
    assert!(folded.report.notes.iter().any(empty), "{:?}", folded.report.notes);
}

#[test]
fn names_that_are_not_there_are_errors() {
    let object = object("examples/agent.bpf.o");
    let fold = || Fold::new(&object).unwrap();
    let errors = [
        fold().entry("agnet").unwrap_err(),
        fold().drop_program("report").unwrap_err(),
        fold().keep_map("x*").unwrap_err(),
        fold().keep_function("nothing").unwrap_err(),
        fold().tail_map("buckets".parse().unwrap()).unwrap_err(),
    ];
    for error in &errors[..4] {
        assert!(matches!(error, bpfold::Error::Prune(_)), "{error}");
    }
    assert!(matches!(errors[4], bpfold::Error::Prune(PruneError::NoSlots { .. })));
}

/// Types that only dropped parts needed are gone, records follow.
#[test]
fn types_go_with_what_needs_them() {
    let folded = agent(&[("cfg.debug", "false"), ("cfg.rate_limit.enabled", "false")]);
    let result = Object::parse(&folded.bytes).unwrap();
    let btf = result.btf().unwrap();
    let structs: Vec<&str> = btf
        .own_types()
        .filter(|(_, ty)| matches!(ty.kind, Kind::Struct(_)))
        .map(|(_, ty)| btf.str(ty.name))
        .collect();
    assert!(!structs.contains(&"bucket") && !structs.contains(&"config"), "{structs:?}");
    assert!(structs.contains(&"__sk_buff"), "{structs:?}");
    for info in result.btf_ext().unwrap().func_info.blocks.iter().flat_map(|block| &block.records) {
        assert!(matches!(btf.ty(info.type_id).kind, Kind::Func { .. }));
    }
    assert!(folded.report.btf_after < folded.report.btf_before);
}

fn fold_test_object(name: &str, settings: &[(&str, &str)]) -> Fold<'static> {
    let object: &'static Object = Box::leak(Box::new(object(&format!("tests/objects/{name}.o"))));
    let fold = Fold::new(object).unwrap().freeze_all();
    settings.iter().fold(fold, |fold, (name, value)| fold.set(name, value).unwrap())
}

/// What no instruction names can be used all the same, and the report says how.
#[test]
fn maps_of_somebody_else_stay() {
    let folded = fold_test_object("prune", &[]).run().unwrap();
    let result = Object::parse(&folded.bytes).unwrap();
    assert_eq!(maps(&result), ["bpfold_test_pinned", "never_used", "read_by_userspace"]);
    let kept: Vec<(&str, &KeepReason)> =
        folded.report.kept.iter().map(|kept| (kept.name.as_str(), &kept.reason)).collect();
    assert_eq!(
        kept,
        [
            ("read_by_userspace", &KeepReason::Tagged),
            ("bpfold_test_pinned", &KeepReason::Pinned),
            ("never_used", &KeepReason::NeverUsed),
        ]
    );
    let pruned = fold_test_object("prune", &[]).prune_maps().run().unwrap();
    assert_eq!(maps(&Object::parse(&pruned.bytes).unwrap()), ["read_by_userspace"]);
}

/// No instruction names the maps in a map: the map does.
#[test]
fn inner_maps_live_as_long_as_what_holds_them() {
    let folded = fold_test_object("prune", &[("nested", "true")]).run().unwrap();
    let result = Object::parse(&folded.bytes).unwrap();
    for map in ["inner_first", "inner_second", "outer"] {
        assert!(maps(&result).iter().any(|name| name == map), "{map}");
    }
    for inner in ["inner_first", "inner_second"] {
        let kept = folded.report.kept.iter().find(|kept| kept.name == inner).unwrap();
        assert_eq!(kept.reason, KeepReason::Held { by: "outer".to_owned() });
    }
    let dead = ["inner_first", "inner_second", "outer"];
    let folded = fold_test_object("prune", &[]).run().unwrap();
    assert!(dead.iter().all(|map| folded.report.dropped.maps.iter().any(|name| name == map)));
}

/// A global function whose only call has died goes: kernels before 6.8 would verify it.
#[test]
fn uncalled_global_functions_go_unless_they_are_kept() {
    let has = |folded: &Folded| {
        let object = Object::parse(&folded.bytes).unwrap();
        object.program().funcs.values().any(|func| func.name == "of_new_kernels")
    };
    assert!(!has(&fold_test_object("prune", &[]).run().unwrap()));
    assert!(has(&fold_test_object("prune", &[("modern", "true")]).run().unwrap()));
    let kept = fold_test_object("prune", &[]).keep_function("of_new_kernels").unwrap();
    assert!(has(&kept.run().unwrap()));
}

/// The programs of a prog array that the loader fills by the numbers of sections.
#[test]
fn programs_in_numbered_sections_live_by_tail_calls() {
    let left = |settings: &[(&str, &str)]| {
        let fold = fold_test_object("prune-legacy", settings);
        let fold = fold.tail_map("stages=classifier".parse().unwrap()).unwrap();
        let folded = fold.run().unwrap();
        programs(&Object::parse(&folded.bytes).unwrap())
    };
    assert_eq!(left(&[]), ["start"]);
    assert_eq!(left(&[("early", "true")]), ["stage_first", "start"]);
    assert_eq!(left(&[("late", "true"), ("chosen", "2")]), ["stage_second", "start"]);
    assert_eq!(left(&[("late", "true"), ("chosen", "3")]), ["start"]);
    assert_eq!(left(&[("any", "true")]), ["stage_first", "stage_second", "start"]);
    // Symbols and the DATASEC name the same maps: cilium/ebpf and aya look each VAR up.
    let folded = fold_test_object("prune-legacy", &[("early", "true")]);
    let folded = folded.tail_map("stages".parse().unwrap()).unwrap().run().unwrap();
    let result = Object::parse(&folded.bytes).unwrap();
    let (_, datasec) = result.btf().unwrap().find_datasec("maps").unwrap();
    let vars: Vec<&str> =
        datasec.vars.iter().map(|var| result.btf().unwrap().name(var.var)).collect();
    assert_eq!(vars, ["stages", "first"]);
    let section = result.elf().section_by_name("maps").unwrap();
    assert_eq!(result.elf().sections[section].content_size(), Some(40));
    // Nobody has said that the array is filled so: all programs are entered from outside.
    let folded = fold_test_object("prune-legacy", &[]).run().unwrap();
    let result = Object::parse(&folded.bytes).unwrap();
    assert_eq!(programs(&result), ["stage_first", "stage_second", "start"]);
}

#[test]
fn kernels_without_global_data() {
    let folded = fold_test_object("prune", &[]).require_no_globals().run().unwrap();
    let result = Object::parse(&folded.bytes).unwrap();
    assert!(result.elf().section_by_name(".rodata").is_none());
    assert!(result.btf().unwrap().find_datasec(".rodata").is_none());
    let object = object("tests/objects/prune.o");
    let open = Fold::new(&object).unwrap().freeze("stats").unwrap();
    let error = open.require_no_globals().run().unwrap_err().to_string();
    assert!(error.contains("entry+0") && error.contains("prune.c:"), "{error}");
}

/// No code names a table of struct_ops: a loader registers it, and what it holds stays, also when
/// only other programs are entered.
#[test]
fn functions_in_struct_ops_stay() {
    let object = object("tests/objects/places.o");
    for fold in [
        Fold::new(&object).unwrap().freeze_all(),
        Fold::new(&object).unwrap().freeze_all().entry("first").unwrap(),
        Fold::new(&object).unwrap().freeze_all().prune_maps(),
    ] {
        let result = Object::parse(&fold.run().unwrap().bytes).unwrap();
        let names: Vec<&str> =
            result.program().funcs.values().map(|func| func.name.as_str()).collect();
        for held in ["second", "leaf"] {
            assert!(names.contains(&held), "{held} is not in {names:?}");
        }
        assert!(result.elf().section_by_name(".struct_ops").is_some());
    }
    // What a table holds cannot be dropped.
    let dropped = Fold::new(&object).unwrap().drop_program("second").unwrap().run();
    assert!(matches!(dropped, Err(bpfold::Error::Prune(PruneError::Held { .. }))), "{dropped:?}");
}

/// gcc 14 writes types of `memcpy` and its like, for which kernels refuse all types of the object:
/// without them they would look at what they accept now. Functions in DATASECs go with their
/// symbols.
#[test]
fn types_that_kernels_refuse_stay() {
    let original = object("tests/objects/prune.o");
    let mut elf = original.elf().clone();
    let mut btf = original.btf().unwrap().clone();
    let function = |btf: &Btf, name: &str| {
        btf.own_types().find(|(_, ty)| btf.str(ty.name) == name).map(|(_, ty)| ty.clone())
    };
    let mut ty = function(&btf, "of_new_kernels").unwrap();
    let Kind::Func { linkage, .. } = &mut ty.kind else { panic!() };
    ty.name = btf.add_string("memcpy");
    *linkage = btf::Linkage::Extern;
    btf.add_type(ty.clone());
    // The same as a definition that nothing names.
    let Kind::Func { linkage, .. } = &mut ty.kind else { panic!() };
    ty.name = btf.add_string("memset");
    *linkage = btf::Linkage::Global;
    btf.add_type(ty);
    let section = elf.section_by_name(".BTF").unwrap();
    elf.set_section_data(section, btf.to_bytes().unwrap()).unwrap();
    let object = Object::parse(&elf.write().unwrap()).unwrap();
    let folded = Fold::new(&object).unwrap().freeze_all().run().unwrap();
    let after = Object::parse(&folded.bytes).unwrap();
    let left = |name: &str| function(after.btf().unwrap(), name).is_some();
    assert_eq!(["memcpy", "memset", "of_new_kernels"].map(left), [true, false, false]);
}
