//! `cargo xtask reduce`: the smallest program that the checker refuses as it refuses an object.
//!
//! Lines of the program's text are taken out, halves first, single ones last, as long as the
//! checker still refuses a function for the same kind of reason (delta debugging, Zeller's
//! `ddmin`). What comes out is text that a filetest can hold.

use std::fs;
use std::mem::{Discriminant, discriminant};
use std::path::PathBuf;

use anyhow::{Context, Result};
use bpfold::Object;
use bpfold_passes::check::{self, Reason, Refusal};
use bpfold_passes::ir::{self, Program};
use bpfold_passes::{pass, text};

use crate::assignments;
use crate::trial::guarded;

/// Print the smallest program that the checker refuses as it refuses this object
#[derive(Debug, clap::Args)]
pub struct ReduceArguments {
    /// The object, or a program as text (`.bpf`, `.txt`)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The assignment under which it is refused
    #[arg(long, value_name = "NAME", default_value = "stored")]
    pub assignment: String,
    /// The function that is refused; the first one without it
    #[arg(long, value_name = "NAME")]
    pub function: Option<String>,
}

/// Runs the command; false if nothing is refused.
pub fn run(arguments: &ReduceArguments) -> Result<bool> {
    let path = arguments.file.display();
    let bytes = fs::read(&arguments.file).with_context(|| format!("{path}: cannot read"))?;
    let program = match std::str::from_utf8(&bytes) {
        Ok(text) => text::parse(text).with_context(|| format!("{path}: not a program"))?,
        Err(_) => with_values(&bytes, &arguments.assignment)?,
    };
    let wanted = arguments.function.as_deref();
    match reduced(&program, wanted) {
        Some((text, refusal)) => {
            println!("; {refusal}\n{text}");
            Ok(true)
        }
        None => {
            println!("nothing is refused");
            Ok(false)
        }
    }
}

/// An object's program with the values of an assignment as final ones.
fn with_values(bytes: &[u8], assignment: &str) -> Result<Program> {
    let object = Object::parse(bytes)?;
    let all = assignments::of(&object)?;
    let chosen = all.iter().find(|one| one.name == assignment);
    let chosen = chosen.with_context(|| format!("the object has no assignment {assignment}"))?;
    let object = Object::parse(&chosen.apply(&object, &bpfold::Kernel::new())?.original)?;
    let mut program = object.program().clone();
    for section in program.sections.values_mut().filter(|section| section.read_only) {
        section.final_bits.fill(0xff);
    }
    Ok(program)
}

/// The refusals of what all passes make of a program.
pub fn refusals(program: &Program) -> Result<Vec<Refusal>> {
    let mut folded = program.clone();
    pass::fold(&mut folded, &pass::Options::default())?;
    Ok(check::check(program, &folded, &check::roots(program)))
}

/// The smallest text that is refused for the same kind of reason, with what the checker says.
pub fn reduced(program: &Program, function: Option<&str>) -> Option<(String, String)> {
    let is_wanted = |program: &Program, refusal: &Refusal| {
        function.is_none_or(|name| program.funcs[refusal.func].name == name)
    };
    let found = refusals(program).ok()?;
    let first = found.iter().find(|refusal| is_wanted(program, refusal))?;
    let kind = discriminant(&first.reason);
    let name = program.funcs[first.func].name.clone();
    let mut lines: Vec<String> = program.to_string().lines().map(str::to_owned).collect();
    let mut said = first.reason.to_string();
    let mut size = lines.len().next_power_of_two() / 2;
    loop {
        let before = lines.len();
        let mut at = 0;
        while at < lines.len() {
            let end = (at + size).min(lines.len());
            let fewer = [&lines[..at], &lines[end..]].concat();
            match still(&fewer, &name, kind) {
                Some(reason) => {
                    lines = fewer;
                    said = reason;
                }
                None => at = end,
            }
        }
        // Functions and labels need their first and last line at once.
        for at in (0..lines.len()).rev() {
            let Some(len) = function_lines(&lines, at) else { continue };
            let fewer = [&lines[..at], &lines[at + len..]].concat();
            if let Some(reason) = still(&fewer, &name, kind) {
                lines = fewer;
                said = reason;
            }
        }
        match (size > 1, lines.len() < before) {
            (true, _) => size /= 2,
            (false, true) => {}
            (false, false) => break,
        }
    }
    Some((lines.join("\n"), format!("{name}: {said}")))
}

/// Lines of the function that starts at a line.
fn function_lines(lines: &[String], at: usize) -> Option<usize> {
    lines.get(at).filter(|line| line.starts_with("func "))?;
    lines[at..].iter().position(|line| line.starts_with('}')).map(|end| end + 1)
}

/// What the checker says of the function, if it still refuses it for this kind of reason.
fn still(lines: &[String], name: &str, kind: Discriminant<Reason>) -> Option<String> {
    let program = text::parse(&lines.join("\n")).ok()?;
    ir::verify(&program).ok()?;
    let found = guarded(|| refusals(&program)).ok()?;
    let same = |refusal: &&Refusal| {
        program.funcs[refusal.func].name == name && discriminant(&refusal.reason) == kind
    };
    found.iter().find(same).map(|refusal| refusal.reason.to_string())
}
