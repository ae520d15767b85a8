//! Folding whole objects: what comes out is an object again, no function of which is larger,
//! and folding it again changes nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};

use bpfold::elf::SymbolKind;
use bpfold::passes::isa::{Imm64, Op};
use bpfold::report::{NotSealed, Note};
use bpfold::{Error, Fold, Folded, Object};

fn objects_in(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            objects_in(&path, found);
        } else if is_bpf(&path) {
            found.push(path);
        }
    }
}

fn is_bpf(path: &Path) -> bool {
    let mut head = [0; 20];
    let file = std::fs::File::open(path);
    let read = file.and_then(|mut file| std::io::Read::read_exact(&mut file, &mut head));
    read.is_ok() && head.starts_with(b"\x7fELF") && matches!(head[18..20], [247, 0] | [0, 247])
}

fn example(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    std::fs::read(path).unwrap()
}

fn fold(bytes: &[u8], freeze_all: bool) -> Result<Folded, Error> {
    let object = Object::parse(bytes)?;
    let fold = Fold::new(&object)?.verify_each(true);
    if freeze_all { fold.freeze_all().run() } else { fold.run() }
}

/// Folds twice; says what is wrong.
fn check(bytes: &[u8], freeze_all: bool) -> Result<Folded, String> {
    let folded = fold(bytes, freeze_all).map_err(|error| format!("fold: {error}"))?;
    if let Some(grown) = folded.report.functions.iter().find(|func| func.after > func.before) {
        return Err(format!("{} has grown: {} to {}", grown.name, grown.before, grown.after));
    }
    let report = &folded.report;
    if report.loads.is_empty() && report.branches.is_empty() && report.values.is_empty() {
        return if folded.bytes == bytes { Ok(folded) } else { Err("changed for nothing".into()) };
    }
    let again = fold(&folded.bytes, freeze_all).map_err(|error| format!("again: {error}"))?;
    if again.bytes == folded.bytes {
        return Ok(folded);
    }
    let what = (!again.report.loads.is_empty() || !again.report.branches.is_empty())
        .then(|| format!(": {:?} {:?}", again.report.loads, again.report.branches));
    Err(format!("folding again differs{}", what.unwrap_or_default()))
}

#[test]
fn examples_fold_to_a_fixed_point() {
    let mut paths = Vec::new();
    for dir in ["examples", "tests/objects"] {
        objects_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut paths);
    }
    for path in paths {
        let bytes = std::fs::read(&path).unwrap();
        for freeze_all in [false, true] {
            if let Err(problem) = check(&bytes, freeze_all) {
                panic!("{} (freeze all: {freeze_all}): {problem}", path.display());
            }
        }
    }
}

