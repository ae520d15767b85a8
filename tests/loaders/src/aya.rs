//! Loading with aya.

use aya::programs::{Program, ProgramError};
use aya::{Ebpf, EbpfLoader, VerifierLogLevel};

use bpfold::Object;
use bpfold::btf::{BtfExt, StrOff};

use crate::chain;
use crate::verdicts::Verdicts;

/// Sections of programs that libbpf knows by a new name and aya by the old one.
const OLD_NAMES: [(&str, &str); 1] = [("tc", "classifier")];

/// The object with the names of sections that aya knows.
fn renamed(file: &[u8]) -> Vec<u8> {
    let object = Object::parse(file).unwrap();
    let mut elf = object.elf().clone();
    let mut changed = false;
    for (new, old) in OLD_NAMES {
        for (name, other) in
            [(new.into(), old.into()), (format!(".rel{new}"), format!(".rel{old}"))]
        {
            let named = elf.sections.values_mut().filter(|section| section.name == name.as_bytes());
            named.for_each(|section| {
                section.name = String::into_bytes(other.clone());
                changed = true;
            });
        }
    }
    if !changed {
        return file.to_vec();
    }
    if let (Some(btf), Some(ext)) = (object.btf(), object.btf_ext()) {
        let (mut btf, mut ext) = (btf.clone(), ext.clone());
        for (new, old) in OLD_NAMES {
            let (new, old) = (btf.add_string(new), btf.add_string(old));
            rename_blocks(&mut ext, new, old);
        }
        for (name, bytes) in [(".BTF", btf.to_bytes().unwrap()), (".BTF.ext", ext.to_bytes())] {
            let section = elf.section_by_name(name).unwrap();
            elf.set_section_data(section, bytes).unwrap();
        }
    }
    elf.write().unwrap()
}

fn rename_blocks(ext: &mut BtfExt, name: StrOff, other: StrOff) {
    let funcs = ext.func_info.blocks.iter_mut().map(|block| &mut block.section);
    let lines = ext.line_info.blocks.iter_mut().map(|block| &mut block.section);
    let core = ext.core_relo.blocks.iter_mut().map(|block| &mut block.section);
    let named = funcs.chain(lines).chain(core).filter(|section| **section == name);
    named.for_each(|section| *section = other);
}

/// The verdict on each program: aya creates the maps and relocates all code first.
///
/// # Errors
/// aya does not take the object.
///
/// # Panics
/// The file is no object.
pub fn verdicts(file: &[u8]) -> Result<Verdicts, String> {
    let file = &renamed(file);
    let mut loader = EbpfLoader::new();
    loader.verifier_log_level(VerifierLogLevel::STATS).allow_unsupported_maps();
    let mut object: Ebpf = loader.load(file).map_err(|error| chain(&error))?;
    let programs = object.programs_mut();
    Ok(programs.map(|(name, program)| (name.to_owned(), load(program))).collect())
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
