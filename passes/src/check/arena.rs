//! Symbols: names for values, the same in both programs exactly if the values are equal.
//!
//! A value is what the verifier takes for one: its 64 bits and its kind. A pointer that is null
//! and the number 0 have two symbols.
//!
//! A symbol is a term over other symbols, or opaque. Terms are hash-consed after
//! simplification, so that two computations of one value have one symbol; a value of which
//! there is only one (a number, an exact address) has one symbol wherever it comes from.
//! What is known of a symbol never changes; who learns more makes a new symbol.
//!
//! Simplifications are equations of 64-bit numbers. 32-bit operations are written as 64-bit
//! ones on low halves, sub-registers and parts of memory as shifts and masks.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::check::num::Num;
use crate::check::value::{Abs, Base, Kind};
use crate::entity::Core;
use crate::isa::{self, AluOp, Endian, Size, SwapOp, Width};

/// The name of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sym(u32);

impl Sym {
    /// Stands for frame bytes that nothing was stored to.
    pub const MISSING: Sym = Sym(0);

    /// The number of the symbol.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a value is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    /// Nothing is known of how.
    Opaque,
    /// What a call has left in its argument registers: nobody may read it.
    Nothing,
    /// A number.
    Number(u64),
    /// An exact address.
    Address(Base),
    /// A 64-bit operation.
    Alu(AluOp, Sym, Sym),
    /// A 32-bit operation that is not written as a 64-bit one.
    Alu32(AluOp, Sym, Sym),
    /// The low bytes, sign-extended to 64 bits.
    SignExtend(Size, Sym),
    /// A byte swap of the low bytes, zero-extended.
    Swap(Size, Sym),
    /// A cast between address spaces.
    Cast(u32, Sym),
    /// The same bits, of another kind.
    Kind(Kind, Sym),
    /// A pseudo value of `ldimm64`.
    Pseudo(u8, i32, i32),
    /// What an instruction computes that the loader will still change.
    Relocated(Core, Sym, Sym),
    /// Frame bytes (offset, length) that nothing was stored to.
    Initial(i64, u32),
    /// So many bytes, from this bit on, of what can be uninitialised.
    Part(Sym, u32, u32),
    /// The second value's bytes above those of the first, one of which can be uninitialised.
    Both(Sym, Sym, u32),
}

/// How deep terms are looked into for what they are made of.
pub const MAX_TERM: u32 = 8;

/// What becomes of a part of a term.
pub enum Leaf {
    /// This.
    Is(Sym),
    /// What becomes of its own parts; if it has none, the other, if that is known.
    Inside(Option<Sym>),
}

/// A hasher for small keys of our own making.
#[derive(Default)]
pub struct FastHasher(u64);

impl Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }
    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }
    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
}

/// A map that is looked up only, never iterated.
pub type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<FastHasher>>;

/// All symbols of one function.
pub struct Arena {
    symbols: Vec<(Term, Abs)>,
    index: FastMap<Term, Sym>,
}

impl Default for Arena {
    fn default() -> Self {
        let symbols = vec![(Term::Opaque, Abs::UNINIT)];
        Arena { symbols, index: FastMap::default() }
    }
}

impl Arena {
    /// What is known of a symbol.
    pub fn abs(&self, sym: Sym) -> Abs {
        self.symbols.get(sym.0 as usize).map_or(Abs::UNINIT, |(_, abs)| *abs)
    }

    /// How a symbol is computed.
    fn term(&self, sym: Sym) -> Term {
        self.symbols.get(sym.0 as usize).map_or(Term::Opaque, |(term, _)| *term)
    }

    /// The two values that a value is the sum of.
    pub fn summands(&self, sym: Sym) -> Option<(Sym, Sym)> {
        match self.term(sym) {
            Term::Alu(AluOp::Add, a, b) => Some((a, b)),
            _ => None,
        }
    }

    /// The symbol that a value is a constant number away from, and that number's symbol.
    pub fn offset_from(&self, sym: Sym) -> Option<(Sym, Sym)> {
        self.summands(sym).filter(|(_, by)| self.abs(*by).as_number().is_some())
    }

    fn push(&mut self, term: Term, abs: Abs) -> Sym {
        self.symbols.push((term, abs));
        Sym(u32::try_from(self.symbols.len() - 1).unwrap_or(u32::MAX - 1))
    }

