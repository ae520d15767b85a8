//! The answers that an object was folded with, for the record of the fold.
//!
//! What decides something is a check that is on a way that can be taken once all branches are
//! decided; one behind a branch that is never taken says nothing about the object. A check with
//! words ([`question`]) is recorded by them, with its answer, and can be asked of any kernel.
//! What has no words, and offsets, which are only ever right for one kernel, are recorded as
//! what tells the types of this kernel from those of any other.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::apply::Applied;
use super::candidates::Candidates;
use super::size::pointer_size;
use super::{AnswerError, Problem, Resolver, question, version};
use crate::Object;
use crate::btf::{Btf, CoreRelo, Endianness};
use crate::kernel::Kernel;
use crate::passes::entity::Func;
use crate::passes::ir::{Function, Op, Program};
use crate::passes::opt::fold::Event;
use crate::passes::pass::FoldLog;

/// What types of a kernel an object was folded with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answers {
    /// Questions with their answers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub asked: BTreeMap<String, u64>,
    /// The types themselves ([`Kernel::types_identity`]), where the answers of others do not
    /// count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<String>,
}

/// What the report and `vars` call [`Answers::types`].
const TYPES: &str = "types of the kernel";

impl Answers {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Names and values for people.
    pub fn rows(&self) -> impl Iterator<Item = (String, String)> {
        let types = self.types.iter().map(|types| (TYPES.to_owned(), types.clone()));
        let asked = self.asked.iter().map(|(words, value)| (words.clone(), value.to_string()));
        types.chain(asked)
    }

    /// Adds the answers that `applied` has put into an object; `program` is its code after
    /// folding.
    ///
    /// # Errors
    /// Damaged types of the kernel.
    pub fn add(
        &mut self,
        object: &Object,
        kernel: &Kernel,
        applied: &Applied,
        (program, log): (&Program, &FoldLog),
    ) -> Result<(), AnswerError> {
        let Some(local) = object.btf() else { return Ok(()) };
        let reached = Reached::new(object, program, log);
        let mut asked: BTreeMap<String, u64> = BTreeMap::new();
        if applied.resolved.is_empty() {
            return Ok(());
        }
        let by_version = kernel.types()?.is_none();
        let words = |record| match by_version {
            true => version::words(local, record),
            false => question::words(local, record),
        };
        let mut has_words = true;
        for resolved in applied.resolved.iter().filter(|one| reached.has(one.func, one.slot)) {
            has_words &= words(&resolved.record).is_some_and(|words| {
                *asked.entry(words).or_insert(resolved.value) == resolved.value
            });
        }
        // Candidates that an earlier record has ruled out can make an answer that words do not
        // get.
        has_words &= match ask(kernel, asked.keys())? {
            Some(answers) => asked.values().zip(&answers).all(|(a, b)| *b == Some(Ok(*a))),
            None => asked.is_empty(),
        };
        if has_words {
            self.asked.extend(asked);
        } else {
            self.types = kernel.types_identity()?;
        }
        Ok(())
    }

    /// Whether a kernel gives the same answers. Without types it gives those that its version has.
    ///
    /// # Errors
    /// The first answer that differs; damaged types; words that are no question.
    pub fn check(&self, kernel: &Kernel) -> Result<(), AnswerError> {
        let differs = |what: &str, value: String, folded: String| AnswerError::Differs {
            what: what.to_owned(),
            value,
            folded,
        };
        if let Some(folded) = &self.types
            && let Some(types) = kernel.types_identity()?
            && types != *folded
        {
            return Err(differs(TYPES, types, folded.clone()));
        }
        let Some(answers) = ask(kernel, self.asked.keys())? else { return Ok(()) };
        for ((words, folded), answer) in self.asked.iter().zip(answers) {
            let value = match answer {
                None => continue,
                Some(Ok(value)) if value == *folded => continue,
                Some(Ok(value)) => value.to_string(),
                Some(Err(Problem::Missing)) => "missing".to_owned(),
                Some(Err(_)) => "without an answer".to_owned(),
            };
            return Err(differs(words, value, folded.to_string()));
        }
        Ok(())
    }
}

