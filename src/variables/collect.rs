//! From BTF, sections and symbols to the list of variables.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::finality::SectionState;
use super::place::{Placed, place};
use super::{Input, SectionInput, Unplaced, Unsettable, Variable, VariableError, Variables};
use crate::btf::{Btf, Kind, Linkage, MAX_DEPTH, TypeId, TypeSet};

/// Whether a section holds read-only variables, by its name as loaders tell: gcc flags its
/// `.rodata.NAME` writable, and libbpf freezes it all the same (`bpf_object__elf_collect`).
pub fn is_read_only(name: &str) -> bool {
    name == ".rodata" || name.starts_with(".rodata.")
}

/// Whether only the compiler puts things into a section: merged constants and strings.
fn is_compiler_section(name: &str) -> bool {
    name.starts_with(".rodata.cst") || name.starts_with(".rodata.str")
}

impl<'a> Variables<'a> {
    /// Finds the variables of all read-only sections.
    ///
    /// # Errors
    ///
    /// A variable that reaches beyond its section.
    pub fn collect(input: &Input<'a>) -> Result<Self, VariableError> {
        let mut found = Self {
            order: input.order,
            btf: input.btf,
            sections: Vec::new(),
            variables: Vec::new(),
            unsettable: Vec::new(),
            sets: Vec::new(),
        };
        let placed = input.btf.map(|btf| place(btf, input)).unwrap_or_default();
        let marks = input.btf.map(marks).unwrap_or_default();
        let mut in_section = BTreeMap::<usize, Vec<(&Placed<'_>, u64)>>::new();
        let (mut lost, mut elsewhere) = (BTreeSet::new(), BTreeSet::new());
        for placed in &placed {
            let Some((at, offset)) = placed.at else {
                lost.insert(placed.home);
                continue;
            };
            in_section.entry(at).or_default().push((placed, offset));
            if input.sections.get(at).is_some_and(|section| section.name != placed.home) {
                elsewhere.insert(placed.home);
            }
        }
        let mut unplaced = BTreeSet::new();
        for (at, section) in input.sections.iter().enumerate() {
            if !is_read_only(section.name) {
                continue;
            }
            let index = found.sections.len();
            let mut state = SectionState::new(section);
            let mut variables = Vec::new();
            if let Some(btf) = input.btf {
                let here = in_section.get(&at).map_or(&[][..], Vec::as_slice);
                let place = |offset| (section, index, offset);
                let all = here.iter();
                variables.extend(
                    all.map(|(placed, offset)| variable(btf, placed, place(*offset), &marks)),
                );
                let beyond = here.iter().map(|(placed, offset)| {
                    let named = placed.symbol_size.unwrap_or(0);
                    offset.saturating_add(placed.size)..offset.saturating_add(named)
                });
                state.beyond = beyond.filter(|bytes| !bytes.is_empty()).collect();
            }
            if lost.contains(section.name) {
                unplaced.insert(index);
            }
            state.has_all = section.is_unique && !elsewhere.contains(section.name);
            found.sections.push(state);
            add_symbols(at, index, input, &mut variables);
            variables.sort_by_key(|variable| variable.offset);
            if overlap(&variables) {
                unplaced.insert(index);
            }
            for variable in &variables {
                let len = section.data.len() as u64;
                if variable.offset.checked_add(variable.size).is_none_or(|end| end > len) {
                    return Err(VariableError::OutsideSection {
                        section: section.name.to_owned(),
                        name: variable.name.clone(),
                        offset: variable.offset,
                        size: variable.size,
                        len,
                    });
                }
            }
            check_overlap(section, &variables)?;
            found.variables.extend(variables);
        }
        let mut names = IndexMap::<String, u32>::new();
        for variable in &found.variables {
            *names.entry(variable.name.clone()).or_default() += 1;
        }
        for variable in &mut found.variables {
            variable.is_unique = names.get(&variable.name) == Some(&1);
        }
        found.add_unsettable(input, &placed);
        found.mark_compiler_data(&unplaced);
        Ok(found)
    }

    /// Names of what is writable or elsewhere, or where is not known, for errors.
    fn add_unsettable(&mut self, input: &Input<'_>, placed: &[Placed<'_>]) {
        for symbol in &input.symbols {
            let section = symbol.section.and_then(|at| input.sections.get(at));
            let writable = section.is_some_and(|section| !is_read_only(section.name));
            let is_extern = symbol.linkage == Linkage::Extern;
            if !symbol.name.is_empty() && (writable || is_extern) {
                self.unsettable.push(Unsettable {
                    name: symbol.name.to_owned(),
                    section: section.map(|section| section.name.to_owned()),
                    unplaced: None,
                });
            }
        }
        let known: BTreeSet<&str> = input.sections.iter().map(|section| section.name).collect();
        let shared = input.sections.iter().filter(|section| !section.is_unique);
        let shared: BTreeSet<&str> = shared.map(|section| section.name).collect();
        for placed in placed {
            let section = match placed.at {
                Some((at, _)) => input.sections.get(at).map(|section| section.name),
                None => Some(placed.home).filter(|home| known.contains(home)),
            };
            if placed.at.is_some() && section.is_some_and(is_read_only) {
                continue;
            }
            let unplaced = section.filter(|section| is_read_only(section)).map(|section| {
                match shared.contains(section) {
                    true => Unplaced::SharedName,
                    false => Unplaced::NoSymbol,
                }
            });
            self.unsettable.push(Unsettable {
                name: placed.name.to_owned(),
                section: section.map(str::to_owned),
                unplaced,
            });
        }
    }

