//! Sections of code to functions of basic blocks.
//!
//! Everything that names an instruction by its offset (a jump, a relocation, a symbol, a
//! record of .BTF.ext, an address in data) is turned into something attached to the
//! instruction, so that no offset is left. [`Links`] keeps what the entities of the program
//! stand for; lowering goes back with it.
//!
//! Damage that every loader refuses is an error. A function whose code is not understood is
//! opaque: carried untouched, but with its references resolved, so that what it names can
//! move.

mod addresses;
mod body;
mod code;
mod error;
mod functions;
pub mod links;
mod records;
mod refs;
mod tables;

pub use error::LiftError;
pub use links::Links;
pub use refs::Addends;
pub(crate) use refs::{PSEUDO_CALL, PSEUDO_FUNC, is_map_section};

use std::collections::{BTreeMap, BTreeSet};

use bpfold_passes::ir::{Features, Program};
use bpfold_passes::isa;

use crate::btf::{Btf, BtfExt, Kind, TypeId};
use crate::elf::{self, ElfObject, SectionIndex};
use code::Code;
use records::Records;

/// A program and what ties it to its object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifted {
    /// The program.
    pub program: Program,
    /// What its entities stand for.
    pub links: Links,
}

/// Lifts all code of an object. Data sections have the bytes of the object and no final
/// bits.
///
/// # Errors
/// Damage to code or to what names it.
pub fn lift(elf: &ElfObject, btf: Option<&Btf>, ext: Option<&BtfExt>) -> Result<Lifted, LiftError> {
    lift_with_hints(elf, btf, ext, &Hints::default())
}

/// Slots of sections of code, counted from their starts, at which functions start besides those
/// that the object tells of.
pub(crate) type Starts = BTreeMap<SectionIndex, BTreeSet<u32>>;

/// What was known of an object before something of it went, and it may not tell any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hints {
    /// Where functions start.
    pub starts: Starts,
    /// What immediates hold.
    pub addends: Option<Addends>,
}

/// [`lift`] of an object of which more is known than it tells.
pub(crate) fn lift_with_hints(
    elf: &ElfObject,
    btf: Option<&Btf>,
    ext: Option<&BtfExt>,
    hints: &Hints,
) -> Result<Lifted, LiftError> {
    let codes = Code::read_all(elf)?;
    let records = Records::read(&codes, btf.zip(ext))?;
    let mut program = Program::new(endian(elf));
    let mut links = Links {
        blocks: records.blocks.clone(),
        addends: hints.addends.unwrap_or_else(|| Addends::of(elf, &codes)),
        ..Links::default()
    };
    program.funcs = functions::find(elf, btf, &codes, &records, (&hints.starts, &mut links))?;
    let insns = codes.iter().flat_map(|code| &code.insns);
    program.features = Features::of(insns.filter_map(|insn| insn.op.as_ref().ok()));
    links.addresses = addresses::find(elf, &codes, &links)?;
    body::fill(elf, &codes, &records, &mut program, &mut links);
    functions::find_static_programs(elf, &mut program, &mut links);
    if let Some(btf) = btf {
        for decl in program.externs.values_mut() {
            decl.args = arguments(btf, &decl.name);
        }
    }
    Ok(Lifted { program, links })
}

/// The number of arguments that a function of the kernel is declared with. Loaders refuse the
/// object if the kernel's takes another number.
fn arguments(btf: &Btf, name: &str) -> Option<u8> {
    let (_, ksyms) = btf.find_datasec(".ksyms")?;
    let decl = ksyms.vars.iter().find(|var| btf.name(var.var) == name)?.var;
    let Kind::Func { proto, .. } = btf.ty(decl).kind else { return None };
    let Kind::FuncProto(proto) = &btf.ty(proto).kind else { return None };
    // The type of `...` is void.
    let is_fixed = proto.params.iter().all(|param| param.ty != TypeId::VOID);
    u8::try_from(proto.params.len()).ok().filter(|args| is_fixed && *args <= 5)
}

pub(crate) fn endian(elf: &ElfObject) -> isa::Endian {
    match elf.endian {
        elf::Endian::Little => isa::Endian::Little,
        elf::Endian::Big => isa::Endian::Big,
    }
}
