//! `bpfold verify`: needs the cargo feature `kernel` and the right to load programs. Without
//! that right only its message is tested.

#![cfg(feature = "kernel")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bpfold::{Fold, Object};
use bpfold_kernel::{Error, Options, load};
use serde_json::Value;

const BPFOLD: &str = env!("CARGO_BIN_EXE_bpfold");

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.bpf.o"))
}

const EXAMPLES: [&str; 5] = ["agent", "callbacks", "kernel_version", "trace_agent", "xdp_filter"];

/// Whether programs can be loaded here. With CI=true they must be.
fn can_load() -> bool {
    let bytes = std::fs::read(example("xdp_filter")).unwrap();
    let can = !matches!(load(&bytes, "x", Options::default()), Err(Error::NotPermitted));
    assert!(can || std::env::var_os("CI").is_none(), "programs cannot be loaded");
    can
}

fn verify(arguments: &[&str]) -> Output {
    Command::new(BPFOLD).arg("verify").args(arguments).output().unwrap()
}

fn verify_json(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = verify(&[arguments, &["--format", "json"]].concat());
    let json = serde_json::from_slice(&output.stdout);
    (output.status.code(), json.unwrap_or_else(|_| panic!("{output:?}")))
}

#[test]
fn examples_load_smaller_and_answer_the_same() {
    if !can_load() {
        return;
    }
    for name in EXAMPLES {
        let path = example(name);
        let (code, found) = verify_json(&[path.to_str().unwrap(), "--freeze-all", "--run"]);
        assert_eq!(code, Some(0), "{name}: {found}");
        for program in found["programs"].as_array().unwrap() {
            let (before, after) = (&program["before"]["loaded"], &program["after"]["loaded"]);
            if program["after"].is_null() || before.is_null() {
                continue;
            }
            for size in ["instructions", "xlated", "maps"] {
                assert!(after[size].as_u64() <= before[size].as_u64(), "{name}: {program}");
            }
            assert_eq!(program["differences"], Value::Array(Vec::new()), "{name}");
        }
    }
}

/// Whichever way costs least is kept, and the same one each time.
#[test]
fn the_cheapest_way_to_fold_is_kept() {
    if !can_load() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for name in EXAMPLES {
        let (path, outputs) = (example(name), [dir.path().join("a.o"), dir.path().join("b.o")]);
        for output in &outputs {
            let mut command = Command::new(BPFOLD);
            command.arg("fold").arg(&path).arg("-o").arg(output);
            command.args(["--freeze-all", "--verify-cost", "host", "--format", "json"]);
            let done = command.output().unwrap();
            assert!(done.status.success(), "{done:?}");
            let report: Value = serde_json::from_slice(&done.stdout).unwrap();
            let costs = report["cost"].as_array().unwrap();
            assert!(!costs.is_empty(), "{name}: {report}");
            for cost in costs {
                let verified = |at: usize| cost["verified"][at].as_u64().unwrap();
                assert!(verified(1) <= verified(0), "{name}: {cost}");
                assert!(cost["setting"].is_string(), "{name}: {cost}");
            }
        }
        let [a, b] = outputs.map(|output| std::fs::read(output).unwrap());
        assert_eq!(a, b, "{name}");
        let (path, output) = (path.to_str().unwrap(), dir.path().join("a.o"));
        let (code, found) = verify_json(&[path, output.to_str().unwrap(), "--run"]);
        assert_eq!(code, Some(0), "{name}: {found}");
    }
}

/// `verify IN OUT` gives IN the values that OUT was folded with. If OUT's record names others
/// than are in its code, what the programs answer differs.
#[test]
fn an_object_that_answers_differently_is_found() {
    if !can_load() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (example("xdp_filter"), dir.path().join("out.o"));
    let (input, output) = (input.to_str().unwrap(), output.to_str().unwrap());
    let object = Object::parse(&std::fs::read(input).unwrap()).unwrap();
    let fold = Fold::new(&object).unwrap().set("cfg.mode", "MODE_DENY_LISTED").unwrap();
    let mut folded = fold.freeze_all().run().unwrap().bytes;
    std::fs::write(output, &folded).unwrap();
    let (code, found) = verify_json(&[input, output, "--run"]);
    assert_eq!(code, Some(0), "{found}");

    let (mode, other) = (b"MODE_DENY_LISTED", b"MODE_PASS_ALL   ");
    let starts = folded.windows(mode.len()).enumerate().filter(|(_, bytes)| bytes == mode);
    for at in starts.map(|(at, _)| at).collect::<Vec<_>>() {
        folded[at..at + other.len()].copy_from_slice(other);
    }
    std::fs::write(output, &folded).unwrap();
    let (code, found) = verify_json(&[input, output, "--run"]);
    assert_eq!(code, Some(1), "{found}");
    assert_ne!(found["programs"][0]["differences"], Value::Array(Vec::new()));
    let text = String::from_utf8(verify(&[input, output, "--run"]).stderr).unwrap();
    assert!(text.contains("1 of the programs"), "{text}");
}

#[test]
fn packets_come_from_captures_too() {
    if !can_load() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let capture = dir.path().join("two.pcap");
    let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1];
    bytes.resize(24, 0);
    for packet in [[0xff_u8; 60], [0; 60]] {
        bytes.extend([0; 8]);
        bytes.extend([60, 0, 0, 0, 60, 0, 0, 0]);
        bytes.extend(packet);
    }
    std::fs::write(&capture, bytes).unwrap();
    let (input, capture) = (example("xdp_filter"), capture.to_str().unwrap().to_owned());
    let input = input.to_str().unwrap();
    let (code, found) = verify_json(&[input, "--data", &capture]);
    assert_eq!((code, found["programs"][0]["runs"].as_u64()), (Some(0), Some(2)), "{found}");
    let (_, found) = verify_json(&[input, "--data", &capture, "--run=3"]);
    assert_eq!(found["programs"][0]["runs"].as_u64(), Some(5), "{found}");
}

