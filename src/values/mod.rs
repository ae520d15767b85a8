//! Files of values: which variable gets which value, in one of three forms.
//!
//! - Lines `NAME = VALUE`, the value in the syntax of [`Variables::set`]. `#` at the start of a
//!   line, or behind white space, begins a comment; a value goes on in the next line as long as a
//!   brace or parenthesis is open.
//! - TOML: tables are structs, `[cfg]` and `debug = false` below it set `cfg.debug` and no other
//!   member.
//! - JSON: objects are structs in the same way. What `bpfold vars --format json` prints is read as
//!   well, and means the values that it shows.
//!
//! ```
//! use bpfold::values::{self, Format};
//!
//! let lines = "cfg.mode = MODE_DENY_LISTED  # the safe one\ncfg.ports = {22,\n  23}\n";
//! let values = values::parse(lines, Format::Lines)?;
//! assert_eq!(values[0].name, "cfg.mode");
//! assert_eq!((values[1].line, values[1].name.as_str()), (Some(2), "cfg.ports"));
//!
//! let toml = "[cfg]\nmode = \"MODE_DENY_LISTED\"\nports = [22, 23]\n";
//! assert_eq!(values::parse(toml, Format::Toml)?[1].name, "cfg.ports");
//! # Ok::<(), values::ValuesError>(())
//! ```
//!
//! What a string of TOML and JSON means hangs on the type: text for an array of `char`, and else
//! what it says, as `"MODE_DENY_LISTED"` or `"htons(80)"`. So [`Assignment::text`] asks the
//! variables:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bpfold::values::{self, Format};
//!
//! let object = bpfold::Object::parse(&std::fs::read("probe.bpf.o")?)?;
//! let mut fold = bpfold::Fold::new(&object)?;
//! for value in values::parse(&std::fs::read_to_string("probe.toml")?, Format::Toml)? {
//!     let text = value.text(fold.variables());
//!     fold = fold.assign(&value.name, &text, "probe.toml")?;
//! }
//! # Ok(())
//! # }
//! ```

mod lines;
mod tree;

use crate::variables::Variables;

pub use tree::Tree;

/// How a file of values is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A `NAME = VALUE` on each line.
    Lines,
    /// TOML.
    Toml,
    /// JSON.
    Json,
}

impl Format {
    /// The form that a file's name and content tell: `.toml` and `.json` by name, JSON also by a
    /// brace at its start, and else lines.
    #[must_use]
    pub fn guess(file_name: &str, text: &str) -> Self {
        let ends = |end: &str| file_name.to_ascii_lowercase().ends_with(end);
        if ends(".toml") {
            Self::Toml
        } else if ends(".json") || text.trim_start().starts_with('{') {
            Self::Json
        } else {
            Self::Lines
        }
    }
}

/// A value for a variable, member or element.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// What is set.
    pub name: String,
    /// The value.
    pub value: Tree,
    /// The line that it starts in, from 1, if the form tells.
    pub line: Option<usize>,
}

impl Assignment {
    /// The value in the syntax of [`Variables::set`].
    #[must_use]
    pub fn text(&self, variables: &Variables<'_>) -> String {
        self.value.text(&self.name, variables)
    }
}

/// A file that is no file of values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ValuesError {
    /// The line, from 1, if it is known.
    pub line: Option<usize>,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl ValuesError {
    fn new(line: Option<usize>, problem: impl Into<String>) -> Self {
        Self { line, problem: problem.into() }
    }
}

/// The values of a file, in its order; those of TOML and JSON by the order of their lines.
///
/// # Errors
/// A text that is not of the form.
pub fn parse(text: &str, format: Format) -> Result<Vec<Assignment>, ValuesError> {
    match format {
        Format::Lines => lines::parse(text),
        Format::Toml => tree::parse_toml(text),
        Format::Json => tree::parse_json(text),
    }
}

/// The values below a table of a TOML file, whose other tables can hold anything; none if it has
/// no such table.
///
/// # Errors
/// A text that is no TOML; something that is no value.
pub fn parse_table(text: &str, table: &[&str]) -> Result<Vec<Assignment>, ValuesError> {
    tree::parse_toml_table(text, table)
}

/// The line of a byte of a text, from 1.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}
