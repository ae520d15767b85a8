//! Tables and totals.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::bound;
use crate::result::{
    AssignmentResult, Kind, ObjectResult, ProgramResult, Residual, ResidualEdge, Sizes,
};

/// Results from a file of lines; a line that is not complete is left out.
pub fn read(path: &Path) -> Result<Vec<ObjectResult>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("{}: cannot read", path.display())),
    }
}

/// Writes results as a file of lines.
pub fn write(path: &Path, results: &[ObjectResult]) -> Result<()> {
    let mut text = String::new();
    for result in results {
        writeln!(text, "{}", serde_json::to_string(result)?)?;
    }
    fs::write(path, text).with_context(|| format!("{}: cannot write", path.display()))
}

/// Kinds of programs that are attached to functions, hooks, tracepoints and iterators of the
/// kernel. Policies can forbid them, and all of them are given pointers to its structures.
pub const ATTACHED: &[&str] =
    &["fentry", "fexit", "fmod_ret", "lsm", "lsm_cgroup", "tp_btf", "iter"];

/// The kind of a program by its section: what is before the slash, without the marks for
/// programs that are not loaded by default and for those that may sleep.
pub fn kind_of(section: &str) -> &str {
    let section = section.trim_start_matches('?');
    let kind = section.split('/').next().unwrap_or(section);
    kind.trim_end_matches(".s")
}

/// Numbers that add up.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    objects: usize,
    unreadable: usize,
    refused: usize,
    folds: usize,
    untried: usize,
    whole: (usize, usize),
    whole_lost: usize,
    programs: usize,
    dropped: usize,
    /// Functions that the checker has proven, and could not prove.
    proof: (usize, usize),
    loaded: (usize, usize),
    lost: usize,
    /// Programs by kind: all, those that load before and after, and those that are lost.
    kinds: BTreeMap<String, [usize; 4]>,
    instructions: (u64, u64),
    grown: usize,
    xlated: (u64, u64),
    xlated_grown: usize,
    jited: (u64, u64),
    verified: (u64, u64),
    /// Programs that need more verified instructions than the bound allows.
    above: usize,
    /// The largest ratio of verified instructions, and of which program.
    worst: (f64, String),
    /// Verified instructions of programs of which folding has changed the code.
    changed: (u64, u64),
    peak_states: (u64, u64),
    verification_us: (u64, u64),
    maps: (u64, u64),
    ratios: Vec<f64>,
    ran: usize,
    runs: usize,
    different: usize,
    fold_ms: Vec<f64>,
    notes: BTreeMap<String, usize>,
    /// By assignment.
    residual: BTreeMap<String, ResidualTotals>,
}

/// What is left that the verifier never visits.
#[derive(Clone, Debug, Default)]
struct ResidualTotals {
    /// Programs of which it is known.
    known: usize,
    /// Programs in which there is something.
    programs: usize,
    instructions: usize,
    /// Programs in which there is something that is dead in all programs of the object.
    everywhere: usize,
    /// Programs, edges and instructions.
    kinds: BTreeMap<Kind, (usize, usize, usize)>,
}

impl ResidualTotals {
    fn add(&mut self, residual: &Residual) {
        self.known += 1;
        self.programs += usize::from(residual.instructions > 0);
        self.instructions += residual.instructions;
        let elsewhere = |edge: &ResidualEdge| edge.kind == Kind::SharedSubprogram;
        self.everywhere += usize::from(!residual.edges.iter().all(elsewhere));
        let mut kinds: Vec<Kind> = Vec::new();
        for edge in &residual.edges {
            let (programs, edges, instructions) = self.kinds.entry(edge.kind).or_default();
            *edges += 1;
            *instructions += edge.instructions as usize;
            if !kinds.contains(&edge.kind) {
                kinds.push(edge.kind);
                *programs += 1;
            }
        }
    }
}

/// Adds everything up.
pub fn totals(results: &[ObjectResult]) -> Totals {
    let mut totals = Totals { objects: results.len(), ..Totals::default() };
    for result in results {
        totals.unreadable += usize::from(result.refused.contains_key("read"));
        totals.refused += result.refused.keys().filter(|name| *name != "read").count();
        for assignment in &result.assignments {
            totals.assignment(assignment, &result.object);
        }
    }
    totals
}

impl Totals {
    fn assignment(&mut self, assignment: &AssignmentResult, object: &str) {
        self.folds += 1;
        self.untried += usize::from(assignment.untried.is_some());
        if let Some((before, after)) = assignment.whole {
            self.whole.0 += usize::from(before);
            self.whole.1 += usize::from(after);
            self.whole_lost += usize::from(before && !after);
        }
        self.dropped += assignment.dropped;
        self.proof.0 += assignment.proven;
        self.proof.1 += assignment.unproven.len();
        self.fold_ms.push(assignment.fold_ms);
        for (kind, count) in &assignment.notes {
            *self.notes.entry(kind.clone()).or_default() += count;
        }
        for program in &assignment.programs {
            self.program(program, assignment, object);
        }
    }

