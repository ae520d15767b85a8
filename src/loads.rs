//! Which instructions load from read-only data.
//!
//! The addresses are those that constant propagation finds while nothing is final, so every
//! branch counts as undecided and every load that can run is in the list.

use std::ops::Range;

use crate::Object;
use crate::elf::SectionIndex;
use crate::needs::roots;
use crate::passes::analysis::constants::Facts;
use crate::passes::analysis::value::Value;
use crate::passes::entity::{Func, PerEntity};
use crate::passes::ir::Op;
use crate::passes::pass::{Level, Limits};

pub use crate::effects::Readers;

/// An instruction that loads from a read-only section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// The function.
    pub function: Func,
    /// The instruction's slot, counted from the function's start.
    pub instruction: Option<u32>,
    /// The section's name.
    pub section: String,
    /// The section's number.
    pub section_at: SectionIndex,
    /// The bytes that it reads, from the section's start; none if the address is not one
    /// number, as of an element whose index is not known.
    pub bytes: Option<Range<u64>>,
}

/// Every load from a read-only section, in the order of the code. Functions that are too large
/// to be analysed ([`Limits`]) are left out.
#[must_use]
pub fn loads(object: &Object) -> Vec<Load> {
    let program = object.program();
    let mut levels = PerEntity::default();
    for (id, _) in program.funcs.iter().filter(|(_, func)| Limits::default().is_too_large(func)) {
        levels[id] = Level::None;
    }
    let facts = Facts::new(program, &roots(object), &levels);
    let mut loads = Vec::new();
    for (id, func) in program.funcs.iter().filter(|(id, _)| facts.is_reached(*id)) {
        for &block in func.layout() {
            facts.walk_before(program, id, block, |inst, before| {
                let data = func.inst(inst);
                let Op::Load { size, base, off, .. } = data.op else { return };
                let Value::Section { section, offset } = before.reg(base) else { return };
                let Some(link) = object.links().sections.get(section) else { return };
                let Some(section) = program.sections.get(section) else { return };
                if !section.read_only {
                    return;
                }
                let start = offset.and_then(|offset| offset.checked_add(i64::from(off)));
                let start = start.and_then(|start| u64::try_from(start).ok());
                loads.push(Load {
                    function: id,
                    instruction: data.origin,
                    section: section.name.clone(),
                    section_at: link.index,
                    bytes: start.map(|start| start..start + u64::from(size.bytes())),
                });
            });
        }
    }
    loads
}
