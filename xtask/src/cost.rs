//! `cargo xtask cost`: what each rule of the passes makes the verifier do.
//!
//! Each object is folded under several settings: with the default rules, without any, with each
//! rule as the only one, and with all rules but one. The running kernel loads the original and
//! each result, and tells how many instructions it went through.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use bpfold::passes::rules::{Rule, Rules};
use bpfold::{Kernel, Object};
use bpfold_kernel::ObjectVerdict;

use crate::assignments::{self, Assignment};
use crate::bound;
use crate::judge::sizes;
use crate::objects;
use crate::oracle::{Oracle, Question};
use crate::result::Sizes;
use crate::trial::guarded;

/// Measure what each rule of the passes costs or saves the verifier of the running kernel
///
/// Prints a table with a line for each setting: instructions of all programs and those that the
/// verifier goes through, as parts of what they were before, how many programs need more than
/// the bound, and the worst of them.
#[derive(Debug, clap::Args)]
pub struct CostArguments {
    /// Where objects are; the cache's without any
    #[arg(long = "dir", value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Only these assignments: stored, flipped, zero, one, minus-one, max, kernel, core
    #[arg(long, value_name = "NAME", default_values = ["stored"])]
    pub assignment: Vec<String>,
    /// Where objects and verdicts are kept
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Seconds that the kernel may take for an object
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub limit: u64,
    /// Measure these rules together, in place of each rule with and without the others
    #[arg(long, value_name = "RULE,RULE", value_delimiter = ',')]
    pub rules: Option<Vec<String>>,
    /// Print each program of which verification needs more or fewer instructions
    #[arg(long)]
    pub programs: bool,
}

/// A way to fold.
struct Setting {
    name: String,
    rules: Rules,
}

/// What a setting makes of all programs.
#[derive(Default)]
struct Sum {
    programs: usize,
    instructions: (u64, u64),
    verified: (u64, u64),
    peak_states: (u64, u64),
    /// Programs that need more than the bound allows.
    above: usize,
    lost: usize,
    /// The ratio of the worst program, and its name.
    worst: (f64, String),
}

/// Runs the command.
pub fn run(arguments: &CostArguments) -> Result<bool> {
    let cache = arguments.cache.clone().unwrap_or_else(crate::cache::dir);
    let dirs = match arguments.dirs.is_empty() {
        true => vec![cache.join("objects")],
        false => arguments.dirs.clone(),
    };
    let settings = settings(arguments)?;
    let oracle = Oracle::new(&cache, Duration::from_secs(arguments.limit))?;
    let cost = Cost { arguments, oracle, kernel: assignments::host_kernel()?, settings };
    let mut sums: Vec<Sum> = cost.settings.iter().map(|_| Sum::default()).collect();
    let mut failed = 0;
    for path in objects::find(&dirs) {
        if let Err(error) = guarded(|| cost.object(&path, &mut sums)) {
            failed += 1;
            eprintln!("{}: {error:#}", path.display());
        }
    }
    println!("kernel {}", bpfold_kernel::kernel_release());
    print!("{}", table(&cost.settings, &sums));
    if failed > 0 {
        println!("{failed} objects could not be measured");
    }
    Ok(failed == 0)
}

fn settings(arguments: &CostArguments) -> Result<Vec<Setting>> {
    let setting = |name: &str, rules| Setting { name: name.to_owned(), rules };
    let mut settings = vec![setting("default", Rules::default()), setting("no rule", Rules::NONE)];
    if let Some(names) = &arguments.rules {
        let rules = names.iter().filter(|name| !name.is_empty()).map(|name| {
            let rule = Rule::ALL.iter().find(|rule| rule.name() == name);
            rule.copied().with_context(|| format!("no rule is called {name}"))
        });
        settings.push(setting("these rules", rules.collect::<Result<Rules>>()?));
        return Ok(settings);
    }
    for &rule in Rule::ALL {
        settings.push(setting(&format!("only {rule}"), Rules::NONE.with(rule)));
    }
    for &rule in Rule::ALL {
        let rules = Rules::default();
        settings.push(match rules.contains(rule) {
            true => setting(&format!("without {rule}"), rules.without(rule)),
            false => setting(&format!("with {rule}"), rules.with(rule)),
        });
    }
    Ok(settings)
}

