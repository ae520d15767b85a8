//! Constants that are added to a pointer, into the displacement of the loads and stores through
//! it: `r1 += 8; w0 = *(u32 *)(r1 + 0)` becomes `w0 = *(u32 *)(r1 + 8)`.
//!
//! Where a source reads one of several members of a structure, compilers choose an offset, add it
//! and load once. The verifier refuses that for pointers that must not be changed: a context
//! ("dereference of modified ctx ptr", `check_ptr_off_reg` of `kernel/bpf/verifier.c`), a socket
//! or a map ("pointer arithmetic on … prohibited", `adjust_ptr_min_max_vals`). Once the offset is
//! one constant the verifier takes the same access with a displacement, and it checks the sum of
//! both in either form (`check_mem_access`: "for access checks, reg->off is just part of off").
//!
//! An addition is rewritten only if
//!
//! - the pointer is the context or a map, or the constant came from folding: the addition had a
//!   register operand, or the paths met on which it was made and was not;
//! - every use of the sum is a load or a store through it, and no other value reaches these uses;
//! - each displacement fits in 16 bits.

use crate::analysis::constants::Facts;
use crate::analysis::liveness::Liveness;
use crate::analysis::state::State;
use crate::analysis::value::Value;
use crate::cfg::Cfg;
use crate::entity::{Block, Func, Inst, PerEntity};
use crate::ir::{Function, InstData, Op, Program};
use crate::isa::{AluOp, Operand, Reg, Width};
use crate::opt::uses::Uses;

/// An addition of a constant to a pointer.
#[derive(Clone, Copy, Debug)]
struct Addition {
    block: Block,
    inst: Inst,
    /// The register that holds the sum.
    sum: Reg,
    /// The register that holds the pointer before.
    pointer: Reg,
    delta: i64,
    /// Whether the verifier refuses the sum in any case.
    refused: bool,
}

/// The replacements in one function; an addition that has become useless sets a register to
/// itself. `original` is the function before anything was folded.
pub fn collect(
    program: &Program,
    facts: &Facts,
    live: &Liveness<'_>,
    original: &Function,
    func: Func,
) -> Vec<(Inst, Op)> {
    let function = &program.funcs[func];
    let mut additions = Vec::new();
    for &block in function.layout() {
        facts.walk_before(program, func, block, |inst, before| {
            additions.extend(addition(function.inst(inst), block, inst, before));
        });
    }
    if additions.is_empty() {
        return Vec::new();
    }
    let cfg = Cfg::new(function);
    let origin = Origin::new(original);
    let mut replace = Vec::new();
    for addition in additions {
        let Addition { block, inst, sum: reg, .. } = addition;
        let walk = Uses { function, cfg: &cfg, live, block, inst, reg };
        let displaced = |inst| Some((inst, addition.displaced(function.inst(inst))?));
        if let Some(uses) = walk.collect(displaced)
            && (addition.refused || origin.was_folded(&addition, &uses))
        {
            replace.extend(uses);
            let (dst, src) = (addition.sum, Operand::Reg(addition.pointer));
            replace.push((addition.inst, Op::Mov { width: Width::W64, dst, src }));
        }
    }
    replace
}

fn addition(data: &InstData, block: Block, inst: Inst, before: &State) -> Option<Addition> {
    if data.core.is_some() || data.reloc.is_some() {
        return None;
    }
    // What may be a pointer, whatever it is equal to, can be what is followed.
    let constant = |reg: Reg| {
        let value = before.reg(reg).as_constant().filter(|_| before.kind(reg).is_number());
        value.map(|value| value as i64)
    };
    let (sum, pointer, delta) = match data.op {
        Op::Alu { width: Width::W64, op: AluOp::Add, dst, src: Operand::Imm(imm) } => {
            (dst, dst, i64::from(imm))
        }
        Op::Alu { width: Width::W64, op: AluOp::Sub, dst, src: Operand::Imm(imm) } => {
            (dst, dst, -i64::from(imm))
        }
        Op::Alu { width: Width::W64, op: AluOp::Add, dst, src: Operand::Reg(src) } => {
            match (constant(dst), constant(src)) {
                (Some(delta), None) => (dst, src, delta),
                (None, Some(delta)) => (dst, dst, delta),
                _ => return None,
            }
        }
        _ => return None,
    };
    let refused = match before.reg(pointer) {
        Value::Context(_) | Value::Map(_) => true,
        Value::Number(number) if number.as_constant().is_none() => false,
        Value::Opaque { frame: false, .. } => false,
        Value::Number(_)
        | Value::Opaque { .. }
        | Value::Section { .. }
        | Value::OneOf { .. }
        | Value::Frame { .. }
        | Value::FrameWithin { .. }
        | Value::Frames { .. }
        | Value::Func(_)
        | Value::Extern { .. } => return None,
    };
    Some(Addition { block, inst, sum, pointer, delta, refused })
}

/// Where instructions were before anything was folded.
struct Origin<'a> {
    original: &'a Function,
    cfg: Cfg,
    blocks: PerEntity<Inst, Option<Block>>,
}

impl<'a> Origin<'a> {
    fn new(original: &'a Function) -> Origin<'a> {
        let mut blocks = PerEntity::with_default(None);
        for (block, inst) in original.insts() {
            blocks[inst] = Some(block);
        }
        Origin { original, cfg: Cfg::new(original), blocks }
    }

    /// Whether the sum of a constant is what folding has made of it.
    fn was_folded(&self, addition: &Addition, uses: &[(Inst, Op)]) -> bool {
        let Some(home) = self.blocks[addition.inst] else { return true };
        let op = self.original.op(addition.inst);
        if matches!(op, Op::Alu { src: Operand::Reg(_), .. }) {
            return true;
        }
        uses.iter().any(|(inst, _)| {
            let block = self.blocks[*inst].filter(|&block| block != home);
            block.is_some_and(|block| self.cfg.predecessors(block).nth(1).is_some())
        })
    }
}

impl Addition {
    /// A load or a store through the sum as one through the pointer.
    fn displaced(&self, data: &InstData) -> Option<Op> {
        let Addition { sum, delta, .. } = *self;
        if data.core.is_some() {
            return None;
        }
        let displaced = |off: i16| i16::try_from(i64::from(off).checked_add(delta)?).ok();
        match data.op {
            Op::Load { size, signed, dst, base, off } if base == sum => {
                Some(Op::Load { size, signed, dst, base, off: displaced(off)? })
            }
            Op::Store { size, base, off, src } if base == sum && src != Operand::Reg(sum) => {
                Some(Op::Store { size, base, off: displaced(off)?, src })
            }
            _ => None,
        }
    }
}
