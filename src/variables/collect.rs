//! From BTF, sections and symbols to the list of variables.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::finality::SectionState;
use super::{Input, SectionInput, SymbolInput, Unsettable, Variable, VariableError, Variables};
use crate::btf::{Btf, Kind, Linkage, MAX_DEPTH, SecVar, TypeId, TypeSet};

/// Whether a section holds read-only variables, by its name as loaders tell: gcc flags its
/// `.rodata.NAME` writable, and libbpf freezes it all the same (`bpf_object__elf_collect`).
pub fn is_read_only(name: &str) -> bool {
    name == ".rodata" || name.starts_with(".rodata.")
}

/// The names that several sections have, so that BTF, which knows sections by their names, does
/// not tell what is where (`clang -fno-unique-section-names`).
fn ambiguous<'i>(input: &Input<'i>) -> BTreeSet<&'i str> {
    let several = input.sections.iter().filter(|section| !section.is_unique);
    several.map(|section| section.name).collect()
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
        let ambiguous = ambiguous(input);
        let mut unplaced = Vec::new();
        for (at, section) in input.sections.iter().enumerate() {
            if !is_read_only(section.name) || ambiguous.contains(section.name) {
                continue;
            }
            let index = found.sections.len();
            found.sections.push(SectionState::new(section));
            let mut variables = Vec::new();
            if let Some(btf) = input.btf {
                let unsettable = found.unsettable.len();
                found.add_btf_variables(btf, at, index, input, &mut variables);
                if found.unsettable.len() > unsettable {
                    unplaced.push(index);
                }
            }
            add_symbols(at, index, input, &mut variables);
            variables.sort_by_key(|variable| variable.offset);
            if overlap(&variables) {
                unplaced.push(index);
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
        found.add_unsettable(input, &ambiguous);
        found.mark_compiler_data(&unplaced);
        Ok(found)
    }

    fn add_btf_variables(
        &mut self,
        btf: &Btf,
        at: usize,
        section_index: usize,
        input: &Input<'_>,
        variables: &mut Vec<Variable>,
    ) {
        let Some(section) = input.sections.get(at) else { return };
        let Some((_, datasec)) = btf.find_datasec(section.name) else { return };
        let marks = marks(btf);
        let here = input.symbols.iter().filter(|symbol| symbol.section == Some(at));
        let mut symbols = IndexMap::<&str, Option<&SymbolInput<'_>>>::new();
        for symbol in here {
            let only = if symbols.contains_key(symbol.name) { None } else { Some(symbol) };
            symbols.insert(symbol.name, only);
        }
        for sec_var in &datasec.vars {
            let Kind::Var { ty, linkage } = btf.ty(sec_var.var).kind else { continue };
            let name = btf.name(sec_var.var);
            let symbol = symbols.get(name).copied().flatten();
            let Some(offset) = place(sec_var, linkage, symbol, datasec.size) else {
                self.unsettable.push(Unsettable {
                    name: name.to_owned(),
                    section: Some(section.name.to_owned()),
                    unplaced: true,
                });
                continue;
            };
            // A flexible array member makes a variable larger than its type.
            let size = match sec_var.size {
                0 => btf.size_of(ty).unwrap_or(0),
                size => u64::from(size),
            };
            variables.push(Variable {
                name: name.to_owned(),
                section: section.name.to_owned(),
                offset,
                size,
                var: Some(sec_var.var),
                ty: Some(ty),
                type_name: Some(btf.type_name(ty)),
                is_volatile: is_volatile(btf, ty),
                is_const: is_const(btf, ty),
                linkage,
                mark: marks.get(&sec_var.var).cloned(),
                section_index,
                is_unique: true,
            });
        }
    }

    /// Names of what is writable or elsewhere, for errors.
    fn add_unsettable(&mut self, input: &Input<'_>, ambiguous: &BTreeSet<&str>) {
        for symbol in &input.symbols {
            let section = symbol.section.and_then(|at| input.sections.get(at));
            let writable = section.is_some_and(|section| !is_read_only(section.name));
            let unplaced = section.is_some_and(|section| {
                is_read_only(section.name) && ambiguous.contains(section.name)
            });
            let is_extern = symbol.linkage == Linkage::Extern;
            if !symbol.name.is_empty() && (writable || unplaced || is_extern) {
                self.unsettable.push(Unsettable {
                    name: symbol.name.to_owned(),
                    section: section.map(|section| section.name.to_owned()),
                    unplaced,
                });
            }
        }
        let Some(btf) = input.btf else { return };
        for (id, ty) in btf.own_types() {
            let Kind::DataSec(datasec) = &ty.kind else { continue };
            let name = btf.name(id);
            if self.sections.iter().any(|section| section.name == name) {
                continue;
            }
            let is_extern = !input.sections.iter().any(|section| section.name == name);
            for sec_var in &datasec.vars {
                let section = (!is_extern).then(|| name.to_owned());
                let unplaced = is_read_only(name) && ambiguous.contains(name);
                let name = btf.name(sec_var.var).to_owned();
                self.unsettable.push(Unsettable { name, section, unplaced });
            }
        }
    }

    /// Makes final what nobody can be meant to set, but no bit of a variable that is open, and
    /// nothing in sections where it is not known what is where.
    fn mark_compiler_data(&mut self, unplaced: &[usize]) {
        for (index, section) in self.sections.iter_mut().enumerate() {
            let here = || self.variables.iter().filter(|var| var.section_index == index);
            let open = here().filter(|variable| !variable.is_compile_time());
            let open: Vec<_> = open.map(Variable::bytes).collect();
            section.laid_out = !unplaced.contains(&index);
            if section.laid_out {
                for variable in here().filter(|variable| variable.is_compile_time()) {
                    section.mark_compile_time(variable, &open);
                }
                let covered: Vec<_> = here().map(Variable::bytes).collect();
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

/// A variable's offset in its section, if anything tells: the symbol of its name, if there is
/// just one; for static variables and after a linker, which fills in the DATASEC's size too, BTF.
/// Gcc 12 leaves 0 in BTF even for static variables.
fn place(
    sec_var: &SecVar,
    linkage: Linkage,
    symbol: Option<&SymbolInput<'_>>,
    datasec_size: u32,
) -> Option<u64> {
    match symbol {
        Some(symbol) => Some(symbol.offset),
        None if linkage == Linkage::Static || datasec_size != 0 => Some(sec_var.offset.into()),
        None => None,
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
