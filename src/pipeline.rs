//! Bytes in, bytes and a report out: the way of one object through the tool.

mod options;

use std::collections::{BTreeMap, BTreeSet};

use crate::draft::Draft;
use crate::elf::{SectionIndex, SymbolIndex};
use crate::kernel::core::{self, Applied, CoreMode};
use crate::kernel::{self, Resolved};
use crate::lift::Links;
use crate::lower::{LowerError, Lowered, lower};
use crate::needs::Property;
use crate::passes::analysis::calls::CallGraph;
use crate::passes::entity::{Func, PerEntity};
use crate::passes::ir::Program;
use crate::passes::opt::fold::{Event, LoadSource};
use crate::passes::pass::{FoldLog, Folded as FoldedCode, Folding, Level, Options, Step};
use crate::passes::rules::Rules;
use crate::proof::Proof;
use crate::prune::{Findings, Live, Node, PruneOptions, Scope};
use crate::record::{self, FoldedWith, Record};
use crate::report::{self, Note, Report};
use crate::seal::{Forgotten, Seals};
use crate::variables::{Finality, Variable, Variables};
use crate::written::{self, Made};
use crate::{Error, Kernel, Object, bounds, effects, needs, prune, seal};

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
    step_limit: Option<u64>,
    check: bool,
    damage: Option<Damage>,
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

/// Damages what the passes made of a program: a miscompile for tests.
pub type Damage = fn(&mut Program, &FoldLog);

/// How much of a function is rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// What is folded and dead, and what these rules say.
    Rules(Rules),
    /// Nothing: the function stays as it is.
    None,
}

