//! Which bytes of data sections code reads, as far as that can be said.
//!
//! Forward, for each function on its own; a register holds numbers or addresses in data
//! sections that `ldimm64` instructions of the function have made. Domain of a register: the set
//! of these addresses, each with the offset in its section and that of its `ldimm64`, or without
//! if it can be anywhere; and the largest number that it can be. Join: union, and the larger
//! number. Transfer: moves copy, sums with immediates move addresses, any other sum loses the
//! offset. A section is lost, which means that any of its bytes can be read, as soon as one of
//! its addresses gets to where it is not followed: into memory, other functions, results, other
//! arithmetic.
//!
//! An access counts from its `ldimm64` on, since what lies between must stay together for the
//! distance to stay.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::cfg::Cfg;
use crate::dataflow::{self, Analysis, Direction};
use crate::entity::{Block, Func, Inst, PerEntity, Section};
use crate::helpers::{Arg, Extent, Helper};
use crate::ir::{Function, InstData, Op, Program};
use crate::isa::{AluOp, Callee, Cond, Imm64, Operand, Reg, RegSet, Width};
use crate::pass::too_large;

/// Bytes of a section that a block names or reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The section.
    pub section: Section,
    /// The bytes, from the section's start, within the section. The byte that an `ldimm64` names
    /// counts as read.
    pub bytes: Range<u64>,
    /// The function.
    pub func: Func,
    /// The block.
    pub block: Block,
}

/// What the code of a program reads of its data sections.
#[derive(Clone, Debug, Default)]
pub struct SectionReads {
    /// What is known to be read, in order.
    pub reads: Vec<Read>,
    lost: PerEntity<Section, bool>,
    all_lost: bool,
}

impl SectionReads {
    /// Looks at all code of a program, whether it can run or not.
    pub fn new(program: &Program) -> SectionReads {
        let mut found = SectionReads::default();
        let large = too_large(program);
        for (id, func) in program.funcs.iter() {
            if let Some(opaque) = &func.opaque {
                opaque.items.iter().filter_map(|item| item.op).for_each(|op| found.lose_named(&op));
            } else if large.contains(&id) {
                func.insts().for_each(|(_, inst)| found.lose_named(func.op(inst)));
            } else {
                found.function(program, id, func);
            }
        }
        let order = |read: &Read| {
            let Read { section, bytes, func, block } = read;
            (*section, bytes.start, bytes.end, *func, *block)
        };
        found.reads.sort_by_key(order);
        found.reads.dedup();
        found
    }

    /// Whether more may be read of a section than [`reads`](Self::reads) has.
    pub fn is_lost(&self, section: Section) -> bool {
        self.all_lost || self.lost[section]
    }

    /// The reads of one section.
    pub fn of(&self, section: Section) -> &[Read] {
        let first = self.reads.partition_point(|read| read.section < section);
        let rest = self.reads.get(first..).unwrap_or_default();
        let count = rest.partition_point(|read| read.section == section);
        rest.get(..count).unwrap_or_default()
    }

    fn lose_named<T>(&mut self, op: &crate::isa::Op<T>) {
        if let crate::isa::Op::LdImm64 { imm: Imm64::Section { section, .. }, .. } = op {
            self.lost[*section] = true;
        }
    }

    fn function(&mut self, program: &Program, id: Func, func: &Function) {
        let cfg = Cfg::new(func);
        let start = func.entry().map(|block| (block, State::entry()));
        let states = dataflow::solve(func, &cfg, &mut Problem, start);
        for &block in func.layout() {
            let Some(mut state) = states[block].clone() else {
                let insts = &func.block(block).insts;
                insts.iter().for_each(|inst| self.lose_named(func.op(*inst)));
                continue;
            };
            for &inst in &func.block(block).insts {
                let mut visit = Visit { found: self, program, func: id, block };
                visit.inst(&state, func, inst);
                state.step(func.inst(inst));
            }
        }
    }
}

/// The length of a read that may reach to the section's end: helpers do not read below the address
/// that they get.
const TO_THE_END: i64 = i64::MAX;

/// Where the search for the end of a string ends: what is longer reaches to the section's end.
const LONG_STRING: usize = 4096;

/// Addresses that are told apart in one register.
const MANY: usize = 8;

/// An address in a data section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Address {
    section: Section,
    /// Offsets in bytes from the section's start: of the address that an `ldimm64` gave, and of
    /// what has become of it; none if that is not one number.
    place: Option<(i64, i64)>,
}

/// What a register can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    addresses: BTreeSet<Address>,
    /// It can be any address in any section; no others are told then.
    anywhere: bool,
    /// The largest number that it can be; none if it can be any.
    most: Option<u64>,
}

impl Held {
    const NUMBER: Held = Held { addresses: BTreeSet::new(), anywhere: false, most: None };

    fn constant(value: u64) -> Held {
        Held { most: Some(value), ..Held::NUMBER }
    }

    fn is_number(&self) -> bool {
        self.addresses.is_empty() && !self.anywhere
    }

