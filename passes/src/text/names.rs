//! How entities are named.

use std::collections::HashMap;
use std::fmt::{self, Write};

use crate::entity::{Entity, EntityVec, Extern, Func, Map, Section};
use crate::ir::{Features, Program};

/// Words that mean something where a name can stand.
const RESERVED: [&str; 10] =
    ["map", "func", "extern", "pseudo", "ll", "readonly", "opaque", "absent", "present", "none"];

/// Whether `c` can stand in a name without quotes.
pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$')
}

/// The width letter and the number of a register's name.
pub(super) fn register(word: &str) -> Option<(char, u8)> {
    let letter = word.chars().next().filter(|c| matches!(c, 'r' | 'w'))?;
    let number = &word[1..];
    let plain = number.len() == 1 || number == "10";
    let number = number.parse().ok().filter(|n| plain && *n <= 10)?;
    Some((letter, number))
}

/// Quotes `name` unless it is a plain word.
pub(super) fn quoted(name: &str) -> String {
    let plain = name.chars().all(is_word)
        && name.chars().next().is_some_and(|c| !c.is_ascii_digit())
        && register(name).is_none()
        && !RESERVED.contains(&name);
    if plain { name.to_owned() } else { in_quotes(name) }
}

/// Quotes `text`.
pub(super) fn in_quotes(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{{{:x}}}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// What each entity of a program is called where code names it.
pub(super) struct Names {
    funcs: Vec<String>,
    sections: Vec<String>,
    maps: Vec<String>,
    externs: Vec<String>,
}

impl Names {
    pub(super) fn new(program: &Program) -> Self {
        Self {
            funcs: table(&program.funcs, |f| &f.name),
            sections: table(&program.sections, |s| &s.name),
            maps: table(&program.maps, |m| &m.name),
            externs: table(&program.externs, |e| &e.name),
        }
    }

    pub(super) fn func(&self, func: Func) -> Name<'_> {
        name(&self.funcs, func)
    }

    pub(super) fn section(&self, section: Section) -> Name<'_> {
        name(&self.sections, section)
    }

    pub(super) fn map(&self, map: Map) -> Name<'_> {
        name(&self.maps, map)
    }

    pub(super) fn ext(&self, ext: Extern) -> Name<'_> {
        name(&self.externs, ext)
    }
}

/// The name of an entity, or its number if the program does not have it.
pub(super) struct Name<'a>(Option<&'a str>, usize);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => f.write_str(name),
            None => write!(f, "\"\"@{}", self.1),
        }
    }
}

fn name<K: Entity>(table: &[String], key: K) -> Name<'_> {
    Name(table.get(key.index()).map(String::as_str), key.index())
}

fn table<K: Entity, V>(values: &EntityVec<K, V>, name: impl Fn(&V) -> &str) -> Vec<String> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for value in values.values() {
        *count.entry(name(value)).or_default() += 1;
    }
    let spell = |(key, value)| {
        let name = name(value);
        match count.get(name) {
            Some(1) => quoted(name),
            _ => format!("{}@{}", quoted(name), K::index(key)),
        }
    };
    values.iter().map(spell).collect()
}

/// The optional encodings with the words that stand for them.
pub(super) fn features(features: &Features) -> [(&'static str, bool); 3] {
    let Features { jmp32, v4, store_imm } = *features;
    [("jmp32", jmp32), ("v4", v4), ("store_imm", store_imm)]
}

/// Switches on the encoding that `word` stands for; false if it stands for none.
pub(super) fn set_feature(features: &mut Features, word: &str) -> bool {
    match word {
        "jmp32" => features.jmp32 = true,
        "v4" => features.v4 = true,
        "store_imm" => features.store_imm = true,
        _ => return false,
    }
    true
}
