//! `NAME = VALUE` lines.

use super::{Assignment, Tree, ValuesError};

/// A line without its comment, and what it leaves open.
#[derive(Default)]
struct Scan {
    text: String,
    /// Braces, brackets and parentheses that are open.
    open: i64,
}

pub(super) fn parse(text: &str) -> Result<Vec<Assignment>, ValuesError> {
    let mut values = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate();
    while let Some((at, first)) = lines.next() {
        let line = Some(at + 1);
        let Scan { text: mut statement, mut open } = scan(first, line)?;
        // A value also starts in the line behind the sign.
        while open > 0 || statement.trim_end().ends_with('=') {
            let Some((at, next)) = lines.next() else {
                let problem = match open > 0 {
                    true => "the value has a brace or parenthesis that is not closed",
                    false => "expected a value behind `=`",
                };
                return Err(ValuesError::new(line, problem));
            };
            let next = scan(next, Some(at + 1))?;
            open += next.open;
            statement.push(' ');
            statement.push_str(next.text.trim());
        }
        let statement = statement.trim().trim_end_matches(';').trim_end();
        if statement.is_empty() {
            continue;
        }
        let (name, value) = statement
            .split_once('=')
            .map(|(name, value)| (name.trim(), value.trim()))
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| ValuesError::new(line, format!("`{statement}`: expected NAME=VALUE")))?;
        let value = Tree::Written(value.to_owned());
        values.push(Assignment { name: name.to_owned(), value, line });
    }
    Ok(values)
}

/// A line up to its comment. Strings and characters in quotes can hold anything.
fn scan(line: &str, number: Option<usize>) -> Result<Scan, ValuesError> {
    let mut found = Scan::default();
    let mut quote = None;
    let mut before = ' ';
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match (quote, char) {
            (Some(_), '\\') => {
                found.text.push(char);
                found.text.extend(chars.next());
                before = char;
                continue;
            }
            (Some(end), _) if char == end => quote = None,
            (Some(_), _) => {}
            (None, '#') if before.is_whitespace() => break,
            (None, '"') => quote = Some(char),
            // In a word, `'` is an apostrophe.
            (None, '\'') if !before.is_alphanumeric() => quote = Some(char),
            (None, '{' | '(' | '[') => found.open += 1,
            (None, '}' | ')' | ']') => found.open -= 1,
            (None, _) => {}
        }
        found.text.push(char);
        before = char;
    }
    match quote {
        None => Ok(found),
        Some(quote) => {
            let problem = format!("expected `{quote}` at the end of the string");
            Err(ValuesError::new(number, problem))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::expect_used)]

    use super::*;

    fn parsed(text: &str) -> Vec<(usize, String, String)> {
        let values = parse(text).unwrap_or_else(|error| panic!("{error}"));
        let written = |value| match value {
            Tree::Written(text) => text,
            other => format!("{other:?}"),
        };
        values
            .into_iter()
            .map(|value| (value.line.unwrap_or(0), value.name, written(value.value)))
            .collect()
    }

    #[test]
    fn comments_stand_alone_and_behind_values() {
        let text = "# all\n  # this\na = 1 # one\nb=eth#0\nc = \"# no\" #yes\nd = '#'\t# a tab\n";
        let expected = [(3, "a", "1"), (4, "b", "eth#0"), (5, "c", "\"# no\""), (6, "d", "'#'")];
        let expected =
            expected.map(|(line, name, value)| (line, name.to_owned(), value.to_owned()));
        assert_eq!(parsed(text), expected);
    }

    #[test]
    fn values_go_on_while_a_brace_is_open() {
        let text = "cfg = {\n  .a = 1,  # one\n  .b = {2, 3},\n}\nnext = 4\nlate =\n  5\n";
        let expected = [(1, "cfg", "{ .a = 1, .b = {2, 3}, }"), (5, "next", "4"), (6, "late", "5")];
        let expected =
            expected.map(|(line, name, value)| (line, name.to_owned(), value.to_owned()));
        assert_eq!(parsed(text), expected);
    }

    #[test]
    fn what_is_not_closed_is_named_with_its_line() {
        for (text, line, problem) in [
            ("a = 1\ncfg = {1,\n2\n", 2, "not closed"),
            ("a = 1\nb = \"x\nc = 2\n", 2, "at the end of the string"),
            ("a = 1\n\nb\n", 3, "expected NAME=VALUE"),
            ("= 1\n", 1, "expected NAME=VALUE"),
            ("a = 1\nb =\n", 2, "behind `=`"),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.line, Some(line), "{text}");
            assert!(error.problem.contains(problem), "{text}: {error}");
        }
    }
}
