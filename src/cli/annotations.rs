//! `--annotations github`: warnings and errors where GitHub shows them, beside the source lines of
//! a change. They go to standard error, which GitHub reads as well as standard output.

use std::fmt::Write as _;
use std::io::Write as _;

use bpfold::Report;
use bpfold::report::Note;

use super::error::CliError;

/// Tells the notes of a fold.
pub fn notes(report: &Report) {
    let mut text = String::new();
    for note in &report.notes {
        let (level, title) = match note.warning() {
            Some(name) => ("warning", name),
            None => ("notice", "note"),
        };
        add(&mut text, level, title, note);
    }
    tell(&text);
}

/// Tells why there is no result.
pub fn error(error: &CliError) {
    tell(&format!("::error title=bpfold::{}\n", data(&error.to_string())));
}

fn add(text: &mut String, level: &str, title: &str, note: &Note) {
    let source = note.location().and_then(|at| at.source.as_ref());
    let place = source.map(|source| {
        let column = match source.column {
            0 => String::new(),
            column => format!(",col={column}"),
        };
        format!("file={},line={}{column},", property(&source.file), source.line)
    });
    let place = place.unwrap_or_default();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "::{level} {place}title=bpfold {}::{}",
        property(title),
        data(&note.to_string())
    );
}

/// A message as GitHub's workflow commands escape it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property as GitHub's workflow commands escape it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

fn tell(text: &str) {
    // Nobody is left to tell if standard error cannot be written.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
