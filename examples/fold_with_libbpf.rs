//! Folds an object for the running kernel's version and loads it with libbpf from memory:
//!
//!     cargo run -p bpfold-loaders --example fold_with_libbpf [OBJECT [NAME=VALUE…]]
//!
//! Loading needs root. Nothing is attached.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example")]

use std::error::Error;
use std::process::ExitCode;

use bpfold::{Fold, Object};
use libbpf_rs::{MapCore, ObjectBuilder};

const OBJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/kernel_version.bpf.o");

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            eprintln!("Loading BPF programs needs root, or CAP_BPF and more.");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let chosen = arguments.next();
    let file = std::fs::read(chosen.as_deref().unwrap_or(OBJECT))?;
    let object = Object::parse(&file)?;
    let mut fold = Fold::new(&object)?;
    if chosen.is_none() {
        fold = fold.set("kernel_version", &running_kernel()?)?;
    }
    for assignment in arguments {
        let (name, value) = assignment.split_once('=').ok_or("NAME=VALUE is expected")?;
        fold = fold.set(name, value)?;
    }
    // The values are known now; nobody sets one afterwards.
    let folded = fold.freeze_all().run()?;
    let report = &folded.report;
    for value in &report.values {
        println!("{} = {}", value.name, value.value);
    }
    println!(
        "{} branches decided, {} instructions before, {} after",
        report.branches.len(),
        report.instructions_before(),
        report.instructions_after(),
    );

    let loaded = ObjectBuilder::default().open_memory(&folded.bytes)?.load()?;
    for program in loaded.progs() {
        let (name, section) = (program.name(), program.section());
        println!("{name:?} in {section:?} loads with {} instructions", program.insn_cnt());
    }
    for map in loaded.maps() {
        println!("map {:?}, {:?}", map.name(), map.map_type());
    }
    Ok(())
}

/// The running kernel's version as a value for `--set`.
fn running_kernel() -> Result<String, Box<dyn Error>> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next().and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    // The third number has one byte (linux/version.h).
    let (major, minor, patch) = (number(), number(), number().min(255));
    Ok(format!("KERNEL_VERSION({major},{minor},{patch})"))
}
