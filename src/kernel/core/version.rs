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
use super::value::change;
use crate::btf::{Btf, CoreRelo, CoreReloKind, Kind};
use crate::kernel::KernelVersion;
use crate::passes::entity::Core;

/// The answer to a record that asks whether there is a helper or type, if the version has one.
pub(super) fn resolve(
    local: &Btf,
    version: KernelVersion,
    (core, record): (Core, &CoreRelo),
) -> Option<Resolution> {
    if record.kind != CoreReloKind::EnumvalExists {
        return None;
    }
    let ours = Side::local(local);
    let access = local.str(record.access_str_off);
    let spec = Spec::parse(ours, record.kind, record.type_id, access).ok()?;
    let accessor = spec.accessors.first()?;
    let (Kind::Enum(of) | Kind::Enum64(of)) = &local.ty(accessor.ty).kind else { return None };
    let enumeration = essential(local.bytes(local.ty(accessor.ty).name));
    let name = local.bytes(of.values.get(accessor.index as usize)?.name);
    let since = since(enumeration, std::str::from_utf8(essential(name)).ok()?)?;
    // Only that the value is found counts, so it can be found in the object's own types.
    let found = version.has(since).then_some((ours, &spec));
    let change = change(record.kind, (ours, &spec), found).ok()??;
    Some(Resolution { core, record: record.clone(), value: Ok(change.value), change: Some(change) })
}
