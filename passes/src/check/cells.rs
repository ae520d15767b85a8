//! The bytes of one frame: cells of one to eight bytes, each a symbol.
//!
//! Bytes without a cell hold what they held when the frame was made: the same in both
//! programs, and uninitialised for the verifier. In a caller's frame they hold anything.
//! Offsets are bytes from the frame's `r10`, -512 to -1.

use crate::check::arena::{Arena, Sym};
use crate::isa::Endian;

/// Bytes of a frame (`MAX_BPF_STACK` of the kernel).
pub const FRAME: i64 = 512;

/// Bytes that hold one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Offset of the first byte.
    pub at: i64,
    /// How many bytes, 1 to 8.
    pub len: u32,
    /// The value, zero-extended.
    pub sym: Sym,
}

impl Cell {
    /// The offset after the last byte.
    pub fn end(&self) -> i64 {
        self.at + i64::from(self.len)
    }

    /// The part of the cell from `at` to `end`.
    pub fn part(&self, arena: &mut Arena, endian: Endian, at: i64, end: i64) -> Cell {
        if (at, end) == (self.at, self.end()) {
            return *self;
        }
        let bytes = match endian {
            Endian::Little => at - self.at,
            Endian::Big => self.end() - end,
        };
        let len = (end - at) as u32;
        Cell { at, len, sym: arena.extract(self.sym, 8 * bytes as u32, len) }
    }
}

/// The cells of a frame, in order, none overlapping another.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Cells(Vec<Cell>);

/// Whether all the bytes are in a frame.
pub fn in_frame(offset: i64, len: u32) -> bool {
    offset >= -FRAME && offset.saturating_add(len.into()) <= 0
}

impl Cells {
    /// The cells in order.
    pub fn iter(&self) -> impl Iterator<Item = &Cell> {
        self.0.iter()
    }

    /// Adds a cell after all others.
    pub fn push(&mut self, cell: Cell) {
        self.0.push(cell);
    }

    /// Changes the value of every cell.
    pub fn map(&mut self, mut f: impl FnMut(Sym) -> Sym) {
        for cell in &mut self.0 {
            cell.sym = f(cell.sym);
        }
    }

    /// The positions of the cells that have a byte from `at` to `end`.
    fn range(&self, at: i64, end: i64) -> std::ops::Range<usize> {
        let first = self.0.partition_point(|cell| cell.end() <= at);
        let last = self.0.partition_point(|cell| cell.at < end);
        first..last.max(first)
    }

    /// Lets the bytes from `at` to `end` have no cell.
    pub fn clear(&mut self, arena: &mut Arena, endian: Endian, at: i64, end: i64) {
        let range = self.range(at, end);
        let mut kept = Vec::new();
        for cell in self.0.get(range.clone()).unwrap_or_default() {
            if cell.at < at {
                kept.push(cell.part(arena, endian, cell.at, at));
            }
            if cell.end() > end {
                kept.push(cell.part(arena, endian, end, cell.end()));
            }
        }
        self.0.splice(range, kept);
    }

    /// Stores a value of `len` bytes, which is zero-extended.
    pub fn write(&mut self, arena: &mut Arena, endian: Endian, at: i64, len: u32, sym: Sym) {
        let cell = Cell { at, len, sym };
        let range = self.range(at, cell.end());
        if let [old] = self.0.get(range.clone()).unwrap_or_default()
            && (old.at, old.len) == (at, len)
        {
            self.0[range.start] = cell;
            return;
        }
        self.clear(arena, endian, at, cell.end());
        let position = self.0.partition_point(|cell| cell.at < at);
        self.0.insert(position, cell);
    }

    /// For the bytes between each two of the cuts, the cell that they are in, if one is there. All
    /// offsets at which a cell begins or ends are among the cuts.
    pub fn between(&self, cuts: &[i64]) -> impl Iterator<Item = Option<&Cell>> {
        let mut cells = self.0.iter().peekable();
        cuts.windows(2).map(move |cut| {
            let (at, end) = (cut[0], cut[1]);
            while cells.next_if(|cell| cell.end() <= at).is_some() {}
            cells.peek().copied().filter(|cell| cell.at < end)
        })
    }

    /// The bytes from `at` to `end` in pieces, where they have a cell and where not
    /// ([`Sym::MISSING`]).
    pub fn pieces(&self, arena: &mut Arena, endian: Endian, at: i64, end: i64) -> Vec<Cell> {
        let mut pieces = Vec::new();
        let mut next = at;
        let missing = |at: i64, end: i64| Cell { at, len: (end - at) as u32, sym: Sym::MISSING };
        for cell in self.0.get(self.range(at, end)).unwrap_or_default() {
            if cell.at > next {
                pieces.push(missing(next, cell.at));
            }
            let part = cell.part(arena, endian, cell.at.max(at), cell.end().min(end));
            next = part.end();
            pieces.push(part);
        }
        if next < end {
            pieces.push(missing(next, end));
        }
        pieces
    }

