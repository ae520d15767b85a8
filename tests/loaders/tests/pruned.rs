//! What pruned objects have in the kernel: exactly the maps that their programs use. And
//! `bpftool gen skeleton` takes them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking and tell what they counted"
)]

use std::path::Path;
use std::process::Command;

use bpfold::{Fold, Object};
use bpfold_loaders::{aya, cases, leave_out, maps, may_load, pruned};

/// The agent with a transport (none, ring buffer, perf events), three features, debug maps and a
/// rate limit.
fn agent(transport: u32, [dns, tls, icmp, debug, limit]: [bool; 5]) -> Vec<u8> {
    let file = std::fs::read(cases::root().join("examples/agent.bpf.o")).unwrap();
    let object = Object::parse(&file).unwrap();
    let values = [
        ("cfg.transport", transport.to_string()),
        ("cfg.feature.dns", dns.to_string()),
        ("cfg.feature.tls", tls.to_string()),
        ("cfg.feature.icmp", icmp.to_string()),
        ("cfg.debug", debug.to_string()),
        ("cfg.rate_limit.enabled", limit.to_string()),
    ];
    let fold = Fold::new(&object).unwrap().entry("agent").unwrap();
    let fold = values.iter().fold(fold, |fold, (name, value)| fold.set(name, value).unwrap());
    fold.freeze_all().run().unwrap().bytes
}

/// The maps by the table in examples/README.md. What only a handler uses is named by the
/// handler, which libbpf loads to put it into the prog array.
fn expected(transport: u32, [dns, tls, icmp, debug, limit]: [bool; 5]) -> Vec<&'static str> {
    let some = dns || tls || icmp;
    let all = [
        (limit && some, "buckets"),
        (debug && some, "debug_counters"),
        (debug && some, "debug_last"),
        (dns, "dns_ports"),
        (transport == 2 && some, "events_perf"),
        (transport == 1 && some, "events_ring"),
        (some, "handlers"),
        (icmp, "icmp_types"),
        (tls, "tls_versions"),
    ];
    all.into_iter().filter(|(used, _)| *used).map(|(_, name)| name).collect()
}

#[test]
fn agent_has_the_maps_that_its_programs_name() {
    if !may_load("maps of loaded programs") {
        return;
    }
    for transport in 0..3 {
        for bits in 0..32 {
            let flags = [0, 1, 2, 3, 4].map(|bit| bits >> bit & 1 == 1);
            let (created, named) = maps::created_and_named(&agent(transport, flags)).unwrap();
            // Live format strings of bpf_printk stay in .rodata.
            let is_map = |name: &&String| !name.starts_with('.');
            let created_maps: Vec<&String> = created.iter().filter(is_map).collect();
            assert_eq!(created_maps, expected(transport, flags), "{transport} {flags:?}");
            assert_eq!(created, named, "{transport} {flags:?}");
        }
    }
}

/// aya takes no prog array with initial values, so it loads the agent only where none is left.
#[test]
fn aya_loads_the_agent_without_features() {
    if !may_load("loading the agent with aya") {
        return;
    }
    for transport in 0..3 {
        let verdicts = aya::verdicts(&agent(transport, [false; 5])).unwrap();
        assert!(matches!(verdicts.get("agent"), Some(Ok(_))), "{verdicts:?}");
        assert_eq!(verdicts.len(), 1, "{verdicts:?}");
    }
}

#[test]
fn maps_are_used_or_kept_for_a_reason() {
    if !may_load("maps of loaded programs") {
        return;
    }
    let mut counts = maps::Counts::default();
    let mut wrong = Vec::new();
    for case in cases::committed().into_iter().chain(pruned::pruned()) {
        let lines = maps::unused(&case, &mut counts);
        wrong.extend(lines.into_iter().map(|line| format!("{}: {line}", case.name)));
    }
    println!("{counts:?}");
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(counts.objects > 20 && counts.after < counts.before, "{counts:?}");
}

/// What `bpftool gen skeleton` makes of an object; its error.
fn skeleton(bpftool: &str, file: &[u8], path: &Path) -> Result<String, String> {
    std::fs::write(path, file).unwrap();
    let output =
        Command::new(bpftool).args(["gen", "skeleton"]).arg(path).args(["name", "object"]).output();
    let output = output.unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[test]
fn skeletons() {
    let runs = |name: &&str| Command::new(name).arg("version").output().is_ok();
    let Some(bpftool) = ["bpftool", "/usr/sbin/bpftool"].into_iter().find(runs) else {
        return leave_out("skeletons of folded objects", "bpftool is missing");
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("object.o");
    let mut made = 0;
    for case in cases::committed().into_iter().chain(pruned::pruned()) {
        // What bpftool refuses as it is (an object without types) it may refuse folded.
        if skeleton(bpftool, &case.original, &path).is_err() {
            continue;
        }
        let header = skeleton(bpftool, &case.folded, &path);
        let header = header.unwrap_or_else(|error| panic!("{}: {error}", case.name));
        for map in &case.report.dropped.maps {
            let member = format!("struct bpf_map *{map};");
            assert!(!header.contains(&member), "{}: {member}", case.name);
        }
        made += 1;
    }
    assert!(made > 100, "{made}");
}
