//! Tests that were made on the way to a point, with their outcome.
//!
//! A fact is a condition over symbols that is known to hold, or known not to hold. It says of
//! the values of symbols what a set of numbers cannot: "is not -17", "is below the other one".
//! Facts decide later tests of the same condition, however it is written, and of a condition
//! that they imply: of two values at most one of `a < b`, `a == b`, `b < a` holds, and one of
//! them must. A value that is known not to be a number next to a bound is not that bound.
//!
//! A term of which a test has told more has a new symbol in all places; it stays known that
//! the term is that symbol ([`Kind::Same`]), for when it is computed again.
//!
//! Join: a fact stays if it is known on both ways, of what the places hold there. A place that
//! held `a` on one way and `b` on the other holds a third symbol now, and facts of `a` that
//! are facts of `b` too become facts of that. A fact of symbols that no place holds is one of
//! values that may be others the next time, and is forgotten.

use crate::check::arena::{Arena, Leaf, MAX_TERM, Sym};
use crate::check::num::Num;
use crate::isa::{Cond, Width};

/// Facts that a state keeps: the last ones.
const MANY: usize = 24;

/// A condition up to the ways to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How the two are compared.
    pub kind: Kind,
    /// The first operand; the smaller symbol, if the order does not matter.
    pub a: Sym,
    /// The second operand.
    pub b: Sym,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `a == b`.
    Equal,
    /// `a < b`, unsigned.
    Less,
    /// `a < b`, signed.
    SignedLess,
    /// `a & b != 0`.
    Common,
    /// The first is a term that was found to be the second, which stands for it everywhere.
    Same,
}

impl Shape {
    /// The condition, and whether what it says is the opposite of `kind` of `a` and `b`.
    pub fn new(arena: &mut Arena, kind: Kind, a: Sym, b: Sym) -> (Shape, bool) {
        let kind = match kind {
            Kind::SignedLess
                if arena.abs(a).num.signed().0 >= 0 && arena.abs(b).num.signed().0 >= 0 =>
            {
                Kind::Less
            }
            kind => kind,
        };
        match kind {
            Kind::Equal | Kind::Common => (Shape { kind, a: a.min(b), b: a.max(b) }, false),
            Kind::Less | Kind::SignedLess => Shape { kind, a, b }.number_right(arena),
            Kind::Same => (Shape { kind, a, b }, false),
        }
    }

    /// `c < x` is the opposite of `x < c + 1`, and `x < 1` is `x == 0`.
    fn number_right(self, arena: &mut Arena) -> (Shape, bool) {
        let last = if self.kind == Kind::Less { u64::MAX } else { i64::MAX as u64 };
        let (shape, flipped) = match arena.abs(self.a).as_number().filter(|&c| c != last) {
            Some(c) => {
                let next = arena.number(c.wrapping_add(1));
                (Shape { kind: self.kind, a: self.b, b: next }, true)
            }
            None => (self, false),
        };
        if shape.kind == Kind::Less && arena.abs(shape.b).as_number() == Some(1) {
            let zero = arena.number(0);
            let (a, b) = (shape.a.min(zero), shape.a.max(zero));
            return (Shape { kind: Kind::Equal, a, b }, flipped);
        }
        (shape, flipped)
    }

    /// Whether the condition holds, if what is known of the two values says it.
    pub fn decide(&self, arena: &Arena) -> Option<bool> {
        let cond = match (self.kind, self.a == self.b) {
            (Kind::Equal | Kind::Same, true) => return Some(true),
            (Kind::Less | Kind::SignedLess, true) => return Some(false),
            (Kind::Same, false) => return None,
            (Kind::Equal, false) => Cond::Eq,
            (Kind::Less, false) => Cond::Lt,
            (Kind::SignedLess, false) => Cond::Slt,
            (Kind::Common, _) => Cond::Set,
        };
        Num::decide(Width::W64, cond, &arena.abs(self.a).num, &arena.abs(self.b).num)
    }
}

/// What was found of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The condition.
    pub shape: Shape,
    /// Whether it holds.
    pub holds: bool,
}

/// What was found of conditions, the last one at the end.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Facts(Vec<Fact>);

