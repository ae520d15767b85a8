//! The types that a .BTF section describes: one [`Kind`] variant a BTF kind.
//!
//! The layout of each is that of the kernel's `include/uapi/linux/btf.h` and
//! `Documentation/bpf/btf.rst`.

use std::fmt;

/// A type's number; 0 is `void`, the first type of the section is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u32);

impl TypeId {
    /// The type `void`, which has no record of its own.
    pub const VOID: Self = Self(0);

    /// The number as an index into a table with a slot for `void`.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.0)
    }
}

/// A string, as its offset in bytes into the string table; 0 is the empty string.
///
/// In split BTF the offsets below the length of the base's table name the base's strings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StrOff(pub u32);

/// One type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Type {
    /// Its name; empty for anonymous types and kinds that have none.
    pub name: StrOff,
    /// The `kind_flag` bit as it is in the file, for kinds that give it no meaning of their own
    /// here. [`Composite`] and [`Enumeration`] and [`Kind::Fwd`] carry theirs themselves.
    pub flag: bool,
    /// What it is.
    pub kind: Kind,
}

/// What a type is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// `void`: the type with id 0, never in the file.
    #[default]
    Void,
    /// An integer, `char` or `bool`.
    Int(Int),
    /// A pointer to a type.
    Ptr(TypeId),
    /// An array.
    Array(Array),
    /// A struct.
    Struct(Composite),
    /// A union.
    Union(Composite),
    /// An enum with values of 32 bits.
    Enum(Enumeration),
    /// A forward declaration of a struct or union.
    Fwd {
        /// It is a union, not a struct.
        is_union: bool,
        /// A field without meaning, 0 from clang; gcc leaves a type there.
        unused: u32,
    },
    /// A typedef of a type.
    Typedef(TypeId),
    /// `volatile`.
    Volatile(TypeId),
    /// `const`.
    Const(TypeId),
    /// `restrict`.
    Restrict(TypeId),
    /// A function; its type is a [`Kind::FuncProto`].
    Func {
        /// The prototype.
        proto: TypeId,
        /// Its linkage.
        linkage: Linkage,
    },
    /// A function's prototype.
    FuncProto(FuncProto),
    /// A variable with static storage.
    Var {
        /// Its type.
        ty: TypeId,
        /// Its linkage.
        linkage: Linkage,
    },
    /// The variables of an ELF section; the type's name is the section's.
    DataSec(DataSec),
    /// A floating-point number of so many bytes.
    Float {
        /// Size in bytes.
        size: u32,
    },
    /// `btf_decl_tag`: an attribute of a declaration; the type's name is the attribute.
    DeclTag {
        /// The struct, union, function, variable or typedef it is attached to.
        target: TypeId,
        /// The member or parameter it is attached to, −1 for `target` itself.
        component: i32,
    },
    /// `btf_type_tag`: an attribute of a type; the type's name is the attribute.
    TypeTag(TypeId),
    /// An enum with values of 64 bits.
    Enum64(Enumeration),
}

impl Kind {
    /// The kind's name as the kernel's documentation has it, without `BTF_KIND_`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Void => "VOID",
            Self::Int(_) => "INT",
            Self::Ptr(_) => "PTR",
            Self::Array(_) => "ARRAY",
            Self::Struct(_) => "STRUCT",
            Self::Union(_) => "UNION",
            Self::Enum(_) => "ENUM",
            Self::Fwd { .. } => "FWD",
            Self::Typedef(_) => "TYPEDEF",
            Self::Volatile(_) => "VOLATILE",
            Self::Const(_) => "CONST",
            Self::Restrict(_) => "RESTRICT",
            Self::Func { .. } => "FUNC",
            Self::FuncProto(_) => "FUNC_PROTO",
            Self::Var { .. } => "VAR",
            Self::DataSec(_) => "DATASEC",
            Self::Float { .. } => "FLOAT",
            Self::DeclTag { .. } => "DECL_TAG",
            Self::TypeTag(_) => "TYPE_TAG",
            Self::Enum64(_) => "ENUM64",
        }
    }

    /// Calls `f` with each type that this one refers to, `void` included, in file order.
    pub fn for_each_ref(&self, mut f: impl FnMut(TypeId)) {
        match self {
            Self::Void
            | Self::Int(_)
            | Self::Enum(_)
            | Self::Enum64(_)
            | Self::Fwd { .. }
            | Self::Float { .. } => {}
            Self::Ptr(ty)
            | Self::Typedef(ty)
            | Self::Volatile(ty)
            | Self::Const(ty)
            | Self::Restrict(ty)
            | Self::TypeTag(ty)
            | Self::Func { proto: ty, .. }
            | Self::Var { ty, .. }
            | Self::DeclTag { target: ty, .. } => f(*ty),
            Self::Array(array) => {
                f(array.element);
                f(array.index);
            }
            Self::Struct(composite) | Self::Union(composite) => {
                composite.members.iter().for_each(|member| f(member.ty));
            }
            Self::FuncProto(proto) => {
                f(proto.result);
                proto.params.iter().for_each(|param| f(param.ty));
            }
            Self::DataSec(section) => section.vars.iter().for_each(|var| f(var.var)),
        }
    }

    /// Like [`Kind::for_each_ref`], but the references can be changed.
    pub fn for_each_ref_mut(&mut self, mut f: impl FnMut(&mut TypeId)) {
        match self {
            Self::Void
            | Self::Int(_)
            | Self::Enum(_)
            | Self::Enum64(_)
            | Self::Fwd { .. }
            | Self::Float { .. } => {}
            Self::Ptr(ty)
            | Self::Typedef(ty)
            | Self::Volatile(ty)
            | Self::Const(ty)
            | Self::Restrict(ty)
            | Self::TypeTag(ty)
            | Self::Func { proto: ty, .. }
            | Self::Var { ty, .. }
            | Self::DeclTag { target: ty, .. } => f(ty),
            Self::Array(array) => {
                f(&mut array.element);
                f(&mut array.index);
            }
            Self::Struct(composite) | Self::Union(composite) => {
                composite.members.iter_mut().for_each(|member| f(&mut member.ty));
            }
            Self::FuncProto(proto) => {
                f(&mut proto.result);
                proto.params.iter_mut().for_each(|param| f(&mut param.ty));
            }
            Self::DataSec(section) => section.vars.iter_mut().for_each(|var| f(&mut var.var)),
        }
    }

    /// Calls `f` with each string that the type has apart from its own name, in file order.
    pub fn for_each_str_mut(&mut self, mut f: impl FnMut(&mut StrOff)) {
        match self {
            Self::Struct(composite) | Self::Union(composite) => {
                composite.members.iter_mut().for_each(|member| f(&mut member.name));
            }
            Self::Enum(enumeration) | Self::Enum64(enumeration) => {
                enumeration.values.iter_mut().for_each(|value| f(&mut value.name));
            }
            Self::FuncProto(proto) => proto.params.iter_mut().for_each(|param| f(&mut param.name)),
            Self::Void
            | Self::Int(_)
            | Self::Ptr(_)
            | Self::Array(_)
            | Self::Fwd { .. }
            | Self::Typedef(_)
            | Self::Volatile(_)
            | Self::Const(_)
            | Self::Restrict(_)
            | Self::Func { .. }
            | Self::Var { .. }
            | Self::DataSec(_)
            | Self::Float { .. }
            | Self::DeclTag { .. }
            | Self::TypeTag(_) => {}
        }
    }
}

