//! Folds an object with the values that the agent would give to aya, and loads it:
//!
//!     cargo run -p bpfold-loaders --example fold_with_aya
//!
//! Loading needs root. Nothing is attached.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example")]

use std::error::Error;

use aya::programs::Xdp;
use aya::{Ebpf, EbpfLoader};
use bpfold::{Fold, Object};

const OBJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/aya_agent.bpf.o");

/// Values by the names of variables, as they are stored.
type Values<'a> = [(&'a str, &'a [u8])];

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::fs::read(OBJECT)?;
    // `Config` of the program: verbose, mode, port, limit, since.
    let mut config = [0; 16];
    config[1] = 1;
    config[4..8].copy_from_slice(&1000u32.to_ne_bytes());
    let values: &Values = &[
        ("VERBOSE", &0u32.to_ne_bytes()),
        ("TARGET_PID", &4711u32.to_ne_bytes()),
        ("CONFIG", &config),
    ];

    let mut ebpf = load(&file, values)?;
    for (name, program) in ebpf.programs_mut() {
        if let Ok(program) = TryInto::<&mut Xdp>::try_into(program) {
            program.load()?;
            let size = program.info()?.size_translated().unwrap_or_default();
            println!("program {name}: {} instructions in the kernel", size / 8);
        }
    }
    for (name, _) in ebpf.maps() {
        println!("map {name}");
    }
    Ok(())
}

/// Loads the object folded, or with the same values as it is.
fn load(file: &[u8], values: &Values) -> Result<Ebpf, Box<dyn Error>> {
    let mut loader = EbpfLoader::new();
    match fold(file, values) {
        Ok(folded) => Ok(loader.load(&folded)?),
        Err(error) => {
            eprintln!("not folded: {error}");
            for (name, value) in values {
                loader.override_global(name, *value, true);
            }
            Ok(loader.load(file)?)
        }
    }
}

fn fold(file: &[u8], values: &Values) -> Result<Vec<u8>, bpfold::Error> {
    let object = Object::parse(file)?;
    let mut fold = Fold::new(&object)?.freeze_all();
    for (name, value) in values {
        fold = fold.set_bytes(name, value)?;
    }
    Ok(fold.run()?.bytes)
}
