//! What is known of a number: its bits, and its range both unsigned and signed.
//!
//! Lattice: sets of 64-bit numbers, approximated by known bits (`tnum` in the kernel) and
//! three intervals: unsigned, signed, and of the low half, signed. Join is the smallest such approximation that holds both. The rules claim
//! no more than the kernel's verifier derives from the same instructions
//! (`kernel/bpf/tnum.c`, `adjust_scalar_min_max_vals` and `reg_set_min_max` of
//! `kernel/bpf/verifier.c` since 5.10): a check that is removed because of a range must be
//! one that the verifier does not need. Division, remainder and byte swaps of anything but
//! constants are therefore unknown; what `!=` teaches is kept apart ([`Number::exclude`]).

use crate::isa::{self, AluOp, Cond, Size, Width};

/// Known bits: those that are 0 in `mask` have the value that they have in `value`; `value`
/// is 0 where `mask` is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bits {
    /// The known bits.
    pub value: u64,
    /// The unknown bits.
    pub mask: u64,
}

impl Bits {
    const TOP: Bits = Bits { value: 0, mask: u64::MAX };

    fn constant(value: u64) -> Bits {
        Bits { value, mask: 0 }
    }

    fn new(value: u64, mask: u64) -> Bits {
        Bits { value: value & !mask, mask }
    }

    fn max(self) -> u64 {
        self.value | self.mask
    }

    fn join(self, other: Bits) -> Bits {
        let mask = self.mask | other.mask | (self.value ^ other.value);
        Bits::new(self.value, mask)
    }

    /// A join that gives up every bit from the lowest differing one on, so that a chain of
    /// them is short; the low bits of what counts in steps of 2, 4, 8 stay known.
    fn widen(self, other: Bits) -> Bits {
        let joined = self.join(other);
        match joined.mask & !self.mask {
            0 => joined,
            grown => Bits::new(joined.value, joined.mask | (u64::MAX << grown.trailing_zeros())),
        }
    }

    fn conflicts(self, other: Bits) -> bool {
        (self.value ^ other.value) & !self.mask & !other.mask != 0
    }

    fn meet(self, other: Bits) -> Option<Bits> {
        (!self.conflicts(other))
            .then(|| Bits::new(self.value | other.value, self.mask & other.mask))
    }

    fn add(self, other: Bits) -> Bits {
        let sum_mask = self.mask.wrapping_add(other.mask);
        let sum = self.value.wrapping_add(other.value);
        let carries = sum_mask.wrapping_add(sum) ^ sum;
        Bits::new(sum, carries | self.mask | other.mask)
    }

    fn sub(self, other: Bits) -> Bits {
        let difference = self.value.wrapping_sub(other.value);
        let high = difference.wrapping_add(self.mask);
        let low = difference.wrapping_sub(other.mask);
        Bits::new(difference, (high ^ low) | self.mask | other.mask)
    }

    fn and(self, other: Bits) -> Bits {
        let value = self.value & other.value;
        Bits::new(value, self.max() & other.max() & !value)
    }

    fn or(self, other: Bits) -> Bits {
        let value = self.value | other.value;
        Bits::new(value, (self.mask | other.mask) & !value)
    }

    fn xor(self, other: Bits) -> Bits {
        Bits::new(self.value ^ other.value, self.mask | other.mask)
    }
}

/// What is known of a 64-bit number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Number {
    /// The known bits.
    pub bits: Bits,
    /// The smallest unsigned value.
    pub umin: u64,
    /// The largest unsigned value.
    pub umax: u64,
    /// The smallest signed value.
    pub smin: i64,
    /// The largest signed value.
    pub smax: i64,
    /// The smallest signed value of the low half.
    pub wmin: i32,
    /// The largest signed value of the low half.
    pub wmax: i32,
}

impl Number {
    /// Any number.
    pub const TOP: Number = Number {
        bits: Bits::TOP,
        umin: 0,
        umax: u64::MAX,
        smin: i64::MIN,
        smax: i64::MAX,
        wmin: i32::MIN,
        wmax: i32::MAX,
    };

    /// Exactly `value`.
    pub fn constant(value: u64) -> Number {
        let (signed, low) = (value as i64, value as i32);
        Number {
            bits: Bits::constant(value),
            umin: value,
            umax: value,
            smin: signed,
            smax: signed,
            wmin: low,
            wmax: low,
        }
    }