    fn intern(&mut self, term: Term, abs: Abs) -> Sym {
        if let Some(single) = self.single(&abs) {
            return single;
        }
        if let Some(&sym) = self.index.get(&term) {
            return sym;
        }
        let sym = self.push(term, abs);
        self.index.insert(term, sym);
        sym
    }

    /// The symbol of a value of which there is only one.
    fn single(&mut self, abs: &Abs) -> Option<Sym> {
        if !abs.is_single() {
            return None;
        }
        let term = match abs.as_number() {
            Some(value) => Term::Number(value),
            None => Term::Address(abs.base),
        };
        if let Some(&sym) = self.index.get(&term) {
            return Some(sym);
        }
        let sym = self.push(term, *abs);
        self.index.insert(term, sym);
        Some(sym)
    }

    /// Whether a symbol is a term that can be computed again.
    pub fn is_computed(&self, sym: Sym) -> bool {
        match self.term(sym) {
            Term::Alu(..)
            | Term::Alu32(..)
            | Term::SignExtend(..)
            | Term::Swap(..)
            | Term::Cast(..)
            | Term::Kind(..)
            | Term::Pseudo(..)
            | Term::Relocated(..) => true,
            Term::Opaque
            | Term::Nothing
            | Term::Number(_)
            | Term::Address(_)
            | Term::Initial(..)
            | Term::Part(..)
            | Term::Both(..) => false,
        }
    }

    /// The symbol with what it is made of replaced: `from` by `to`, which has the same value.
    pub fn substitute(&mut self, sym: Sym, from: Sym, to: Sym) -> Sym {
        let replace = |sym: Sym| match sym == from {
            true => Leaf::Is(to),
            // Terms are made after what they are made of.
            false if sym < from => Leaf::Is(sym),
            false => Leaf::Inside(Some(sym)),
        };
        self.map_operands(sym, MAX_TERM, &replace).unwrap_or(sym)
    }

    /// The symbol with what it is made of replaced by what `f` says, but for constants. None if `f`
    /// has nothing to say of something that has no operands, or if the term is deep.
    pub fn map_operands(&mut self, sym: Sym, depth: u32, f: &impl Fn(Sym) -> Leaf) -> Option<Sym> {
        let term = self.term(sym);
        if matches!(term, Term::Number(_) | Term::Address(_)) {
            return Some(sym);
        }
        let leaf = match f(sym) {
            Leaf::Is(mapped) => return Some(mapped),
            Leaf::Inside(leaf) => leaf,
        };
        match term {
            Term::Alu(op, x, y) => {
                let depth = depth.checked_sub(1)?;
                let (a, b) = (self.map_operands(x, depth, f)?, self.map_operands(y, depth, f)?);
                Some(if (a, b) == (x, y) { sym } else { self.alu64(op, a, b) })
            }
            Term::Alu32(op, x, y) => {
                let depth = depth.checked_sub(1)?;
                let (a, b) = (self.map_operands(x, depth, f)?, self.map_operands(y, depth, f)?);
                Some(if (a, b) == (x, y) { sym } else { self.alu32(op, a, b) })
            }
            Term::SignExtend(size, x) => {
                let a = self.map_operands(x, depth.checked_sub(1)?, f)?;
                Some(if a == x { sym } else { self.sign_extend(size, a) })
            }
            Term::Kind(kind, x) => {
                let a = self.map_operands(x, depth.checked_sub(1)?, f)?;
                let taken = if a == x { sym } else { self.taken_for(kind, a) };
                (self.abs(taken).kind == kind).then_some(taken).or(leaf)
            }
            Term::Number(_) | Term::Address(_) => Some(sym),
            Term::Opaque
            | Term::Nothing
            | Term::Swap(..)
            | Term::Cast(..)
            | Term::Pseudo(..)
            | Term::Relocated(..)
            | Term::Initial(..)
            | Term::Part(..)
            | Term::Both(..) => leaf,
        }
    }

    /// A value that no other is known to be equal to, unless there is only one such value.
    pub fn opaque(&mut self, abs: Abs) -> Sym {
        match self.single(&abs) {
            Some(single) => single,
            None => self.push(Term::Opaque, abs),
        }
    }

    /// The same bits as another kind, for what is no address in a frame.
    pub fn taken_for(&mut self, kind: Kind, a: Sym) -> Sym {
        let abs = self.abs(a);
        if abs.kind == kind || abs.uninit || abs.base != Base::Plain {
            return a;
        }
        match self.term(a) {
            Term::Kind(_, inner) if self.abs(inner).kind == kind => inner,
            _ => self.intern(Term::Kind(kind, a), Abs { kind, ..abs }),
        }
    }