/// Gets the file that is written and the comparison that it has passed.
pub(crate) type Examine<'e> = dyn FnMut(&[u8], &dyn Fn(&[u8]) -> Result<(), Error>) + 'e;

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
            step_limit: None,
            check: true,
            damage: None,
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
        self.run_examined(&mut |_| {}, &mut |_, _| {})
    }

    /// [`Fold::run`] with a look at every step. Where a function would grow, its jumps no longer
    /// reach or it is not proven, everything is folded again with less of it, and steps are
    /// counted from 1 again.
    ///
    /// # Errors
    /// As [`Fold::run`].
    pub fn run_watched(mut self, watch: &mut dyn FnMut(&Step<'_>)) -> Result<Folded, Error> {
        self.whole = true;
        self.run_examined(watch, &mut |_, _| {})
    }

    /// [`Fold::run_watched`] with a look at what is written, and at what the comparison with what
    /// was proven says of other bytes.
    pub(crate) fn run_examined(
        self,
        watch: &mut dyn FnMut(&Step<'_>),
        examine: &mut Examine<'_>,
    ) -> Result<Folded, Error> {
        self.check_record()?;
        let object = self.object;
        prune::check_entries(object, &self.prune)?;
        let facts = kernel::resolve(object, &self.kernel)?;
        let (open, closed) = self.sections();
        let scope = Scope::new(object, &self.prune, &open, &closed);
        let Code { program, log, live, core, proof, too_far, lowered, entered, held } =
            self.fold_program(&scope, &facts, watch)?;
        scope.check_drops(&live)?;
        let mut warnings = core.check(object, &program, &log)?;
        warnings.extend(facts.check(object, &program, &self.kernel)?);
        let external = |node| match node {
            Node::Extern(symbol) => Some(symbol),
            Node::Func(_) | Node::Map(_) | Node::Data(_) => None,
        };
        let gone: Vec<SymbolIndex> = scope.dead(&live, external).collect();
        let mut draft = Draft::new(lowered, object.btf().cloned());
        self.store_values(&mut draft)?;
        prune::remove(&mut draft, &scope, &live, &program);
        let seals = self.seal_and_prune(&mut draft, &log, &scope, &live)?;
        let cut = prune::cut_constants(&mut draft, &scope, &program, &self.variables);
        prune::drop_tables(&mut draft, object, &program);
        let mut record = self.new_record(&seals.sealed, facts.folded(object, &gone, &log));
        let by_user = seals.sealed.iter().copied().filter(|variable| self.is_by_user(variable));
        let by_user: Vec<&Variable> = by_user.collect();
        record.add_layout(object.btf(), &self.variables, &by_user)?;
        record.types.add(object, &self.kernel, &core, (&program, &log))?;
        if !record.is_empty() {
            draft.set_section(record::SECTION, record.to_bytes()?)?;
        }
        let mut lines = report::Lines::new(object);
        if self.prune.no_globals {
            let location = |func, slot| lines.location(func, slot);
            prune::check_globals(object, &program, &draft, location)?;
        }
        let findings = Findings {
            scope: &scope,
            live: &live,
            program: &program,
            log: &log,
            variables: &self.variables,
            core: &core.answered(object),
        };
        let reasons = prune::reasons(&findings, &cut, &mut lines, self.explain);
        let mut report =
            report::build(object, &program, &log, &self.variables, &draft, &seals, &record);
        report.tell_too_far(too_far.iter().map(|func| program.funcs[*func].name.as_str()));
        report.add_reasons(reasons);
        report.notes.extend(warnings);
        let name = |func: Func| object.program().funcs[func].name.clone();
        let parts = held.iter().flat_map(|(func, _)| needs::parts(object.program(), *func));
        let parts: Vec<String> = parts.map(name).collect();
        let held: Vec<(String, Property)> =
            held.iter().map(|(func, property)| (name(*func), *property)).collect();
        report.add_replaceable(&held, &parts);
        report.notes.extend(self.told.iter().cloned());
        report.notes.extend(self.odd_enums());
        report.notes.extend(self.without_effect());
        let code = (&program, &log);
        report.notes.extend(bounds::outside(object, code, &entered, &self.variables, &mut lines));
        report.core = core.report(object, &mut lines);
        if self.check {
            report.add_proof(&proof, (&log, &program), (&scope, &live), &mut lines);
        }
        let written = draft.write(object)?;
        report.notes.extend(written.refused.clone().map(|refused| Note::TypesRefused {
            section: refused.section,
            variable: refused.variable,
            problem: refused.problem,
        }));
        if self.check {
            let made = Made {
                object,
                program: &program,
                variables: &self.variables,
                record: &record,
                gone: &written.gone,
                starts: &written.starts,
                cuts: &written.cuts,
            };
            written::check(&made, &written.bytes)?;
            examine(&written.bytes, &|bytes| written::check(&made, bytes));
        }
        report.size_after = written.bytes.len() as u64;
        report.btf_after = written.btf_size;
        Ok(Folded { bytes: written.bytes, report })
    }

    /// Folds the code, lets the functions go that nothing needs any more, and lays it out. A
    /// function in which a jump gets too far for its encoding stays as it was, and one that is
    /// not proven to do what it did is folded less.
    ///
    /// A program that goes enters nothing any more, and what it has called can be folded
    /// further, so this starts over until nothing more goes.
    fn fold_program(
        &self,
        scope: &Scope<'_>,
        facts: &Resolved,
        watch: &mut dyn FnMut(&Step<'_>),
    ) -> Result<Code, Error> {
        let object = self.object;
        let mut original = object.program().clone();
        apply_variables(&mut original, object.links(), &self.variables);
        facts.apply(&mut original);
        let core = self.resolve_core(&mut original)?;
        let mut options = Options {
            verify_each: self.verify_each,
            limit: self.step_limit,
            whole: self.whole,
            ..Options::default()
        };
        self.apply_efforts(&mut options);
        let mut gone = BTreeSet::new();
        let mut stay = BTreeSet::new();
        let mut too_far = BTreeSet::new();
        let mut proof = Proof::default();
        let mut held = BTreeSet::new();
        if self.prune.any() {
            let live = scope.live(&original, &roots(object), &FoldLog::default(), &stay);
            gone = scope.gone(&live);
        }
        let mut folding = Folding::new(&original);
        loop {
            let entered = scope.entered(&gone);
            options.roots = Some(entered.clone());
            let anew = folding.fold(&options, watch, &mut |program, log| {
                needs::name_arenas(
                    object,
                    &scope.maps,
                    &original,
                    (program, &log.changed),
                    &entered,
                );
                if let Some(damage) = self.damage {
                    damage(program, log);
                }
            })?;
            proof.add(&anew, &original);
            let Some(FoldedCode { program, log }) = folding.folded() else { continue };
            let live = scope.live(program, &entered, log, &stay);
            // Less can be folded in a function that grows, and then more is needed again.
            let back: Vec<Func> = gone
                .iter()
                .copied()
                .filter(|func| live.nodes.contains(&Node::Func(*func)))
                .collect();
            if !back.is_empty() {
                gone.retain(|func| !back.contains(func));
                stay.extend(back);
                continue;
            }
            let now: BTreeSet<Func> = scope.gone(&live);
            if now.iter().any(|func| entered.contains(func)) {
                gone.extend(now);
                continue;
            }
            let mut program = program.clone();
            clear(&mut program, &now);
            let programs = (&original, &program, log);
            let levels = &mut options.levels;
            let lost = needs::lost_properties(&original, &program);
            if needs::put_back(&original, &lost, levels) {
                held.extend(lost);
                continue;
            }
            if self.check && !proof.prove(&folding, programs, (&entered, &live), levels)? {
                continue;
            }
            let lifted = prune::lifted_without(object, &program);
            match lower(object.elf(), object.btf_ext(), &lifted, &program) {
                Ok(lowered) => {
                    let (log, held) = (log.clone(), held.into_iter().collect());
                    return Ok(Code {
                        program,
                        log,
                        live,
                        core,
                        proof,
                        too_far,
                        lowered,
                        entered,
                        held,
                    });
                }
                Err(LowerError::Linearize { id, .. }) if options.levels[id] != Level::None => {
                    options.levels[id] = Level::None;
                    too_far.insert(id);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What is said of the rewrites of each function.
    fn apply_efforts(&self, options: &mut Options) {
        options.rules = PerEntity::with_default(self.rules);
        for (id, func) in self.object.program().funcs.iter() {
            match self.efforts.get(&func.name) {
                Some(Effort::Rules(rules)) => options.rules[id] = *rules,
                Some(Effort::None) => options.levels[id] = Level::None,
                None => {}
            }
        }
    }

    fn resolve_core(&self, program: &mut Program) -> Result<Applied, Error> {
        if self.core == CoreMode::None {
            return Ok(Applied::default());
        }
        let resolutions = core::resolve(self.object, &self.kernel)?;
        Ok(core::apply(program, &resolutions, self.core))
    }

    /// The read-only sections with variables that can still be set, and those in which the
    /// user has said of some variable that it cannot, and none can.
    fn sections(&self) -> (BTreeSet<SectionIndex>, BTreeSet<SectionIndex>) {
        let (mut open, mut closed) = (BTreeSet::new(), BTreeSet::new());
        for index in self.variables.sections() {
            let variables = || self.variables.iter().filter(|known| known.section_at == index);
            if variables().any(|variable| !self.variables.is_sealed(variable)) {
                open.insert(index);
            } else if variables().any(|variable| self.is_by_user(variable)) {
                closed.insert(index);
            }
        }
        (open, closed)
    }

    /// What an earlier fold has made final must not have changed.
    fn check_record(&self) -> Result<(), Error> {
        for known in self.record.values.iter().filter(|known| known.kernel) {
            let value = self.kernel.option_text(&known.name);
            if let Some(value) = value.filter(|value| *value != known.value) {
                return Err(Error::AlreadyFolded {
                    name: known.name.clone(),
                    value,
                    folded: known.value.clone(),
                });
            }
        }
        self.record.types.check(&self.kernel)?;
        for known in self.record.values.iter().filter(|known| !known.sealed) {
            let value = self.variables.value(&known.name)?.to_string();
            if value != known.value {
                return Err(Error::AlreadyFolded {
                    name: known.name.clone(),
                    value,
                    folded: known.value.clone(),
                });
            }
        }
        Ok(())
    }

    /// Notes of values that change nothing. Those of an earlier fold have done so already.
    fn without_effect(&self) -> Vec<Note> {
        let earlier = self.record.values.iter().filter(|known| !known.sealed && !known.frozen);
        let earlier: BTreeSet<&str> = earlier.map(|known| known.name.as_str()).collect();
        effects::without_effect(self.object, &self.variables, &earlier)
    }

    /// Notes of numbers that are no values of their enums.
    fn odd_enums(&self) -> Vec<Note> {
        let earlier = |path: &str| self.record.values.iter().any(|known| known.name == path);
        let new = self.variables.set_values().filter(|set| !earlier(set.path));
        new.flat_map(|set| {
            set.odd.iter().map(move |odd| Note::EnumRange {
                variable: set.path.to_owned(),
                type_name: odd.type_name.clone(),
                value: odd.value.clone(),
                known: odd.known.clone(),
            })
        })
        .collect()
    }

    /// Puts the values that were set into the sections. Addresses of code there are those of
    /// where it is now.
    fn store_values(&self, draft: &mut Draft) -> Result<(), Error> {
        for index in self.variables.sections() {
            if let Some(section) = self.variables.finality_of(index)
                && !section.bytes.is_empty()
            {
                let mut bytes = section.bytes;
                let addresses = self.object.links().addresses.iter();
                for address in addresses.filter(|address| address.section == index) {
                    let now = draft.elf.sections.get(address.section);
                    let now = now.and_then(|section| section.bytes()).unwrap_or_default();
                    let end = address.offset.saturating_add(address.form.width());
                    if let (Ok(start), Ok(end)) =
                        (usize::try_from(address.offset), usize::try_from(end))
                        && let (Some(to), Some(from)) =
                            (bytes.get_mut(start..end), now.get(start..end))
                    {
                        to.copy_from_slice(from);
                    }
                }
                draft.set_section_at(index, bytes)?;
            }
        }
        Ok(())
    }

    /// Lets final variables and dead sections go.
    fn seal_and_prune(
        &self,
        draft: &mut Draft,
        log: &FoldLog,
        scope: &Scope<'_>,
        live: &Live,
    ) -> Result<Seals<'_>, Error> {
        let mut seals = Seals::default();
        let loaded = loaded(self.object.links(), log);
        let data = |node| match node {
            Node::Data(section) => Some(section),
            Node::Func(_) | Node::Map(_) | Node::Extern(_) => None,
        };
        for section in scope.dead(live, data) {
            prune::drop_section(draft, section);
            // Other DATASECs can list its variables.
            let here = self.variables.iter().filter(|variable| variable.section_at == section);
            draft.forgotten.push(Forgotten::vars(here.filter_map(|variable| variable.var)));
        }
        for index in self.variables.sections() {
            let variables = self.variables.iter().filter(|known| known.section_at == index);
            let loaded: BTreeSet<u64> =
                loaded.iter().filter(|(section, _)| *section == index).map(|(_, at)| *at).collect();
            let is_loaded = |variable: &Variable| {
                let bytes = variable.bytes();
                !bytes.is_empty() && loaded.range(bytes).next().is_some()
            };
            let to_seal: Vec<&Variable> = variables
                .filter(|variable| self.variables.is_sealed(variable))
                .filter(|variable| {
                    let is_found = needs::is_found_by_name(&variable.name);
                    is_loaded(variable) || self.is_by_user(variable) && !is_found
                })
                .collect();
            if draft.sections.contains(&index) {
                seals.sealed.extend(to_seal);
                continue;
            }
            let addends = self.object.links().addends;
            let kept = seal::seal(draft, index, &to_seal, addends)?;
            let is_kept =
                |variable: &&Variable| kept.iter().any(|kept| std::ptr::eq(*kept, *variable));
            seals.sealed.extend(to_seal.into_iter().filter(|variable| !is_kept(variable)));
            seals.kept.extend(kept);
        }
        Ok(seals)
    }

    fn is_by_user(&self, variable: &Variable) -> bool {
        matches!(self.variables.state(variable), Finality::Set | Finality::Frozen)
    }

    fn new_record(&self, sealed: &[&Variable], externs: Vec<FoldedWith>) -> Record {
        let sealed: BTreeSet<&str> = sealed.iter().map(|variable| variable.name.as_str()).collect();
        let is_sealed = |path: &str| {
            let path = path.rsplit_once(':').map_or(path, |(_, name)| name);
            // Names have dots in them, so that any dot can be the end of one.
            let ends = path.match_indices(['.', '[']).map(|(at, _)| at).chain([path.len()]);
            ends.filter_map(|end| path.get(..end)).any(|name| sealed.contains(name))
        };
        let earlier = self.record.values.iter().filter(|value| value.sealed).cloned();
        let now = self.variables.folded_values().into_iter().map(|value| FoldedWith {
            sealed: is_sealed(&value.path),
            frozen: value.finality == Finality::Frozen,
            name: value.path,
            value: value.value,
            kernel: false,
        });
        let mut values: Vec<FoldedWith> = earlier.chain(now).collect();
        let new = externs.into_iter().filter(|value| !values.contains(value));
        let new: Vec<FoldedWith> = new.collect();
        values.extend(new);
        // Another fold finds the sealed ones only here, so they come first.
        values.sort_by_key(|value| !value.sealed);
        let Record { types, layouts, .. } = self.record.clone();
        Record { values, types, layouts }
    }
}

/// The code after folding.
struct Code {
    program: Program,
    log: FoldLog,
    live: Live,
    core: Applied,
    proof: Proof,
    /// The functions in which a jump would not reach.
    too_far: BTreeSet<Func>,
    lowered: Lowered,
    /// Functions that stay as they were for what a replacement of them may do.
    held: Vec<(Func, Property)>,
    /// The functions that somebody outside can enter.
    entered: Vec<Func>,
}

fn clear(program: &mut Program, gone: &BTreeSet<Func>) {
    for func in gone {
        if let Some(func) = program.funcs.get_mut(*func) {
            func.clear();
        }
    }
}

/// Fills in what is known of the read-only sections that code names.
fn apply_variables(program: &mut Program, links: &Links, variables: &Variables<'_>) {
    for (id, section) in program.sections.iter_mut().filter(|(_, section)| section.read_only) {
        let index = links.sections.get(id).map(|link| link.index);
        if let Some(known) = index.and_then(|index| variables.finality_of(index))
            && known.bytes.len() == section.bytes.len()
        {
            section.bytes = known.bytes;
            section.final_bits = known.final_mask;
        }
    }
}

/// The functions that somebody outside of the code can enter: programs, also those that other
/// code calls; what data holds the
/// address of; what no code calls, since somebody else may (a loader, a program that replaces
/// it), or kernels do by a declaration tag; what control runs into without a call.
pub(crate) fn roots(object: &Object) -> Vec<Func> {
    let program = object.program();
    let links = object.links();
    let is_program = |func: &Func| links.is_program(program, *func);
    let mut roots: BTreeSet<Func> = program.funcs.keys().filter(is_program).collect();
    // What a jump table leads to is entered by the function's own jumps.
    let addresses = links.addresses.iter();
    let addresses = addresses.filter(|at| links.table_at(at.section, at.offset).is_none());
    roots.extend(addresses.map(|address| address.place.func));
    roots.extend(links.funcs.values().flat_map(|link| link.runs_into.iter().copied()));
    roots.extend(CallGraph::new(program).unnamed());
    roots.extend(needs::callbacks(object).into_iter().map(|(_, callback)| callback));
    roots.into_iter().collect()
}

/// Sections and offsets of the bytes that folded loads read, the first of each.
fn loaded(links: &Links, log: &FoldLog) -> Vec<(SectionIndex, u64)> {
    let mut list: Vec<(SectionIndex, u64)> = log
        .events
        .iter()
        .filter_map(|event| match event {
            Event::LoadFolded { source: LoadSource::Section { section, offset }, .. } => {
                let index = links.sections.get(*section)?.index;
                Some((index, u64::try_from(*offset).ok()?))
            }
            Event::LoadFolded { .. } | Event::BranchDecided { .. } | Event::JumpDecided { .. } => {
                None
            }
        })
        .collect();
    list.sort();
    list.dedup();
    list
}
