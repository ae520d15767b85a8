//! What functions know of each other: in which states one is entered, and what it leaves.
//!
//! Both are facts of values only: symbols do not cross calls. Join is that of the parts; of
//! frames, bytes stay known that both sides know, cut where either is.

use crate::check::arena::{Arena, Sym};
use crate::check::cells::{Cell, Cells};
use crate::check::state::{Bytes, Parent, State, plain};
use crate::check::value::{Abs, Base};
use crate::isa::{Endian, Reg, RegSet};

/// What is known of the bytes of a frame: offset, length and value, in order.
type FrameFacts = Vec<(i64, u32, Abs)>;

fn facts(arena: &Arena, cells: &Cells, view: impl Fn(Abs) -> Abs) -> FrameFacts {
    cells.iter().map(|cell| (cell.at, cell.len, view(arena.abs(cell.sym)))).collect()
}

/// What is known of bytes on both sides, cut where facts of either begin or end.
fn join_facts(endian: Endian, a: &FrameFacts, b: &FrameFacts, widen: bool) -> FrameFacts {
    let end = |&(at, len, _): &(i64, u32, Abs)| at + i64::from(len);
    let (mut xs, mut ys) = (a.as_slice(), b.as_slice());
    let mut joined = FrameFacts::new();
    let mut from = i64::MIN;
    while let ([x, ..], [y, ..]) = (xs, ys) {
        from = from.max(x.0).max(y.0);
        let to = end(x).min(end(y));
        if from < to {
            let len = (to - from) as u32;
            let part = |(at, whole, abs): &(i64, u32, Abs)| {
                abs.part(endian, *whole, (from - at) as u32, len)
            };
            joined.push((from, len, part(x).join(&part(y), widen)));
        }
        from = from.max(to);
        (xs, ys) = (&xs[usize::from(end(x) <= to)..], &ys[usize::from(end(y) <= to)..]);
    }
    joined
}

fn cells(arena: &mut Arena, facts: &FrameFacts) -> Cells {
    let mut cells = Cells::default();
    for &(at, len, abs) in facts {
        cells.push(Cell { at, len, sym: arena.opaque(abs) });
    }
    cells
}

/// The state in which a function is entered.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What each argument can be in the original; then in the rewritten program, where that
    /// is not known to be the same.
    args: [(Abs, Option<Abs>); 5],
    parents: Vec<FrameFacts>,
}

/// Joins after which bounds that grow go as far as they can.
const WIDEN_AFTER: u32 = 8;

/// Frames of callers that are followed (MAX_CALL_FRAMES of the kernel, the own one left out).
const MAX_PARENTS: usize = 7;

impl Entry {
    /// Somebody outside enters: any arguments, and frames that the function's own is not in.
    /// The verifier has found those initialised that the original reads.
    pub fn unknown(read: RegSet) -> Entry {
        let mut args = [(Abs::CONTEXT, None); 5];
        for (arg, reg) in args.iter_mut().zip(Reg::arguments()) {
            arg.0.uninit = !read.contains(reg);
        }
        Entry { args, parents: Vec::new() }
    }

    /// The kernel enters a program: the context is in `r1`.
    pub fn program() -> Entry {
        let mut entry = Entry::unknown(RegSet::EMPTY);
        entry.args[0].0 = Abs::address(Base::Ctx(0));
        entry
    }

    /// A static function is called in a state. `passes_frame`: an argument can be an address
    /// in a frame. The frame that is passed is the original's: where the rewritten function
    /// reads that argument, the other one is the same.
    pub fn call(arena: &Arena, state: &State, passes_frame: bool) -> Entry {
        let mut args = [(Abs::PLAIN, None); 5];
        for (arg, reg) in args.iter_mut().zip(Reg::arguments()) {
            let (a, b) = (state.reg(0, reg), state.reg(1, reg));
            *arg = (arena.abs(a).deeper(), (a != b).then(|| arena.abs(b).deeper()));
        }
        let own = state.sides.first().filter(|_| passes_frame);
        let own = own.map(|side| facts(arena, &side.frame, Abs::deeper)).unwrap_or_default();
        let above = state.parents.iter().map(|p| facts(arena, &p.cells, Abs::deeper));
        Entry { args, parents: std::iter::once(own).chain(above).take(MAX_PARENTS).collect() }
    }

    /// Joins another way in and says whether that changed this one.
    pub fn join(&mut self, endian: Endian, other: &Entry, joins: u32) -> bool {
        let before = self.clone();
        let widen = joins > WIDEN_AFTER;
        for (a, b) in self.args.iter_mut().zip(&other.args) {
            let differing = a.1.is_some() || b.1.is_some();
            let rewritten = a.1.unwrap_or(a.0).join(&b.1.unwrap_or(b.0), widen);
            *a = (a.0.join(&b.0, widen), differing.then_some(rewritten));
        }
        for (a, b) in self.parents.iter_mut().zip(&other.parents) {
            *a = join_facts(endian, a, b, widen);
        }
        // Where a function is entered with fewer callers, the frames of more are not there.
        self.parents.extend_from_slice(other.parents.get(self.parents.len()..).unwrap_or_default());
        *self != before
    }

