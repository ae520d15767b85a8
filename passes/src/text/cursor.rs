//! Reading of tokens one by one: what declarations and instructions are read with.

use std::collections::HashMap;

use super::error::{ParseError, ParseErrorKind};
use super::lex::{Spanned, Token};
use crate::entity::{Block, Entity, EntityVec};
use crate::ir::Program;

pub(super) type Result<T, E = ParseError> = std::result::Result<T, E>;

/// Tokens, a place in them, and what was read before it.
pub(super) struct Parser<'a> {
    pub(super) tokens: &'a [Spanned<'a>],
    /// The index of the next token.
    pub(super) at: usize,
    pub(super) program: Program,
    /// The blocks of the labels of the function that is being read.
    pub(super) labels: HashMap<&'a str, Block>,
}

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> &'a Token<'a> {
        self.peek_at(0)
    }

    /// The token `ahead` places further on.
    pub(super) fn peek_at(&self, ahead: usize) -> &'a Token<'a> {
        self.tokens.get(self.at + ahead).map_or(&Token::End, |t| &t.token)
    }

    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    pub(super) fn eat_token(&mut self, token: &Token<'_>) -> bool {
        let found = self.peek() == token;
        self.at += usize::from(found);
        found
    }

    pub(super) fn eat(&mut self, symbol: &'static str) -> bool {
        self.eat_token(&Token::Symbol(symbol))
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        self.eat_token(&Token::Word(word))
    }

    pub(super) fn symbol(&mut self, symbol: &'static str) -> Result<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.expected(symbol_name(symbol))) }
    }

    pub(super) fn keyword(&mut self, word: &str, expected: &'static str) -> Result<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.expected(expected)) }
    }

    pub(super) fn word(&mut self, expected: &'static str) -> Result<&'a str> {
        match self.peek() {
            Token::Word(word) => {
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.expected(expected)),
        }
    }

    pub(super) fn name(&mut self, expected: &'static str) -> Result<String> {
        match self.peek() {
            Token::Quoted(name) => {
                self.at += 1;
                Ok(name.clone())
            }
            Token::Word(word) if !word.starts_with(|c: char| c.is_ascii_digit()) => {
                self.at += 1;
                Ok((*word).to_owned())
            }
            _ => Err(self.expected(expected)),
        }
    }

    /// A number from `min` to `max`, decimal or hexadecimal, with an optional sign.
    pub(super) fn number_in(&mut self, field: &'static str, min: i128, max: i128) -> Result<i128> {
        let start = self.at;
        let negative = self.eat("-");
        let word = self.word("a number")?;
        let magnitude = match word.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => word.parse(),
        };
        let Ok(magnitude) = magnitude else {
            return Err(self.before().expected("a number"));
        };
        let number = if negative { -i128::from(magnitude) } else { magnitude.into() };
        if (min..=max).contains(&number) {
            return Ok(number);
        }
        self.at = start;
        Err(self.error(ParseErrorKind::Range { number, field, min, max }))
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32> {
        self.number_in(field, 0, u32::MAX.into()).map(|number| number as u32)
    }

    /// A declared entity by its name, with its number where several have that name.
    pub(super) fn entity_named<K: Entity, V>(
        &mut self,
        what: &'static str,
        table: impl Fn(&Program) -> &EntityVec<K, V>,
        name_of: impl Fn(&V) -> &str,
    ) -> Result<K> {
        let start = self.at;
        let name = self.name(what)?;
        let number = if self.eat("@") { Some(self.u32("the number")? as usize) } else { None };
        let entities = table(&self.program);
        let mut found = entities
            .iter()
            .filter(|(key, value)| {
                name_of(value) == name && number.is_none_or(|number| number == key.index())
            })
            .map(|(key, _)| key);
        let kind = match (found.next(), found.next()) {
            (Some(key), None) => return Ok(key),
            (Some(_), Some(_)) => ParseErrorKind::Ambiguous { what, name },
            (None, _) => ParseErrorKind::Unknown { what, name },
        };
        self.at = start;
        Err(self.error(kind))
    }

    pub(super) fn skip_empty_lines(&mut self) {
        while self.eat_token(&Token::Newline) {}
    }

    pub(super) fn end_of_line(&mut self) -> Result<()> {
        if self.eat_token(&Token::Newline) || *self.peek() == Token::End {
            Ok(())
        } else {
            Err(self.expected("the end of the line"))
        }
    }

    /// Steps back to the token that was just read, to report it.
    pub(super) fn before(&mut self) -> &mut Self {
        self.at = self.at.saturating_sub(1);
        self
    }

    pub(super) fn error(&self, kind: ParseErrorKind) -> ParseError {
        let place = self.tokens.get(self.at).or(self.tokens.last());
        let (line, column) = place.map_or((1, 1), |t| (t.line, t.column));
        ParseError { line, column, kind }
    }

    pub(super) fn expected(&self, expected: &'static str) -> ParseError {
        self.error(ParseErrorKind::Expected { expected, found: self.peek().to_string() })
    }
}

fn symbol_name(symbol: &'static str) -> &'static str {
    match symbol {
        "(" => "`(`",
        ")" => "`)`",
        "{" => "`{`",
        "}" => "`}`",
        "[" => "`[`",
        "]" => "`]`",
        "," => "`,`",
        "=" => "`=`",
        "*" => "`*`",
        ":" => "`:`",
        other => other,
    }
}
