//! Which bits of the read-only sections are final, what they are, and by what.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use object::Endianness;
use wildmatch::WildMatch;

use super::error::nearest;
use super::expression::OddEnum;
use super::path::Slot;
use super::{SectionInput, Variable, VariableError, Variables, bits};
use crate::elf::SectionIndex;

/// Why something is final, or that it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Finality {
    /// Userspace may still set it.
    Open,
    /// Some of its members or elements are final.
    Partial,
    /// The user gave it a value.
    Set,
    /// The user froze it as it is stored.
    Frozen,
    /// A static constant without `volatile`.
    ConstNotVolatile,
    /// The compiler's own: constants, strings, padding.
    CompilerData,
}

/// Why some bits of a section are final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The bytes, from the start of the section.
    pub bytes: Range<u64>,
    /// For each of the bytes, the bits that this says something about. No bit is in the masks
    /// of two provenances.
    pub mask: Vec<u8>,
    /// The variable or member, as it was named when it became final; empty for compiler data.
    pub path: String,
    /// Why.
    pub finality: Finality,
}

impl Provenance {
    fn mask_at(&self, byte: u64) -> u8 {
        let at = byte.checked_sub(self.bytes.start).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.mask.get(at)).copied().unwrap_or(0)
    }
}

/// A read-only section with its final values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalBytes {
    /// The section's bytes, with the values that were set.
    pub bytes: Vec<u8>,
    /// For each byte the bits that are final: bit n of the mask for bit n of the byte's value.
    pub final_mask: Vec<u8>,
    /// Why they are, in the order of the section.
    pub provenance: Vec<Provenance>,
}

impl FinalBytes {
    /// Whether every bit of a byte range is final; not beyond the section's end.
    #[must_use]
    pub fn is_final(&self, bytes: Range<u64>) -> bool {
        let range = usize::try_from(bytes.start).ok().zip(usize::try_from(bytes.end).ok());
        range
            .and_then(|(start, end)| self.final_mask.get(start..end))
            .is_some_and(|mask| mask.iter().all(|mask| *mask == 0xff))
    }

    /// Why bits of a byte range are final, in the order of the section.
    pub fn provenance_of(&self, bytes: Range<u64>) -> impl Iterator<Item = &Provenance> {
        self.provenance.iter().filter(move |provenance| {
            bytes.start < provenance.bytes.end
                && provenance.bytes.start < bytes.end
                && bytes.clone().any(|byte| provenance.mask_at(byte) != 0)
        })
    }
}

/// A value that the object was folded with: what [`Variables::set`] would take to do it again.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FoldedValue {
    /// The variable or member.
    pub path: String,
    /// Its value, in the syntax of [`Variables::set`].
    pub value: String,
    /// [`Finality::Set`] or [`Finality::Frozen`].
    pub finality: Finality,
}

/// One successful [`Variables::set`].
#[derive(Clone, Debug)]
pub(super) struct SetRecord {
    path: String,
    value: String,
    section: usize,
    /// Offset of the first of `bytes` in the section.
    start: u64,
    bytes: Vec<u8>,
    mask: Vec<u8>,
    /// Who gave it, for values that later ones can override.
    origin: Option<String>,
    odd: Vec<OddEnum>,
}

/// A value that a later one has taken the place of, in all of its bits or in some
/// ([`Variables::assign`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overridden {
    /// What was set.
    pub path: String,
    /// Its value.
    pub value: String,
    /// Who gave it.
    pub origin: String,
}

/// A value that [`Variables::set`] was given.
#[derive(Clone, Debug)]
pub(crate) struct SetValue<'v> {
    /// The variable, member or element, as it was named.
    pub path: &'v str,
    /// The variable.
    pub variable: &'v Variable,
    /// The bytes with bits that were set, from the section's start.
    pub bytes: Range<u64>,
    /// Whether it is another value than the stored one.
    pub changes: bool,
    /// The stored value.
    pub stored: String,
    /// Numbers in it that are no values of their enums.
    pub odd: &'v [OddEnum],
}

