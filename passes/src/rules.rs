//! The rewrites that a fold can do without: each a rule that can be left out.
//!
//! Loads that are folded, branches that are decided, and the removal of what these made dead are
//! no rules: without them nothing is folded. What the other rewrites cost the verifier is
//! measured, rule by rule, by `cargo xtask cost`; DESIGN.md says what came of it.

use std::fmt;

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident = $name:literal,)*) => {
        /// A rewrite that a fold can do without.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[$doc])* $rule,)*
        }

        impl Rule {
            /// All of them.
            pub const ALL: &'static [Rule] = &[$(Rule::$rule,)*];

            /// What reports and options call it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Rule::$rule => $name,)*
                }
            }
        }
    };
}

rules! {
    /// Instructions that change no value go: `x + 0`, `x * 1`, `x & -1`.
    Identities = "identities",
    /// Masks go that change nothing because of what is known of the operand. Not a default: the
    /// verifier gives a masked number an id of its own, without which precision spreads to copies.
    Masks = "masks",
    /// Extensions of values that are extended become moves, or go.
    Extensions = "extensions",
    /// An address or constant that a register holds is not loaded again.
    Held = "held",
    /// Results of arithmetic that are constant become immediates.
    Results = "results",
    /// Moves of constants become immediates.
    Moves = "moves",
    /// Loads of constants from the frame become immediates.
    FrameLoads = "frame-loads",
    /// Constant operands of arithmetic become immediates.
    Operands = "operands",
    /// Constant operands of conditional jumps become immediates.
    Comparisons = "comparisons",
    /// Stores of constants become stores of immediates, where the object has such stores.
    StoreImmediate = "store-immediate",
    /// An edge to a test that is decided on it goes to where the test leads.
    ThreadJumps = "thread-jumps",
    /// A constant that is added to an address becomes part of the accesses through it.
    Displacement = "displacement",
    /// A copy goes if each use of it can name the source.
    CopyPropagation = "copy-propagation",
    /// The operands of a commutative instruction change places where that makes one an immediate.
    Commute = "commute",
    /// A value whose only use is a copy is computed in the copy's register.
    Coalesce = "coalesce",
    /// Of blocks that are the same one stays.
    MergeTails = "merge-tails",
    /// Blocks move so that they follow the block that falls through to them.
    MoveBlocks = "move-blocks",
    /// A `goto` to the next instruction stands for a decided jump where the verifier would pass a
    /// join and store no state for lack of it, in large functions.
    Checkpoints = "checkpoints",
    /// Each decided jump stays as a `goto`, so that the verifier meets as many jumps as before. Not
    /// a default.
    KeepJumps = "keep-jumps",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of rules.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rules(u32);

impl Rules {
    /// No rule: only what is folded, decided and dead is rewritten.
    pub const NONE: Rules = Rules(0);

    /// All rules.
    pub fn all() -> Rules {
        Rule::ALL.iter().copied().collect()
    }

    /// Whether a rule is in the set.
    pub fn contains(self, rule: Rule) -> bool {
        self.0 & bit(rule) != 0
    }

    /// The set with a rule.
    #[must_use]
    pub fn with(self, rule: Rule) -> Rules {
        Rules(self.0 | bit(rule))
    }

    /// The set without a rule.
    #[must_use]
    pub fn without(self, rule: Rule) -> Rules {
        Rules(self.0 & !bit(rule))
    }

    /// Its rules in their order.
    pub fn iter(self) -> impl Iterator<Item = Rule> {
        Rule::ALL.iter().copied().filter(move |&rule| self.contains(rule))
    }
}

fn bit(rule: Rule) -> u32 {
    1 << rule as u32
}

impl Default for Rules {
    /// The rules that a fold applies if nothing else is asked for.
    fn default() -> Rules {
        Rules::all().without(Rule::KeepJumps).without(Rule::Masks)
    }
}

impl FromIterator<Rule> for Rules {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Rules {
        rules.into_iter().fold(Rules::NONE, Rules::with)
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Rule::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_a_bit_of_its_own() {
        assert_eq!(Rules::all().iter().count(), Rule::ALL.len());
        assert_eq!(Rules::NONE.iter().count(), 0);
        for &rule in Rule::ALL {
            assert_eq!(Rules::NONE.with(rule).iter().collect::<Vec<_>>(), [rule]);
            assert!(!Rules::all().without(rule).contains(rule));
        }
    }
}
