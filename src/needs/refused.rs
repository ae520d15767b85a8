//! Types that kernels refuse.
//!
//! If a kernel refuses one type of an object, it gets none: loaders go on without
//! (`bpf_object__sanitize_and_load_btf` in libbpf, `EbpfLoader::load` in aya), and then global
//! functions are verified with their callers. Some programs load for that alone. If folding took out
//! what is refused, kernels would verify these functions on their own. So types that were refused
//! must be refused afterwards, too: a type that is refused by itself stays
//! ([`refused_types`](super::refused_types)), and where it was the place of a variable that has
//! gone, [`mark`] adds a type that kernels refuse.
//!
//! Of places, here is what every kernel refuses (`btf_datasec_check_meta`, `btf_datasec_resolve`) and
//! no loader mends. Loaders give a DATASEC without a size that of its section and global variables
//! the places of their symbols, sort variables by their places, and lay out those of externs anew
//! (`btf_fixup_datasec`, `bpf_object__collect_externs`). libbpf does not open an object with a
//! DATASEC whose section is not there, is empty, or has no symbol for a global variable.

use std::collections::BTreeSet;

use super::refused_types::{EXTERNS, externs};
use crate::btf::{Btf, DataSec, FuncProto, Kind, Linkage, Type, TypeId};
use crate::elf::{ElfObject, SectionIndex, SymbolBind, SymbolIndex, SymbolKind};

/// The extern function that says that kernels are to refuse the types (`btf_func_check_meta`
/// accepts linkages up to global), as gcc 14 writes some for `memcpy`.
const MARK: &str = "bpfold_types_refused_as_before";

/// What kernels refuse about a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The section.
    pub section: String,
    /// The variable.
    pub variable: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Symbols and sections that do not count, since they leave the object.
#[derive(Clone, Copy, Default)]
pub(crate) struct Gone<'g> {
    /// The symbols.
    pub symbols: Option<&'g BTreeSet<SymbolIndex>>,
    /// The sections.
    pub sections: Option<&'g BTreeSet<SectionIndex>>,
}

impl Gone<'_> {
    fn has_symbol(&self, symbol: SymbolIndex) -> bool {
        self.symbols.is_some_and(|symbols| symbols.contains(&symbol))
    }

    /// The bytes of the first section of a name that stays.
    fn size(&self, elf: &ElfObject, name: &str) -> Option<u64> {
        let is_gone = |at| self.sections.is_some_and(|sections| sections.contains(&at));
        let mut sections = elf.sections.iter().filter(|(at, _)| !is_gone(*at));
        sections.find(|(_, section)| section.name == name.as_bytes())?.1.content_size()
    }
}

/// Whether kernels refuse the types of an object without what is `gone`.
pub(crate) fn is_refused(btf: &Btf, elf: &ElfObject, gone: Gone<'_>) -> bool {
    is_extern_refused(btf) || refused_place(btf, elf, gone).is_some()
}

/// Whether an extern function or variable is in no section of externs, which every kernel refuses
/// and no loader mends (`btf_func_check_meta`, `btf_var_check_meta`).
fn is_extern_refused(btf: &Btf) -> bool {
    let externs = externs(btf);
    btf.own_types().any(|(id, ty)| match ty.kind {
        Kind::Func { linkage, .. } | Kind::Var { linkage, .. } => {
            linkage == Linkage::Extern && !externs.contains(id)
        }
        _ => false,
    })
}

/// The first variable whose place in its DATASEC kernels refuse (`btf_datasec_check_meta`), as
/// libbpf hands them over (`btf_fixup_datasec`).
pub(crate) fn refused_place(btf: &Btf, elf: &ElfObject, gone: Gone<'_>) -> Option<Refused> {
    btf.own_types().find_map(|(_, ty)| {
        let Kind::DataSec(datasec) = &ty.kind else { return None };
        let section = btf.str(ty.name);
        if EXTERNS.contains(&section) {
            return None;
        }
        let (var, problem) = wrong_place(btf, (section, datasec), elf, gone)?;
        let variable = btf.name(var).to_owned();
        Some(Refused { section: section.to_owned(), variable, problem })
    })
}

fn wrong_place(
    btf: &Btf,
    (section, datasec): (&str, &DataSec),
    elf: &ElfObject,
    gone: Gone<'_>,
) -> Option<(TypeId, &'static str)> {
    // Clang leaves the size out, and with it the places of variables that others see.
    let by_symbols = datasec.size == 0;
    let size = match by_symbols {
        true => gone.size(elf, section)?,
        false => datasec.size.into(),
    };
    let symbol = |name: &[u8]| {
        let mut symbols = elf.symbols.iter().filter(|(index, _)| !gone.has_symbol(*index));
        symbols.find(|(_, symbol)| {
            let is_global = matches!(symbol.bind, SymbolBind::Global | SymbolBind::Weak);
            is_global && symbol.kind == SymbolKind::Object && symbol.name == name
        })
    };
    let mut places = Vec::with_capacity(datasec.vars.len());
    for var in &datasec.vars {
        let ty = btf.ty(var.var);
        let offset = match ty.kind {
            Kind::Var { linkage: Linkage::Global, .. } if by_symbols => {
                symbol(btf.bytes(ty.name))?.1.value
            }
            _ => var.offset.into(),
        };
        let needs = match ty.kind {
            Kind::Var { ty, .. } => btf.size_of(ty).unwrap_or(0),
            _ => 0,
        };
        places.push((offset, u64::from(var.size), needs, var.var));
    }
    places.sort_by_key(|(offset, ..)| *offset);
    let mut end = 0;
    for (offset, len, needs, var) in places {
        let problem = if offset < end {
            "it begins in another variable"
        } else if len == 0 {
            "it has no size"
        } else if offset.saturating_add(len) > size {
            "it ends behind the section"
        } else if len < needs {
            "it is smaller than its type"
        } else {
            end = offset + len;
            continue;
        };
        return Some((var, problem));
    }
    None
}

/// Adds a type that kernels refuse.
pub(crate) fn mark(btf: &mut Btf) {
    let proto = Kind::FuncProto(FuncProto { result: TypeId::VOID, params: Vec::new() });
    let name = btf.add_string("");
    let proto = btf.add_type(Type { name, flag: false, kind: proto });
    let name = btf.add_string(MARK);
    btf.add_type(Type { name, flag: false, kind: Kind::Func { linkage: Linkage::Extern, proto } });
}
