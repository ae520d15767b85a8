//! Loading with aya.

use aya::programs::{Program, ProgramError};
use aya::{Ebpf, EbpfLoader, VerifierLogLevel};

use crate::verdicts::Verdicts;

/// The verdict on each program: aya creates the maps and relocates all code first.
///
/// # Errors
/// aya does not take the object.
pub fn verdicts(file: &[u8]) -> Result<Verdicts, String> {
    let mut loader = EbpfLoader::new();
    loader.verifier_log_level(VerifierLogLevel::STATS).allow_unsupported_maps();
    let mut object: Ebpf = loader.load(file).map_err(|error| chain(&error))?;
    let programs = object.programs_mut();
    Ok(programs.map(|(name, program)| (name.to_owned(), load(program))).collect())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Loads a program; the number of instructions that the kernel keeps of it.
fn load(program: &mut Program) -> Result<usize, String> {
    let loaded: Result<(), ProgramError> = match program {
        Program::Xdp(program) => program.load(),
        Program::SchedClassifier(program) => program.load(),
        Program::SocketFilter(program) => program.load(),
        Program::RawTracePoint(program) => program.load(),
        Program::TracePoint(program) => program.load(),
        Program::KProbe(program) => program.load(),
        Program::UProbe(program) => program.load(),
        Program::CgroupSkb(program) => program.load(),
        Program::PerfEvent(program) => program.load(),
        Program::SkMsg(program) => program.load(),
        Program::SockOps(program) => program.load(),
        _ => return Err("a type that this test does not load".to_owned()),
    };
    loaded.map_err(|error| chain(&error))?;
    let info = program.info().map_err(|error| chain(&error))?;
    Ok(info.size_translated().unwrap_or(0) as usize / 8)
}