    /// The value, if there is only one.
    pub fn as_constant(&self) -> Option<u64> {
        (self.umin == self.umax).then_some(self.umin)
    }

    /// Any number of `size` bytes, zero-extended.
    pub fn zero_extended(size: Size) -> Number {
        Number::unsigned(0, isa::extend(size, u64::MAX))
    }

    /// Any number of `size` bytes, sign-extended.
    pub fn sign_extended(size: Size) -> Number {
        let shift = 64 - size.bits();
        Number { smin: i64::MIN >> shift, smax: i64::MAX >> shift, ..Number::TOP }.or_top()
    }

    /// Any number from `smin` to `smax`.
    pub fn signed(smin: i64, smax: i64) -> Number {
        Number { smin, smax, ..Number::TOP }.or_top()
    }

    /// Any number from `umin` to `umax`.
    pub fn unsigned(umin: u64, umax: u64) -> Number {
        Number { umin, umax, ..Number::TOP }.or_top()
    }

    /// A negative number, or one up to the largest `size`. How small it can be older verifiers
    /// do not know.
    pub fn length(size: &Number) -> Number {
        match i32::try_from(size.umax) {
            Ok(wmax) => Number { smax: wmax.into(), wmax, ..Number::TOP }.or_top(),
            Err(_) => Number::TOP,
        }
    }

    /// A number of which the bits of `known` are those of `value`, and at most `umax`.
    pub fn known_bits(value: u64, known: u64, umax: u64) -> Number {
        Number { bits: Bits::new(value, !known & umax), umax, ..Number::TOP }.or_top()
    }

    /// Lets each of the views learn from the others; none if they contradict.
    fn normalize(mut self) -> Option<Number> {
        if self.bits.mask == 0 {
            let n = Number::constant(self.bits.value);
            let holds = (self.umin..=self.umax).contains(&n.umin)
                && (self.smin..=self.smax).contains(&n.smin)
                && (self.wmin..=self.wmax).contains(&n.wmin);
            return holds.then_some(n);
        }
        for _ in 0..2 {
            let before = self;
            self.umin = self.umin.max(self.bits.value);
            self.umax = self.umax.min(self.bits.max());
            let sign = 1 << 63;
            self.smin = self.smin.max((self.bits.value | (self.bits.mask & sign)) as i64);
            self.smax = self.smax.min((self.bits.value | (self.bits.mask & !sign)) as i64);
            if self.umin > self.umax || self.smin > self.smax {
                return None;
            }
            if (self.umin as i64) <= (self.umax as i64) {
                self.smin = self.smin.max(self.umin as i64);
                self.smax = self.smax.min(self.umax as i64);
            }
            if (self.smin as u64) <= (self.smax as u64) {
                self.umin = self.umin.max(self.smin as u64);
                self.umax = self.umax.min(self.smax as u64);
            }
            self.normalize_low_half();
            if self.umin > self.umax || self.smin > self.smax || self.wmin > self.wmax {
                return None;
            }
            let differing = self.umin ^ self.umax;
            let low = differing.checked_ilog2().map_or(0, |n| u64::MAX >> (63 - n));
            self.bits = self.bits.meet(Bits::new(self.umin, low))?;
            if self == before {
                break;
            }
        }
        Some(self)
    }

    /// What the low half learns from the whole number, and the number from its low half if
    /// it is no more than that (`__reg_combine_64_into_32` and `__reg_assign_32_into_64` of
    /// the verifier).
    fn normalize_low_half(&mut self) {
        let (value, mask) = (self.bits.value as u32, self.bits.mask as u32);
        let sign = 1 << 31;
        self.wmin = self.wmin.max((value | (mask & sign)) as i32);
        self.wmax = self.wmax.min((value | (mask & !sign)) as i32);
        if let (Ok(smin), Ok(smax)) = (i32::try_from(self.smin), i32::try_from(self.smax)) {
            self.wmin = self.wmin.max(smin);
            self.wmax = self.wmax.min(smax);
        }
        if let (Ok(umin), Ok(umax)) = (u32::try_from(self.umin), u32::try_from(self.umax)) {
            if (umin as i32) <= (umax as i32) {
                self.wmin = self.wmin.max(umin as i32);
                self.wmax = self.wmax.min(umax as i32);
            }
            if (self.wmin as u32) <= (self.wmax as u32) {
                self.umin = self.umin.max((self.wmin as u32).into());
                self.umax = self.umax.min((self.wmax as u32).into());
            }
        }
    }