/// A read-only section while values are being given.
#[derive(Clone, Debug)]
pub(super) struct SectionState {
    pub(super) name: String,
    pub(super) index: SectionIndex,
    /// Whether all variables of the DATASEC of its name are in it.
    pub(super) has_all: bool,
    /// What symbols of variables cover beyond the variables' sizes in BTF.
    pub(super) beyond: Vec<Range<u64>>,
    /// Whether it is known what is where.
    pub(super) laid_out: bool,
    /// As in the object.
    pub(super) stored: Vec<u8>,
    /// With the values that were set.
    pub(super) bytes: Vec<u8>,
    /// Bits that are final.
    mask: Vec<u8>,
    /// Bytes that relocations fill in have all bits set.
    pub(super) relocated: Vec<u8>,
    provenance: Vec<Provenance>,
    /// The bits that are final for each reason, the user's doings first.
    reasons: [(Finality, Vec<u8>); 4],
}

impl SectionState {
    pub(super) fn new(section: &SectionInput<'_>) -> Self {
        let mut relocated = vec![0; section.data.len()];
        for range in &section.relocated {
            let len = range.end.saturating_sub(range.start).saturating_mul(8);
            let start = range.start.saturating_mul(8);
            bits::fill(&mut relocated, Endianness::Little, start, len, true);
        }
        Self {
            name: section.name.to_owned(),
            index: section.index,
            has_all: true,
            beyond: Vec::new(),
            laid_out: true,
            stored: section.data.to_vec(),
            bytes: section.data.to_vec(),
            mask: vec![0; section.data.len()],
            relocated,
            provenance: Vec::new(),
            reasons: [
                Finality::Set,
                Finality::Frozen,
                Finality::ConstNotVolatile,
                Finality::CompilerData,
            ]
            .map(|reason| (reason, vec![0; section.data.len()])),
        }
    }

    /// Makes the bits of `mask`, which starts at byte `start`, final as they are, except those
    /// that are final already or relocated.
    pub(super) fn finish(&mut self, start: u64, mask: Vec<u8>, path: &str, finality: Finality) {
        let mut fresh = mask;
        let at = usize::try_from(start).unwrap_or(usize::MAX);
        for (offset, wanted) in fresh.iter_mut().enumerate() {
            let index = at.saturating_add(offset);
            let (Some(known), Some(relocated)) =
                (self.mask.get_mut(index), self.relocated.get(index))
            else {
                *wanted = 0;
                continue;
            };
            *wanted &= !(*known | *relocated);
            *known |= *wanted;
        }
        let Some(first) = fresh.iter().position(|mask| *mask != 0) else { return };
        let last = fresh.iter().rposition(|mask| *mask != 0).unwrap_or(first);
        let mask: Vec<u8> = fresh.drain(first..=last).collect();
        let start = start + first as u64;
        let bytes = start..start + mask.len() as u64;
        let reason = self.reasons.iter_mut().find(|(reason, _)| *reason == finality);
        let known = reason.into_iter().flat_map(|(_, known)| known.iter_mut().skip(start as usize));
        known.zip(&mask).for_each(|(known, mask)| *known |= mask);
        self.provenance.push(Provenance { bytes, mask, path: path.to_owned(), finality });
    }

    /// Forgets that bits are final, so that they can be made final for another reason.
    fn reopen(&mut self, start: u64, mask: &[u8]) {
        let reasons = self.reasons.iter_mut().map(|(_, known)| known);
        for known in reasons.chain([&mut self.mask]) {
            let known = known.iter_mut().skip(start as usize);
            known.zip(mask).for_each(|(known, mask)| *known &= !mask);
        }
        let end = start + mask.len() as u64;
        for provenance in &mut self.provenance {
            let first = provenance.bytes.start.max(start);
            for byte in first..provenance.bytes.end.min(end) {
                let other = provenance.mask.get_mut((byte - provenance.bytes.start) as usize);
                let mask = mask.get((byte - start) as usize);
                other.zip(mask).into_iter().for_each(|(other, mask)| *other &= !mask);
            }
        }
        self.provenance.retain(|provenance| provenance.mask.iter().any(|mask| *mask != 0));
    }

