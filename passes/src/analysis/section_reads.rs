//! Which bytes of data sections code reads, as far as that can be said.
//!
//! Forward, for each function on its own; a register holds numbers or addresses in data
//! sections that `ldimm64` instructions of the function have made. Domain of a register: the set
//! of these addresses, each with the offset in its section and that of its `ldimm64`, or without
//! the former or both if it can be anywhere; and the largest number that it can be. Join: union,
//! and the larger number. Transfer: moves copy, sums with immediates move addresses, any other sum
//! loses the offset. A section is lost, which means that any of its bytes can be read, as soon as
//! one of its addresses gets to where it is not followed: into memory, other functions, results,
//! other arithmetic.
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
use crate::limits::Limits;

/// Bytes of a section that a block names or reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The section.
    pub section: Section,
    /// The bytes, from the section's start, within the section. The byte that an `ldimm64` names
    /// counts as read.
    pub bytes: Range<u64>,
    /// Those of the bytes that an access can read; empty where they are only named.
    pub accessed: Range<u64>,
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
    /// The offsets of the `ldimm64`s whose addresses are not followed; none where not even the
    /// `ldimm64` is known.
    strays: BTreeSet<(Section, Option<i64>)>,
}

impl SectionReads {
    /// Looks at all code of a program, whether it can run or not.
    pub fn new(program: &Program) -> SectionReads {
        let mut found = SectionReads::default();
        for (id, func) in program.funcs.iter() {
            if let Some(opaque) = &func.opaque {
                opaque.items.iter().filter_map(|item| item.op).for_each(|op| found.lose_named(&op));
            } else if Limits::default().is_too_large(func) {
                func.insts().for_each(|(_, inst)| found.lose_named(func.op(inst)));
            } else {
                found.function(program, id, func);
            }
        }
        let order = |read: &Read| {
            let Read { section, bytes, accessed, func, block } = read;
            (*section, bytes.start, bytes.end, accessed.start, accessed.end, *func, *block)
        };
        found.reads.sort_by_key(order);
        found.reads.dedup();
        found
    }

    /// Whether more may be read of a section than [`reads`](Self::reads) has.
    pub fn is_lost(&self, section: Section) -> bool {
        self.all_lost || self.lost[section]
    }

    /// The offsets that `ldimm64`s name in a section whose addresses are not followed to all
    /// that is read through them; none for an address of which the `ldimm64` is not known. In C
    /// such an address stays within the variable that was named.
    pub fn strays(&self, section: Section) -> impl Iterator<Item = Option<i64>> + '_ {
        let all = (section, None)..=(section, Some(i64::MAX));
        let unknown = self.all_lost.then_some(None);
        self.strays.range(all).map(|(_, from)| *from).chain(unknown)
    }

    /// The reads of one section.
    pub fn of(&self, section: Section) -> &[Read] {
        let first = self.reads.partition_point(|read| read.section < section);
        let rest = self.reads.get(first..).unwrap_or_default();
        let count = rest.partition_point(|read| read.section == section);
        rest.get(..count).unwrap_or_default()
    }

    fn lose_named<T>(&mut self, op: &crate::isa::Op<T>) {
        if let crate::isa::Op::LdImm64 { imm: Imm64::Section { section, offset }, .. } = op {
            self.lose_one(*section, Some(*offset));
        }
    }

    fn lose_one(&mut self, section: Section, from: Option<i64>) {
        self.lost[section] = true;
        self.strays.insert((section, from));
    }

    fn lose_address(&mut self, address: &Address) {
        self.lose_one(address.section, address.from);
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
    /// Offset in bytes from the section's start of the address that an `ldimm64` gave; none if
    /// that is not one number.
    from: Option<i64>,
    /// The same of what has become of it; never known without `from`.
    at: Option<i64>,
}

impl Address {
    fn place(&self) -> Option<(i64, i64)> {
        self.from.zip(self.at)
    }
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
        let somewhere = Address { at: None, ..*address };
        let anywhere = Address { from: None, ..somewhere };
        self.anywhere
            || [*address, somewhere, anywhere].iter().any(|known| self.addresses.contains(known))
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

    /// An address that can be anywhere stands for all those that it covers, and many are anywhere.
    fn limit(&mut self) {
        let all = self.addresses.clone();
        self.addresses.retain(|address| {
            let somewhere = Address { at: None, ..*address };
            let anywhere = Address { from: None, ..somewhere };
            let covers = |other: &Address| other != address && all.contains(other);
            !covers(&somewhere) && !covers(&anywhere)
        });
        if self.addresses.len() > MANY {
            self.addresses = self.addresses.iter().map(|a| Address { at: None, ..*a }).collect();
        }
        if self.addresses.len() > MANY {
            let less = |a: &Address| Address { from: None, at: None, ..*a };
            self.addresses = self.addresses.iter().map(less).collect();
        }
        self.anywhere |= self.addresses.len() > MANY;
        if self.anywhere {
            self.addresses.clear();
        }
    }

    /// Every address moved by so many bytes; none if that is not known.
    fn moved(&self, by: Option<i64>) -> Held {
        let moved = self.addresses.iter().map(|address| {
            let at = address.at.and_then(|at| at.checked_add(by?));
            Address { at, ..*address }
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
                let addresses = [Address { section, from: Some(offset), at: Some(offset) }];
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
                self.read(Address { section, from: Some(offset), at: Some(offset) }, 0);
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
                let lost = held.addresses.iter().filter(|a| a.at.is_none());
                lost.for_each(|address| self.found.lose_address(address));
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
            held.addresses.iter().for_each(|address| self.found.lose_address(address));
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
            let start = address.at.and_then(|at| usize::try_from(at).ok());
            let bytes = &self.program.sections[address.section].bytes;
            let rest = start.and_then(|start| bytes.get(start..)).unwrap_or_default();
            let end = rest.iter().take(LONG_STRING).position(|byte| *byte == 0);
            let len = end.and_then(|end| i64::try_from(end + 1).ok());
            self.read(*address, len.map_or(TO_THE_END, |len| len.max(least)));
        }
        self.found.all_lost |= held.anywhere;
    }

    fn read(&mut self, address: Address, len: i64) {
        let section = address.section;
        let end = self.program.sections[section].bytes.len() as u64;
        let read = address.place().and_then(|(from, at)| {
            let stop = at.saturating_add(len);
            let last = from.saturating_add(1).max(stop);
            let (first, last) = (u64::try_from(from.min(at)).ok()?, u64::try_from(last).ok()?);
            let (at, stop) = (u64::try_from(at).ok()?, u64::try_from(stop).ok()?);
            (first < end).then_some((first..last.min(end), at.min(end)..stop.min(end)))
        });
        match read {
            Some((bytes, accessed)) => {
                let Visit { func, block, .. } = *self;
                self.found.reads.push(Read { section, bytes, accessed, func, block });
            }
            None => self.found.lose_address(&address),
        }
    }
}
