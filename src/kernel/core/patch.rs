//! Putting a value into an instruction (libbpf's `bpf_core_patch_insn`).

use super::Problem;
use super::value::Change;
use crate::passes::isa::{Imm64, Op, Operand, Size};

/// Changes an instruction's immediate or offset, and the size of its access.
pub(super) fn patch<T>(op: &mut Op<T>, change: Change) -> Result<(), Problem> {
    let check = |found: u64| match change.expected {
        Some(expected) if expected != found => Err(Problem::Unexpected { found, expected }),
        _ => Ok(()),
    };
    match op {
        Op::Alu { src: Operand::Imm(imm), .. } | Op::Mov { src: Operand::Imm(imm), .. } => {
            check(i64::from(*imm).cast_unsigned())?;
            // As libbpf does: the instruction has 32 bits for the value.
            *imm = change.value as i32;
        }
        Op::LdImm64 { imm: Imm64::Const(imm), .. } => {
            check(*imm)?;
            *imm = change.value;
        }
        Op::Load { off, size, .. }
        | Op::Store { off, size, .. }
        | Op::Atomic { off, size, .. }
        | Op::LoadAcquire { off, size, .. }
        | Op::StoreRelease { off, size, .. } => {
            check(i64::from(*off).cast_unsigned())?;
            let new = i16::try_from(change.value)
                .map_err(|_| Problem::OffsetTooBig { offset: change.value })?;
            if let Some(resize) = change.resize {
                let (old, new) = (resize.old, resize.new);
                let same = resize.is_safe && size.bytes() == old;
                *size =
                    access_size(new).filter(|_| same).ok_or(Problem::AccessSize { old, new })?;
            }
            *off = new;
        }
        _ => return Err(Problem::Instruction),
    }
    Ok(())
}

fn access_size(bytes: u32) -> Option<Size> {
    [Size::B, Size::H, Size::W, Size::DW].into_iter().find(|size| size.bytes() == bytes)
}
