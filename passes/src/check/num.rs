//! Sets of 64-bit numbers: bits that are known to be 0 or 1, an unsigned and a signed
//! interval, and a signed interval of the low halves. Order: inclusion. Meet of facts is intersection, join of paths the smallest
//! such set around both.

use crate::isa::{self, AluOp, Cond, Size, Width};

const LOW: u64 = u32::MAX as u64;
const SIGN: u64 = 1 << 63;

/// A set of numbers that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Num {
    /// Bits that are 0 in every number.
    zeros: u64,
    /// Bits that are 1 in every number.
    ones: u64,
    umin: u64,
    umax: u64,
    smin: i64,
    smax: i64,
    /// The low halves, signed.
    wmin: i32,
    wmax: i32,
}

impl Num {
    /// All numbers.
    pub const ALL: Num = Num {
        zeros: 0,
        ones: 0,
        umin: 0,
        umax: u64::MAX,
        smin: i64::MIN,
        smax: i64::MAX,
        wmin: i32::MIN,
        wmax: i32::MAX,
    };

    /// One number.
    pub fn one(value: u64) -> Num {
        let (signed, low) = (value as i64, value as i32);
        Num {
            zeros: !value,
            ones: value,
            umin: value,
            umax: value,
            smin: signed,
            smax: signed,
            wmin: low,
            wmax: low,
        }
    }

    /// The numbers from `umin` to `umax`.
    pub fn range(umin: u64, umax: u64) -> Num {
        Num { umin, umax, ..Num::ALL }.tight().unwrap_or(Num::ALL)
    }

    /// The numbers up to `max`, signed, whole and as low halves.
    pub fn at_most(max: i32) -> Num {
        Num { smax: max.into(), wmax: max, ..Num::ALL }.tight().unwrap_or(Num::ALL)
    }

    /// The numbers of so many bytes, zero-extended.
    pub fn of_size(size: Size) -> Num {
        Num::range(0, isa::extend(size, u64::MAX))
    }

    /// The numbers up to `umax` that have the bits of `value` where `known` is 1.
    pub fn with_bits(value: u64, known: u64, umax: u64) -> Num {
        let (zeros, ones) = (!value & known, value & known);
        Num { zeros, ones, umax, ..Num::ALL }.tight().unwrap_or(Num::ALL)
    }

    /// The number, if there is only one.
    pub fn as_one(&self) -> Option<u64> {
        (self.umin == self.umax).then_some(self.umin)
    }

    /// The smallest number.
    pub fn min(&self) -> u64 {
        self.umin
    }

    /// The largest number.
    pub fn max(&self) -> u64 {
        self.umax
    }

    /// The smallest and the largest number, signed.
    pub fn signed(&self) -> (i64, i64) {
        (self.smin, self.smax)
    }

    /// Bits that are 1 in some number.
    pub fn possible_bits(&self) -> u64 {
        !self.zeros
    }

    /// Bits that are 1 in every number.
    pub fn certain_bits(&self) -> u64 {
        self.ones
    }

    /// Whether each number is its own low `bits` bits, sign-extended.
    pub fn fits_signed(&self, bits: u32) -> bool {
        let shift = 64 - bits;
        self.smin >= i64::MIN >> shift && self.smax <= i64::MAX >> shift
    }

