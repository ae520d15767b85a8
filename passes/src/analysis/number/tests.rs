//! Random sets of numbers with a member of each: results hold what members give.

use super::*;
use proptest::prelude::*;

const WIDTHS: [Width; 2] = [Width::W32, Width::W64];
const OPS: [AluOp; 13] = AluOp::ALL;
const CONDS: [Cond; 11] = Cond::ALL;

fn contains(n: &Number, x: u64) -> bool {
    x & !n.bits.mask == n.bits.value
        && (n.umin..=n.umax).contains(&x)
        && (n.smin..=n.smax).contains(&(x as i64))
        && (n.wmin..=n.wmax).contains(&(x as i32))
}

/// Numbers near the edges of every width, and small ones.
fn value() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        any::<u32>().prop_map(u64::from),
        any::<i8>().prop_map(|x| x as u64),
        0..16u64,
        any::<u8>().prop_map(|x| 0x7fff_fff0u64.wrapping_add(x.into())),
        any::<u8>().prop_map(|x| 0xffff_fff0u64.wrapping_add(x.into())),
        any::<u8>().prop_map(|x| 0x7fff_ffff_ffff_fff0u64.wrapping_add(x.into())),
        (0..64u32).prop_map(|n| 1 << n),
    ]
}

/// All numbers whose low half is among those of `values`, signed.
fn signed_half(values: &[u64]) -> Number {
    let halves = || values.iter().map(|&value| value as i32);
    let (wmin, wmax) = (halves().min().unwrap(), halves().max().unwrap());
    Number { wmin, wmax, ..Number::TOP }.or_top()
}

