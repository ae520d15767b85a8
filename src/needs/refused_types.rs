//! Types that kernels refuse by themselves, wherever they are used: what `kernel/bpf/btf.c` checks
//! of each kind (`btf_*_check_meta`, `btf_*_resolve`, `btf_func_check`, `btf_func_proto_check`).
//!
//! Compilers make some of them: functions with parameters without names (`int f(int) {…}`), names
//! of C++ and Rust, members of Rust's structs in another order than in memory, externs of gcc 14,
//! forward declarations of gcc that refer to a type. Some loaders mend some: aya the names of Rust,
//! libbpf what the DATASECs of externs name (`bpf_object__collect_externs`). So such a type is
//! kept as it is, and each kernel and loader does with it what it did.
//!
//! A DATASEC is not among them: what is wrong with it can go with a variable
//! ([`refused_place`](super::refused_place)).

use crate::btf::{
    Array, Btf, Composite, Enumeration, FuncProto, Int, Kind, Linkage, Type, TypeId, TypeSet,
};

/// Sections of externs, which loaders make valid (`bpf_object__collect_externs`).
pub(super) const EXTERNS: [&str; 2] = [".ksyms", ".kconfig"];

/// The types that kernels refuse, and why.
pub(crate) fn refused_types(btf: &Btf) -> impl Iterator<Item = (TypeId, &'static str)> {
    let mended = externs(btf);
    btf.own_types().filter(move |(id, _)| !mended.contains(*id)).filter_map(|(id, ty)| {
        let problem = problem(btf, ty)?;
        Some((id, problem))
    })
}

/// What DATASECs of externs name.
pub(super) fn externs(btf: &Btf) -> TypeSet {
    let datasecs = btf.own_types().filter_map(|(_, ty)| match &ty.kind {
        Kind::DataSec(section) if EXTERNS.contains(&btf.str(ty.name)) => Some(&section.vars),
        _ => None,
    });
    datasecs.flatten().map(|var| var.var).collect()
}

fn problem(btf: &Btf, ty: &Type) -> Option<&'static str> {
    let name = btf.bytes(ty.name);
    let (is_named, is_valid) = (!name.is_empty(), is_identifier(name));
    let mut problems = [
        (ty.flag && !takes_flag(&ty.kind)).then_some("its kind has no flag"),
        match ty.kind {
            Kind::Func { .. } | Kind::Var { .. } | Kind::Typedef(_) | Kind::Fwd { .. } => {
                (!is_valid).then_some("its name is no identifier")
            }
            Kind::Struct(_) | Kind::Union(_) | Kind::Enum(_) | Kind::Enum64(_) => {
                (is_named && !is_valid).then_some("its name is no identifier")
            }
            Kind::Ptr(_)
            | Kind::Array(_)
            | Kind::Volatile(_)
            | Kind::Const(_)
            | Kind::Restrict(_)
            | Kind::FuncProto(_) => is_named.then_some("its kind has no name"),
            Kind::TypeTag(_) | Kind::DeclTag { .. } => (!is_named).then_some("it has no text"),
            Kind::Void | Kind::Int(_) | Kind::Float { .. } | Kind::DataSec(_) => None,
        },
        match &ty.kind {
            Kind::Int(int) => of_int(int),
            Kind::Array(array) => of_array(btf, array),
            Kind::Struct(composite) => of_composite(btf, composite, false),
            Kind::Union(composite) => of_composite(btf, composite, true),
            Kind::Enum(enumeration) | Kind::Enum64(enumeration) => of_enum(btf, enumeration),
            Kind::Fwd { unused, .. } => (*unused != 0).then_some("it refers to a type"),
            Kind::Func { linkage: Linkage::Extern, .. }
            | Kind::Var { linkage: Linkage::Extern, .. } => Some("it is extern in no section"),
            Kind::Func { proto, .. } => of_func(btf, *proto),
            Kind::FuncProto(proto) => of_proto(btf, proto),
            Kind::Var { ty, .. } => btf.size_of(*ty).is_none().then_some("its type has no size"),
            Kind::Float { size } => {
                (!matches!(size, 2 | 4 | 8 | 12 | 16)).then_some("it has another size than floats")
            }
            Kind::DeclTag { target, component } => of_tag(btf, *target, *component),
            Kind::Void
            | Kind::Ptr(_)
            | Kind::Typedef(_)
            | Kind::Volatile(_)
            | Kind::Const(_)
            | Kind::Restrict(_)
            | Kind::TypeTag(_)
            | Kind::DataSec(_) => None,
        },
    ];
    problems.iter_mut().find_map(Option::take)
}

/// Whether a flag in the type's head may be set. Tags of attributes take it since 6.15.
fn takes_flag(kind: &Kind) -> bool {
    match kind {
        Kind::Struct(_)
        | Kind::Union(_)
        | Kind::Enum(_)
        | Kind::Enum64(_)
        | Kind::Fwd { .. }
        | Kind::TypeTag(_)
        | Kind::DeclTag { .. } => true,
        Kind::Void
        | Kind::Int(_)
        | Kind::Ptr(_)
        | Kind::Array(_)
        | Kind::Typedef(_)
        | Kind::Volatile(_)
        | Kind::Const(_)
        | Kind::Restrict(_)
        | Kind::Func { .. }
        | Kind::FuncProto(_)
        | Kind::Var { .. }
        | Kind::DataSec(_)
        | Kind::Float { .. } => false,
    }
}

