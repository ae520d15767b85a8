//! Folded objects do what the originals do: each program of the object that is written is run
//! against the same program of the object that was read, on the same inputs.
//!
//! `BPFOLD_CORPUS` names a directory of objects to try besides the examples.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};

use bpfold::passes::entity::{Entity, EntityVec, Extern, Func, Map, Section};
use bpfold::passes::interp::{self, Input, Place, TypedLoad};
use bpfold::passes::ir::{Function, Linkage, Op, Program};
use bpfold::passes::isa::{Callee, Imm64, Size};
use bpfold::passes::pass::{self, Options};
use bpfold::report::CutReport;
use bpfold::{Fold, Object};

const FUEL: u64 = 100_000;

/// Inputs that each program is run on.
const INPUTS: u64 = 12;

/// The object after folding, with the entities of the original: the same name is the same
/// section, map, symbol or function, and bytes are where they were before some were cut. Fails if
/// names are not unique.
fn align(original: &Program, folded: &Program, cut: &[CutReport]) -> Result<Program, String> {
    fn table<K: Entity, V>(
        original: &EntityVec<K, V>,
        folded: &EntityVec<K, V>,
        name: impl Fn(&V) -> &str,
    ) -> Result<Vec<K>, String> {
        let find = |value: &V| {
            let mut found = original.iter().filter(|(_, v)| name(v) == name(value));
            match (found.next(), found.next()) {
                (Some((id, _)), None) => Ok(id),
                (Some(_), Some(_)) => Err(format!("two are called {}", name(value))),
                (None, _) => Err(format!("{} is new", name(value))),
            }
        };
        folded.values().map(find).collect()
    }
    let sections: Vec<Section> = table(&original.sections, &folded.sections, |s| &s.name)?;
    let maps: Vec<Map> = table(&original.maps, &folded.maps, |m| &m.name)?;
    let externs: Vec<Extern> = table(&original.externs, &folded.externs, |e| &e.name)?;
    let funcs: Vec<Func> = table(&original.funcs, &folded.funcs, |f| &f.name)?;

    let mut aligned = original.clone();
    for func in aligned.funcs.values_mut() {
        *func = Function::new(func.name.clone(), func.linkage);
    }
    for (id, func) in folded.funcs.iter() {
        let mut func = func.clone();
        for (_, inst) in func.insts().collect::<Vec<_>>() {
            let op = match *func.op(inst) {
                Op::LdImm64 { dst, imm } => {
                    let imm = match imm {
                        Imm64::Section { section, offset } => Imm64::Section {
                            section: sections[section.index()],
                            offset: uncut(&folded.sections[section].name, offset, cut),
                        },
                        Imm64::Map(map) => Imm64::Map(maps[map.index()]),
                        Imm64::Func(func) => Imm64::Func(funcs[func.index()]),
                        Imm64::Extern(ext) => Imm64::Extern(externs[ext.index()]),
                        Imm64::Const(_) | Imm64::Pseudo { .. } => imm,
                    };
                    Op::LdImm64 { dst, imm }
                }
                Op::Call(Callee::Func(func)) => Op::Call(Callee::Func(funcs[func.index()])),
                Op::Call(Callee::Extern(ext)) => Op::Call(Callee::Extern(externs[ext.index()])),
                _ => continue,
            };
            func.attach(inst, |data| data.core = None);
            func.replace(inst, op);
        }
        aligned.funcs[funcs[id.index()]] = func;
    }
    Ok(aligned)
}

/// Where a byte of a section was before some were cut.
fn uncut(section: &str, offset: i64, cut: &[CutReport]) -> i64 {
    let cut = cut.iter().filter(|cut| cut.section == section).flat_map(|cut| &cut.bytes);
    cut.fold(offset, |at, cut| at + if cut.offset as i64 <= at { cut.size as i64 } else { 0 })
}

