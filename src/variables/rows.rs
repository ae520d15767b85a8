//! The listing of variables.

use object::Endianness;
use wildmatch::WildMatch;

use super::path::{Slot, Step, member_place, place_type_name, take_step};
use super::value::{Value, is_char};
use super::{Finality, Variable, Variables, bits};
use crate::btf::{Kind, Linkage};
use crate::elf::SectionIndex;

/// How many rows one variable may take; members beyond are not told apart.
const ROW_LIMIT: usize = 4096;

/// A line of the listing: a variable, or a member or element of one.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Row {
    /// Its path, by which it can be set.
    pub name: String,
    /// Its type as C writes it, if BTF describes it.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// Its section.
    pub section: String,
    /// Its section's number.
    #[serde(skip)]
    pub section_at: SectionIndex,
    /// Offset in bytes in the section of the first byte that it is in.
    pub offset: u64,
    /// Size in bytes, rounded up for bit-fields.
    pub size: u64,
    /// For bit-fields the first bit within `offset`'s byte, in memory order, and the width.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<(u64, u64)>,
    /// Its value, as [`Variables::set`] would take it, with what has been set.
    pub value: String,
    /// The same for programs.
    pub json: serde_json::Value,
    /// Its value in the object, if that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
    /// `volatile` is somewhere in the variable's type.
    pub volatile: bool,
    /// `static`, `global` or `extern`.
    pub linkage: &'static str,
    /// Whether and why it is final.
    pub finality: Finality,
    /// The description of the source's mark, if it has one ([`Variable::mark`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
}

