//! What is known at one pair of points: the symbol in each register and frame byte of both
//! programs.
//!
//! Two places are known to be equal, in one program or across both, exactly if they hold the
//! same symbol. Join: places keep a common symbol if they have one on both paths; what is
//! known of it is the join of what is known of the two. Symbols of joins are new, so that
//! nothing that was computed from the old ones is taken for something about the new. Places that
//! are equally far from two symbols on both paths are so far from the joined one.

use crate::check::arena::{Arena, FastMap, Leaf, Sym};
use crate::check::cells::{self, Cell, Cells, FRAME};
use crate::check::facts::{self, Facts};
use crate::check::loads::Loads;
use crate::check::value::{Abs, Base, Kind};
use crate::isa::{AluOp, Endian, Reg, Width};

/// The original's side of a state.
pub const ORIGINAL: usize = 0;
/// The rewritten program's side of a state.
pub const REWRITTEN: usize = 1;

/// What one program holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The registers.
    pub regs: [Sym; Reg::COUNT],
    /// The function's own frame.
    pub frame: Cells,
}

/// A set of bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Bytes([u64; FRAME as usize / 64]);

impl Bytes {
    /// Every byte.
    pub const ALL: Bytes = Bytes([u64::MAX; FRAME as usize / 64]);

    /// Adds the bytes from `at` to `end`, as far as they are in the frame.
    pub fn add(&mut self, at: i64, end: i64) {
        for i in at.max(-FRAME)..end.min(0) {
            let bit = (i + FRAME) as usize;
            self.0[bit / 64] |= 1 << (bit % 64);
        }
    }

    /// Adds the bytes of `other`.
    pub fn join(&mut self, other: &Bytes) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a |= b;
        }
    }

    /// The runs of bytes in the set, cut at multiples of 8: start and end.
    pub fn runs(&self) -> Vec<(i64, i64)> {
        let mut runs: Vec<(i64, i64)> = Vec::new();
        for bit in 0..FRAME as usize {
            if self.0[bit / 64] & (1 << (bit % 64)) == 0 {
                continue;
            }
            let at = bit as i64 - FRAME;
            match runs.last_mut() {
                Some((_, end)) if *end == at && at % 8 != 0 => *end += 1,
                _ => runs.push((at, at + 1)),
            }
        }
        runs
    }
}

/// The frame of a caller: the same in both programs.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Parent {
    /// What it holds; bytes without a cell hold anything.
    pub cells: Cells,
    /// The bytes that the function may have written.
    pub touched: Bytes,
}

/// What is known at one pair of points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The original's side; then the rewritten program's, unless that is the same function.
    pub sides: Vec<Side>,
    /// The frames of the callers as far as they are known, the nearest first.
    pub parents: Vec<Parent>,
    /// Whether the function may have written to frames beyond `parents`.
    pub touched_beyond: bool,
    /// The tests made on the way.
    pub facts: Facts,
    /// What the original has loaded.
    pub loads: Loads,
}

impl State {
    /// The state in which a function starts, with uninitialised registers that are the same
    /// in both programs.
    pub fn start(arena: &mut Arena, sides: usize) -> State {
        let mut regs = [Sym::MISSING; Reg::COUNT];
        for reg in Reg::all() {
            regs[reg.index()] = arena.opaque(Abs::UNINIT);
        }
        regs[Reg::FP.index()] = arena.address(Base::own(0));
        let side = Side { regs, frame: Cells::default() };
        State {
            sides: vec![side; sides],
            parents: Vec::new(),
            touched_beyond: false,
            facts: Facts::default(),
            loads: Loads::default(),
        }
    }

    /// What a register holds.
    pub fn reg(&self, side: usize, reg: Reg) -> Sym {
        self.sides.get(side).or(self.sides.first()).map_or(Sym::MISSING, |s| s.regs[reg.index()])
    }

    /// Sets a register of one program.
    pub fn set(&mut self, side: usize, reg: Reg, sym: Sym) {
        if let Some(side) = self.sides.get_mut(side) {
            side.regs[reg.index()] = sym;
        }
    }

    /// Sets a register of both programs.
    pub fn set_both(&mut self, reg: Reg, sym: Sym) {
        for side in &mut self.sides {
            side.regs[reg.index()] = sym;
        }
    }

