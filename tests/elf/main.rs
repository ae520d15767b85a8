//! The ELF model: identity, edits, bad input. `tests/objects` has the objects and their
//! source.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod bad_input;
mod edit;
mod identity;

use std::path::{Path, PathBuf};

/// One object of each writer of ELF files, all from the same source.
const OBJECTS: [&str; 6] = [
    "mini-clang14.o",
    "mini-clang19.o",
    "mini-clang19-be.o",
    "mini-gcc.o",
    "mini-linked.o",
    "mini-stripped.o",
];

fn read(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "objects", name].iter().collect();
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The `.o` and `.elf` files under `dir`, sorted.
fn objects_in(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_symlink() {
            continue;
        } else if path.is_dir() {
            objects_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "o" || extension == "elf") {
            found.push(path);
        }
    }
}