    /// The state of a function that is entered so. Arguments that the rewritten function does
    /// not read need not be the same in both programs.
    pub fn state(&self, arena: &mut Arena, sides: usize, read: RegSet) -> State {
        let mut state = State::start(arena, sides);
        for (reg, (original, rewritten)) in Reg::arguments().zip(&self.args) {
            let sym = arena.opaque(*original);
            state.set(0, reg, sym);
            if read.contains(reg) {
                let other = rewritten.map_or(sym, |abs| arena.opaque(abs));
                state.set(1, reg, other);
            }
        }
        for facts in &self.parents {
            let cells = cells(arena, facts);
            state.parents.push(Parent { cells, touched: Bytes::default() });
        }
        state
    }
}

/// What a function leaves when it returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Exit {
    /// What it returns, seen from the caller.
    pub result: Abs,
    /// The callers' frames, the nearest first: what they hold, and what was written there.
    parents: Vec<(FrameFacts, Bytes)>,
    touched_beyond: bool,
}

impl Exit {
    /// What a function leaves that returns in a state.
    pub fn new(arena: &Arena, state: &State) -> Exit {
        let parents = state.parents.iter();
        Exit {
            result: arena.abs(state.reg(0, Reg::R0)).shallower(),
            parents: parents.map(|p| (facts(arena, &p.cells, Abs::shallower), p.touched)).collect(),
            touched_beyond: state.touched_beyond,
        }
    }

    /// Joins another way out and says whether that changed this one.
    pub fn join(&mut self, endian: Endian, other: &Exit, joins: u32) -> bool {
        let before = self.clone();
        let widen = joins > WIDEN_AFTER;
        self.result = self.result.join(&other.result, widen);
        self.touched_beyond |= other.touched_beyond || self.parents.len() != other.parents.len();
        self.parents.truncate(other.parents.len());
        for ((facts, touched), (more, also)) in self.parents.iter_mut().zip(&other.parents) {
            *facts = join_facts(endian, facts, more, widen);
            touched.join(also);
        }
        *self != before
    }

    /// The caller's state after the call, but for registers.
    pub fn apply(&self, arena: &mut Arena, endian: Endian, state: &mut State) {
        if self.touched_beyond {
            state.overwrite_all(arena, endian);
        }
        for (depth, (facts, touched)) in self.parents.iter().enumerate() {
            if *touched == Bytes::default() {
                continue;
            }
            let left = cells(arena, facts);
            for (at, end) in pieces(facts, touched) {
                let len = (end - at) as u32;
                let known = left.read(arena, endian, (at, len), false).map(|sym| arena.abs(sym));
                match (depth.checked_sub(1), known) {
                    (None, Some(abs)) => state.replace(arena, endian, (at, end), |_, _, _| abs),
                    (None, None) => {
                        state.overwrite(arena, endian, (at, end), false, |_, len| callees(len));
                    }
                    (Some(depth), known) => {
                        // Of a caller that is there when the function is entered from elsewhere.
                        let Some(parent) = state.parents.get_mut(depth) else { break };
                        parent.touched.add(at, end);
                        match known {
                            Some(abs) => {
                                let sym = arena.opaque(abs);
                                parent.cells.write(arena, endian, at, len, sym);
                            }
                            None => parent.cells.clear(arena, endian, at, end),
                        }
                    }
                }
            }
        }
    }
}

/// What so many bytes can hold that a function wrote to a caller's frame: no address in a frame.
fn callees(len: u32) -> Abs {
    if len == 8 { Abs::CONTEXT } else { plain(len) }
}

/// The touched bytes in pieces of at most 8, each one of the cells where a cell was touched
/// whole.
fn pieces(facts: &FrameFacts, touched: &Bytes) -> Vec<(i64, i64)> {
    let mut pieces = Vec::new();
    for (mut at, end) in touched.runs() {
        while at < end {
            let cell =
                facts.iter().find(|(from, len, _)| *from == at && at + i64::from(*len) <= end);
            let next = facts.iter().map(|(from, ..)| *from).find(|from| *from > at);
            let stop = match cell {
                Some((_, len, _)) => at + i64::from(*len),
                None => next.unwrap_or(end).min(end),
            };
            pieces.push((at, stop));
            at = stop;
        }
    }
    pieces
}

/// Whether a value can reach a frame from a function that gets it as an argument.
pub fn reaches_frame(arena: &Arena, sym: Sym) -> bool {
    !matches!(arena.abs(sym).base, Base::Plain) && arena.abs(sym).base.may_be_frame()
}
