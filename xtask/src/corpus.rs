//! `cargo xtask corpus`: folds many objects under several assignments and asks the running
//! kernel before and after.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bpfold::{Kernel, Object, Report};
use bpfold_kernel::{FailureClass, ObjectVerdict, ProgramRun, ProgramVerdict, differences};
use indicatif::{ProgressBar, ProgressStyle};

use crate::assignments::{self, Assignment, Pair};

use crate::judge::judge;
use crate::objects;
use crate::oracle::{Oracle, Question};
use crate::report;
use crate::residual;
use crate::result::{AssignmentResult, ObjectResult};

/// Runs of the original in all before a difference counts, and of the folded object too.
const RUNS_TO_CONFIRM: u32 = 6;

/// Objects between lines of progress where there is no terminal.
const PROGRESS_LINES: u64 = 100;

/// Fold real objects and compare what the running kernel makes of them before and after
///
/// Each object is folded with its variables as stored, with every truth value flipped, and with
/// every number 0, 1, -1 and the largest, and with what is known of the running kernel; it is loaded before and after, attached nowhere, and
/// run on packets where its type allows. Fails if a program is rejected afterwards that was
/// accepted before, or answers differently, or grows.
#[derive(Debug, clap::Args)]
pub struct CorpusArguments {
    /// Where objects are; the cache's without any
    #[arg(long = "dir", value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Objects that are worked on at the same time
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub jobs: usize,
    /// Go on where the last run with the same output was interrupted
    #[arg(long)]
    pub resume: bool,
    /// Where results go
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Where objects and verdicts are kept
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Only these assignments: stored, flipped, zero, one, minus-one, max, kernel, core
    #[arg(long, value_name = "NAME")]
    pub assignment: Vec<String>,
    /// Seconds that the kernel may take for an object
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub limit: u64,
    /// Leave test runs out
    #[arg(long)]
    pub no_run: bool,
}

/// Runs the command; false if something got worse.
pub fn run(arguments: &CorpusArguments) -> Result<bool> {
    let cache = arguments.cache.clone().unwrap_or_else(crate::cache_dir);
    let out = arguments.out.clone().unwrap_or_else(|| cache.join("corpus-results"));
    fs::create_dir_all(&out).with_context(|| format!("{}: cannot create", out.display()))?;
    let objects_dir = cache.join("objects");
    let dirs = if arguments.dirs.is_empty() { vec![objects_dir] } else { arguments.dirs.clone() };
    let lines = out.join("objects.jsonl");
    let mut results: Vec<ObjectResult> = Vec::new();
    if arguments.resume {
        results = report::read(&lines)?;
    }
    let done: Vec<String> = results.iter().map(|result| result.object.clone()).collect();
    let mut objects = objects::find(&dirs);
    anyhow::ensure!(!objects.is_empty(), "no objects in {dirs:?}: `cargo xtask fetch` gets some");
    objects.retain(|path| !done.contains(&path.display().to_string()));
    // An interrupted run can have left half a line.
    report::write(&lines, &results)?;
    let file = Mutex::new(File::options().append(true).open(&lines)?);
    let oracle = Oracle::new(&cache, Duration::from_secs(arguments.limit))?;
    let worker = Worker { oracle: &oracle, arguments, kernel: assignments::host_kernel()? };
    let bar = progress(objects.len() as u64)?;
    let queue = Mutex::new(objects.into_iter());
    let found = Mutex::new(Vec::new());
    let worked = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..arguments.jobs.max(1))
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    loop {
                        let next = lock(&queue).next();
                        let Some(path) = next else { return Ok(()) };
                        bar.set_message(objects::name_of(&path));
                        let result = worker.object(&path)?;
                        let line = serde_json::to_string(&result)?;
                        writeln!(lock(&file), "{line}")?;
                        let problems = report::problems(&result);
                        bar.suspend(|| problems.iter().for_each(|problem| println!("{problem}")));
                        lock(&found).push(result);
                        bar.inc(1);
                        // A bar is drawn on terminals only.
                        if bar.is_hidden() && bar.position().is_multiple_of(PROGRESS_LINES) {
                            println!("{} of {} objects", bar.position(), bar.length().unwrap_or(0));
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().map(join).collect::<Result<Vec<()>>>()
    });
    bar.finish_and_clear();
    worked?;
    results.extend(found.into_inner().unwrap_or_default());
    results.sort_by(|a, b| a.object.cmp(&b.object));
    let totals = report::totals(&results);
    report::write_tables(&out, &results)?;
    let (loads, reused) = oracle.counts();
    println!("kernel {}, {loads} loads, {reused} verdicts known", bpfold_kernel::kernel_release());
    print!("{}", totals.text());
    println!("details: {}", out.display());
    Ok(totals.is_good())
}