    /// Whether a set of addresses has one.
    fn has(&self, address: &Address) -> bool {
        let any = Address { place: None, ..*address };
        self.anywhere || self.addresses.contains(address) || self.addresses.contains(&any)
    }

    fn join(&mut self, other: &Held) -> bool {
        let fresh: Vec<Address> =
            other.addresses.iter().filter(|address| !self.has(address)).copied().collect();
        let most = self.most.zip(other.most).map(|(a, b)| a.max(b));
        let anywhere = self.anywhere || other.anywhere;
        let changed = !fresh.is_empty() || self.most != most || self.anywhere != anywhere;
        self.most = most;
        self.anywhere = anywhere;
        if changed {
            self.addresses.extend(fresh);
            self.limit();
        }
        changed
    }

    /// An address that can be anywhere in a section is its only one, and many are anywhere.
    fn limit(&mut self) {
        let any: BTreeSet<Section> =
            self.addresses.iter().filter(|a| a.place.is_none()).map(|a| a.section).collect();
        self.addresses.retain(|a| a.place.is_none() || !any.contains(&a.section));
        if self.addresses.len() > MANY {
            let sections = self.addresses.iter().map(|address| address.section);
            let sections: BTreeSet<Section> = sections.collect();
            self.addresses =
                sections.into_iter().map(|section| Address { section, place: None }).collect();
        }
        self.anywhere |= self.addresses.len() > MANY;
        if self.anywhere {
            self.addresses.clear();
        }
    }

    /// Every address moved by so many bytes; none if that is not known.
    fn moved(&self, by: Option<i64>) -> Held {
        let moved = self.addresses.iter().map(|address| {
            let place = address.place.and_then(|(from, at)| Some((from, at.checked_add(by?)?)));
            Address { place, ..*address }
        });
        let mut held = Held { addresses: moved.collect(), anywhere: self.anywhere, most: None };
        held.limit();
        held
    }
}

#[derive(Clone, Debug)]
struct State {
    regs: [Held; Reg::COUNT],
}

impl State {
    fn entry() -> State {
        State { regs: [const { Held::NUMBER }; Reg::COUNT] }
    }

    fn reg(&self, reg: Reg) -> &Held {
        &self.regs[reg.index()]
    }

    fn set(&mut self, reg: Reg, held: Held) {
        self.regs[reg.index()] = held;
    }

    /// What an instruction leaves in the registers. Where [`Visit::inst`] loses the section of an
    /// operand, it does not matter what becomes of it.
    fn step(&mut self, data: &InstData) {
        let result = match data.op {
            _ if data.core.is_some() => None,
            Op::LdImm64 { dst, imm: Imm64::Section { section, offset } } => {
                let addresses = [Address { section, place: Some((offset, offset)) }];
                Some((dst, Held { addresses: addresses.into(), anywhere: false, most: Some(0) }))
            }
            Op::LdImm64 { dst, imm: Imm64::Const(value) } => Some((dst, Held::constant(value))),
            Op::Mov { width: Width::W64, dst, src: Operand::Reg(src) } => {
                Some((dst, self.reg(src).clone()))
            }
            Op::Mov { width: Width::W64, dst, src: Operand::Imm(imm) } => {
                Some((dst, Held::constant(i64::from(imm) as u64)))
            }
            Op::Mov { width: Width::W32, dst, src: Operand::Imm(imm) } => {
                Some((dst, Held::constant(u64::from(imm as u32))))
            }
            Op::Alu { width: Width::W64, op, dst, src } => Some((dst, self.sum(op, dst, src))),
            _ => None,
        };
        match result {
            Some((dst, held)) => self.set(dst, held),
            None => data.op.defs().iter().for_each(|reg| self.set(reg, Held::NUMBER)),
        }
    }

    fn sum(&self, op: AluOp, dst: Reg, src: Operand) -> Held {
        let by = match (op, src) {
            (AluOp::Add, Operand::Imm(imm)) => Some(i64::from(imm)),
            (AluOp::Sub, Operand::Imm(imm)) => Some(-i64::from(imm)),
            _ => None,
        };
        let mut sum = self.reg(dst).moved(by);
        if let Operand::Reg(src) = src {
            sum.join(&self.reg(src).moved(None));
        }
        sum
    }
}

struct Problem;

impl Analysis for Problem {
    type State = State;
    const DIRECTION: Direction = Direction::Forward;

    fn join(&self, into: &mut State, from: &State, _visits: u32) -> bool {
        let regs = into.regs.iter_mut().zip(&from.regs);
        regs.fold(false, |changed, (into, from)| into.join(from) || changed)
    }

    fn flow(
        &mut self,
        func: &Function,
        cfg: &Cfg,
        block: Block,
        mut state: State,
        out: &mut dyn FnMut(Block, State),
    ) {
        func.block(block).insts.iter().for_each(|inst| state.step(func.inst(*inst)));
        cfg.successors(block).for_each(|to| out(to, state.clone()));
    }
}

/// Notes what an instruction does with addresses.
struct Visit<'v> {
    found: &'v mut SectionReads,
    program: &'v Program,
    func: Func,
    block: Block,
}

