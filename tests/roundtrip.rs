//! Code to the IR and back: without a change nothing changes; after deletions everything that
//! names code by its offset is right.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};

use bpfold::Object;
use bpfold::lower::lower;

fn objects_in(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            objects_in(&path, found);
        } else if is_bpf(&path) {
            found.push(path);
        }
    }
}

fn is_bpf(path: &Path) -> bool {
    let mut head = [0; 20];
    let file = std::fs::File::open(path);
    let read = file.and_then(|mut file| std::io::Read::read_exact(&mut file, &mut head));
    read.is_ok() && head.starts_with(b"\x7fELF") && matches!(head[18..20], [247, 0] | [0, 247])
}

/// Lifts and lowers; says what differs.
fn round_trip(object: &Object) -> Result<(), String> {
    let lifted = object.lifted();
    bpfold::passes::ir::verify(&lifted.program).map_err(|error| error.to_string())?;
    let lowered = lower(object.elf(), object.btf_ext(), lifted, &lifted.program)
        .map_err(|error| error.to_string())?;
    for (index, section) in object.elf().sections.iter() {
        if lowered.elf.sections.get(index) != Some(section) {
            return Err(format!("{} differs", object.elf().section_id(index)));
        }
    }
    if lowered.elf != *object.elf() {
        return Err("symbols differ".into());
    }
    if lowered.ext.as_ref() != object.btf_ext() {
        return Err("records of .BTF.ext differ".into());
    }
    if lowered.changed || !lowered.stale.is_empty() || !lowered.dead_symbols.is_empty() {
        return Err("taken for changed".into());
    }
    Ok(())
}

#[test]
fn committed_objects_come_back() {
    let mut paths = Vec::new();
    for dir in ["examples", "tests/objects"] {
        objects_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut paths);
    }
    assert!(paths.len() > 8, "{paths:?}");
    for path in paths {
        let object = Object::parse(&std::fs::read(&path).unwrap());
        let object = object.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if let Err(difference) = round_trip(&object) {
            panic!("{}: {difference}", path.display());
        }
        // The computed `goto` of jump_tables.c is not taken apart; everything else is.
        let is_table =
            path.file_name().is_some_and(|file| file.to_string_lossy().starts_with("jump_tables"));
        let is_known = |name: &str| is_table && name == "labels";
        let mut funcs = object.program().funcs.values();
        let opaque = funcs.find(|func| func.opaque.is_some() && !is_known(&func.name));
        assert_eq!(opaque, None, "{}", path.display());
    }
}

/// Every object under the directory that `BPFOLD_CORPUS` names.
#[test]
fn corpus_comes_back() {
    let Some(dir) = std::env::var_os("BPFOLD_CORPUS") else {
        return;
    };
    let mut paths = Vec::new();
    objects_in(Path::new(&dir), &mut paths);
    let (mut same, mut funcs, mut insns) = (0, 0, 0);
    let (mut failed, mut opaque) = (Vec::new(), Vec::new());
    for path in paths {
        let shown = path.display();
        let object = match Object::parse(&std::fs::read(&path).unwrap()) {
            Ok(object) => object,
            Err(error) => {
                failed.push(format!("{shown}: {error}"));
                continue;
            }
        };
        for func in object.program().funcs.values() {
            funcs += 1;
            insns += u64::from(func.original_slots);
            if let Some(body) = &func.opaque {
                opaque.push(format!("{shown}: {} slot {}: {}", func.name, body.slot, body.reason));
            }
        }
        match round_trip(&object) {
            Ok(()) => same += 1,
            Err(difference) => failed.push(format!("{shown}: {difference}")),
        }
    }
    eprintln!(
        "{same} objects come back, {} do not; {funcs} functions, {insns} slots",
        failed.len()
    );
    eprintln!("{} opaque functions:\n{}", opaque.len(), opaque.join("\n"));
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
