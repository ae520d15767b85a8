//! Whole-object liveness: what is no longer used is no longer there, and everything else is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};

use bpfold::btf::Kind;
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
