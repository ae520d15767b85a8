//! What is written says what was proven.
//!
//! The checker proves a program of blocks and ids. Laying it out, renumbering sections, symbols
//! and types, and cutting constants come behind the proof, so the object file is read again and
//! compared with that program and with the object that was read first: an instruction, a symbol
//! or a type that says something else is an error, and no file is written.
//!
//! Compared are
//!
//! - *code* ([`code`]): each function along all of its paths, with what its instructions name,
//!   their CO-RE records and lines; the layout is free;
//! - *data* ([`data`]): bytes, attributes and relocations of sections, addresses of functions,
//!   symbols. Bytes may be cut out; what is behind them moves, and so must whatever names it;
//! - *types* ([`types`]): of functions, maps, variables and externs, with their tags.
//!
//! Which sections, functions and constants go is decided by [`prune`](crate::prune): compared is
//! that nothing that stays names them. Reading is shared with the way in: that bytes mean what
//! [`Object::parse`] says is not proven here.

mod code;
mod data;
mod types;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::elf::{ElfObject, Section, SectionIndex};
use crate::lift::{Hints, Starts, is_map_section};
use crate::object::ObjectError;
use crate::parts::Node;
use crate::passes::analysis::section_reads::SectionReads;
use crate::passes::entity::Func;
use crate::passes::ir::{Function, Program};
use crate::record::Record;
use crate::sections::RECORD;
use crate::variables::Variables;
use crate::{Error, Object, needs};

/// What an object file was made of.
pub(crate) struct Made<'m> {
    /// The object that was read.
    pub object: &'m Object,
    /// The code that was proven.
    pub program: &'m Program,
    /// The programs in it that only return, since nobody enters them.
    pub stubs: &'m BTreeSet<Func>,
    /// The contents of sections with variables.
    pub variables: &'m Variables<'m>,
    /// The sections of `object` that were left out.
    pub gone: &'m BTreeSet<SectionIndex>,
    /// Where functions start: slots from the starts of sections of `object`.
    pub starts: &'m Starts,
    /// The record of the values.
    pub record: &'m Record,
    /// Bytes that were cut out of sections of `object`, in order and apart, each with the number
    /// of bytes that were cut out before it.
    pub cuts: &'m BTreeMap<SectionIndex, Vec<(Range<u64>, u64)>>,
}

/// Where an object file differs from what it was made of.
#[derive(Debug)]
struct Mismatch {
    /// A section of the object file.
    section: String,
    /// Bytes from its start.
    offset: Option<u64>,
    problem: String,
}

type Check<T = ()> = Result<T, Mismatch>;

impl Mismatch {
    fn new(section: impl Into<String>, offset: Option<u64>, problem: impl Into<String>) -> Self {
        Self { section: section.into(), offset, problem: problem.into() }
    }
}

/// Reads an object file again and compares it with what it was made of.
///
/// # Errors
/// [`Error::Written`]: they differ, a bug.
pub(crate) fn check(made: &Made<'_>, file: &[u8]) -> Result<(), Error> {
    compare(made, file).map_err(|mismatch| Error::Written {
        section: mismatch.section,
        offset: mismatch.offset,
        problem: mismatch.problem,
    })
}

fn compare(made: &Made<'_>, file: &[u8]) -> Check {
    let unread = |error: ObjectError| Mismatch::new("the file", None, error.to_string());
    let elf = ElfObject::parse(file).map_err(|error| unread(error.into()))?;
    let sections = pair_sections(made, &elf)?;
    let starts = made.starts.iter();
    let starts = starts.filter_map(|(old, slots)| Some((*sections.get(old)?, slots.clone())));
    let hints = Hints { starts: starts.collect(), addends: Some(made.object.links().addends) };
    let new = Object::of(elf, file.len(), &hints).map_err(unread)?;
    if Record::read(new.elf()).ok().as_ref() != Some(made.record) {
        return Err(Mismatch::new(RECORD, None, "another record of values"));
    }
    let mut pairing = Pairing::new(made, &new, sections);
    pairing.pair_functions()?;
    check_gone(made)?;
    check_cuts(&pairing)?;
    let mut types = types::Types::of(made.object, &new);
    code::check(&pairing, &mut types)?;
    data::check(&pairing)?;
    let has = |node| match node {
        Node::Func(func) => pairing.funcs.contains_key(&func),
        Node::Data(section) => pairing.sections.contains_key(&section),
        Node::Map(_) | Node::Extern(_) => true,
    };
    if let Some(problem) = needs::check::missing(made.object, &new, made.program, has) {
        return Err(Mismatch::new("the file", None, problem));
    }
    types.check_sections(&pairing)
}

/// Loaders read these sections by their names.
fn check_gone(made: &Made<'_>) -> Check {
    for &index in made.gone {
        let name = made.object.elf().section_id(index).name;
        if name == "license" || name == "version" {
            return Err(Mismatch::new(name, None, "the section is missing"));
        }
    }
    Ok(())
}

/// What code reads of a section that constants were cut out of is there as a whole.
fn check_cuts(pairing: &Pairing<'_>) -> Check {
    let made = pairing.made;
    let elf = made.object.elf();
    let is_map = |index: &SectionIndex| {
        elf.sections.get(*index).is_some_and(|section| is_map_section(&section.name))
    };
    // Jump tables are compared entry by entry, with the code that uses them.
    let is_table = |index: &SectionIndex| {
        made.object.links().tables.iter().any(|table| table.section == *index)
    };
    let mut cut = made.cuts.keys().filter(|index| !is_map(index) && !is_table(index)).peekable();
    if cut.peek().is_none() {
        return Ok(());
    }
    let reads = SectionReads::new(made.program);
    for &index in cut {
        let Some(section) = made.object.links().section_of(index) else { continue };
        let lost = reads.of(section).iter().find(|read| !pairing.stays(index, &read.bytes));
        if reads.is_lost(section) || lost.is_some() {
            let offset = lost.map(|read| read.bytes.start);
            let problem = "a byte was cut out that code reads, or may read";
            return Err(Mismatch::new(elf.section_id(index).name, offset, problem));
        }
    }
    Ok(())
}

