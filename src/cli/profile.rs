//! `bpfold.toml`: named profiles of values and options.
//!
//! ```toml
//! [profile.base]
//! freeze = ["cfg.*"]
//!
//! [profile.small]
//! inherits = "base"
//! values = ["small.values"]
//! kernel = "6.1"
//! deny = ["no-effect"]
//!
//! [profile.small.set]
//! cfg.debug = false
//! ```
//!
//! Paths count from the directory of the file. A profile comes before the options of the command:
//! their values override its values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bpfold::report::Note;
use bpfold::values;
use serde::Deserialize;

use super::args::{ALL_WARNINGS, FoldOptions, KernelArgs};
use super::error::CliError;
use super::files;
use super::values::Layer;

/// The name of the file.
const FILE: &str = "bpfold.toml";

/// How many profiles may inherit from each other.
const MAX_INHERITED: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    profile: BTreeMap<String, Profile>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Profile {
    inherits: Option<String>,
    /// Read apart, with its lines.
    set: toml::Table,
    values: Vec<PathBuf>,
    freeze: Vec<String>,
    freeze_all: bool,
    freeze_marked: bool,
    ignore_missing: bool,
    entry: Vec<String>,
    drop: Vec<String>,
    keep_map: Vec<String>,
    keep_func: Vec<String>,
    tail_map: Vec<String>,
    prune_maps: bool,
    require_no_globals: bool,
    deny: Vec<String>,
    kernel: Option<String>,
    kconfig: Option<PathBuf>,
    kallsyms: Option<PathBuf>,
    btf: Vec<PathBuf>,
}

/// Options with those of the profiles that they name.
pub struct Applied {
    /// The options.
    pub options: FoldOptions,
    /// The values of the profiles, which the options' values override.
    pub layers: Vec<Layer>,
    /// The warnings that the profiles deny.
    pub deny: Vec<String>,
}

/// Adds what the profiles say that the options name.
pub fn apply(options: &FoldOptions) -> Result<Applied, CliError> {
    let mut applied = Applied { options: options.clone(), layers: Vec::new(), deny: Vec::new() };
    if options.profile.is_empty() {
        return Ok(applied);
    }
    let path = match &options.config {
        Some(path) => path.clone(),
        None => find()?,
    };
    let bad = |line, problem| CliError::ValuesFile { path: path.clone(), line, problem };
    let text = String::from_utf8(files::read(&path)?)
        .map_err(|_| bad(None, "expected UTF-8".to_owned()))?;
    let config: Config = toml::from_str(&text).map_err(|error| {
        let line = error
            .span()
            .map(|span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
        bad(line, error.message().to_owned())
    })?;
    for name in &options.profile {
        for name in chain(&config, name, &path)? {
            let Some(profile) = config.profile.get(&name) else { continue };
            applied.add(&name, profile, &path, &text)?;
        }
    }
    Ok(applied)
}

/// A profile behind those that it inherits from.
fn chain(config: &Config, name: &str, path: &Path) -> Result<Vec<String>, CliError> {
    let mut chain = Vec::new();
    let mut next = Some(name.to_owned());
    while let Some(name) = next {
        let profile = config.profile.get(&name).ok_or_else(|| CliError::NoProfile {
            path: path.to_owned(),
            name: name.clone(),
            known: config.profile.keys().cloned().collect(),
        })?;
        if chain.contains(&name) || chain.len() == MAX_INHERITED {
            let problem = format!("profile `{name}` inherits from itself");
            return Err(CliError::ValuesFile { path: path.to_owned(), line: None, problem });
        }
        chain.push(name);
        next = profile.inherits.clone();
    }
    chain.reverse();
    Ok(chain)
}

/// The file in this directory or the nearest one above.
fn find() -> Result<PathBuf, CliError> {
    let dir = std::env::current_dir()?;
    let mut above = PathBuf::new();
    for dir in dir.ancestors() {
        if dir.join(FILE).is_file() {
            return Ok(above.join(FILE));
        }
        above.push("..");
    }
    Err(CliError::NoConfig)
}

impl Applied {
    fn add(
        &mut self,
        name: &str,
        profile: &Profile,
        path: &Path,
        text: &str,
    ) -> Result<(), CliError> {
        let dir = path.parent().unwrap_or(Path::new(""));
        let here = |path: &PathBuf| match path.as_os_str() == "host" {
            true => path.clone(),
            false => dir.join(path),
        };
        for file in &profile.values {
            self.layers.push(Layer::read(&here(file))?);
        }
        self.layers.push(set_of(name, profile, path, text)?);
        let options = &mut self.options;
        let mut map = |tail: &String| -> Result<(), CliError> {
            let bad = |problem| CliError::ValuesFile { path: path.to_owned(), line: None, problem };
            options.tail_map.push(tail.parse().map_err(bad)?);
            Ok(())
        };
        profile.tail_map.iter().try_for_each(&mut map)?;
        options.freeze.extend(profile.freeze.iter().cloned());
        options.entry.extend(profile.entry.iter().cloned());
        options.drop.extend(profile.drop.iter().cloned());
        options.keep_map.extend(profile.keep_map.iter().cloned());
        options.keep_func.extend(profile.keep_func.iter().cloned());
        options.freeze_all |= profile.freeze_all;
        options.freeze_marked |= profile.freeze_marked;
        options.ignore_missing |= profile.ignore_missing;
        options.prune_maps |= profile.prune_maps;
        options.require_no_globals |= profile.require_no_globals;
        for name in &profile.deny {
            if !Note::WARNINGS.contains(&name.as_str()) && name != ALL_WARNINGS {
                let all = Note::WARNINGS.join(", ");
                let problem = format!("deny: no warning `{name}`, expected {ALL_WARNINGS}, {all}");
                let path = path.to_owned();
                return Err(CliError::ValuesFile { path, line: None, problem });
            }
        }
        self.deny.extend(profile.deny.iter().cloned());
        let KernelArgs { kernel, kconfig, kallsyms, btf, .. } = &mut options.kernel;
        *kernel = kernel.take().or_else(|| profile.kernel.clone());
        *kconfig = kconfig.take().or_else(|| profile.kconfig.as_ref().map(here));
        *kallsyms = kallsyms.take().or_else(|| profile.kallsyms.as_ref().map(here));
        if btf.is_empty() {
            btf.extend(profile.btf.iter().map(here));
        }
        Ok(())
    }
}

/// The values below `set`, with their lines.
fn set_of(name: &str, profile: &Profile, path: &Path, text: &str) -> Result<Layer, CliError> {
    if profile.set.is_empty() {
        return Ok(Layer { path: path.to_owned(), values: Vec::new() });
    }
    let values = values::parse_table(text, &["profile", name, "set"]);
    let values = values.map_err(|error| CliError::ValuesFile {
        path: path.to_owned(),
        line: error.line,
        problem: error.problem,
    })?;
    Ok(Layer { path: path.to_owned(), values })
}
