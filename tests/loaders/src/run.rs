//! Running programs of an object before and after folding on the same inputs.
//!
//! The original is loaded twice and the folded object runs between the two: where both
//! originals agree on a result or on a map's element, the folded object must agree too. That
//! leaves out what depends on time. What asks for random numbers is left out as a whole. A map
//! that was dropped must be one that no run of the original writes to.

use std::collections::BTreeMap;

use bpfold::passes::ir::Op;
use bpfold::passes::isa::Callee;
use libbpf_rs::{MapCore, MapFlags, MapType, Object, ProgramInput, ProgramMut, ProgramType};

use crate::inputs::{Random, packet, sk_buff, words};
use crate::{cases::Case, libbpf};

/// How many inputs each program gets.
const INPUTS: u64 = 24;
/// How many elements of a map are written before and compared after.
const ELEMENTS: usize = 512;

/// What was compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Objects that have a program that can be run.
    pub objects: usize,
    /// Objects that ask for random numbers.
    pub random: usize,
    /// Programs that ran.
    pub programs: usize,
    /// Runs whose results were compared.
    pub runs: usize,
    /// Runs whose results depend on more than the input.
    pub unsteady: usize,
    /// Elements of maps that were compared.
    pub elements: usize,
    /// Elements of maps that were dropped, which the original left as they were.
    pub dropped_elements: usize,
    /// Elements that depend on more than the input.
    pub unsteady_elements: usize,
}

/// What a run gives: the return value, the data and the context afterwards; or the error.
type Outcome = Result<(u32, Vec<u8>, Vec<u8>), String>;

enum Kind {
    Frame,
    Buffer,
    Words,
}

/// How the kernel runs programs of a type for tests; none if it does not, or needs more than
/// these inputs.
fn kind(program: &ProgramMut<'_>) -> Option<Kind> {
    match program.prog_type() {
        ProgramType::Xdp => Some(Kind::Frame),
        ProgramType::SchedCls
        | ProgramType::SchedAct
        | ProgramType::SocketFilter
        | ProgramType::CgroupSkb => Some(Kind::Buffer),
        ProgramType::RawTracepoint | ProgramType::Syscall => Some(Kind::Words),
        _ => None,
    }
}

fn run(program: &ProgramMut<'_>, kind: &Kind, seed: u64) -> Outcome {
    let mut random = Random::new(seed);
    let mut data_out = vec![0; 1024];
    let mut context_out = vec![0; 192];
    let data = packet(&mut random);
    let mut context = match kind {
        Kind::Frame => Vec::new(),
        Kind::Buffer => sk_buff(&mut random),
        Kind::Words => words(&mut random),
    };
    let mut input = ProgramInput::default();
    if !matches!(kind, Kind::Words) {
        input.data_in = Some(&data);
        input.data_out = Some(&mut data_out);
    }
    if !matches!(kind, Kind::Frame) {
        input.context_in = Some(&mut context);
    }
    if matches!(kind, Kind::Buffer) {
        input.context_out = Some(&mut context_out);
    }
    let output = program.test_run(input).map_err(|error| error.to_string())?;
    let bytes = |bytes: Option<&mut [u8]>| bytes.map_or_else(Vec::new, |bytes| bytes.to_vec());
    let (data, context_after) = (bytes(output.data), bytes(output.context));
    Ok((output.return_value, data, if context_after.is_empty() { context } else { context_after }))
}

/// Puts ones into the first elements of arrays that are not sections, so that lookups find
/// something.
fn prepare(object: &mut Object) {
    for map in object.maps_mut() {
        let is_section = map.name().to_string_lossy().contains('.');
        if map.map_type() != MapType::Array || is_section {
            continue;
        }
        let value = vec![1; map.value_size() as usize];
        for key in 0..(ELEMENTS as u32).min(map.max_entries()) {
            let _ = map.update(&key.to_ne_bytes(), &value, MapFlags::ANY);
        }
    }
}

/// The elements of every map that can be listed, by the map's name and key. Those of maps with
/// a value a CPU are added up, in words of 8 bytes, since runs move between CPUs.
fn elements(object: &Object) -> BTreeMap<(String, Vec<u8>), Vec<u8>> {
    let mut found = BTreeMap::new();
    for map in object.maps() {
        let name = map.name().to_string_lossy().into_owned();
        if name.contains(".rodata") {
            continue;
        }
        for key in map.keys().take(ELEMENTS) {
            let value = match map.map_type() {
                MapType::Array | MapType::Hash | MapType::LruHash => {
                    map.lookup(&key, MapFlags::ANY).ok().flatten()
                }
                MapType::PercpuArray | MapType::PercpuHash | MapType::LruPercpuHash => {
                    let values = map.lookup_percpu(&key, MapFlags::ANY).ok().flatten();
                    values.map(|values| sum(&values))
                }
                _ => continue,
            };
            if let Some(value) = value {
                found.insert((name.clone(), key), value);
            }
        }
    }
    found
}

