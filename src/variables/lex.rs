//! The words of a value: numbers, names, addresses, versions, characters, strings, punctuation.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A word of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A number, without its sign.
    Number(u128),
    /// A number with a point or exponent.
    Float,
    /// `'a'`, as its byte.
    Char(u8),
    /// `"..."`, without the NUL that C appends.
    Text(Vec<u8>),
    /// `hex:...`: bytes as stored.
    Hex(Vec<u8>),
    /// The name of an enum's value, `true`, `false`, `NULL`, `KERNEL_VERSION`, `htons`.
    Name(String),
    /// `5.10.0` or `v5.10`, as `KERNEL_VERSION` gives it.
    Version(u128),
    /// An IPv4, IPv6 or MAC address: its bytes in network order, and what it is.
    Address(Vec<u8>, &'static str),
    /// One of `{ } [ ] ( ) , . = - + * / % & | ^ ~`.
    Sign(char),
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
}

/// A word and where it starts, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) token: Token,
    pub(super) at: usize,
    pub(super) end: usize,
}

/// Where a value is no value, and what should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LexError {
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

/// Splits a value into words.
pub(super) fn words(value: &str) -> Result<Vec<Word>, LexError> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(rest) = value.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or_default();
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, len) = word(rest).map_err(|error| LexError { at: at + error.at, ..error })?;
        words.push(Word { token, at, end: at + len });
        at += len;
    }
    Ok(words)
}

fn word(rest: &str) -> Result<(Token, usize), LexError> {
    let first = rest.chars().next().unwrap_or_default();
    if let Some(found) = address(rest) {
        return Ok(found);
    }
    if let Some(found) = version(rest) {
        return found;
    }
    match first {
        _ if rest.starts_with("<<") => Ok((Token::ShiftLeft, 2)),
        _ if rest.starts_with(">>") => Ok((Token::ShiftRight, 2)),
        '{' | '}' | '[' | ']' | '(' | ')' | ',' | '=' | '-' | '+' | '*' | '/' | '%' | '&' | '|'
        | '^' | '~' => Ok((Token::Sign(first), 1)),
        '.' if !rest
            .get(1..2)
            .is_some_and(|next| next.starts_with(|c: char| c.is_ascii_digit())) =>
        {
            Ok((Token::Sign('.'), 1))
        }
        '0'..='9' | '.' => number(rest),
        '\'' => character(rest),
        '"' => text(rest),
        _ if rest.starts_with("hex:") => hex(rest),
        _ if first == '_' || first.is_alphabetic() => {
            let len = rest
                .find(|char: char| char != '_' && char != '$' && !char.is_alphanumeric())
                .unwrap_or(rest.len());
            Ok((Token::Name(rest.get(..len).unwrap_or_default().to_owned()), len))
        }
        _ => Err(LexError {
            at: 0,
            expected: "a number, a name, an address, a character, a string or `{`",
        }),
    }
}

/// The longest start that is made of the characters of addresses and versions.
fn run(rest: &str) -> &str {
    let is_in = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_');
    rest.get(..rest.find(|c| !is_in(c)).unwrap_or(rest.len())).unwrap_or_default()
}

