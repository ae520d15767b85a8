//! The comparison for people: a table, then what does not load and what differs.

use bpfold_kernel::{Failure, Loaded, Outcome};

use super::comparison::{Comparison, ProgramComparison, Whole};
use crate::cli::table::{Align, Table, printable};

/// Differences that are shown of a program.
const DIFFERENCES_SHOWN: usize = 4;

/// The text.
pub fn text(comparison: &Comparison) -> String {
    let has_runs = comparison.programs.iter().any(|program| program.runs > 0);
    let mut columns = vec![
        ("PROGRAM", Align::Left),
        ("SECTION", Align::Left),
        ("VERDICT", Align::Left),
        ("INSTRUCTIONS", Align::Right),
        ("VERIFIED", Align::Right),
        ("STATES", Align::Right),
        ("XLATED", Align::Right),
        ("JITED", Align::Right),
        ("MS", Align::Right),
        ("MAPS", Align::Right),
    ];
    columns.extend(has_runs.then_some(("RUNS", Align::Right)));
    let mut table = Table::new(&columns);
    for program in &comparison.programs {
        table.row(cells(program).into_iter().chain(has_runs.then(|| runs(program))));
    }
    let mut text = table.to_text("");
    let mut line = |line: String| {
        text.push_str(&printable(&line));
        text.push('\n');
    };
    for program in &comparison.programs {
        let outcomes = [("before", Some(&program.before)), ("after", program.after.as_ref())];
        for (when, outcome) in outcomes {
            if let Some(Outcome::Failed(failure)) = outcome {
                line(format!("{} {when}: {}", program.name, reason(failure)));
            }
        }
        for difference in program.differences.iter().take(DIFFERENCES_SHOWN) {
            line(format!("{} differs: {difference}", program.name));
        }
        if program.differences.len() > DIFFERENCES_SHOWN {
            let others = program.differences.len() - DIFFERENCES_SHOWN;
            line(format!("{} differs: {others} more", program.name));
        }
    }
    for program in &comparison.programs {
        if let Some((before, after)) = program.costlier() {
            line(format!(
                "{} takes the verifier more: {before} → {after} instructions; `fold --verify-cost \
                 host` tries other ways to fold it",
                program.name
            ));
        }
    }
    for (when, whole) in [("before", &comparison.before), ("after", &comparison.after)] {
        line(format!("object {when}: {}", whole_text(whole)));
    }
    line(format!("kernel {}", comparison.kernel));
    text
}

fn whole_text(whole: &Whole) -> String {
    let text = match (&whole.failure, whole.maps) {
        (Some(failure), _) => reason(failure),
        (None, Some(1)) => "loads, 1 map created".to_owned(),
        (None, maps) => format!("loads, {} maps created", maps.unwrap_or(0)),
    };
    match whole.static_programs {
        true => format!("{text} (its static programs as global ones: libbpf refuses static ones)"),
        false => text,
    }
}

fn reason(failure: &Failure) -> String {
    match failure.message.as_str() {
        "" => failure.class.to_string(),
        message => format!("{}: {message}", failure.class),
    }
}

fn cells(program: &ProgramComparison) -> Vec<String> {
    let number = |part: fn(&Loaded) -> u32| change(program, |loaded| part(loaded).to_string());
    vec![
        program.name.clone(),
        program.section.clone(),
        verdict(program),
        number(|loaded| loaded.instructions),
        number(|loaded| loaded.verified),
        change(program, states),
        number(|loaded| loaded.xlated),
        number(|loaded| loaded.jited),
        change(program, milliseconds),
        number(|loaded| loaded.maps),
    ]
}

fn verdict(program: &ProgramComparison) -> String {
    let word = |outcome: &Outcome| match outcome {
        Outcome::Loaded(_) => "loads",
        Outcome::Failed(_) => "fails",
    };
    let (before, after) = (word(&program.before), program.after.as_ref().map_or("dropped", word));
    both(before.to_owned(), after.to_owned())
}

/// States that the verifier kept at the same time, at most.
fn states(loaded: &Loaded) -> String {
    loaded.peak_states.map_or("?".to_owned(), |states| states.to_string())
}

fn milliseconds(loaded: &Loaded) -> String {
    let us = loaded.verification_us;
    us.map_or("?".to_owned(), |us| format!("{}.{}", us / 1000, us % 1000 / 100))
}

/// A number before and after, of which there may be one only.
fn change(program: &ProgramComparison, part: impl Fn(&Loaded) -> String) -> String {
    match program.loaded() {
        (Some(before), Some(after)) => both(part(before), part(after)),
        (Some(only), None) | (None, Some(only)) => part(only),
        (None, None) => String::new(),
    }
}

fn both(before: String, after: String) -> String {
    if before == after { before } else { format!("{before} → {after}") }
}

fn runs(program: &ProgramComparison) -> String {
    match (program.runs, program.differences.len()) {
        (0, _) => String::new(),
        (runs, 0) => format!("{runs} same"),
        (_, differences) => format!("{differences} differ"),
    }
}
