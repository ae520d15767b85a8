//! A section of code as instructions, each with its relocations.

use bpfold_passes::isa::{DecodeError, Offset, Op, RawInsn, decode};

use super::LiftError;
use crate::elf::{ElfObject, Reloc, SectionId, SectionIndex};

/// Opcode of `ldimm64`: BPF_LD | BPF_IMM | BPF_DW.
const LD_IMM64: u8 = 0x18;

/// One instruction.
#[derive(Clone, Debug)]
pub(super) struct Insn {
    /// Its slot, counted from the section's start.
    pub slot: u32,
    /// The first slot's fields.
    pub raw: RawInsn,
    /// The second slot's immediate, if there is a second slot.
    pub next_imm: Option<i32>,
    /// The instruction, references as they are encoded.
    pub op: Result<Op<Offset>, DecodeError>,
    /// Its relocations.
    pub relocs: Vec<Reloc>,
}

impl Insn {
    /// The slot after the instruction.
    pub fn end(&self) -> u32 {
        self.slot + 1 + u32::from(self.next_imm.is_some())
    }

    /// The slot that the jump leads to, if it is one.
    pub fn jump(&self) -> Option<i64> {
        let Offset(distance) = *self.op.as_ref().ok()?.target()?;
        Some(i64::from(self.slot) + 1 + i64::from(distance))
    }
}

/// A section of code.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub index: SectionIndex,
    pub id: SectionId,
    /// In order; together they take every slot.
    pub insns: Vec<Insn>,
    /// For each slot the position in `insns` of the instruction that starts there.
    heads: Vec<Option<u32>>,
}

impl Code {
    /// The sections of code that are not empty.
    pub fn read_all(elf: &ElfObject) -> Result<Vec<Code>, LiftError> {
        let relocs = elf.relocations_by_section();
        let relocs = |index| relocs.get(&index).map_or(&[][..], Vec::as_slice);
        let sections = elf.sections.iter().filter(|(_, section)| section.is_code());
        sections
            .filter_map(|(index, section)| Some((index, section.bytes()?)))
            .filter(|(_, bytes)| !bytes.is_empty())
            .map(|(index, bytes)| Code::read(elf, index, bytes, relocs(index)))
            .collect()
    }

    fn read(
        elf: &ElfObject,
        index: SectionIndex,
        bytes: &[u8],
        relocs: &[&Reloc],
    ) -> Result<Code, LiftError> {
        let id = elf.section_id(index);
        if !bytes.len().is_multiple_of(RawInsn::SIZE) {
            return Err(LiftError::CodeSize { section: id, size: bytes.len() });
        }
        let raws = RawInsn::slots(bytes, super::endian(elf));
        let mut code = Code { index, id, insns: Vec::new(), heads: vec![None; raws.len()] };
        let mut rest = raws.as_slice();
        while let Some((&raw, after)) = rest.split_first() {
            let slot = (raws.len() - rest.len()) as u32;
            let second = (raw.code == LD_IMM64).then_some(after.first());
            if second == Some(None) {
                let (section, offset) = (code.id, byte_offset(slot));
                return Err(LiftError::HalfLdImm64 { section, offset });
            }
            let next_imm = second
                .flatten()
                .filter(|next| **next == RawInsn { imm: next.imm, ..RawInsn::default() })
                .map(|next| next.imm);
            if let Some(head) = code.heads.get_mut(slot as usize) {
                *head = Some(code.insns.len() as u32);
            }
            code.insns.push(Insn { slot, raw, next_imm, op: decode(rest), relocs: Vec::new() });
            rest = if next_imm.is_some() { after.get(1..).unwrap_or_default() } else { after };
        }
        for &reloc in relocs {
            if reloc.addend.is_some() {
                return Err(LiftError::Addend { section: code.id, offset: reloc.offset });
            }
            let Some(position) = code.position_of_byte(reloc.offset) else {
                return Err(code.not_an_instruction(reloc.offset, "a relocation"));
            };
            if let Some(insn) = code.insns.get_mut(position) {
                insn.relocs.push(*reloc);
            }
        }
        Ok(code)
    }

    /// The number of slots.
    pub fn len(&self) -> u32 {
        self.heads.len() as u32
    }

    /// Whether an instruction starts at a slot.
    pub fn is_head(&self, slot: u32) -> bool {
        self.position(slot).is_some()
    }

    /// The position in `insns` of the instruction that starts at a slot.
    pub fn position(&self, slot: u32) -> Option<usize> {
        self.heads.get(slot as usize).copied().flatten().map(|position| position as usize)
    }

    fn position_of_byte(&self, offset: u64) -> Option<usize> {
        self.position(self.slot_of_byte(offset)?)
    }

    /// The slot that starts at a byte of the section, its end included.
    pub fn slot_of_byte(&self, offset: u64) -> Option<u32> {
        let slot = u32::try_from(offset / 8).ok()?;
        (offset.is_multiple_of(8) && slot <= self.len()).then_some(slot)
    }

    /// The slot of the instruction that starts at a byte of the section.
    ///
    /// # Errors
    /// [`LiftError::NotAnInstruction`] with `what` if there is none.
    pub fn head_at_byte(&self, offset: u64, what: &str) -> Result<u32, LiftError> {
        self.slot_of_byte(offset)
            .filter(|slot| self.is_head(*slot))
            .ok_or_else(|| self.not_an_instruction(offset, what))
    }

    /// The instructions from slot `start` up to slot `end`.
    pub fn between(&self, start: u32, end: u32) -> &[Insn] {
        let from = self.position(start).unwrap_or(self.insns.len());
        let to = self.position(end).unwrap_or(self.insns.len());
        self.insns.get(from..to).unwrap_or_default()
    }

    /// Checks that a jump stays in the section.
    ///
    /// # Errors
    /// [`LiftError::Target`] if it does not.
    pub fn check_jump(&self, insn: &Insn) -> Result<(), LiftError> {
        match insn.jump() {
            Some(slot) if slot < 0 || slot >= i64::from(self.len()) => Err(LiftError::Target {
                section: self.id.clone(),
                offset: byte_offset(insn.slot),
                what: "jump",
                target: slot.saturating_mul(RawInsn::SIZE as i64),
                to: self.id.clone(),
                size: byte_offset(self.len()),
            }),
            _ => Ok(()),
        }
    }

    pub fn not_an_instruction(&self, offset: u64, what: &str) -> LiftError {
        LiftError::NotAnInstruction { section: self.id.clone(), offset, what: what.to_owned() }
    }
}

/// Bytes from the section's start to a slot.
pub(super) fn byte_offset(slot: u32) -> u64 {
    u64::from(slot) * RawInsn::SIZE as u64
}
