//! Typed indices and the vectors they index.
//!
//! Every table of the crate is an [`EntityVec`]: pushing into it makes the index, and only
//! an index of the right type reads it. A [`PerEntity`] is a side table with a default for
//! the entities that were never written.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// An index type: a newtype over `u32`.
pub trait Entity: Copy + Eq + Ord + fmt::Debug {
    /// The entity with this number.
    fn from_index(index: usize) -> Self;
    /// The number of the entity, counted from 0.
    fn index(self) -> usize;
}

/// Declares an index newtype with its display prefix.
#[macro_export]
macro_rules! entity {
    ($(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $crate::entity::Entity for $name {
            fn from_index(index: usize) -> Self {
                Self(u32::try_from(index).unwrap_or(u32::MAX))
            }
            fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

entity!(
    /// A basic block of one function.
    Block, "b"
);
entity!(
    /// An instruction of one function.
    Inst, "i"
);
entity!(
    /// A function of a program: an entry program, a global or a static subprogram.
    Func, "f"
);
entity!(
    /// A map that code names.
    Map, "map"
);
entity!(
    /// A data section that code names.
    Section, "sec"
);
entity!(
    /// An undefined symbol that code names: kconfig, ksym or kfunc.
    Extern, "ext"
);
entity!(
    /// A line_info record of the object.
    Line, "line"
);
entity!(
    /// A relocation record of the object.
    Reloc, "rel"
);
entity!(
    /// A CO-RE record of the object.
    Core, "core"
);

/// A vector that is indexed by one entity type, and that defines its entities.
#[derive(Clone, PartialEq, Eq)]
pub struct EntityVec<K, V> {
    values: Vec<V>,
    key: PhantomData<K>,
}

impl<K: Entity, V> EntityVec<K, V> {
    /// An empty vector.
    pub fn new() -> Self {
        Self { values: Vec::new(), key: PhantomData }
    }

    /// Appends `value` and returns its entity.
    pub fn push(&mut self, value: V) -> K {
        self.values.push(value);
        K::from_index(self.values.len() - 1)
    }

    /// The number of entities.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no entity.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of `key`, if there is one.
    pub fn get(&self, key: K) -> Option<&V> {
        self.values.get(key.index())
    }

    /// The value of `key`, if there is one.
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.values.get_mut(key.index())
    }

    /// All entities, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = K> + ExactSizeIterator + use<K, V> {
        (0..self.values.len()).map(K::from_index)
    }

    /// All values, in order.
    pub fn values(&self) -> std::slice::Iter<'_, V> {
        self.values.iter()
    }

    /// All values, in order.
    pub fn values_mut(&mut self) -> std::slice::IterMut<'_, V> {
        self.values.iter_mut()
    }

    /// All entities with their values, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &V)> + ExactSizeIterator {
        self.values.iter().enumerate().map(|(i, v)| (K::from_index(i), v))
    }

    /// All entities with their values, in order.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (K, &mut V)> + ExactSizeIterator {
        self.values.iter_mut().enumerate().map(|(i, v)| (K::from_index(i), v))
    }
}

impl<K: Entity, V> Default for EntityVec<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Entity, V> FromIterator<V> for EntityVec<K, V> {
    fn from_iter<T: IntoIterator<Item = V>>(iter: T) -> Self {
        Self { values: iter.into_iter().collect(), key: PhantomData }
    }
}

impl<K, V> IntoIterator for EntityVec<K, V> {
    type Item = V;
    type IntoIter = std::vec::IntoIter<V>;
    fn into_iter(self) -> Self::IntoIter {
        self.values.into_iter()
    }
}

impl<K: Entity, V> Index<K> for EntityVec<K, V> {
    type Output = V;
    fn index(&self, key: K) -> &V {
        &self.values[key.index()]
    }
}

impl<K: Entity, V> IndexMut<K> for EntityVec<K, V> {
    fn index_mut(&mut self, key: K) -> &mut V {
        &mut self.values[key.index()]
    }
}

impl<K: Entity + fmt::Debug, V: fmt::Debug> fmt::Debug for EntityVec<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A side table: a value for each entity of a table that lives elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerEntity<K, V> {
    values: Vec<V>,
    default: V,
    key: PhantomData<K>,
}

impl<K: Entity, V: Clone> PerEntity<K, V> {
    /// A table in which every entity has the value `default`.
    pub fn with_default(default: V) -> Self {
        Self { values: Vec::new(), default, key: PhantomData }
    }
}

impl<K: Entity, V> PerEntity<K, V> {
    /// The value of `key`.
    pub fn get(&self, key: K) -> &V {
        self.values.get(key.index()).unwrap_or(&self.default)
    }
}

impl<K: Entity, V: Clone + Default> Default for PerEntity<K, V> {
    fn default() -> Self {
        Self::with_default(V::default())
    }
}

impl<K: Entity, V: Clone> Index<K> for PerEntity<K, V> {
    type Output = V;
    fn index(&self, key: K) -> &V {
        self.values.get(key.index()).unwrap_or(&self.default)
    }
}

impl<K: Entity, V: Clone> IndexMut<K> for PerEntity<K, V> {
    fn index_mut(&mut self, key: K) -> &mut V {
        if key.index() >= self.values.len() {
            self.values.resize(key.index() + 1, self.default.clone());
        }
        &mut self.values[key.index()]
    }
}
