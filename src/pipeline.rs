//! Bytes in, bytes and a report out: the way of one object through the tool.
//!
//! A stage is a file: [`resolve`], [`fold`], [`lower`], [`strip`], [`write`], [`compare`],
//! [`report`]. [`Fold::make`] and [`Fold::run`] say in which order.

mod compare;
mod fold;
mod hooks;
mod leaving;
mod lower;
mod options;
mod report;
mod resolve;
mod strip;
mod write;

use std::collections::BTreeMap;

use crate::draft::Written;
use crate::kernel::core::CoreMode;
use crate::needs::Refused;
use crate::parts;
use crate::passes::pass::Step;
use crate::passes::rules::Rules;
use crate::patched::Patched;
use crate::prune::{CutSection, PruneOptions};
use crate::record::Record;
use crate::report::{Note, Report};
use crate::variables::{Finality, Variable, Variables};
use crate::{Error, Kernel, Object};
use fold::{Code, Folder};
use hooks::Hooks;
use leaving::Leaving;
use lower::Laid;
use resolve::Resolved;
use strip::Stripped;

/// An object to be folded, with the values of its variables.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let object = bpfold::Object::parse(&std::fs::read("probe.bpf.o")?)?;
/// let folded = bpfold::Fold::new(&object)?.set("kernel_version", "0x60100")?.freeze_all().run()?;
/// std::fs::write("probe.folded.bpf.o", folded.bytes)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Fold<'o> {
    object: &'o Object,
    variables: Variables<'o>,
    record: Record,
    kernel: Kernel,
    core: CoreMode,
    verify_each: bool,
    prune: PruneOptions,
    patched: Patched<'o>,
    step_limit: Option<u64>,
    check: bool,
    hooks: Hooks,
    /// Whether each attempt folds everything, so that steps have lasting numbers.
    whole: bool,
    rules: Rules,
    efforts: BTreeMap<String, Effort>,
    /// Names that the object does not have are left out with a note.
    ignore_missing: bool,
    /// The report tells also why what is there is needed.
    explain: bool,
    /// What was noted while values were given.
    told: Vec<Note>,
}

/// How much of a function is rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// What is folded and dead, and what these rules say.
    Rules(Rules),
    /// Nothing: the function stays as it is.
    None,
}

/// Looks at every step of the passes.
type Watch<'w> = dyn FnMut(&Step<'_>) + 'w;

/// A folded object.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The object file.
    pub bytes: Vec<u8>,
    /// What was done, and why.
    pub report: Report,
}

impl<'o> Fold<'o> {
    /// Nothing is final yet but what nobody can be meant to set, and what an earlier fold
    /// made final.
    ///
    /// # Errors
    /// A variable that reaches beyond its section; a record of an earlier fold that cannot be
    /// read.
    pub fn new(object: &'o Object) -> Result<Self, Error> {
        let mut variables = object.variables()?;
        let record = Record::read(object.elf())?;
        for known in record.values.iter().filter(|known| !known.sealed) {
            if known.frozen {
                variables.freeze(&known.name)?;
            } else {
                variables.set(&known.name, &known.value)?;
            }
        }
        let prune = PruneOptions::default();
        Ok(Self {
            object,
            variables,
            record,
            kernel: Kernel::new(),
            core: CoreMode::default(),
            verify_each: false,
            prune,
            patched: Patched::of(object)?,
            step_limit: None,
            check: true,
            hooks: Hooks::default(),
            whole: false,
            rules: Rules::default(),
            efforts: BTreeMap::new(),
            ignore_missing: false,
            explain: false,
            told: Vec::new(),
        })
    }

    /// The variables with the values given so far.
    pub fn variables(&self) -> &Variables<'o> {
        &self.variables
    }

    /// The undefined symbols that loaders replace by numbers, by name, with the numbers given so
    /// far: `asm("%0 = offset ll" : "=r"(value))`.
    pub fn symbols(&self) -> &Variables<'o> {
        self.patched.values()
    }

    /// The object as it was read, but with the values given so far in its sections: what a
    /// loader that sets them would load. This is what to compare the folded object with.
    ///
    /// # Errors
    /// Bugs.
    pub fn unfolded(&self) -> Result<Vec<u8>, Error> {
        let mut elf = self.object.elf().clone();
        for index in self.variables.sections() {
            if let Some(known) = self.variables.finality_of(index)
                && !known.bytes.is_empty()
            {
                elf.set_section_data(index, known.bytes)?;
            }
        }
        Ok(elf.write()?)
    }

    /// Folds the object.
    ///
    /// # Errors
    /// A frozen value of an earlier fold that was set to another one; a kernel whose facts
    /// are damaged or do not fit the object; a program that is to be dropped and cannot be;
    /// global data that must not be there; a result that is not what was proven; other bugs.
    pub fn run(self) -> Result<Folded, Error> {
        self.finish(&mut |_| {})
    }

    /// [`Fold::run`] with a look at every step. Where a function would grow, its jumps no longer
    /// reach or it is not proven, everything is folded again with less of it, and steps are
    /// counted from 1 again.
    ///
    /// # Errors
    /// As [`Fold::run`].
    pub fn run_watched(mut self, watch: &mut dyn FnMut(&Step<'_>)) -> Result<Folded, Error> {
        self.whole = true;
        self.finish(watch)
    }

    fn finish(self, watch: &mut Watch<'_>) -> Result<Folded, Error> {
        let made = self.make(watch)?;
        if self.check {
            compare::compare(&self, &made, &made.written.bytes)?;
        }
        let report = report::report(&self, &made);
        Ok(Folded { bytes: made.written.bytes, report })
    }

    /// Everything up to the file.
    pub(crate) fn make(&self, watch: &mut Watch<'_>) -> Result<Made<'_>, Error> {
        let resolved = resolve::resolve(self)?;
        let (code, lowered) = {
            let mut folder = Folder::new(self, &resolved);
            loop {
                let code = folder.fold(watch)?;
                match lower::lay_out(self.object, &code)? {
                    Laid::Out(lowered) => break (code, *lowered),
                    Laid::TooFar { func, error } if !folder.put_back(func) => {
                        return Err(error.into());
                    }
                    Laid::TooFar { .. } => {}
                }
            }
        };
        let missing = fold::missing(self, &resolved, &code)?;
        let Stripped { draft, cut, record, leaving } =
            strip::strip(self, &resolved, &code, lowered)?;
        let (written, refused) = write::write(draft, self.object)?;
        Ok(Made { resolved, code, missing, cut, record, leaving, written, refused })
    }

    /// What the comparison with what was proven says of a file.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn compare(&self, made: &Made<'_>, file: &[u8]) -> Result<(), Error> {
        compare::compare(self, made, file)
    }

    /// Whether the user wants a variable to stay declared.
    fn is_asked(&self, variable: &Variable) -> bool {
        parts::matches(&self.prune.keep_vars, &variable.name)
    }

    fn is_by_user(&self, variable: &Variable) -> bool {
        matches!(self.variables.state(variable), Finality::Set | Finality::Frozen)
    }
}

/// A file, and what it was made of.
pub(crate) struct Made<'f> {
    resolved: Resolved<'f>,
    code: Code,
    /// What the code wants of the kernel and the kernel does not have.
    missing: Vec<Note>,
    cut: Vec<CutSection>,
    record: Record,
    leaving: Leaving,
    pub written: Written,
    /// What kernels refused about the types and would no longer.
    refused: Option<Refused>,
}
