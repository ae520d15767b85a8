//! Statements that branch and loop.

use super::{Body, reg, store};
use crate::entity::{Block, Entity, Section};
use crate::ir::{JumpTable, Op};
use crate::isa::{AluOp, Cond, Imm64, Operand, Reg, Size, Width};
use crate::testing::state::{State, Target, Value};

impl Body<'_> {
    pub(super) fn condition(&mut self) -> Cond {
        self.c.pick(&[
            Cond::Eq,
            Cond::Ne,
            Cond::Gt,
            Cond::Ge,
            Cond::Lt,
            Cond::Le,
            Cond::Set,
            Cond::Sgt,
            Cond::Sge,
            Cond::Slt,
            Cond::Sle,
        ])
    }

    pub(super) fn branch(&mut self) {
        let width = if self.program.features.jmp32 { self.width() } else { Width::W64 };
        let cond = self.condition();
        let dst = self.scalar();
        let src = self.operand();
        self.decide(width, cond, dst, src);
    }

    /// A branch, its sides and their join.
    pub(super) fn decide(&mut self, width: Width, cond: Cond, dst: Reg, src: Operand) {
        let taken = self.func.push_block();
        let other = self.func.push_block();
        self.emit(Op::Branch { width, cond, dst, src, target: taken });
        self.continue_in(other);
        let before = self.state.clone();
        if self.c.chance(2, 3) {
            self.statements();
        }
        let after = std::mem::replace(&mut self.state, before);
        let join = self.func.push_block();
        self.continue_in(join);
        self.block = taken;
        self.statements();
        if self.c.chance(1, 4) {
            self.emit(Op::Goto { target: join, long: false });
            self.block = join;
        } else {
            self.continue_in(join);
        }
        self.state.join(&after);
    }

    /// Comparisons of one register with several numbers; some cases share their code.
    pub(super) fn switch(&mut self) {
        let dst = self.scalar();
        let join = self.func.push_block();
        let shared = self.func.push_block();
        let mut shares = None::<State>;
        let mut leaves: Vec<State> = Vec::new();
        for _ in 0..2 + self.c.below(3) {
            let next = self.func.push_block();
            let imm = self.c.imm();
            let own = self.c.chance(1, 2).then(|| self.func.push_block());
            let target = own.unwrap_or(shared);
            let src = Operand::Imm(imm);
            self.emit(Op::Branch { width: Width::W64, cond: Cond::Eq, dst, src, target });
            self.continue_in(next);
            let before = self.state.clone();
            match own {
                Some(own) => {
                    self.block = own;
                    self.statements();
                    self.continue_in(join);
                    leaves.push(std::mem::replace(&mut self.state, before));
                    self.block = next;
                }
                None => match &mut shares {
                    Some(state) => state.join(&before),
                    None => shares = Some(before),
                },
            }
        }
        let last = self.block;
        if let Some(state) = shares {
            let before = std::mem::replace(&mut self.state, state);
            self.block = shared;
            self.statements();
            self.continue_in(join);
            leaves.push(std::mem::replace(&mut self.state, before));
        } else {
            self.func.retain_blocks(|block| block != shared);
        }
        self.block = last;
        self.continue_in(join);
        for state in &leaves {
            self.state.join(state);
        }
    }

    /// A jump by a table; some entries share their code.
    pub(super) fn table_switch(&mut self) {
        let from = self.scalar();
        let (index, table) = (self.free_reg(), self.free_reg());
        let Some(last) = self.program.sections.len().checked_sub(1) else { return };
        if index == table || index == from || table == from {
            return self.compute();
        }
        // Behind the bytes of the last section: no other access goes there.
        let section = Section::from_index(last);
        let offset = 4096 + 64 * self.func.tables().len() as i64;
        let entries = self.c.pick(&[2, 4, 8]);
        self.mov(index, from);
        let width = Width::W64;
        let mask = Operand::Imm(entries as i32 - 1);
        self.emit(Op::Alu { width, op: AluOp::And, dst: index, src: mask });
        self.emit(Op::Alu { width, op: AluOp::Lsh, dst: index, src: Operand::Imm(3) });
        self.emit(Op::LdImm64 { dst: table, imm: Imm64::Section { section, offset } });
        let (sum, other) = if self.c.chance(2, 3) { (table, index) } else { (index, table) };
        self.emit(Op::Alu { width, op: AluOp::Add, dst: sum, src: Operand::Reg(other) });
        let (dst, base) = (index, sum);
        self.emit(Op::Load { size: Size::DW, signed: false, dst, base, off: 0 });
        self.emit(Op::GotoX { dst });
        self.set(index, Value::Nothing);
        self.set(table, Value::Nothing);
        let own: Vec<Block> =
            (0..1 + self.c.below(entries)).map(|_| self.func.push_block()).collect();
        let join = self.func.push_block();
        let mut targets = own.clone();
        while targets.len() < entries {
            targets.push(self.c.pick(&own));
        }
        self.func.push_table(JumpTable { section, offset, targets });
        let before = self.state.clone();
        let mut leaves: Vec<State> = Vec::new();
        for block in own {
            self.block = block;
            // Where code is differs from program to program.
            self.mov_number(index, 0);
            if self.c.chance(3, 4) {
                self.statements();
            }
            self.continue_in(join);
            leaves.push(std::mem::replace(&mut self.state, before.clone()));
        }
        leaves.pop().into_iter().for_each(|state| self.state = state);
        for state in &leaves {
            self.state.join(state);
        }
        self.block = join;
    }

    pub(super) fn early_exit(&mut self) {
        let width = if self.program.features.jmp32 { self.width() } else { Width::W64 };
        let (cond, dst, src) = (self.condition(), self.scalar(), self.operand());
        let (leaves, stays) = (self.func.push_block(), self.func.push_block());
        self.emit(Op::Branch { width, cond, dst, src, target: leaves });
        self.continue_in(stays);
        let before = self.state.clone();
        self.block = leaves;
        self.leave();
        self.state = before;
        self.block = stays;
    }

    /// Prepares the state for a loop's head and gives it: what the body cannot make anew is
    /// forgotten or locked.
    fn enter_loop(&mut self) -> State {
        self.set(Reg::R0, Value::Nothing);
        for reg in Reg::all().filter(|reg| *reg != Reg::FP) {
            let Value::Pointer(pointer) = self.state.regs[reg.index()] else { continue };
            match pointer.target {
                Target::Frame | Target::Section(_) => {}
                Target::Lent(_) | Target::Value(_) | Target::Ctx
                    if !self.state.locked_regs[reg.index()] =>
                {
                    // A register that calls clobber cannot be kept.
                    if reg < Reg::R6 || self.c.chance(1, 2) {
                        self.set(reg, Value::Nothing);
                    } else {
                        self.state.locked_regs[reg.index()] = true;
                    }
                }
                Target::Lent(_) | Target::Value(_) | Target::Ctx => {}
            }
        }
        for slot in 0..self.state.spilled.len() {
            if self.state.spilled[slot].is_some() {
                if self.c.chance(1, 2) {
                    self.state.spilled[slot] = None;
                } else {
                    self.state.locked[slot * 8..slot * 8 + 8].fill(true);
                }
            }
        }
        self.depth += 1;
        self.loops += 1;
        self.state.clone()
    }

    /// Makes anew what the head of the loop relies on.
    fn close_loop(&mut self, head: &State) {
        self.depth -= 1;
        self.loops -= 1;
        for reg in Reg::all() {
            let wanted = head.regs[reg.index()];
            if wanted == self.state.regs[reg.index()] {
                continue;
            }
            match wanted {
                Value::Nothing => self.set(reg, Value::Nothing),
                Value::Scalar => {
                    let value = self.c.number();
                    self.mov_number(reg, value);
                }
                Value::Pointer(pointer) => self.make_pointer(reg, pointer),
            }
        }
    }

    /// Releases what `enter_loop` locked.
    fn unlock(&mut self, before: &State) {
        self.state.locked_regs = before.locked_regs;
        self.state.locked = before.locked;
    }

    pub(super) fn counted_loop(&mut self) {
        let outer = self.state.clone();
        let counters: Vec<Reg> =
            (6..=9).map(reg).filter(|reg| !outer.locked_regs[reg.index()]).collect();
        if counters.len() < 2 {
            return self.compute();
        }
        let counter = self.c.pick(&counters);
        let in_frame = self.c.chance(1, 3).then(|| self.frame_place(8, true)).flatten();
        self.mov_number(counter, 0);
        match in_frame {
            Some(offset) => {
                self.emit(store(Size::DW, offset, Operand::Reg(counter)));
                self.state.write_frame(offset, 8);
                self.state.locked[State::frame_range(offset, 8)].fill(true);
            }
            None => self.state.locked_regs[counter.index()] = true,
        }
        let head_state = self.enter_loop();
        let head = self.func.push_block();
        self.continue_in(head);
        for _ in 0..1 + self.c.below(4) {
            self.statement();
        }
        self.close_loop(&head_state);
        let rounds = 1 + self.c.below(4) as i32;
        let dst = match in_frame {
            Some(off) => {
                let (dst, base) = (Reg::R0, Reg::FP);
                self.emit(Op::Load { size: Size::DW, signed: false, dst, base, off: off as i16 });
                self.set(dst, Value::Scalar);
                dst
            }
            None => counter,
        };
        let width = Width::W64;
        self.emit(Op::Alu { width, op: AluOp::Add, dst, src: Operand::Imm(1) });
        if let Some(offset) = in_frame {
            self.emit(store(Size::DW, offset, Operand::Reg(dst)));
        }
        let cond = self.c.pick(&[Cond::Lt, Cond::Ne, Cond::Slt]);
        let src = Operand::Imm(rounds);
        self.emit(Op::Branch { width, cond, dst, src, target: head });
        let after = self.func.push_block();
        self.continue_in(after);
        self.unlock(&outer);
    }

    pub(super) fn may_goto_loop(&mut self) {
        if !self.program.features.v4 {
            return self.compute();
        }
        let outer = self.state.clone();
        let head_state = self.enter_loop();
        let (head, inside) = (self.func.push_block(), self.func.push_block());
        let after = self.func.push_block();
        self.continue_in(head);
        self.emit(Op::MayGoto { target: after });
        self.continue_in(inside);
        for _ in 0..1 + self.c.below(3) {
            self.statement();
        }
        self.close_loop(&head_state);
        self.emit(Op::Goto { target: head, long: false });
        self.block = after;
        self.state = head_state;
        self.unlock(&outer);
    }
}
