//! `cargo xtask kernels`: a selection of objects before and after, on many kernels.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bpfold::Object;
use bpfold_kernel::{ObjectVerdict, ProgramRun, ProgramVerdict, differences};
use serde::Deserialize;

use crate::assignments::{self, Pair};
use crate::judge::judge;
use crate::machine::{Machine, Settings};
use crate::objects;
use crate::report;
use crate::result::{AssignmentResult, ObjectResult};
use crate::trial::{guarded, unjudged};

/// Loads of the original and of the folded object in a machine. What differs then is asked once
/// more.
const ROUND: Round = Round { originals: 2, folded: 1 };
/// Where programs are loaded only.
const LOADS: Round = Round { originals: 1, folded: 1 };
/// Enough to tell what differs by itself from what folding did.
const CONFIRMATION: Round = Round { originals: 8, folded: 8 };

#[derive(Clone, Copy)]
struct Round {
    originals: usize,
    folded: usize,
}

/// Compare what several kernels make of objects before and after folding, in virtual machines
///
/// Each kernel is started by qemu without hardware support. Objects are folded as by `corpus`;
/// the assignments `kernel` and `core` have the version of the kernel that is started, and the
/// files `config` and `btf` beside the image if they are there. Fails as `corpus` does.
#[derive(Debug, clap::Args)]
pub struct KernelsArguments {
    /// Images of kernels, or directories in which there are some called vmlinuz
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<PathBuf>,
    /// Where objects are; the project's examples without any
    #[arg(long = "dir", value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Take so many of the objects, evenly
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub sample: usize,
    /// Only these assignments: stored, flipped, zero, one, minus-one, max, kernel, core
    #[arg(long, value_name = "NAME", default_values = ["stored", "flipped", "kernel", "core"])]
    pub assignment: Vec<String>,
    /// Only objects with programs that are attached to functions, security hooks, typed
    /// tracepoints or iterators (fentry, fexit, fmod_ret, lsm, tp_btf, iter)
    #[arg(long)]
    pub attached: bool,
    /// Leave test runs out
    #[arg(long)]
    pub no_run: bool,
    /// Where results go
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Kernels that run at the same time
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub jobs: usize,
    /// Memory of a machine in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    pub memory: u32,
    /// Seconds that a machine may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub limit: u64,
}

/// Runs the command; false if something got worse.
pub fn run(arguments: &KernelsArguments) -> Result<bool> {
    let out = arguments.out.clone().unwrap_or_else(|| crate::cache::dir().join("kernels-results"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let loader = build_loader(&root)?;
    let examples = vec![root.join("examples")];
    let dirs = if arguments.dirs.is_empty() { &examples } else { &arguments.dirs };
    let mut objects = objects::find(dirs);
    if arguments.attached {
        objects.retain(|path| is_attached(path));
    }
    let objects = sample(objects, arguments.sample);
    anyhow::ensure!(!objects.is_empty(), "no objects in {dirs:?}");
    let images: Vec<PathBuf> = arguments.images.iter().flat_map(|path| images(path)).collect();
    anyhow::ensure!(!images.is_empty(), "no kernels in {:?}", arguments.images);
    let machines: Vec<Machine> =
        images.iter().map(|image| Machine::new(image)).collect::<Result<_>>()?;
    let matrix = Matrix { arguments, loader: &loader, objects: &objects };
    let mut good = true;
    for machines in machines.chunks(arguments.jobs.max(1)) {
        let results: Vec<Result<Vec<ObjectResult>>> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                machines.iter().map(|machine| scope.spawn(|| matrix.run(machine))).collect();
            let failed = || anyhow::anyhow!("a worker panicked");
            threads.into_iter().map(|t| t.join().unwrap_or_else(|_| Err(failed()))).collect()
        });
        for (machine, results) in machines.iter().zip(results) {
            let results = match results {
                Ok(results) => results,
                Err(error) => {
                    println!("kernel {}\nFAILED {error:#}", machine.release);
                    good = false;
                    continue;
                }
            };
            let totals = report::totals(&results);
            let dir = out.join(&machine.release);
            fs::create_dir_all(&dir)?;
            report::write(&dir.join("objects.jsonl"), &results)?;
            report::write_tables(&dir, &results)?;
            println!("kernel {}", machine.release);
            print!("{}", totals.text());
            results.iter().flat_map(report::problems).for_each(|problem| println!("{problem}"));
            good &= totals.is_good();
        }
    }
    println!("details: {}", out.display());
    Ok(good)
}

