//! The C library as C programs use it: what gcc builds and libbpf loads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where cargo has put the library that this test is for.
fn library() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

fn manifest(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Whether a command is there; with CI=true it must be.
fn have(command: &str) -> bool {
    let there = Command::new(command).arg("--version").output().is_ok();
    assert!(there || std::env::var("CI").is_err(), "{command} is missing");
    there
}

/// Builds a program of the Makefile.
fn make(program: &str) -> Option<PathBuf> {
    if !have("make") || !have("cc") {
        return None;
    }
    let build = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("c-{program}"));
    let built = build.join(program);
    let output = Command::new("make")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "CFLAGS=-O1 -g -Wall -Wextra -Werror"])
        .arg(format!("LIBRARY={}", library().display()))
        .arg(format!("BUILD={}", build.display()))
        .arg(&built)
        .env("PATH", path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(built)
}

/// bpftool is in sbin, which not every user's PATH has.
fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&text));
    output
}

fn stdout(output: Output) -> String {
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_object_file_is_folded() {
    let Some(fold) = make("fold") else { return };
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c-fold.o");
    let object = manifest("../../examples/agent.bpf.o");
    let text = stdout(run(Command::new(&fold).arg(&object).arg(&out).arg("cfg.debug=false")));
    assert!(text.contains("dropped map debug_last: last used by debug_event"), "{text}");
    // The same as by the Rust library.
    let parsed = bpfold::Object::parse(&std::fs::read(&object).unwrap()).unwrap();
    let by_rust = bpfold::Fold::new(&parsed).unwrap().set("cfg.debug", "false").unwrap();
    let by_rust = by_rust.freeze_all().run().unwrap();
    assert!(std::fs::read(&out).unwrap() == by_rust.bytes);

    let wrong = Command::new(&fold).arg(&object).arg(&out).arg("cfg.nothing=1").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    let error = String::from_utf8(wrong.stderr).unwrap();
    assert!(error.contains("has no member `nothing`"), "{error}");
}

#[test]
fn folds_in_threads_and_wrong_input() {
    let object = manifest("../../examples/agent.bpf.o");
    if let Some(stress) = make("stress") {
        run(Command::new(&stress).arg(&object).arg("16"));
    }
    // The address sanitizer is gcc's.
    if let Some(stress) = make("stress-asan") {
        run(Command::new(&stress).arg(&object).arg("4"));
    }
}

fn can_load() -> bool {
    let can_load = Command::new("bpftool")
        .args(["prog", "list"])
        .env("PATH", path())
        .output()
        .is_ok_and(|output| output.status.success());
    assert!(can_load || std::env::var("CI").is_err(), "bpf(2) is not allowed");
    can_load
}

/// What libbpf hands to the kernel is folded there, with its records.
#[test]
fn streams_are_folded_where_they_are_loaded() {
    if !can_load() {
        return;
    }
    let Some(streams) = make("streams") else { return };
    let names = ["kernel_version", "portable", "trace_agent", "xdp_filter"];
    let objects = names.map(|name| manifest(&format!("../../examples/{name}.bpf.o")));
    let text = stdout(run(Command::new(&streams).args(objects)));
    let start = "5 programs tried, 5 load, 5 folded, 5 changed, 0 refused, 0 not wholly proven, \
                 0 lost; 2 run, 0 differ; ";
    assert!(text.starts_with(start), "{text}");
}

/// An agent that gives its values to a skeleton folds in one line, and the kernel gets less.
#[test]
fn a_skeleton_is_folded_and_loaded() {
    if !can_load() {
        return;
    }
    let Some(agent) = make("agent") else { return };
    let lines = |mode: &str| {
        let text = stdout(run(Command::new(&agent).arg(mode)));
        text.lines().map(str::to_owned).collect::<Vec<String>>()
    };
    let count = |lines: &[String], program: &str| {
        let start = format!("program {program}: ");
        let line = lines.iter().find_map(|line| line.strip_prefix(&start)).unwrap();
        line.split(' ').next().unwrap().parse::<u32>().unwrap()
    };
    let (plain, fold, keep) = (lines("plain"), lines("fold"), lines("keep"));
    for program in ["enter", "leave"] {
        assert!(count(&fold, program) < count(&plain, program), "{fold:#?}");
        assert_eq!(count(&fold, program), count(&keep, program));
    }
    // What was set on the map before is carried over.
    for lines in [&plain, &fold, &keep] {
        assert!(lines.contains(&"map starts: created, 64 entries".to_owned()), "{lines:#?}");
    }
    assert!(plain.contains(&"map counts: created, 1024 entries".to_owned()), "{plain:#?}");
    assert!(!fold.iter().any(|line| line.starts_with("map counts")), "{fold:#?}");
    assert_eq!(fold.last().unwrap(), "counts is gone, rodata is gone");
    assert!(keep.contains(&"map counts: not created, 1024 entries".to_owned()), "{keep:#?}");
    assert_eq!(keep.last().unwrap(), "counts is there, rodata is there");
}