    /// Makes final what nobody can be meant to set, but no bit of a variable that is open, and
    /// nothing in sections where it is not known what is where.
    fn mark_compiler_data(&mut self, unplaced: &BTreeSet<usize>) {
        for (index, section) in self.sections.iter_mut().enumerate() {
            let here = || self.variables.iter().filter(|var| var.section_index == index);
            let open = here().filter(|variable| !variable.is_compile_time());
            let mut open: Vec<_> = open.map(Variable::bytes).collect();
            // Aya sets as many bytes as the symbol has.
            open.extend(section.beyond.iter().cloned());
            section.laid_out = !unplaced.contains(&index);
            if section.laid_out {
                for variable in here().filter(|variable| variable.is_compile_time()) {
                    section.mark_compile_time(variable, &open);
                }
                let beyond = section.beyond.iter().cloned();
                let covered: Vec<_> = here().map(Variable::bytes).chain(beyond).collect();
                section.mark_uncovered(&covered);
            }
        }
    }
}

/// How many times larger than their section variables may be together: some have aliases.
const NAMES_PER_BYTE: u64 = 4;

/// Bytes by which variables of a small section may exceed that.
const OVERLAP_SLACK: u64 = 4096;

fn check_overlap(section: &SectionInput<'_>, variables: &[Variable]) -> Result<(), VariableError> {
    let len = section.data.len() as u64;
    let limit = len.saturating_mul(NAMES_PER_BYTE).saturating_add(OVERLAP_SLACK);
    let size = variables.iter().fold(0, |sum: u64, variable| sum.saturating_add(variable.size));
    if size > limit {
        let section = section.name.to_owned();
        return Err(VariableError::Overlap { section, size, len, limit });
    }
    Ok(())
}

