//! Constants into code: results that are constant become immediates, so do operands;
//! branches that are decided go, with the blocks that nothing reaches any more.
//!
//! Every result that the analysis knows is written into the code (where it takes no more
//! slots, or replaces a load), so that the verifier knows what a removed check would have
//! told it. An immediate never makes an instruction that the verifier refuses: division by
//! zero, shifts by the width or more (`check_alu_op` of `kernel/bpf/verifier.c`).
//!
//! A helper that runs a callback no times is its result: the kernel removes a callback that its
//! verifier never enters, and refuses the program if nothing is behind it that the address could
//! then be of (`jit_subprogs`). What else the program enters decides that, and what is behind it.

use crate::analysis::branches::decide;
use crate::analysis::call_effects::runs_nothing;
use crate::analysis::constants::{At, Facts};
use crate::analysis::jump_tables::Selection;
use crate::analysis::state::State;
use crate::analysis::value::Value;
use crate::cfg::Cfg;
use crate::entity::{Block, Extern, Func, Inst, Section};
use crate::helpers::Helper;
use crate::ir::{Function, InstData, JumpTable, Op, Program, load_constant};
use crate::isa::{AluOp, Callee, Cond, Operand, Reg, Size, Width};
use crate::rules::{Rule, Rules};

/// Where a folded load read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadSource {
    /// From a read-only section.
    Section {
        /// The section.
        section: Section,
        /// Bytes from its start.
        offset: i64,
    },
    /// From an extern (kconfig).
    Extern {
        /// The extern.
        ext: Extern,
        /// Bytes from its start.
        offset: i64,
    },
}

/// Something that was folded, for the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A load became an immediate.
    LoadFolded {
        /// The function.
        func: Func,
        /// Slot of the original instruction, from the function's start.
        slot: Option<u32>,
        /// Where it read.
        source: LoadSource,
        /// How many bytes.
        size: Size,
        /// The value, extended to 64 bits as the load does.
        value: u64,
    },
    /// A conditional jump was decided.
    BranchDecided {
        /// The function.
        func: Func,
        /// Slot of the original instruction, from the function's start.
        slot: Option<u32>,
        /// Width of the comparison.
        width: Width,
        /// The condition.
        cond: Cond,
        /// The first operand's register.
        dst: Reg,
        /// The second operand.
        src: Operand,
        /// The first operand's value, where it is one number.
        left: Option<u64>,
        /// The second operand's value, where it is one number.
        right: Option<u64>,
        /// Whether the jump is always taken.
        taken: bool,
    },
    /// A `gotox` was decided.
    JumpDecided {
        /// The function.
        func: Func,
        /// Slot of the original instruction, from the function's start.
        slot: Option<u32>,
        /// The register that holds where to.
        dst: Reg,
        /// The entry of the jump table, where it can be only one.
        entry: Option<u64>,
    },
}

impl Event {
    /// The function.
    #[must_use]
    pub fn func(&self) -> Func {
        match self {
            Event::LoadFolded { func, .. }
            | Event::BranchDecided { func, .. }
            | Event::JumpDecided { func, .. } => *func,
        }
    }
}

/// What is to be done to one function.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    rules: Rules,
    replace: Vec<(Inst, Op)>,
    /// Blocks that end in a decided jump, where they go, and what says to verifiers that know
    /// less what the jump would have told them.
    decide: Vec<(Block, Block, Option<Op>)>,
    /// Blocks whose instructions after this one are never reached.
    cut: Vec<(Block, Inst)>,
    /// For each jump table the entries that some `gotox` can select.
    selected: Vec<Vec<bool>>,
    /// Whether a helper is called that would run a callback no times.
    pub drops_callback: bool,
    /// What the report will say.
    pub events: Vec<Event>,
    /// The loads among the events.
    loads: Vec<Inst>,
}

