//! What a fold is told: values, the kernel, what stays, how careful it is.

use wildmatch::WildMatch;

use super::{Effort, Fold};
use crate::kernel::core::CoreMode;
use crate::parts::TailMap;
use crate::passes::rules::Rules;
use crate::report::Note;
use crate::variables::VariableError;
use crate::{Error, Kernel, prune};

impl Fold<'_> {
    /// Gives a variable, member or element a value ([`Variables::set`]).
    ///
    /// # Errors
    /// Names and values that do not fit; another value than that of an earlier fold.
    pub fn set(mut self, name: &str, value: &str) -> Result<Self, Error> {
        match self.variables.set(name, value) {
            Ok(()) => Ok(self),
            // A variable that an earlier fold has sealed is not one of the object any more.
            Err(_) if self.patched.names().any(|symbol| symbol == name) => {
                self.patched.set(name, value)?;
                Ok(self)
            }
            Err(error) => match self.record.confirm(name, value)? {
                Some(()) => Ok(self),
                None => Err(error.into()),
            },
        }
    }

    /// Gives a variable, member or element a value as it is stored, the way loaders are given it
    /// (aya's `override_global`).
    ///
    /// # Errors
    /// As of [`Fold::set`]; another number of bytes.
    pub fn set_bytes(self, name: &str, value: &[u8]) -> Result<Self, Error> {
        let text = value.iter().fold("hex:".to_owned(), |text, byte| text + &format!("{byte:02x}"));
        self.set(name, &text)
    }

    /// Gives a value that takes the place of those that were assigned before
    /// ([`Variables::assign`]); the report warns of it. `origin` says who gives it.
    ///
    /// # Errors
    /// As [`Fold::set`].
    pub fn assign(mut self, name: &str, value: &str, origin: &str) -> Result<Self, Error> {
        let assigned = match self.variables.assign(name, value, origin) {
            Err(_) if self.patched.names().any(|symbol| symbol == name) => {
                self.patched.assign(name, value, origin)
            }
            assigned => assigned,
        };
        match assigned {
            Ok(overridden) => {
                self.told.extend(overridden.into_iter().map(|earlier| Note::Override {
                    variable: name.to_owned(),
                    value: value.to_owned(),
                    by: origin.to_owned(),
                    earlier_variable: earlier.path,
                    earlier_value: earlier.value,
                    earlier_by: earlier.origin,
                }));
                Ok(self)
            }
            Err(error) => match self.record.confirm(name, value)? {
                Some(()) => Ok(self),
                None if self.is_ignored(&error) => Ok(self.ignored(name, origin)),
                None => Err(error.into()),
            },
        }
    }

    /// Leaves out values and patterns for variables and members that the object does not have,
    /// with a note in the report: for one list of values and many objects. It holds for what is
    /// given afterwards.
    #[must_use]
    pub fn ignore_missing(mut self, ignore: bool) -> Self {
        self.ignore_missing = ignore;
        self
    }

    /// Adds to the report why what is still there is needed, and what became of each load of
    /// read-only data ([`Report::explained`](crate::Report::explained)).
    #[must_use]
    pub fn explain(mut self, explain: bool) -> Self {
        self.explain = explain;
        self
    }

    fn is_ignored(&self, error: &VariableError) -> bool {
        let is_missing = matches!(
            error,
            VariableError::Unknown { .. }
                | VariableError::NoMatch { .. }
                | VariableError::UnknownMember { .. }
        );
        self.ignore_missing && is_missing
    }

    fn ignored(mut self, name: &str, by: &str) -> Self {
        let (variable, by) = (name.to_owned(), by.to_owned());
        self.told.push(Note::Ignored { variable, by });
        self
    }

    /// Gives all of a read-only section the contents that a loader holds for it, and makes them
    /// final ([`Variables::set_section`](crate::Variables::set_section)).
    ///
    /// # Errors
    /// No single section of this name; an image of another size; values that contradict those
    /// given before, or of an earlier fold.
    pub fn section_bytes(mut self, section: &str, image: &[u8]) -> Result<Self, Error> {
        self.variables.set_section(section, image)?;
        Ok(self)
    }

    /// Makes what a pattern names final as it is stored ([`Variables::freeze`]).
    ///
    /// # Errors
    /// Nothing matches.
    pub fn freeze(mut self, pattern: &str) -> Result<Self, Error> {
        match self.variables.freeze(pattern) {
            Ok(()) => Ok(self),
            Err(VariableError::Unknown { .. } | VariableError::NoMatch { .. })
                if self.was_sealed(pattern) =>
            {
                Ok(self)
            }
            Err(error) if self.is_ignored(&error) => Ok(self.ignored(pattern, "--freeze")),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes what the source marks as known when the object is built final as it is stored
    /// ([`Variables::freeze_marked`]).
    ///
    /// # Errors
    /// Nothing is marked.
    pub fn freeze_marked(mut self) -> Result<Self, Error> {
        match self.variables.freeze_marked() {
            // They can all have been sealed by an earlier fold.
            Err(VariableError::NoMark) if !self.record.values.is_empty() => Ok(self),
            done => Ok(done.map(|()| self)?),
        }
    }

    fn was_sealed(&self, pattern: &str) -> bool {
        let glob = WildMatch::new(pattern);
        let sealed = self.record.values.iter().filter(|value| value.sealed);
        self.record.sealed(pattern).is_some() || sealed.into_iter().any(|v| glob.matches(&v.name))
    }

    /// Makes everything final as it is stored, except what is set before or after.
    #[must_use]
    pub fn freeze_all(mut self) -> Self {
        self.variables.freeze_all();
        self
    }

    /// Says which kernel the object is for. Variables of `.kconfig` that it gives a value are
    /// folded, so are checks of weak kernel symbols; CO-RE relocations are resolved if its
    /// types are known ([`Fold::core`]).
    #[must_use]
    pub fn kernel(mut self, kernel: &Kernel) -> Self {
        self.kernel = kernel.clone();
        self
    }

    /// Says which CO-RE relocations are resolved; those that decide branches if nothing is said.
    #[must_use]
    pub fn core(mut self, mode: CoreMode) -> Self {
        self.core = mode;
        self
    }

    /// Checks the IR after every pass, to find the one that broke it.
    #[must_use]
    pub fn verify_each(mut self, verify: bool) -> Self {
        self.verify_each = verify;
        self
    }

    /// Names programs that somebody attaches, by name or pattern. As soon as there are any, all
    /// others go, except those that tail calls reach.
    ///
    /// # Errors
    /// No program has such a name.
    pub fn entry(mut self, pattern: &str) -> Result<Self, Error> {
        prune::check_program(self.object, pattern)?;
        self.prune.entries.push(pattern.to_owned());
        Ok(self)
    }

    /// Names programs that nobody attaches or calls.
    ///
    /// # Errors
    /// No program has such a name.
    pub fn drop_program(mut self, pattern: &str) -> Result<Self, Error> {
        prune::check_program(self.object, pattern)?;
        self.prune.drops.push(pattern.to_owned());
        Ok(self)
    }

    /// Keeps maps and sections of data, by name or pattern, also when nothing uses them.
    ///
    /// # Errors
    /// No map or section of data has such a name.
    pub fn keep_map(mut self, pattern: &str) -> Result<Self, Error> {
        prune::check_map(self.object, pattern)?;
        self.prune.keep_maps.push(pattern.to_owned());
        Ok(self)
    }

    /// Keeps every map, program and variable that bindings made from the original object name
    /// (libbpf's and libbpf-rs's skeletons, bpf2go's structs, aya's look-ups). Maps that no
    /// program needs any more stay declared, programs that nobody enters only return, and
    /// [`Report::kept`](crate::Report::kept) lists both.
    #[must_use]
    pub fn keep_interface(mut self) -> Self {
        self.prune.interface = true;
        self
    }

    /// Keeps variables, by name or pattern, in the symbols and in BTF, also when they are final:
    /// a loader can still set them, to no effect.
    ///
    /// # Errors
    /// No read-only variable has such a name.
    pub fn keep_variable(mut self, pattern: &str) -> Result<Self, Error> {
        let glob = WildMatch::new(pattern);
        if !self.variables.iter().any(|variable| glob.matches(&variable.name)) {
            return Err(VariableError::NoMatch {
                pattern: pattern.to_owned(),
                nearest: Vec::new(),
            }
            .into());
        }
        self.prune.keep_vars.push(pattern.to_owned());
        Ok(self)
    }

    /// Keeps functions, programs too, by name or pattern, also when nothing enters them.
    ///
    /// # Errors
    /// No function has such a name.
    pub fn keep_function(mut self, pattern: &str) -> Result<Self, Error> {
        prune::check_function(self.object, pattern)?;
        self.prune.keep_functions.push(pattern.to_owned());
        Ok(self)
    }

    /// Says that a prog array is filled by the names of sections, as loaders before libbpf do.
    ///
    /// # Errors
    /// There is no such prog array, or no section names a slot of it.
    pub fn tail_map(mut self, map: TailMap) -> Result<Self, Error> {
        prune::check_tail_map(self.object, &map)?;
        self.prune.tail_maps.push(map);
        Ok(self)
    }

    /// Drops also the maps that no program has used in the first place, and pinned ones that
    /// none uses any more.
    #[must_use]
    pub fn prune_maps(mut self) -> Self {
        self.prune.prune_maps = true;
        self
    }

    /// Makes it an error if anything is left that needs global data, which kernels before 5.2
    /// do not have.
    #[must_use]
    pub fn require_no_globals(mut self) -> Self {
        self.prune.no_globals = true;
        self
    }

    /// Stops after so many steps, a step being a pass that changed a function. The result does
    /// the same as that of a complete fold: to find the step that broke a program.
    #[must_use]
    pub fn step_limit(mut self, limit: Option<u64>) -> Self {
        self.step_limit = limit;
        self
    }

    /// Proves of each function that was changed that it does what it did ([`check`]); what
    /// cannot be proven stays as it was, with a note in the report. On unless it is turned off.
    ///
    /// [`check`]: crate::passes::check
    #[must_use]
    pub fn check(mut self, check: bool) -> Self {
        self.check = check;
        self
    }

    /// Says which rewrites are done beyond what is folded, decided and dead.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Says it of the functions of a name, programs or subprograms.
    #[must_use]
    pub fn effort(mut self, function: &str, effort: Effort) -> Self {
        self.efforts.insert(function.to_owned(), effort);
        self
    }

    /// Damages what the passes make, to see that the checker refuses it.
    #[cfg(feature = "fuzzing")]
    #[must_use]
    pub fn damage(mut self, damage: super::hooks::Damage) -> Self {
        self.hooks.damage = Some(damage);
        self
    }
}
