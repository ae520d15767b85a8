//! What the CO-RE records of an object make of its instructions: in bpfold, and in aya-obj,
//! which wrote libbpf's rules down a second time.
//!
//! aya-obj gives up on an object at the first record that it does not take, so records are
//! halved until those it does not take are found.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aya_obj::btf::Btf;
use bpfold::btf::{BtfExt, CoreRelo, CoreReloKind, StrOff};
use bpfold::elf::{SectionData, SectionIndex};
use bpfold::kernel::core::{Resolution, resolve};
use bpfold::passes::entity::Core;
use bpfold::passes::isa::{Offset, Op, RawInsn, encode};
use bpfold::{Kernel, Object};

use crate::chain;

/// A section of code, and an instruction's offset in bytes there.
pub type Place = (SectionIndex, u32);

/// The instruction that libbpf and aya-obj put where there is no value calls this.
const POISON: i32 = 0xbad_2310;

/// An instruction after relocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its first slot, and the immediate of the second one of an `ldimm64`.
    Value(RawInsn, Option<i32>),
    /// There is no value: it became an invalid call.
    Poison,
    /// There is no value, for this reason.
    Error(String),
    /// The loader panicked.
    Panic,
}

impl Outcome {
    /// Whether both have the same value, or both none.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Value(..), Self::Value(..)) => self == other,
            (Self::Value(..), _) | (_, Self::Value(..)) => false,
            _ => !matches!(self, Self::Panic) && !matches!(other, Self::Panic),
        }
    }
}

/// What becomes of each instruction with a record.
pub type Outcomes = BTreeMap<Place, Outcome>;

/// Numbers of a block and of a record in it.
type Number = (usize, usize);

/// The records of an object by their instructions. Ids of the object's own types, which change
/// nothing, are left out.
#[must_use]
pub fn records(object: &Object) -> BTreeMap<Place, &CoreRelo> {
    let Some(ext) = object.btf_ext() else { return BTreeMap::new() };
    let sections = object.links().blocks.core_relo.iter();
    let blocks = ext.core_relo.blocks.iter().zip(sections);
    let placed = blocks.filter_map(|(block, section)| Some((block, (*section)?)));
    let records = placed.flat_map(|(block, section)| {
        block.records.iter().map(move |record| ((section, record.insn_off), record))
    });
    records.filter(|(_, record)| record.kind != CoreReloKind::TypeIdLocal).collect()
}

/// What bpfold makes of the records.
#[must_use]
pub fn by_bpfold(object: &Object, kernel: &Kernel) -> Outcomes {
    let resolutions = resolve(object, kernel).unwrap();
    let ops = instructions(object);
    let sections = &object.links().blocks.core_relo;
    let outcome = |resolution: &Resolution| {
        let section = sections[object.links().core[resolution.core].block]?;
        let mut op = *ops.get(&resolution.core)?;
        let outcome = match resolution.patch(&mut op) {
            Err(problem) => Outcome::Error(problem.to_string()),
            Ok(()) => {
                // A jump's target is no part of what is compared.
                let (raw, next_imm) = encode(&op.map_target(|()| Offset(0))).unwrap();
                Outcome::Value(raw, next_imm)
            }
        };
        Some(((section, resolution.record.insn_off), outcome))
    };
    resolutions.iter().filter_map(outcome).collect()
}

/// The instruction of each record.
fn instructions(object: &Object) -> BTreeMap<Core, Op<()>> {
    let funcs = || object.program().funcs.values();
    let of_insts = funcs().flat_map(|func| {
        func.insts().filter_map(|(_, inst)| {
            let data = func.inst(inst);
            Some((data.core?, data.op.map_target(|_| ())))
        })
    });
    let items = funcs().flat_map(|func| func.opaque.iter().flat_map(|opaque| &opaque.items));
    let of_items = items.filter_map(|item| Some((item.core?, item.op?.map_target(|_| ()))));
    of_insts.chain(of_items).collect()
}

/// What aya-obj makes of the records.
///
/// # Errors
/// It does not read the object even without any records.
pub fn by_aya(object: &Object, target: &Btf) -> Result<Outcomes, String> {
    let Some(ext) = object.btf_ext() else { return Ok(Outcomes::new()) };
    let wanted = records(object);
    let sections = &object.links().blocks.core_relo;
    let mut numbers = Vec::new();
    for (at, block) in ext.core_relo.blocks.iter().enumerate() {
        let Some(section) = sections[at] else { continue };
        let is_wanted = |record: &CoreRelo| wanted.contains_key(&(section, record.insn_off));
        let records = block.records.iter().enumerate();
        numbers.extend(records.filter(|(_, record)| is_wanted(record)).map(|(n, _)| (at, n)));
    }
    relocated(object, ext, &[], target)?;
    let mut outcomes = Outcomes::new();
    halve(object, ext, &numbers, target, &mut outcomes);
    Ok(outcomes)
}

