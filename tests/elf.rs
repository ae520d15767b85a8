//! The ELF model: identity, edits, bad input.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use bpfold::elf::ElfObject;

fn objects_in(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_symlink() {
            continue;
        } else if path.is_dir() {
            objects_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "o") {
            found.push(path);
        }
    }
}

fn is_bpf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
        && (bytes.get(18..20) == Some(&[247, 0]) || bytes.get(18..20) == Some(&[0, 247]))
}

/// Every BPF object under the directory that `BPFOLD_CORPUS` names is read, and written
/// back byte for byte.
#[test]
fn corpus_comes_back_byte_for_byte() {
    let Some(dir) = std::env::var_os("BPFOLD_CORPUS") else {
        return;
    };
    let mut paths = Vec::new();
    objects_in(Path::new(&dir), &mut paths);
    let (mut same, mut failed) = (0, Vec::new());
    for path in paths {
        let bytes = std::fs::read(&path).unwrap();
        if !is_bpf(&bytes) {
            continue;
        }
        match ElfObject::parse(&bytes).and_then(|object| object.write()) {
            Ok(written) if written == bytes => same += 1,
            Ok(_) => failed.push(format!("{}: differs", path.display())),
            Err(error) => failed.push(format!("{}: {error}", path.display())),
        }
    }
    eprintln!("{same} objects byte-identical, {} not", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