/// An integer type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Int {
    /// Storage size in bytes: 1, 2, 4, 8 or 16.
    pub size: u32,
    /// `BTF_INT_SIGNED`.
    pub signed: bool,
    /// `BTF_INT_CHAR`.
    pub char: bool,
    /// `BTF_INT_BOOL`.
    pub bool: bool,
    /// Offset in bits of the value within the storage; 0 except for old-style bit-fields.
    pub bit_offset: u8,
    /// Width in bits of the value.
    pub bits: u8,
}

/// An array type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Array {
    /// Type of the elements.
    pub element: TypeId,
    /// Type of the index.
    pub index: TypeId,
    /// Number of elements; 0 for flexible arrays.
    pub count: u32,
}

/// A struct or union.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Composite {
    /// Size in bytes.
    pub size: u32,
    /// The `kind_flag` bit: members say their bit-field width. Writing a bit-field in
    /// [`Member::bitfield`] without it loses the width.
    pub has_bitfields: bool,
    /// Members in order.
    pub members: Vec<Member>,
}

/// A member of a struct or union.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its name; empty for anonymous structs and unions.
    pub name: StrOff,
    /// Its type.
    pub ty: TypeId,
    /// Offset in bits from the start of the struct, counted in the object's byte order: in
    /// big-endian objects bit 0 is the most significant bit of the first byte.
    pub bit_offset: u32,
    /// Width in bits of a bit-field, 0 for anything else. Without
    /// [`Composite::has_bitfields`] this is 0, and a bit-field shows by an [`Int`] type with an
    /// offset or fewer bits than its size.
    pub bitfield: u8,
}

/// An enum of either width.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enumeration {
    /// Size in bytes: 1, 2, 4 or 8; 0 for a forward declaration.
    pub size: u32,
    /// The `kind_flag` bit: values are signed. Old compilers never set it.
    pub signed: bool,
    /// The values in order.
    pub values: Vec<EnumValue>,
}

/// One value of an enum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnumValue {
    /// Its name.
    pub name: StrOff,
    /// The value: sign-extended from 32 bits for [`Kind::Enum`], the 64 bits as they are for
    /// [`Kind::Enum64`].
    pub value: i64,
}

/// A function's prototype.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FuncProto {
    /// Type of the result.
    pub result: TypeId,
    /// Parameters in order; a last one without name and type stands for `...`.
    pub params: Vec<Param>,
}

/// A parameter of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: StrOff,
    /// Its type.
    pub ty: TypeId,
}

/// The variables of an ELF section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataSec {
    /// Size of the section in bytes; compilers leave 0, libbpf fills it in.
    pub size: u32,
    /// The variables in file order.
    pub vars: Vec<SecVar>,
}

/// Where a variable lies in its section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecVar {
    /// The [`Kind::Var`], or [`Kind::Func`] in `.ksyms`.
    pub var: TypeId,
    /// Offset in bytes from the start of the section. Clang leaves 0 for externs and for globals,
    /// where the ELF symbol has it (libbpf's `btf_fixup_datasec`).
    pub offset: u32,
    /// Size in bytes.
    pub size: u32,
}

/// Linkage of a function or variable (`BTF_FUNC_*`, `BTF_VAR_*`: the numbers agree).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Linkage {
    /// Local to the object.
    #[default]
    Static,
    /// Defined here, visible to others.
    Global,
    /// Defined elsewhere.
    Extern,
}
