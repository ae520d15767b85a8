//! `cargo xtask random-c`: random C programs before and after, in the running kernel.
//!
//! A seed leads to a source, and to the compiler, instruction set and level of optimization that
//! it is compiled with. Sources are what people write for BPF: variables that userspace sets
//! decide branches, switches, loops and callbacks, some functions are static, some global,
//! parsers return early. Every other source works with pointers to kernel structures, which can
//! be null: the verifier keeps such a pointer a pointer on both sides of a null check, while the
//! compiler takes its register for the number 0.

mod compile;
mod config;
mod expressions;
mod pointers;
mod source;
mod statements;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use bpfold_passes::testing::Choices;

use crate::assignments;
use crate::oracle::Oracle;
use crate::report;
use crate::result::ObjectResult;
use crate::trial::Trial;
use crate::work::work;
use compile::{Build, Compiler};
use source::{Source, Topic};

/// Make random C programs and compare what the running kernel makes of them before and after
///
/// Each is compiled with a compiler that is installed, folded under several assignments as by
/// `corpus`, and loaded and run before and after. Fails if a program is rejected afterwards that
/// was accepted before, answers differently, or grows, or if a function is not proven. What
/// fails is kept in the output directory: source, object, and how to make it again.
#[derive(Debug, clap::Args)]
pub struct RandomCArguments {
    /// First seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Seeds; a source has up to eight programs
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub count: u64,
    /// Sources that are worked on at the same time
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub jobs: usize,
    /// What sources are about; plain and pointers in turn without any
    #[arg(long, value_name = "TOPIC")]
    pub topic: Vec<Topic>,
    /// Only these assignments: stored, flipped, zero, one, minus-one, max, kernel, core
    #[arg(long, value_name = "NAME", default_values = ["stored", "flipped", "zero", "one"])]
    pub assignment: Vec<String>,
    /// Where results go, and what fails
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Keep all sources and objects
    #[arg(long)]
    pub keep: bool,
    /// Compile only, and keep
    #[arg(long)]
    pub compile_only: bool,
    /// Seconds that the kernel may take for an object
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub limit: u64,
    /// Leave test runs out
    #[arg(long)]
    pub no_run: bool,
}

/// Runs the command; false if something must not be.
pub fn run(arguments: &RandomCArguments) -> Result<bool> {
    let out = arguments.out.clone().unwrap_or_else(|| crate::cache::dir().join("random-c"));
    fs::create_dir_all(&out).with_context(|| format!("{}: cannot create", out.display()))?;
    let compilers = compile::installed();
    anyhow::ensure!(!compilers.is_empty(), "no compiler: install clang-14, clang-19 or clang-22");
    let seeds: Vec<u64> = (arguments.seed..arguments.seed + arguments.count).collect();
    let topics: &[Topic] = match arguments.topic.is_empty() {
        true => &[Topic::Plain, Topic::Pointers],
        false => &arguments.topic,
    };
    let generator = Generator { compilers: &compilers, topics, out: &out };
    if arguments.compile_only {
        let made = work(seeds, arguments.jobs, |seed| match generator.make(seed)? {
            Ok(made) => Ok((seed.to_string(), made.programs, Vec::new())),
            Err(why) => Ok((seed.to_string(), 0, vec![why])),
        })?;
        println!("{} sources, {} programs: {}", made.len(), sum(&made), out.display());
        return Ok(true);
    }
    let oracle = Oracle::new(&out, Duration::from_secs(arguments.limit))?;
    let trial = Trial {
        oracle: &oracle,
        assignments: &arguments.assignment,
        runs: !arguments.no_run,
        residual: false,
        once: true,
        kernel: assignments::host_kernel()?,
    };
    let found = work(seeds, arguments.jobs, |seed| {
        let made = match generator.make(seed)? {
            Ok(made) => made,
            Err(why) => return Ok((seed.to_string(), None, vec![why])),
        };
        let result = trial.object(&made.object)?;
        let mut lines = report::problems(&result);
        if lines.is_empty() && !arguments.keep {
            made.remove()?;
        }
        if !lines.is_empty() {
            lines.push(format!("  reproduce: {}", made.reproduce(seed, arguments)));
        }
        Ok((seed.to_string(), Some((made.programs, result)), lines))
    })?;
    let (programs, mut results): (Vec<usize>, Vec<ObjectResult>) =
        found.into_iter().flatten().unzip();
    results.sort_by(|a, b| a.object.cmp(&b.object));
    let totals = report::totals(&results);
    report::write(&out.join("objects.jsonl"), &results)?;
    report::write_tables(&out, &results)?;
    println!(
        "kernel {}, {} of {} sources compiled, with {} programs",
        bpfold_kernel::kernel_release(),
        results.len(),
        arguments.count,
        sum(&programs)
    );
    print!("{}", totals.text());
    println!("details: {}", out.display());
    Ok(totals.is_good() && totals.is_proven())
}

fn sum(numbers: &[usize]) -> usize {
    numbers.iter().sum()
}

/// Makes sources and objects.
struct Generator<'a> {
    compilers: &'a [Compiler],
    topics: &'a [Topic],
    out: &'a Path,
}

/// A source that was compiled.
struct Made {
    source: PathBuf,
    object: PathBuf,
    topic: Topic,
    build: Build,
    programs: usize,
}

impl Generator<'_> {
    /// Makes and compiles the source of a seed; why it does not compile, if it does not.
    fn make(&self, seed: u64) -> Result<Result<Made, String>> {
        let topic = self.topics[(seed % self.topics.len() as u64) as usize];
        let mut choices = Choices::from_seed(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
        let build = Build::choose(&mut choices, self.compilers);
        let Source { text, programs } = Source::choose(&mut choices, topic);
        let source = self.out.join(format!("seed{seed}.c"));
        let object = self.out.join(format!("seed{seed}.o"));
        fs::write(&source, text)?;
        match build.run(&source, &object) {
            Ok(()) => Ok(Ok(Made { source, object, topic, build, programs })),
            Err(why) => Ok(Err(format!("NOT COMPILED {why:#}"))),
        }
    }
}

impl Made {
    fn remove(&self) -> Result<()> {
        fs::remove_file(&self.source)?;
        Ok(fs::remove_file(&self.object)?)
    }

    fn reproduce(&self, seed: u64, arguments: &RandomCArguments) -> String {
        let topic = match arguments.topic.is_empty() {
            true => String::new(),
            false => format!(" --topic {:?}", self.topic).to_lowercase(),
        };
        let build = self.build.text(&self.source, &self.object);
        format!("cargo xtask random-c --seed {seed} --count 1{topic} ({build})")
    }
}