fn sum(values: &[Vec<u8>]) -> Vec<u8> {
    let mut words = Vec::new();
    for value in values {
        for (at, chunk) in value.chunks(8).enumerate() {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            if words.len() <= at {
                words.push(0u64);
            }
            words[at] = words[at].wrapping_add(u64::from_ne_bytes(bytes));
        }
    }
    words.into_iter().flat_map(u64::to_ne_bytes).collect()
}

/// bpf_get_prandom_u32().
const CHANCE: &[i32] = &[7];
/// bpf_ktime_get_ns(), bpf_jiffies64(), and the other clocks.
const CLOCKS: &[i32] = &[5, 118, 125, 160, 208];

fn calls(file: &[u8], helpers: &[i32]) -> bool {
    let object = bpfold::Object::parse(file).unwrap();
    object.program().funcs.values().any(|func| {
        let mut ops = func.insts().map(|(_, inst)| func.op(inst));
        ops.any(|op| matches!(op, Op::Call(Callee::Helper(helper)) if helpers.contains(helper)))
    })
}

/// Whether an object calls for random numbers or the time.
///
/// # Panics
/// It is not an object.
#[must_use]
pub fn is_unsteady(file: &[u8]) -> bool {
    calls(file, CHANCE) || calls(file, CLOCKS)
}

/// Runs every program of a case that can be run; says where the folded object differs.
///
/// # Panics
/// A program that loaded by itself is not in an object.
pub fn compare(case: &Case, counts: &mut Counts) -> Vec<String> {
    let mut wrong = Vec::new();
    if calls(&case.original, CHANCE) {
        counts.random += 1;
        return wrong;
    }
    let (Ok(mut first), Ok(mut second)) =
        (libbpf::load(&case.original), libbpf::load(&case.original))
    else {
        return wrong;
    };
    let mut folded = match libbpf::load(&case.folded) {
        Ok(object) => object,
        Err(error) => return vec![format!("does not load: {error}")],
    };
    for object in [&mut first, &mut folded, &mut second] {
        prepare(object);
    }
    let start = elements(&first);
    let programs = counts.programs;
    for program in first.progs_mut() {
        let Some(kind) = kind(&program) else { continue };
        let name = program.name();
        if case.dropped_programs().any(|dropped| name == dropped) {
            continue;
        }
        let find = |object: &Object, seed| {
            let found = object.progs_mut().find(|program| program.name() == name);
            found.map(|program| run(&program, &kind, seed))
        };
        counts.programs += 1;
        for seed in 0..INPUTS {
            let before = run(&program, &kind, seed);
            let Some(after) = find(&folded, seed) else {
                wrong.push(format!("{} is not there", name.to_string_lossy()));
                break;
            };
            let again = find(&second, seed).unwrap();
            if before != again {
                counts.unsteady += 1;
            } else if before == after {
                counts.runs += 1;
            } else {
                let name = name.to_string_lossy();
                wrong
                    .push(format!("{name}, input {seed}: {before:x?}\n  before, after {after:x?}"));
            }
        }
    }
    if counts.programs == programs {
        return wrong;
    }
    counts.objects += 1;
    let (before, after, again) = (elements(&first), elements(&folded), elements(&second));
    for (key, value) in &before {
        // libbpf names a section's map after the object and the section.
        let section = key.0.find('.').map(|dot| &key.0[dot..]);
        let dropped = || {
            let dropped = &case.report.dropped;
            dropped.maps.contains(&key.0)
                || dropped.sections.iter().any(|s| Some(s.as_str()) == section)
        };
        if again.get(key) != Some(value) {
            counts.unsteady_elements += 1;
        } else if !after.contains_key(key) && dropped() && start.get(key) == Some(value) {
            counts.dropped_elements += 1;
        } else if after.get(key) == Some(value) {
            counts.elements += 1;
        } else {
            wrong.push(format!("{key:x?}: {value:x?} before, {:x?} after", after.get(key)));
        }
    }
    let new = after.keys().filter(|key| !before.contains_key(*key) && !again.contains_key(*key));
    wrong.extend(new.map(|key| format!("{key:x?}: only after folding")));
    wrong
}
