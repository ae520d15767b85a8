//! The checker: a proof for each function that the passes changed nothing but what the final
//! bytes allow.
//!
//! Given a program before and after the passes, with the same tables of sections, externs and
//! functions, it proves of each rewritten function that for every input it does what the
//! original does while the final bytes are what they are, or says where the two part. It
//! shares with the passes the instruction set (encodings, arithmetic), the IR and the table
//! of helpers, and nothing else; its domain of numbers is its own.
//!
//! # What is proved
//!
//! For each pair of original and rewritten function, entered in states that agree:
//!
//! 1. *Events*: both do the same in the same order: stores outside of their frames and
//!    atomics with the same size, address and value; calls of the same helper, kfunc or
//!    function with the same arguments, reading the same memory; packet loads (LD_ABS,
//!    LD_IND); `may_goto`. None is left out, added or moved past another.
//! 2. *Result*: where the original returns, so does the rewritten function, with the same `r0`;
//!    of a program, with the same bits, if the rewritten one returns a number.
//! 3. *Loads*: each load of the rewritten function from memory that is not known is one that
//!    the original does between the same two events, from the same address, in the same order;
//!    each is used at most once. The original's other loads are dropped only if nothing that
//!    is seen needs them.
//! 4. *Initialised*: no instruction of the rewritten function reads a register or a frame byte
//!    that can be uninitialised, unless the original has read the same on the way. Of what
//!    somebody outside passes, the arguments that the original reads are initialised; of what a
//!    callee may have written, what was so before, or is known to be written.
//! 5. *Progress*: neither goes round without end while the other stands still.
//! 6. *Kinds*: where the two must hold the same, the verifier takes it for the same: a number of
//!    the original is not something that may be a pointer in the rewritten function, nor the
//!    other way round, though both be 0.
//! 7. *References*: what an instruction names (map, section, function, extern), its
//!    relocation and its CO-RE record are those of the instruction it stands for. Functions
//!    that are named or entered have code; functions that are carried untouched are untouched.
//!
//! # How
//!
//! The walk ([`walk`](self)) visits pairs of points, one of each function. The state of a pair
//! ([`State`](state::State)) gives a symbol to every register and frame byte of both. The
//! meaning of a state: there is a value for each symbol such that every place of either
//! program holds the value of its symbol, and terms over symbols are as their operations say.
//! So two places with one symbol are equal, whichever program they are in. What is known of
//! the value of a symbol ([`Abs`](value::Abs)) is a set of numbers (bits, unsigned and signed
//! interval), what it can be the address of, what the verifier takes it for
//! ([`Kind`](value::Kind)), and whether it can be uninitialised. A value is its 64 bits and its
//! kind, so two places with one symbol are of one kind, too.
//!
//! Rules, instruction by instruction:
//!
//! - *ALU, moves, extensions, swaps*: the term of the operation, simplified by equations of
//!   64-bit numbers. A result of which only one value is possible is that number or address.
//! - *ldimm64*: the number, or the exact address of the thing named. An absent extern is 0.
//! - *load of final bytes* (all bits final, offset known): the number. Bits that are final in
//!   part are known bits of a new symbol.
//! - *load from the own frame* at a known offset: what was stored there, byte by byte.
//! - *other loads*: a new symbol in the original; rule 3 gives it to the rewritten function.
//!   If the address can be in the frame, both frames must be equal. Below 8 bytes the result
//!   is zero-extended, except for 4 bytes of what can be the context, where the kernel puts
//!   addresses (`struct __sk_buff`, `struct xdp_md`).
//! - *store to the own frame* at a known offset: changes that program's frame only. So a store
//!   may be left out as long as nobody reads what differs.
//! - *other stores, atomics, LD_ABS, LD_IND*: events. A store through an address that can be in
//!   a frame changes the frames of both in the same way: bytes that were equal stay equal.
//! - *call of a helper*: the arguments that its signature names are the same; frame bytes that
//!   it may read through them are the same in both frames. What it writes is new, and the same
//!   in both frames where these were equal. `r1` to `r5` are uninitialised afterwards. Those
//!   that return a length return at most the size that they were given, signed.
//! - *call of a kfunc, of a global function, of a helper that is not in the table*: all five
//!   arguments are the same, and the frame at and above each frame address among them, and at and
//!   above each that is held there; all of it if some of these is not known.
//! - *call of a static function*: the arguments that the rewritten callee reads are the same
//!   (so what it does not read need not be passed), or each is one known value in the rewritten
//!   program, and the callee is proven with that; if one can be a frame address, both frames
//!   are equal. The callee is entered with the join of all its calls, and gives back the join
//!   of its returns: what `r0` can be, and what it can have written to its callers' frames.
//! - *kinds*: immediates, loads of less than 8 bytes but for those fields of the context, loads of
//!   read-only data, what helpers return as integers, what something outside of the function
//!   wrote to a frame, moves of 32 bits and extensions, negations and swaps are numbers. So are
//!   results of operations, but for sums and differences with what may be a pointer, and, in
//!   programs that cast pointers into arenas, all operations with it. What a helper gives that
//!   may be null is a number where a null check of 64 bits that both programs make finds null.
//!   Everything else may be a pointer. An equation of numbers that would make a number and what
//!   may be a pointer one symbol (`x & m` is `x`, if all bits of `x` are in `m`) holds only for
//!   numbers.
//! - *instruction with an unresolved CO-RE record*: an unknown function of its operands.
//! - *conditional jump*: if what is known of the operands, or a test made on the way
//!   ([`facts`]), decides it, control goes on there. Otherwise the rewritten function must come
//!   to a jump on the same condition (up to operand order, inversion and width), and both go the
//!   same way; or it has none there and must agree with the original on both ways. Each way
//!   learns what the comparison says of its operands, and keeps its outcome. An operand of which
//!   more is known has a new symbol in all places, and so have terms of it.
//! - *address of a function*: somebody outside can enter a function whose address the rewritten
//!   function makes. One that only the original makes is used for nothing: wherever an address
//!   is passed on, the other program passes the same one.
//!
//! - *indirect jump* (`gotox`): the register holds what was loaded from an entry of a jump table.
//!   The rewritten function jumps by the same value, and for each entry that the address can be
//!   of, the two go where their tables say; or the rewritten function has no jump there and must
//!   agree with the original wherever that goes.
//!
//! Join: two places keep a common symbol if they have one on both paths, and what is known of
//! it is the join of what is known on the paths; a test stays if both paths know its outcome.
//! After some joins at one pair, bounds that still grow are given up. The states at all pairs
//! are a fixpoint, and so are the states in which functions are entered and left; only then is a
//! function taken for proven.
//!
//! Which points are paired, which instruction of the rewritten function is executed beside which
//! of the original, and which states of one pair of points are joined and which are kept apart
//! is free: every choice gives a proof or none. A function that is refused is walked again in
//! other ways ([`strategy`]). Where nothing stands for an instruction of the original, an alike
//! one of the rewritten function is taken for it, if both leave the same then. The original may
//! go over blocks whose tests are decided before ways are joined.
//!
//! A function that is the same before and after is walked alone, for what it passes to others.
//! A function that is refused is put back, and everything is proved again with the original in
//! its place: the refusals are such that putting back exactly those functions gives a program
//! that is proven.
//!
//! # What is assumed
//!
//! - The kernel's verifier accepts the original. In particular: accesses are in bounds; a value
//!   that is used as an address of a frame was made from `r10` by additions and moves, spills
//!   and reloads, or came back from a function that got one, not from other memory and not by
//!   other arithmetic; a helper, kfunc or global function accesses frames only at and above
//!   the addresses that it is given, or as [`helpers`](crate::helpers) says.
//! - It refuses that an address in a frame is stored to the frame of a caller
//!   (`check_stack_write_fixed_off`).
//! - It refuses pointers as operands of operations other than sums and differences, and as what is
//!   taken from a number, or takes the result for a number; a pointer that is put together from
//!   parts is never followed.
//! - `gotox` jumps by what was loaded from a jump table of the same function, and the index lies
//!   in that table (`check_indirect_jump` and `create_jt` of the kernel).
//! - The context is an address, and 4-byte loads from it give an address only where the kernel
//!   has `data`, `data_end` and `data_meta`.
//! - A load can be left out: it has no effect but its result.
//! - Functions that no `roots` name are entered only by calls in the program. Whoever else
//!   enters a function gives it the same state in both programs.
//! - Frame bytes that nothing was stored to hold the same in both programs.