impl Facts {
    /// The facts, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Fact> + '_ {
        self.0.iter().copied()
    }

    /// Adds a fact; the oldest one is forgotten if there are too many.
    pub fn push(&mut self, fact: Fact) {
        if self.0.contains(&fact) {
            return;
        }
        if self.0.len() >= MANY {
            self.0.remove(0);
        }
        self.0.push(fact);
    }

    /// Whether a condition holds, if the facts say it.
    pub fn decide(&self, shape: &Shape) -> Option<bool> {
        let known = |kind: Kind, a: Sym, b: Sym| {
            let shape = Shape { kind, a, b };
            self.0.iter().rev().find(|fact| fact.shape == shape).map(|fact| fact.holds)
        };
        let Shape { kind, a, b } = *shape;
        if let Some(holds) = known(kind, a, b) {
            return Some(holds);
        }
        let equal = || known(Kind::Equal, a.min(b), a.max(b));
        match kind {
            Kind::Equal => {
                let orders = [Kind::Less, Kind::SignedLess];
                let below = orders.map(|kind| (known(kind, a, b), known(kind, b, a)));
                if below.iter().any(|(x, y)| *x == Some(true) || *y == Some(true)) {
                    return Some(false);
                }
                below.contains(&(Some(false), Some(false))).then_some(true)
            }
            Kind::Less | Kind::SignedLess => match (known(kind, b, a), equal()) {
                (Some(true), _) | (_, Some(true)) => Some(false),
                (Some(false), Some(false)) => Some(true),
                _ => None,
            },
            Kind::Common | Kind::Same => None,
        }
    }

    /// The symbol that stands for a term.
    pub fn resolve(&self, mut sym: Sym) -> Sym {
        // The newest last: what a term was found to be can be found to be something narrower.
        for fact in &self.0 {
            if fact.shape.kind == Kind::Same && fact.shape.a == sym {
                sym = fact.shape.b;
            }
        }
        sym
    }

    /// The numbers that a value is known not to be.
    pub fn excluded<'a>(&'a self, arena: &'a Arena, sym: Sym) -> impl Iterator<Item = u64> + 'a {
        let not_equal = |fact: &&Fact| fact.shape.kind == Kind::Equal && !fact.holds;
        self.0.iter().filter(not_equal).filter_map(move |fact| {
            let Shape { a, b, .. } = fact.shape;
            let other = if a == sym {
                b
            } else if b == sym {
                a
            } else {
                return None;
            };
            arena.abs(other).as_number()
        })
    }

    /// One symbol is another one from here on: what is known of the one is known of the other.
    pub fn rename(&mut self, arena: &mut Arena, from: Sym, to: Sym) {
        if self.0.is_empty() {
            return;
        }
        let mut renamed = Facts::default();
        for Fact { shape, holds } in self.0.drain(..) {
            let a = match shape.kind {
                // The term can be computed from other places as it was.
                Kind::Same if shape.a == from => shape.a,
                _ => arena.substitute(shape.a, from, to),
            };
            let b = arena.substitute(shape.b, from, to);
            if (a, b) == (shape.a, shape.b) {
                renamed.push(Fact { shape, holds });
                continue;
            }
            if shape.kind == Kind::Same && (a == b || !arena.is_computed(a)) {
                continue;
            }
            let (shape, flipped) = Shape::new(arena, shape.kind, a, b);
            if shape.decide(arena).is_none() {
                renamed.push(Fact { shape, holds: holds != flipped });
            }
        }
        *self = renamed;
    }
}

impl Extend<Fact> for Facts {
    fn extend<T: IntoIterator<Item = Fact>>(&mut self, facts: T) {
        facts.into_iter().for_each(|fact| self.push(fact));
    }
}

/// What a fact of one way says where it meets another way, of which `other` is known. `side`
/// gives what the places hold on the other way, `both` what they hold afterwards. None if it
/// is not known on the other way.
pub fn joined(
    arena: &mut Arena,
    fact: Fact,
    other: &Facts,
    side: impl Fn(Sym) -> Leaf,
    both: impl Fn(Sym) -> Leaf,
) -> Option<Fact> {
    let Shape { kind, a, b } = fact.shape;
    let there = (arena.map_operands(a, MAX_TERM, &side)?, arena.map_operands(b, MAX_TERM, &side)?);
    let (shape, flipped) = Shape::new(arena, kind, there.0, there.1);
    let holds = shape.decide(arena).or_else(|| other.decide(&shape))?;
    if (holds != flipped) != fact.holds {
        return None;
    }
    let (a, b) = (arena.map_operands(a, MAX_TERM, &both)?, arena.map_operands(b, MAX_TERM, &both)?);
    if kind == Kind::Same && (a == b || !arena.is_computed(a)) {
        return None;
    }
    let (shape, flipped) = Shape::new(arena, kind, a, b);
    shape.decide(arena).is_none().then_some(Fact { shape, holds: fact.holds != flipped })
}
