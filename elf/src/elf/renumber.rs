//! New numbers for what is kept when entries of a table are removed.

use bpfold_passes::entity::{Entity, EntityVec};

/// What became of each index when entries of a table were removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renumbering<I> {
    new: Vec<Option<I>>,
}

impl<I: Entity> Renumbering<I> {
    /// The numbering of a table of `len` entries after those that `removed` names are gone.
    pub(super) fn new(len: usize, removed: impl Fn(I) -> bool) -> Self {
        let mut next = 0;
        let new = (0..len)
            .map(|position| {
                if removed(I::from_index(position)) {
                    return None;
                }
                next += 1;
                Some(I::from_index(next - 1))
            })
            .collect();
        Self { new }
    }

    /// The index that the entry now has; `None` if it was removed or never was.
    pub fn get(&self, old: I) -> Option<I> {
        self.new.get(old.index()).copied().flatten()
    }

    /// Whether every entry kept its index.
    pub fn is_identity(&self) -> bool {
        self.new.iter().all(Option::is_some)
    }

    /// The entries of `table` that are kept.
    pub(super) fn retain<V>(&self, table: &mut EntityVec<I, V>) {
        *table = std::mem::take(table)
            .into_iter()
            .zip(&self.new)
            .filter_map(|(value, new)| new.map(|_| value))
            .collect();
    }
}
