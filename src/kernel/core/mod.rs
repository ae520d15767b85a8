//! CO-RE relocations, resolved against the types of a kernel.
//!
//! A record of .BTF.ext ties an instruction to a question about the target's types: the offset
//! of a field, whether a type exists, the value of an enum value. The rules are those of libbpf
//! (`tools/lib/bpf/relo_core.c`), each file names its part; the values are the same, instruction
//! by instruction:
//!
//! 1. [`candidates`]: the types of the target with the same essential name.
//! 2. [`spec`], [`compat`]: the record's access is found in each of them, or is not.
//! 3. [`value`]: what the access is worth there; all candidates must agree.
//! 4. [`patch`], [`apply`]: the value goes into the instruction, which loses its record, so that
//!    passes see a constant.
//!
//! 5. [`answers`], [`question`]: what the object was folded with is written down.
//!
//! What cannot be resolved keeps its record through the passes: in dead code it goes with the
//! code, in live code it is an error ([`apply::Applied::check`]). libbpf instead puts an invalid
//! call there for verifiers to find.

mod answers;
mod apply;
mod candidates;
mod compat;
mod enumerators;
mod error;
mod patch;
mod question;
mod size;
mod spec;
mod value;
mod version;

use std::collections::BTreeMap;

pub(crate) use answers::Answers;
pub(crate) use apply::{Answered, Applied, apply, question_text};
pub(crate) use candidates::essential;
pub(crate) use compat::{Fuel, types_are_compatible};
pub(crate) use error::AnswerError;
pub use error::{CoreError, Problem};

use super::Kernel;
use crate::Object;
use crate::btf::{Btf, BtfExt, CoreRelo, CoreReloKind, Kind, TypeId};
use crate::passes::entity::Core;
use crate::passes::isa::Op;
use candidates::{Candidate, Candidates};
use size::{Side, pointer_size};
use spec::Spec;
use value::{Change, change};

/// Which records are resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CoreMode {
    /// None: all are left to the loader.
    None,
    /// What decides branches: existence, sizes, signs and enum values. Offsets, shifts and type
    /// ids are left to the loader, so that the object runs on every kernel that gives the same
    /// answers.
    #[default]
    Checks,
    /// All of them: the object is for this one kernel.
    All,
}

impl CoreMode {
    /// Whether records of a kind are resolved. Ids of the object's own types never are: they
    /// change when types are removed, and some loaders number types anew.
    #[must_use]
    pub fn resolves(self, kind: CoreReloKind) -> bool {
        match kind {
            CoreReloKind::FieldByteSize
            | CoreReloKind::FieldExists
            | CoreReloKind::FieldSigned
            | CoreReloKind::TypeExists
            | CoreReloKind::TypeSize
            | CoreReloKind::TypeMatches
            | CoreReloKind::EnumvalExists
            | CoreReloKind::EnumvalValue => self != Self::None,
            CoreReloKind::FieldByteOffset
            | CoreReloKind::FieldLShiftU64
            | CoreReloKind::FieldRShiftU64
            | CoreReloKind::TypeIdTarget => self == Self::All,
            CoreReloKind::TypeIdLocal => false,
        }
    }
}

/// What a record comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The record's entity in the program.
    pub core: Core,
    /// The record.
    pub record: CoreRelo,
    /// Its value in the target, or why it has none.
    pub value: Result<u64, Problem>,
    change: Option<Change>,
}

impl Resolution {
    /// Puts the value into the record's instruction: into its immediate or offset, and for a
    /// field of another size also into the size of the access.
    ///
    /// # Errors
    /// Why there is no value, or why it does not go into the instruction.
    pub fn patch<T>(&self, op: &mut Op<T>) -> Result<(), Problem> {
        self.value.clone()?;
        patch::patch(op, self.change.ok_or(Problem::Missing)?)
    }
}

/// Resolves every record of an object that belongs to code, those of all kinds but
/// [`CoreReloKind::TypeIdLocal`], in the order of the file. An object without types has no
/// records. Without the kernel's types its version answers whether it has a helper, and nothing
/// else is resolved.
///
/// The types of the kernel are read if there are records, those of its modules if the kernel
/// lacks a name that a record starts from.
///
/// # Errors
/// Damaged types; types of the other byte order.
pub fn resolve(object: &Object, kernel: &Kernel) -> Result<Vec<Resolution>, CoreError> {
    let (Some(local), Some(ext)) = (object.btf(), object.btf_ext()) else { return Ok(Vec::new()) };
    if ext.core_relo.is_empty() {
        return Ok(Vec::new());
    }
    let Some(types) = kernel.types()? else {
        return Ok(kernel.known_version().map_or_else(Vec::new, |version| {
            let records = records_of(object, ext);
            records.filter_map(|record| version::resolve(local, version, record)).collect()
        }));
    };
    let (found, expected) = (types.order(), local.order());
    if found != expected {
        return Err(CoreError::ByteOrder { found, expected });
    }
    let cores = cores(object);
    let records = || ext.core_relo.blocks.iter().flat_map(|block| &block.records);
    let modules;
    let mut candidates = Candidates::new(local, records().map(|record| record.type_id));
    candidates.add(&types);
    if candidates.are_missing() {
        modules = kernel.module_types()?;
        candidates.add_modules(&modules);
    }
    let mut resolver = Resolver { local, pointer: pointer_size(&types), candidates };
    let mut resolutions = Vec::new();
    for (number, block) in ext.core_relo.blocks.iter().enumerate() {
        // libbpf resolves no records of programs that are not loaded unless somebody asks.
        let is_optional = local.bytes(block.section).starts_with(b"?");
        for record in &block.records {
            let Some(&core) = cores.get(&(number, record.insn_off)) else { continue };
            if record.kind == CoreReloKind::TypeIdLocal {
                continue;
            }
            let (value, change) = match resolver.resolve(record, !is_optional) {
                Ok(change) => (Ok(change.value), Some(change)),
                Err(problem) => (Err(problem), None),
            };
            resolutions.push(Resolution { core, record: record.clone(), value, change });
        }
    }
    Ok(resolutions)
}

