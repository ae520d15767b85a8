//! Real objects: what libbpf loaded before it loads after, with every variable frozen and with
//! other values, and nothing is larger; every map is used or kept for a reason.
//!
//! `BPFOLD_CORPUS` names directories of objects, with `:` between them; `BPFOLD_LOADER` can be
//! `aya` or `cilium` in place of libbpf. Objects that the kernel takes minutes to judge are
//! left out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and tell what they counted"
)]

use std::path::{Path, PathBuf};

use bpfold_loaders::cases::{Case, Setting, objects_in};
use bpfold_loaders::verdicts::{Counts, Verdicts, regressions};
use bpfold_loaders::{aya, cilium, libbpf, maps, may_load};

/// What the kernel judges for more than a minute.
const SLOW: &[&str] =
    &["loop3.", "strobemeta", "verifier_liveness_exp", "pyperf", "test_verif_scale"];

enum Loader {
    Libbpf,
    Aya,
    Cilium(PathBuf, PathBuf),
}

impl Loader {
    fn chosen(dir: &Path) -> Loader {
        match std::env::var("BPFOLD_LOADER").as_deref() {
            Ok("aya") => Loader::Aya,
            Ok("cilium") => Loader::Cilium(cilium::build(dir).unwrap(), dir.join("object.o")),
            _ => Loader::Libbpf,
        }
    }

    fn verdicts(&self, file: &[u8]) -> Result<Verdicts, String> {
        match self {
            Loader::Libbpf => libbpf::verdicts(file),
            Loader::Aya => aya::verdicts(file),
            Loader::Cilium(program, path) => {
                std::fs::write(path, file).unwrap();
                cilium::verdicts(program, path)
            }
        }
    }
}

#[test]
fn corpus_loads_as_before() {
    let Ok(dirs) = std::env::var("BPFOLD_CORPUS") else { return };
    if !may_load("loading the corpus") {
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let loader = Loader::chosen(temporary.path());
    let mut wrong = Vec::new();
    let mut of_maps = maps::Counts::default();
    for dir in dirs.split(':') {
        let mut totals =
            [(Setting::All(&[]), Counts::default()), (Setting::Flipped, Counts::default())];
        for path in objects_in(Path::new(dir)) {
            let name = path.display().to_string();
            let file = std::fs::read(&path).unwrap();
            if SLOW.iter().any(|slow| name.contains(slow)) || file.get(5) != Some(&1) {
                continue;
            }
            for (setting, counts) in &mut totals {
                let Ok(case) = Case::new(&name, &file, setting) else { continue };
                wrong
                    .extend(case.growth().into_iter().map(|line| format!("{}: {line}", case.name)));
                let unused = maps::unused(&case, &mut of_maps);
                wrong.extend(unused.into_iter().map(|line| format!("{}: {line}", case.name)));
                let Ok(before) = loader.verdicts(&case.original) else { continue };
                match loader.verdicts(&case.folded) {
                    Ok(after) => {
                        let lines = regressions(&case, &before, &after, counts);
                        wrong.extend(lines.iter().map(|line| format!("{}: {line}", case.name)));
                    }
                    Err(error) => wrong.push(format!("{}: {error}", case.name)),
                }
            }
        }
        for (setting, counts) in totals {
            eprintln!("{dir} {setting:?}: {counts:?}");
        }
    }
    eprintln!("{of_maps:?}");
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
