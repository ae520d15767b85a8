//! `bpfold fold`: one object in, one out, and a summary.

use std::io::Write as _;
use std::path::Path;

use bpfold::passes::pass::Step;
use bpfold::passes::text::Printer;
use bpfold::{Fold, Object, Report};

use super::args::{
    ALL_PASSES, ALL_WARNINGS, Annotations, CostKernel, DebugArgs, FoldArgs, FoldOptions, Format,
    Length,
};
use super::error::CliError;
use super::profile::Applied;
use super::table::printable;
use super::{annotations, budget, cost, files, kernel, profile, provenance, summary, values};

/// Runs the subcommand.
pub fn run(args: &FoldArgs) -> Result<(), CliError> {
    let done = fold(args);
    if let (Err(error), Some(Annotations::Github)) = (&done, args.annotations) {
        annotations::error(error);
    }
    done
}

fn fold(args: &FoldArgs) -> Result<(), CliError> {
    let bytes = files::read_object(&args.object)?;
    let object = files::object_of(&args.object, &bytes, args.source_root.as_deref())?;
    let applied = profile::apply(&args.options)?;
    let fold = args.debug.apply(prepare(&object, &args.object, &applied)?);
    let at_fault = kernel::at_fault(&applied.options.kernel, &args.object);
    let folded = match args.verify_cost {
        Some(CostKernel::Host) => cost::cheapest(&fold, &object, &args.object)?,
        None => {
            let mut steps = Steps::new(args);
            let fold = fold.step_limit(args.bisect);
            let folded = match steps.are_wanted() {
                true => fold.run_watched(&mut |step| steps.see(step)),
                false => fold.run(),
            };
            steps.finish();
            folded.map_err(at_fault)?
        }
    };
    if let Some(Annotations::Github) = args.annotations {
        annotations::notes(&folded.report);
    }
    check_denied(args, &applied.deny, &folded.report)?;
    budget::check(&args.max_instructions, &folded.report, &args.object)?;
    files::write(&args.output, &folded.bytes)?;
    if let Some(path) = &args.provenance {
        let arguments: Vec<String> =
            std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
        let (input, output) = ((&*args.object, &*bytes), (&*args.output, &*folded.bytes));
        provenance::write(path, input, output, &arguments, &folded.report)?;
    }
    let length = match args.summary {
        _ if args.quiet => Length::None,
        _ if args.verbose => Length::Full,
        length => length,
    };
    let text = match args.format {
        Format::Text => summary::text(&folded.report, length),
        Format::Json if length == Length::None => String::new(),
        Format::Json => files::json(&folded.report),
    };
    if files::is_stream(&args.output) || length == Length::None {
        // The object is out: what happens to standard error is no error.
        let _ = anstream::stderr().lock().write_all(text.as_bytes());
        Ok(())
    } else {
        Ok(anstream::stdout().lock().write_all(text.as_bytes())?)
    }
}

/// Fails if the report has warnings of a kind that the user denies.
fn check_denied(args: &FoldArgs, also: &[String], report: &Report) -> Result<(), CliError> {
    let all = args.deny.iter().chain(also);
    let denied = |name: &str| all.clone().any(|deny| deny == name || deny == ALL_WARNINGS);
    let warnings = report.notes.iter().filter_map(|note| {
        let name = note.warning().filter(|name| denied(name))?;
        Some((name, note.to_string()))
    });
    let warnings: Vec<(&'static str, String)> = warnings.collect();
    match warnings.is_empty() {
        true => Ok(()),
        false => Err(CliError::Denied { path: args.object.clone(), warnings }),
    }
}

impl DebugArgs {
    /// A fold with what these options say.
    pub fn apply<'o>(&self, fold: Fold<'o>) -> Fold<'o> {
        fold.verify_each(self.verify_each).check(!self.no_check)
    }
}

/// The object of a file with what the options say of it.
pub fn prepare<'o>(
    object: &'o Object,
    path: &Path,
    applied: &Applied,
) -> Result<Fold<'o>, CliError> {
    let error = || CliError::object(path);
    let options = &applied.options;
    let mut fold = Fold::new(object).map_err(error())?.ignore_missing(options.ignore_missing);
    for layer in &applied.layers {
        fold = values::assign(fold, layer)?;
    }
    for file in &options.values {
        fold = values::assign(fold, &values::Layer::read(file)?)?;
    }
    for setting in &options.set {
        fold = fold.assign(&setting.name, &setting.value, "--set").map_err(error())?;
    }
    for image in &options.rodata {
        let bytes = files::read(&image.path)?;
        fold = fold.section_bytes(&image.section, &bytes).map_err(error())?;
    }
    for pattern in &options.freeze {
        fold = fold.freeze(pattern).map_err(error())?;
    }
    if options.freeze_all {
        fold = fold.freeze_all();
    }
    if let Some(name) = options.entry.iter().find(|entry| options.drop.contains(entry)) {
        return Err(CliError::EntryAndDrop { name: name.clone() });
    }
    let mut fold = usage(fold, options).map_err(error())?;
    if options.prune_maps {
        fold = fold.prune_maps();
    }
    if options.require_no_globals {
        fold = fold.require_no_globals();
    }
    if options.freeze_marked {
        fold = fold.freeze_marked().map_err(error())?;
    }
    Ok(fold.kernel(&kernel::known(&options.kernel)?).core(options.kernel.core.into()))
}

/// What is said about the parts of the object that are used.
fn usage<'o>(mut fold: Fold<'o>, options: &FoldOptions) -> Result<Fold<'o>, bpfold::Error> {
    for pattern in &options.entry {
        fold = fold.entry(pattern)?;
    }
    for pattern in &options.drop {
        fold = fold.drop_program(pattern)?;
    }
    for pattern in &options.keep_map {
        fold = fold.keep_map(pattern)?;
    }
    for pattern in &options.keep_func {
        fold = fold.keep_function(pattern)?;
    }
    for pattern in &options.keep_var {
        fold = fold.keep_variable(pattern)?;
    }
    if options.keep_interface {
        fold = fold.keep_interface();
    }
    for map in &options.tail_map {
        fold = fold.tail_map(map.clone())?;
    }
    Ok(fold)
}

/// What passes do, for who wants to see: `--bisect` and `--print-after`.
struct Steps<'a> {
    args: &'a FoldArgs,
    /// The last step, in words.
    last: Option<String>,
}

impl<'a> Steps<'a> {
    fn new(args: &'a FoldArgs) -> Self {
        Self { args, last: None }
    }

    fn are_wanted(&self) -> bool {
        self.args.bisect.is_some() || !self.args.print_after.is_empty()
    }

    fn see(&mut self, step: &Step<'_>) {
        let func = step.program.funcs.get(step.func);
        let name = printable(func.map_or("", |func| func.name.as_str()));
        let words = format!("step {}: {} changed {name}", step.number, step.pass);
        let wanted = |pass: &String| pass == step.pass || pass == ALL_PASSES;
        if self.args.print_after.iter().any(wanted) {
            let printer = Printer::new(step.program);
            tell(&format!("{words}\n{}\n", printer.function(step.func)));
        }
        self.last = Some(words);
    }

    /// Names the last step, if steps were limited.
    fn finish(&self) {
        if self.args.bisect.is_some() {
            let last = self.last.as_deref().unwrap_or("step 0: nothing was changed");
            tell(&format!("stopped after {last}\n"));
        }
    }
}

/// Writes to standard error; who does not listen has no error.
fn tell(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}