/// The records that belong to code, in the order of the file.
fn records_of<'o>(object: &Object, ext: &'o BtfExt) -> impl Iterator<Item = (Core, &'o CoreRelo)> {
    let cores = cores(object);
    let blocks = ext.core_relo.blocks.iter().enumerate();
    let records = blocks.flat_map(|(number, block)| {
        block.records.iter().map(move |record| ((number, record.insn_off), record))
    });
    records.filter_map(move |(at, record)| Some((*cores.get(&at)?, record)))
}

/// The records' entities by the block and offset that they were read from.
fn cores(object: &Object) -> BTreeMap<(usize, u32), Core> {
    let mut cores = BTreeMap::new();
    for (core, recorded) in object.links().core.iter() {
        cores.insert((recorded.block, recorded.record.insn_off), core);
        let more = recorded.more.iter();
        cores.extend(more.map(|(block, record)| ((*block, record.insn_off), core)));
    }
    cores
}

/// Resolves the records of one object, in the order of the file.
struct Resolver<'t> {
    local: &'t Btf,
    /// Bytes of the target's pointers.
    pointer: u32,
    candidates: Candidates<'t>,
}

impl<'t> Resolver<'t> {
    /// `narrows` says whether candidates that do not match are left out later.
    fn resolve(&mut self, record: &CoreRelo, narrows: bool) -> Result<Change, Problem> {
        let (local, kind, root) = (self.local, record.kind, record.type_id);
        let ours = Side::local(local);
        let spec = Spec::parse(ours, kind, root, local.str(record.access_str_off))?;
        if local.bytes(local.ty(root).name).is_empty() {
            return Err(Problem::Anonymous);
        }
        let mut matching: Vec<Candidate<'t>> = Vec::new();
        let mut first: Option<(u32, Option<Change>)> = None;
        for &candidate in self.candidates.of(root) {
            let theirs = Side::target(candidate.btf, self.pointer);
            let Some(found) = spec.find_in(local, kind, candidate, theirs)? else { continue };
            let change = change(kind, (ours, &spec), Some((theirs, &found)))?;
            let value = |change: Option<Change>| change.map(|change| change.value);
            match first {
                None => first = Some((found.bit_offset, change)),
                Some((bit_offset, agreed)) => {
                    if bit_offset != found.bit_offset || value(agreed) != value(change) {
                        return Err(Problem::Ambiguous);
                    }
                }
            }
            matching.push(candidate);
        }
        if narrows {
            self.candidates.narrow(root, matching);
        }
        let change = match first {
            Some((_, change)) => change,
            None => change(kind, (ours, &spec), None)?,
        };
        change.ok_or(Problem::Missing)
    }
}

/// What a record is about, for messages: `field pid of struct task_struct`.
fn describe(local: &Btf, record: &CoreRelo) -> String {
    let access = local.str(record.access_str_off);
    let ty = local.type_name(record.type_id);
    let spec = Spec::parse(Side::local(local), record.kind, record.type_id, access);
    let Ok(spec) = spec else { return format!("access {access} of {ty}") };
    let name = |ty: TypeId, index: u32| match &local.ty(ty).kind {
        Kind::Enum(of) | Kind::Enum64(of) => {
            of.values.get(index as usize).map(|value| local.str(value.name).to_owned())
        }
        _ => None,
    };
    match spec::subject(record.kind) {
        spec::Subject::Type => format!("type {ty}"),
        spec::Subject::EnumValue => {
            let value = spec.accessors.first().and_then(|of| name(of.ty, of.index));
            format!("enumerator {} of {ty}", value.unwrap_or_default())
        }
        spec::Subject::Field => {
            let mut path = String::new();
            for (at, accessor) in spec.accessors.iter().enumerate() {
                match accessor.name {
                    Some(name) => {
                        if !path.is_empty() {
                            path.push('.');
                        }
                        path.push_str(local.str(name));
                    }
                    None if at > 0 || accessor.index > 0 => {
                        path.push_str(&format!("[{}]", accessor.index));
                    }
                    None => {}
                }
            }
            if path.is_empty() { format!("type {ty}") } else { format!("field {path} of {ty}") }
        }
    }
}
