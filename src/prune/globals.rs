//! `--require-no-globals`: kernels before 5.2 have no data maps, so neither an instruction
//! nor a section may ask for one.

use bpfold_passes::entity::Func;
use bpfold_passes::ir::{Op, Program};
use bpfold_passes::isa::{Callee, Imm64};

use super::PruneError;
use crate::Object;
use crate::btf::Kind;
use crate::draft::Draft;
use crate::parts::{is_data_map, ops};
use crate::report::Location;

/// Checks that nothing is left that asks for a data map. `location` is of the instruction in
/// this slot of the original function.
pub(crate) fn check_globals(
    object: &Object,
    program: &Program,
    draft: &Draft,
    mut location: impl FnMut(Func, Option<u32>) -> Location,
) -> Result<(), PruneError> {
    let mut places = Vec::new();
    for (id, func) in program.funcs.iter() {
        let mut add = |op: &Op, origin: Option<u32>| {
            if let Some(name) = asks_for(object, program, op) {
                places.push(format!("{}: names {name}", location(id, origin)));
            }
        };
        if func.opaque.is_some() {
            ops(func).for_each(|op| add(&op, None));
        }
        for (_, inst) in func.insts() {
            add(func.op(inst), func.inst(inst).origin);
        }
    }
    for (index, section) in draft.elf.sections.iter() {
        let named =
            draft.elf.symbols_in(index).next().is_some() || section.content_size() != Some(0);
        if is_data_map(section) && named && !draft.sections.contains(&index) {
            places.push(format!("{} is still there", draft.elf.section_id(index).name));
        }
    }
    if places.is_empty() { Ok(()) } else { Err(PruneError::Globals { places }) }
}

/// The section, or extern of `.kconfig`, that an instruction names.
fn asks_for(object: &Object, program: &Program, op: &Op) -> Option<String> {
    match op {
        Op::LdImm64 { imm: Imm64::Section { section, .. }, .. } => {
            program.sections.get(*section).map(|section| section.name.clone())
        }
        Op::LdImm64 { imm: Imm64::Extern(ext), .. } | Op::Call(Callee::Extern(ext)) => {
            let name = &program.externs.get(*ext)?.name;
            let btf = object.btf()?;
            let (_, datasec) = btf.find_datasec(".kconfig")?;
            let mut vars = datasec.vars.iter().map(|var| btf.ty(var.var));
            let kconfig = vars.any(|var| {
                matches!(var.kind, Kind::Var { .. }) && btf.bytes(var.name) == name.as_bytes()
            });
            kconfig.then(|| format!("{name} of .kconfig"))
        }
        _ => None,
    }
}