/// A variable of BTF in a section: its input, its place among the states of sections, and the
/// variable's offset in bytes.
fn variable(
    btf: &Btf,
    placed: &Placed<'_>,
    (section, section_index, offset): (&SectionInput<'_>, usize, u64),
    marks: &BTreeMap<TypeId, String>,
) -> Variable {
    Variable {
        name: placed.name.to_owned(),
        section: section.name.to_owned(),
        section_at: section.index,
        offset,
        size: placed.size,
        var: Some(placed.var),
        ty: Some(placed.ty),
        type_name: Some(btf.type_name(placed.ty)),
        is_volatile: is_volatile(btf, placed.ty),
        is_const: is_const(btf, placed.ty),
        linkage: placed.linkage,
        mark: marks.get(&placed.var).cloned(),
        section_index,
        is_unique: true,
    }
}

/// Whether BTF puts two variables, sorted by offset, into one place: then it cannot be trusted.
fn overlap(variables: &[Variable]) -> bool {
    let mut end = 0;
    variables.iter().filter(|variable| variable.var.is_some() && variable.size != 0).any(
        |variable| {
            let overlaps = variable.offset < end;
            end = end.max(variable.bytes().end);
            overlaps
        },
    )
}

/// Adds the symbols that BTF does not describe. One without a size reaches to the next one.
fn add_symbols(at: usize, section_index: usize, input: &Input<'_>, variables: &mut Vec<Variable>) {
    let Some(section) = input.sections.get(at) else { return };
    let here = || input.symbols.iter().filter(|symbol| symbol.section == Some(at));
    let offsets: BTreeSet<u64> = here().map(|symbol| symbol.offset).collect();
    let described = variables.iter().enumerate();
    let mut described: Vec<_> = described.map(|(at, known)| (known.offset, at)).collect();
    described.sort_unstable();
    for symbol in here() {
        let is_static = symbol.linkage == Linkage::Static;
        if symbol.name.is_empty()
            || symbol.name.starts_with(".L")
            // What gcc makes of a `switch` that only gives values.
            || symbol.name.starts_with("CSWTCH.")
            || is_static && is_compiler_section(section.name)
        {
            continue;
        }
        let first = described.partition_point(|(offset, _)| *offset < symbol.offset);
        let same_place = described.iter().skip(first);
        let same_place = same_place.take_while(|(offset, _)| *offset == symbol.offset);
        let same_place = || same_place.clone().filter_map(|(_, at)| variables.get(*at));
        if same_place().any(|known| known.name == symbol.name) {
            continue;
        }
        let end = section.data.len() as u64;
        let next = offsets.range(symbol.offset.saturating_add(1)..).next().copied();
        let size = match symbol.size {
            0 => next.unwrap_or(end).saturating_sub(symbol.offset),
            size => size,
        };
        let alias = same_place().find(|known| known.size == size);
        let variable = match alias {
            Some(known) => Variable {
                name: symbol.name.to_owned(),
                var: None,
                linkage: symbol.linkage,
                ..known.clone()
            },
            None => Variable {
                name: symbol.name.to_owned(),
                section: section.name.to_owned(),
                section_at: section.index,
                offset: symbol.offset,
                size,
                var: None,
                ty: None,
                type_name: None,
                is_volatile: false,
                is_const: false,
                linkage: symbol.linkage,
                mark: None,
                section_index,
                is_unique: true,
            },
        };
        variables.push(variable);
    }
}

/// The descriptions of marked variables: declaration tags `bpfold:const` of their VARs, with
/// the description behind another colon (`include/bpfold.h`).
fn marks(btf: &Btf) -> BTreeMap<TypeId, String> {
    let tags = btf.own_types().filter_map(|(_, ty)| match ty.kind {
        Kind::DeclTag { target, component: -1 } => {
            let text = btf.str_lossy(ty.name);
            let rest = text.strip_prefix("bpfold:const")?;
            let description = if rest.is_empty() { "" } else { rest.strip_prefix(':')? };
            Some((target, description.to_owned()))
        }
        _ => None,
    });
    tags.collect()
}

/// Whether `volatile` is anywhere in a type, through typedefs, arrays and members.
fn is_volatile(btf: &Btf, ty: TypeId) -> bool {
    let mut seen = TypeSet::new();
    let mut work = vec![ty];
    while let Some(id) = work.pop() {
        if !seen.insert(id) {
            continue;
        }
        match &btf.ty(id).kind {
            Kind::Volatile(_) => return true,
            Kind::Typedef(inner)
            | Kind::Const(inner)
            | Kind::Restrict(inner)
            | Kind::TypeTag(inner) => work.push(*inner),
            Kind::Array(array) => work.push(array.element),
            Kind::Struct(composite) | Kind::Union(composite) => {
                work.extend(composite.members.iter().map(|member| member.ty));
            }
            Kind::Void
            | Kind::Int(_)
            | Kind::Ptr(_)
            | Kind::Enum(_)
            | Kind::Enum64(_)
            | Kind::Fwd { .. }
            | Kind::Func { .. }
            | Kind::FuncProto(_)
            | Kind::Var { .. }
            | Kind::DataSec(_)
            | Kind::Float { .. }
            | Kind::DeclTag { .. } => {}
        }
    }
    false
}

/// Whether a type or its elements' type is `const`, through typedefs and arrays.
fn is_const(btf: &Btf, ty: TypeId) -> bool {
    let mut id = ty;
    for _ in 0..MAX_DEPTH {
        match &btf.ty(id).kind {
            Kind::Const(_) => return true,
            Kind::Typedef(inner)
            | Kind::Volatile(inner)
            | Kind::Restrict(inner)
            | Kind::TypeTag(inner) => id = *inner,
            Kind::Array(array) => id = array.element,
            _ => return false,
        }
    }
    false
}