    /// A number.
    pub fn number(&mut self, value: u64) -> Sym {
        self.intern(Term::Number(value), Abs::number(Num::one(value)))
    }

    /// An address.
    pub fn address(&mut self, base: Base) -> Sym {
        let abs = Abs::address(base);
        if abs.is_single() { self.intern(Term::Address(base), abs) } else { self.opaque(abs) }
    }

    /// An address that is not 0, for bases that could be.
    pub fn address_not_null(&mut self, base: Base) -> Sym {
        let abs = Abs { num: Num::range(1, u64::MAX), ..Abs::address(base) };
        self.intern(Term::Address(base), abs)
    }

    /// What nobody may read, on none of the ways to a point.
    pub fn nothing(&mut self) -> Sym {
        self.intern(Term::Nothing, Abs::UNINIT)
    }

    /// Whether a value is what nobody may read.
    pub fn is_nothing(&self, sym: Sym) -> bool {
        self.term(sym) == Term::Nothing
    }

    /// Frame bytes that nothing was stored to.
    pub fn initial(&mut self, offset: i64, len: u32) -> Sym {
        let num = if len < 8 { Num::range(0, u64::MAX >> (64 - 8 * len)) } else { Num::ALL };
        self.intern(Term::Initial(offset, len), Abs { num, ..Abs::UNINIT })
    }

    /// What a relocated instruction makes of its operands.
    pub fn relocated(&mut self, core: Core, a: Sym, b: Sym, abs: Abs) -> Sym {
        self.intern(Term::Relocated(core, a, b), abs)
    }

    /// A pseudo value of `ldimm64`.
    pub fn pseudo(&mut self, src: u8, imm: i32, next_imm: i32) -> Sym {
        self.intern(Term::Pseudo(src, imm, next_imm), Abs::PLAIN)
    }

    /// A cast between address spaces.
    pub fn cast(&mut self, spaces: u32, a: Sym) -> Sym {
        self.intern(Term::Cast(spaces, a), Abs::PLAIN)
    }

    /// `a op b`.
    pub fn alu(&mut self, width: Width, op: AluOp, a: Sym, b: Sym) -> Sym {
        match width {
            Width::W64 => self.alu64(op, a, b),
            Width::W32 => self.alu32(op, a, b),
        }
    }

    /// The low half, zero-extended.
    pub fn low(&mut self, a: Sym) -> Sym {
        let mask = self.number(u32::MAX.into());
        self.alu64(AluOp::And, a, mask)
    }

    fn alu32(&mut self, op: AluOp, a: Sym, b: Sym) -> Sym {
        let (a, b) = (self.low(a), self.low(b));
        let count = self.abs(b).as_number().map(|c| c & 31);
        match (op, count) {
            (AluOp::Add | AluOp::Sub | AluOp::Mul, _) => {
                let wide = self.alu64(op, a, b);
                self.low(wide)
            }
            (AluOp::And | AluOp::Or | AluOp::Xor | AluOp::Div | AluOp::Mod, _) => {
                self.alu64(op, a, b)
            }
            (AluOp::Lsh | AluOp::Rsh | AluOp::Arsh, Some(count)) => {
                let count = self.number(count);
                let a = if op == AluOp::Arsh { self.sign_extend(Size::W, a) } else { a };
                let wide = self.alu64(op, a, count);
                self.low(wide)
            }
            (AluOp::SDiv | AluOp::SMod, _) => {
                let (a, b) = (self.sign_extend(Size::W, a), self.sign_extend(Size::W, b));
                let wide = self.alu64(op, a, b);
                self.low(wide)
            }
            (AluOp::Lsh | AluOp::Rsh | AluOp::Arsh, None) => {
                match (self.abs(a).as_number(), self.abs(b).as_number()) {
                    (Some(x), Some(y)) => self.number(isa::alu(Width::W32, op, x, y)),
                    _ => self.intern(Term::Alu32(op, a, b), Abs::half()),
                }
            }
        }
    }

