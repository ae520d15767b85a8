//! The command that loads objects and prints a line of JSON for each: what runs in a process
//! of its own, since a program can make the kernel take minutes, and in virtual machines.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::inputs::Packets;
use crate::load::{Options, load};
use crate::verdict::ObjectVerdict;

/// Seed of the packets that programs are run with.
const SEED: u64 = 1;

#[derive(Serialize)]
struct Line<'a> {
    object: &'a str,
    verdict: &'a ObjectVerdict,
}

/// Loads the objects that are named after the options `--unvisited`, `--run N` (packets) and
/// `--alone`, and writes a line of JSON for each to `out`.
///
/// # Errors
/// Options, files and rights, as a message.
pub fn run_command(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
) -> Result<(), String> {
    let mut packets = None;
    let mut unvisited = false;
    let mut alone = false;
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--unvisited") => unvisited = true,
            Some("--alone") => alone = true,
            Some("--run") => {
                let count = arguments.next().and_then(|count| count.to_str()?.parse().ok());
                let count = count.ok_or("--run needs a number of packets")?;
                packets = Some(Packets::random(count, SEED));
            }
            _ => {
                let path = Path::new(&argument);
                let shown = path.display().to_string();
                let bytes = std::fs::read(path).map_err(|error| format!("{shown}: {error}"))?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let name = name.split('.').next().unwrap_or_default();
                let options = Options { unvisited, alone, run: packets.as_ref() };
                let verdict = load(&bytes, name, options).map_err(|error| error.to_string())?;
                let line = Line { object: &shown, verdict: &verdict };
                let line = serde_json::to_string(&line).map_err(|error| error.to_string())?;
                writeln!(out, "{line}").map_err(|error| error.to_string())?;
            }
        }
    }
    Ok(())
}
