//! Where functions start, what they are called and who can call them.

use std::collections::{BTreeMap, BTreeSet};

use bpfold_passes::analysis::calls::for_each_mention;
use bpfold_passes::entity::{EntityVec, Func, PerEntity};
use bpfold_passes::ir::{Function, Linkage, Program};

use super::code::{Code, byte_offset};
use super::links::{CodeSection, CodeSymbol, FuncLink, Links, Place};
use super::records::Records;
use super::refs::{Addends, RefError, Target, target};
use super::{LiftError, Starts};
use crate::btf::{self, Btf, Kind, TypeId};
use crate::elf::{ElfObject, SectionIndex, Symbol, SymbolBind, SymbolIndex, SymbolKind};

/// The symbols of each section.
type Symbols<'e> = BTreeMap<SectionIndex, Vec<(SymbolIndex, &'e Symbol)>>;

/// Finds the functions of all sections. They have no code yet.
pub(super) fn find(
    elf: &ElfObject,
    btf: Option<&Btf>,
    codes: &[Code],
    records: &Records,
    (starts, links): (&Starts, &mut Links),
) -> Result<EntityVec<Func, Function>, LiftError> {
    let symbols = elf.symbols_by_section();
    let mut cuts = cuts(elf, codes, &symbols, records, links.addends)?;
    for code in codes {
        let more = starts.get(&code.index).into_iter().flatten();
        let heads = more.copied().filter(|slot| code.is_head(*slot));
        cuts.entry(code.index).or_default().extend(heads);
    }
    let mut funcs = EntityVec::new();
    let named = naming_symbols(elf);
    for code in codes {
        let mut section = CodeSection { index: code.index, funcs: Vec::new() };
        let starts = cuts.get(&code.index).into_iter().flatten();
        let ends = starts.clone().copied().skip(1).chain([code.len()]);
        for (&start, end) in starts.zip(ends) {
            let at = (code.index, start);
            let symbol = named.get(&(code.index, byte_offset(start))).copied();
            let info = records.func_info.get(&at).cloned().unwrap_or_default();
            let name = symbol
                .map(|(_, symbol)| String::from_utf8_lossy(&symbol.name).into_owned())
                .or_else(|| {
                    let id = info.first()?.record.type_id;
                    Some(btf?.name(id).to_owned())
                })
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| format!("{}+{:#x}", code.id.name, byte_offset(start)));
            let symbol_of = symbol.map(|(_, symbol)| symbol);
            let own = info.iter().any(|info| is_global(btf, info.record.type_id));
            let linkage = linkage(&symbols, code, start, symbol_of, own);
            let mut function = Function::new(name, linkage);
            function.original_slots = end - start;
            let func = funcs.push(function);
            links.starts.insert(at, func);
            section.funcs.push(func);
            links.funcs.push(FuncLink {
                section: code.index,
                start,
                symbol: symbol.map(|(index, _)| index),
                func_info: info,
                runs_into: Vec::new(),
                is_loaded: false,
            });
        }
        links.code.push(section);
    }
    promote_lone_function(&mut funcs);
    links.symbols = code_symbols(&symbols, codes, links);
    Ok(funcs)
}

/// libbpf before 1.0 loaded a function of .text as a program if the object had no other
/// (`prog_is_subprog`), and other loaders still do.
fn promote_lone_function(funcs: &mut EntityVec<Func, Function>) {
    if funcs.len() == 1 {
        for func in funcs.values_mut().filter(|func| func.linkage == Linkage::Global) {
            func.linkage = Linkage::Entry;
        }
    }
}

/// Finds the programs among static functions. Cilium/ebpf (`loadFunctions`) and aya
/// (`parse_programs`) load every function of a section of programs as one, also static ones
/// and those that other code calls; libbpf refuses objects with static ones there
/// (`bpf_object__add_programs`). What no other code calls is a program and nothing else.
///
/// Compilers put parts and copies of functions beside them and call them `NAME.part.0`: these
/// are programs only if nothing calls them.
pub(super) fn find_static_programs(elf: &ElfObject, program: &mut Program, links: &mut Links) {
    let mut is_entered = PerEntity::<Func, bool>::default();
    for (id, func) in program.funcs.iter() {
        for_each_mention(func, |named, _| is_entered[named] |= named != id);
    }
    for func in links.funcs.values().flat_map(|link| &link.runs_into) {
        is_entered[*func] = true;
    }
    for (id, func) in program.funcs.iter_mut() {
        let Some(link) = links.funcs.get_mut(id) else { continue };
        let symbol = link.symbol.and_then(|symbol| elf.symbols.get(symbol));
        let is_local = symbol.is_some_and(|s| s.bind == SymbolBind::Local && !s.name.is_empty());
        if func.linkage == Linkage::Entry || !is_local || !holds_programs(elf, link.section) {
            continue;
        }
        if !is_entered[id] {
            func.linkage = Linkage::Entry;
        } else {
            link.is_loaded = !func.name.contains('.');
        }
    }
}

/// Whether a section of code is one of programs: compilers put subprograms into `.text`, with
/// `-ffunction-sections` into `.text.NAME`.
fn holds_programs(elf: &ElfObject, section: SectionIndex) -> bool {
    let name = elf.section_id(section).name;
    name != ".text" && !name.starts_with(".text.")
}