fn test_object(name: &str) -> String {
    format!("{}/tests/objects/{name}.o", env!("CARGO_MANIFEST_DIR"))
}

/// libbpf refuses static programs, which are loaded as global ones; the output says so.
#[test]
fn static_programs_are_compared() {
    if !can_load() {
        return;
    }
    let path = test_object("static-programs-plain");
    let (code, found) = verify_json(&[&path, "--freeze-all", "--run"]);
    assert_eq!(code, Some(0), "{found}");
    for when in ["before", "after"] {
        assert_eq!(found[when]["static_programs"], true, "{found}");
    }
    let programs = found["programs"].as_array().unwrap();
    for name in ["entry", "unwind_python", "unwind_ruby", "weak_ruby", "numbered"] {
        let program = programs.iter().find(|program| program["name"] == name).unwrap();
        for when in ["before", "after"] {
            assert!(program[when]["loaded"].is_object(), "{name}: {program}");
        }
        assert!(program["runs"].as_u64() > Some(0), "{name}: {program}");
    }
    let text = verify(&[&path, "--freeze-all"]).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("its static programs as global ones"), "{text}");
    // Objects without static programs are loaded as they are.
    let (_, found) = verify_json(&[example("xdp_filter").to_str().unwrap(), "--freeze-all"]);
    assert_eq!(found["before"]["static_programs"], false, "{found}");
}

/// Before folding each program is loaded without the others, since libbpf refuses the object as a
/// whole. What `reads` finds in the map that `writes` counts in is no difference then.
#[test]
fn programs_that_share_maps_with_one_that_newly_loads() {
    if !can_load() {
        return;
    }
    let path = test_object("shared-maps");
    let (code, found) = verify_json(&[&path, "--freeze-all", "--run"]);
    assert!(found["before"]["failure"].is_object(), "{found}");
    assert!(found["after"]["failure"].is_null(), "{found}");
    assert_eq!(code, Some(0), "{found}");
    let programs = found["programs"].as_array().unwrap();
    let runs = |name: &str| programs.iter().find(|p| p["name"] == name).unwrap()["runs"].as_u64();
    assert!(runs("reads") > Some(0) && runs("writes") > Some(0), "{found}");
    // Another value is still a difference.
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("other.o");
    let object = Object::parse(&std::fs::read(&path).unwrap()).unwrap();
    let folded = Fold::new(&object).unwrap().freeze_all().run().unwrap().bytes;
    let object = Object::parse(&folded).unwrap();
    let mut elf = object.elf().clone();
    let section = elf.section_by_name("socket").unwrap();
    let mut code = elf.sections[section].bytes().unwrap().to_vec();
    let reads = &elf.symbols[elf.symbol_by_name("reads").unwrap()];
    let (start, end) = (reads.value as usize, (reads.value + reads.size) as usize);
    // `w0 = *(u32 *)(r1 + 0)` becomes `w0 = 7`.
    let load = [0x61, 0x10, 0, 0, 0, 0, 0, 0];
    let at = code[start..end].chunks(8).position(|insn| insn == load).unwrap() * 8 + start;
    code[at..at + 8].copy_from_slice(&[0xb4, 0, 0, 0, 7, 0, 0, 0]);
    elf.set_section_data(section, code).unwrap();
    std::fs::write(&other, elf.write().unwrap()).unwrap();
    let (code, found) = verify_json(&[&path, other.to_str().unwrap(), "--run"]);
    assert_eq!(code, Some(1), "{found}");
}

/// What the kernel's verifier never visits in the examples is gone.
#[test]
fn nothing_is_left_in_the_examples_for_the_kernel_to_remove() {
    if !can_load() {
        return;
    }
    for name in EXAMPLES {
        let bytes = std::fs::read(example(name)).unwrap();
        let object = Object::parse(&bytes).unwrap();
        let fold = Fold::new(&object).unwrap().freeze_all();
        let options = Options { unvisited: true, ..Options::default() };
        let dead = |bytes: &[u8]| -> usize {
            let verdict = load(bytes, name, options).unwrap();
            let loaded = verdict.programs.iter().filter_map(|program| program.loaded());
            loaded.map(|loaded| loaded.unvisited.as_ref().unwrap().instructions.len()).sum()
        };
        assert!(dead(&fold.unfolded().unwrap()) > 0, "{name}");
        assert_eq!(dead(&fold.run().unwrap().bytes), 0, "{name}");
    }
}

#[test]
fn without_rights_it_says_so() {
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let (command, input) = (dir.path().join("bpfold"), dir.path().join("x.o"));
    std::fs::copy(BPFOLD, &command).unwrap();
    std::fs::copy(example("xdp_filter"), &input).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(dir.path(), open).unwrap();
    // As root this becomes nobody; anybody else has no rights to lose.
    let run = Command::new("sh")
        .args([
            "-c",
            "[ $(id -u) != 0 ] || set -- setpriv --reuid 65534 --clear-groups \"$@\"; \"$@\"",
            "sh",
        ])
        .arg(&command)
        .arg("verify")
        .arg(&input)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{error}");
    assert!(error.contains("may not load BPF programs: run as root"), "{error}");
}