    fn or_top(self) -> Number {
        self.normalize().unwrap_or(Number::TOP)
    }

    /// The smallest approximation of both.
    pub fn join(&self, other: &Number) -> Number {
        Number {
            bits: self.bits.join(other.bits),
            umin: self.umin.min(other.umin),
            umax: self.umax.max(other.umax),
            smin: self.smin.min(other.smin),
            smax: self.smax.max(other.smax),
            wmin: self.wmin.min(other.wmin),
            wmax: self.wmax.max(other.wmax),
        }
    }

    /// A join after which the intervals cannot grow without end: each bound that `other`
    /// moves goes to its extreme.
    pub fn widen(&self, other: &Number) -> Number {
        Number {
            bits: self.bits.widen(other.bits),
            umin: if other.umin < self.umin { 0 } else { self.umin },
            umax: if other.umax > self.umax { u64::MAX } else { self.umax },
            smin: if other.smin < self.smin { i64::MIN } else { self.smin },
            smax: if other.smax > self.smax { i64::MAX } else { self.smax },
            wmin: if other.wmin < self.wmin { i32::MIN } else { self.wmin },
            wmax: if other.wmax > self.wmax { i32::MAX } else { self.wmax },
        }
    }

    fn meet(&self, other: &Number) -> Option<Number> {
        Number {
            bits: self.bits.meet(other.bits)?,
            umin: self.umin.max(other.umin),
            umax: self.umax.min(other.umax),
            smin: self.smin.max(other.smin),
            smax: self.smax.min(other.smax),
            wmin: self.wmin.max(other.wmin),
            wmax: self.wmax.min(other.wmax),
        }
        .normalize()
    }

    /// The low half, zero-extended.
    pub fn low_half(&self) -> Number {
        let mask = u64::from(u32::MAX);
        let bits = Bits::new(self.bits.value & mask, self.bits.mask & mask);
        let (umin, umax) = if self.umin >> 32 == self.umax >> 32 {
            (self.umin & mask, self.umax & mask)
        } else {
            (0, mask)
        };
        let Number { wmin, wmax, .. } = *self;
        Number { bits, umin, umax, wmin, wmax, ..Number::TOP }.or_top()
    }

    /// The low half as 32-bit comparisons of signed numbers see it.
    fn signed_half(&self) -> Number {
        Number::signed(self.wmin.into(), self.wmax.into())
    }

    /// The low `size` bytes, zero-extended.
    pub fn zero_extend(&self, size: Size) -> Number {
        match size {
            Size::DW => *self,
            Size::W => self.low_half(),
            Size::H | Size::B => {
                let mask = isa::extend(size, u64::MAX);
                alu64(AluOp::And, self, &Number::constant(mask))
            }
        }
    }

    /// The low `size` bytes, sign-extended.
    pub fn sign_extend(&self, size: Size) -> Number {
        if let Some(value) = self.as_constant() {
            return Number::constant(isa::sign_extend(size, value));
        }
        let low = self.zero_extend(size);
        let half = isa::extend(size, u64::MAX) / 2;
        if size == Size::DW || low.umax <= half { low } else { Number::sign_extended(size) }
    }

    /// `a op b`; see [`isa::alu`].
    pub fn alu(width: Width, op: AluOp, a: &Number, b: &Number) -> Number {
        if let (Some(a), Some(b)) = (a.as_constant(), b.as_constant()) {
            return Number::constant(isa::alu(width, op, a, b));
        }
        match width {
            Width::W64 => alu64(op, a, b),
            Width::W32 => {
                let (a, b) = (a.low_half(), b.low_half());
                match op {
                    AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => {
                        let Some(count) = b.as_constant() else {
                            return Number::zero_extended(Size::W);
                        };
                        let count = Number::constant(count & 31);
                        let a = if op == AluOp::Arsh { a.sign_extend(Size::W) } else { a };
                        alu64(op, &a, &count).low_half()
                    }
                    AluOp::Add
                    | AluOp::Sub
                    | AluOp::Mul
                    | AluOp::Or
                    | AluOp::And
                    | AluOp::Xor
                    | AluOp::Div
                    | AluOp::SDiv
                    | AluOp::Mod
                    | AluOp::SMod => alu64(op, &a, &b).low_half(),
                }
            }
        }
    }