    /// The `len` bytes at `at`, zero-extended; none if a byte has no cell and `own` is false.
    pub fn read(
        &self,
        arena: &mut Arena,
        endian: Endian,
        (at, len): (i64, u32),
        own: bool,
    ) -> Option<Sym> {
        let range = self.range(at, at + i64::from(len));
        if let [cell] = self.0.get(range).unwrap_or_default()
            && (cell.at, cell.len) == (at, len)
        {
            return Some(cell.sym);
        }
        let mut pieces = self.pieces(arena, endian, at, at + i64::from(len));
        if endian == Endian::Big {
            pieces.reverse();
        }
        let mut whole: Option<(Sym, u32)> = None;
        for piece in pieces {
            let sym = match piece.sym {
                Sym::MISSING if !own => return None,
                Sym::MISSING => arena.initial(piece.at, piece.len),
                sym => sym,
            };
            whole = Some(match whole {
                None => (sym, piece.len),
                Some((low, n)) => (arena.concat(low, n, sym, piece.len), n + piece.len),
            });
        }
        whole.map(|(sym, _)| sym)
    }
}

/// The offsets at which a cell of one of the frames begins or ends, in order; none if all have
/// the same cells.
pub fn cuts(frames: &[&Cells]) -> Option<Vec<i64>> {
    let [first, rest @ ..] = frames else { return None };
    let alike = |(a, b): (&Cell, &Cell)| (a.at, a.len) == (b.at, b.len);
    let is_alike =
        |cells: &&Cells| cells.0.len() == first.0.len() && cells.0.iter().zip(&first.0).all(alike);
    if rest.iter().all(is_alike) {
        return None;
    }
    let cells = frames.iter().flat_map(|cells| cells.iter());
    let mut cuts: Vec<i64> = cells.flat_map(|cell| [cell.at, cell.end()]).collect();
    cuts.sort_unstable();
    cuts.dedup();
    Some(cuts)
}

/// Calls `f` for the bytes from `at` to `end` of two frames, cut so that each piece is in one
/// cell of either, where one of them has a cell: offset, length and the symbols of both.
pub fn zip(
    arena: &mut Arena,
    endian: Endian,
    (a, b): (&Cells, &Cells),
    (at, end): (i64, i64),
    mut f: impl FnMut(&mut Arena, i64, u32, Sym, Sym),
) {
    let (mut xs, mut ys) = (a.0.get(a.range(at, end)), b.0.get(b.range(at, end)));
    let mut from = at;
    while from < end {
        let next = |cells: &mut Option<&[Cell]>| {
            while let Some([first, rest @ ..]) = *cells
                && first.end() <= from
            {
                *cells = Some(rest);
            }
            cells.and_then(|cells| cells.first().copied())
        };
        let (x, y) = (next(&mut xs), next(&mut ys));
        let stop = |cell: &Cell| if cell.at > from { cell.at } else { cell.end() };
        let to = [x, y].iter().flatten().map(stop).fold(end, i64::min);
        let mut held = |cell: Option<Cell>| match cell.filter(|cell| cell.at <= from) {
            Some(cell) => cell.part(arena, endian, from, to).sym,
            None => Sym::MISSING,
        };
        let (x, y) = (held(x), held(y));
        if (x, y) != (Sym::MISSING, Sym::MISSING) {
            f(arena, from, (to - from) as u32, x, y);
        }
        from = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::value::Abs;

    #[test]
    fn parts_of_values_follow_the_byte_order() {
        for endian in [Endian::Little, Endian::Big] {
            let mut arena = Arena::default();
            let mut cells = Cells::default();
            let word = arena.number(0x1122_3344_5566_7788);
            cells.write(&mut arena, endian, -8, 8, word);
            let byte = arena.number(0x99);
            cells.write(&mut arena, endian, -7, 1, byte);
            let expected = match endian {
                Endian::Little => 0x1122_3344_5566_9988,
                Endian::Big => 0x1199_3344_5566_7788,
            };
            let whole = cells.read(&mut arena, endian, (-8, 8), true).unwrap();
            assert_eq!(arena.abs(whole).as_number(), Some(expected));
            let half = cells.read(&mut arena, endian, (-4, 4), true).unwrap();
            let expected = if endian == Endian::Little { 0x1122_3344 } else { 0x5566_7788 };
            assert_eq!(arena.abs(half).as_number(), Some(expected));
        }
    }

    #[test]
    fn what_was_cut_comes_back_whole() {
        for endian in [Endian::Little, Endian::Big] {
            let mut arena = Arena::default();
            let (mut a, mut b) = (Cells::default(), Cells::default());
            let x = arena.opaque(Abs::PLAIN);
            a.write(&mut arena, endian, -8, 8, x);
            for (at, len) in [(-8, 2), (-6, 1), (-5, 1), (-4, 4)] {
                let part = a.read(&mut arena, endian, (at, len), true).unwrap();
                b.write(&mut arena, endian, at, len, part);
            }
            assert_eq!(b.read(&mut arena, endian, (-8, 8), true), Some(x));
            let mut differing = 0;
            zip(&mut arena, endian, (&a, &b), (-16, 0), |_, _, _, p, q| {
                differing += i32::from(p != q);
            });
            assert_eq!(differing, 0);
        }
    }

    #[test]
    fn bytes_that_nothing_was_stored_to_are_uninitialised() {
        let mut arena = Arena::default();
        let mut cells = Cells::default();
        let x = arena.opaque(Abs::PLAIN);
        cells.write(&mut arena, Endian::Little, -8, 4, x);
        let half = cells.read(&mut arena, Endian::Little, (-8, 8), true).unwrap();
        assert!(arena.abs(half).uninit);
        assert_eq!(cells.read(&mut arena, Endian::Little, (-8, 8), false), None);
    }
}
