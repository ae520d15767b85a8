//! The checks of the fuzz targets: on committed objects and mutants of them, and on objects
//! that are made to cost much.
//!
//! `BPFOLD_CASES` sets how many mutants of each seed are tried, `BPFOLD_SEED` the first.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::PathBuf;

use bpfold::Object;
use bpfold::fuzzing::mutate::Mutator;
use bpfold::fuzzing::{btf, hostile, object, program, round_trip, text, values};
use bpfold::passes::text::Printer;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The committed objects.
fn objects() -> Vec<Vec<u8>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let dirs = ["tests/objects", "examples"].map(|dir| std::fs::read_dir(root.join(dir)).unwrap());
    let files = dirs.into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = files.filter(|path| path.extension() == Some("o".as_ref())).collect();
    paths.sort();
    assert!(paths.len() > 10, "{paths:?}");
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Checks every seed as it is, and mutants of it.
fn try_mutants(seeds: &[Vec<u8>], mutants: u64, check: fn(&[u8])) {
    let first = number("BPFOLD_SEED", 0);
    for (at, seed) in seeds.iter().enumerate() {
        check(seed);
        for number in first..first + number("BPFOLD_CASES", mutants) {
            let mut mutant = seed.clone();
            Mutator::new(number << 16 | at as u64).mutate(&mut mutant);
            check(&mutant);
        }
    }
}

#[test]
fn object_bytes() {
    try_mutants(&objects(), 40, object::check);
}

#[test]
fn what_is_read_is_written_as_it_was() {
    try_mutants(&objects(), 100, round_trip::check);
}

#[test]
fn type_information() {
    let section = |bytes: &[u8], name| {
        let object = Object::parse(bytes).unwrap();
        let index = object.elf().section_by_name(name)?;
        Some(object.elf().sections[index].bytes().unwrap_or_default().to_vec())
    };
    let seeds = objects().into_iter().filter_map(|bytes| {
        let ext = section(&bytes, ".BTF.ext").unwrap_or_default();
        Some(btf::input(&section(&bytes, ".BTF")?, &ext))
    });
    try_mutants(&seeds.collect::<Vec<_>>(), 100, btf::check);
}

#[test]
fn textual_ir() {
    let print = |bytes: Vec<u8>| {
        Printer::new(Object::parse(&bytes).unwrap().program()).to_string().into_bytes()
    };
    try_mutants(&objects().into_iter().map(print).collect::<Vec<_>>(), 40, text::check);
}

#[test]
fn random_programs() {
    let choices = |seed| {
        let mut bytes = Mutator::new(seed);
        (0..2048).map(|_| bytes.below(256) as u8).collect()
    };
    try_mutants(&(0..100).map(choices).collect::<Vec<_>>(), 2, program::check);
}

#[test]
fn values_as_users_write_them() {
    let seeds = [include_bytes!("fuzz/values.txt").to_vec()];
    try_mutants(&seeds, 500, values::check);
}

/// Objects that are made to cost much are folded, or refused, within the limits of every fold.
/// The command `limits` of the fuzzers measures time and memory at 1 MiB.
#[test]
fn hostile_objects_are_checked() {
    for (_, make) in hostile::INPUTS {
        object::check(&make(2 << 10));
    }
}