    fn program(&mut self, program: &ProgramResult, assignment: &AssignmentResult, object: &str) {
        self.programs += 1;
        self.loaded.0 += usize::from(program.before.is_some());
        self.loaded.1 += usize::from(program.after.is_some());
        self.lost += usize::from(is_lost(program));
        let kind = self.kinds.entry(kind_of(&program.section).to_owned()).or_default();
        kind[0] += 1;
        kind[1] += usize::from(program.before.is_some());
        kind[2] += usize::from(program.after.is_some());
        kind[3] += usize::from(is_lost(program));
        if let (Some(before), Some(after)) = (program.before, program.after) {
            let add = |sum: &mut (u64, u64), part: fn(&Sizes) -> u64| {
                sum.0 += part(&before);
                sum.1 += part(&after);
            };
            add(&mut self.instructions, |sizes| sizes.instructions.into());
            add(&mut self.xlated, |sizes| sizes.xlated.into());
            add(&mut self.jited, |sizes| sizes.jited.into());
            add(&mut self.verified, |sizes| sizes.verified.into());
            add(&mut self.peak_states, |sizes| sizes.peak_states.into());
            add(&mut self.verification_us, |sizes| sizes.verification_us);
            add(&mut self.maps, |sizes| sizes.maps.into());
            if before.instructions != after.instructions || before.verified != after.verified {
                add(&mut self.changed, |sizes| sizes.verified.into());
            }
            self.above += usize::from(bound::is_above(before.verified, after.verified));
            let ratio = bound::ratio(before.verified, after.verified);
            if ratio > self.worst.0 {
                let place = format!("{object} {} {}", assignment.name, program.name);
                self.worst = (ratio, format!("{place}: {} → {}", before.verified, after.verified));
            }
            self.grown += usize::from(before.instructions < after.instructions);
            self.xlated_grown += usize::from(before.xlated < after.xlated);
            if assignment.branches > 0 && after.instructions < before.instructions {
                self.ratios.push(f64::from(after.xlated) / f64::from(before.xlated.max(1)));
            }
        }
        self.ran += usize::from(program.runs > 0);
        self.runs += program.runs;
        self.different += usize::from(!program.differences.is_empty());
        if let Some(residual) = &program.residual {
            self.residual.entry(assignment.name.clone()).or_default().add(residual);
        }
    }

    /// Nothing is lost, larger or different, and the verifier has no more to do.
    pub fn is_good(&self) -> bool {
        let wrong = self.lost + self.whole_lost + self.grown + self.xlated_grown + self.different;
        wrong + self.above == 0 && bound::is_sum_within(self.verified)
    }

    /// No function was left alone since it could not be proven.
    pub fn is_proven(&self) -> bool {
        self.proof.1 == 0
    }

    /// The totals for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |what: &str, value: String| {
            // Writing to a string does not fail.
            let _ = writeln!(out, "{what:<42} {value}");
        };
        let change = |(before, after): (u64, u64)| {
            let percent = (after as f64 / before.max(1) as f64 - 1.0) * 100.0;
            format!("{before} → {after} ({percent:+.1} %)")
        };
        line("objects", format!("{} ({} cannot be read)", self.objects, self.unreadable));
        line("folds", format!("{} ({} refused)", self.folds, self.refused));
        line("  not tried in the kernel", self.untried.to_string());
        line("  load whole", format!("{} → {}", self.whole.0, self.whole.1));
        let (proven, unproven) = self.proof;
        line("functions proven", format!("{proven}, not proven and left alone {unproven}"));
        line("programs", self.programs.to_string());
        line("  dropped, since nothing enters them", self.dropped.to_string());
        line("  load", format!("{} → {}", self.loaded.0, self.loaded.1));
        line("  regressions", format!("{} (and {} objects)", self.lost, self.whole_lost));
        for (kind, [tried, before, after, lost]) in
            self.kinds.iter().filter(|(kind, _)| ATTACHED.contains(&kind.as_str()))
        {
            line(&format!("  {kind}"), format!("{tried}, load {before} → {after}, lost {lost}"));
        }
        line("instructions", change(self.instructions));
        line("  programs that grew", self.grown.to_string());
        line("xlated instructions", change(self.xlated));
        line("  programs that grew", self.xlated_grown.to_string());
        line(
            "  geometric mean where branches went",
            format!("{:.4} over {} programs", geometric_mean(&self.ratios), self.ratios.len()),
        );
        line("jited bytes", change(self.jited));
        line("verified instructions", change(self.verified));
        line("  of programs that were changed", change(self.changed));
        line("  programs above the bound", self.above.to_string());
        line("  worst", format!("{:.3} {}", self.worst.0, self.worst.1));
        line("peak states", change(self.peak_states));
        let us = self.verification_us;
        line("verification time in ms", change((us.0 / 1000, us.1 / 1000)));
        line("maps of programs", change(self.maps));
        line(
            "programs test-run",
            format!("{} with {} runs, {} differ", self.ran, self.runs, self.different),
        );
        let fold_ms: f64 = self.fold_ms.iter().sum();
        line(
            "folding",
            format!(
                "{:.1} s, median {:.2} ms, longest {:.0} ms",
                fold_ms / 1000.0,
                median(&self.fold_ms),
                self.fold_ms.iter().copied().fold(0.0, f64::max)
            ),
        );
        for (kind, count) in &self.notes {
            line(&format!("  notes: {kind}"), count.to_string());
        }
        for (assignment, residual) in &self.residual {
            line(
                &format!("{assignment}: programs with dead code left"),
                format!(
                    "{} of {} ({} instructions), {} with code that no program reaches",
                    residual.programs, residual.known, residual.instructions, residual.everywhere
                ),
            );
            for (kind, (programs, edges, instructions)) in &residual.kinds {
                line(
                    &format!("  {}", kind.title()),
                    format!("{programs} programs, {edges} branches, {instructions} instructions"),
                );
            }
        }
        out
    }
}