impl Patch {
    /// What the facts allow to be folded in one function.
    pub fn collect(program: &Program, facts: &Facts, func: Func, rules: Rules) -> Patch {
        let function = &program.funcs[func];
        let none = |table: &JumpTable| vec![false; table.targets.len()];
        let selected = function.tables().iter().map(none).collect();
        let mut patch = Patch { selected, rules, ..Patch::default() };
        for &block in function.layout() {
            if facts.func(func).blocks[block].is_none() {
                continue;
            }
            let mut last = None;
            let mut source = None;
            let mut selection = Selection::new(function, block);
            let mut needed = false;
            let ends = facts.walk(program, func, block, |inst, at| match at {
                At::Before(state) => {
                    last = Some(inst);
                    if let Some(selection) = &mut selection {
                        selection.before(inst, state);
                    }
                    source = patch.before(program, func, block, inst, state);
                    needed = is_unsure(function.op(inst), state);
                }
                At::After(state) => patch.after(program, func, inst, (source, needed), state),
            });
            if let (false, Some(last)) = (ends, last) {
                patch.cut.push((block, last));
            } else if let Some(selection) = selection {
                patch.indirect_jump(function, func, block, &selection);
            }
        }
        patch.loads.sort();
        patch
    }

    /// A `gotox`: the entries of its table that it can select, and where it leads if that is one
    /// place.
    fn indirect_jump(
        &mut self,
        function: &Function,
        func: Func,
        block: Block,
        selection: &Selection<'_>,
    ) {
        let entries = selection.entries();
        if let ([to], Some(jump)) =
            (selection.targets(block).as_slice(), function.terminator(block))
            && let InstData { op: Op::GotoX { dst }, origin: slot, .. } = *function.inst(jump)
        {
            self.decide.push((block, *to, None));
            let entry = entries.filter(|(_, range)| range.start() == range.end());
            let entry = entry.map(|(_, range)| *range.start() as u64);
            self.events.push(Event::JumpDecided { func, slot, dst, entry });
            return;
        }
        let of_jump = function.indirect_jump(block).and_then(|jump| jump.table);
        for (at, selected) in self.selected.iter_mut().enumerate() {
            match &entries {
                Some((table, range)) if *table == at => {
                    selected.get_mut(range.clone()).unwrap_or_default().fill(true);
                }
                Some(_) => {}
                None if of_jump.is_none_or(|table| table == at) => selected.fill(true),
                None => {}
            }
        }
    }

    /// Whether a load or a branch is folded: only then is a function rewritten at all.
    pub fn folds(&self) -> bool {
        !self.events.is_empty()
    }

    /// Leaves out all but folded loads and decided branches.
    pub fn keep_events(&mut self) {
        self.replace.retain(|(inst, _)| self.loads.binary_search(inst).is_ok());
        self.cut.clear();
    }

    /// What the operands of an instruction allow; where it loads from, if that is known.
    fn before(
        &mut self,
        program: &Program,
        func: Func,
        block: Block,
        inst: Inst,
        state: &State,
    ) -> Option<LoadSource> {
        let function = &program.funcs[func];
        let data = function.inst(inst);
        if data.core.is_some() {
            return None;
        }
        match data.op {
            Op::Load { base, off, .. } => return load_source(state, base, off),
            Op::Branch { width, cond, dst, src, target } => {
                if let Some(taken) = decide(state, width, cond, dst, src) {
                    let to = if taken { Some(target) } else { function.block(block).next };
                    let known = match state.reg(dst).as_constant() {
                        Some(value) if state.is_unsure_number(dst) => {
                            Some(load_constant(dst, value))
                        }
                        _ => None,
                    };
                    let known = known.filter(|op| op.slots() == 1);
                    self.decide.extend(to.map(|to| (block, to, known)));
                    let right = match src {
                        Operand::Reg(reg) => state.reg(reg).as_constant(),
                        Operand::Imm(imm) => Some(i64::from(imm) as u64),
                    };
                    let (slot, left) = (data.origin, state.reg(dst).as_constant());
                    self.events.push(Event::BranchDecided {
                        func,
                        slot,
                        width,
                        cond,
                        dst,
                        src,
                        left,
                        right,
                        taken,
                    });
                    return None;
                }
            }
            Op::Call(Callee::Helper(number))
                if Helper::get(number).is_some_and(|helper| runs_nothing(state, helper)) =>
            {
                self.drops_callback = true;
                self.replace.push((inst, load_constant(Reg::R0, 0)));
                return None;
            }
            _ => {}
        }
        let rule = match data.op {
            Op::Branch { .. } => Rule::Comparisons,
            _ => Rule::Operands,
        };
        if self.rules.contains(rule)
            && let Some(op) = immediate_operand(data.op, state).filter(|op| *op != data.op)
        {
            self.replace.push((inst, op));
        }
        None
    }