fn progress(count: u64) -> Result<ProgressBar> {
    let style = "{bar:30} {pos}/{len} {elapsed} (ETA {eta}) {wide_msg}";
    Ok(ProgressBar::new(count).with_style(ProgressStyle::with_template(style)?))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn join(thread: std::thread::ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
    thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked")))
}

struct Worker<'a> {
    oracle: &'a Oracle,
    arguments: &'a CorpusArguments,
    kernel: Kernel,
}

impl Worker<'_> {
    fn object(&self, path: &Path) -> Result<ObjectResult> {
        let bytes = fs::read(path)?;
        let mut result = ObjectResult {
            object: path.display().to_string(),
            refused: BTreeMap::new(),
            assignments: Vec::new(),
        };
        let name = objects::name_of(path);
        let object = match guarded(|| Ok(Object::parse(&bytes)?)) {
            Ok(object) => object,
            Err(error) => {
                result.refused.insert("read".to_owned(), format!("{error:#}"));
                return Ok(result);
            }
        };
        let mut assignments = match guarded(|| assignments::of(&object)) {
            Ok(assignments) => assignments,
            Err(error) => {
                result.refused.insert("read".to_owned(), format!("{error:#}"));
                return Ok(result);
            }
        };
        let wanted = &self.arguments.assignment;
        assignments.retain(|assignment| {
            wanted.is_empty() || wanted.iter().any(|name| name == assignment.name)
        });
        for assignment in assignments {
            let start = Instant::now();
            match guarded(|| assignment.apply(&object, &self.kernel)) {
                Ok(pair) => {
                    let elapsed = start.elapsed().as_secs_f64() * 1000.0;
                    result.assignments.push(self.assignment(&assignment, &pair, &name, elapsed)?);
                }
                Err(error) => {
                    result.refused.insert(assignment.name.to_owned(), format!("{error:#}"));
                }
            }
        }
        Ok(result)
    }

    fn assignment(
        &self,
        assignment: &Assignment,
        pair: &Pair,
        name: &str,
        fold_ms: f64,
    ) -> Result<AssignmentResult> {
        let mut result = unjudged(assignment, &pair.report, fold_ms)?;
        let before = self.ask(&pair.original, name)?;
        let after = self.ask(&pair.folded, name)?;
        for (when, verdict) in [("before", &before), ("after", &after)] {
            if let Some(failure) = &verdict.whole
                && matches!(failure.class, FailureClass::TimedOut | FailureClass::Died)
            {
                result.untried = Some(format!("{when}: {:?}: {}", failure.class, failure.message));
                return Ok(result);
            }
        }
        let mut residual = match assignment.name {
            "stored" | "kernel" => {
                residual::classify(&self.oracle.ask(&pair.folded, name, Question::Unvisited)?)
            }
            _ => BTreeMap::new(),
        };
        let runs = Runs { oracle: self.oracle, pair, name };
        judge(
            &mut result,
            (&before, &after),
            &pair.report,
            &|program, before, after| runs.differences(program, before, after),
            |program| residual.remove(&(program.section.clone(), program.name.clone())),
        )?;
        Ok(result)
    }

    /// The verdict, with test runs unless the process dies of them.
    fn ask(&self, bytes: &[u8], name: &str) -> Result<ObjectVerdict> {
        if !self.arguments.no_run {
            let verdict = self.oracle.ask(bytes, name, Question::Run(0))?;
            let died =
                |failure: &bpfold_kernel::Failure| matches!(failure.class, FailureClass::Died);
            if !verdict.whole.as_ref().is_some_and(died) {
                return Ok(verdict);
            }
        }
        self.oracle.ask(bytes, name, Question::Load)
    }
}