fn geometric_mean(ratios: &[f64]) -> f64 {
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (logarithms / ratios.len().max(1) as f64).exp()
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn is_lost(program: &ProgramResult) -> bool {
    program.before.is_some() && program.after.is_none()
}

/// What must not be, a line each.
pub fn problems(result: &ObjectResult) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, reason) in &result.refused {
        problems.push(format!("REFUSED {} {name}: {reason}", result.object));
    }
    for assignment in &result.assignments {
        let place = format!("{} {}", result.object, assignment.name);
        problems.extend(assignment.unproven.iter().map(|why| format!("UNPROVEN {place} {why}")));
        if let Some(untried) = &assignment.untried {
            problems.push(format!("UNTRIED {place}: {untried}"));
        }
        if assignment.whole == Some((true, false)) {
            problems.push(format!("OBJECT {place}: does not load whole any more"));
        }
        for program in &assignment.programs {
            let place = format!("{place} {}", program.name);
            if is_lost(program) {
                let failure = program.failure.clone().unwrap_or_default();
                problems.push(format!("REGRESSION {place}: {failure}"));
            }
            if let (Some(before), Some(after)) = (program.before, program.after) {
                for (what, before, after) in [
                    ("GROWN", before.instructions, after.instructions),
                    ("XLATED", before.xlated, after.xlated),
                ] {
                    if before < after {
                        problems.push(format!("{what} {place}: {before} → {after}"));
                    }
                }
                if bound::is_above(before.verified, after.verified) {
                    let (before, after) = (before.verified, after.verified);
                    problems.push(format!("COSTLIER {place}: {before} → {after}"));
                }
            }
            if let Some(difference) = program.differences.first() {
                let others = program.differences.len() - 1;
                problems.push(format!("DIFFERS {place}: {difference} (and {others} more)"));
            }
        }
    }
    problems
}

/// Writes `programs.tsv`, `residual.tsv`, `problems.txt` and `totals.txt`.
pub fn write_tables(out: &Path, results: &[ObjectResult]) -> Result<()> {
    let mut programs = String::from(
        "object\tassignment\tsection\tprogram\tinstructions\tafter\txlated\tafter\tjited\tafter\t\
         verified\tafter\tpeak_states\tafter\tverification_us\tafter\tmaps\tafter\truns\tdiffer\tunvisited\tfailure\n",
    );
    let mut residual = String::from(
        "kind\tobject\tassignment\tprogram\tfunction\tfrom\tto\tinstructions\tline\toperands\n",
    );
    for result in results {
        for assignment in &result.assignments {
            for program in &assignment.programs {
                let object = &result.object;
                let numbers = |part: fn(&Sizes) -> u64| {
                    let text = |sizes: Option<Sizes>| {
                        sizes.map_or(String::new(), |sizes| part(&sizes).to_string())
                    };
                    format!("{}\t{}", text(program.before), text(program.after))
                };
                writeln!(
                    programs,
                    "{object}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
                    assignment.name,
                    program.section,
                    program.name,
                    numbers(|sizes| sizes.instructions.into()),
                    numbers(|sizes| sizes.xlated.into()),
                    numbers(|sizes| sizes.jited.into()),
                    numbers(|sizes| sizes.verified.into()),
                    numbers(|sizes| sizes.peak_states.into()),
                    numbers(|sizes| sizes.verification_us),
                    numbers(|sizes| sizes.maps.into()),
                    program.runs,
                    program.differences.len(),
                    program.residual.as_ref().map_or(0, |residual| residual.instructions),
                    program.failure.as_deref().unwrap_or_default(),
                )?;
                for edge in program.residual.iter().flat_map(|residual| &residual.edges) {
                    writeln!(
                        residual,
                        "{:?}\t{object}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
                        edge.kind,
                        assignment.name,
                        program.name,
                        edge.function,
                        edge.edge.0,
                        edge.edge.1,
                        edge.instructions,
                        edge.line,
                        edge.operands,
                    )?;
                }
            }
        }
    }
    let problems: Vec<String> = results.iter().flat_map(problems).collect();
    fs::write(out.join("programs.tsv"), programs)?;
    fs::write(out.join("residual.tsv"), residual)?;
    fs::write(out.join("problems.txt"), problems.join("\n"))?;
    fs::write(out.join("totals.txt"), totals(results).text())?;
    Ok(())
}
