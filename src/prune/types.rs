//! The types that what is left of the object needs.

use std::collections::BTreeSet;

use crate::btf::{Btf, Kind, Record, Table, TypeId, TypeSet};
use crate::draft::{Draft, Forgotten};
use crate::elf::SymbolKind;
use crate::needs;

/// Takes variables out of their DATASECs, removes the types that nothing needs any more, and
/// makes the table of strings anew.
///
/// What is there is needed: variables of DATASECs, functions that records or symbols name,
/// types of CO-RE records, and what these refer to. So is what kernels refuse
/// ([`refused_types`](needs::refused_types)): what they accept without types they may refuse with.
pub(crate) fn prune_types(draft: &mut Draft) {
    let Draft { elf, btf: Some(btf), ext, symbols: gone, forgotten, .. } = draft else { return };
    // Externs are valid in their DATASEC, which they may leave.
    let refused: TypeSet = needs::refused_types(btf).map(|(id, _)| id).collect();
    let lost = forget(btf, forgotten);
    let symbols: BTreeSet<&[u8]> = elf
        .symbols
        .iter()
        .filter(|(index, symbol)| !gone.contains(index) && symbol.kind != SymbolKind::Section)
        .map(|(_, symbol)| symbol.name.as_slice())
        .collect();
    let needed = btf.own_types().filter(|(id, ty)| match ty.kind {
        _ if refused.contains(*id) => true,
        Kind::DataSec(_) | Kind::Var { .. } => !lost.contains(*id),
        Kind::Func { .. } => !lost.contains(*id) && symbols.contains(btf.bytes(ty.name)),
        _ => false,
    });
    let mut keep: TypeSet = needed.map(|(id, _)| id).collect();
    if let Some(ext) = ext {
        recorded(&ext.func_info, &mut keep, |record| record.type_id);
        recorded(&ext.core_relo, &mut keep, |record| record.type_id);
    }
    needs::add_types_of_tags(btf, &mut keep);
    let map = btf.retain(&keep);
    match ext {
        Some(ext) => {
            ext.renumber(&map);
            btf.rebuild_strings(Some(ext));
        }
        None => btf.rebuild_strings(None),
    }
}

fn recorded<R: Record>(table: &Table<R>, keep: &mut TypeSet, id: impl Fn(&R) -> TypeId) {
    let records = table.blocks.iter().flat_map(|block| &block.records);
    records.for_each(|record| {
        keep.insert(id(record));
    });
}

/// Takes variables out of their DATASECs. Gives what is to leave BTF: the variables, and the
/// DATASECs that are left empty.
fn forget(btf: &mut Btf, forgotten: &[Forgotten]) -> TypeSet {
    let (mut lost, mut vars) = (TypeSet::new(), TypeSet::new());
    for forgotten in forgotten {
        match forgotten {
            Forgotten::Vars(some) => vars.extend(some.iter().copied()),
            Forgotten::DataSec(section) => {
                let Some((datasec, known)) = btf.find_datasec(section) else { continue };
                lost.insert(datasec);
                vars.extend(known.vars.iter().map(|var| var.var));
            }
        }
    }
    for (id, ty) in btf.own_types() {
        let Kind::DataSec(known) = &ty.kind else { continue };
        let some = known.vars.iter().any(|var| vars.contains(var.var));
        if some && known.vars.iter().all(|var| vars.contains(var.var)) {
            lost.insert(id);
        }
        for var in known.vars.iter().filter(|var| vars.contains(var.var)) {
            lost.insert(var.var);
        }
    }
    btf.remove_vars(|var| vars.contains(var));
    lost
}
