//! `--max-instructions`: how large programs may be.

use std::path::Path;
use std::str::FromStr;

use bpfold::Report;
use bpfold::report::{FunctionKind, FunctionReport};
use wildmatch::WildMatch;

use super::error::CliError;

/// How many instructions there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The programs that it is for, each on its own; without it all functions together.
    pub program: Option<String>,
    /// The largest number, as the kernel counts instructions (an `ldimm64` is two).
    pub limit: u64,
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (program, limit) = match text.rsplit_once('=') {
            Some((program, limit)) => (Some(program.trim()), limit.trim()),
            None => (None, text.trim()),
        };
        match limit.parse() {
            Ok(limit) if program != Some("") => {
                Ok(Self { program: program.map(str::to_owned), limit })
            }
            _ => Err(format!("`{text}`: expected NUMBER or PROGRAM=NUMBER")),
        }
    }
}

/// Fails if something is larger than it may be.
pub fn check(budgets: &[Budget], report: &Report, path: &Path) -> Result<(), CliError> {
    let mut over = Vec::new();
    for Budget { program, limit } in budgets {
        let Some(pattern) = program else {
            let all = report.instructions_after();
            if all > *limit {
                over.push(format!(
                    "there are {all} instructions, more than {limit} (--max-instructions {limit})"
                ));
            }
            continue;
        };
        let glob = WildMatch::new(pattern);
        let is_program = |function: &&FunctionReport| function.kind == FunctionKind::Program;
        let programs = || report.functions.iter().filter(is_program);
        let named: Vec<&FunctionReport> =
            programs().filter(|function| glob.matches(&function.name)).collect();
        if named.is_empty() {
            let known = programs().map(|function| function.name.clone()).collect();
            return Err(CliError::NoFunction {
                path: path.to_owned(),
                name: pattern.clone(),
                known,
            });
        }
        for function in named.into_iter().filter(|function| u64::from(function.loaded) > *limit) {
            over.push(format!(
                "{} has {} instructions with what it calls, more than {limit} \
                 (--max-instructions {pattern}={limit})",
                function.name, function.loaded
            ));
        }
    }
    match over.is_empty() {
        true => Ok(()),
        false => Err(CliError::Budget { path: path.to_owned(), over }),
    }
}
