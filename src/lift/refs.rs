//! What instructions refer to: relocations and relative calls, resolved to places.
//!
//! The rules are those of libbpf's `bpf_program__record_reloc` and `bpf_object__reloc_code`.

use bpfold_passes::isa::{Callee, Imm64, Op};

use super::LiftError;
use super::code::{Code, Insn, byte_offset};
use crate::elf::{
    ElfObject, R_BPF_64_32, R_BPF_64_64, Reloc, SectionIndex, Symbol, SymbolIndex, SymbolKind,
    SymbolPlace,
};

/// The source register of a call to a subprogram (BPF_PSEUDO_CALL).
pub(crate) const PSEUDO_CALL: u8 = 1;
/// The source register of an `ldimm64` of a function's address (BPF_PSEUDO_FUNC).
pub(crate) const PSEUDO_FUNC: u8 = 4;

/// What immediates with a relocation hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addends {
    /// What is added to the symbol's value, as loaders take it.
    #[default]
    Plain,
    /// Already the sum with the symbol's value, except for section symbols. Binutils up to
    /// 2.40 writes this (`bpf_elf_generic_reloc` of bfd/elf64-bpf.c), calls with the sum in
    /// bytes, less one. libbpf adds the value a second time; cilium/ebpf looks at the symbol
    /// alone.
    WithSymbol,
    /// One of the two, and nothing tells which: what an instruction names by a symbol that is not
    /// at its section's start is not known.
    Unclear,
}

impl Addends {
    /// In objects of gcc either can be. Immediates that lead out of their symbol in one reading
    /// tell that it is the other.
    pub(super) fn of(elf: &ElfObject, codes: &[Code]) -> Addends {
        let comment = elf.section_by_name(".comment").and_then(|index| elf.sections.get(index));
        let comment = comment.and_then(|section| section.bytes()).unwrap_or_default();
        if !comment.windows(5).any(|window| window == b"GCC: ") {
            return Addends::Plain;
        }
        let insns = codes.iter().flat_map(|code| &code.insns);
        let relocs = insns.flat_map(|insn| insn.relocs.iter().map(move |reloc| (insn, reloc)));
        let (mut any, mut plain, mut with_symbol) = (false, true, true);
        for (insn, reloc) in relocs {
            let symbol = elf.symbols.get(reloc.symbol).filter(|symbol| depends(elf, symbol));
            let Some(symbol) = symbol else { continue };
            any = true;
            let (value, size) = (i128::from(symbol.value), i128::from(symbol.size));
            let imm = i128::from(insn.raw.imm);
            if reloc.r_type == R_BPF_64_32 {
                plain &= imm == -1;
                with_symbol &= imm == value - 1;
            } else {
                // Behind the end is a place, too.
                plain &= imm <= size;
                with_symbol &= (value..=value + size).contains(&imm);
            }
        }
        match (plain, with_symbol) {
            (true, false) => Addends::Plain,
            (false, true) => Addends::WithSymbol,
            (true, true) if !any => Addends::Plain,
            (true, true) | (false, false) => Addends::Unclear,
        }
    }
}

/// Whether the two readings of an immediate differ for a symbol.
fn depends(elf: &ElfObject, symbol: &Symbol) -> bool {
    let section = symbol.section().and_then(|section| elf.sections.get(section));
    symbol.kind != SymbolKind::Section
        && symbol.value != 0
        && section.is_some_and(|section| !is_map_section(&section.name))
}

/// What an instruction refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// An instruction.
    Code { section: SectionIndex, slot: u32 },
    /// A map's definition, in bytes from the section's start.
    Map { section: SectionIndex, offset: u64 },
    /// A byte of a data section.
    Data { section: SectionIndex, offset: i64 },
    /// An undefined symbol.
    Extern(SymbolIndex),
}

/// Why there is no target.
#[derive(Debug)]
pub(super) enum RefError {
    /// The object is damaged.
    Damage(LiftError),
    /// A reference of a form that is not known.
    Unclear(String),
}

/// Finds what the instruction refers to; none if it does not refer to anything.
pub(super) fn target(
    elf: &ElfObject,
    codes: &[Code],
    addends: Addends,
    code: &Code,
    insn: &Insn,
) -> Result<Option<Target>, RefError> {
    match insn.relocs.as_slice() {
        [] => relative(code, insn).transpose().map_err(RefError::Damage),
        [reloc] => relocated(elf, codes, addends, code, insn, reloc).map(Some),
        several => {
            Err(RefError::Unclear(format!("{} relocations of one instruction", several.len())))
        }
    }
}

