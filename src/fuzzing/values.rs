//! Names and values as users write them.
//!
//! The input is lines of `NAME=VALUE`, as a values file has them, about one object.

use std::sync::LazyLock;

use crate::Object;
use crate::variables::Variables;

/// An object with variables of every kind of type.
const OBJECT: &[u8] = include_bytes!("../../tests/objects/variables.el.o");

static PARSED: LazyLock<Object> =
    LazyLock::new(|| Object::parse(OBJECT).expect("a committed object"));

/// Sets and freezes; a value that was taken can be given again as it is shown, and changes
/// nothing then.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut variables = PARSED.variables().expect("variables of a committed object");
    for line in text.lines() {
        let Some((path, value)) = line.split_once('=') else {
            let _ = variables.freeze(line);
            continue;
        };
        let Ok(()) = variables.set(path, value) else { continue };
        let shown = variables.value(path).expect("a value that was set").to_string();
        let sections = |variables: &Variables<'_>| {
            let names: Vec<String> = variables.section_names().map(str::to_owned).collect();
            names.iter().map(|name| variables.finality(name).map(|f| f.bytes)).collect::<Vec<_>>()
        };
        let before = sections(&variables);
        if let Err(error) = variables.set(path, &shown) {
            panic!("{path}={value}: shown as {shown}: {error}");
        }
        assert!(before == sections(&variables), "{path}={value}: shown as {shown}");
    }
    let _ = variables.rows();
    let _ = variables.folded_values();
}