/// Relocates by these records, by fewer of them at a time if aya-obj does not take them all.
fn halve(object: &Object, ext: &BtfExt, numbers: &[Number], target: &Btf, outcomes: &mut Outcomes) {
    let place = |(block, record): Number| {
        let section = object.links().blocks.core_relo[block].unwrap();
        (section, ext.core_relo.blocks[block].records[record].insn_off)
    };
    let attempt = catch_unwind(AssertUnwindSafe(|| relocated(object, ext, numbers, target)));
    match (attempt, numbers) {
        (_, []) => {}
        (Ok(Ok(code)), _) => {
            let found = |number: &Number| {
                let place = place(*number);
                let slots = code.get(&place).unwrap_or_else(|| panic!("no code at {place:?}"));
                (place, slots.clone())
            };
            outcomes.extend(numbers.iter().map(found));
        }
        (Ok(Err(error)), [one]) => {
            outcomes.insert(place(*one), Outcome::Error(error));
        }
        (Err(_), [one]) => {
            outcomes.insert(place(*one), Outcome::Panic);
        }
        (_, numbers) => {
            let (first, second) = numbers.split_at(numbers.len() / 2);
            halve(object, ext, first, target, outcomes);
            halve(object, ext, second, target, outcomes);
        }
    }
}

/// Every instruction of the object after aya-obj has relocated it by these records alone.
fn relocated(
    object: &Object,
    ext: &BtfExt,
    numbers: &[Number],
    target: &Btf,
) -> Result<Outcomes, String> {
    let mut ext = ext.clone();
    for (at, block) in ext.core_relo.blocks.iter_mut().enumerate() {
        let mut number = 0..;
        block.records.retain(|_| numbers.contains(&(at, number.next().unwrap())));
    }
    let mut elf = object.elf().clone();
    let mut btf = object.btf().unwrap().clone();
    let mut renamed = BTreeMap::new();
    // aya-obj takes no object with a section whose type of program it does not know.
    for code in &object.links().code {
        let section = elf.sections.get_mut(code.index).unwrap();
        if section.name != b".text" {
            let name = format!("socket/{}", code.index.0);
            renamed.insert(section.name.clone(), btf.add_string(&name));
            section.name = name.into_bytes();
        }
    }
    let rename = |name: &mut StrOff| {
        if let Some(new) = renamed.get(btf.bytes(*name)) {
            *name = *new;
        }
    };
    ext.func_info.blocks.iter_mut().for_each(|block| rename(&mut block.section));
    ext.line_info.blocks.iter_mut().for_each(|block| rename(&mut block.section));
    ext.core_relo.blocks.iter_mut().for_each(|block| rename(&mut block.section));
    elf.set_section_data(elf.section_by_name(".BTF").unwrap(), btf.to_bytes().unwrap()).unwrap();
    // Nobody reads relocations of .BTF.ext, and they name places that are no longer there.
    let index = elf.section_by_name(".BTF.ext").unwrap();
    let stale: Vec<_> = elf.relocation_sections(index).collect();
    for stale in stale {
        elf.sections.get_mut(stale).unwrap().data = SectionData::Relocations(Vec::new());
    }
    elf.set_section_data(index, ext.to_bytes()).unwrap();
    let file = elf.write().unwrap();
    let mut object = aya_obj::Object::parse(&file).map_err(|error| chain(&error))?;
    object.relocate_btf(target).map_err(|error| chain(&error))?;
    let mut outcomes = Outcomes::new();
    for func in object.functions.values() {
        let section = SectionIndex(u32::try_from(func.section_index.0).unwrap());
        let start = u32::try_from(func.section_offset).unwrap();
        for (offset, slots) in (start..).step_by(8).zip(func.instructions.windows(2).chain(
            // The last instruction has no second slot.
            func.instructions.chunks(1).next_back(),
        )) {
            let first = &slots[0];
            let raw = RawInsn {
                code: first.code,
                dst: first.dst_reg(),
                src: first.src_reg(),
                off: first.off,
                imm: first.imm,
            };
            let is_poison = raw.code == 0x85 && raw.src == 0 && raw.imm == POISON;
            let next_imm = (raw.code == 0x18).then(|| slots[1].imm);
            let outcome = if is_poison { Outcome::Poison } else { Outcome::Value(raw, next_imm) };
            outcomes.insert((section, offset), outcome);
        }
    }
    Ok(outcomes)
}