    /// Every place that holds `from`, or a term of it, holds `to`, or that term of `to`.
    pub fn rename(&mut self, arena: &mut Arena, from: Sym, to: Sym) {
        let mut rename = |sym: Sym| arena.substitute(sym, from, to);
        for side in &mut self.sides {
            side.regs.iter_mut().for_each(|sym| *sym = rename(*sym));
            side.frame.map(&mut rename);
        }
        for parent in &mut self.parents {
            parent.cells.map(&mut rename);
        }
        self.facts.rename(arena, from, to);
        self.loads.rename(arena, from, to);
    }

    /// What somebody can reach who gets these arguments, and accesses frames at and above the
    /// addresses that it gets or finds there: the own frame's bytes from which offset on, and
    /// whether that can be all bytes of all frames. `holds`: addresses in frames are among what
    /// it finds. The frame is the original's: where it can be reached, the other is the same.
    pub fn reach(&self, arena: &Arena, args: &[Sym]) -> Reach {
        let mut reach = Reach { low: 0, all: false, holds: false };
        let mut beyond = false;
        for base in args.iter().map(|&sym| arena.abs(sym).base).filter(|b| b.may_be_frame()) {
            match base.frame() {
                Some((0, low, _)) => reach.low = reach.low.min(low),
                Some(_) => beyond = true,
                None if !base.may_be_own_frame() => beyond = true,
                None => (beyond, reach.low) = (true, -FRAME),
            }
        }
        if beyond && self.holds_frame_address(arena) {
            return Reach { low: -FRAME, all: true, holds: true };
        }
        let Some(own) = self.sides.first() else { return reach };
        loop {
            let before = reach.low;
            for cell in own.frame.iter().filter(|cell| cell.end() > before) {
                let base = arena.abs(cell.sym).base;
                match base.frame() {
                    _ if !base.may_be_frame() => continue,
                    Some((0, low, _)) => reach.low = reach.low.min(low),
                    _ => return Reach { low: -FRAME, all: true, holds: true },
                }
                reach.holds = true;
            }
            if reach.low == before {
                return reach;
            }
        }
    }

    /// Whether a known frame can hold an address in a frame.
    pub fn holds_frame_address(&self, arena: &Arena) -> bool {
        let own = self.sides.iter().flat_map(|side| side.frame.iter());
        let parents = self.parents.iter().flat_map(|parent| parent.cells.iter());
        own.chain(parents).any(|cell| arena.abs(cell.sym).base.may_be_frame())
    }

    /// The first byte from `at` to `end` in which the two programs' frames are not known to be
    /// equal.
    pub fn differing_byte(
        &self,
        arena: &mut Arena,
        endian: Endian,
        at: i64,
        end: i64,
    ) -> Option<i64> {
        let [a, b] = self.sides.as_slice() else { return None };
        let mut differing = None;
        cells::zip(arena, endian, (&a.frame, &b.frame), (at, end), |_, at, _, x, y| {
            if x != y && differing.is_none() {
                differing = Some(at);
            }
        });
        differing
    }

    /// Something may have written to bytes of the own frame, in both programs the same: where
    /// they were equal before they still are. `content` is what it wrote, for an offset and a
    /// length; `all`: the verifier takes all of them for initialised.
    pub fn overwrite(
        &mut self,
        arena: &mut Arena,
        endian: Endian,
        (at, end): (i64, i64),
        all: bool,
        content: impl Fn(i64, u32) -> Abs,
    ) {
        let held = self.clone();
        let own = held.sides.first();
        for (from, to, uninit) in
            own.map(|own| initialised(arena, endian, own, at, end)).unwrap_or_default()
        {
            let content = |arena: &mut Arena, at: i64, len: u32| {
                let old = own.and_then(|s| s.frame.read(arena, endian, (at, len), true));
                let old = old.map_or(Abs::UNINIT, |sym| arena.abs(sym));
                let new = Abs { uninit: uninit && !all, ..content(at, len) };
                let (base, kind) = (old.base, if len < 8 { Kind::Number } else { old.kind });
                if base == Base::Plain && kind == Kind::Number {
                    return new;
                }
                new.join(&Abs { base, kind, ..new }, false)
            };
            self.replace(arena, endian, (from, to), content);
        }
    }

