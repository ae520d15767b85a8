//! How much of a function is rewritten, and how much is assumed of it.

/// How much of a function may be folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Level {
    /// Everything.
    #[default]
    Full,
    /// Not the loads whose value takes an `ldimm64`.
    Narrow,
    /// As [`Narrow`](Level::Narrow), and what becomes useless stays: no copies are propagated, no
    /// dead instructions removed, no blocks merged.
    Plain,
    /// Loads whose value takes no `ldimm64`, and decided branches. Every other instruction that
    /// is still reached stays as it is.
    Bare,
    /// Nothing: the function stays as it is, and nothing is assumed of what it does.
    None,
}

impl Level {
    /// Whether what becomes useless is removed.
    pub(crate) fn cleans_up(self) -> bool {
        matches!(self, Level::Full | Level::Narrow)
    }

    /// The next step down for a function that is not proven. What needs less of a proof comes later.
    #[must_use]
    pub fn lower(self) -> Level {
        match self {
            Level::Full | Level::Narrow => Level::Plain,
            Level::Plain => Level::Bare,
            Level::Bare | Level::None => Level::None,
        }
    }
}
