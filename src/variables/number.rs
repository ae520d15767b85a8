//! Numbers as written, and what the types of C can hold.

use super::bits;

/// What an integer, enum or pointer can hold.
pub(super) struct Range {
    pub(super) signed: bool,
    /// Negative numbers fit as well as the unsigned ones: enums of compilers that do not say.
    pub(super) either: bool,
    pub(super) bits: u64,
}

/// A number with its sign, since neither `i128` nor `u128` has room for both.
#[derive(Clone, Copy)]
pub(super) struct Number {
    pub(super) negative: bool,
    pub(super) magnitude: u128,
    /// It was made by `~`, so that a negative one is meant by its low bits.
    pub(super) wraps: bool,
}

impl Number {
    pub(super) fn from_i64(value: i64) -> Self {
        Self { negative: value < 0, ..Self::of(value.unsigned_abs().into()) }
    }

    pub(super) fn of(magnitude: u128) -> Self {
        Self { negative: false, magnitude, wraps: false }
    }

    /// The number, where it takes at most 127 bits and a sign.
    pub(super) fn signed(self) -> Option<i128> {
        let magnitude = i128::try_from(self.magnitude).ok()?;
        Some(if self.negative { -magnitude } else { magnitude })
    }

    pub(super) fn from_signed(value: i128) -> Self {
        Self { negative: value < 0, ..Self::of(value.unsigned_abs()) }
    }

    pub(super) fn text(self) -> String {
        format!("{}{}", if self.negative { "-" } else { "" }, self.magnitude)
    }

    pub(super) fn bits(self) -> u128 {
        if self.negative { self.magnitude.wrapping_neg() } else { self.magnitude }
    }
}

impl Range {
    /// Magnitude of the smallest number, and the largest number.
    pub(super) fn ends(&self) -> (u128, u128) {
        let all = bits::ones(self.bits);
        let half = all / 2;
        let least = if self.signed || self.either { half + 1 } else { 0 };
        (least, if self.signed && !self.either { half } else { all })
    }

    pub(super) fn holds(&self, number: Number) -> bool {
        let (least, most) = self.ends();
        if number.wraps && number.negative && self.bits < 128 {
            return number.magnitude <= 1 << self.bits;
        }
        number.magnitude <= if number.negative { least } else { most }
    }
}
