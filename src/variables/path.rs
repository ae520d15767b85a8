//! From `cfg.ports[2].low` to the bits that it names.

use std::ops::Range;

use object::Endianness;

use super::error::nearest;
use super::{Variable, VariableError, Variables, bits};
use crate::btf::{Btf, Kind, Member, TypeId, TypeSet};

/// Some bits of a section, and what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// The path as it was given.
    pub(super) path: String,
    /// Place in `Variables::sections`.
    pub(super) section: usize,
    /// Place in `Variables::variables`.
    pub(super) variable: usize,
    /// The type; none if nothing tells it.
    pub(super) ty: Option<TypeId>,
    /// First bit from the start of the section, in memory order.
    pub(super) start: u64,
    /// Number of bits.
    pub(super) len: u64,
}

impl Slot {
    /// The bytes that hold the bits.
    pub(super) fn byte_range(&self) -> Range<u64> {
        self.start / 8..self.start.saturating_add(self.len).div_ceil(8)
    }

    /// The first byte, and a mask of the bits from there on.
    pub(super) fn mask(&self, order: Endianness) -> (u64, Vec<u8>) {
        let range = self.byte_range();
        let mut mask = vec![0; usize::try_from(range.end - range.start).unwrap_or(0)];
        bits::fill(&mut mask, order, self.start % 8, self.len, true);
        (range.start, mask)
    }
}

/// One step of a path after the variable's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `.name`
    Member(String),
    /// `[number]`
    Element(u64),
}

/// The bits of a member or element.
pub(super) struct Place {
    pub(super) ty: TypeId,
    /// First bit, counted from where the struct or array starts.
    pub(super) start: u64,
    pub(super) len: u64,
}

impl Variables<'_> {
    /// The bits that a path names.
    pub(super) fn resolve(&self, path: &str) -> Result<Slot, VariableError> {
        let (place, rest) = match path.split_once(':') {
            Some((place, rest)) if place.starts_with(".rodata") => (Some(place), rest),
            _ => (None, path),
        };
        let (at, name_len) = self.find_variable(place, rest)?;
        let slot = self.whole(at).ok_or_else(|| self.unknown(path))?;
        let mut slot = Slot { path: path.to_owned(), ..slot };
        let mut end = path.len() - rest.len() + name_len;
        while end < path.len() {
            let (step, next) = parse_step(path, end)?;
            let parent = path.get(..end).unwrap_or(path);
            let (Some(ty), Some(btf)) = (slot.ty, self.btf) else {
                return Err(VariableError::Untyped { path: parent.to_owned() });
            };
            let place = take_step(btf, ty, parent, &step)?;
            // Types can claim more than the variable holds.
            let whole_end = slot.start.saturating_add(slot.len);
            let start = slot.start.saturating_add(place.start);
            if start.saturating_add(place.len) > whole_end {
                let type_name = btf.type_name(ty);
                return Err(VariableError::NotComposite { path: parent.to_owned(), type_name });
            }
            slot = Slot { ty: Some(place.ty), start, len: place.len, ..slot };
            end = next;
        }
        Ok(slot)
    }

    /// All bits of a variable. A type larger than the variable is cut off by [`Self::resolve`].
    pub(super) fn whole(&self, variable: usize) -> Option<Slot> {
        let known = self.variables.get(variable)?;
        Some(Slot {
            path: self.qualified_name(variable)?,
            section: known.section_index,
            variable,
            ty: known.ty,
            start: known.offset.checked_mul(8)?,
            len: known.size.checked_mul(8)?,
        })
    }

    /// The name, with its place before it if it is not the only one of this name.
    pub(super) fn qualified_name(&self, variable: usize) -> Option<String> {
        let known = self.variables.get(variable)?;
        Some(if known.is_unique { known.name.clone() } else { placed_name(known) })
    }

    /// The variable with the longest name that the path starts with, and the name's length.
    /// Names have dots in them, so that the first dot need not be a member's.
    fn find_variable(
        &self,
        place: Option<&str>,
        path: &str,
    ) -> Result<(usize, usize), VariableError> {
        let names_start = |name: &str| {
            path.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let mut found: Vec<usize> = Vec::new();
        let mut longest = 0;
        for (at, variable) in self.variables.iter().enumerate() {
            if !names_start(&variable.name) || !place.is_none_or(|place| is_at(variable, place)) {
                continue;
            }
            if variable.name.len() > longest {
                found.clear();
                longest = variable.name.len();
            }
            if variable.name.len() == longest {
                found.push(at);
            }
        }
        let settable = self.unsettable.iter().filter(|other| names_start(&other.name));
        if let Some(other) = settable.max_by_key(|other| other.name.len())
            && other.name.len() > longest
        {
            let name = other.name.clone();
            return Err(match &other.section {
                None => VariableError::Extern { name },
                Some(section) if let Some(why) = other.unplaced => {
                    VariableError::Unplaced { name, section: section.clone(), why }
                }
                Some(section) => VariableError::Writable { name, section: section.clone() },
            });
        }
        match found.as_slice() {
            [] => Err(self.unknown(path)),
            [only] => Ok((*only, longest)),
            several => Err(VariableError::Ambiguous {
                name: path.get(..longest).unwrap_or(path).to_owned(),
                places: several
                    .iter()
                    .filter_map(|at| self.variables.get(*at))
                    .map(placed_name)
                    .collect(),
            }),
        }
    }

    /// Whether there is read-only data, and nothing that names it.
    #[must_use]
    pub fn is_stripped(&self) -> bool {
        let has_data = self.sections.iter().any(|section| !section.stored.is_empty());
        has_data && self.btf.is_none() && self.variables.is_empty()
    }

    fn unknown(&self, path: &str) -> VariableError {
        let name = path.split('[').next().unwrap_or(path);
        if self.is_stripped() {
            return VariableError::Stripped { name: name.to_owned() };
        }
        let known = || self.variables.iter().map(|variable| variable.name.as_str());
        let mut near = self.members_named(name);
        near.extend(nearest(name, known()));
        near.truncate(3);
        if near.is_empty() {
            near = nearest(name.split('.').next().unwrap_or(name), known());
        }
        VariableError::Unknown { name: name.to_owned(), nearest: near }
    }
}