mod arena;
mod branch;
mod cells;
mod context;
mod event;
mod exec;
mod facts;
mod loads;
mod num;
mod order;
mod pair;
mod reads;
mod refusal;
mod state;
mod strategy;
mod table;
mod test;
mod value;
mod walk;

pub use refusal::{Reason, Refusal};

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::check::context::Entry;
use crate::check::event::{Callees, Summary};
use crate::check::pair::Pair;
use crate::check::strategy::FIRST;
use crate::check::walk::{Walk, Walked};
use crate::entity::{EntityVec, Func, PerEntity};
use crate::ir::{Function, Linkage, Op, Program};
use crate::isa::{self, Callee, Endian, Imm64, RegSet};

/// Proves that each function of `rewritten` does what it does in `original`. `roots` are the
/// functions that somebody outside can enter ([`roots`]). Gives the functions of which it is
/// not proven; with the originals of those put back, it is proven of the whole program.
pub fn check(original: &Program, rewritten: &Program, roots: &[Func]) -> Vec<Refusal> {
    if let Some(refusals) = different_tables(original, rewritten) {
        return refusals;
    }
    solve(original, rewritten, roots).refusals
}

/// How many instructions of the original [`check`] walks over, those that it walks over again
/// included: its time grows with that.
pub fn effort(original: &Program, rewritten: &Program, roots: &[Func]) -> usize {
    solve(original, rewritten, roots).steps
}

