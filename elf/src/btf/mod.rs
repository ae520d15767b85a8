//! BTF, the type information of BPF objects and of the kernel: sections .BTF and .BTF.ext.
//!
//! [`Btf`] is a lossless model of a .BTF section: names stay offsets into the string table as it
//! was read, so what has not been changed is written back byte for byte. Everything is checked
//! once when it is read: afterwards every reference names a type, no type contains itself and
//! every name is a string.
//!
//! [`BtfExt`] is the same for .BTF.ext, which ties instructions to functions, source lines and
//! CO-RE relocations.

mod bytes;
mod check;
mod decl;
mod edit;
mod error;
mod ext;
mod layout;
mod read;
mod records;
mod types;
mod write;

use std::borrow::Cow;
use std::sync::Arc;

pub use object::Endianness;

pub use edit::{IdMap, TypeSet};
pub use error::BtfError;
pub use ext::{Block, BtfExt, Table};
pub use layout::{BitRange, MAX_DEPTH};
pub use records::{CoreRelo, CoreReloKind, FuncInfo, LineInfo, Record};
pub use types::{
    Array, Composite, DataSec, EnumValue, Enumeration, FuncProto, Int, Kind, Linkage, Member,
    Param, SecVar, StrOff, Type, TypeId,
};

/// Name of the section in errors.
const SECTION: &str = ".BTF";

/// Length in bytes of the header without a layout part.
const HEADER_LEN: u32 = 24;

/// Length in bytes of the header with a layout part (kernel 7.0 and later).
const LAYOUT_HEADER_LEN: u32 = 32;

/// The part between types and strings that says how long each kind's records are. It is carried
/// unchanged, since it does not depend on the types.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Layout {
    bytes: Box<[u8]>,
    /// The offset of an empty part that is not at the end of the types.
    elsewhere: Option<u32>,
}

/// What [`Btf::ty`] gives for type 0.
static VOID: Type = Type { name: StrOff(0), flag: false, kind: Kind::Void };

/// The types and strings of a .BTF section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Btf {
    order: Endianness,
    base: Option<Arc<Btf>>,
    /// Number of the first of `types`: 1, or the end of the base's.
    first_id: u32,
    /// Offset of the first byte of `strings`: 0, or the length of the base's table.
    first_str: u32,
    layout: Option<Layout>,
    types: Vec<Type>,
    strings: Vec<u8>,
}

impl Btf {
    /// A section without types.
    #[must_use]
    pub fn new(order: Endianness) -> Self {
        Self {
            order,
            base: None,
            first_id: 1,
            first_str: 0,
            layout: None,
            types: Vec::new(),
            strings: vec![0],
        }
    }

    /// The byte order of the section.
    #[must_use]
    pub fn order(&self) -> Endianness {
        self.order
    }

    /// The BTF that this one continues.
    #[must_use]
    pub fn base(&self) -> Option<&Self> {
        self.base.as_deref()
    }

    /// The first id that is not in use; ids from 1 up to it are.
    #[must_use]
    pub fn end_id(&self) -> TypeId {
        TypeId(self.first_id.saturating_add(self.types.len() as u32))
    }

    /// Whether there is a type with this id; `void` is one.
    #[must_use]
    pub fn contains(&self, id: TypeId) -> bool {
        id < self.end_id()
    }

    /// A type of this section or its base; `void` for 0 and for ids that do not exist.
    #[must_use]
    pub fn ty(&self, id: TypeId) -> &Type {
        match id.0.checked_sub(self.first_id) {
            Some(own) => self.types.get(own as usize).unwrap_or(&VOID),
            None => self.base().map_or(&VOID, |base| base.ty(id)),
        }
    }

    /// A type of this section, to change it; neither `void` nor the base's types can be.
    ///
    /// The caller sees to it that references stay valid; [`Btf::check`] tells.
    pub fn ty_mut(&mut self, id: TypeId) -> Option<&mut Type> {
        self.types.get_mut(id.0.checked_sub(self.first_id)? as usize)
    }

    /// The types of this section without its base's, in order.
    pub fn own_types(&self) -> impl DoubleEndedIterator<Item = (TypeId, &Type)> {
        let first = self.first_id;
        self.types.iter().enumerate().map(move |(at, ty)| (TypeId(first + at as u32), ty))
    }

    /// The types of the base and of this section, in order, without `void`.
    pub fn types(&self) -> impl Iterator<Item = (TypeId, &Type)> {
        (1..self.end_id().0).map(|id| (TypeId(id), self.ty(TypeId(id))))
    }

    /// The end of the string table, counted from the base's start.
    fn strings_end(&self) -> u32 {
        self.first_str.saturating_add(self.strings.len() as u32)
    }

    /// A string's bytes without the NUL; empty if the offset is outside of the table.
    #[must_use]
    pub fn bytes(&self, string: StrOff) -> &[u8] {
        match string.0.checked_sub(self.first_str) {
            Some(own) => until_nul(self.strings.get(own as usize..).unwrap_or_default()),
            None => self.base().map_or(&[], |base| base.bytes(string)),
        }
    }

    /// A string; up to its first byte that is not UTF-8, which names never have.
    #[must_use]
    pub fn str(&self, string: StrOff) -> &str {
        let bytes = self.bytes(string);
        std::str::from_utf8(bytes).unwrap_or_else(|err| {
            std::str::from_utf8(&bytes[..err.valid_up_to()]).unwrap_or_default()
        })
    }

    /// A string that may be in any encoding, as source lines are.
    #[must_use]
    pub fn str_lossy(&self, string: StrOff) -> Cow<'_, str> {
        String::from_utf8_lossy(self.bytes(string))
    }

    /// A type's name; empty if it has none.
    #[must_use]
    pub fn name(&self, id: TypeId) -> &str {
        self.str(self.ty(id).name)
    }

    /// The first type of this section or, failing that, its base that `accept` accepts by its
    /// kind and that has this name.
    #[must_use]
    pub fn find(&self, name: &str, accept: impl Fn(&Kind) -> bool) -> Option<TypeId> {
        fn search(btf: &Btf, name: &str, accept: &dyn Fn(&Kind) -> bool) -> Option<TypeId> {
            btf.own_types()
                .find(|(_, ty)| accept(&ty.kind) && btf.bytes(ty.name) == name.as_bytes())
                .map(|(id, _)| id)
                .or_else(|| search(btf.base()?, name, accept))
        }
        search(self, name, &accept)
    }

    /// The function of this name.
    #[must_use]
    pub fn find_func(&self, name: &str) -> Option<TypeId> {
        self.find(name, |kind| matches!(kind, Kind::Func { .. }))
    }

    /// The DATASEC of this name.
    #[must_use]
    pub fn find_datasec(&self, name: &str) -> Option<(TypeId, &DataSec)> {
        let id = self.find(name, |kind| matches!(kind, Kind::DataSec(_)))?;
        match &self.ty(id).kind {
            Kind::DataSec(section) => Some((id, section)),
            _ => None,
        }
    }

    /// The DATASEC of this name in this section, to change it.
    pub fn datasec_mut(&mut self, name: &str) -> Option<&mut DataSec> {
        let (id, _) = self.find_datasec(name)?;
        match &mut self.ty_mut(id)?.kind {
            Kind::DataSec(section) => Some(section),
            _ => None,
        }
    }
}

/// The bytes before the first NUL.
fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}