/// An address at the start of the text.
fn address(rest: &str) -> Option<(Token, usize)> {
    let run = run(rest);
    let found = |bytes: &[u8], what| Some((Token::Address(bytes.to_vec(), what), run.len()));
    if let Ok(address) = run.parse::<Ipv4Addr>() {
        return found(&address.octets(), "IPv4 address");
    }
    if run.matches(':').count() < 2 {
        return None;
    }
    if let Ok(address) = run.parse::<Ipv6Addr>() {
        return found(&address.octets(), "IPv6 address");
    }
    let groups: Vec<&str> = run.split(':').collect();
    let byte = |group: &&str| match group.len() {
        2 => u8::from_str_radix(group, 16).ok(),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = groups.iter().map(byte).collect();
    found(&bytes.filter(|bytes| bytes.len() == 6)?, "MAC address")
}

/// A version at the start of the text: three numbers, or a `v` and two or three. Four numbers
/// would be an address.
fn version(rest: &str) -> Option<Result<(Token, usize), LexError>> {
    let run = run(rest);
    let (named, digits) = match run.strip_prefix('v') {
        Some(digits) => (true, digits),
        None => (false, run),
    };
    let parts: Vec<&str> = digits.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    if !parts.iter().all(is_number) || parts.len() < if named { 2 } else { 3 } {
        return None;
    }
    let expected = match parts.len() {
        2 | 3 => "a version whose parts are at most 255, 65535 the first one",
        _ => "an IPv4 address, four numbers up to 255, or a version, three numbers",
    };
    let mut numbers = [0_u128; 3];
    for (number, part) in numbers.iter_mut().zip(&parts) {
        *number = part.parse().unwrap_or(u128::MAX);
    }
    let [major, minor, patch] = numbers;
    // Releases of stable series go beyond 255, where KERNEL_VERSION stops.
    if parts.len() > 3 || major > 0xffff || minor > 255 || patch > 0xffff {
        return Some(Err(LexError { at: 0, expected }));
    }
    Some(Ok((Token::Version((major << 16) + (minor << 8) + patch.min(255)), run.len())))
}

fn number(rest: &str) -> Result<(Token, usize), LexError> {
    let is_hex = rest.starts_with("0x") || rest.starts_with("0X");
    let mut end = 0;
    let mut previous = ' ';
    for char in rest.chars() {
        let exponent = !is_hex && matches!(previous, 'e' | 'E') && matches!(char, '+' | '-');
        if !(char.is_ascii_alphanumeric() || matches!(char, '.' | '_') || exponent) {
            break;
        }
        end += char.len_utf8();
        previous = char;
    }
    let text = rest.get(..end).unwrap_or_default();
    if text.contains('.') || !is_hex && text.contains(['e', 'E']) {
        return Ok((Token::Float, end));
    }
    let digits = text.trim_end_matches(['u', 'U', 'l', 'L']);
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = if let Some(digits) = lower.strip_prefix("0x") {
        (digits, 16)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        (digits, 2)
    } else if let Some(digits) = lower.strip_prefix("0o") {
        (digits, 8)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (lower.get(1..).unwrap_or_default(), 8)
    } else {
        (lower.as_str(), 10)
    };
    let digits = digits.replace('_', "");
    match u128::from_str_radix(&digits, radix) {
        Ok(number) => Ok((Token::Number(number), end)),
        Err(_) => Err(LexError {
            at: 0,
            expected: match radix {
                16 => "a hexadecimal number of at most 128 bits",
                8 => "an octal number of at most 128 bits",
                2 => "a binary number of at most 128 bits",
                _ => "a decimal number of at most 128 bits",
            },
        }),
    }
}

fn character(rest: &str) -> Result<(Token, usize), LexError> {
    let error = |at| LexError { at, expected: "a character of one byte and `'`" };
    let (bytes, len) = one(rest, 1).ok_or_else(|| error(1))?;
    match bytes.as_slice() {
        [byte] if rest.get(1 + len..).is_some_and(|rest| rest.starts_with('\'')) => {
            Ok((Token::Char(*byte), len + 2))
        }
        _ => Err(error(1)),
    }
}

fn text(rest: &str) -> Result<(Token, usize), LexError> {
    let mut bytes = Vec::new();
    let mut at = 1;
    loop {
        if rest.get(at..).is_some_and(|rest| rest.starts_with('"')) {
            return Ok((Token::Text(bytes), at + 1));
        }
        let Some((char, len)) = one(rest, at) else {
            return Err(LexError { at, expected: "`\"` at the end of the string" });
        };
        bytes.extend(char);
        at += len;
    }
}

/// One character of a character constant or string, escaped or not: its bytes, and how many
/// bytes of the value it takes.
fn one(rest: &str, at: usize) -> Option<(Vec<u8>, usize)> {
    let rest = rest.get(at..)?;
    let mut chars = rest.chars();
    let first = chars.next()?;
    if first != '\\' {
        return Some((first.to_string().into_bytes(), first.len_utf8()));
    }
    let simple = match chars.next()? {
        'n' => b'\n',
        't' => b'\t',
        'r' => b'\r',
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'v' => 11,
        'e' => 27,
        quoted @ ('\\' | '\'' | '"' | '?') => quoted as u8,
        'x' => return digits(rest, 2, 2, 16),
        '0'..='7' => return digits(rest, 1, 3, 8),
        _ => return None,
    };
    Some((vec![simple], 2))
}

fn digits(rest: &str, start: usize, most: usize, radix: u32) -> Option<(Vec<u8>, usize)> {
    let digits = rest.get(start..)?;
    let len = digits.chars().take(most).take_while(|char| char.is_digit(radix)).count();
    let value = u32::from_str_radix(digits.get(..len)?, radix).ok()?;
    Some((vec![u8::try_from(value).ok()?], start + len))
}

fn hex(rest: &str) -> Result<(Token, usize), LexError> {
    let digits = rest.get(4..).unwrap_or_default();
    let len = digits.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(digits.len());
    let digits = digits.get(..len).unwrap_or_default();
    let error = LexError { at: 4, expected: "two hexadecimal digits a byte" };
    if !len.is_multiple_of(2) {
        return Err(error);
    }
    let bytes: Option<Vec<u8>> = (0..len)
        .step_by(2)
        .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
        .collect();
    bytes.map(|bytes| (Token::Hex(bytes), 4 + len)).ok_or(error)
}