/// What is needed to run an object once more.
struct Runs<'a> {
    oracle: &'a Oracle,
    pair: &'a Pair,
    name: &'a str,
}

impl Runs<'_> {
    /// What differs in a program's test runs, after enough runs of the original to tell.
    fn differences(
        &self,
        program: &ProgramVerdict,
        before: &ProgramRun,
        after: &ProgramRun,
    ) -> Result<Vec<String>> {
        let mut known = vec![before.clone()];
        loop {
            let all: Vec<&ProgramRun> = known.iter().collect();
            let found = differences(&all, after);
            let count = known.len() as u32;
            if found.is_empty() {
                return Ok(found);
            }
            if count >= RUNS_TO_CONFIRM {
                return self.confirmed(program, known, found);
            }
            let question = Question::Run(count);
            let again = self.oracle.ask(&self.pair.original, self.name, question)?;
            let again = again.program(&program.section, &program.name);
            match again.and_then(|program| program.run.clone()) {
                Some(run) => known.push(run),
                None => return Ok(Vec::new()),
            }
        }
    }

    /// What differs, if it does each time that the folded object runs. The original runs between:
    /// how long something takes depends on what else the machine does just then.
    fn confirmed(
        &self,
        program: &ProgramVerdict,
        mut known: Vec<ProgramRun>,
        found: Vec<String>,
    ) -> Result<Vec<String>> {
        let run = |bytes: &[u8], repetition: u32| -> Result<Option<ProgramRun>> {
            let again = self.oracle.ask(bytes, self.name, Question::Run(repetition))?;
            let again = again.program(&program.section, &program.name);
            Ok(again.and_then(|program| program.run.clone()))
        };
        for repetition in RUNS_TO_CONFIRM..2 * RUNS_TO_CONFIRM {
            let folded = run(&self.pair.folded, repetition)?;
            known.extend(run(&self.pair.original, repetition)?);
            let known: Vec<&ProgramRun> = known.iter().collect();
            if folded.is_some_and(|folded| differences(&known, &folded).is_empty()) {
                return Ok(Vec::new());
            }
        }
        Ok(found)
    }
}

/// What a fold gives before the kernel is asked.
pub fn unjudged(
    assignment: &Assignment,
    report: &Report,
    fold_ms: f64,
) -> Result<AssignmentResult> {
    let (notes, note_texts) = notes(report)?;
    Ok(AssignmentResult {
        name: assignment.name.to_owned(),
        whole: None,
        untried: None,
        fold_ms,
        branches: report.branches.len(),
        notes,
        note_texts,
        proven: report.proof.as_ref().map_or(0, |proof| proof.proven),
        unproven: report
            .proof
            .iter()
            .flat_map(|proof| &proof.refused)
            .map(|refused| format!("{}: {}", refused.at.function, refused.reason))
            .collect(),
        file: (report.size_before, report.size_after),
        programs: Vec::new(),
        dropped: 0,
    })
}

/// Notes that most objects have.
const COMMON_NOTES: &[&str] = &["dwarf-dropped", "unused-section-kept"];

/// The report's notes by kind, and those that few objects have as JSON.
fn notes(report: &Report) -> Result<(BTreeMap<String, usize>, Vec<String>)> {
    let mut kinds = BTreeMap::new();
    let mut texts = Vec::new();
    for note in &report.notes {
        let value = serde_json::to_value(note)?;
        let kind = value.get("note").and_then(|kind| kind.as_str()).unwrap_or("?").to_owned();
        if !COMMON_NOTES.contains(&kind.as_str()) {
            texts.push(value.to_string());
        }
        *kinds.entry(kind).or_default() += 1;
    }
    Ok((kinds, texts))
}

/// Turns a panic into an error: one object must not stop the others.
pub fn guarded<T>(operation: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(operation)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(anyhow::anyhow!("panic: {}", message.unwrap_or_default()))
    })
}
