//! `bpfold verify`: what the running kernel makes of an object before and after folding.

mod comparison;
mod text;

use std::io::Write as _;
use std::path::Path;

use bpfold::{Fold, Object};
use bpfold_kernel::{
    ObjectVerdict, Options, Packets, ProgramRun, ProgramVerdict, differences, load,
};

use super::args::{Format, VerifyArgs};
use super::error::CliError;
use super::{files, fold, profile};
use comparison::{Comparison, ProgramComparison};

/// Seed of random packets: the same ones each time.
const SEED: u64 = 1;
/// How often each object is run before a difference is one: what the original answers
/// differently by itself (time, random numbers) is not compared, and what the folded object
/// answers differently must do so each time.
const RUNS_TO_CONFIRM: usize = 6;

/// The objects to compare.
struct Pair {
    original: Vec<u8>,
    folded: Vec<u8>,
}

/// Runs the subcommand.
pub fn run(args: &VerifyArgs) -> Result<(), CliError> {
    let packets = packets(args)?;
    let bytes = files::read_object(&args.object)?;
    let object = Object::parse(&bytes).map_err(CliError::object(&args.object))?;
    let pair = match &args.folded {
        Some(path) => folded_before(args, &object, files::read_object(path)?, path)?,
        None => {
            let applied = profile::apply(&args.options)?;
            let fold = args.debug.apply(fold::prepare(&object, &args.object, &applied)?);
            let original = fold.unfolded().map_err(CliError::object(&args.object))?;
            let folded = fold.run().map_err(CliError::object(&args.object))?.bytes;
            Pair { original, folded }
        }
    };
    let comparison = compare(&pair, &files::map_prefix(&args.object), packets.as_ref())?;
    let text = match args.format {
        Format::Text => text::text(&comparison),
        Format::Json => files::json(&comparison),
    };
    anstream::stdout().lock().write_all(text.as_bytes())?;
    match comparison.worse() {
        0 => Ok(()),
        programs => Err(CliError::Worse { programs }),
    }
}

/// The packets to run programs with, if they are to be run.
fn packets(args: &VerifyArgs) -> Result<Option<Packets>, CliError> {
    let mut packets = args.run.map(|count| Packets::random(count, SEED));
    for path in &args.data {
        packets.get_or_insert_default().extend(Packets::read(path)?);
    }
    Ok(packets)
}

/// The original gets the values that the other was folded with.
fn folded_before(
    args: &VerifyArgs,
    object: &Object,
    folded: Vec<u8>,
    path: &Path,
) -> Result<Pair, CliError> {
    let written = Object::parse(&folded).map_err(CliError::object(path))?;
    let values = written.folded_with().map_err(CliError::object(path))?;
    let mut fold = Fold::new(object).map_err(CliError::object(&args.object))?;
    for value in values.iter().filter(|value| !value.kernel) {
        fold = fold.set(&value.name, &value.value).map_err(CliError::object(&args.object))?;
    }
    let original = fold.unfolded().map_err(CliError::object(&args.object))?;
    Ok(Pair { original, folded })
}

fn compare(pair: &Pair, name: &str, packets: Option<&Packets>) -> Result<Comparison, CliError> {
    let options = Options { run: packets, ..Options::default() };
    let before = load(&pair.original, name, options)?;
    let mut after = load(&pair.folded, name, options)?;
    let (mut options, mut known) = (options, before.programs.clone());
    let mut answered = after.programs.clone();
    if packets.is_some() && !share_maps_alike(&before, &after) {
        options.alone = true;
        known = load(&pair.original, name, options)?.programs;
        answered = load(&pair.folded, name, options)?.programs;
    }
    let mut loads = Loads { pair, name, options, known: vec![known.clone()] };
    let mut programs = Vec::new();
    for program in &before.programs {
        let is_it =
            |other: &ProgramVerdict| other.name == program.name && other.section == program.section;
        let at = after.programs.iter().position(is_it);
        let after = at.map(|at| after.programs.remove(at));
        let run = |programs: &[ProgramVerdict]| {
            programs.iter().find(|other| is_it(other)).and_then(|program| program.run.clone())
        };
        let (runs, differences) = match (run(&known), &run(&answered)) {
            (Some(_), Some(after)) => (after.count(), loads.differences(&is_it, after)?),
            _ => (0, Vec::new()),
        };
        programs.push(ProgramComparison {
            name: program.name.clone(),
            section: program.section.clone(),
            before: program.outcome.clone(),
            after: after.map(|after| after.outcome),
            runs,
            differences,
        });
    }
    Ok(Comparison {
        kernel: bpfold_kernel::kernel_release(),
        before: before.into(),
        after: after.into(),
        programs,
    })
}

/// Whether programs share their maps in both objects or in none: where an object does not load as
/// a whole, each program has been loaded with maps of its own, and finds nothing there that
/// another one has left.
fn share_maps_alike(before: &ObjectVerdict, after: &ObjectVerdict) -> bool {
    before.whole.is_some() == after.whole.is_some()
}

/// The objects, loaded and run as often as needed.
struct Loads<'a> {
    pair: &'a Pair,
    name: &'a str,
    options: Options<'a>,
    /// Loads of the original.
    known: Vec<Vec<ProgramVerdict>>,
}

impl Loads<'_> {
    /// What differs from all runs of a program of the original, each time that it runs.
    fn differences(
        &mut self,
        is_it: &dyn Fn(&ProgramVerdict) -> bool,
        after: &ProgramRun,
    ) -> Result<Vec<String>, CliError> {
        let mut found = self.compare(is_it, after);
        while !found.is_empty() && self.known.len() < RUNS_TO_CONFIRM {
            self.known.push(load(&self.pair.original, self.name, self.options)?.programs);
            found = self.compare(is_it, after);
        }
        let mut repetitions = 1;
        while !found.is_empty() && repetitions < RUNS_TO_CONFIRM {
            let again = load(&self.pair.folded, self.name, self.options)?.programs;
            let run = again.iter().find(|program| is_it(program)).and_then(|p| p.run.as_ref());
            if run.is_some_and(|run| self.compare(is_it, run).is_empty()) {
                return Ok(Vec::new());
            }
            repetitions += 1;
        }
        Ok(found)
    }

    fn compare(&self, is_it: &dyn Fn(&ProgramVerdict) -> bool, after: &ProgramRun) -> Vec<String> {
        let programs = self.known.iter().filter_map(|known| known.iter().find(|p| is_it(p)));
        let runs: Vec<&ProgramRun> = programs.filter_map(|known| known.run.as_ref()).collect();
        differences(&runs, after)
    }
}