fn cuts(
    elf: &ElfObject,
    codes: &[Code],
    symbols: &Symbols<'_>,
    records: &Records,
    addends: Addends,
) -> Result<Starts, LiftError> {
    let mut cuts = Starts::new();
    for code in codes {
        let set = cuts.entry(code.index).or_default();
        set.insert(0);
        for (_, symbol) in symbols.get(&code.index).into_iter().flatten() {
            if symbol.kind == SymbolKind::Func {
                cut_at_symbol(code, symbol, set)?;
            }
        }
        for insn in &code.insns {
            code.check_jump(insn)?;
            match target(elf, codes, addends, code, insn) {
                Ok(Some(Target::Code { section, slot })) => {
                    cuts.entry(section).or_default().insert(slot);
                }
                Ok(_) | Err(RefError::Unclear(_)) => {}
                Err(RefError::Damage(error)) => return Err(error),
            }
        }
    }
    for &(section, slot) in records.func_info.keys() {
        cuts.entry(section).or_default().insert(slot);
    }
    Ok(cuts)
}

fn cut_at_symbol(code: &Code, symbol: &Symbol, set: &mut BTreeSet<u32>) -> Result<(), LiftError> {
    let what = || format!("function {}", String::from_utf8_lossy(&symbol.name));
    if symbol.size == 0 && symbol.value == byte_offset(code.len()) {
        return Ok(());
    }
    let start = code.head_at_byte(symbol.value, &what())?;
    let end = symbol.value.checked_add(symbol.size).and_then(|end| code.slot_of_byte(end));
    let Some(end) = end else {
        return Err(LiftError::FunctionSize {
            section: code.id.clone(),
            offset: symbol.value,
            name: String::from_utf8_lossy(&symbol.name).into_owned(),
            size: symbol.size,
        });
    };
    set.insert(start);
    if end < code.len() {
        if !code.is_head(end) {
            let what = format!("the end of {}", what());
            return Err(code.not_an_instruction(byte_offset(end), &what));
        }
        set.insert(end);
    }
    Ok(())
}

/// The symbols of type FUNC by section and offset in bytes; of several, one that other
/// objects see.
fn naming_symbols(elf: &ElfObject) -> BTreeMap<(SectionIndex, u64), (SymbolIndex, &Symbol)> {
    let mut named = BTreeMap::new();
    for (index, symbol) in elf.symbols.iter().filter(|(_, symbol)| symbol.kind == SymbolKind::Func)
    {
        let Some(section) = symbol.section() else { continue };
        let known = named.entry((section, symbol.value)).or_insert((index, symbol));
        if symbol.is_global() && !known.1.is_global() {
            *known = (index, symbol);
        }
    }
    named
}

/// Whether the type of a function makes kernels verify it on its own
/// (`check_btf_func` keeps the linkage for `subprog_is_global`).
fn is_global(btf: Option<&Btf>, ty: TypeId) -> bool {
    let kind = btf.filter(|btf| btf.contains(ty)).map(|btf| &btf.ty(ty).kind);
    matches!(kind, Some(Kind::Func { linkage: btf::Linkage::Global, .. }))
}

/// A function is static only if every loader hands it to the kernel as such, so neither its
/// symbol nor its type (`own`) may be global. Visibility counts for nothing: libbpf makes hidden
/// and internal functions static (`bpf_object__add_programs`), cilium/ebpf and aya let kernels
/// verify them on their own. What is assumed of global functions holds for static ones, too.
fn linkage(
    symbols: &Symbols<'_>,
    code: &Code,
    start: u32,
    symbol: Option<&Symbol>,
    own: bool,
) -> Linkage {
    let subprograms = code.id.name == ".text";
    match symbol {
        Some(symbol) if symbol.bind == SymbolBind::Local && own => Linkage::Global,
        Some(symbol) if symbol.bind == SymbolBind::Local => Linkage::Static,
        Some(_) if !subprograms => Linkage::Entry,
        Some(_) => Linkage::Global,
        None => {
            let nameless = || {
                let mut symbols = symbols.get(&code.index).into_iter().flatten();
                !symbols.any(|(_, symbol)| symbol.kind == SymbolKind::Func)
            };
            if start == 0 && !subprograms && nameless() { Linkage::Entry } else { Linkage::Static }
        }
    }
}

/// The symbols in code other than those of sections. A label inside an instruction counts
/// for the instruction after it.
fn code_symbols(symbols: &Symbols<'_>, codes: &[Code], links: &Links) -> Vec<CodeSymbol> {
    let mut list = Vec::new();
    for code in codes {
        for &(index, symbol) in symbols.get(&code.index).into_iter().flatten() {
            if symbol.kind == SymbolKind::Section {
                continue;
            }
            let Some(start) = nearest_place(code, links, symbol.value, false) else { continue };
            let end = symbol.value.saturating_add(symbol.size);
            let end = nearest_place(code, links, end, true).filter(|_| symbol.size != 0);
            list.push(CodeSymbol { symbol: index, start, end });
        }
    }
    list
}

/// The place of a byte offset. An end belongs to the function before it.
fn nearest_place(code: &Code, links: &Links, offset: u64, is_end: bool) -> Option<Place> {
    let slot = u32::try_from(offset.div_ceil(8)).ok()?.min(code.len());
    let place = links.place_at(code.index, slot)?;
    if !is_end || place.origin != 0 || slot == 0 {
        return Some(place);
    }
    let before = links.place_at(code.index, slot - 1)?;
    Some(Place { func: before.func, origin: before.origin + 1 })
}