fn solve(original: &Program, rewritten: &Program, roots: &[Func]) -> Known {
    let code = |func: Func| &rewritten.funcs[func];
    let pairs = original.funcs.keys().map(|f| Rc::new(Pair::new(&original.funcs[f], code(f))));
    let checker = Checker {
        original,
        rewritten,
        initialised: reads::initialised(original),
        pairs: RefCell::new(pairs.collect()),
        summaries: RefCell::new(original.funcs.keys().map(|_| Summary::default()).collect()),
        known: RefCell::new(Known {
            entries: original.funcs.keys().map(|_| None).collect(),
            ..Known::default()
        }),
        arenas: exec::has_casts(original),
    };
    if !checker.pairs.borrow().values().any(|pair| pair.rewritten.is_some()) {
        return Known::default();
    }
    checker.set_reads();
    for (func, function) in original.funcs.iter() {
        checker.summaries.borrow_mut()[func].unknown = is_carried(function);
    }
    for &root in roots {
        checker.enter_unknown(root);
    }
    checker.solve();
    checker.unreached();
    checker.removed();
    checker.known.into_inner()
}

/// Programs, and functions that no code names: what somebody outside can enter if nothing
/// else is known.
pub fn roots(program: &Program) -> Vec<Func> {
    let mut named: PerEntity<Func, bool> = PerEntity::with_default(false);
    for function in program.funcs.values() {
        named_functions(function).into_iter().for_each(|func| named[func] = true);
    }
    let is_root = |f: &Func| !named[*f] || program.funcs[*f].linkage == Linkage::Entry;
    program.funcs.keys().filter(is_root).collect()
}

/// The refusals of all changed functions, if the two programs do not name the same things.
fn different_tables(original: &Program, rewritten: &Program) -> Option<Vec<Refusal>> {
    let same_funcs = original.funcs.len() == rewritten.funcs.len()
        && original
            .funcs
            .values()
            .zip(rewritten.funcs.values())
            .all(|(a, b)| a.linkage == b.linkage && a.name == b.name);
    let same = same_funcs
        && original.endian == rewritten.endian
        && original.sections == rewritten.sections
        && original.externs == rewritten.externs
        && original.maps == rewritten.maps;
    let refusal = |func: Func| {
        let (block, inst, slot) = (None, None, None);
        Refusal { func, block, inst, slot, reason: Reason::Tables }
    };
    (!same).then(|| original.funcs.keys().map(refusal).collect())
}

/// Whether a function is carried untouched: nothing is known of what it does.
fn is_carried(function: &Function) -> bool {
    let indirect = |op: &Op| matches!(op, Op::GotoX { .. });
    let unknown = |function: &Function| {
        function.tables().is_empty() && function.insts().any(|(_, i)| indirect(function.op(i)))
    };
    function.opaque.is_some() || unknown(function)
}

/// The functions that a function's code names, dead code included.
fn named_functions(function: &Function) -> Vec<Func> {
    fn name<T>(op: &isa::Op<T>) -> Option<Func> {
        match op {
            isa::Op::Call(Callee::Func(func)) => Some(*func),
            isa::Op::LdImm64 { imm: Imm64::Func(func), .. } => Some(*func),
            _ => None,
        }
    }
    match &function.opaque {
        Some(body) => body.items.iter().filter_map(|item| name(item.op.as_ref()?)).collect(),
        None => function.insts().filter_map(|(_, inst)| name(function.op(inst))).collect(),
    }
}