    pub(super) fn mark_compile_time(&mut self, variable: &Variable, open: &[Range<u64>]) {
        let mask = uncovered_mask(variable.bytes(), open);
        self.finish(variable.offset, mask, &variable.name, Finality::ConstNotVolatile);
    }

    pub(super) fn mark_uncovered(&mut self, covered: &[Range<u64>]) {
        let mask = uncovered_mask(0..self.bytes.len() as u64, covered);
        let mut start = 0;
        for run in mask.chunk_by(|a, b| a == b) {
            self.finish(start, run.to_vec(), "", Finality::CompilerData);
            start += run.len() as u64;
        }
    }

    pub(super) fn is_relocated(&self, bytes: Range<u64>) -> bool {
        let mut bytes = bytes.filter_map(|byte| usize::try_from(byte).ok());
        bytes.any(|byte| self.relocated.get(byte).is_some_and(|mask| *mask != 0))
    }

    fn mask_of(&self, bytes: Range<u64>) -> &[u8] {
        self.mask.get(bytes.start as usize..bytes.end as usize).unwrap_or_default()
    }
}

/// A mask of all bits of the bytes that none of the ranges covers.
fn uncovered_mask(bytes: Range<u64>, covered: &[Range<u64>]) -> Vec<u8> {
    let len = bytes.end.saturating_sub(bytes.start);
    let mut mask = vec![0xff; usize::try_from(len).unwrap_or(0)];
    for range in covered {
        let start = range.start.clamp(bytes.start, bytes.end) - bytes.start;
        let end = range.end.clamp(bytes.start, bytes.end) - bytes.start;
        if let Some(mask) = mask.get_mut(start as usize..end as usize) {
            mask.fill(0);
        }
    }
    mask
}