    /// The intervals and bits, each as narrow as the others make it; none if nothing is left.
    fn tight(mut self) -> Option<Num> {
        for _ in 0..3 {
            let before = self;
            if self.zeros & self.ones != 0 {
                return None;
            }
            self.umin = self.umin.max(self.ones);
            self.umax = self.umax.min(!self.zeros);
            let negative_first = if self.zeros & SIGN == 0 { SIGN } else { 0 };
            let positive_last =
                if self.ones & SIGN == 0 { !self.zeros & !SIGN } else { !self.zeros };
            self.smin = self.smin.max((self.ones | negative_first) as i64);
            self.smax = self.smax.min(positive_last as i64);
            if (self.umin ^ self.umax) & SIGN == 0 {
                self.smin = self.smin.max(self.umin as i64);
                self.smax = self.smax.min(self.umax as i64);
            }
            if (self.smin < 0) == (self.smax < 0) {
                self.umin = self.umin.max(self.smin as u64);
                self.umax = self.umax.min(self.smax as u64);
            }
            self.tighten_low();
            if self.umin > self.umax || self.smin > self.smax || self.wmin > self.wmax {
                return None;
            }
            let prefix = match (self.umin ^ self.umax).leading_zeros() {
                0 => 0,
                64 => u64::MAX,
                n => u64::MAX << (64 - n),
            };
            self.ones |= self.umin & prefix;
            self.zeros |= !self.umin & prefix;
            if self == before {
                break;
            }
        }
        (self.zeros & self.ones == 0).then_some(self)
    }

    /// What the low halves have of the numbers, and the numbers of their low halves.
    fn tighten_low(&mut self) {
        const LOW_SIGN: u32 = 1 << 31;
        let (zeros, ones) = (self.zeros as u32, self.ones as u32);
        self.wmin = self.wmin.max((ones | (!zeros & LOW_SIGN)) as i32);
        self.wmax = self.wmax.min((ones | (!zeros & !LOW_SIGN)) as i32);
        // The low halves are all there is, as signed numbers, or as unsigned ones.
        if self.fits_signed(32) {
            self.wmin = self.wmin.max(self.smin as i32);
            self.wmax = self.wmax.min(self.smax as i32);
            self.smin = self.smin.max(self.wmin.into());
            self.smax = self.smax.min(self.wmax.into());
        }
        if self.umax <= LOW {
            let (first, last) = (self.umin as i32, self.umax as i32);
            if (first < 0) == (last < 0) {
                self.wmin = self.wmin.max(first);
                self.wmax = self.wmax.min(last);
            }
            if (self.wmin < 0) == (self.wmax < 0) {
                self.umin = self.umin.max((self.wmin as u32).into());
                self.umax = self.umax.min((self.wmax as u32).into());
            }
        }
    }

    fn tight_or_all(self) -> Num {
        self.tight().unwrap_or(Num::ALL)
    }

    /// The smallest set around both.
    pub fn join(&self, other: &Num) -> Num {
        Num {
            zeros: self.zeros & other.zeros,
            ones: self.ones & other.ones,
            umin: self.umin.min(other.umin),
            umax: self.umax.max(other.umax),
            smin: self.smin.min(other.smin),
            smax: self.smax.max(other.smax),
            wmin: self.wmin.min(other.wmin),
            wmax: self.wmax.max(other.wmax),
        }
    }

    /// A set around both; a bound that `other` moves goes as far as it can, and so do all bits
    /// from the lowest one on that is not known any more: chains of these are short.
    pub fn widen(&self, other: &Num) -> Num {
        let joined = self.join(other);
        let lost = (self.zeros | self.ones) & !(joined.zeros | joined.ones);
        let kept = if lost == 0 { u64::MAX } else { !(u64::MAX << lost.trailing_zeros()) };
        Num {
            zeros: joined.zeros & kept,
            ones: joined.ones & kept,
            umin: if joined.umin < self.umin { 0 } else { self.umin },
            umax: if joined.umax > self.umax { u64::MAX } else { self.umax },
            smin: if joined.smin < self.smin { i64::MIN } else { self.smin },
            smax: if joined.smax > self.smax { i64::MAX } else { self.smax },
            wmin: if joined.wmin < self.wmin { i32::MIN } else { self.wmin },
            wmax: if joined.wmax > self.wmax { i32::MAX } else { self.wmax },
        }
        .tight_or_all()
    }

    fn meet(&self, other: &Num) -> Option<Num> {
        Num {
            zeros: self.zeros | other.zeros,
            ones: self.ones | other.ones,
            umin: self.umin.max(other.umin),
            umax: self.umax.min(other.umax),
            smin: self.smin.max(other.smin),
            smax: self.smax.min(other.smax),
            wmin: self.wmin.max(other.wmin),
            wmax: self.wmax.min(other.wmax),
        }
        .tight()
    }