    fn alu64(&mut self, op: AluOp, mut a: Sym, mut b: Sym) -> Sym {
        if op.commutes()
            && (self.abs(a).as_number().is_some(), a) > (self.abs(b).as_number().is_some(), b)
        {
            (a, b) = (b, a);
        }
        // Shifts are by the low 6 bits (RFC 9669 section 4.1).
        if let (AluOp::Lsh | AluOp::Rsh | AluOp::Arsh, Some(count @ 64..)) =
            (op, self.abs(b).as_number())
        {
            b = self.number(count & 63);
        }
        if let Some(simple) = self.simplified(op, a, b) {
            return simple;
        }
        let abs = Abs::alu64(op, &self.abs(a), &self.abs(b));
        self.intern(Term::Alu(op, a, b), abs)
    }

    /// A shorter way to compute `a op b`; where `op` commutes, a number is on the right.
    fn simplified(&mut self, op: AluOp, a: Sym, b: Sym) -> Option<Sym> {
        if a == b {
            match op {
                AluOp::Sub | AluOp::Xor => return Some(self.number(0)),
                AluOp::And | AluOp::Or => return Some(a),
                _ => {}
            }
        }
        let c = self.abs(b).as_number()?;
        let Abs { num, .. } = self.abs(a);
        // What may be a pointer is a number afterwards, unless the operation is one of `c == 0`.
        let is_number = self.abs(a).is_number();
        match op {
            AluOp::Add | AluOp::Sub | AluOp::Or | AluOp::Xor if c == 0 => Some(a),
            AluOp::Lsh | AluOp::Rsh | AluOp::Arsh if c & 63 == 0 => Some(a),
            AluOp::Mul | AluOp::Div | AluOp::SDiv if c == 1 => Some(a),
            AluOp::Mod | AluOp::SMod if c == 0 => Some(a),
            AluOp::Sub => {
                let negated = self.number(c.wrapping_neg());
                Some(self.alu64(AluOp::Add, a, negated))
            }
            AluOp::Add => match self.term(a) {
                Term::Alu(AluOp::Add, x, y) => {
                    let inner = self.abs(y).as_number()?;
                    let sum = self.number(inner.wrapping_add(c));
                    Some(self.alu64(AluOp::Add, x, sum))
                }
                _ => None,
            },
            AluOp::And if c == u64::MAX => Some(a),
            AluOp::And if num.possible_bits() & !c == 0 && is_number => Some(a),
            AluOp::And => match self.term(a) {
                Term::Alu(AluOp::And, x, y) => {
                    let inner = self.abs(y).as_number()?;
                    let mask = self.number(inner & c);
                    Some(self.alu64(AluOp::And, x, mask))
                }
                // The copies of the sign are masked out.
                Term::SignExtend(size, x) if c <= u64::MAX >> (64 - size.bits()) => {
                    Some(self.alu64(AluOp::And, x, b))
                }
                Term::Alu(AluOp::Rsh, x, by) => match (self.term(x), self.abs(by).as_number()) {
                    (Term::SignExtend(size, x), Some(count @ 0..64))
                        if c <= u64::MAX >> (64 - size.bits()) >> count =>
                    {
                        let shifted = self.alu64(AluOp::Rsh, x, by);
                        Some(self.alu64(AluOp::And, shifted, b))
                    }
                    _ => None,
                },
                _ => None,
            },
            AluOp::Or if c & !num.certain_bits() == 0 && is_number => Some(a),
            AluOp::Mul | AluOp::Div | AluOp::Mod if c.is_power_of_two() => {
                let (op, c) = match op {
                    AluOp::Mul => (AluOp::Lsh, u64::from(c.trailing_zeros())),
                    AluOp::Div => (AluOp::Rsh, u64::from(c.trailing_zeros())),
                    _ => (AluOp::And, c - 1),
                };
                let c = self.number(c);
                Some(self.alu64(op, a, c))
            }
            AluOp::Rsh | AluOp::Arsh => self.shifted_back(op, a, (c & 63) as u32),
            AluOp::Lsh if c > 63 => {
                let c = self.number(c & 63);
                Some(self.alu64(op, a, c))
            }
            _ => None,
        }
    }

