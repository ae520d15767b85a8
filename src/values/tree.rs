//! Values of TOML and JSON.

use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use super::{Assignment, ValuesError, line_of};
use crate::variables::Variables;

/// A value as a file has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// In the syntax of [`Variables::set`].
    Written(String),
    /// A string of TOML or JSON: text for an array of `char`, and else a value as it is written.
    Text(String),
    /// The elements of an array; those behind it are 0.
    List(Vec<Tree>),
    /// The members of a struct in an array; other members are 0.
    Table(Vec<(String, Tree)>),
}

impl Tree {
    /// The value for a path in the syntax of [`Variables::set`].
    pub(super) fn text(&self, path: &str, variables: &Variables<'_>) -> String {
        match self {
            Tree::Written(text) => text.clone(),
            Tree::Text(text) if text.starts_with("hex:") => text.clone(),
            Tree::Text(text) if variables.takes_text(path) => quoted(text),
            Tree::Text(text) => text.clone(),
            Tree::List(elements) => {
                let elements = elements.iter().enumerate();
                let elements =
                    elements.map(|(at, tree)| tree.text(&format!("{path}[{at}]"), variables));
                format!("{{{}}}", elements.collect::<Vec<String>>().join(", "))
            }
            Tree::Table(members) => {
                let members = members.iter().map(|(name, tree)| {
                    format!(".{name} = {}", tree.text(&format!("{path}.{name}"), variables))
                });
                format!("{{{}}}", members.collect::<Vec<String>>().join(", "))
            }
        }
    }
}

/// A string as C has it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\{:03o}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() || name.starts_with('[') {
        format!("{path}{name}")
    } else {
        format!("{path}.{name}")
    }
}

pub(super) fn parse_toml(text: &str) -> Result<Vec<Assignment>, ValuesError> {
    parse_toml_table(text, &[])
}

/// The values of a table by its path from the file's.
pub(super) fn parse_toml_table(text: &str, path: &[&str]) -> Result<Vec<Assignment>, ValuesError> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        ValuesError::new(line, format!("TOML: {}", error.message()))
    })?;
    let mut values = Vec::new();
    let mut table = table.get_ref();
    for name in path {
        let inner = table.iter().find(|(key, _)| key.get_ref() == name);
        let Some(DeValue::Table(inner)) = inner.map(|(_, value)| value.get_ref()) else {
            return Ok(values);
        };
        table = inner;
    }
    add_toml(text, "", table, &mut values)?;
    values.sort_by_key(|value| value.line);
    Ok(values)
}

fn add_toml(
    text: &str,
    path: &str,
    table: &DeTable<'_>,
    values: &mut Vec<Assignment>,
) -> Result<(), ValuesError> {
    for (key, value) in table {
        let name = joined(path, key.get_ref());
        let line = Some(line_of(text, key.span().start));
        match value.get_ref() {
            DeValue::Table(table) => add_toml(text, &name, table, values)?,
            other => values.push(Assignment { value: toml_tree(other, &name, line)?, name, line }),
        }
    }
    Ok(())
}

fn toml_tree(value: &DeValue<'_>, name: &str, line: Option<usize>) -> Result<Tree, ValuesError> {
    let no_value = |what| {
        let problem = format!("`{name}` is {what}, expected an integer, boolean, string or array");
        Err(ValuesError::new(line, problem))
    };
    Ok(match value {
        DeValue::String(text) => Tree::Text(text.clone().into_owned()),
        DeValue::Integer(number) => {
            let (sign, digits) = match number.as_str().split_at_checked(1) {
                Some(("-", digits)) => ("-", digits),
                Some(("+", digits)) => ("", digits),
                _ => ("", number.as_str()),
            };
            let prefix = match number.radix() {
                16 => "0x",
                8 => "0o",
                2 => "0b",
                _ => "",
            };
            Tree::Written(format!("{sign}{prefix}{digits}"))
        }
        DeValue::Boolean(value) => Tree::Written(value.to_string()),
        DeValue::Float(_) => return no_value("a floating-point number"),
        DeValue::Datetime(_) => return no_value("a date or time"),
        DeValue::Array(elements) => {
            let elements = elements.iter().map(|element| toml_tree(element.get_ref(), name, line));
            Tree::List(elements.collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => {
            let members = table.iter().map(|(key, value)| {
                Ok((key.get_ref().to_string(), toml_tree(value.get_ref(), name, line)?))
            });
            Tree::Table(members.collect::<Result<_, _>>()?)
        }
    })
}

pub(super) fn parse_json(text: &str) -> Result<Vec<Assignment>, ValuesError> {
    let json: Json = serde_json::from_str(text).map_err(|error| {
        let line = Some(error.line()).filter(|line| *line != 0);
        let problem = error.to_string();
        // The line is told with the file.
        let problem = problem.split(" at line ").next().unwrap_or_default();
        ValuesError::new(line, format!("JSON: {problem}"))
    })?;
    let Json::Object(object) = json else {
        return Err(ValuesError::new(None, "JSON: expected an object of names and values"));
    };
    if let Some(listing) = object.get("variables").and_then(Json::as_array)
        && listing.iter().all(|row| row.get("name").is_some() && row.get("value").is_some())
    {
        return listed(listing);
    }
    let mut values = Vec::new();
    add_json("", object, &mut values)?;
    Ok(values)
}

/// The values of what `bpfold vars --format json` prints, without what nobody can set.
fn listed(listing: &[Json]) -> Result<Vec<Assignment>, ValuesError> {
    let text = |row: &Json, field: &str| row.get(field).and_then(Json::as_str).map(str::to_owned);
    let mut values = Vec::new();
    for row in listing {
        let (name, value) = (text(row, "name"), text(row, "value"));
        let (Some(name), Some(value)) = (name, value) else {
            let problem = "JSON: expected strings as `name` and `value` of each variable";
            return Err(ValuesError::new(None, problem));
        };
        let finality = text(row, "finality").unwrap_or_default();
        if finality != "const-not-volatile" && finality != "compiler-data" {
            values.push(Assignment { name, value: Tree::Written(value), line: None });
        }
    }
    Ok(values)
}

fn add_json(
    path: &str,
    object: serde_json::Map<String, Json>,
    values: &mut Vec<Assignment>,
) -> Result<(), ValuesError> {
    for (key, value) in object {
        let name = joined(path, &key);
        match value {
            Json::Object(members) => add_json(&name, members, values)?,
            other => {
                let value = json_tree(other, &name)?;
                values.push(Assignment { name, value, line: None });
            }
        }
    }
    Ok(())
}

fn json_tree(value: Json, name: &str) -> Result<Tree, ValuesError> {
    let no_value = |what: &str| {
        let problem = format!("`{name}` is {what}, expected an integer, boolean, string or array");
        Err(ValuesError::new(None, problem))
    };
    Ok(match value {
        Json::Null => return no_value("null"),
        Json::Bool(value) => Tree::Written(value.to_string()),
        Json::Number(number) if number.is_f64() => {
            return no_value("a floating-point number");
        }
        Json::Number(number) => Tree::Written(number.to_string()),
        Json::String(text) => Tree::Text(text),
        Json::Array(elements) => {
            let elements = elements.into_iter().map(|element| json_tree(element, name));
            Tree::List(elements.collect::<Result<_, _>>()?)
        }
        Json::Object(members) => {
            let members =
                members.into_iter().map(|(key, value)| Ok((key, json_tree(value, name)?)));
            Tree::Table(members.collect::<Result<_, _>>()?)
        }
    })
}
