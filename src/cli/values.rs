//! Files of values: reading them and giving what they say.

use std::path::{Path, PathBuf};

use bpfold::Fold;
use bpfold::values::{self, Assignment, Format};

use super::error::{CliError, place};
use super::files;

/// The values of one file.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The file.
    pub path: PathBuf,
    /// Its values.
    pub values: Vec<Assignment>,
}

impl Layer {
    /// Reads a file of values.
    pub fn read(path: &Path) -> Result<Layer, CliError> {
        let bad = |line, problem| CliError::ValuesFile { path: path.to_owned(), line, problem };
        let text = String::from_utf8(files::read(path)?).map_err(|error| {
            let before = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
            let line = 1 + before.filter(|byte| **byte == b'\n').count();
            bad(Some(line), "expected UTF-8".to_owned())
        })?;
        let format = Format::guess(&path.to_string_lossy(), &text);
        let values = values::parse(&text, format);
        let values = values.map_err(|error| bad(error.line, error.problem))?;
        Ok(Layer { path: path.to_owned(), values })
    }
}

/// Gives the values of a file.
pub fn assign<'o>(mut fold: Fold<'o>, layer: &Layer) -> Result<Fold<'o>, CliError> {
    for value in &layer.values {
        let text = value.text(fold.variables());
        let origin = place(&layer.path, &value.line);
        fold = fold.assign(&value.name, &text, &origin).map_err(|source| CliError::Value {
            path: layer.path.clone(),
            line: value.line,
            source: Box::new(source),
        })?;
    }
    Ok(fold)
}