impl Variables<'_> {
    /// Gives a variable, member or element a value.
    ///
    /// `path` is a name with members and elements (`cfg.ports[2].low`), before which the section
    /// (`.rodata:cfg`) or place (`.rodata+16:cfg`) may stand where names are ambiguous. `value`
    /// is what C would take as an initialiser, or `hex:` and the bytes as stored.
    ///
    /// # Errors
    ///
    /// Unknown, ambiguous and writable names; values that do not fit the type; another value for
    /// the same bits than one given before; bytes that relocations fill in.
    pub fn set(&mut self, path: &str, value: &str) -> Result<(), VariableError> {
        let (slot, patch) = self.patch(path, value)?;
        self.check_conflicts(path, value, &slot, &patch, |_| true)?;
        self.apply(path, value, None, &slot, patch);
        Ok(())
    }

    /// [`Variables::set`] for values of several layers: it takes the place of what was assigned
    /// before, and gives what that was. `origin` says who gives the value: `--set`, or a file and
    /// line.
    ///
    /// # Errors
    ///
    /// As [`Variables::set`]; only what that has set cannot be overridden.
    pub fn assign(
        &mut self,
        path: &str,
        value: &str,
        origin: &str,
    ) -> Result<Vec<Overridden>, VariableError> {
        let (slot, patch) = self.patch(path, value)?;
        self.check_conflicts(path, value, &slot, &patch, |set| set.origin.is_none())?;
        let mut overridden = Vec::new();
        for set in self.sets.iter_mut().filter(|set| set.section == slot.section) {
            let Some(origin) = set.origin.clone() else { continue };
            if conflicts(set, &patch) {
                let (path, value) = (set.path.clone(), set.value.clone());
                overridden.push(Overridden { path, value, origin });
            }
            for (byte, mask) in (patch.start..).zip(&patch.mask) {
                let at = byte.checked_sub(set.start).and_then(|at| usize::try_from(at).ok());
                if let Some(old) = at.and_then(|at| set.mask.get_mut(at)) {
                    *old &= !mask;
                }
            }
        }
        self.sets.retain(|set| set.mask.is_empty() || set.mask.iter().any(|mask| *mask != 0));
        self.apply(path, value, Some(origin), &slot, patch);
        Ok(overridden)
    }

    /// The bits that a value puts where a path leads, if they can be set.
    fn patch(&self, path: &str, value: &str) -> Result<(Slot, Patch), VariableError> {
        let slot = self.resolve(path)?;
        let section = self.sections.get(slot.section);
        let stored = section.map_or(&[][..], |section| &section.bytes);
        let patch = self.encode(&slot, stored, value)?;
        self.check_patch(path, &slot, &patch)?;
        Ok((slot, patch))
    }

    fn apply(&mut self, path: &str, value: &str, origin: Option<&str>, slot: &Slot, patch: Patch) {
        let Some(section) = self.sections.get_mut(slot.section) else { return };
        section.reopen(patch.start, &patch.mask);
        for ((byte, new), mask) in
            section.bytes.iter_mut().skip(patch.start as usize).zip(&patch.bytes).zip(&patch.mask)
        {
            *byte = *byte & !mask | new & mask;
        }
        section.finish(patch.start, patch.mask.clone(), path, Finality::Set);
        self.sets.push(SetRecord {
            path: path.to_owned(),
            value: value.to_owned(),
            section: slot.section,
            start: patch.start,
            bytes: patch.bytes,
            mask: patch.mask,
            origin: origin.map(str::to_owned),
            odd: patch.odd,
        });
        self.seal_padding();
    }

    /// An error if another value has been set for the same bits, by one of the sets that are
    /// looked at.
    fn check_conflicts(
        &self,
        path: &str,
        value: &str,
        slot: &Slot,
        patch: &Patch,
        is_looked_at: impl Fn(&SetRecord) -> bool,
    ) -> Result<(), VariableError> {
        let mut sets = self.sets.iter().filter(|set| set.section == slot.section);
        match sets.find(|set| is_looked_at(set) && conflicts(set, patch)) {
            None => Ok(()),
            Some(set) => Err(VariableError::Conflict {
                path: path.to_owned(),
                value: value.to_owned(),
                earlier_path: set.path.clone(),
                earlier_value: set.value.clone(),
            }),
        }
    }

    fn check_patch(&self, path: &str, slot: &Slot, patch: &Patch) -> Result<(), VariableError> {
        let Some(section) = self.sections.get(slot.section) else { return Ok(()) };
        for (byte, mask) in (patch.start..).zip(&patch.mask) {
            if mask & section.relocated.get(byte as usize).copied().unwrap_or(0) != 0 {
                return Err(VariableError::Relocated {
                    path: path.to_owned(),
                    section: section.name.clone(),
                    offset: byte,
                });
            }
        }
        let Some(variable) = self.variables.get(slot.variable) else { return Ok(()) };
        let stored = section.stored.iter().skip(patch.start as usize);
        let changes = stored
            .zip(&patch.bytes)
            .zip(&patch.mask)
            .any(|((stored, new), mask)| (stored ^ new) & mask != 0);
        if variable.is_compile_time() && changes {
            return Err(VariableError::CompilerUsed {
                path: path.to_owned(),
                type_name: variable.type_name.clone().unwrap_or_default(),
                stored: self.decode(slot, &section.stored).to_string(),
            });
        }
        Ok(())
    }

    /// The values that were set, in the order in which they were given.
    pub(crate) fn set_values(&self) -> impl Iterator<Item = SetValue<'_>> {
        self.sets.iter().filter_map(|set| {
            let slot = self.resolve(&set.path).ok()?;
            let section = self.sections.get(slot.section)?;
            let stored = section.stored.iter().skip(usize::try_from(set.start).ok()?);
            let differs = |((stored, new), mask): ((&u8, &u8), &u8)| (stored ^ new) & mask != 0;
            Some(SetValue {
                path: &set.path,
                variable: self.variables.get(slot.variable)?,
                bytes: slot.byte_range(),
                changes: stored.zip(&set.bytes).zip(&set.mask).any(differs),
                stored: self.decode(&slot, &section.stored).to_string(),
                odd: &set.odd,
            })
        })
    }

    /// Who made bits of a byte range final: the origin of the value that was assigned last, or
    /// what froze them. Empty if nobody did, or it is not known.
    pub(crate) fn origin(&self, section: SectionIndex, bytes: Range<u64>) -> String {
        let covers = |set: &&SetRecord| {
            let here = self.sections.get(set.section).is_some_and(|s| s.index == section);
            let mut masks = (set.start..).zip(&set.mask);
            here && masks.any(|(byte, mask)| bytes.contains(&byte) && *mask != 0)
        };
        if let Some(set) = self.sets.iter().rev().find(covers) {
            return set.origin.clone().unwrap_or_else(|| "set".to_owned());
        }
        let Some(known) = self.finality_of(section) else { return String::new() };
        let reason = known.provenance_of(bytes).map(|provenance| provenance.finality).max();
        match reason {
            Some(Finality::Frozen) => "as stored".to_owned(),
            Some(Finality::ConstNotVolatile | Finality::CompilerData) => "constant".to_owned(),
            Some(Finality::Set) => "set".to_owned(),
            Some(Finality::Open | Finality::Partial) | None => String::new(),
        }
    }

    /// Whether all bits that a path names are final.
    pub(crate) fn is_path_final(&self, path: &str) -> bool {
        let Ok(slot) = self.resolve(path) else { return false };
        let (start, mask) = slot.mask(self.order);
        let state = self.state_of_mask(slot.section, start, &mask);
        !matches!(state, Finality::Open | Finality::Partial)
    }

    /// Whether a variable of a section holds a byte.
    pub(crate) fn holds(&self, section: SectionIndex, byte: u64) -> bool {
        let mut here = self.variables.iter().filter(|variable| variable.section_at == section);
        here.any(|variable| variable.bytes().contains(&byte))
    }

    /// Makes what a pattern names final as it is stored, except what was set. The pattern is
    /// the path of a variable, member or element, or such a path with `*` and `?`, which match
    /// dots too. What is frozen can still be set.
    ///
    /// # Errors
    ///
    /// Nothing matches, or the path cannot be resolved.
    pub fn freeze(&mut self, pattern: &str) -> Result<(), VariableError> {
        let exact = self.resolve(pattern);
        let slots = match exact {
            Ok(slot) => vec![slot],
            Err(error) => {
                if !pattern.contains(['*', '?']) {
                    return Err(error);
                }
                let glob = WildMatch::new(pattern);
                let whole = (0..self.variables.len()).filter_map(|at| self.whole(at));
                let slots: Vec<Slot> = whole.flat_map(|slot| self.matching(&slot, &glob)).collect();
                if slots.is_empty() {
                    if self.is_stripped() {
                        return Err(VariableError::Stripped { name: pattern.to_owned() });
                    }
                    let name = pattern.replace(['*', '?'], "");
                    let known = self.variables.iter().map(|variable| variable.name.as_str());
                    return Err(VariableError::NoMatch {
                        pattern: pattern.to_owned(),
                        nearest: nearest(&name, known),
                    });
                }
                slots
            }
        };
        for slot in &slots {
            self.freeze_slot(slot);
        }
        self.seal_padding();
        Ok(())
    }

    /// Makes all of every read-only section final as it is stored, except what was set.
    pub fn freeze_all(&mut self) {
        for at in 0..self.variables.len() {
            if let Some(slot) = self.whole(at) {
                self.freeze_slot(&slot);
            }
        }
        for section in &mut self.sections {
            let all = vec![0xff; section.bytes.len()];
            section.finish(0, all, "", Finality::Frozen);
        }
    }

    /// Makes the variables final as they are stored that the source marks as known when the
    /// object is built ([`Variable::mark`]), except what was set. What is frozen can still be
    /// set.
    ///
    /// # Errors
    ///
    /// No variable is marked.
    pub fn freeze_marked(&mut self) -> Result<(), VariableError> {
        let is_marked = |at: &usize| self.variables.get(*at).is_some_and(|v| v.mark.is_some());
        let marked: Vec<usize> = (0..self.variables.len()).filter(is_marked).collect();
        if marked.is_empty() {
            return Err(VariableError::NoMark);
        }
        for at in marked {
            if let Some(slot) = self.whole(at) {
                self.freeze_slot(&slot);
            }
        }
        self.seal_padding();
        Ok(())
    }

    pub(super) fn freeze_slot(&mut self, slot: &Slot) {
        let (start, mask) = slot.mask(self.order);
        if let Some(section) = self.sections.get_mut(slot.section) {
            section.finish(start, mask, &slot.path, Finality::Frozen);
        }
    }

    /// What lies between the members of a variable is final once all members are.
    fn seal_padding(&mut self) {
        for at in 0..self.variables.len() {
            let state = self.variables.get(at).map(|variable| self.state(variable));
            if state != Some(Finality::Partial) {
                continue;
            }
            let Some(slot) = self.whole(at) else { continue };
            let Some(section) = self.sections.get(slot.section) else { continue };
            let bytes = slot.byte_range();
            let known = section.mask_of(bytes.clone());
            if known.iter().all(|mask| *mask == 0xff) || known.iter().all(|mask| *mask == 0) {
                continue;
            }
            let needed = self.value_mask(&slot);
            if needed.iter().zip(known).all(|(needed, known)| needed & !known == 0) {
                let all = vec![0xff; known.len()];
                if let Some(section) = self.sections.get_mut(slot.section) {
                    section.finish(bytes.start, all, "", Finality::CompilerData);
                }
            }
        }
    }

    /// The bytes of the first read-only section of a name, which of their bits are final, and
    /// why.
    #[must_use]
    pub fn finality(&self, section: &str) -> Option<FinalBytes> {
        self.finality_of(self.sections.iter().find(|state| state.name == section)?.index)
    }

    /// [`Variables::finality`] of a section by its number: several can have one name.
    #[must_use]
    pub fn finality_of(&self, section: SectionIndex) -> Option<FinalBytes> {
        let section = self.sections.iter().find(|state| state.index == section)?;
        let mut provenance = section.provenance.clone();
        provenance.sort_by_key(|provenance| provenance.bytes.start);
        Some(FinalBytes {
            bytes: section.bytes.clone(),
            final_mask: section.mask.clone(),
            provenance,
        })
    }

    /// Whether it is known what is where in a read-only section, and BTF agrees: that of some
    /// compilers puts several variables into one place, or variables of other sections here.
    #[must_use]
    pub(crate) fn is_laid_out(&self, section: SectionIndex) -> bool {
        let mut states = self.sections.iter();
        states.any(|state| state.index == section && state.laid_out && state.has_all)
    }

    /// Whether and why a variable is final.
    #[must_use]
    pub fn state(&self, variable: &Variable) -> Finality {
        self.state_of(variable.section_index, variable.bytes())
    }

    /// Whether a variable is final in all its bits, so that it is to disappear from the symbols
    /// and from BTF.
    #[must_use]
    pub fn is_sealed(&self, variable: &Variable) -> bool {
        !matches!(self.state(variable), Finality::Open | Finality::Partial)
    }

    pub(super) fn state_of(&self, section: usize, bytes: Range<u64>) -> Finality {
        self.state_of_mask(section, bytes.start, &vec![0xff; range_len(&bytes)])
    }

    pub(super) fn state_of_mask(&self, section: usize, start: u64, mask: &[u8]) -> Finality {
        let Some(section) = self.sections.get(section) else { return Finality::Open };
        let known = section.mask_of(start..start + mask.len() as u64);
        if known.len() != mask.len()
            || known.iter().zip(mask).all(|(known, mask)| known & mask == 0)
        {
            return Finality::Open;
        }
        if known.iter().zip(mask).any(|(known, mask)| mask & !known != 0) {
            return Finality::Partial;
        }
        let gives = |known: &[u8]| {
            let known = known.iter().skip(start as usize);
            known.zip(mask).any(|(known, mask)| known & mask != 0)
        };
        let reason = section.reasons.iter().find(|(_, known)| gives(known));
        reason.map_or(Finality::Open, |(reason, _)| *reason)
    }

    /// The members and elements that are final in a variable that is not sealed, as they were
    /// named: a loader must leave them as they are.
    #[must_use]
    pub fn final_members(&self, variable: &Variable) -> Vec<String> {
        let mut members: Vec<String> = Vec::new();
        let Some(section) = self.sections.get(variable.section_index) else { return members };
        let range = variable.bytes();
        for provenance in &section.provenance {
            let inside = range.start < provenance.bytes.end && provenance.bytes.start < range.end;
            if inside && !provenance.path.is_empty() && !members.contains(&provenance.path) {
                members.push(provenance.path.clone());
            }
        }
        members
    }

    /// What was set and frozen, in the order of the sections, so that it can be recorded and
    /// done again.
    #[must_use]
    pub fn folded_values(&self) -> Vec<FoldedValue> {
        let mut values: Vec<FoldedValue> = Vec::new();
        let mut seen = BTreeSet::new();
        let whole = (0..self.variables.len()).filter_map(|at| Some((self.qualified_name(at)?, at)));
        let mut by_name = BTreeMap::<String, Vec<usize>>::new();
        whole.for_each(|(name, at)| by_name.entry(name).or_default().push(at));
        for section in &self.sections {
            let mut provenance: Vec<&Provenance> = section.provenance.iter().collect();
            provenance.sort_by_key(|provenance| provenance.bytes.start);
            for provenance in provenance {
                let by_user = matches!(provenance.finality, Finality::Set | Finality::Frozen);
                if !by_user || !seen.insert(provenance.path.as_str()) {
                    continue;
                }
                let slot = match by_name.get(&provenance.path).map(Vec::as_slice) {
                    Some(&[at]) => self.whole(at),
                    _ => self.resolve(&provenance.path).ok(),
                };
                let Some(slot) = slot else { continue };
                values.push(FoldedValue {
                    path: provenance.path.clone(),
                    value: self.decode(&slot, &section.bytes).to_string(),
                    finality: provenance.finality,
                });
            }
        }
        values
    }
}

/// Whether a set has given another value to bits of a patch in the same section.
fn conflicts(set: &SetRecord, patch: &Patch) -> bool {
    let mut bytes = (patch.start..).zip(&patch.bytes).zip(&patch.mask);
    bytes.any(|((byte, new), mask)| {
        let at = byte.checked_sub(set.start).and_then(|at| usize::try_from(at).ok());
        let old = at.and_then(|at| set.bytes.get(at).zip(set.mask.get(at)));
        old.is_some_and(|(old, old_mask)| (old ^ new) & mask & old_mask != 0)
    })
}

fn range_len(range: &Range<u64>) -> usize {
    usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0)
}

/// Bits to be changed in a section.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    /// Offset of the first byte in the section.
    pub(super) start: u64,
    pub(super) bytes: Vec<u8>,
    /// The bits of `bytes` that count.
    pub(super) mask: Vec<u8>,
    /// Numbers that no enumerator of their enum has.
    pub(super) odd: Vec<OddEnum>,
}
