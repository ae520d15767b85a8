//! What wrong usage means that the argument parser cannot know: what a shell does to arguments.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Adds the cure to an error that a shell has made.
pub fn explain(error: &mut Error) {
    let invalid = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let arguments: Vec<String> =
        std::env::args_os().map(|text| text.to_string_lossy().into_owned()).collect();
    if let Some(cure) = cure(error.kind(), &invalid, &value, &arguments) {
        let cure = ContextValue::StyledStrs(vec![cure.into()]);
        error.insert(ContextKind::Suggested, cure);
    }
}

fn cure(kind: ErrorKind, invalid: &str, value: &str, arguments: &[String]) -> Option<String> {
    let sets = || {
        let pairs = arguments.iter().zip(arguments.iter().skip(1));
        let given = pairs.filter(|(option, _)| *option == "--set").map(|(_, value)| value);
        given.chain(arguments.iter().filter_map(|text| {
            // `--set=NAME=VALUE`; the rest is kept for its length only.
            text.strip_prefix("--set=").map(|_| text)
        }))
    };
    match kind {
        // `{80,443}` of `--set ports={80,443}` becomes two arguments in bash and zsh.
        ErrorKind::UnknownArgument => {
            let (name, _) = invalid.split_once('=')?;
            let same = |set: &String| {
                let set = set.strip_prefix("--set=").unwrap_or(set);
                set.split_once('=').is_some_and(|(known, _)| known == name)
            };
            sets().any(same).then(|| {
                format!("the shell has split an initialiser: quote it, --set '{name}={{...}}'")
            })
        }
        ErrorKind::ValueValidation if value.ends_with('{') || value.ends_with(',') => {
            Some("the shell has split an initialiser: quote the whole of NAME=VALUE".to_owned())
        }
        _ => None,
    }
}