/// An answer; none if it is not known.
type Answer = Option<Result<u64, Problem>>;

/// What a kernel answers; none if neither its types nor its version is known.
pub(super) fn ask<'w>(
    kernel: &Kernel,
    words: impl Iterator<Item = &'w String>,
) -> Result<Option<Vec<Answer>>, AnswerError> {
    let words: Vec<&String> = words.collect();
    if words.is_empty() {
        return Ok(None);
    }
    let types = kernel.types()?;
    if types.is_none() && kernel.known_version().is_none() {
        return Ok(None);
    }
    let order = types.as_ref().map_or(Endianness::Little, |types| types.order());
    let mut local = Btf::new(order);
    let mut records: Vec<CoreRelo> = Vec::new();
    for words in words {
        let record = question::pose(&mut local, words)
            .ok_or_else(|| AnswerError::NoQuestion { words: words.clone() })?;
        records.push(record);
    }
    let Some(types) = types else {
        let answer = |version, record| {
            let change = version::answer(&local, version, record)?;
            Some(Ok(change.value))
        };
        let by_version = |version| records.iter().map(|record| answer(version, record)).collect();
        return Ok(kernel.known_version().map(by_version));
    };
    let modules;
    let mut candidates = Candidates::new(&local, records.iter().map(|record| record.type_id));
    candidates.add(&types);
    if candidates.are_missing() {
        modules = kernel.module_types()?;
        candidates.add_modules(&modules);
    }
    let mut resolver = Resolver { local: &local, pointer: pointer_size(&types), candidates };
    let answers = records.iter().map(|record| {
        let change = resolver.resolve(record, false);
        Some(change.map(|change| change.value))
    });
    Ok(Some(answers.collect()))
}

/// The instructions of the code as it was read to which the branches that were decided lead.
struct Reached {
    /// Slots from each function's start; none if any can be reached.
    slots: BTreeMap<Func, Option<BTreeSet<u32>>>,
}

impl Reached {
    fn new(object: &Object, program: &Program, log: &FoldLog) -> Self {
        let mut decided: BTreeMap<Func, BTreeMap<u32, bool>> = BTreeMap::new();
        for event in &log.events {
            if let Event::BranchDecided { func, slot: Some(slot), taken, .. } = *event {
                decided.entry(func).or_default().insert(slot, taken);
            }
        }
        let stays = |func: &Function| func.opaque.is_some() || !func.layout().is_empty();
        let funcs = object.program().funcs.iter().zip(program.funcs.values());
        let slots = funcs.filter(|(_, after)| stays(after)).map(|((id, func), _)| {
            let none = BTreeMap::new();
            (id, slots(func, decided.get(&id).unwrap_or(&none)))
        });
        Self { slots: slots.collect() }
    }

    fn has(&self, func: Func, slot: Option<u32>) -> bool {
        match (self.slots.get(&func), slot) {
            (Some(Some(slots)), Some(slot)) => slots.contains(&slot),
            (Some(_), _) => true,
            (None, _) => false,
        }
    }
}

fn slots(func: &Function, decided: &BTreeMap<u32, bool>) -> Option<BTreeSet<u32>> {
    if func.opaque.is_some() {
        return None;
    }
    let mut slots = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut work: Vec<_> = func.entry().into_iter().collect();
    while let Some(block) = work.pop() {
        if !seen.insert(block) {
            continue;
        }
        slots.extend(func.block(block).insts.iter().filter_map(|inst| func.inst(*inst).origin));
        let branch = func.terminator(block).and_then(|inst| match *func.op(inst) {
            Op::Branch { target, .. } => {
                let taken = *decided.get(&func.inst(inst).origin?)?;
                Some(if taken { Some(target) } else { func.block(block).next })
            }
            _ => None,
        });
        match branch {
            Some(next) => work.extend(next),
            None => work.extend(func.successors(block)),
        }
    }
    Some(slots)
}