/// The sections that stay keep their order.
fn pair_sections(made: &Made<'_>, new: &ElfObject) -> Check<BTreeMap<SectionIndex, SectionIndex>> {
    let old = made.object.elf();
    // Tables of relocations that are empty go, and the record can come.
    let is_free =
        |section: &Section| section.relocations().is_some() || section.name == RECORD.as_bytes();
    let mut rest = new.sections.iter().peekable();
    let mut pairs = BTreeMap::new();
    for (index, section) in old.sections.iter().filter(|(index, _)| !made.gone.contains(index)) {
        match rest.next_if(|(_, other)| (&section.name, section.kind) == (&other.name, other.kind))
        {
            Some((same, _)) => drop(pairs.insert(index, same)),
            None if is_free(section) => {}
            None => {
                let problem = "the section is missing, or out of order";
                return Err(Mismatch::new(old.section_id(index).name, None, problem));
            }
        }
    }
    if let Some((more, _)) = rest.find(|(_, section)| !is_free(section)) {
        let problem = "a section that was not there";
        return Err(Mismatch::new(new.section_id(more).name, None, problem));
    }
    if (old.endian, &old.header) != (new.endian, &new.header) {
        return Err(Mismatch::new("the file header", None, "it is another one"));
    }
    Ok(pairs)
}

/// What of the new object stands for what of the old one.
struct Pairing<'p> {
    made: &'p Made<'p>,
    old: &'p Object,
    new: &'p Object,
    sections: BTreeMap<SectionIndex, SectionIndex>,
    /// The first section of each name in the old object.
    names: BTreeMap<&'p [u8], SectionIndex>,
    funcs: BTreeMap<Func, Func>,
}

fn has_code(function: &Function) -> bool {
    function.opaque.is_some() || !function.layout().is_empty()
}

impl<'p> Pairing<'p> {
    fn new(
        made: &'p Made<'p>,
        new: &'p Object,
        sections: BTreeMap<SectionIndex, SectionIndex>,
    ) -> Self {
        let old = made.object;
        let named = old.elf().sections.iter().rev();
        let names = named.map(|(index, section)| (section.name.as_slice(), index)).collect();
        Self { made, old, new, sections, names, funcs: BTreeMap::new() }
    }

    /// Functions keep their order.
    fn pair_functions(&mut self) -> Check {
        let sections = self.new.links().code.iter();
        let sections: BTreeMap<SectionIndex, &[Func]> =
            sections.map(|section| (section.index, section.funcs.as_slice())).collect();
        for code in &self.old.links().code {
            let is_live = |func: &&Func| self.made.program.funcs.get(**func).is_some_and(has_code);
            let live: Vec<Func> = code.funcs.iter().filter(is_live).copied().collect();
            let new = self.sections.get(&code.index).and_then(|index| sections.get(index));
            let new = new.copied().unwrap_or_default().iter();
            let new = new.filter(|func| has_code(&self.new.program().funcs[**func]));
            let new: Vec<Func> = new.copied().collect();
            if live.len() != new.len() {
                let name = self.old.elf().section_id(code.index).name;
                let problem = format!("{} functions in place of {}", new.len(), live.len());
                return Err(Mismatch::new(name, None, problem));
            }
            self.funcs.extend(live.into_iter().zip(new));
        }
        Ok(())
    }

    /// Where a byte of the old object is in the new one; none if it is gone.
    fn moved(&self, section: SectionIndex, offset: u64) -> Option<(SectionIndex, u64)> {
        let new = *self.sections.get(&section)?;
        let cuts = self.made.cuts.get(&section).map_or(&[][..], Vec::as_slice);
        let behind = cuts.partition_point(|(cut, _)| cut.start <= offset);
        let gone = match behind.checked_sub(1).and_then(|last| cuts.get(last)) {
            Some((cut, _)) if offset < cut.end => return None,
            Some((cut, before)) => before + (cut.end - cut.start),
            None => 0,
        };
        Some((new, offset.checked_sub(gone)?))
    }

    /// Whether none of some bytes of a section that is there were cut out.
    fn stays(&self, section: SectionIndex, bytes: &Range<u64>) -> bool {
        let cuts = self.made.cuts.get(&section).map_or(&[][..], Vec::as_slice);
        let first = cuts.partition_point(|(cut, _)| cut.end <= bytes.start);
        let is_cut = cuts.get(first).is_some_and(|(cut, _)| cut.start < bytes.end);
        self.sections.contains_key(&section) && !is_cut
    }

    /// How many bytes were cut out of a section.
    fn cut_bytes(&self, section: SectionIndex) -> u64 {
        let last = self.made.cuts.get(&section).and_then(|cuts| cuts.last());
        last.map_or(0, |(cut, before)| before + (cut.end - cut.start))
    }

    /// A byte of a function of the new object, for messages.
    fn place(&self, func: Func, slot: Option<u32>) -> (String, Option<u64>) {
        let Some(link) = self.new.links().funcs.get(func) else { return (String::new(), None) };
        let slot = u64::from(link.start) + u64::from(slot.unwrap_or(0));
        (self.new.elf().section_id(link.section).name, Some(slot * 8))
    }
}