/// How many members are looked at to find those of a name.
const MEMBER_LIMIT: usize = 1 << 14;

impl Variables<'_> {
    /// The paths of members, in structs that are variables or members of such, that end in this
    /// name: what is meant by a member that is named without its struct.
    fn members_named(&self, name: &str) -> Vec<String> {
        let Some(btf) = self.btf else { return Vec::new() };
        let mut found = Vec::new();
        let mut budget = MEMBER_LIMIT;
        let named = self.variables.iter().filter_map(|known| Some((known.name.clone(), known.ty?)));
        let mut work: Vec<(String, TypeId)> = named.collect();
        let mut depth = 0;
        // Members nearer to the variable come first.
        while !work.is_empty() && depth < crate::btf::MAX_DEPTH {
            depth += 1;
            let mut inner = Vec::new();
            for (path, ty) in work {
                let Some(composite) = btf.composite(ty) else { continue };
                for member in &composite.members {
                    budget = budget.saturating_sub(1);
                    if budget == 0 {
                        return found;
                    }
                    let path = match btf.str(member.name) {
                        "" => path.clone(),
                        known => format!("{path}.{known}"),
                    };
                    if path.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')) {
                        found.push(path.clone());
                    }
                    inner.push((path, member.ty));
                }
            }
            work = inner;
        }
        found
    }
}

fn placed_name(variable: &Variable) -> String {
    format!("{}+{}:{}", variable.section, variable.offset, variable.name)
}

/// Whether a variable is at `SECTION` or `SECTION+OFFSET`.
fn is_at(variable: &Variable, place: &str) -> bool {
    let rest = place.strip_prefix(variable.section.as_str());
    rest.is_some_and(|rest| {
        rest.is_empty()
            || rest.strip_prefix('+').and_then(|offset| offset.parse().ok())
                == Some(variable.offset)
    })
}

