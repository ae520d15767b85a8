//! The maps that a loaded object has, and those that its programs name.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd;

use libbpf_rs::Program;
use libbpf_rs::libbpf_sys::{BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE};
use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions};
use libbpf_rs::{MapCore, Object as Loaded};

use bpfold::Object;
use bpfold::passes::text::Printer;
use bpfold::report::{KeptReport, PartKind};

use crate::cases::Case;
use crate::libbpf;

/// How many maps were looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Objects that loaded before and after.
    pub objects: usize,
    /// Maps that the originals had.
    pub before: usize,
    /// Maps that the folded objects have.
    pub after: usize,
    /// Those of them that no program names, and that are kept for a reason that is given.
    pub kept: usize,
    /// Those of them that code names which the kernel finds dead: behind a variable that the
    /// report lists as open, or behind what only the kernel knows (CO-RE, its configuration).
    pub behind: usize,
}

/// The maps of an object by their number in the kernel. libbpf makes maps of sections, of which
/// the section's name is given.
fn created(object: &Loaded) -> BTreeMap<u32, String> {
    let maps = object.maps().filter_map(|map| {
        let name = map.name().to_string_lossy().into_owned();
        let name = name.find('.').map_or(name.clone(), |dot| name[dot..].to_owned());
        Some((map.info().ok()?.info.id, name))
    });
    maps.collect()
}

/// The numbers of the maps that the code of an object's programs names, as the kernel has it
/// after verification. `map_ids` alone would not do: libbpf binds the maps of read-only
/// sections to every program.
fn named(object: &Loaded) -> BTreeSet<u32> {
    let ids: BTreeSet<u32> = object
        .progs()
        .filter(libbpf_rs::ProgramImpl::autoload)
        .filter_map(|program| Program::id_from_fd(program.as_fd()).ok())
        .collect();
    let options =
        ProgInfoQueryOptions::default().include_map_ids(true).include_xlated_prog_insns(true);
    let mut maps = BTreeSet::new();
    for program in ProgInfoIter::with_query_opts(options).filter(|info| ids.contains(&info.id)) {
        let code: Vec<&[u8]> = program.xlated_prog_insns.chunks_exact(8).collect();
        for slot in code {
            let source = u32::from(slot[1] >> 4);
            let is_ldimm64 = slot[0] == 0x18;
            if is_ldimm64 && matches!(source, BPF_PSEUDO_MAP_FD | BPF_PSEUDO_MAP_VALUE) {
                let id = u32::from_le_bytes([slot[4], slot[5], slot[6], slot[7]]);
                assert!(program.map_ids.contains(&id), "map {id} is not of {:?}", program.name);
                maps.insert(id);
            }
        }
    }
    maps
}

/// The names of the maps that an object has, and of those that its programs name.
///
/// # Errors
/// The object does not load.
pub fn created_and_named(file: &[u8]) -> Result<(Vec<String>, Vec<String>), String> {
    let object = libbpf::load(file)?;
    let (created, named) = (created(&object), named(&object));
    let names = created.iter().filter(|(id, _)| named.contains(id)).map(|(_, name)| name.clone());
    let mut lists = (created.values().cloned().collect::<Vec<_>>(), names.collect::<Vec<_>>());
    lists.0.sort();
    lists.1.sort();
    Ok(lists)
}

/// Whether a map can be needed by code that only the kernel decides about: a variable is open,
/// or code names the map, and has CO-RE records or externs whose values a kernel gives.
fn code_names(case: &Case, map: &str) -> bool {
    let object = Object::parse(&case.folded).unwrap();
    let program = object.program();
    if !case.report.open.is_empty() {
        return true;
    }
    let undecided = !program.externs.is_empty()
        || program.funcs.values().any(|f| f.insts().any(|(_, inst)| f.inst(inst).core.is_some()));
    let printer = Printer::new(program);
    let forms = [format!("= map {map} ll"), format!("= {map} ll"), format!("= {map} + ")];
    undecided
        && program.funcs.keys().any(|func| {
            let text = printer.function(func).to_string();
            forms.iter().any(|form| text.contains(form))
        })
}

/// Every map of a folded object is named by a program that is loaded, or kept for a reason that
/// the report gives, or code names it that only the kernel can decide. Gives a line for each
/// where that is not so.
pub fn unused(case: &Case, counts: &mut Counts) -> Vec<String> {
    let (Ok((before, _)), Ok((after, named))) =
        (created_and_named(&case.original), created_and_named(&case.folded))
    else {
        return Vec::new();
    };
    counts.objects += 1;
    counts.before += before.len();
    counts.after += after.len();
    let mut wrong = Vec::new();
    for name in after.iter().filter(|name| !named.contains(name)) {
        // libbpf makes one map of all options of the kernel, and one of each variable in a
        // section of struct_ops.
        let is_kept = |kept: &KeptReport| match kept.kind {
            PartKind::Extern => name == ".kconfig",
            PartKind::Section if kept.name.starts_with(".struct_ops") => true,
            _ => kept.name == *name,
        };
        match case.report.kept.iter().find(|kept| is_kept(kept)) {
            Some(_) => counts.kept += 1,
            None if code_names(case, name) => counts.behind += 1,
            None => wrong.push(format!("map {name} is not used, and the report gives no reason")),
        }
    }
    wrong
}