/// Every object under the directory that `BPFOLD_CORPUS` names; what comes out goes to the
/// same place under `BPFOLD_FOLDED`, if that is set.
#[test]
fn corpus_folds_to_a_fixed_point() {
    let Some(dir) = std::env::var_os("BPFOLD_CORPUS") else {
        return;
    };
    let out = std::env::var_os("BPFOLD_FOLDED").map(PathBuf::from);
    let mut paths = Vec::new();
    objects_in(Path::new(&dir), &mut paths);
    let (mut folded, mut branches, mut loads) = (0, 0, 0);
    let (mut before, mut after) = (0, 0);
    let mut failed = Vec::new();
    for path in paths {
        let shown = path.display();
        let bytes = std::fs::read(&path).unwrap();
        if Object::parse(&bytes).is_err() {
            continue;
        }
        if let Err(problem) = check(&bytes, false) {
            failed.push(format!("{shown} as it is: {problem}"));
        }
        match check(&bytes, true) {
            Ok(result) => {
                folded += usize::from(result.bytes != bytes);
                branches += result.report.branches.len();
                loads += result.report.loads.len();
                before += result.report.instructions_before();
                after += result.report.instructions_after();
                if let Some(out) = &out {
                    let to = out.join(path.strip_prefix(&dir).unwrap());
                    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                    std::fs::write(to, &result.bytes).unwrap();
                }
            }
            Err(problem) => failed.push(format!("{shown}: {problem}")),
        }
    }
    eprintln!(
        "{folded} objects changed, {branches} branches, {loads} loads, {before} slots to {after}"
    );
    assert!(failed.is_empty(), "{} fail\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn another_value_than_before_is_refused() {
    let object = Object::parse(&example("kernel_version.bpf.o")).unwrap();
    let folded = Fold::new(&object).unwrap().set("kernel_version", "393472").unwrap().run();
    let object = Object::parse(&folded.unwrap().bytes).unwrap();
    let fold = Fold::new(&object).unwrap();
    let same = fold.clone().set("kernel_version", "0x60100").unwrap();
    assert_eq!(object.folded_with().unwrap().first().unwrap().value, "393472");
    assert!(same.run().is_ok());
    let other = fold.set("kernel_version", "5").unwrap_err();
    assert!(matches!(other, Error::AlreadyFolded { .. }), "{other}");
}

fn test_object(name: &str) -> Object {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects").join(name);
    Object::parse(&std::fs::read(path).unwrap()).unwrap()
}

/// The names of a DATASEC's variables.
fn datasec(object: &Object, name: &str) -> Vec<String> {
    let btf = object.btf().unwrap();
    let Some((_, section)) = btf.find_datasec(name) else { return Vec::new() };
    section.vars.iter().map(|var| btf.name(var.var).to_owned()).collect()
}

/// What is final leaves symbols and BTF, what is open stays; the values are in the section;
/// code that still names a sealed variable names its section; a section without variables
/// that nothing names is gone.
#[test]
fn sealing() {
    let object = test_object("sealing.o");
    let fold = Fold::new(&object).unwrap().set("limit", "9").unwrap();
    let fold = ["alone", "table", "pointed"].iter().fold(fold, |f, name| f.freeze(name).unwrap());
    let folded = fold.run().unwrap();
    let result = Object::parse(&folded.bytes).unwrap();
    let elf = result.elf();

    for sealed in ["limit", "alone", "table"] {
        assert_eq!(elf.symbol_by_name(sealed), None, "{sealed}");
    }
    assert_eq!(folded.report.dropped.variables, ["limit", "table", "alone"]);
    assert_eq!(datasec(&object, ".rodata"), ["limit", "left_open", "table", "pointed"]);
    assert_eq!(datasec(&result, ".rodata"), ["left_open", "pointed"]);
    assert_eq!(datasec(&result, ".rodata.alone"), [""; 0]);
    assert_eq!(elf.section_by_name(".rodata.alone"), None);
    // Data holds the address of `pointed` by its symbol.
    assert!(elf.symbol_by_name("pointed").is_some());
    let note = Note::NotSealed { variables: vec!["pointed".into()], why: NotSealed::Held };
    assert!(folded.report.notes.contains(&note), "{:?}", folded.report.notes);

    let rodata = elf.section_by_name(".rodata").unwrap();
    assert_eq!(elf.sections[rodata].bytes().unwrap()[..8], [9, 0, 0, 0, 6, 0, 0, 0]);
    let code = elf.section_by_name("socket").unwrap();
    let named: Vec<_> = elf
        .relocations_for(code)
        .map(|reloc| (elf.symbols[reloc.symbol].kind, elf.symbols[reloc.symbol].name.clone()))
        .collect();
    assert_eq!(
        named,
        [(SymbolKind::Object, b"left_open".to_vec()), (SymbolKind::Section, Vec::new())]
    );
    let offsets: Vec<i64> = result
        .program()
        .funcs
        .values()
        .flat_map(|func| func.insts().map(|(_, inst)| *func.op(inst)))
        .filter_map(|op| match op {
            Op::LdImm64 { imm: Imm64::Section { offset, .. }, .. } => Some(offset),
            _ => None,
        })
        .collect();
    assert_eq!(offsets, [4, 8], "left_open and table");

    let values: Vec<_> = result.folded_with().unwrap();
    let values: Vec<_> = values
        .iter()
        .map(|with| (with.name.as_str(), with.value.as_str(), with.frozen, with.sealed))
        .collect();
    assert_eq!(
        values,
        [
            ("limit", "9", false, true),
            ("table", "{1, 2, 3, 4}", true, true),
            ("alone", "3", true, true),
            ("pointed", "7", true, false),
        ]
    );
    let error = Fold::new(&result).unwrap().set("pointed", "8").unwrap().run().unwrap_err();
    assert!(matches!(error, Error::AlreadyFolded { .. }), "{error}");
    let open = Fold::new(&result).unwrap().set("left_open", "8").unwrap().run().unwrap();
    assert!(Object::parse(&open.bytes).unwrap().elf().symbol_by_name("left_open").is_none());
}

/// Without a value from the user nothing that userspace can set is touched.
#[test]
fn nothing_given_nothing_changed() {
    for name in ["sealing.o", "places.o", "mini-clang19.o", "mini-gcc.o"] {
        let object = test_object(name);
        let folded = Fold::new(&object).unwrap().run().unwrap();
        assert!(folded.bytes == object.elf().write().unwrap(), "{name}");
        assert_eq!(folded.report.size_before, folded.report.size_after);
    }
}

/// Both byte orders fold to the same code.
#[test]
fn byte_orders_agree() {
    let code = |name: &str| {
        let object = test_object(name);
        let folded = Fold::new(&object).unwrap().set("level", "1").unwrap().run().unwrap();
        let folded = Object::parse(&folded.bytes).unwrap();
        let program = folded.program().clone();
        let funcs = program.funcs.values();
        funcs
            .map(|func| func.insts().map(|(_, inst)| *func.op(inst)).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    assert_eq!(code("mini-clang19.o"), code("mini-clang19-be.o"));
}

/// Functions that call each other in a circle are told, unless nothing calls them any more. A
/// callback that passes its own address on is none.
#[test]
fn recursion_is_told() {
    let object = test_object("recursive.o");
    let told = |value: &str| -> Vec<String> {
        let folded = Fold::new(&object).unwrap().set("deep", value).unwrap().run().unwrap();
        let warnings = folded.report.notes.into_iter().filter(Note::is_warning);
        warnings.map(|note| note.to_string().split(' ').next().unwrap().to_owned()).collect()
    };
    assert_eq!(told("1"), ["even", "odd"]);
    assert!(told("0").is_empty());
}