    /// As [`overwrite`](Self::overwrite), where `content` says what is there afterwards.
    pub fn replace(
        &mut self,
        arena: &mut Arena,
        endian: Endian,
        (at, end): (i64, i64),
        content: impl Fn(&mut Arena, i64, u32) -> Abs,
    ) {
        let (mut next, end) = (at.max(-FRAME), end.min(0));
        while next < end {
            let stop = ((next & !7) + 8).min(end);
            let differing = self.differing_runs(arena, endian, next, stop);
            for (from, to) in &differing {
                self.set_piece(arena, endian, (next, *from), true, &content);
                self.set_piece(arena, endian, (*from, *to), false, &content);
                next = *to;
            }
            self.set_piece(arena, endian, (next, stop), true, &content);
            next = stop;
        }
    }

    /// The runs of bytes from `at` to `end` in which the frames are not known to be equal.
    fn differing_runs(
        &self,
        arena: &mut Arena,
        endian: Endian,
        at: i64,
        end: i64,
    ) -> Vec<(i64, i64)> {
        let [a, b] = self.sides.as_slice() else { return Vec::new() };
        let mut runs: Vec<(i64, i64)> = Vec::new();
        cells::zip(arena, endian, (&a.frame, &b.frame), (at, end), |_, at, len, x, y| {
            let to = at + i64::from(len);
            match runs.last_mut() {
                _ if x == y => {}
                Some((_, end)) if *end == at => *end = to,
                _ => runs.push((at, to)),
            }
        });
        runs
    }

    fn set_piece(
        &mut self,
        arena: &mut Arena,
        endian: Endian,
        (at, end): (i64, i64),
        equal: bool,
        content: &impl Fn(&mut Arena, i64, u32) -> Abs,
    ) {
        if at >= end {
            return;
        }
        let len = (end - at) as u32;
        let abs = content(arena, at, len);
        let first = arena.opaque(abs);
        for (i, side) in self.sides.iter_mut().enumerate() {
            let sym = if i == 0 || equal { first } else { arena.opaque(abs) };
            side.frame.write(arena, endian, at, len, sym);
        }
    }

    /// Something may have written to bytes of a caller's frame, the nearest one's being 0: what
    /// they hold is not known.
    pub fn lose(&mut self, arena: &mut Arena, endian: Endian, parent: u8, (at, end): (i64, i64)) {
        let Some(parent) = self.parents.get_mut(usize::from(parent)) else {
            self.touched_beyond = true;
            return;
        };
        let (at, end) = (at.max(-FRAME), end.min(0));
        parent.cells.clear(arena, endian, at, end);
        parent.touched.add(at, end);
    }

    /// Something has written anything anywhere in every known frame.
    pub fn overwrite_all(&mut self, arena: &mut Arena, endian: Endian) {
        self.replace(arena, endian, (-FRAME, 0), |_, _, len| anything(len));
        for parent in &mut self.parents {
            *parent = Parent { cells: Cells::default(), touched: Bytes::ALL };
        }
        self.touched_beyond = true;
    }
}

/// What somebody can reach who gets addresses ([`State::reach`]).
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// The own frame's bytes from this offset on.
    pub low: i64,
    /// All bytes of all frames.
    pub all: bool,
    /// There can be addresses in frames among them.
    pub holds: bool,
}

/// The bytes of a frame from `at` to `end` in runs, each with whether it can be uninitialised.
fn initialised(
    arena: &mut Arena,
    endian: Endian,
    side: &Side,
    at: i64,
    end: i64,
) -> Vec<(i64, i64, bool)> {
    let mut runs: Vec<(i64, i64, bool)> = Vec::new();
    for piece in side.frame.pieces(arena, endian, at.max(-FRAME), end.min(0)) {
        let uninit = piece.sym == Sym::MISSING || arena.abs(piece.sym).uninit;
        match runs.last_mut() {
            Some((_, to, same)) if *same == uninit => *to = piece.end(),
            _ => runs.push((piece.at, piece.end(), uninit)),
        }
    }
    runs
}