/// Every so many, so that `count` remain.
fn sample(objects: Vec<PathBuf>, count: usize) -> Vec<PathBuf> {
    let all = objects.len();
    let is_taken = |at: usize| all <= count || at * count / all != (at + 1) * count / all;
    objects.into_iter().enumerate().filter(|(at, _)| is_taken(*at)).map(|(_, path)| path).collect()
}

/// Whether an object has programs of kinds that are attached to parts of the kernel.
fn is_attached(path: &Path) -> bool {
    let is_one = |kind: &str| report::ATTACHED.contains(&kind);
    let sections = |bytes: &[u8]| -> Result<bool> {
        let object = Object::parse(bytes)?;
        let mut names = object.elf().sections.values().map(|section| &section.name);
        Ok(names.any(|name| is_one(report::kind_of(&String::from_utf8_lossy(name)))))
    };
    fs::read(path).is_ok_and(|bytes| guarded(|| sections(&bytes)).unwrap_or(false))
}

fn images(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let walk = walkdir::WalkDir::new(path).sort_by_file_name();
    let files = walk.into_iter().filter_map(Result::ok);
    files.filter(|file| file.file_name() == "vmlinuz").map(walkdir::DirEntry::into_path).collect()
}

/// The loader as one file that needs no libraries.
fn build_loader(root: &Path) -> Result<PathBuf> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let dir = crate::cache::dir().join("loader");
    // The directory of the system's libraries would bring the system's libbpf along.
    let libraries = dir.join("libraries");
    fs::create_dir_all(&libraries)?;
    for library in ["libelf.a", "libz.a"] {
        let system = format!("/usr/lib/{}-linux-gnu/{library}", std::env::consts::ARCH);
        let link = libraries.join(library);
        if !link.exists() {
            std::os::unix::fs::symlink(&system, &link)?;
        }
    }
    let flags = format!("-C target-feature=+crt-static -L native={}", libraries.display());
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--package", "bpfold-kernel"])
        .args(["--features", "libbpf-sys/static-libelf,libbpf-sys/static-zlib"])
        // With a target of its own the flags are not those of build scripts and macros.
        .args(["--target", &target, "--target-dir"])
        .arg(&dir)
        .current_dir(root)
        .env("RUSTFLAGS", flags)
        .status()
        .context("cargo cannot be started")?;
    anyhow::ensure!(status.success(), "the loader for virtual machines cannot be built");
    Ok(dir.join(target).join("release/bpfold-load"))
}

struct Matrix<'a> {
    arguments: &'a KernelsArguments,
    loader: &'a Path,
    objects: &'a [PathBuf],
}

/// One object under assignments that make the same of it.
struct Fold {
    object: usize,
    /// Where in the object's results they are.
    assignments: Vec<usize>,
    name: String,
    pair: Pair,
}

#[derive(Deserialize)]
struct Line {
    object: String,
    verdict: ObjectVerdict,
}

