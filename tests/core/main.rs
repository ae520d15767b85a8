//! CO-RE relocations: values as libbpf has them, and what becomes of the code.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking and say what they counted"
)]

mod fold;
mod modules;
mod refold;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bpfold::btf::CoreReloKind;
use bpfold::kernel::core::{CoreError, Resolution, resolve};
use bpfold::passes::entity::Core;
use bpfold::passes::isa::{Imm64, Op, Operand};
use bpfold::{Kernel, Object};

/// A record's section and its number there.
type Key = (String, usize);

/// What became of the records of one object, as `relocate.c` prints it.
type Outcomes = BTreeMap<Key, String>;

fn test_object(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects").join(name)
}

fn read_object(path: &Path) -> Object {
    Object::parse(&std::fs::read(path).unwrap()).unwrap()
}

/// A kernel with the types in a file: raw ones, or those of an object.
fn kernel(path: &Path) -> Kernel {
    Kernel::new().btf(std::fs::read(path).unwrap())
}

fn target(name: &str) -> Kernel {
    kernel(&test_object(name))
}

/// What the resolver makes of an object's records, those of local type ids left out.
fn outcomes(object: &Object, kernel: &Kernel) -> Outcomes {
    let resolutions = resolve(object, kernel).unwrap();
    let mut ops = instructions(object);
    let Some((btf, ext)) = object.btf().zip(object.btf_ext()) else { return Outcomes::new() };
    let mut outcomes = Outcomes::new();
    for resolution in &resolutions {
        let block = object.links().core[resolution.core].block;
        let block = &ext.core_relo.blocks[block];
        let number = block.records.iter().position(|r| *r == resolution.record).unwrap();
        let key = (btf.str(block.section).to_owned(), number);
        outcomes.insert(key, outcome(resolution, ops.get_mut(&resolution.core)));
    }
    outcomes
}

fn outcome(resolution: &Resolution, op: Option<&mut Op<()>>) -> String {
    let Some(op) = op else { return "no instruction".to_owned() };
    let before = *op;
    if let Err(problem) = resolution.patch(op) {
        return format!("none: {problem}");
    }
    match *op {
        Op::Alu { src: Operand::Imm(_), .. } | Op::Mov { src: Operand::Imm(_), .. } => {
            // libbpf prints all 64 bits of the value, though the instruction has 32.
            format!("imm {}", resolution.value.clone().unwrap())
        }
        Op::LdImm64 { imm: Imm64::Const(imm), .. } => format!("imm {imm}"),
        Op::Load { off, size, .. } | Op::Store { off, size, .. } => match before {
            Op::Load { size: old, .. } | Op::Store { size: old, .. } if old != size => {
                format!("off {off} {}", size.bytes())
            }
            _ => format!("off {off}"),
        },
        _ => format!("{op:?}"),
    }
}

/// The instruction of each record.
fn instructions(object: &Object) -> BTreeMap<Core, Op<()>> {
    let mut ops = BTreeMap::new();
    for func in object.program().funcs.values() {
        for (_, inst) in func.insts() {
            let data = func.inst(inst);
            if let Some(core) = data.core {
                ops.insert(core, data.op.map_target(|_| ()));
            }
        }
        for item in func.opaque.iter().flat_map(|opaque| &opaque.items) {
            if let (Some(core), Some(op)) = (item.core, item.op) {
                ops.insert(core, op.map_target(|_| ()));
            }
        }
    }
    ops
}

/// The lines that `relocate.c` printed.
fn libbpf_outcomes(log: &str) -> Outcomes {
    let lines = log.lines().filter(|line| !line.starts_with("end "));
    let parse = |line: &str| {
        // Names of sections can have spaces.
        let at = ["imm ", "off ", "poison", "error"].iter().find_map(|word| line.find(word))?;
        let (section, number) = line[..at].trim_end().rsplit_once(' ')?;
        Some(((section.to_owned(), number.parse().ok()?), line[at..].to_owned()))
    };
    lines.filter_map(parse).collect()
}

/// Numbers of records that agree, and the lines of those that do not.
fn compare(object: &Object, ours: &Outcomes, libbpf: &Outcomes) -> (usize, Vec<String>) {
    let (mut agree, mut differ) = (0, Vec::new());
    for (key, theirs) in libbpf {
        if kind(object, key) == Some(CoreReloKind::TypeIdLocal) {
            continue;
        }
        let same = match (ours.get(key), theirs.as_str()) {
            (Some(ours), "poison" | "error") => ours.starts_with("none"),
            (Some(ours), theirs) => ours == theirs,
            (None, _) => false,
        };
        match same {
            true => agree += 1,
            false => differ.push(format!("{key:?}: libbpf {theirs}, ours {:?}", ours.get(key))),
        }
    }
    (agree, differ)
}

fn kind(object: &Object, (section, number): &Key) -> Option<CoreReloKind> {
    let (btf, ext) = object.btf().zip(object.btf_ext())?;
    let mut blocks = ext.core_relo.blocks.iter();
    let block = blocks.find(|block| btf.str(block.section) == section)?;
    Some(block.records.get(*number)?.kind)
}
