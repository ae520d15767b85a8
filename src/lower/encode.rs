//! Instructions to bytes and relocations.
//!
//! A reference is written in the form that it was read in: relative, against the section's
//! symbol with the place in the immediate, or against the function's or variable's own
//! symbol.

use bpfold_passes::entity::{Func, Section};
use bpfold_passes::ir::Program;
use bpfold_passes::isa::{Callee, Imm64, Offset, Op, RawInsn, encode};

use super::LowerError;
use super::layout::{Item, ItemCode, Layout};
use crate::elf::{
    ElfObject, R_BPF_64_32, R_BPF_64_64, Reloc, SectionIndex, SymbolIndex, SymbolKind,
};
use crate::lift::links::{Links, RelocLink};
use crate::lift::{Addends, PSEUDO_CALL, PSEUDO_FUNC};

/// Opcodes of the two instructions that have references.
const LD_IMM64: u8 = 0x18;
const CALL: u8 = 0x85;

/// An encoded instruction.
pub(super) struct Encoded {
    pub raw: RawInsn,
    pub next_imm: Option<i32>,
    pub relocs: Vec<Reloc>,
}

/// Encodes the instructions of one function.
pub(super) struct Encoder<'a> {
    pub elf: &'a ElfObject,
    pub links: &'a Links,
    pub program: &'a Program,
    pub layout: &'a Layout,
    pub func: Func,
    pub section: SectionIndex,
    /// First slot of the function, counted from the section's start.
    pub start: u32,
}

/// A relocation against `symbol`, and the immediate that goes with it.
struct Reference {
    symbol: SymbolIndex,
    imm: i64,
    next_imm: i32,
    src: u8,
}

