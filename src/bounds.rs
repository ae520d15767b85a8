//! Accesses of data sections that kernels refuse, since they lie outside of the section.
//!
//! The kernel knows a data section as a map with one value of the section's size. An `ldimm64`
//! that names a byte outside of it is refused before any path is followed
//! (`array_map_direct_value_addr`, "invalid access to map value pointer"), and so is an access
//! that leaves it on a path that the verifier follows (`check_map_access`, "invalid access to
//! map value"). So is memory that a helper is given, which must be all in the section
//! (`check_helper_mem_access`), but for addresses that it only tries to read. Here only addresses
//! count that constant propagation knows, in code that can still run.

use crate::Object;
use crate::elf::SectionIndex;
use crate::lines::Lines;
use crate::passes::analysis::constants::Facts;
use crate::passes::analysis::state::State;
use crate::passes::analysis::value::Value;
use crate::passes::entity::{Func, Section};
use crate::passes::helpers::{Access, Arg, Extent, Helper};
use crate::passes::ir::{InstData, Op, Program};
use crate::passes::isa::{Callee, Imm64, Reg};
use crate::passes::pass::FoldLog;
use crate::report::Note;
use crate::variables::Variables;

/// The accesses outside of data sections that the code after folding still makes, in the order
/// of the code. `entered` are the functions that somebody outside can enter.
pub(crate) fn outside(
    object: &Object,
    (program, log): (&Program, &FoldLog),
    entered: &[Func],
    variables: &Variables<'_>,
    lines: &mut Lines<'_>,
) -> Vec<Note> {
    if !names_data(program) {
        return Vec::new();
    }
    let facts = Facts::new(program, entered, &log.levels);
    let mut notes = Vec::new();
    for (func, function) in program.funcs.iter().filter(|(func, _)| facts.is_reached(*func)) {
        for &block in function.layout() {
            facts.walk_before(program, func, block, |inst, before| {
                let data = function.inst(inst);
                for address in addresses(data, before) {
                    let Some(link) = object.links().sections.get(address.section) else { continue };
                    let Some(len) = section_len(object, link.index) else { continue };
                    if !address.leaves(len) {
                        continue;
                    }
                    let Some(link) = object.links().sections.get(address.section) else { continue };
                    let section = program.sections[address.section].name.clone();
                    notes.push(Note::OutOfBounds {
                        at: lines.location(func, data.origin),
                        variable: variables.nearest(link.index, address.base),
                        section,
                        offset: address.offset,
                        size: address.size,
                        section_size: len,
                    });
                }
            });
        }
    }
    notes
}

/// Whether any code names a data section.
fn names_data(program: &Program) -> bool {
    let names = |op: &Op| matches!(op, Op::LdImm64 { imm: Imm64::Section { .. }, .. });
    program.funcs.values().any(|func| func.insts().any(|(_, inst)| names(func.op(inst))))
}

/// Bytes of a data section, as its map has them.
fn section_len(object: &Object, section: SectionIndex) -> Option<u64> {
    object.elf().sections.get(section)?.content_size()
}

/// An address in a data section that an instruction makes or accesses.
struct Address {
    section: Section,
    /// Bytes from the section's start to where the instruction counts its displacement from.
    base: i64,
    /// Bytes from the section's start.
    offset: i64,
    /// Bytes that are accessed; none if the address is only made.
    size: Option<u32>,
}

impl Address {
    /// Whether kernels refuse it for a section of so many bytes. An `ldimm64` must name a byte
    /// of the section, also if it is not accessed.
    fn leaves(&self, len: u64) -> bool {
        let size = u64::from(self.size.unwrap_or(1));
        let end = u64::try_from(self.offset).ok().and_then(|start| start.checked_add(size));
        end.is_none_or(|end| end > len)
    }
}

/// The addresses in data sections that an instruction makes or accesses, as far as they are
/// known. The verifier follows each address that paths have brought along.
fn addresses(data: &InstData, before: &State) -> Vec<Address> {
    // The loader can still change the displacement.
    if data.core.is_some() {
        return Vec::new();
    }
    let (base, off, size) = match data.op {
        Op::LdImm64 { imm: Imm64::Section { section, offset }, .. } => {
            return vec![Address { section, base: offset, offset, size: None }];
        }
        Op::Load { base, off, size, .. }
        | Op::LoadAcquire { base, off, size, .. }
        | Op::Store { base, off, size, .. }
        | Op::StoreRelease { base, off, size, .. }
        | Op::Atomic { base, off, size, .. } => (base, off, size),
        Op::Call(Callee::Helper(number)) => {
            let helper = Helper::get(number);
            return helper.map_or_else(Vec::new, |helper| given(helper, before));
        }
        Op::LdImm64 { .. }
        | Op::Alu { .. }
        | Op::Neg { .. }
        | Op::Mov { .. }
        | Op::MovSx { .. }
        | Op::AddrSpaceCast { .. }
        | Op::Swap { .. }
        | Op::LdAbs { .. }
        | Op::LdInd { .. }
        | Op::Call(_)
        | Op::Exit
        | Op::Goto { .. }
        | Op::Branch { .. }
        | Op::MayGoto { .. }
        | Op::GotoX { .. } => return Vec::new(),
    };
    let size = Some(size.bytes());
    let address = |(section, base): (Section, i64)| {
        let offset = base.checked_add(off.into())?;
        Some(Address { section, base, offset, size })
    };
    places(before.reg(base)).into_iter().filter_map(address).collect()
}

/// The places in data sections that an address can be.
fn places(value: Value) -> Vec<(Section, i64)> {
    match (value, value.offsets()) {
        // One address can be further away than those of a list.
        (Value::Section { section, offset: Some(offset) }, _) => vec![(section, offset)],
        (_, Some((section, offsets))) => offsets.map(|offset| (section, offset)).collect(),
        (_, None) => Vec::new(),
    }
}

/// The memory in data sections that a helper is given: at least so many bytes. Where the size is
/// that of a map's keys or values, or of a string, one byte.
fn given(helper: &Helper, before: &State) -> Vec<Address> {
    let mut given = Vec::new();
    for (reg, arg) in Reg::arguments().zip(helper.args) {
        let Arg::Memory { access, extent } = arg else { continue };
        let size = match extent {
            _ if *access == Access::Probe => continue,
            Extent::Bytes(size) => Some(*size),
            Extent::Arg(number) => {
                let least = Reg::new(*number).map_or(0, |reg| before.reg(reg).number().umin);
                match u32::try_from(least).unwrap_or(u32::MAX) {
                    // The address need not be one then.
                    0 => continue,
                    least => Some(least),
                }
            }
            Extent::MapKey | Extent::MapValue | Extent::String => None,
        };
        let places = places(before.reg(reg)).into_iter();
        given.extend(places.map(|(section, at)| Address { section, base: at, offset: at, size }));
    }
    given
}