    /// Whether `a cond b` is the same for all numbers that the two can be.
    pub fn decide(width: Width, cond: Cond, a: &Number, b: &Number) -> Option<bool> {
        let low = |n: &Number| match width {
            Width::W64 => *n,
            Width::W32 => n.low_half(),
        };
        let signed = |n: &Number| match width {
            Width::W64 => *n,
            Width::W32 => n.signed_half(),
        };
        let order = |always: bool, never: bool| match (always, never) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        let (ua, ub) = (low(a), low(b));
        let (sa, sb) = (signed(&ua), signed(&ub));
        match cond {
            Cond::Eq => {
                let equal = ua.as_constant().is_some_and(|c| ub.as_constant() == Some(c));
                let differ = ua.bits.conflicts(ub.bits)
                    || ua.umax < ub.umin
                    || ub.umax < ua.umin
                    || sa.smax < sb.smin
                    || sb.smax < sa.smin;
                order(equal, differ)
            }
            Cond::Ne => Number::decide(width, Cond::Eq, a, b).map(|equal| !equal),
            Cond::Set => {
                let always = ua.bits.value & ub.bits.value != 0;
                let never = ua.bits.max() & ub.bits.max() == 0;
                order(always, never)
            }
            Cond::Lt => order(ua.umax < ub.umin, ua.umin >= ub.umax),
            Cond::Le => order(ua.umax <= ub.umin, ua.umin > ub.umax),
            Cond::Gt => order(ua.umin > ub.umax, ua.umax <= ub.umin),
            Cond::Ge => order(ua.umin >= ub.umax, ua.umax < ub.umin),
            Cond::Slt => order(sa.smax < sb.smin, sa.smin >= sb.smax),
            Cond::Sle => order(sa.smax <= sb.smin, sa.smin > sb.smax),
            Cond::Sgt => order(sa.smin > sb.smax, sa.smax <= sb.smin),
            Cond::Sge => order(sa.smin >= sb.smax, sa.smax < sb.smin),
        }
    }

    /// What `a` is where `a cond b` was found to be `holds`; none if that cannot be.
    pub fn refine(width: Width, cond: Cond, holds: bool, a: &Number, b: &Number) -> Option<Number> {
        if Number::decide(width, cond, a, b) == Some(!holds) {
            return None;
        }
        let cond = match (holds, cond, cond.inverse()) {
            (true, cond, _) | (false, _, Some(cond)) => cond,
            (false, _, None) => return refine_no_common_bit(width, a, b),
        };
        match width {
            Width::W64 => refine64(cond, a, b),
            Width::W32 => refine32(cond, a, b),
        }
    }
}

impl Number {
    /// What is left of `a` where it was found not to be the constant `b`: one less if that
    /// was its smallest or its largest value. The verifier learns so much since 6.8
    /// (`regs_refine_cond_op`).
    pub fn exclude(width: Width, a: &Number, b: &Number) -> Number {
        let Some(c) = b.as_constant().map(|c| isa::truncate(width, c)) else { return *a };
        if width == Width::W32 && a.umax > u64::from(u32::MAX) {
            return *a;
        }
        let mut n = *a;
        if n.umin == c {
            n.umin += u64::from(c < u64::MAX);
        }
        if n.umax == c {
            n.umax = n.umax.saturating_sub(1);
        }
        n.normalize().unwrap_or(*a)
    }
}

