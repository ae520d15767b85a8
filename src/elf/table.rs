//! A vector whose positions are an index newtype.

use std::marker::PhantomData;
use std::ops;

/// A number that is a position in a [`Table`].
pub trait Index: Copy + Ord {
    /// From a position.
    fn new(position: usize) -> Self;
    /// The position.
    fn position(self) -> usize;
}

/// Values of type `V`, each known by its index of type `I`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<I, V> {
    values: Vec<V>,
    index: PhantomData<I>,
}

impl<I: Index, V> Table<I, V> {
    /// A table without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of values, the null entry included.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no value, not even the null entry.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value at `index`, if there is one.
    pub fn get(&self, index: I) -> Option<&V> {
        self.values.get(index.position())
    }

    /// The value at `index`, if there is one.
    pub fn get_mut(&mut self, index: I) -> Option<&mut V> {
        self.values.get_mut(index.position())
    }

    /// Adds a value at the end.
    pub fn push(&mut self, value: V) -> I {
        let index = I::new(self.values.len());
        self.values.push(value);
        index
    }

    /// Every index, rising.
    pub fn indices(&self) -> impl DoubleEndedIterator<Item = I> + ExactSizeIterator + use<I, V> {
        (0..self.values.len()).map(I::new)
    }

    /// The values in order.
    pub fn values(&self) -> std::slice::Iter<'_, V> {
        self.values.iter()
    }

    /// The values in order.
    pub fn values_mut(&mut self) -> std::slice::IterMut<'_, V> {
        self.values.iter_mut()
    }

    /// The values in order, each with its index.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (I, &V)> + ExactSizeIterator {
        self.values
            .iter()
            .enumerate()
            .map(|(position, value)| (I::new(position), value))
    }

    /// The values in order, each with its index.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (I, &mut V)> {
        self.values
            .iter_mut()
            .enumerate()
            .map(|(position, value)| (I::new(position), value))
    }

    /// Keeps the values that have a new index in `renumbering`.
    pub(super) fn retain(&mut self, renumbering: &Renumbering<I>) {
        let mut position = 0;
        self.values.retain(|_| {
            let kept = renumbering.get(I::new(position)).is_some();
            position += 1;
            kept
        });
    }

    /// Puts a value before the one at `index`.
    pub(super) fn insert(&mut self, index: I, value: V) {
        let position = index.position().min(self.values.len());
        self.values.insert(position, value);
    }
}

impl<I, V> Default for Table<I, V> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            index: PhantomData,
        }
    }
}

/// Panics when there is no such value: for indices of this very table, not for numbers
/// from a file.
impl<I: Index, V> ops::Index<I> for Table<I, V> {
    type Output = V;

    fn index(&self, index: I) -> &V {
        &self.values[index.position()]
    }
}

impl<I: Index, V> ops::IndexMut<I> for Table<I, V> {
    fn index_mut(&mut self, index: I) -> &mut V {
        &mut self.values[index.position()]
    }
}

/// What became of each index when entries of a [`Table`] were removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renumbering<I> {
    new: Vec<Option<I>>,
}

impl<I: Index> Renumbering<I> {
    /// The numbering of a table of `len` entries after those that `removed` names are gone.
    pub(super) fn new(len: usize, removed: impl Fn(I) -> bool) -> Self {
        let mut next = 0;
        let new = (0..len)
            .map(|position| {
                if removed(I::new(position)) {
                    return None;
                }
                next += 1;
                Some(I::new(next - 1))
            })
            .collect();
        Self { new }
    }

    /// The index that the entry now has; `None` if it was removed or never was.
    pub fn get(&self, old: I) -> Option<I> {
        self.new.get(old.position()).copied().flatten()
    }

    /// Whether every entry kept its index.
    pub fn is_identity(&self) -> bool {
        self.new.iter().all(Option::is_some)
    }
}