/// Functions that are walked within each other at most: no more calls can be nested
/// (MAX_CALL_FRAMES of the kernel).
const MAX_NESTED: usize = 8;

/// What is changed while functions are walked is behind cells: a walk that comes to a call walks
/// the callee.
struct Checker<'a> {
    original: &'a Program,
    rewritten: &'a Program,
    pairs: RefCell<EntityVec<Func, Rc<Pair<'a>>>>,
    summaries: RefCell<EntityVec<Func, Summary>>,
    /// The arguments that each original function reads.
    initialised: EntityVec<Func, RegSet>,
    known: RefCell<Known>,
    /// Whether code casts between address spaces.
    arenas: bool,
}

#[derive(Default)]
struct Known {
    /// How each function is entered, with the number of joins.
    entries: EntityVec<Func, Option<(Entry, u32)>>,
    callers: PerEntity<Func, BTreeSet<Func>>,
    work: BTreeSet<Func>,
    /// The functions that are being walked.
    walked: Vec<Func>,
    /// The way in which each function is walked: the first that has not failed.
    strategies: PerEntity<Func, usize>,
    refused: PerEntity<Func, bool>,
    refusals: Vec<Refusal>,
    /// How many instructions were walked over.
    steps: usize,
}

impl Known {
    fn enter(&mut self, endian: Endian, func: Func, entry: &Entry) {
        let Some(known) = self.entries.get_mut(func) else { return };
        let changed = match known {
            Some((known, joins)) => {
                let grows = known.join(endian, entry, *joins);
                *joins += u32::from(grows);
                grows
            }
            none => {
                *none = Some((entry.clone(), 0));
                true
            }
        };
        if changed {
            self.work.insert(func);
        }
    }

    fn work_on_callers(&mut self, func: Func) {
        self.work.extend(self.callers[func].iter().copied());
    }
}

impl Callees for Checker<'_> {
    fn summary(&self, func: Func) -> Summary {
        self.summaries.borrow().get(func).cloned().unwrap_or_default()
    }

    fn look_at(&self, func: Func, entry: &Entry) {
        let is_next = {
            let known = &mut *self.known.borrow_mut();
            known.enter(self.original.endian, func, entry);
            known.walked.len() < MAX_NESTED
                && !known.walked.contains(&func)
                && known.work.remove(&func)
        };
        if is_next {
            self.solve_one(func);
        }
        // The caller knows what has become of the function until now.
        let known = &mut *self.known.borrow_mut();
        known.callers[func].extend(known.walked.last());
    }
}