fn alu64(op: AluOp, a: &Number, b: &Number) -> Number {
    let count = b.as_constant().map(|c| (c & 63) as u32);
    let result = match op {
        AluOp::Add => {
            let mut sum = Number { bits: a.bits.add(b.bits), ..Number::TOP };
            if let Some(umax) = a.umax.checked_add(b.umax) {
                (sum.umin, sum.umax) = (a.umin.wrapping_add(b.umin), umax);
            }
            if let (Some(smin), Some(smax)) =
                (a.smin.checked_add(b.smin), a.smax.checked_add(b.smax))
            {
                (sum.smin, sum.smax) = (smin, smax);
            }
            sum
        }
        AluOp::Sub => {
            let mut difference = Number { bits: a.bits.sub(b.bits), ..Number::TOP };
            if let Some(umin) = a.umin.checked_sub(b.umax) {
                (difference.umin, difference.umax) = (umin, a.umax.wrapping_sub(b.umin));
            }
            if let (Some(smin), Some(smax)) =
                (a.smin.checked_sub(b.smax), a.smax.checked_sub(b.smin))
            {
                (difference.smin, difference.smax) = (smin, smax);
            }
            difference
        }
        AluOp::Mul => {
            let halves = a.umax <= u32::MAX.into() && b.umax <= u32::MAX.into();
            match a.umax.checked_mul(b.umax) {
                Some(umax) if halves => {
                    Number { umin: a.umin.wrapping_mul(b.umin), umax, ..Number::TOP }
                }
                _ => Number::TOP,
            }
        }
        AluOp::And => Number { bits: a.bits.and(b.bits), umax: a.umax.min(b.umax), ..Number::TOP },
        AluOp::Or => Number { bits: a.bits.or(b.bits), umin: a.umin.max(b.umin), ..Number::TOP },
        AluOp::Xor => Number { bits: a.bits.xor(b.bits), ..Number::TOP },
        AluOp::Lsh => match count {
            Some(count) => {
                let bits = Bits::new(a.bits.value << count, a.bits.mask << count);
                let mut shifted = Number { bits, ..Number::TOP };
                if a.umax << count >> count == a.umax {
                    (shifted.umin, shifted.umax) = (a.umin << count, a.umax << count);
                }
                shifted
            }
            None => Number::TOP,
        },
        AluOp::Rsh => match count {
            Some(count) => Number {
                bits: Bits::new(a.bits.value >> count, a.bits.mask >> count),
                umin: a.umin >> count,
                umax: a.umax >> count,
                ..Number::TOP
            },
            None => Number::TOP,
        },
        AluOp::Arsh => match count {
            Some(count) => Number {
                bits: Bits::new(
                    (a.bits.value as i64 >> count) as u64,
                    (a.bits.mask as i64 >> count) as u64,
                ),
                smin: a.smin >> count,
                smax: a.smax >> count,
                ..Number::TOP
            },
            None => Number::TOP,
        },
        AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod => Number::TOP,
    };
    result.or_top()
}

fn refine64(cond: Cond, a: &Number, b: &Number) -> Option<Number> {
    let Some(c) = b.as_constant() else {
        return if cond == Cond::Eq { a.meet(b) } else { Some(*a) };
    };
    let mut n = *a;
    match cond {
        Cond::Eq => return a.meet(b),
        Cond::Ne => {}
        Cond::Set => {
            if c.is_power_of_two() {
                n.bits = n.bits.meet(Bits::new(c, !c))?;
            }
        }
        Cond::Lt => n.umax = n.umax.min(c.checked_sub(1)?),
        Cond::Le => n.umax = n.umax.min(c),
        Cond::Gt => n.umin = n.umin.max(c.checked_add(1)?),
        Cond::Ge => n.umin = n.umin.max(c),
        Cond::Slt => n.smax = n.smax.min((c as i64).checked_sub(1)?),
        Cond::Sle => n.smax = n.smax.min(c as i64),
        Cond::Sgt => n.smin = n.smin.max((c as i64).checked_add(1)?),
        Cond::Sge => n.smin = n.smin.max(c as i64),
    }
    n.normalize()
}

/// A comparison of low halves says something of the whole number's range only if its upper
/// half is known to be zero; of its low bits it says something in any case.
fn refine32(cond: Cond, a: &Number, b: &Number) -> Option<Number> {
    let (low, low_b) = (a.low_half(), b.low_half());
    let zero_extended = a.umax <= u32::MAX.into();
    let refined = match cond {
        Cond::Slt | Cond::Sle | Cond::Sgt | Cond::Sge => {
            let signed = refine64(cond, &low.signed_half(), &low_b.signed_half())?;
            Number { wmin: signed.smin as i32, wmax: signed.smax as i32, ..low }.normalize()?
        }
        Cond::Eq | Cond::Ne | Cond::Set | Cond::Lt | Cond::Le | Cond::Gt | Cond::Ge => {
            refine64(cond, &low, &low_b)?
        }
    };
    if zero_extended {
        return a.meet(&refined);
    }
    let high = !u64::from(u32::MAX);
    let bits = Bits::new(
        (a.bits.value & high) | refined.bits.value,
        (a.bits.mask & high) | refined.bits.mask,
    );
    Number { bits, wmin: refined.wmin, wmax: refined.wmax, ..*a }.normalize()
}

/// `a & b` was found to be zero.
fn refine_no_common_bit(width: Width, a: &Number, b: &Number) -> Option<Number> {
    let Some(c) = b.as_constant() else { return Some(*a) };
    let c = isa::truncate(width, c);
    let bits = a.bits.meet(Bits::new(0, !c))?;
    Number { bits, ..*a }.normalize()
}

#[cfg(test)]
mod tests;
