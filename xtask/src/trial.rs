//! One object under several assignments, before and after, in the running kernel.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use bpfold::{Kernel, Object, Report};
use bpfold_kernel::{FailureClass, ObjectVerdict, ProgramRun, ProgramVerdict, differences};

use crate::assignments::{self, Assignment, Pair};
use crate::judge::judge;
use crate::objects;
use crate::oracle::{Oracle, Question};
use crate::residual;
use crate::result::{AssignmentResult, ObjectResult};

/// Runs of the original in all before a difference counts, and of the folded object too.
const RUNS_TO_CONFIRM: u32 = 6;

/// How objects are tried.
pub struct Trial<'a> {
    /// The running kernel.
    pub oracle: &'a Oracle,
    /// Names of the assignments; all without any.
    pub assignments: &'a [String],
    /// Programs are run, too.
    pub runs: bool,
    /// What the verifier never visits is asked, too.
    pub residual: bool,
    /// An object that takes the kernel too long is tried under no other assignment.
    pub once: bool,
    /// What bpfold is told of the kernel.
    pub kernel: Kernel,
}

impl Trial<'_> {
    /// Folds an object under the assignments, and asks the kernel before and after.
    pub fn object(&self, path: &Path) -> Result<ObjectResult> {
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
        let wanted = self.assignments;
        assignments.retain(|assignment| {
            wanted.is_empty() || wanted.iter().any(|name| name == assignment.name)
        });
        for assignment in assignments {
            let start = Instant::now();
            match guarded(|| assignment.apply(&object, &self.kernel)) {
                Ok(pair) => {
                    let elapsed = start.elapsed().as_secs_f64() * 1000.0;
                    let judged = self.assignment(&assignment, &pair, &name, elapsed)?;
                    let is_untried = judged.untried.is_some();
                    result.assignments.push(judged);
                    if is_untried && self.once {
                        break;
                    }
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
        let mut after = self.ask(&pair.folded, name)?;
        if timed_out(&after) && !timed_out(&before) {
            after = self.oracle.ask_patiently(&pair.folded, name, self.question())?;
        }
        for (when, verdict) in [("before", &before), ("after", &after)] {
            if let Some(failure) = &verdict.whole
                && matches!(failure.class, FailureClass::TimedOut | FailureClass::Died)
            {
                result.untried = Some(format!("{when}: {:?}: {}", failure.class, failure.message));
                return Ok(result);
            }
        }
        // Programs find in their maps what others left there, which are not there where the
        // object does not load whole.
        let alone = self.runs && before.whole.is_some() && after.whole.is_none();
        if alone {
            let verdict = self.oracle.ask(&pair.folded, name, Question::RunAlone(0))?;
            after.programs = verdict.programs;
        }
        let mut residual = match assignment.name {
            "stored" | "kernel" if self.residual => {
                residual::classify(&self.oracle.ask(&pair.folded, name, Question::Unvisited)?)
            }
            _ => BTreeMap::new(),
        };
        let runs = Runs { oracle: self.oracle, pair, name, alone };
        judge(
            &mut result,
            (&before, &after),
            &pair.report,
            &|program, before, after| runs.differences(program, before, after),
            |program| residual.remove(&(program.section.clone(), program.name.clone())),
        )?;
        Ok(result)
    }

    fn question(&self) -> Question {
        if self.runs { Question::Run(0) } else { Question::Load }
    }

    /// The verdict, with test runs unless the process dies of them.
    fn ask(&self, bytes: &[u8], name: &str) -> Result<ObjectVerdict> {
        if self.runs {
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
    /// Programs of the folded object are loaded without the others.
    alone: bool,
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
        let run = |bytes: &[u8], question| -> Result<Option<ProgramRun>> {
            let again = self.oracle.ask(bytes, self.name, question)?;
            let again = again.program(&program.section, &program.name);
            Ok(again.and_then(|program| program.run.clone()))
        };
        for repetition in RUNS_TO_CONFIRM..2 * RUNS_TO_CONFIRM {
            let question = match self.alone {
                true => Question::RunAlone(repetition),
                false => Question::Run(repetition),
            };
            let folded = run(&self.pair.folded, question)?;
            known.extend(run(&self.pair.original, Question::Run(repetition))?);
            let known: Vec<&ProgramRun> = known.iter().collect();
            if folded.is_some_and(|folded| differences(&known, &folded).is_empty()) {
                return Ok(Vec::new());
            }
        }
        Ok(found)
    }
}

fn timed_out(verdict: &ObjectVerdict) -> bool {
    verdict.whole.as_ref().is_some_and(|failure| failure.class == FailureClass::TimedOut)
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