/// An input of one of three kinds of programs: packet addresses where XDP or tc have them in
/// the context, or none.
fn input(program: &Program, seed: u64) -> Input {
    let mut input = Input { kernel_memory: true, ..Input::random(program, seed) };
    for (id, section) in program.sections.iter().filter(|(_, section)| section.read_only) {
        input.sections[id.index()] = section.bytes.clone();
    }
    let len = [0, 14, 34, 64, 128][(seed / 3 % 5) as usize];
    input.regions = vec![(0..len).map(|i| (i * 7 + seed as i64) as u8).collect()];
    let offsets = match seed % 3 {
        0 => [None; 2],
        1 => [Some(0), Some(4)],
        _ => [Some(76), Some(80)],
    };
    for (offset, end) in offsets.into_iter().zip([0, len]) {
        let value = Place::Region(0).address(end);
        let load = offset.map(|offset| TypedLoad { offset, size: Size::W, value });
        input.typed_loads.extend(load);
    }
    input
}

#[derive(Default)]
struct Counts {
    objects: usize,
    runs: usize,
    complete: usize,
    events: usize,
}

fn check(bytes: &[u8], counts: &mut Counts) -> Result<(), String> {
    let say = |error: &dyn std::fmt::Display| error.to_string();
    let object = Object::parse(bytes).map_err(|e| say(&e))?;
    let fold = Fold::new(&object).map_err(|e| say(&e))?.freeze_all();
    let folded = fold.run().map_err(|e| say(&e))?;
    let after = Object::parse(&folded.bytes).map_err(|e| say(&e))?;
    let original = object.program();
    let rewritten = align(original, after.program(), &folded.report.cut)?;
    counts.objects += 1;
    compare(original, &rewritten, counts)?;
    for seed in 0..2 {
        let original = with_values(original, seed);
        let mut rewritten = original.clone();
        let options = Options { verify_each: true, ..Options::default() };
        pass::fold(&mut rewritten, &options).map_err(|e| say(&e))?;
        compare(&original, &rewritten, counts)?;
    }
    Ok(())
}

/// The program with other values in its read-only variables, all of them final.
fn with_values(original: &Program, seed: usize) -> Program {
    let mut program = original.clone();
    for section in program.sections.values_mut().filter(|section| section.read_only) {
        for (at, byte) in section.bytes.iter_mut().enumerate() {
            *byte = match (at / 4 + seed) % 3 {
                0 => *byte,
                1 => u8::from(at % 4 == 0),
                _ => (at * 37 + seed) as u8,
            };
        }
        section.final_bits.fill(0xff);
    }
    program
}

/// Runs every program of the original and of the rewritten object.
fn compare(original: &Program, rewritten: &Program, counts: &mut Counts) -> Result<(), String> {
    for (entry, func) in original.funcs.iter() {
        let dropped = rewritten.funcs[entry].layout().is_empty();
        if func.linkage != Linkage::Entry || func.opaque.is_some() || dropped {
            continue;
        }
        for seed in 0..INPUTS {
            let input = input(original, seed);
            let before = interp::run(original, entry, &input, FUEL);
            let after = interp::run(rewritten, entry, &input, FUEL);
            counts.runs += 1;
            counts.complete += usize::from(before.is_complete());
            counts.events += before.events.len();
            if let Some(difference) = before.differs(&after) {
                return Err(format!("{}, input {seed}: {difference}", func.name));
            }
        }
    }
    Ok(())
}

fn objects_in(dir: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            objects_in(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "o") {
            found.push(path);
        }
    }
}

fn check_all(dirs: &[PathBuf]) -> (Counts, Vec<String>) {
    let mut objects = Vec::new();
    for dir in dirs {
        objects_in(dir, &mut objects);
    }
    let mut counts = Counts::default();
    let mut failures = Vec::new();
    for path in objects {
        let bytes = std::fs::read(&path).unwrap();
        if let Err(error) = check(&bytes, &mut counts) {
            failures.push(format!("{}: {error}", path.display()));
        }
    }
    (counts, failures)
}

#[test]
fn examples_behave_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (counts, failures) = check_all(&[root.join("examples"), root.join("tests/objects")]);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(counts.objects > 5 && counts.complete * 2 > counts.runs, "{}", counts.complete);
}

#[test]
fn corpus_behaves_the_same() {
    let Some(dir) = std::env::var_os("BPFOLD_CORPUS") else {
        return;
    };
    let (Counts { objects, runs, complete, events }, failures) = check_all(&[dir.into()]);
    println!("{objects} objects, {runs} runs, {complete} complete, {events} events");
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}
