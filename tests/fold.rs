//! Folding whole objects: what comes out is an object again, no function of which is larger,
//! and folding it again changes nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};

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