/// What so many bytes of memory can hold if they can hold an address in a frame.
pub fn anything(len: u32) -> Abs {
    if len == 8 { Abs::ANY } else { plain(len) }
}

/// What so many bytes of memory can hold.
pub fn plain(len: u32) -> Abs {
    match len {
        8.. => Abs::PLAIN,
        _ => Abs::number(crate::check::num::Num::range(0, u64::MAX >> (64 - 8 * len.max(1)))),
    }
}

/// What a join has found so far for each symbol, kept from join to join so that it need not
/// be cleared.
#[derive(Default)]
pub struct Scratch {
    /// The number of the join.
    round: u32,
    /// For each known symbol: the join that saw it, the first arriving symbol that it stood
    /// beside there, and what became of the two.
    first: Vec<(u32, Sym, Sym)>,
    /// What became of other pairs: few.
    others: FastMap<(Sym, Sym), Sym>,
    /// For each arriving symbol: the join that saw it, and the first known symbol that it
    /// stood beside.
    back: Vec<(u32, Sym)>,
}

impl Scratch {
    /// What became of two symbols that stood beside each other.
    fn became(&self, known: Sym, arriving: Sym) -> Option<Sym> {
        match self.first.get(known.index()) {
            Some((round, first, became)) if *round == self.round && *first == arriving => {
                Some(*became)
            }
            _ => self.others.get(&(known, arriving)).copied(),
        }
    }

    /// The symbol that a known one stands beside, and what became of the two.
    fn arriving(&self, known: Sym) -> Option<(Sym, Sym)> {
        let (round, arriving, became) = self.first.get(known.index())?;
        (*round == self.round).then_some((*arriving, *became))
    }

    /// The known symbol that an arriving one stands beside, and what became of the two.
    fn known(&self, arriving: Sym) -> Option<(Sym, Sym)> {
        let (round, known) = self.back.get(arriving.index())?;
        (*round == self.round).then_some((*known, self.became(*known, arriving)?))
    }
}

/// Joins states at one pair of points.
pub struct Join<'a> {
    /// The symbols.
    pub arena: &'a mut Arena,
    /// The byte order of memory.
    pub endian: Endian,
    /// The symbols that earlier joins at this point made.
    pub owned: &'a mut Vec<Sym>,
    /// Whether bounds that grow go as far as they can.
    pub widen: bool,
    /// What is left of earlier joins.
    pub scratch: &'a mut Scratch,
}