    /// What the result of an instruction allows, if a rule says so or it is `needed`. It is
    /// replaced last, and so in any case.
    fn after(
        &mut self,
        program: &Program,
        func: Func,
        inst: Inst,
        (source, needed): (Option<LoadSource>, bool),
        state: &State,
    ) {
        let data = program.funcs[func].inst(inst);
        if data.core.is_some() {
            return;
        }
        let Some((op, value)) = constant_result(data, state) else { return };
        if let (Op::Load { size, .. }, Some(source)) = (data.op, source) {
            let slot = data.origin;
            self.loads.push(inst);
            self.events.push(Event::LoadFolded { func, slot, source, size, value });
        }
        let rule = match data.op {
            Op::Load { .. } if source.is_none() => Some(Rule::FrameLoads),
            Op::Mov { .. } | Op::MovSx { .. } => Some(Rule::Moves),
            Op::Alu { .. } | Op::Neg { .. } | Op::Swap { .. } => Some(Rule::Results),
            _ => None,
        };
        if op != data.op && (needed || rule.is_none_or(|rule| self.rules.contains(rule))) {
            self.replace.push((inst, op));
        }
    }

    /// Does it.
    pub fn apply(self, function: &mut Function) {
        let keeps_jumps = self.rules.contains(Rule::KeepJumps);
        for (inst, op) in self.replace {
            function.replace(inst, op);
        }
        for (block, to, known) in self.decide {
            match (function.terminator(block), known) {
                (Some(inst), Some(op)) => {
                    function.replace(inst, op);
                    function.set_next(block, Some(to));
                }
                (Some(inst), None) if keeps_jumps => {
                    function.replace(inst, Op::Goto { target: to, long: false });
                    function.set_next(block, None);
                }
                _ => function.replace_terminator(block, to),
            }
        }
        for (block, last) in self.cut {
            let mut past = false;
            function.retain_insts(block, |inst, _| {
                let keep = !past;
                past |= inst == last;
                keep
            });
            function.set_next(block, None);
            let line = function.inst(last).line;
            function.push_inst(block, InstData { line, ..InstData::new(Op::Exit) });
        }
        // What cannot be selected leads where something leads that can: no code stays for it, and
        // the verifier has no new way to follow.
        let mut tables = self.selected.into_iter().zip(function.tables().to_vec());
        let targets: Vec<Vec<Block>> = tables
            .by_ref()
            .map(|(selected, table)| {
                let live = selected.iter().position(|&live| live);
                let live = live.map(|live| table.targets[live]);
                let entries = selected.iter().zip(&table.targets);
                entries.map(|(&keep, &to)| live.filter(|_| !keep).unwrap_or(to)).collect()
            })
            .collect();
        function.set_table_targets(targets);
        // A block that the analysis did not reach stays if an edge still leads there: behind a
        // call that never returns, the code has to go somewhere.
        let cfg = Cfg::new(function);
        function.retain_blocks(|block| cfg.order(block).is_some());
    }
}