impl Variables<'_> {
    /// A row for each variable, by section and offset.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let slots = (0..self.variables.len()).filter_map(|at| self.whole(at));
        slots.filter_map(|slot| self.row(&slot)).collect()
    }

    /// A row for each member and element of a variable that has no members of its own; arrays
    /// of numbers stay together. Variables without members have none.
    #[must_use]
    pub fn member_rows(&self, variable: &Variable) -> Vec<Row> {
        self.member_rows_to(variable, usize::MAX)
    }

    /// [`Variables::member_rows`] of members of members up to a depth: with 1 a member that has
    /// members is one row.
    #[must_use]
    pub fn member_rows_to(&self, variable: &Variable, depth: usize) -> Vec<Row> {
        let at = self.variables.iter().position(|known| known == variable);
        let Some(slot) = at.and_then(|at| self.whole(at)) else { return Vec::new() };
        let mut leaves = Vec::new();
        self.expand(&slot, &mut leaves, &mut { ROW_LIMIT }, depth);
        if leaves.as_slice() == [slot] {
            return Vec::new();
        }
        let rows = leaves.iter().filter_map(|slot| self.row(slot));
        rows.map(|row| Row { mark: None, ..row }).collect()
    }

    /// What a pattern over paths names in a variable: all of it, or the outermost members and
    /// elements that match.
    pub(super) fn matching(&self, variable: &Slot, glob: &WildMatch) -> Vec<Slot> {
        let name = self.variables.get(variable.variable).map_or("", |known| known.name.as_str());
        if glob.matches(name) || glob.matches(&variable.path) {
            return vec![variable.clone()];
        }
        let mut found: Vec<Slot> = Vec::new();
        let mut work = vec![variable.clone()];
        let mut budget = ROW_LIMIT;
        while let Some(slot) = work.pop() {
            let mut inner = Vec::new();
            self.expand(&slot, &mut inner, &mut budget, 1);
            if inner.as_slice() == [slot.clone()] {
                continue;
            }
            for slot in inner.into_iter().rev() {
                match glob.matches(&slot.path) {
                    true => found.push(slot),
                    false => work.push(slot),
                }
            }
        }
        found.sort_by_key(|slot| slot.start);
        found
    }

    fn expand(&self, slot: &Slot, leaves: &mut Vec<Slot>, budget: &mut usize, depth: usize) {
        let (Some(btf), Some(ty)) = (self.btf, slot.ty) else {
            leaves.push(slot.clone());
            return;
        };
        if depth == 0 {
            leaves.push(slot.clone());
            return;
        }
        *budget = budget.saturating_sub(1);
        if *budget == 0 {
            return;
        }
        let inner = |path: String, ty, start: u64, len| Slot {
            path,
            ty: Some(ty),
            start: slot.start.saturating_add(start),
            len,
            ..slot.clone()
        };
        match &btf.resolve(ty).1.kind {
            Kind::Struct(composite) | Kind::Union(composite) => {
                for member in &composite.members {
                    let Some(place) = member_place(btf, member) else { continue };
                    if place.start.saturating_add(place.len) > slot.len || place.len == 0 {
                        continue;
                    }
                    let (path, depth) = match btf.str(member.name) {
                        "" => (slot.path.clone(), depth),
                        name => (format!("{}.{name}", slot.path), depth - 1),
                    };
                    let place = inner(path, place.ty, place.start, place.len);
                    self.expand(&place, leaves, budget, depth);
                }
            }
            Kind::Array(array) if btf.composite(array.element).is_some() => {
                for index in 0..u64::from(array.count) {
                    let Ok(place) = take_step(btf, ty, "", &Step::Element(index)) else { break };
                    let fits = place.start.saturating_add(place.len) <= slot.len;
                    if !fits || place.len == 0 || *budget == 0 {
                        break;
                    }
                    let path = format!("{}[{index}]", slot.path);
                    let place = inner(path, place.ty, place.start, place.len);
                    self.expand(&place, leaves, budget, depth - 1);
                }
            }
            _ => leaves.push(slot.clone()),
        }
    }

    fn row(&self, slot: &Slot) -> Option<Row> {
        let section = self.sections.get(slot.section)?;
        let variable = self.variables.get(slot.variable)?;
        let value = self.decode(slot, &section.bytes);
        let stored = self.decode(slot, &section.stored);
        let bytes = slot.byte_range();
        let (start, mask) = slot.mask(self.order);
        let type_name = slot.ty.zip(self.btf).map(|(ty, btf)| place_type_name(btf, ty, slot.len));
        let is_bitfield = !bits::are_bytes(slot.start, slot.len);
        Some(Row {
            name: slot.path.clone(),
            type_name,
            section: section.name.clone(),
            section_at: section.index,
            offset: bytes.start,
            size: bytes.end - bytes.start,
            bits: is_bitfield.then_some((slot.start % 8, slot.len)),
            json: value.to_json(),
            stored: (stored != value).then(|| stored.to_string()),
            value: value.to_string(),
            volatile: variable.is_volatile,
            linkage: match variable.linkage {
                Linkage::Static => "static",
                Linkage::Global => "global",
                Linkage::Extern => "extern",
            },
            finality: self.state_of_mask(slot.section, start, &mask),
            mark: variable.mark.clone(),
        })
    }

    /// The value of a variable, member or element, with what has been set.
    ///
    /// # Errors
    ///
    /// The path cannot be resolved.
    pub fn value(&self, path: &str) -> Result<Value, super::VariableError> {
        let slot = self.resolve(path)?;
        let section = self.sections.get(slot.section);
        Ok(self.decode(&slot, section.map_or(&[], |section| &section.bytes)))
    }

    /// Whether text is a value of what a path names as it is: it is an array of bytes, or
    /// something without a type that is no number.
    #[must_use]
    pub fn takes_text(&self, path: &str) -> bool {
        let Ok(slot) = self.resolve(path) else { return false };
        match slot.ty.zip(self.btf) {
            Some((ty, btf)) => match &btf.resolve(ty).1.kind {
                Kind::Array(array) => is_char(btf, array.element),
                _ => false,
            },
            None => !matches!(slot.len, 8 | 16 | 32 | 64 | 128),
        }
    }

    /// The names of an enum's values, of what a path names.
    #[must_use]
    pub fn enumerators(&self, path: &str) -> Vec<String> {
        let Ok(slot) = self.resolve(path) else { return Vec::new() };
        let Some((ty, btf)) = slot.ty.zip(self.btf) else { return Vec::new() };
        match &btf.resolve(ty).1.kind {
            Kind::Enum(known) | Kind::Enum64(known) => {
                known.values.iter().map(|value| btf.str(value.name).to_owned()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The byte order of the values.
    #[must_use]
    pub fn order(&self) -> Endianness {
        self.order
    }

    /// The variable, or the member or element of one, whose bytes hold all of a byte range of a
    /// section: the innermost one, as the report names loads.
    #[must_use]
    pub fn describe(&self, section: SectionIndex, bytes: std::ops::Range<u64>) -> Option<String> {
        let (at, _) = self.variables.iter().enumerate().find(|(_, variable)| {
            let whole = variable.bytes();
            variable.section_at == section && whole.start <= bytes.start && bytes.end <= whole.end
        })?;
        let mut slot = self.whole(at)?;
        while let Some(inner) = self.inner_at(&slot, &bytes) {
            slot = inner;
        }
        Some(slot.path)
    }

    /// The variables, members and elements in a byte range of a section, each with its value as
    /// [`Variables::set`] takes it. Where the innermost one that has all of the bytes has members of
    /// its own, as where one load reads several bit-fields, those that a source line names.
    #[must_use]
    pub fn named_in(
        &self,
        section: SectionIndex,
        bytes: std::ops::Range<u64>,
        source: &str,
    ) -> Vec<(String, String)> {
        let holder = self.variables.iter().enumerate().find(|(_, variable)| {
            let whole = variable.bytes();
            variable.section_at == section && whole.start <= bytes.start && bytes.end <= whole.end
        });
        let Some(mut slot) = holder.and_then(|(at, _)| self.whole(at)) else { return Vec::new() };
        while let Some(inner) = self.inner_at(&slot, &bytes) {
            slot = inner;
        }
        let (first, end) = (bytes.start.saturating_mul(8), bytes.end.saturating_mul(8));
        let mut leaves = Vec::new();
        self.expand(&slot, &mut leaves, &mut { ROW_LIMIT }, usize::MAX);
        leaves.retain(|leaf| leaf.start < end && first < leaf.start.saturating_add(leaf.len));
        let is_named = |leaf: &Slot| {
            let name = leaf.path.rsplit('.').next().unwrap_or(&leaf.path);
            let name = name.split('[').next().unwrap_or(name);
            let is_word = |c: char| c == '_' || c.is_alphanumeric();
            source.split(|c| !is_word(c)).any(|word| word == name)
        };
        if leaves.len() > 1 {
            let named: Vec<Slot> = leaves.into_iter().filter(is_named).collect();
            leaves = if named.is_empty() { vec![slot] } else { named };
        }
        let value = |leaf: Slot| {
            let section = self.sections.get(leaf.section)?;
            Some((leaf.path.clone(), self.decode(&leaf, &section.bytes).to_string()))
        };
        leaves.into_iter().filter_map(value).collect()
    }

    /// Whether a loader fills in a byte of a range.
    pub(crate) fn is_relocated(&self, section: SectionIndex, bytes: std::ops::Range<u64>) -> bool {
        let mut states = self.sections.iter().filter(|state| state.index == section);
        states.any(|state| state.is_relocated(bytes.clone()))
    }

    /// The variable that holds a byte of a section or, where none does, the one before it; the
    /// first one for what lies before all.
    pub(crate) fn nearest(&self, section: SectionIndex, offset: i64) -> Option<String> {
        let here = || self.variables.iter().filter(|variable| variable.section_at == section);
        let starts =
            |variable: &&Variable| i64::try_from(variable.offset).is_ok_and(|at| at <= offset);
        let found = here().rfind(starts).or_else(|| here().next())?;
        Some(found.name.clone())
    }

    /// The member or element of a slot that holds all of a byte range.
    fn inner_at(&self, slot: &Slot, bytes: &std::ops::Range<u64>) -> Option<Slot> {
        let (btf, ty) = (self.btf?, slot.ty?);
        let (first, end) = (bytes.start.checked_mul(8)?, bytes.end.checked_mul(8)?);
        let (path, place) = match &btf.resolve(ty).1.kind {
            Kind::Struct(composite) | Kind::Union(composite) => {
                let mut places = composite
                    .members
                    .iter()
                    .filter_map(|member| Some((member, member_place(btf, member)?)));
                let (member, place) = places.find(|(_, place)| {
                    let start = slot.start.saturating_add(place.start);
                    start <= first && end <= start.saturating_add(place.len)
                })?;
                let path = match btf.str(member.name) {
                    "" => slot.path.clone(),
                    name => format!("{}.{name}", slot.path),
                };
                (path, place)
            }
            Kind::Array(array) => {
                let size = btf.size_of(array.element)?.checked_mul(8)?;
                let index = first.checked_sub(slot.start)?.checked_div(size)?;
                let place = take_step(btf, ty, "", &Step::Element(index)).ok()?;
                if end > slot.start.saturating_add(place.start).saturating_add(place.len) {
                    return None;
                }
                (format!("{}[{index}]", slot.path), place)
            }
            _ => return None,
        };
        let start = slot.start.saturating_add(place.start);
        Some(Slot { path, ty: Some(place.ty), start, len: place.len, ..slot.clone() })
    }
}