/// A set of numbers as joins make it, with one of its members.
fn number() -> impl Strategy<Value = (Number, u64)> {
    (prop::collection::vec(value(), 1..4), any::<prop::sample::Index>(), 0..8u8).prop_map(
        |(values, index, shape)| {
            let x = values[index.index(values.len())];
            let joined = values
                .iter()
                .map(|&v| Number::constant(v))
                .reduce(|a, b| a.join(&b))
                .unwrap_or(Number::TOP);
            let n = match shape {
                0 => Number::constant(x),
                1 => Number::zero_extended(Size::B).join(&Number::constant(x)),
                2 => joined.widen(&Number::constant(x)),
                3 => signed_half(&values),
                4 => Number::alu(Width::W32, AluOp::Arsh, &joined, &Number::constant(x & 31)),
                _ => joined,
            };
            let x = match shape {
                4 => isa::alu(Width::W32, AluOp::Arsh, x, x & 31),
                _ => x,
            };
            (n, x)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn operations_contain_their_results((a, x) in number(), (b, y) in number()) {
        prop_assert!(contains(&a, x) && contains(&b, y));
        for width in WIDTHS {
            for op in OPS {
                let result = Number::alu(width, op, &a, &b);
                let exact = isa::alu(width, op, x, y);
                prop_assert!(contains(&result, exact), "{width:?} {op:?} {result:?} {exact:#x}");
            }
        }
        for size in [Size::B, Size::H, Size::W, Size::DW] {
            prop_assert!(contains(&a.zero_extend(size), isa::extend(size, x)));
            prop_assert!(contains(&a.sign_extend(size), isa::sign_extend(size, x)));
        }
        prop_assert!(contains(&a.join(&b), x) && contains(&a.join(&b), y));
        prop_assert!(contains(&a.widen(&b), x) && contains(&a.widen(&b), y));
    }

    #[test]
    fn comparisons_hold_for_members((a, x) in number(), (b, y) in number()) {
        for width in WIDTHS {
            for cond in CONDS {
                let holds = isa::compare(width, cond, x, y);
                if let Some(decided) = Number::decide(width, cond, &a, &b) {
                    prop_assert_eq!(decided, holds, "{:?} {:?}", width, cond);
                }
                if cond == Cond::Ne && holds {
                    prop_assert!(contains(&Number::exclude(width, &a, &b), x));
                }
                let refined = Number::refine(width, cond, holds, &a, &b);
                prop_assert!(
                    refined.is_some_and(|n| contains(&n, x)),
                    "{:?} {:?} {} {:?}", width, cond, holds, refined
                );
            }
        }
    }
}

#[test]
fn byte_load_is_below_256() {
    let byte = Number::zero_extended(Size::B);
    let limit = Number::constant(255);
    assert_eq!(Number::decide(Width::W32, Cond::Gt, &byte, &limit), Some(false));
    assert_eq!(Number::decide(Width::W32, Cond::Ge, &byte, &limit), None);
}

#[test]
fn shift_pair_bounds_low_half() {
    let c = |value: i64| Number::constant(value as u64);
    let shifted = Number::alu(Width::W32, AluOp::Lsh, &Number::TOP, &c(16));
    let short = Number::alu(Width::W32, AluOp::Arsh, &shifted, &c(16));
    assert_eq!((short.wmin, short.wmax), (-0x8000, 0x7fff));
    assert_eq!((short.umin, short.umax), (0, u32::MAX.into()));
    let below = Number::refine(Width::W32, Cond::Sgt, false, &short, &c(-0x7001)).unwrap();
    assert_eq!((below.umin, below.umax), (0xffff_8000, 0xffff_8fff));
    assert_eq!(Number::decide(Width::W32, Cond::Slt, &below, &c(-0x7000)), Some(true));
    assert_eq!(Number::decide(Width::W64, Cond::Slt, &below, &c(-0x7000)), Some(false));
    // Of the whole number a comparison of low halves says nothing.
    let whole = Number::refine(Width::W32, Cond::Slt, true, &Number::TOP, &c(0)).unwrap();
    assert!(whole.smin < 0 && whole.smax == i64::MAX && whole.wmax == -1);
    assert_eq!(Number::decide(Width::W64, Cond::Slt, &whole, &c(0)), None);
    // The low half of a sum can be anything again.
    let sum = Number::alu(Width::W32, AluOp::Add, &short, &Number::zero_extended(Size::W));
    assert_eq!((sum.wmin, sum.wmax), (i32::MIN, i32::MAX));
}

#[test]
fn length_is_at_most_the_size() {
    let result = Number::length(&Number::constant(128));
    assert_eq!((result.smax, result.wmax), (128, 128));
    assert_eq!(Number::decide(Width::W32, Cond::Lt, &result, &Number::constant(129)), None);
    let found = Number::refine(Width::W32, Cond::Sge, true, &result, &Number::constant(0)).unwrap();
    let limit = Number::constant(129);
    assert_eq!(Number::decide(Width::W32, Cond::Lt, &found, &limit), Some(true));
    assert_eq!(Number::decide(Width::W64, Cond::Lt, &found, &limit), None);
    assert_eq!(Number::length(&Number::TOP), Number::TOP);
}

#[test]
fn masks_bound() {
    let masked = Number::alu(Width::W64, AluOp::And, &Number::TOP, &Number::constant(7));
    assert_eq!((masked.umin, masked.umax, masked.smin, masked.smax), (0, 7, 0, 7));
    let none = Number::alu(Width::W64, AluOp::And, &Number::TOP, &Number::constant(0));
    assert_eq!(none.as_constant(), Some(0));
}

#[test]
fn half_comparison_leaves_unknown_upper_half() {
    let refined = Number::refine(Width::W32, Cond::Eq, true, &Number::TOP, &Number::constant(5));
    let refined = refined.unwrap();
    assert_eq!(refined.as_constant(), None);
    assert_eq!(refined.low_half().as_constant(), Some(5));
    let less = Number::refine(Width::W32, Cond::Lt, true, &Number::TOP, &Number::constant(5));
    assert!(less.unwrap().umax > u64::from(u32::MAX));
}
