//! Folds an object in process and loads the result with aya, as a program does that knows its
//! configuration when it starts:
//!
//!     cargo run -p bpfold-loaders --example fold_and_load_aya
//!
//! Loading needs root. Nothing is attached.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example")]

use std::error::Error;
use std::process::ExitCode;

use aya::EbpfLoader;
use aya::programs::Xdp;
use bpfold::{Fold, Object};

const OBJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/xdp_filter.bpf.o");
const PROGRAM: &str = "xdp_filter";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            let mut source = error.source();
            while let Some(error) = source {
                eprintln!("  {error}");
                source = error.source();
            }
            eprintln!("Loading BPF programs needs root, or CAP_BPF and CAP_NET_ADMIN.");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let file = std::fs::read(OBJECT)?;
    let object = Object::parse(&file)?;
    // What command line and configuration file would say.
    let folded = Fold::new(&object)?
        .set("cfg.mode", "MODE_ALLOW_LISTED")?
        .set("cfg.ports", "{80, 443}")?
        .set("cfg.debug", "false")?
        .set("cfg.stats.per_source", "false")?
        .freeze_all()
        .run()?;
    let report = &folded.report;
    for branch in &report.branches {
        if let Some(line) = &branch.at.source {
            let way = if branch.taken { "always" } else { "never" };
            println!("{}:{}: {} is {way} true", line.file, line.line, branch.condition);
        }
    }

    let before = load(&file)?;
    let after = load(&folded.bytes)?;
    println!("{PROGRAM} as it was: {before}");
    println!("{PROGRAM} folded:    {after}");
    Ok(())
}

/// Loads the program; tells its size.
fn load(file: &[u8]) -> Result<String, Box<dyn Error>> {
    let mut ebpf = EbpfLoader::new().load(file)?;
    let program: &mut Xdp = ebpf.program_mut(PROGRAM).ok_or("no such program")?.try_into()?;
    program.load()?;
    // Here a program would be attached: program.attach("eth0", XdpMode::default())
    let info = program.info()?;
    Ok(format!(
        "{} instructions in the kernel, {} bytes of machine code, {} verified",
        info.size_translated().unwrap_or_default() / 8,
        info.size_jitted(),
        info.verified_instruction_count().unwrap_or_default(),
    ))
}