    /// `(x & m) >> n` is `(x >> n) & (m >> n)`; `(x << n) >> n` is a mask, and with an
    /// arithmetic shift a sign extension.
    fn shifted_back(&mut self, op: AluOp, a: Sym, count: u32) -> Option<Sym> {
        if let (AluOp::Rsh, Term::Alu(AluOp::And, x, mask)) = (op, self.term(a)) {
            let mask = self.abs(mask).as_number()? >> count;
            let (count, mask) = (self.number(count.into()), self.number(mask));
            let shifted = self.alu64(AluOp::Rsh, x, count);
            return Some(self.alu64(AluOp::And, shifted, mask));
        }
        let (inner, x) = match self.term(a) {
            Term::Alu(inner @ (AluOp::Lsh | AluOp::Rsh), x, by) => {
                (inner, Some((x, self.abs(by).as_number()? as u32)))
            }
            _ => return None,
        };
        let (x, by) = x?;
        match (op, inner) {
            (AluOp::Rsh, AluOp::Lsh) if by == count => {
                let mask = self.number(u64::MAX >> count);
                Some(self.alu64(AluOp::And, x, mask))
            }
            (AluOp::Rsh, AluOp::Rsh) if by + count < 64 => {
                let count = self.number(u64::from(by + count));
                Some(self.alu64(AluOp::Rsh, x, count))
            }
            (AluOp::Arsh, AluOp::Lsh) if by == count => {
                if self.abs(x).num.fits_signed(64 - count) && self.abs(x).is_number() {
                    return Some(x);
                }
                let size = match count {
                    32 => Size::W,
                    48 => Size::H,
                    56 => Size::B,
                    _ => return None,
                };
                Some(self.sign_extend(size, x))
            }
            _ => None,
        }
    }

    /// The low bytes, sign-extended to 64 bits.
    pub fn sign_extend(&mut self, size: Size, a: Sym) -> Sym {
        let abs = self.abs(a);
        if size == Size::DW || (abs.num.fits_signed(size.bits()) && abs.is_number()) {
            return a;
        }
        let a = self.extract(a, 0, size.bytes());
        self.intern(Term::SignExtend(size, a), Abs::number(abs.num.sign_extend(size)))
    }

    /// A byte swap, as the host does it.
    pub fn swap(&mut self, op: SwapOp, size: Size, host: Endian, a: Sym) -> Sym {
        let a = self.extract(a, 0, size.bytes());
        let swaps = isa::swap(op, size, host, 1) != 1;
        if !swaps {
            return self.taken_for(Kind::Number, a);
        }
        if let Term::Swap(inner, x) = self.term(a)
            && inner == size
        {
            return self.taken_for(Kind::Number, x);
        }
        let num = self.abs(a).num.swapped(size, |value| isa::swap(op, size, host, value));
        self.intern(Term::Swap(size, a), Abs::number(num))
    }

    /// `len` bytes of `a` from bit `shift` on, zero-extended.
    pub fn extract(&mut self, a: Sym, shift: u32, len: u32) -> Sym {
        if self.abs(a).uninit && (shift, len) != (0, 8) {
            let (whole, shift) = match self.term(a) {
                Term::Part(whole, from, _) => (whole, from + shift),
                _ => (a, shift),
            };
            let num = Num::range(0, u64::MAX >> (64 - 8 * len.clamp(1, 8)));
            return self.intern(Term::Part(whole, shift, len), Abs { num, ..Abs::UNINIT });
        }
        if let Some((half, shift)) = self.half_of(a, shift, len) {
            return self.extract(half, shift, len);
        }
        let count = self.number(shift.into());
        let a = self.alu64(AluOp::Rsh, a, count);
        if len >= 8 {
            return a;
        }
        let mask = self.number(u64::MAX >> (64 - 8 * len));
        self.alu64(AluOp::And, a, mask)
    }

    /// `high` above the `len` bytes of `low`; `high` has `high_len` bytes.
    pub fn concat(&mut self, low: Sym, len: u32, high: Sym, high_len: u32) -> Sym {
        let (x, from) = self.as_extract(low, len);
        let (y, high_from) = self.as_extract(high, high_len);
        if x == y && high_from == from + 8 * len {
            return self.extract(x, from, len + high_len);
        }
        if self.abs(low).uninit || self.abs(high).uninit {
            return self.intern(Term::Both(low, high, len), Abs::UNINIT);
        }
        let count = self.number(u64::from(8 * len));
        let shifted = self.alu64(AluOp::Lsh, high, count);
        self.alu64(AluOp::Or, low, shifted)
    }