    /// The low halves, zero-extended.
    pub fn low(&self) -> Num {
        let Num { wmin, wmax, .. } = *self;
        let (zeros, ones) = (self.zeros | !LOW, self.ones & LOW);
        let mut low = Num { zeros, ones, wmin, wmax, ..Num::ALL };
        if self.umin >> 32 == self.umax >> 32 {
            (low.umin, low.umax) = (self.umin & LOW, self.umax & LOW);
        }
        low.tight_or_all()
    }

    /// The low `size` bytes, sign-extended.
    pub fn sign_extend(&self, size: Size) -> Num {
        if let Some(value) = self.as_one() {
            return Num::one(isa::sign_extend(size, value));
        }
        if self.fits_signed(size.bits()) {
            return *self;
        }
        let low = Num::alu64(AluOp::And, self, &Num::one(isa::extend(size, u64::MAX)));
        let sign = 1 << (size.bits() - 1);
        if low.zeros & sign != 0 {
            return low;
        }
        let shift = 64 - size.bits();
        let high = u64::MAX << (size.bits() - 1);
        let mut n = Num { smin: i64::MIN >> shift, smax: i64::MAX >> shift, ..Num::ALL };
        if size == Size::W {
            (n.smin, n.smax) = (self.wmin.into(), self.wmax.into());
        }
        (n.zeros, n.ones) = (low.zeros & !high, low.ones & !high);
        if low.ones & sign != 0 {
            n.ones |= high;
        }
        n.tight_or_all()
    }

    /// What a byte swap of the low `size` bytes gives.
    pub fn swapped(&self, size: Size, swap: impl Fn(u64) -> u64) -> Num {
        match self.as_one() {
            Some(value) => Num::one(swap(value)),
            None => Num::of_size(size),
        }
    }

    /// What `a op b` can be at 64 bits.
    pub fn alu64(op: AluOp, a: &Num, b: &Num) -> Num {
        if let (Some(a), Some(b)) = (a.as_one(), b.as_one()) {
            return Num::one(isa::alu(Width::W64, op, a, b));
        }
        let count = b.as_one().map(|c| (c & 63) as u32);
        let unknown = Num::ALL;
        match (op, count) {
            (AluOp::Add, _) => Num::add(a, b),
            (AluOp::Sub, _) => Num::sub(a, b),
            (AluOp::Mul, _) => match a.umax.checked_mul(b.umax) {
                Some(umax) => Num { umin: a.umin.wrapping_mul(b.umin), umax, ..unknown },
                None => unknown,
            },
            (AluOp::And, _) => {
                let (zeros, ones) = (a.zeros | b.zeros, a.ones & b.ones);
                let kept = if b.ones & LOW == LOW { a } else { &unknown };
                let Num { wmin, wmax, .. } = *kept;
                let (mut umin, mut umax) = (0, a.umax.min(b.umax));
                // Numbers that are the same above the mask stay in order below it.
                if let Some(mask) = b.as_one().filter(|mask| mask & mask.wrapping_add(1) == 0)
                    && a.umin & !mask == a.umax & !mask
                {
                    (umin, umax) = (a.umin & mask, a.umax & mask);
                }
                Num { zeros, ones, umin, umax, wmin, wmax, ..unknown }
            }
            (AluOp::Or, _) => {
                let (zeros, ones) = (a.zeros & b.zeros, a.ones | b.ones);
                Num { zeros, ones, umin: a.umin.max(b.umin), ..unknown }
            }
            (AluOp::Xor, _) => Num {
                zeros: (a.zeros & b.zeros) | (a.ones & b.ones),
                ones: (a.zeros & b.ones) | (a.ones & b.zeros),
                ..unknown
            },
            (AluOp::Lsh, Some(n)) => {
                let filled = !(u64::MAX << n);
                let mut shifted =
                    Num { zeros: a.zeros << n | filled, ones: a.ones << n, ..unknown };
                if a.umax << n >> n == a.umax {
                    (shifted.umin, shifted.umax) = (a.umin << n, a.umax << n);
                }
                shifted
            }
            (AluOp::Rsh, Some(n)) => Num {
                zeros: a.zeros >> n | !(u64::MAX >> n),
                ones: a.ones >> n,
                umin: a.umin >> n,
                umax: a.umax >> n,
                ..unknown
            },
            (AluOp::Arsh, Some(n)) => Num {
                zeros: (a.zeros as i64 >> n) as u64,
                ones: (a.ones as i64 >> n) as u64,
                smin: a.smin >> n,
                smax: a.smax >> n,
                ..unknown
            },
            (AluOp::Div, _) => match b.as_one().filter(|&c| c != 0) {
                Some(c) => Num { umin: a.umin / c, umax: a.umax / c, ..unknown },
                None => Num { umax: a.umax, ..unknown },
            },
            (AluOp::Mod, _) => match b.as_one().filter(|&c| c != 0) {
                Some(c) => Num { umax: a.umax.min(c - 1), ..unknown },
                None => Num { umax: a.umax, ..unknown },
            },
            (AluOp::SDiv | AluOp::SMod, _) | (AluOp::Lsh | AluOp::Rsh | AluOp::Arsh, None) => {
                unknown
            }
        }
        .tight_or_all()
    }