impl Visit<'_> {
    fn inst(&mut self, state: &State, func: &Function, inst: Inst) {
        let data = func.inst(inst);
        if data.core.is_some() {
            self.found.lose_named(&data.op);
            return self.lose(state, data.op.uses());
        }
        match data.op {
            Op::LdImm64 { imm: Imm64::Section { section, offset }, .. } => {
                self.read(Address { section, place: Some((offset, offset)) }, 1);
            }
            Op::Mov { width: Width::W64, .. }
            | Op::Alu { width: Width::W64, op: AluOp::Add | AluOp::Sub, .. } => {}
            Op::Load { size, base, off, .. } => {
                let address = state.reg(base).moved(Some(off.into()));
                self.reads(&address, size.bytes().into());
            }
            // A comparison with null says nothing of where something lies.
            Op::Branch {
                width: Width::W64,
                cond: Cond::Eq | Cond::Ne,
                dst,
                src: Operand::Imm(0),
                ..
            } => {
                let held = state.reg(dst);
                let lost = held.addresses.iter().filter(|a| a.place.is_none());
                lost.for_each(|address| self.found.lost[address.section] = true);
                self.found.all_lost |= held.anywhere;
            }
            Op::Call(callee) => self.call(state, callee),
            Op::LdImm64 { .. }
            | Op::Alu { .. }
            | Op::Neg { .. }
            | Op::Mov { .. }
            | Op::MovSx { .. }
            | Op::AddrSpaceCast { .. }
            | Op::Swap { .. }
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
            | Op::GotoX { .. } => self.lose(state, data.op.uses()),
        }
    }

    fn call(&mut self, state: &State, callee: Callee) {
        let helper = match callee {
            Callee::Helper(number) => Helper::get(number),
            Callee::Func(_) | Callee::Extern(_) | Callee::Pseudo { .. } => None,
        };
        let Some(helper) = helper else {
            let args = match callee {
                Callee::Extern(ext) => self.program.externs[ext].arguments(),
                _ => Reg::arguments().collect(),
            };
            return self.lose(state, args);
        };
        for (reg, arg) in Reg::arguments().zip(helper.args) {
            let address = state.reg(reg);
            match arg {
                Arg::Memory { access, .. } if access.writes() => self.lose(state, RegSet::of(reg)),
                Arg::Memory { extent: Extent::Bytes(len), .. } => {
                    self.reads(address, (*len).into());
                }
                Arg::Memory { extent: Extent::Arg(size), .. } => {
                    let size = Reg::new(*size).map(|size| state.reg(size));
                    let number = size.filter(|size| size.is_number());
                    let most = number.and_then(|size| i64::try_from(size.most?).ok());
                    self.reads(address, most.unwrap_or(TO_THE_END));
                }
                Arg::Memory { extent: Extent::MapKey | Extent::MapValue, .. } => {
                    self.reads(address, TO_THE_END);
                }
                Arg::Memory { extent: Extent::String, .. } => self.strings(address, 0),
                // An address of at most 16 bytes to be printed, or a string.
                Arg::Variadic => self.strings(address, 16),
                Arg::Scalar
                | Arg::Ctx
                | Arg::Map
                | Arg::Object
                | Arg::Callback
                | Arg::CallbackCtx => self.lose(state, RegSet::of(reg)),
            }
        }
    }

    fn lose(&mut self, state: &State, regs: RegSet) {
        for held in regs.iter().map(|reg| state.reg(reg)) {
            held.addresses.iter().for_each(|address| self.found.lost[address.section] = true);
            self.found.all_lost |= held.anywhere;
        }
    }

    /// Reads of so many bytes at each of some addresses.
    fn reads(&mut self, held: &Held, len: i64) {
        held.addresses.iter().for_each(|address| self.read(*address, len));
        self.found.all_lost |= held.anywhere;
    }

    /// Reads of strings, and of no less than so many bytes.
    fn strings(&mut self, held: &Held, least: i64) {
        for address in &held.addresses {
            let start = address.place.and_then(|(_, at)| usize::try_from(at).ok());
            let bytes = &self.program.sections[address.section].bytes;
            let rest = start.and_then(|start| bytes.get(start..)).unwrap_or_default();
            let end = rest.iter().take(LONG_STRING).position(|byte| *byte == 0);
            let len = end.and_then(|end| i64::try_from(end + 1).ok());
            self.read(*address, len.map_or(TO_THE_END, |len| len.max(least)));
        }
        self.found.all_lost |= held.anywhere;
    }

    fn read(&mut self, address: Address, len: i64) {
        let Address { section, place } = address;
        let end = self.program.sections[section].bytes.len() as u64;
        let bytes = place.and_then(|(from, at)| {
            let last = from.saturating_add(1).max(at.saturating_add(len));
            let (first, last) = (u64::try_from(from.min(at)).ok()?, u64::try_from(last).ok()?);
            (first < end).then_some(first..last.min(end))
        });
        match bytes {
            Some(bytes) => {
                let Visit { func, block, .. } = *self;
                self.found.reads.push(Read { section, bytes, func, block });
            }
            None => self.found.lost[section] = true,
        }
    }
}