    /// Of a value that was put together, the one of its halves that holds the bytes.
    fn half_of(&self, a: Sym, shift: u32, len: u32) -> Option<(Sym, u32)> {
        let Term::Alu(AluOp::Or, x, y) = self.term(a) else { return None };
        for (low, shifted) in [(x, y), (y, x)] {
            if let Term::Alu(AluOp::Lsh, high, by) = self.term(shifted)
                && let Some(by) = self.abs(by).as_number().filter(|&by| by < 64)
                && self.abs(low).num.max() < 1 << by
            {
                let by = by as u32;
                if shift >= by && self.abs(high).num.max() <= u64::MAX >> by {
                    return Some((high, shift - by));
                }
                return (shift + 8 * len <= by).then_some((low, shift));
            }
        }
        None
    }

    /// What `len` bytes are a part of, and from which bit on.
    fn as_extract(&self, a: Sym, len: u32) -> (Sym, u32) {
        let mask = if len >= 8 { u64::MAX } else { u64::MAX >> (64 - 8 * len) };
        let a = match self.term(a) {
            Term::Alu(AluOp::And, x, y) if self.abs(y).as_number() == Some(mask) => x,
            _ => a,
        };
        match self.term(a) {
            Term::Alu(AluOp::Rsh, x, by) => match self.abs(by).as_number() {
                Some(by) => (x, by as u32),
                None => (a, 0),
            },
            _ => (a, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_to_compute_one_value_have_one_symbol() {
        let mut arena = Arena::default();
        let x = arena.opaque(Abs::PLAIN);
        let n = |arena: &mut Arena, value: u64| arena.number(value);
        let (c32, mask) = (n(&mut arena, 32), n(&mut arena, 0xffff_ffff));
        let up = arena.alu(Width::W64, AluOp::Lsh, x, c32);
        let pair = arena.alu(Width::W64, AluOp::Rsh, up, c32);
        assert_eq!(pair, arena.low(x));
        assert_eq!(pair, arena.alu(Width::W64, AluOp::And, mask, x));
        let signed = arena.alu(Width::W64, AluOp::Arsh, up, c32);
        assert_eq!(signed, arena.sign_extend(Size::W, x));
        assert_ne!(signed, pair);
        assert_eq!(pair, arena.low(signed));
        let (one, more) = (n(&mut arena, 1), n(&mut arena, 0x1_ffff_ffff));
        assert_eq!(pair, arena.alu(Width::W32, AluOp::SDiv, x, one));
        assert_ne!(pair, arena.alu(Width::W64, AluOp::And, signed, more));
        assert_eq!(arena.extract(signed, 8, 3), arena.extract(x, 8, 3));
        assert_ne!(arena.extract(signed, 8, 4), arena.extract(x, 8, 4));
        let (four, minus) = (n(&mut arena, 4), n(&mut arena, (-4i64) as u64));
        let there = arena.alu(Width::W64, AluOp::Add, x, four);
        assert_eq!(x, arena.alu(Width::W64, AluOp::Sub, there, four));
        assert_eq!(x, arena.alu(Width::W64, AluOp::Add, minus, there));
        let halves = (arena.extract(x, 0, 4), arena.extract(x, 32, 4));
        assert_eq!(x, arena.concat(halves.0, 4, halves.1, 4));
        assert_ne!(x, arena.concat(halves.1, 4, halves.0, 4));
    }

    #[test]
    fn shifts_are_by_the_low_bits_of_the_count() {
        let mut arena = Arena::default();
        let x = arena.opaque(Abs::PLAIN);
        let shift = |arena: &mut Arena, a: Sym, count: u64| {
            let count = arena.number(count);
            arena.alu(Width::W64, AluOp::Rsh, a, count)
        };
        let by_63 = shift(&mut arena, x, 63);
        let by_all = shift(&mut arena, x, 0xffff_ffff);
        assert_eq!(by_all, by_63);
        assert_ne!(shift(&mut arena, by_all, 2), shift(&mut arena, x, 1));
    }

    #[test]
    fn narrow_operations_see_low_halves_only() {
        let mut arena = Arena::default();
        let x = arena.opaque(Abs::PLAIN);
        let low = arena.low(x);
        let one = arena.number(1);
        assert_eq!(
            arena.alu(Width::W32, AluOp::Add, x, one),
            arena.alu(Width::W32, AluOp::Add, low, one)
        );
        assert_ne!(
            arena.alu(Width::W64, AluOp::Add, x, one),
            arena.alu(Width::W64, AluOp::Add, low, one)
        );
        assert_ne!(arena.opaque(Abs::PLAIN), arena.opaque(Abs::PLAIN));
    }
}