/// References without relocation: `imm` counts slots from the next one.
fn relative(code: &Code, insn: &Insn) -> Option<Result<Target, LiftError>> {
    let (what, imm) = match insn.op {
        Ok(Op::Call(Callee::Pseudo { src: PSEUDO_CALL, off: 0, imm })) => ("call", imm),
        Ok(Op::LdImm64 { imm: Imm64::Pseudo { src: PSEUDO_FUNC, imm, .. }, .. }) => {
            ("function address", imm)
        }
        _ => return None,
    };
    let target = i64::from(insn.slot) + 1 + i64::from(imm);
    Some(code_target(code, insn, what, code, target))
}

fn relocated(
    elf: &ElfObject,
    codes: &[Code],
    addends: Addends,
    code: &Code,
    insn: &Insn,
    reloc: &Reloc,
) -> Result<Target, RefError> {
    let unclear = |what: String| Err(RefError::Unclear(what));
    let is_call = match (reloc.r_type, &insn.op) {
        (R_BPF_64_32, Ok(Op::Call(_))) => true,
        (R_BPF_64_64, Ok(Op::LdImm64 { .. })) => false,
        (r_type, _) => {
            return unclear(format!(
                "relocation of type {r_type} on opcode {:#04x}",
                insn.raw.code
            ));
        }
    };
    let Some(symbol) = elf.symbols.get(reloc.symbol) else {
        return unclear(format!("relocation to symbol {}, which is not there", reloc.symbol.0));
    };
    let section = match symbol.place {
        SymbolPlace::Undefined if reloc.symbol.0 != 0 => return Ok(Target::Extern(reloc.symbol)),
        SymbolPlace::Section(section) => section,
        SymbolPlace::Undefined
        | SymbolPlace::Absolute
        | SymbolPlace::Common
        | SymbolPlace::Other(_) => {
            return unclear(format!(
                "relocation to symbol {}, which is in no section",
                reloc.symbol.0
            ));
        }
    };
    if addends == Addends::Unclear && depends(elf, symbol) {
        return unclear("immediate that may have its symbol's value in it, or not".to_owned());
    }
    let value = i64::try_from(symbol.value).unwrap_or(i64::MAX);
    let imm = i64::from(insn.raw.imm);
    let included = addends == Addends::WithSymbol && symbol.kind != SymbolKind::Section;
    let bytes = if included { imm } else { value.saturating_add(imm) };
    if let Some(to) = codes.iter().find(|to| to.index == section) {
        let (what, target, rest) = if is_call && included {
            ("call", (imm + 1) / 8, (imm + 1) % 8)
        } else if is_call {
            ("call", value / 8 + imm + 1, value % 8)
        } else {
            ("function address", bytes / 8, bytes % 8)
        };
        if rest != 0 {
            let offset = bytes as u64;
            return Err(RefError::Damage(to.not_an_instruction(offset, "a called function")));
        }
        return code_target(code, insn, what, to, target).map_err(RefError::Damage);
    }
    if is_call {
        let id = elf.section_id(section);
        return unclear(format!("call to {id}, which is not code"));
    }
    let name = elf.sections.get(section).map(|section| section.name.as_slice());
    if name.is_some_and(is_map_section) {
        // libbpf looks a map up by the symbol's value alone; only a section symbol leaves
        // the offset to the instruction.
        let offset = if symbol.kind == SymbolKind::Section { bytes } else { value };
        return Ok(Target::Map { section, offset: offset as u64 });
    }
    Ok(Target::Data { section, offset: bytes })
}

fn code_target(
    code: &Code,
    insn: &Insn,
    what: &'static str,
    to: &Code,
    target: i64,
) -> Result<Target, LiftError> {
    match u32::try_from(target) {
        Ok(slot) if slot < to.len() => {
            if to.is_head(slot) {
                Ok(Target::Code { section: to.index, slot })
            } else {
                Err(to.not_an_instruction(byte_offset(slot), "a called function"))
            }
        }
        _ => Err(LiftError::Target {
            section: code.id.clone(),
            offset: byte_offset(insn.slot),
            what,
            target: target.saturating_mul(8),
            to: to.id.clone(),
            size: byte_offset(to.len()),
        }),
    }
}

/// Whether a section of this name holds map definitions: BTF-defined ones, or those of
/// loaders before them.
pub(crate) fn is_map_section(name: &[u8]) -> bool {
    name == b".maps" || name == b"maps" || name.starts_with(b"maps/")
}