/// The instruction that sets the same register to the constant that is its result, if that
/// is one.
fn constant_result(data: &InstData, after: &State) -> Option<(Op, u64)> {
    let (dst, may_grow) = match data.op {
        Op::Load { dst, .. } => (dst, true),
        Op::Swap { dst, .. } => (dst, true),
        Op::Alu { op: AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod, dst, .. } => (dst, true),
        Op::Alu { dst, .. } | Op::Neg { dst, .. } | Op::Mov { dst, .. } | Op::MovSx { dst, .. } => {
            (dst, false)
        }
        Op::LdImm64 { dst, .. } => (dst, true),
        Op::AddrSpaceCast { .. }
        | Op::Store { .. }
        | Op::Atomic { .. }
        | Op::LoadAcquire { .. }
        | Op::StoreRelease { .. }
        | Op::LdAbs { .. }
        | Op::LdInd { .. }
        | Op::Call(_)
        | Op::Exit
        | Op::Goto { .. }
        | Op::Branch { .. }
        | Op::MayGoto { .. }
        | Op::GotoX { .. } => return None,
    };
    // A number in the place of a pointer could not be followed, nor be an argument.
    let value = after.reg(dst).as_constant().filter(|_| after.kind(dst).is_number())?;
    let op = load_constant(dst, value);
    if let Op::Mov { width: Width::W32, src: Operand::Imm(imm), .. } = data.op
        && u64::from(imm as u32) == value
    {
        return Some((data.op, value));
    }
    (may_grow || op.slots() <= data.op.slots()).then_some((op, value))
}

/// Whether an instruction reads a register of which verifiers may know less than its value. Its
/// result is taken for known by all if it is constant, so it is written into the code.
fn is_unsure(op: &Op, before: &State) -> bool {
    op.uses().iter().any(|reg| before.is_unsure(reg))
}

fn load_source(before: &State, base: Reg, off: i16) -> Option<LoadSource> {
    let off = i64::from(off);
    match before.reg(base) {
        Value::Section { section, offset } => {
            Some(LoadSource::Section { section, offset: offset?.checked_add(off)? })
        }
        Value::Extern { ext, offset } => {
            Some(LoadSource::Extern { ext, offset: offset?.checked_add(off)? })
        }
        _ => None,
    }
}

/// The instruction with a constant register operand as an immediate. What may be a pointer to
/// the verifier stays in its register: sums, differences and comparisons with it are others.
fn immediate_operand(op: Op, before: &State) -> Option<Op> {
    let imm = |src: Operand, width: Width| match src {
        Operand::Reg(reg) if before.kind(reg).is_number() => {
            let value = before.reg(reg).as_constant()?;
            match width {
                Width::W32 => Some(value as u32 as i32),
                Width::W64 => i32::try_from(value as i64).ok(),
            }
        }
        Operand::Reg(_) | Operand::Imm(_) => None,
    };
    match op {
        Op::Alu { width, op, dst, src } => {
            let imm = imm(src, width)?;
            let refused = match op {
                AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod => imm == 0,
                AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => {
                    u32::try_from(imm).map_or(true, |count| count >= width.bits())
                }
                AluOp::Add | AluOp::Sub | AluOp::Mul | AluOp::Or | AluOp::And | AluOp::Xor => false,
            };
            (!refused).then_some(Op::Alu { width, op, dst, src: Operand::Imm(imm) })
        }
        Op::Branch { width, cond, dst, src, target } => {
            if let Some(imm) = imm(src, width) {
                return Some(Op::Branch { width, cond, dst, src: Operand::Imm(imm), target });
            }
            let Operand::Reg(reg) = src else { return None };
            let imm = imm(Operand::Reg(dst), width)?;
            let (cond, src) = (cond.swapped(), Operand::Imm(imm));
            Some(Op::Branch { width, cond, dst: reg, src, target })
        }
        _ => None,
    }
}