    /// The carries of the addition are between those of the smallest and the largest operands.
    fn add_bits(a: (u64, u64), b: (u64, u64), carry: u64) -> (u64, u64) {
        let most = (!a.0).wrapping_add(!b.0).wrapping_add(carry);
        let least = a.1.wrapping_add(b.1).wrapping_add(carry);
        let no_carry = !(most ^ a.0 ^ b.0);
        let always_carry = least ^ a.1 ^ b.1;
        let known = (a.0 | a.1) & (b.0 | b.1) & (no_carry | always_carry);
        (!most & known, least & known)
    }

    fn add(a: &Num, b: &Num) -> Num {
        let (zeros, ones) = Num::add_bits((a.zeros, a.ones), (b.zeros, b.ones), 0);
        let mut sum = Num { zeros, ones, ..Num::ALL };
        let (low, over_low) = a.umin.overflowing_add(b.umin);
        let (high, over_high) = a.umax.overflowing_add(b.umax);
        if over_low == over_high {
            (sum.umin, sum.umax) = (low, high);
        }
        if let (Some(low), Some(high)) = (a.smin.checked_add(b.smin), a.smax.checked_add(b.smax)) {
            (sum.smin, sum.smax) = (low, high);
        }
        sum
    }

    fn sub(a: &Num, b: &Num) -> Num {
        let (zeros, ones) = Num::add_bits((a.zeros, a.ones), (b.ones, b.zeros), 1);
        let mut difference = Num { zeros, ones, ..Num::ALL };
        let (low, under_low) = a.umin.overflowing_sub(b.umax);
        let (high, under_high) = a.umax.overflowing_sub(b.umin);
        if under_low == under_high {
            (difference.umin, difference.umax) = (low, high);
        }
        if let (Some(low), Some(high)) = (a.smin.checked_sub(b.smax), a.smax.checked_sub(b.smin)) {
            (difference.smin, difference.smax) = (low, high);
        }
        difference
    }