/// `btf_name_valid_identifier`. Its limit is 512 bytes, and was 128 before 6.1.
fn is_identifier(name: &[u8]) -> bool {
    let is_first = |c: &u8| c.is_ascii_alphabetic() || matches!(c, b'_' | b'.');
    let is_next = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.');
    name.first().is_some_and(is_first) && name.iter().all(is_next) && name.len() < 128
}

fn of_int(int: &Int) -> Option<&'static str> {
    let bits = u32::from(int.bits) + u32::from(int.bit_offset);
    let encodings = [int.signed, int.char, int.bool].into_iter().filter(|set| *set).count();
    if bits > 128 || bits.div_ceil(8) > int.size {
        Some("it has more bits than room")
    } else if encodings > 1 {
        Some("it has several encodings")
    } else {
        None
    }
}

/// Whether a type is an integer of whole bytes (`btf_type_int_is_regular`).
fn is_regular(btf: &Btf, id: TypeId) -> Option<bool> {
    match &btf.resolve(id).1.kind {
        Kind::Int(int) => {
            let bits = u32::from(int.bits);
            Some(
                int.bit_offset == 0
                    && bits == int.size * 8
                    && matches!(bits, 8 | 16 | 32 | 64 | 128),
            )
        }
        _ => None,
    }
}

fn of_array(btf: &Btf, array: &Array) -> Option<&'static str> {
    if is_regular(btf, array.index) != Some(true) {
        return Some("its index is no integer");
    }
    match btf.size_of(array.element) {
        None => Some("its elements have no size"),
        Some(_) if is_regular(btf, array.element) == Some(false) => {
            Some("its elements are bit-fields")
        }
        Some(size) => {
            let size = size.saturating_mul(array.count.into());
            (size > u32::MAX.into()).then_some("it is too large")
        }
    }
}

fn of_composite(btf: &Btf, composite: &Composite, is_union: bool) -> Option<&'static str> {
    let mut last = 0;
    for member in &composite.members {
        let name = btf.bytes(member.name);
        if !name.is_empty() && !is_identifier(name) {
            return Some("the name of a member is no identifier");
        }
        if btf.size_of(member.ty).is_none() {
            return Some("a member has no size");
        }
        if member.bit_offset < last || (is_union && member.bit_offset != 0) {
            return Some("its members are not in order");
        }
        let end = btf.member_bits(member).map(|bits| bits.start.saturating_add(bits.len));
        if end.is_none_or(|end| end.div_ceil(8) > composite.size.into()) {
            return Some("a member ends behind it");
        }
        last = member.bit_offset;
    }
    None
}

fn of_enum(btf: &Btf, enumeration: &Enumeration) -> Option<&'static str> {
    let names = || enumeration.values.iter().map(|value| btf.bytes(value.name));
    if enumeration.size > 8 || !enumeration.size.is_power_of_two() {
        Some("it has another size than integers")
    } else if names().any(|name| !is_identifier(name)) {
        Some("the name of a value is no identifier")
    } else {
        None
    }
}

fn of_func(btf: &Btf, proto: TypeId) -> Option<&'static str> {
    let Kind::FuncProto(proto) = &btf.ty(proto).kind else { return Some("it has no prototype") };
    let is_unnamed = |(name, ty): (&[u8], TypeId)| name.is_empty() && ty != TypeId::VOID;
    let mut params = proto.params.iter().map(|param| (btf.bytes(param.name), param.ty));
    params.any(is_unnamed).then_some("a parameter has no name")
}

fn of_proto(btf: &Btf, proto: &FuncProto) -> Option<&'static str> {
    if proto.result != TypeId::VOID && btf.size_of(proto.result).is_none() {
        return Some("its result has no size");
    }
    let last = proto.params.len().saturating_sub(1);
    proto.params.iter().enumerate().find_map(|(i, param)| {
        let name = btf.bytes(param.name);
        if i == last && param.ty == TypeId::VOID {
            return (!name.is_empty()).then_some("`...` has a name");
        }
        if !name.is_empty() && !is_identifier(name) {
            return Some("the name of a parameter is no identifier");
        }
        btf.size_of(param.ty).is_none().then_some("a parameter has no size")
    })
}

/// `btf_decl_tag_check_meta`, `btf_decl_tag_resolve`.
fn of_tag(btf: &Btf, target: TypeId, component: i32) -> Option<&'static str> {
    let parts = match &btf.ty(target).kind {
        Kind::Struct(composite) | Kind::Union(composite) => composite.members.len(),
        Kind::Func { proto, .. } => match &btf.ty(*proto).kind {
            Kind::FuncProto(proto) => proto.params.len(),
            _ => 0,
        },
        Kind::Var { .. } | Kind::Typedef(_) => 0,
        Kind::Void
        | Kind::Int(_)
        | Kind::Ptr(_)
        | Kind::Array(_)
        | Kind::Enum(_)
        | Kind::Fwd { .. }
        | Kind::Volatile(_)
        | Kind::Const(_)
        | Kind::Restrict(_)
        | Kind::FuncProto(_)
        | Kind::DataSec(_)
        | Kind::Float { .. }
        | Kind::DeclTag { .. }
        | Kind::TypeTag(_)
        | Kind::Enum64(_) => return Some("such a type has no attributes"),
    };
    let fits = component == -1 || usize::try_from(component).is_ok_and(|at| at < parts);
    (!fits).then_some("it has no such part")
}
