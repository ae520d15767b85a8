//! A statement of what an object was made of, in the form of in-toto's attestations, to be signed
//! beside the object. It says the same of the same input and options.

use std::path::Path;

use bpfold::{FoldedWith, Report};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::error::CliError;
use super::files;

/// The form of the statement: <https://in-toto.io/Statement/v1>.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// The form of what this command says in it.
const PREDICATE: &str = "urn:bpfold:provenance:1";

#[derive(Serialize)]
struct Statement<'r> {
    #[serde(rename = "_type")]
    kind: &'static str,
    subject: [Artifact; 1],
    #[serde(rename = "predicateType")]
    predicate_type: &'static str,
    predicate: Predicate<'r>,
}

/// A file by its name and what it holds.
#[derive(Serialize)]
struct Artifact {
    name: String,
    digest: Sha,
}

#[derive(Serialize)]
struct Sha {
    sha256: String,
}

#[derive(Serialize)]
struct Predicate<'r> {
    /// The version of bpfold.
    version: &'static str,
    /// The object that was read.
    input: Artifact,
    /// The arguments as they were given.
    arguments: &'r [String],
    /// The values, and the facts of the kernel, that the object is folded with.
    values: &'r [FoldedWith],
    /// How many functions were changed and are proven to do what they did; none if nothing was to
    /// be proven.
    proven: Option<usize>,
    /// The functions that are folded less, since not everything was proven.
    refused: Vec<&'r str>,
}

/// Writes the statement of a fold.
pub fn write(
    path: &Path,
    (input, read): (&Path, &[u8]),
    (output, written): (&Path, &[u8]),
    arguments: &[String],
    report: &Report,
) -> Result<(), CliError> {
    let proof = report.proof.as_ref();
    let refused = proof.iter().flat_map(|proof| &proof.refused);
    let statement = Statement {
        kind: STATEMENT,
        subject: [artifact(output, written)],
        predicate_type: PREDICATE,
        predicate: Predicate {
            version: env!("CARGO_PKG_VERSION"),
            input: artifact(input, read),
            arguments,
            values: &report.values,
            proven: proof.map(|proof| proof.proven),
            refused: refused.map(|refusal| refusal.function.as_str()).collect(),
        },
    };
    // Nothing in it has a key that is no text.
    let mut text = serde_json::to_string_pretty(&statement).unwrap_or_default();
    text.push('\n');
    files::write(path, text.as_bytes())
}

/// A file by the last part of its path: where it lies on this machine is nobody's matter.
fn artifact(path: &Path, bytes: &[u8]) -> Artifact {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let digest = Sha256::digest(bytes);
    let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Artifact { name, digest: Sha { sha256 } }
}