impl Matrix<'_> {
    fn run(&self, machine: &Machine) -> Result<Vec<ObjectResult>> {
        let mut results = Vec::new();
        let mut folds: Vec<Fold> = Vec::new();
        for path in self.objects {
            let object = results.len();
            let name = objects::name_of(path);
            results.push(self.fold(machine, path, |assignment, pair| {
                let same = |fold: &&mut Fold| {
                    let known = (&fold.pair.original, &fold.pair.folded);
                    fold.object == object && known == (&pair.original, &pair.folded)
                };
                match folds.iter_mut().find(same) {
                    Some(fold) => fold.assignments.push(assignment),
                    None => folds.push(Fold {
                        object,
                        assignments: vec![assignment],
                        name: name.clone(),
                        pair,
                    }),
                }
            })?);
        }
        let round = if self.arguments.no_run { LOADS } else { ROUND };
        let found = self.ask(machine, &folds.iter().collect::<Vec<_>>(), round)?;
        let differs = |judged: &AssignmentResult| {
            judged.programs.iter().any(|program| !program.differences.is_empty())
        };
        let doubted = || folds.iter().zip(&found).filter(|(_, judged)| differs(judged));
        let again: Vec<&Fold> = doubted().map(|(fold, _)| fold).collect();
        let mut confirmed = match again.is_empty() {
            true => Vec::new(),
            false => self.ask(machine, &again, CONFIRMATION)?,
        }
        .into_iter();
        for (fold, judged) in folds.iter().zip(&found) {
            let judged = if differs(judged) { confirmed.next() } else { Some(judged.clone()) };
            for assignment in &fold.assignments {
                let result = &mut results[fold.object].assignments[*assignment];
                let Some(judged) = &judged else { continue };
                result.whole = judged.whole;
                result.untried.clone_from(&judged.untried);
                result.programs.clone_from(&judged.programs);
                result.dropped = judged.dropped;
            }
        }
        Ok(results)
    }

    /// What a kernel makes of folds, in their order.
    fn ask(
        &self,
        machine: &Machine,
        folds: &[&Fold],
        round: Round,
    ) -> Result<Vec<AssignmentResult>> {
        let place = |at: usize, which: &str, number: usize, name: &str| {
            format!("{at:05}/{which}{number}/{name}.o")
        };
        let mut files = Vec::new();
        for (at, fold) in folds.iter().enumerate() {
            let mut add = |which, count: usize, bytes: &Vec<u8>| {
                files.extend((0..count).map(|n| (place(at, which, n, &fold.name), bytes.clone())));
            };
            add("original", round.originals, &fold.pair.original);
            add("folded", round.folded, &fold.pair.folded);
        }
        let settings = Settings {
            memory: self.arguments.memory,
            limit: Duration::from_secs(self.arguments.limit),
            runs: !self.arguments.no_run,
        };
        let run = || machine.run(self.loader, &files, settings);
        // Where the host is busy a kernel can find its emulated timer not to work, and stop.
        let lines = run().or_else(|_| run())?;
        let mut verdicts: BTreeMap<String, ObjectVerdict> = BTreeMap::new();
        for line in lines {
            // The last line is cut off if the machine was stopped.
            let Ok(line) = serde_json::from_str::<Line>(&line) else { continue };
            verdicts.insert(line.object, line.verdict);
        }
        let judge = |(at, fold): (usize, &&Fold)| {
            let of = |which: &'static str, count: usize| -> Vec<&ObjectVerdict> {
                let places = (0..count).map(|n| place(at, which, n, &fold.name));
                places.filter_map(|place| verdicts.get(&place)).collect()
            };
            judge_fold(fold, &of("original", round.originals), &of("folded", round.folded))
        };
        folds.iter().enumerate().map(judge).collect()
    }

    /// Folds an object under all assignments; `add` takes those that can be folded.
    fn fold(
        &self,
        machine: &Machine,
        path: &Path,
        mut add: impl FnMut(usize, Pair),
    ) -> Result<ObjectResult> {
        let mut result = ObjectResult {
            object: path.display().to_string(),
            refused: BTreeMap::new(),
            assignments: Vec::new(),
        };
        let bytes = fs::read(path)?;
        let object = match guarded(|| Ok(Object::parse(&bytes)?)) {
            Ok(object) => object,
            Err(error) => {
                result.refused.insert("read".to_owned(), format!("{error:#}"));
                return Ok(result);
            }
        };
        for assignment in assignments::of(&object)? {
            if !self.arguments.assignment.iter().any(|name| name == assignment.name) {
                continue;
            }
            let start = Instant::now();
            match guarded(|| assignment.apply(&object, &machine.facts)) {
                // What folding does not change needs no kernel to judge it.
                Ok(pair) if pair.original == pair.folded => {}
                Ok(pair) => {
                    let elapsed = start.elapsed().as_secs_f64() * 1000.0;
                    let unjudged = unjudged(&assignment, &pair.report, elapsed)?;
                    add(result.assignments.len(), pair);
                    result.assignments.push(unjudged);
                }
                Err(error) => {
                    result.refused.insert(assignment.name.to_owned(), format!("{error:#}"));
                }
            }
        }
        Ok(result)
    }
}

/// What loads of an original and of the folded object come to. Programs that differ must do so
/// in each load of the folded object.
fn judge_fold(
    fold: &Fold,
    originals: &[&ObjectVerdict],
    folded: &[&ObjectVerdict],
) -> Result<AssignmentResult> {
    let mut result = AssignmentResult::default();
    let (Some(before), Some(after)) = (originals.first(), folded.first()) else {
        result.untried = Some("the loader did not come so far".to_owned());
        return Ok(result);
    };
    let differ = |program: &ProgramVerdict, _: &ProgramRun, _: &ProgramRun| {
        let runs = |verdicts: &[&ObjectVerdict]| -> Vec<ProgramRun> {
            let programs =
                verdicts.iter().filter_map(|v| v.program(&program.section, &program.name));
            programs.filter_map(|program| program.run.clone()).collect()
        };
        let (known, after) = (runs(originals), runs(folded));
        let known: Vec<&ProgramRun> = known.iter().collect();
        let found: Vec<Vec<String>> = after.iter().map(|run| differences(&known, run)).collect();
        Ok(if found.iter().any(Vec::is_empty) {
            Vec::new()
        } else {
            found.into_iter().next().unwrap_or_default()
        })
    };
    judge(&mut result, (before, after), &fold.pair.report, &differ, |_| None)?;
    Ok(result)
}