impl Encoder<'_> {
    pub fn encode(&self, item: &Item) -> Result<Encoded, LowerError> {
        let reference = match item.code {
            ItemCode::Op(op) => self.reference(item, op)?,
            ItemCode::Opaque { raw, next_imm, op } => {
                let reference = match op {
                    Some(op) => self.reference(item, op)?,
                    None => None,
                };
                match reference {
                    Some(reference) => Some(reference),
                    None => return Ok(self.carried(item, raw, next_imm)),
                }
            }
        };
        match reference {
            Some(encoded) => Ok(encoded),
            None => {
                let ItemCode::Op(op) = item.code else {
                    return Err(self.fail(item, "opaque instruction without fields"));
                };
                let (raw, next_imm) = encode(&op).map_err(|source| LowerError::Encode {
                    func: self.name(),
                    slot: item.slot,
                    source,
                })?;
                Ok(Encoded { raw, next_imm, relocs: Vec::new() })
            }
        }
    }

    /// An instruction with its relocations as they were.
    fn carried(&self, item: &Item, raw: RawInsn, next_imm: Option<i32>) -> Encoded {
        let link = item.reloc.and_then(|reloc| self.links.relocs.get(reloc));
        let relocs =
            link.into_iter().flat_map(|link| std::iter::once(&link.reloc).chain(&link.more));
        let relocs = relocs.map(|reloc| Reloc { offset: self.byte(item), ..*reloc }).collect();
        Encoded { raw, next_imm, relocs }
    }

    /// The encoding of an instruction that refers to something; none if it does not.
    fn reference(&self, item: &Item, op: Op<Offset>) -> Result<Option<Encoded>, LowerError> {
        let link = item.reloc.and_then(|reloc| self.links.relocs.get(reloc));
        Ok(Some(match op {
            Op::LdImm64 { dst, imm } => {
                let reference = match imm {
                    Imm64::Const(_) | Imm64::Pseudo { .. } => return Ok(None),
                    Imm64::Section { section, offset } => {
                        self.section_address(item, link, section, offset)?
                    }
                    Imm64::Map(map) => {
                        let known = self.links.maps.get(map).map(|map| map.reloc);
                        self.as_it_was(item, link.or_else(|| self.links.relocs.get(known?)))?
                    }
                    Imm64::Extern(ext) => {
                        let known = self.links.externs.get(ext).map(|ext| ext.reloc);
                        self.as_it_was(item, link.or_else(|| self.links.relocs.get(known?)))?
                    }
                    Imm64::Func(func) => match (link, self.func_slot(item, func)?) {
                        (None, slot) if self.is_here(func) => {
                            return Ok(Some(self.relative(item, LD_IMM64, dst.number(), slot)?));
                        }
                        (link, slot) => self.func_address(item, link, func, slot)?,
                    },
                };
                let Reference { symbol, imm, next_imm, src } = reference;
                Encoded {
                    raw: RawInsn {
                        code: LD_IMM64,
                        dst: dst.number(),
                        src,
                        off: 0,
                        imm: self.fit(item, imm)?,
                    },
                    next_imm: Some(next_imm),
                    relocs: vec![self.reloc(item, symbol, R_BPF_64_64)],
                }
            }
            Op::Call(Callee::Func(func)) => {
                let slot = self.func_slot(item, func)?;
                if link.is_none() && self.is_here(func) {
                    return Ok(Some(self.relative(item, CALL, 0, slot)?));
                }
                self.call(item, link, func, slot)?
            }
            Op::Call(Callee::Extern(ext)) => {
                let known = self.links.externs.get(ext).map(|ext| ext.reloc);
                let Some(link) = link.or_else(|| self.links.relocs.get(known?)) else {
                    return Err(self.fail(item, "call to an undefined symbol without relocation"));
                };
                let relocs = vec![self.reloc(item, link.reloc.symbol, R_BPF_64_32)];
                Encoded { raw: link.raw, next_imm: None, relocs }
            }
            Op::Call(Callee::Helper(_) | Callee::Pseudo { .. })
            | Op::Alu { .. }
            | Op::Neg { .. }
            | Op::Mov { .. }
            | Op::MovSx { .. }
            | Op::AddrSpaceCast { .. }
            | Op::Swap { .. }
            | Op::Load { .. }
            | Op::Store { .. }
            | Op::Atomic { .. }
            | Op::LoadAcquire { .. }
            | Op::StoreRelease { .. }
            | Op::LdAbs { .. }
            | Op::LdInd { .. }
            | Op::Exit
            | Op::Goto { .. }
            | Op::Branch { .. }
            | Op::MayGoto { .. }
            | Op::GotoX { .. } => return Ok(None),
        }))
    }

    /// A map or an undefined symbol: whatever the symbol is worth, no offset goes with it.
    fn as_it_was(&self, item: &Item, link: Option<&RelocLink>) -> Result<Reference, LowerError> {
        let link = link.ok_or_else(|| self.fail(item, "reference without relocation"))?;
        Ok(Reference {
            symbol: link.reloc.symbol,
            imm: i64::from(link.raw.imm),
            next_imm: link.next_imm.unwrap_or(0),
            src: link.raw.src,
        })
    }

    /// A byte of a data section. cilium/ebpf takes the immediate for the offset with section
    /// symbols only, so another byte than the one read gets the section's symbol.
    fn section_address(
        &self,
        item: &Item,
        link: Option<&RelocLink>,
        section: Section,
        offset: i64,
    ) -> Result<Reference, LowerError> {
        let target = self.links.sections.get(section);
        let target = target.ok_or_else(|| self.fail(item, "address in an unknown section"))?;
        let with = |symbol: SymbolIndex, next_imm: i32, src: u8| {
            let value = self.addend_base(symbol, self.elf.symbols.get(symbol)?.value);
            Some(Reference { symbol, imm: offset - value, next_imm, src })
        };
        if let Some(link) = link
            && self.section_of(link.reloc.symbol) == Some(target.index)
            && let Some(same) = with(link.reloc.symbol, link.next_imm.unwrap_or(0), link.raw.src)
            && (same.imm == i64::from(link.raw.imm) || self.is_section(link.reloc.symbol))
        {
            return Ok(same);
        }
        let exact = self.elf.symbols_in(target.index).find(|(_, symbol)| {
            symbol.kind == SymbolKind::Object && i64::try_from(symbol.value) == Ok(offset)
        });
        let symbol = self.elf.section_symbol(target.index).or(exact.map(|(index, _)| index));
        let known = self.links.relocs.get(target.reloc).map(|link| link.reloc.symbol);
        symbol
            .or(known)
            .and_then(|symbol| with(symbol, 0, 0))
            .ok_or_else(|| self.fail(item, "address in a section without symbols"))
    }

    fn func_address(
        &self,
        item: &Item,
        link: Option<&RelocLink>,
        func: Func,
        slot: u32,
    ) -> Result<Reference, LowerError> {
        let (symbol, value) = self.func_symbol(item, link, func)?;
        Ok(Reference {
            symbol,
            imm: i64::from(slot) * RawInsn::SIZE as i64 - self.addend_base(symbol, value),
            next_imm: link.and_then(|link| link.next_imm).unwrap_or(0),
            src: link.map_or(PSEUDO_FUNC, |link| link.raw.src),
        })
    }

    fn call(
        &self,
        item: &Item,
        link: Option<&RelocLink>,
        func: Func,
        slot: u32,
    ) -> Result<Encoded, LowerError> {
        let (symbol, value) = self.func_symbol(item, link, func)?;
        let imm = if self.links.addends == Addends::WithSymbol && !self.is_section(symbol) {
            i64::from(slot) * RawInsn::SIZE as i64 - 1
        } else {
            i64::from(slot) - (value / RawInsn::SIZE as u64) as i64 - 1
        };
        let raw = link
            .map_or(RawInsn { code: CALL, src: PSEUDO_CALL, ..RawInsn::default() }, |link| {
                link.raw
            });
        Ok(Encoded {
            raw: RawInsn { imm: self.fit(item, imm)?, ..raw },
            next_imm: None,
            relocs: vec![self.reloc(item, symbol, R_BPF_64_32)],
        })
    }

    /// The symbol to name a function by, with its new value in bytes: the one that was used,
    /// else the function's own, else its section's.
    fn func_symbol(
        &self,
        item: &Item,
        link: Option<&RelocLink>,
        func: Func,
    ) -> Result<(SymbolIndex, u64), LowerError> {
        let target = self.links.funcs.get(func);
        let target = target.ok_or_else(|| self.fail(item, "reference to an unknown function"))?;
        let used = link.map(|link| link.reloc.symbol);
        let used = used.filter(|symbol| self.section_of(*symbol) == Some(target.section));
        let symbol = used
            .or(target.symbol)
            .or_else(|| self.elf.section_symbol(target.section))
            .ok_or_else(|| self.fail(item, "function that no symbol can name"))?;
        let moved = self.links.symbols.iter().find(|moved| moved.symbol == symbol);
        let value = match moved {
            Some(moved) => self.layout.byte_of(moved.start),
            None => self.elf.symbols.get(symbol).map_or(0, |symbol| symbol.value),
        };
        Ok((symbol, value))
    }

    /// What an immediate is counted from: 0 where it has the symbol's value in it.
    fn addend_base(&self, symbol: SymbolIndex, value: u64) -> i64 {
        match self.links.addends {
            Addends::WithSymbol if !self.is_section(symbol) => 0,
            Addends::WithSymbol | Addends::Plain | Addends::Unclear => {
                i64::try_from(value).unwrap_or(i64::MAX)
            }
        }
    }

    fn relative(&self, item: &Item, code: u8, dst: u8, target: u32) -> Result<Encoded, LowerError> {
        let imm = i64::from(target) - i64::from(self.start + item.slot) - 1;
        let (src, next_imm) =
            if code == CALL { (PSEUDO_CALL, None) } else { (PSEUDO_FUNC, Some(0)) };
        let raw = RawInsn { code, dst, src, off: 0, imm: self.fit(item, imm)? };
        Ok(Encoded { raw, next_imm, relocs: Vec::new() })
    }

    /// First slot of a function, counted from its section's start.
    fn func_slot(&self, item: &Item, func: Func) -> Result<u32, LowerError> {
        if !self.layout.is_live(func) {
            return Err(self.fail(item, "reference to a function that was removed"));
        }
        Ok(self.layout.bodies[func].start)
    }

    fn is_here(&self, func: Func) -> bool {
        self.links.funcs.get(func).is_some_and(|link| link.section == self.section)
    }

    fn section_of(&self, symbol: SymbolIndex) -> Option<SectionIndex> {
        self.elf.symbols.get(symbol)?.section()
    }

    fn is_section(&self, symbol: SymbolIndex) -> bool {
        self.elf.symbols.get(symbol).is_some_and(|symbol| symbol.kind == SymbolKind::Section)
    }

    fn reloc(&self, item: &Item, symbol: SymbolIndex, r_type: u32) -> Reloc {
        Reloc { offset: self.byte(item), symbol, r_type, addend: None }
    }

    /// Bytes from the section's start to the instruction.
    fn byte(&self, item: &Item) -> u64 {
        u64::from(self.start + item.slot) * RawInsn::SIZE as u64
    }

    fn fit(&self, item: &Item, imm: i64) -> Result<i32, LowerError> {
        i32::try_from(imm).map_err(|_| self.fail(item, "immediate that does not fit in 32 bits"))
    }

    fn name(&self) -> String {
        self.program.funcs.get(self.func).map(|func| func.name.clone()).unwrap_or_default()
    }

    fn fail(&self, item: &Item, problem: &'static str) -> LowerError {
        LowerError::Reference { func: self.name(), slot: item.slot, problem }
    }
}