impl<'a> Checker<'a> {
    fn pair(&self, func: Func) -> Rc<Pair<'a>> {
        Rc::clone(&self.pairs.borrow()[func])
    }

    /// The code that the result has for a function.
    fn code(&self, func: Func) -> &'a Function {
        let pair = self.pair(func);
        pair.rewritten.unwrap_or(pair.original)
    }

    /// Finds what functions read of their arguments and says whether that changed.
    fn set_reads(&self) -> bool {
        let reads = reads::arguments(self.original, |func| self.code(func));
        let mut changed = false;
        for (func, reads) in reads.iter() {
            let rewritten = self.pair(func).rewritten.is_some();
            let summary = &mut self.summaries.borrow_mut()[func];
            changed |= (summary.reads, summary.rewritten) != (*reads, rewritten);
            (summary.reads, summary.rewritten) = (*reads, rewritten);
        }
        changed
    }

    /// Somebody outside enters a function.
    fn enter_unknown(&self, func: Func) {
        let is_program = |f: &Function| f.linkage == Linkage::Entry;
        let entry = match self.original.funcs.get(func).is_some_and(is_program) {
            true => Entry::program(),
            false => Entry::unknown(self.initialised[func]),
        };
        self.known.borrow_mut().enter(self.original.endian, func, &entry);
    }

    fn solve(&self) {
        loop {
            let next = self.known.borrow_mut().work.pop_first();
            let Some(func) = next else { return };
            self.solve_one(func);
        }
    }

    fn solve_one(&self, func: Func) {
        let Some((entry, _)) = self.known.borrow().entries[func].clone() else { return };
        if self.summaries.borrow()[func].unknown {
            let pair = self.pair(func);
            if pair.rewritten.is_some() {
                let reason = match &pair.original.opaque {
                    Some(body) => Reason::Opaque(body.reason.clone()),
                    None => Reason::Unsupported("an indirect jump"),
                };
                self.refuse(Refusal { func, block: None, inst: None, slot: None, reason });
            }
            for named in named_functions(pair.original) {
                self.enter_unknown(named);
            }
            return;
        }
        self.known.borrow_mut().walked.push(func);
        let walked = self.walk(func, &entry);
        self.known.borrow_mut().walked.pop();
        let walked = match walked {
            Ok(walked) => walked,
            Err(refusal) if self.pair(func).rewritten.is_some() => return self.refuse(*refusal),
            Err(_) => {
                self.summaries.borrow_mut()[func].unknown = true;
                let known = &mut *self.known.borrow_mut();
                known.work.insert(func);
                known.work_on_callers(func);
                return;
            }
        };
        self.known.borrow_mut().steps += walked.steps;
        let exit = &mut self.summaries.borrow_mut()[func].exit;
        if walked.exit != *exit {
            *exit = walked.exit;
            self.known.borrow_mut().work_on_callers(func);
        }
        for (callee, entry) in walked.entered {
            self.known.borrow_mut().callers[callee].insert(func);
            match entry {
                Some(entry) => self.known.borrow_mut().enter(self.original.endian, callee, &entry),
                None => self.enter_unknown(callee),
            }
        }
    }

    /// Walks a function in the first way that has not failed and does not now. The refusal is
    /// that of the first way.
    fn walk(&self, func: Func, entry: &Entry) -> Result<Walked, Box<Refusal>> {
        let pair = self.pair(func);
        let mut refused = None;
        loop {
            let ways = if pair.rewritten.is_some() { strategy::ALL.as_slice() } else { &[FIRST] };
            let way = self.known.borrow().strategies[func];
            let Some(&strategy) = ways.get(way) else { break };
            let program = (self.original, self.arenas);
            let walk = Walk::new(program, func, &pair, self, strategy);
            let reads = self.summaries.borrow()[func].reads;
            match walk.run(entry, reads) {
                Ok(walked) => return Ok(walked),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
            self.known.borrow_mut().strategies[func] += 1;
        }
        let (block, inst, slot) = (None, None, None);
        let reason = Reason::NoFixpoint;
        Err(refused.unwrap_or_else(|| Box::new(Refusal { func, block, inst, slot, reason })))
    }

    /// Puts a function back and has everything that depends on it proved again.
    fn refuse(&self, refusal: Refusal) {
        let func = refusal.func;
        let known = &mut *self.known.borrow_mut();
        if std::mem::replace(&mut known.refused[func], true) {
            return;
        }
        known.refusals.push(refusal);
        let original = &self.original.funcs[func];
        self.pairs.borrow_mut()[func] = Rc::new(Pair::new(original, original));
        known.strategies[func] = 0;
        known.work.insert(func);
        if self.set_reads() {
            let entered = known.entries.iter().filter(|(_, entry)| entry.is_some());
            known.work.extend(entered.map(|(func, _)| func));
        }
    }

    /// Global functions that were changed are proven for any arguments, even where no call
    /// seems to enter them: the verifier does enter them.
    fn unreached(&self) {
        for func in self.original.funcs.keys() {
            let is_global = self.original.funcs[func].linkage != Linkage::Static;
            let changed = self.pair(func).rewritten.is_some_and(|f| !is_empty(f));
            if changed && is_global && self.known.borrow().entries[func].is_none() {
                self.enter_unknown(func);
                self.solve();
            }
        }
    }

    /// Functions without code that the result still names.
    fn removed(&self) {
        loop {
            let gone = |func: &Func| {
                self.pair(*func).rewritten.is_some_and(is_empty)
                    && !self.known.borrow().refused[*func]
            };
            let mut named = self.rewritten.funcs.keys().flat_map(|f| named_functions(self.code(f)));
            let Some(func) = named.find(gone) else { return };
            let (block, inst, slot) = (None, None, None);
            self.refuse(Refusal { func, block, inst, slot, reason: Reason::Removed });
            self.solve();
        }
    }
}

fn is_empty(function: &Function) -> bool {
    function.opaque.is_none() && function.layout().is_empty()
}
