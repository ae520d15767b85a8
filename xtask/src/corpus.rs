//! `cargo xtask corpus`: folds many objects under several assignments and asks the running
//! kernel before and after.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::assignments;
use crate::objects;
use crate::oracle::Oracle;
use crate::report;
use crate::result::ObjectResult;
use crate::trial::Trial;
use crate::work::{lock, work};

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
    let cache = arguments.cache.clone().unwrap_or_else(crate::cache::dir);
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
    let trial = Trial {
        oracle: &oracle,
        assignments: &arguments.assignment,
        runs: !arguments.no_run,
        residual: true,
        once: false,
        kernel: assignments::host_kernel()?,
    };
    let found = work(objects, arguments.jobs, |path| {
        let result = trial.object(&path)?;
        writeln!(lock(&file), "{}", serde_json::to_string(&result)?)?;
        let problems = report::problems(&result);
        Ok((objects::name_of(&path), result, problems))
    })?;
    results.extend(found);
    results.sort_by(|a, b| a.object.cmp(&b.object));
    let totals = report::totals(&results);
    report::write_tables(&out, &results)?;
    let (loads, reused) = oracle.counts();
    println!("kernel {}, {loads} loads, {reused} verdicts known", bpfold_kernel::kernel_release());
    print!("{}", totals.text());
    println!("details: {}", out.display());
    Ok(totals.is_good())
}
