//! Random sets with a member of each: results hold what members give, and the checker decides
//! at least what the passes decide.

use super::*;
use crate::analysis::number::Number;
use proptest::prelude::*;

const OPS: [AluOp; 13] = AluOp::ALL;
const CONDS: [Cond; 11] = Cond::ALL;

impl Num {
    fn contains(&self, value: u64) -> bool {
        value & self.zeros == 0
            && value & self.ones == self.ones
            && (self.umin..=self.umax).contains(&value)
            && (self.smin..=self.smax).contains(&(value as i64))
            && (self.wmin..=self.wmax).contains(&(value as i32))
    }
}

fn interesting() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0u64..40,
        Just(u64::MAX),
        Just(1 << 63),
        Just(1 << 31),
        Just(LOW),
        any::<i32>().prop_map(|v| i64::from(v) as u64),
        any::<u32>().prop_map(u64::from),
    ]
}

/// A number, with a set around it and the same set as the passes have it.
fn member() -> impl Strategy<Value = (u64, Num, Number)> {
    (interesting(), interesting(), interesting(), 0..6u8).prop_map(|(value, other, mask, kind)| {
        let (zero, one) = (Num::one(value), Number::constant(value));
        match kind {
            0 => (value, zero, one),
            1 => (value, zero.join(&Num::one(other)), one.join(&Number::constant(other))),
            2 => (value, Num::with_bits(value, mask, u64::MAX), {
                Number::known_bits(value, mask, u64::MAX)
            }),
            3 => (value, Num::range(value.min(other), value.max(other)), {
                Number::unsigned(value.min(other), value.max(other))
            }),
            4 => {
                let size = (value & 0xffff) | 7;
                let length = Number::length(&Number::constant(size));
                (value & 7, Num::at_most(size as i32), length)
            }
            _ => (value, Num::ALL, Number::TOP),
        }
    })
}

fn wide(op: AluOp, width: Width, a: &Num, b: &Num) -> Num {
    match width {
        Width::W64 => Num::alu64(op, a, b),
        Width::W32 => Num::alu64(op, &a.low(), &b.low()).low(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn operations_hold_every_result((x, a, _) in member(), (y, b, _) in member()) {
        for op in OPS {
            let result = Num::alu64(op, &a, &b);
            prop_assert!(result.contains(isa::alu(Width::W64, op, x, y)), "{op:?} {a:?} {b:?}");
        }
        prop_assert!(a.low().contains(x & LOW));
        prop_assert!(wide(AluOp::Add, Width::W32, &a, &b).contains(isa::alu(Width::W32, AluOp::Add, x, y)));
        for size in [Size::B, Size::H, Size::W, Size::DW] {
            prop_assert!(a.sign_extend(size).contains(isa::sign_extend(size, x)));
        }
    }

    #[test]
    fn comparisons_hold((x, a, _) in member(), (y, b, _) in member()) {
        for cond in CONDS {
            for width in [Width::W32, Width::W64] {
                let truth = isa::compare(width, cond, x, y);
                let decided = Num::decide(width, cond, &a, &b);
                prop_assert!(decided != Some(!truth), "{cond:?} {width:?} {a:?} {b:?}");
                let refined = Num::refine(width, cond, truth, &a, &b);
                prop_assert!(refined.is_some_and(|n| n.contains(x)), "{cond:?} {width:?} {a:?} {b:?}");
            }
        }
    }

    /// What the passes can decide the checker must be able to.
    #[test]
    fn at_least_as_precise_as_the_passes((_, a, pa) in member(), (_, b, pb) in member(), (z, c, pc) in member()) {
        let _ = z;
        for op in OPS {
            let (ours, theirs) = (Num::alu64(op, &a, &b), Number::alu(Width::W64, op, &pa, &pb));
            for cond in CONDS {
                for width in [Width::W32, Width::W64] {
                    if let Some(taken) = Number::decide(width, cond, &theirs, &pc) {
                        prop_assert_eq!(Num::decide(width, cond, &ours, &c), Some(taken),
                            "{:?} {:?} {:?}: {:?} {:?} against {:?}", op, cond, width, ours, theirs, c);
                    }
                    for holds in [false, true] {
                        let ours = Num::refine(width, cond, holds, &ours, &c);
                        let theirs = Number::refine(width, cond, holds, &theirs, &pc);
                        if let (Some(ours), Some(theirs)) = (ours, theirs) {
                            prop_assert!(ours.umax <= theirs.umax && ours.umin >= theirs.umin,
                                "{:?} {:?} {:?} {}: {:?} {:?}", op, cond, width, holds, ours, theirs);
                            prop_assert!(ours.smax <= theirs.smax && ours.smin >= theirs.smin);
                            prop_assert!(ours.wmax <= theirs.wmax && ours.wmin >= theirs.wmin);
                        } else {
                            prop_assert!(ours.is_none());
                        }
                    }
                }
            }
        }
    }
}
