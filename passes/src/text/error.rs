//! Why a text is not a program.

/// An error of [`parse`](super::parse) with the place where it was noticed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct ParseError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub kind: ParseErrorKind,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// A character that begins nothing.
    #[error("unexpected character {0:?}")]
    Character(char),
    /// A quoted name that does not end on its line, or an escape that is not one.
    #[error("quoted name without end, or with an unknown escape")]
    Quote,
    /// Something else should stand here.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What should stand here.
        expected: &'static str,
        /// What stands here.
        found: String,
    },
    /// A number that does not fit its field.
    #[error("{number} does not fit: {field} is {min} to {max}")]
    Range {
        /// The number.
        number: i128,
        /// The field.
        field: &'static str,
        /// The least number that fits.
        min: i128,
        /// The greatest number that fits.
        max: i128,
    },
    /// A name that nothing declares.
    #[error("unknown {what} {name:?}")]
    Unknown {
        /// What the name should name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name that several entities have, without a number.
    #[error("several {what}s are called {name:?}: write which, {name}@NUMBER")]
    Ambiguous {
        /// What the name names.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A label that stands twice in a function.
    #[error("label {0:?} stands twice")]
    DuplicateLabel(String),
    /// A helper whose name and number do not belong together.
    #[error("helper {number} is called {name}")]
    HelperName {
        /// The number.
        number: i128,
        /// The name of that helper.
        name: &'static str,
    },
    /// A section that is larger than any object's.
    #[error("section of more than {0} bytes")]
    SectionSize(usize),
}
