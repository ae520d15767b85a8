//! Text to tokens.

use std::fmt;

use super::error::{ParseError, ParseErrorKind};
use super::names::is_word;

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name, keyword or number.
    Word(&'a str),
    /// A name in quotes, without them.
    Quoted(String),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// `;!`
    Attachments,
    /// The end of a line.
    Newline,
    /// The end of the text.
    End,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(word) => write!(f, "`{word}`"),
            Token::Quoted(name) => write!(f, "{name:?}"),
            Token::Symbol(symbol) => write!(f, "`{symbol}`"),
            Token::Attachments => f.write_str("`;!`"),
            Token::Newline => f.write_str("the end of the line"),
            Token::End => f.write_str("the end of the text"),
        }
    }
}

/// A token and where it begins.
#[derive(Clone, Debug)]
pub(super) struct Spanned<'a> {
    pub(super) token: Token<'a>,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Operators and brackets; those that begin others come after them.
const SYMBOLS: [&str; 34] = [
    "<<=", ">>=", "+=", "-=", "*=", "/=", "%=", "|=", "&=", "^=", "==", "!=", "<=", ">=", "??",
    "(", ")", "{", "}", "[", "]", ":", "=", "+", "-", "*", "/", "|", "&", "<", ">", ",", "@", "#",
];

/// The tokens of `text`; the last one is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Spanned<'_>>, ParseError> {
    let mut tokens = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut rest = line;
        loop {
            rest = rest.trim_start();
            let column = line.chars().count() - rest.chars().count() + 1;
            let at = |token| Spanned { token, line: number + 1, column };
            let error = |kind| ParseError { line: number + 1, column, kind };
            let Some(first) = rest.chars().next() else {
                tokens.push(at(Token::Newline));
                break;
            };
            let token;
            (token, rest) = match first {
                ';' => match rest.strip_prefix(";!") {
                    Some(rest) => (Token::Attachments, rest),
                    None => {
                        tokens.push(at(Token::Newline));
                        break;
                    }
                },
                '"' => {
                    let (name, rest) = quoted(rest).ok_or(error(ParseErrorKind::Quote))?;
                    (Token::Quoted(name), rest)
                }
                c if is_word(c) => {
                    let (word, rest) =
                        rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
                    (Token::Word(word), rest)
                }
                c => {
                    let mut found = SYMBOLS
                        .iter()
                        .filter_map(|&s| Some((Token::Symbol(s), rest.strip_prefix(s)?)));
                    found.next().ok_or(error(ParseErrorKind::Character(c)))?
                }
            };
            tokens.push(at(token));
        }
    }
    let line = text.lines().count() + 1;
    tokens.push(Spanned { token: Token::End, line, column: 1 });
    Ok(tokens)
}

/// The quoted name at the start of `text` without its quotes and escapes, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some((name, chars.as_str())),
            '\\' => match chars.next()? {
                c @ ('"' | '\\') => name.push(c),
                'u' => {
                    let (code, rest) = chars.as_str().strip_prefix('{')?.split_once('}')?;
                    name.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
                    chars = rest.chars();
                }
                _ => return None,
            },
            c => name.push(c),
        }
    }
}