impl Join<'_> {
    /// The join of what is known at the point with what arrives.
    pub fn states(mut self, known: &State, arriving: &State) -> State {
        self.scratch.round += 1;
        self.scratch.others.clear();
        let frames = [known, arriving].into_iter().flat_map(|state| &state.sides);
        let cuts = cells::cuts(&frames.map(|side| &side.frame).collect::<Vec<_>>());
        let mut joined = known.clone();
        for (side, from) in joined.sides.iter_mut().zip(&arriving.sides) {
            for (sym, &arriving) in side.regs.iter_mut().zip(&from.regs) {
                *sym = self.pair(*sym, arriving);
            }
            side.frame = self.cells((&side.frame, &from.frame), cuts.as_deref(), true);
        }
        joined.parents.truncate(arriving.parents.len());
        for (parent, from) in joined.parents.iter_mut().zip(&arriving.parents) {
            let cuts = cells::cuts(&[&parent.cells, &from.cells]);
            parent.cells = self.cells((&parent.cells, &from.cells), cuts.as_deref(), false);
            parent.touched.join(&from.touched);
        }
        let dropped = |state: &State| {
            let mut beyond = state.parents.iter().skip(joined.parents.len());
            beyond.any(|parent| parent.touched != Bytes::default())
        };
        joined.touched_beyond |= arriving.touched_beyond || dropped(known) || dropped(arriving);
        joined.facts = self.facts(known, arriving);
        joined
    }

    /// What is known on both ways of what places hold.
    fn facts(&mut self, known: &State, arriving: &State) -> Facts {
        let mut facts = Facts::default();
        // Symbols before those that earlier joins made here are the same on both ways.
        let first_owned = self.owned.first().copied();
        let unchanged = move |sym: Sym| first_owned.is_none_or(|owned| sym < owned).then_some(sym);
        for fact in known.facts.iter() {
            let scratch = &*self.scratch;
            let side = |sym| match scratch.arriving(sym) {
                Some((arriving, _)) => Leaf::Is(arriving),
                None => Leaf::Inside(unchanged(sym)),
            };
            let both = |sym| match scratch.arriving(sym) {
                Some((_, became)) => Leaf::Is(became),
                None => Leaf::Inside(unchanged(sym)),
            };
            facts.extend(facts::joined(self.arena, fact, &arriving.facts, side, both));
        }
        // Where bounds still grow, facts could come and go with them.
        for fact in arriving.facts.iter().filter(|_| !self.widen) {
            let scratch = &*self.scratch;
            let side = |sym| match scratch.known(sym) {
                Some((known, _)) => Leaf::Is(known),
                None => Leaf::Inside(unchanged(sym)),
            };
            let both = |sym| match scratch.known(sym) {
                Some((_, became)) => Leaf::Is(became),
                None => Leaf::Inside(unchanged(sym)),
            };
            facts.extend(facts::joined(self.arena, fact, &known.facts, side, both));
        }
        facts
    }

    /// The joined frame, cut at these offsets if not all frames have the same cells: both programs'
    /// frames are cut alike, so that bytes that are equal stay equal. Bytes without a cell are
    /// dropped unless it is the `own` frame.
    fn cells(
        &mut self,
        (known, arriving): (&Cells, &Cells),
        cuts: Option<&[i64]>,
        own: bool,
    ) -> Cells {
        let mut joined = Cells::default();
        let Some(cuts) = cuts else {
            for (&Cell { at, len, sym }, from) in known.iter().zip(arriving.iter()) {
                joined.push(Cell { at, len, sym: self.pair(sym, from.sym) });
            }
            return joined;
        };
        let pieces = known.between(cuts).zip(arriving.between(cuts));
        for (cut, (a, b)) in cuts.windows(2).zip(pieces) {
            let (at, end) = (cut[0], cut[1]);
            let whole = if own { a.is_some() || b.is_some() } else { a.is_some() && b.is_some() };
            if !whole {
                continue;
            }
            let len = (end - at) as u32;
            let mut held = |cell: Option<&Cell>| match cell {
                Some(cell) => cell.part(self.arena, self.endian, at, end).sym,
                None => self.arena.initial(at, len),
            };
            let (a, b) = (held(a), held(b));
            joined.push(Cell { at, len, sym: self.pair(a, b) });
        }
        joined
    }

    /// The symbol of places that hold `known` at the point and `arriving` on the new way. The
    /// first such pair keeps the known symbol, if it is the same or one of this point that
    /// covers what arrives.
    fn pair(&mut self, known: Sym, arriving: Sym) -> Sym {
        let index = known.index();
        if index >= self.scratch.first.len() {
            self.scratch.first.resize(index + 1, (0, Sym::MISSING, Sym::MISSING));
        }
        let (round, first, became) = self.scratch.first[index];
        let unclaimed = round != self.scratch.round;
        if !unclaimed {
            if first == arriving {
                return became;
            }
            if let Some(&sym) = self.scratch.others.get(&(known, arriving)) {
                return sym;
            }
        }
        if arriving.index() >= self.scratch.back.len() {
            self.scratch.back.resize(arriving.index() + 1, (0, Sym::MISSING));
        }
        let back = &mut self.scratch.back[arriving.index()];
        if back.0 != self.scratch.round {
            *back = (self.scratch.round, known);
        }
        let sym = self.joined(known, arriving, unclaimed);
        if unclaimed {
            self.scratch.first[index] = (self.scratch.round, arriving, sym);
        } else {
            self.scratch.others.insert((known, arriving), sym);
        }
        sym
    }

    fn joined(&mut self, known: Sym, arriving: Sym, unclaimed: bool) -> Sym {
        let from = self.arena.offset_from(known);
        let is_owned = |sym: Sym| self.owned.binary_search(&sym).is_ok();
        let changes = is_owned(known) || from.is_some_and(|(from, _)| is_owned(from));
        // Only symbols of this point can stand for another value on the new way.
        if known == arriving && !changes {
            return known;
        }
        let (a, b) = (self.arena.abs(known), self.arena.abs(arriving));
        let joined = a.join(&b, self.widen);
        if unclaimed && joined == a && is_owned(known) {
            return known;
        }
        if let (Some((x, by)), Some((y, same))) = (from, self.arena.offset_from(arriving))
            && by == same
        {
            let from = self.pair(x, y);
            let sum = self.arena.alu(Width::W64, AluOp::Add, from, by);
            if joined.join(&self.arena.abs(sum), false) == joined {
                return sum;
            }
        }
        let sym = self.arena.opaque(joined);
        if let Err(position) = self.owned.binary_search(&sym) {
            self.owned.insert(position, sym);
        }
        sym
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LE: Endian = Endian::Little;

    fn join(arena: &mut Arena, known: &State, arriving: &State) -> State {
        let (mut owned, mut scratch) = (Vec::new(), Scratch::default());
        let join =
            Join { arena, endian: LE, owned: &mut owned, widen: false, scratch: &mut scratch };
        join.states(known, arriving)
    }

    /// Only one program cuts a slot in two on one way; on the other both hold the same there, or
    /// not.
    #[test]
    fn frames_are_cut_alike() {
        for same in [true, false] {
            let mut arena = Arena::default();
            let (mut known, mut arriving) =
                (State::start(&mut arena, 2), State::start(&mut arena, 2));
            let half = arena.opaque(plain(2));
            known.sides[ORIGINAL].frame.write(&mut arena, LE, -8, 2, half);
            let whole = [arena.opaque(Abs::NUMBER), arena.opaque(Abs::NUMBER)];
            for (i, side) in arriving.sides.iter_mut().enumerate() {
                side.frame.write(&mut arena, LE, -8, 8, whole[if same { 0 } else { i }]);
            }
            let joined = join(&mut arena, &known, &arriving);
            assert_eq!(joined.differing_byte(&mut arena, LE, -8, 0), Some(-8));
            assert_eq!(joined.differing_byte(&mut arena, LE, -6, 0).is_none(), same);
        }
    }

    /// Places that are equally far from two symbols on both ways are so far from the joined one.
    #[test]
    fn distances_outlive_joins() {
        for (distance, kept) in [(16, true), (17, false)] {
            let mut arena = Arena::default();
            let mut states = Vec::new();
            for by in [16, distance] {
                let mut state = State::start(&mut arena, 2);
                let (x, by) = (arena.opaque(Abs::PLAIN), arena.number(by));
                let sum = arena.alu(Width::W64, AluOp::Add, x, by);
                state.set(ORIGINAL, Reg::R1, sum);
                state.set(REWRITTEN, Reg::R1, x);
                states.push(state);
            }
            let joined = join(&mut arena, &states[0], &states[1]);
            let by = arena.number(16);
            let sum = arena.alu(Width::W64, AluOp::Add, joined.reg(REWRITTEN, Reg::R1), by);
            assert_eq!(joined.reg(ORIGINAL, Reg::R1) == sum, kept);
        }
    }

    /// A symbol that stands for another value now takes what is far from it along; what the way
    /// still holds of the value before is another.
    #[test]
    fn sums_with_symbols_of_the_join_are_joined_again() {
        let mut arena = Arena::default();
        let by = arena.number(16);
        let start = State::start(&mut arena, 1);
        let (mut known, mut arriving) = (start.clone(), start);
        let (x, y) = (arena.opaque(Abs::PLAIN), arena.opaque(Abs::PLAIN));
        let sum = arena.alu(Width::W64, AluOp::Add, x, by);
        for (state, now) in [(&mut known, x), (&mut arriving, y)] {
            state.set(0, Reg::R1, now);
            state.set(0, Reg::R2, sum);
        }
        let (mut owned, mut scratch) = (vec![x], Scratch::default());
        let join = Join {
            arena: &mut arena,
            endian: LE,
            owned: &mut owned,
            widen: false,
            scratch: &mut scratch,
        };
        let joined = join.states(&known, &arriving);
        assert_eq!(joined.reg(0, Reg::R1), x);
        assert_ne!(joined.reg(0, Reg::R2), sum);
    }
}
