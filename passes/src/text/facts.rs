//! What constant propagation knows, beside the code.

use super::names::Names;
use super::op::{hex, plus};
use super::print::Annotate;
use crate::analysis::constants::{At, Facts};
use crate::analysis::number::Number;
use crate::analysis::value::Value;
use crate::entity::{Block, EntityVec, Func, Inst, PerEntity};
use crate::ir::Program;

/// Shows the value of each register that an instruction writes, `r1 = 0x5` or `r1 in [0x0,
/// 0xff]`, and which blocks nothing reaches. A register of which nothing is known is left out.
pub struct ShowFacts {
    insts: EntityVec<Func, PerEntity<Inst, Option<String>>>,
    reached: EntityVec<Func, PerEntity<Block, bool>>,
}

impl ShowFacts {
    /// The text of all facts on `program`.
    pub fn new(program: &Program, facts: &Facts) -> Self {
        let names = Names::new(program);
        let mut shown = Self { insts: EntityVec::new(), reached: EntityVec::new() };
        for (id, func) in program.funcs.iter() {
            let mut insts = PerEntity::default();
            let mut reached = PerEntity::default();
            for &block in func.layout() {
                reached[block] = facts.func(id).blocks[block].is_some();
                facts.walk(program, id, block, |inst, at| {
                    let At::After(after) = at else { return };
                    let written = func.op(inst).defs().iter().filter_map(|reg| {
                        Some(format!("{reg:?} {}", spell(&names, after.reg(reg))?))
                    });
                    let written = written.collect::<Vec<_>>().join(", ");
                    insts[inst] = (!written.is_empty()).then_some(written);
                });
            }
            shown.insts.push(insts);
            shown.reached.push(reached);
        }
        shown
    }
}

impl Annotate for ShowFacts {
    fn before_block(&self, func: Func, block: Block) -> Option<String> {
        let reached = self.reached.get(func)?[block];
        (!reached).then(|| "not reached".to_owned())
    }

    fn after_inst(&self, func: Func, inst: Inst) -> Option<String> {
        self.insts.get(func)?[inst].clone()
    }
}

/// A value as what follows a register's name; none for one that could be anything.
fn spell(names: &Names, value: Value) -> Option<String> {
    let at = |base: String, offset: Option<i64>| match offset {
        Some(0) => format!("= {base}"),
        Some(offset) => format!("= {base} {}", plus(offset)),
        None => format!("= {base} + ?"),
    };
    Some(match value {
        Value::Number(number) => return spell_number(&number),
        Value::Section { section, offset } => at(names.section(section).to_string(), offset),
        Value::FrameWithin { depth, low, high } => {
            let base = spell(names, Value::Frame { depth, offset: Some(0) })?;
            format!("{base} + [{}, {}]", hex(i64::from(low)), hex(i64::from(high)))
        }
        Value::Frames { depths, low, high } => {
            let of = |depth: u32| match depth {
                0 => "fp".to_owned(),
                depth => format!("fp of caller {depth}"),
            };
            let frames: Vec<String> =
                (0..8).filter(|depth| depths & (1 << depth) != 0).map(of).collect();
            let frames = frames.join(" or ");
            match (low, high) {
                (i32::MIN, i32::MAX) => format!("= {frames} + ?"),
                _ => {
                    format!("= {frames} + [{}, {}]", hex(i64::from(low)), hex(i64::from(high)))
                }
            }
        }
        Value::Frame { depth: 0, offset } => at("fp".to_owned(), offset),
        Value::Frame { depth, offset } => at(format!("fp of caller {depth}"), offset),
        Value::Map(map) => format!("= map {}", names.map(map)),
        Value::Func(func) => format!("= func {}", names.func(func)),
        Value::Extern { ext, offset } => at(format!("extern {}", names.ext(ext)), offset),
        Value::OneOf { section, .. } => {
            let offsets = value.offsets().into_iter().flat_map(|(_, offsets)| offsets);
            let offsets: Vec<String> = offsets.map(|offset| hex(offset).to_string()).collect();
            format!("= {} + one of {}", names.section(section), offsets.join(", "))
        }
        Value::Context(offset) => at("context".to_owned(), Some(offset)),
        Value::Opaque { .. } => return None,
    })
}

/// Signed bounds are shown where they say more than the unsigned ones, known bits where they
/// say more than both.
fn spell_number(number: &Number) -> Option<String> {
    if let Some(value) = number.as_constant() {
        return Some(format!("= {}", hex(value as i64)));
    }
    let mut parts = Vec::new();
    if (number.umin, number.umax) != (0, u64::MAX) {
        parts.push(format!("in [{:#x}, {:#x}]", number.umin, number.umax));
    }
    let unsigned_says_it = number.smin >= 0 && number.smin as u64 == number.umin;
    if (number.smin, number.smax) != (i64::MIN, i64::MAX) && !unsigned_says_it {
        parts.push(format!("signed in [{}, {}]", hex(number.smin), hex(number.smax)));
    }
    let leading = u64::MAX.checked_shl(64 - number.umax.leading_zeros()).unwrap_or_default();
    let known = !number.bits.mask & !leading;
    if known != 0 {
        parts.push(format!("bits {:#x} of {known:#x}", number.bits.value & known));
    }
    (!parts.is_empty()).then(|| parts.join(" "))
}
