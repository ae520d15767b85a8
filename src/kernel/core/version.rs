//! Checks that the kernel's version answers where its types are not known.
//!
//! `bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_x)` asks for a helper, and with other
//! enumerations of `include/uapi/linux/bpf.h` for types of maps and programs and what programs are
//! attached to ([`since`]). What the tables do not name is unknown, and other enumerations are.
//!
//! A version is that of a kernel as released: distributions add helpers to older ones. Their types
//! tell, and if they are given nothing here counts.

use super::Resolution;
use super::candidates::essential;
use super::enumerators::since;
use super::size::Side;
use super::spec::Spec;
use super::value::{Change, change};
use crate::btf::{Btf, CoreRelo, CoreReloKind, Kind};
use crate::kernel::KernelVersion;
use crate::passes::entity::Core;

/// A record that asks whether there is a helper or type, if the version answers it.
pub(super) fn resolve(
    local: &Btf,
    version: KernelVersion,
    (core, record): (Core, &CoreRelo),
) -> Option<Resolution> {
    let change = answer(local, version, record)?;
    Some(Resolution { core, record: record.clone(), value: Ok(change.value), change: Some(change) })
}

/// The answer to a record, if the version has one.
pub(super) fn answer(local: &Btf, version: KernelVersion, record: &CoreRelo) -> Option<Change> {
    let ours = Side::local(local);
    let access = local.str(record.access_str_off);
    let spec = Spec::parse(ours, record.kind, record.type_id, access).ok()?;
    let (enumeration, name) = enumerator(local, record, &spec)?;
    // Only that the value is found counts, so it can be found in the object's own types.
    let found = version.has(since(enumeration.as_bytes(), name)?).then_some((ours, &spec));
    change(record.kind, (ours, &spec), found).ok()?
}

/// The question of a record that versions answer, in [`words`](super::question::words): of the
/// enumeration itself, by whatever typedef the record names it.
pub(super) fn words(local: &Btf, record: &CoreRelo) -> Option<String> {
    let access = local.str(record.access_str_off);
    let spec = Spec::parse(Side::local(local), record.kind, record.type_id, access).ok()?;
    let (enumeration, name) = enumerator(local, record, &spec)?;
    since(enumeration.as_bytes(), name)?;
    Some(format!("exists enum {enumeration}.{name}"))
}

/// The enumeration and its value that a record asks for, without flavors.
fn enumerator<'b>(local: &'b Btf, record: &CoreRelo, spec: &Spec) -> Option<(&'b str, &'b str)> {
    if record.kind != CoreReloKind::EnumvalExists {
        return None;
    }
    let accessor = spec.accessors.first()?;
    let ty = local.ty(accessor.ty);
    let (Kind::Enum(of) | Kind::Enum64(of)) = &ty.kind else { return None };
    let value = of.values.get(accessor.index as usize)?;
    let text = |name| std::str::from_utf8(essential(local.bytes(name))).ok();
    Some((text(ty.name)?, text(value.name)?))
}