struct Cost<'a> {
    arguments: &'a CostArguments,
    oracle: Oracle,
    kernel: Kernel,
    settings: Vec<Setting>,
}

impl Cost<'_> {
    fn object(&self, path: &Path, sums: &mut [Sum]) -> Result<()> {
        let object = Object::parse(&fs::read(path)?)?;
        for assignment in assignments::of(&object)? {
            if self.arguments.assignment.iter().any(|name| name == assignment.name) {
                self.assignment(path, &object, &assignment, sums)?;
            }
        }
        Ok(())
    }

    fn assignment(
        &self,
        path: &Path,
        object: &Object,
        assignment: &Assignment,
        sums: &mut [Sum],
    ) -> Result<()> {
        let name = objects::name_of(path);
        let mut before: Option<ObjectVerdict> = None;
        // Settings that make the same of it are asked about once.
        let mut known: BTreeMap<Vec<u8>, ObjectVerdict> = BTreeMap::new();
        for (setting, sum) in self.settings.iter().zip(sums) {
            let fold = assignment.prepare(object, &self.kernel)?.rules(setting.rules);
            let original = fold.unfolded()?;
            let folded = fold.run()?;
            if folded.report.branches.is_empty() && folded.report.loads.is_empty() {
                return Ok(());
            }
            let before = match &before {
                Some(before) => before,
                None => before.insert(self.oracle.ask(&original, &name, Question::Load)?),
            };
            let after = match known.get(&folded.bytes) {
                Some(after) => after.clone(),
                None => self.oracle.ask(&folded.bytes, &name, Question::Load)?,
            };
            for program in &before.programs {
                let Some(old) = sizes(program) else { continue };
                let Some(new) = after.program(&program.section, &program.name) else { continue };
                let place = format!("{} {} {}", path.display(), assignment.name, program.name);
                match sizes(new) {
                    Some(new) => {
                        if self.arguments.programs && old.verified != new.verified {
                            println!(
                                "{}\t{place}\t{}\t{}\t{}\t{}",
                                setting.name,
                                old.instructions,
                                new.instructions,
                                old.verified,
                                new.verified
                            );
                        }
                        sum.add(old, new, place);
                    }
                    None => {
                        sum.lost += 1;
                        println!("{}\t{place}\tlost", setting.name);
                    }
                }
            }
            known.insert(folded.bytes, after);
        }
        Ok(())
    }
}

impl Sum {
    fn add(&mut self, old: Sizes, new: Sizes, place: String) {
        if old.instructions == new.instructions && old.verified == new.verified {
            return;
        }
        self.programs += 1;
        let add = |sum: &mut (u64, u64), old: u32, new: u32| {
            sum.0 += u64::from(old);
            sum.1 += u64::from(new);
        };
        add(&mut self.instructions, old.instructions, new.instructions);
        add(&mut self.verified, old.verified, new.verified);
        add(&mut self.peak_states, old.peak_states, new.peak_states);
        self.above += usize::from(bound::is_above(old.verified, new.verified));
        let ratio = bound::ratio(old.verified, new.verified);
        if ratio > self.worst.0 {
            self.worst = (ratio, format!("{place}: {} → {}", old.verified, new.verified));
        }
    }
}

/// A line for each setting, in the form of a table of Markdown.
fn table(settings: &[Setting], sums: &[Sum]) -> String {
    let mut out = String::from(
        "| setting | programs | instructions | verified | peak states | above the bound | lost | worst |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let ratio = |(old, new): (u64, u64)| new as f64 / old.max(1) as f64;
    for (setting, sum) in settings.iter().zip(sums) {
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "| {} | {} | {:.4} | {:.4} | {:.4} | {} | {} | {:.3} {} |",
            setting.name,
            sum.programs,
            ratio(sum.instructions),
            ratio(sum.verified),
            ratio(sum.peak_states),
            sum.above,
            sum.lost,
            sum.worst.0,
            sum.worst.1,
        );
    }
    out
}