    /// Whether `a cond b` comes out the same for all numbers of both, comparing low halves at
    /// 32 bits.
    pub fn decide(width: Width, cond: Cond, a: &Num, b: &Num) -> Option<bool> {
        let signed = matches!(cond, Cond::Sgt | Cond::Sge | Cond::Slt | Cond::Sle);
        let (a, b) = match (width, signed) {
            (Width::W64, _) => (*a, *b),
            (Width::W32, false) => (a.low(), b.low()),
            (Width::W32, true) => (a.low().sign_extend(Size::W), b.low().sign_extend(Size::W)),
        };
        let decided = |yes: bool, no: bool| (yes || no).then_some(yes);
        match cond {
            Cond::Eq => {
                let same = a.as_one().is_some() && a.as_one() == b.as_one();
                decided(same, a.meet(&b).is_none())
            }
            Cond::Ne => Num::decide(Width::W64, Cond::Eq, &a, &b).map(|equal| !equal),
            Cond::Set => decided(a.ones & b.ones != 0, !a.zeros & !b.zeros == 0),
            Cond::Gt => decided(a.umin > b.umax, a.umax <= b.umin),
            Cond::Ge => decided(a.umin >= b.umax, a.umax < b.umin),
            Cond::Lt => decided(a.umax < b.umin, a.umin >= b.umax),
            Cond::Le => decided(a.umax <= b.umin, a.umin > b.umax),
            Cond::Sgt => decided(a.smin > b.smax, a.smax <= b.smin),
            Cond::Sge => decided(a.smin >= b.smax, a.smax < b.smin),
            Cond::Slt => decided(a.smax < b.smin, a.smin >= b.smax),
            Cond::Sle => decided(a.smax <= b.smin, a.smin > b.smax),
        }
    }

    /// The numbers of `a` for which `a cond b` is `holds` for some number of `b`; none if
    /// there is no such number.
    pub fn refine(width: Width, cond: Cond, holds: bool, a: &Num, b: &Num) -> Option<Num> {
        if Num::decide(width, cond, a, b) == Some(!holds) {
            return None;
        }
        let cond = match (holds, cond.inverse()) {
            (true, _) => cond,
            (false, Some(inverse)) => inverse,
            (false, None) => return a.without_bits(width, b),
        };
        if width == Width::W64 {
            return a.refine64(cond, b);
        }
        let low = match cond {
            Cond::Sgt | Cond::Sge | Cond::Slt | Cond::Sle => {
                let signed = a.low().sign_extend(Size::W);
                signed.refine64(cond, &b.low().sign_extend(Size::W))?.low().meet(&a.low())?
            }
            Cond::Eq | Cond::Ne | Cond::Set | Cond::Gt | Cond::Ge | Cond::Lt | Cond::Le => {
                a.low().refine64(cond, &b.low())?
            }
        };
        if a.umax <= LOW {
            return a.meet(&low);
        }
        let Num { wmin, wmax, .. } = low;
        Num { zeros: a.zeros | (low.zeros & LOW), ones: a.ones | low.ones, wmin, wmax, ..*a }
            .tight()
    }

    fn refine64(&self, cond: Cond, b: &Num) -> Option<Num> {
        let mut n = *self;
        match cond {
            Cond::Eq => return n.meet(b),
            Cond::Ne => {
                if let Some(c) = b.as_one() {
                    n.umin += u64::from(n.umin == c && n.umin != u64::MAX);
                    n.umax -= u64::from(n.umax == c && n.umax != 0);
                    n.smin += i64::from(n.smin == c as i64 && n.smin != i64::MAX);
                    n.smax -= i64::from(n.smax == c as i64 && n.smax != i64::MIN);
                }
            }
            Cond::Set => {
                let common = !n.zeros & !b.zeros;
                if common.is_power_of_two() {
                    n.ones |= common;
                }
            }
            Cond::Lt => n.umax = n.umax.min(b.umax.checked_sub(1)?),
            Cond::Le => n.umax = n.umax.min(b.umax),
            Cond::Gt => n.umin = n.umin.max(b.umin.checked_add(1)?),
            Cond::Ge => n.umin = n.umin.max(b.umin),
            Cond::Slt => n.smax = n.smax.min(b.smax.checked_sub(1)?),
            Cond::Sle => n.smax = n.smax.min(b.smax),
            Cond::Sgt => n.smin = n.smin.max(b.smin.checked_add(1)?),
            Cond::Sge => n.smin = n.smin.max(b.smin),
        }
        n.tight()
    }

    /// `a & b` is zero: bits that are certain in `b` are 0 in `a`.
    fn without_bits(&self, width: Width, b: &Num) -> Option<Num> {
        let bits = isa::truncate(width, b.ones);
        Num { zeros: self.zeros | bits, ..*self }.tight()
    }
}

#[cfg(test)]
mod tests;