/// Reads the step that starts at byte `at`; gives where the next one starts.
fn parse_step(path: &str, at: usize) -> Result<(Step, usize), VariableError> {
    let syntax = |at, expected| VariableError::PathSyntax { path: path.to_owned(), at, expected };
    let rest = path.get(at..).unwrap_or_default();
    if let Some(rest) = rest.strip_prefix('.') {
        let len = rest.find(['.', '[']).unwrap_or(rest.len());
        return match rest.get(..len) {
            Some(name) if !name.is_empty() => Ok((Step::Member(name.to_owned()), at + 1 + len)),
            _ => Err(syntax(at + 1, "the name of a member")),
        };
    }
    let Some(rest) = rest.strip_prefix('[') else {
        return Err(syntax(at, "`.` and a member or `[` and an index"));
    };
    let Some(len) = rest.find(']') else { return Err(syntax(path.len(), "`]`")) };
    let digits = rest.get(..len).unwrap_or_default().trim();
    let index = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => digits.parse().ok(),
    };
    let index = index.ok_or_else(|| syntax(at + 1, "a decimal or hexadecimal index"))?;
    Ok((Step::Element(index), at + len + 2))
}

/// Where a member or element lies in a value of type `ty`; `path` names that value in errors.
pub(super) fn take_step(
    btf: &Btf,
    ty: TypeId,
    path: &str,
    step: &Step,
) -> Result<Place, VariableError> {
    let type_name = || btf.type_name(ty);
    match (step, &btf.resolve(ty).1.kind) {
        (Step::Member(name), Kind::Struct(_) | Kind::Union(_)) => {
            let place = btf.find_member(ty, name).and_then(|(member, start)| {
                Some(member_place(btf, &member)?)
                    .map(|place| Place { start: start_of(&place, &member, start), ..place })
            });
            place.ok_or_else(|| {
                let mut names = Vec::new();
                member_names(btf, ty, &mut TypeSet::new(), &mut names);
                VariableError::UnknownMember {
                    type_name: type_name(),
                    member: name.clone(),
                    nearest: nearest(name, names),
                }
            })
        }
        (Step::Element(index), Kind::Array(array)) => {
            let len = btf.size_of(array.element).and_then(|size| size.checked_mul(8));
            let start = len.and_then(|len| len.checked_mul(*index));
            match (len, start) {
                (Some(len), Some(start)) if *index < u64::from(array.count) => {
                    Ok(Place { ty: array.element, start, len })
                }
                _ => Err(VariableError::Index {
                    path: path.to_owned(),
                    index: *index,
                    count: u64::from(array.count),
                }),
            }
        }
        (Step::Member(_), _) => {
            Err(VariableError::NotComposite { path: path.to_owned(), type_name: type_name() })
        }
        (Step::Element(_), _) => {
            Err(VariableError::NotArray { path: path.to_owned(), type_name: type_name() })
        }
    }
}

/// Where a member lies in the struct that it is a direct member of.
pub(super) fn member_place(btf: &Btf, member: &Member) -> Option<Place> {
    let range = btf.member_bits(member)?;
    Some(Place { ty: member.ty, start: range.start, len: range.len })
}

/// The type of something of `len` bits, with the width if it is a bit-field.
pub(super) fn place_type_name(btf: &Btf, ty: TypeId, len: u64) -> String {
    let name = btf.type_name(ty);
    let is_bool = matches!(btf.resolve(ty).1.kind, Kind::Int(int) if int.bool);
    match btf.size_of(ty) {
        Some(size) if size.saturating_mul(8) > len && !(is_bool && len == 1) => {
            format!("{name} : {len}")
        }
        _ => name,
    }
}

/// A member's first bit counted from the outermost struct, in which the member's own offset
/// became `start` by the anonymous structs around it.
fn start_of(place: &Place, member: &Member, start: u64) -> u64 {
    start + (place.start - u64::from(member.bit_offset))
}

fn member_names<'b>(btf: &'b Btf, ty: TypeId, seen: &mut TypeSet, names: &mut Vec<&'b str>) {
    let Some(composite) = btf.composite(ty).filter(|_| seen.insert(ty)) else { return };
    for member in &composite.members {
        match btf.str(member.name) {
            "" => member_names(btf, member.ty, seen, names),
            name => names.push(name),
        }
    }
}
