//! Removing types and making the string table anew.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::Btf;
use super::ext::BtfExt;
use super::types::{Kind, StrOff, Type, TypeId};

/// A set of types of one [`Btf`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeSet {
    words: Vec<u64>,
}

impl TypeSet {
    /// A set without types.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a type; tells whether it was not in the set before.
    pub fn insert(&mut self, id: TypeId) -> bool {
        let (word, bit) = (id.index() / 64, 1 << (id.0 % 64));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        new
    }

    /// Takes a type out; tells whether it was in the set.
    pub fn remove(&mut self, id: TypeId) -> bool {
        let bit = 1 << (id.0 % 64);
        match self.words.get_mut(id.index() / 64) {
            Some(word) if *word & bit != 0 => {
                *word &= !bit;
                true
            }
            _ => false,
        }
    }

    /// Whether a type is in the set.
    #[must_use]
    pub fn contains(&self, id: TypeId) -> bool {
        self.words.get(id.index() / 64).is_some_and(|word| word & 1 << (id.0 % 64) != 0)
    }
}

impl Extend<TypeId> for TypeSet {
    fn extend<I: IntoIterator<Item = TypeId>>(&mut self, ids: I) {
        for id in ids {
            self.insert(id);
        }
    }
}

impl FromIterator<TypeId> for TypeSet {
    fn from_iter<I: IntoIterator<Item = TypeId>>(ids: I) -> Self {
        let mut set = Self::new();
        for id in ids {
            set.insert(id);
        }
        set
    }
}

/// What became of each type when types were removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdMap {
    /// First id of the section that was changed; lower ids stay as they are.
    first: u32,
    /// New ids by old id from `first` on, 0 for removed types.
    new: Vec<TypeId>,
}

impl IdMap {
    /// The type's new id; none if it was removed or never was.
    #[must_use]
    pub fn get(&self, old: TypeId) -> Option<TypeId> {
        match old.0.checked_sub(self.first) {
            None => Some(old),
            Some(own) => self.new.get(own as usize).copied().filter(|id| *id != TypeId::VOID),
        }
    }

    /// Whether every type has kept its id.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        (self.first..).zip(&self.new).all(|(old, new)| new.0 == old)
    }
}

impl Btf {
    /// Adds to `set` every type that its types refer to, directly or not, and the declaration
    /// tags of types in it.
    pub fn close(&self, set: &mut TypeSet) {
        let mut work: Vec<TypeId> =
            self.types().map(|(id, _)| id).filter(|id| set.contains(*id)).collect();
        while let Some(id) = work.pop() {
            self.ty(id).kind.for_each_ref(|target| {
                if target != TypeId::VOID && set.insert(target) {
                    work.push(target);
                }
            });
        }
        for (id, ty) in self.own_types() {
            if let Kind::DeclTag { target, .. } = ty.kind
                && set.contains(target)
            {
                set.insert(id);
            }
        }
    }

    /// Removes the types of this section that are neither in `keep` nor needed by one that is
    /// (see [`Btf::close`]), and renumbers the others in order. References within the section
    /// follow; those from elsewhere, such as .BTF.ext, follow by the returned map
    /// ([`BtfExt::renumber`]).
    pub fn retain(&mut self, keep: &TypeSet) -> IdMap {
        let mut keep = keep.clone();
        self.close(&mut keep);
        let mut map = IdMap { first: self.first_id, new: Vec::with_capacity(self.types.len()) };
        let mut next = self.first_id;
        for (id, _) in self.own_types() {
            if keep.contains(id) {
                map.new.push(TypeId(next));
                next += 1;
            } else {
                map.new.push(TypeId::VOID);
            }
        }
        let mut id = self.first_id;
        self.types.retain_mut(|ty| {
            let kept = keep.contains(TypeId(id));
            id += 1;
            if kept {
                // `keep` is closed: each reference has a new id.
                ty.kind.for_each_ref_mut(|target| *target = map.get(*target).unwrap_or_default());
            }
            kept
        });
        map
    }

    /// Takes variables out of the DATASECs. The VARs themselves stay until
    /// [`Btf::retain`] drops them.
    pub fn remove_vars(&mut self, mut remove: impl FnMut(TypeId) -> bool) {
        for ty in &mut self.types {
            if let Kind::DataSec(section) = &mut ty.kind {
                section.vars.retain(|var| !remove(var.var));
            }
        }
    }

    /// Appends a type and gives its id.
    pub fn add_type(&mut self, ty: Type) -> TypeId {
        let id = self.end_id();
        self.types.push(ty);
        id
    }

    /// The offset of a string, which is appended unless the table has it. This searches the
    /// table: it is meant for a few strings.
    pub fn add_string(&mut self, string: &str) -> StrOff {
        let text = string.split('\0').next().unwrap_or_default();
        if text.is_empty() {
            return StrOff(0);
        }
        let mut at = 0;
        for entry in self.strings.split(|byte| *byte == 0) {
            if entry == text.as_bytes() {
                return StrOff(self.first_str + at);
            }
            at += entry.len() as u32 + 1;
        }
        self.push_string(text)
    }

    /// Appends a string, also if the table has it; `string` has no zero byte.
    pub fn push_string(&mut self, string: &str) -> StrOff {
        if string.is_empty() {
            return StrOff(0);
        }
        let at = self.strings_end();
        self.strings.extend(string.as_bytes());
        self.strings.push(0);
        StrOff(at)
    }

    /// Makes the string table anew from the strings in use, each once, in the order in which
    /// the types and then `ext` use them. Strings of the base stay where they are. A table that
    /// would grow stays as it is: strings can share their ends.
    pub fn rebuild_strings(&mut self, mut ext: Option<&mut BtfExt>) {
        let first = self.first_str;
        let old = std::mem::take(&mut self.strings);
        let mut table = IndexMap::<&[u8], u32>::new();
        let mut moved = BTreeMap::<u32, u32>::new();
        let mut end = u64::from(first);
        if first == 0 {
            table.insert(&[], 0);
            end = 1;
        }
        let limit = u64::from(first) + old.len() as u64;
        self.for_each_str_mut(ext.as_deref_mut(), &mut |string| {
            if string.0 < first || string.0 == 0 || end > limit || moved.contains_key(&string.0) {
                return;
            }
            let bytes =
                super::until_nul(old.get((string.0 - first) as usize..).unwrap_or_default());
            let at = *table.entry(bytes).or_insert_with(|| {
                let at = end as u32;
                end += bytes.len() as u64 + 1;
                at
            });
            moved.insert(string.0, at);
        });
        if end <= limit {
            self.for_each_str_mut(ext, &mut |string| {
                string.0 = moved.get(&string.0).copied().unwrap_or(string.0);
            });
            for bytes in table.keys() {
                self.strings.extend(*bytes);
                self.strings.push(0);
            }
        } else {
            self.strings = old;
        }
    }

    fn for_each_str_mut(&mut self, ext: Option<&mut BtfExt>, f: &mut dyn FnMut(&mut StrOff)) {
        for ty in &mut self.types {
            f(&mut ty.name);
            ty.kind.for_each_str_mut(&mut *f);
        }
        if let Some(ext) = ext {
            ext.for_each_str_mut(f);
        }
    }
}
