//! Random sets of numbers with a member of each: results hold what members give.

use super::*;
use proptest::prelude::*;

const WIDTHS: [Width; 2] = [Width::W32, Width::W64];
const OPS: [AluOp; 13] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Div,
    AluOp::SDiv,
    AluOp::Mod,
    AluOp::SMod,
    AluOp::Or,
    AluOp::And,
    AluOp::Xor,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Arsh,
];
const CONDS: [Cond; 11] = [
    Cond::Eq,
    Cond::Ne,
    Cond::Gt,
    Cond::Ge,
    Cond::Lt,
    Cond::Le,
    Cond::Set,
    Cond::Sgt,
    Cond::Sge,
    Cond::Slt,
    Cond::Sle,
];

fn contains(n: &Number, x: u64) -> bool {
    x & !n.bits.mask == n.bits.value
        && (n.umin..=n.umax).contains(&x)
        && (n.smin..=n.smax).contains(&(x as i64))
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

/// A set of numbers as joins make it, with one of its members.
fn number() -> impl Strategy<Value = (Number, u64)> {
    (prop::collection::vec(value(), 1..4), any::<prop::sample::Index>(), 0..6u8).prop_map(
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
                _ => joined,
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
