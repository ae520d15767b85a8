//! `bpfold schema`: the JSON Schema of what a subcommand prints with `--format json`, made of the
//! types that it prints.

use std::io::Write as _;

use bpfold::Report;

use super::args::{SchemaArgs, SchemaOf};
use super::error::CliError;
use super::explain::Answer;
use super::files::Versioned;
use super::vars::Listing;

/// Runs the subcommand.
pub fn run(args: &SchemaArgs) -> Result<(), CliError> {
    let (name, mut schema) = match args.of {
        SchemaOf::Vars => ("vars", schemars::schema_for!(Versioned<'_, Listing>)),
        SchemaOf::Fold => ("fold", schemars::schema_for!(Versioned<'_, Report>)),
        SchemaOf::Explain => ("explain", schemars::schema_for!(Versioned<'_, Answer<'_>>)),
    };
    schema.insert("title".to_owned(), format!("bpfold {name} --format json").into());
    schema.remove("description");
    // Keys are strings.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}
