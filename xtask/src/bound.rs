//! How much more the verifier may work after folding.

/// What verification of one program may take, in percent of what it took.
const PERCENT: u64 = 105;
/// Instructions on top, for programs so small that one instruction is a few percent.
const EXTRA: u64 = 5;

/// Whether a program needs more verified instructions than folding may make it need.
pub fn is_above(before: u32, after: u32) -> bool {
    u64::from(after) * 100 > u64::from(before) * PERCENT + EXTRA * 100
}

/// Whether all programs together need no more than before.
pub fn is_sum_within((before, after): (u64, u64)) -> bool {
    after <= before
}

/// What is needed afterwards as a part of what was needed before.
pub fn ratio(before: u32, after: u32) -> f64 {
    f64::from(after) / f64::from(before.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twentieth_and_five_instructions_are_within() {
        assert!(!is_above(100, 110));
        assert!(is_above(100, 111));
        assert!(!is_above(10, 15));
        assert!(is_above(10, 16));
        assert!(!is_above(1_000_000, 1_050_005));
        assert!(is_above(1_000_000, 1_050_006));
    }

    #[test]
    fn the_sum_may_not_grow() {
        assert!(is_sum_within((10, 10)));
        assert!(!is_sum_within((10, 11)));
    }
}
