//! Type information and the records of instructions.
//!
//! The input is the length of .BTF (4 bytes, little-endian), .BTF, .BTF.ext.

use crate::btf::{Btf, BtfExt, TypeSet};

/// Joins the two sections to an input.
#[must_use]
pub fn input(btf: &[u8], ext: &[u8]) -> Vec<u8> {
    let len = u32::try_from(btf.len()).unwrap_or(u32::MAX);
    [&len.to_le_bytes(), btf, ext].concat()
}

/// Reads both, asks for everything about each type, renumbers, and writes: what was read is
/// written as it was, and what was changed can be read.
pub fn check(data: &[u8]) {
    let Some((len, rest)) = data.split_first_chunk() else { return };
    let len = usize::try_from(u32::from_le_bytes(*len)).unwrap_or(usize::MAX);
    let (bytes, ext) = rest.split_at_checked(len).unwrap_or((rest, &[]));
    let Ok(mut btf) = Btf::parse(bytes) else { return };
    assert!(btf.to_bytes().expect("types that were read") == bytes, ".BTF differs");
    ask(&btf);
    let mut ext = BtfExt::parse(ext, &btf).ok();
    if let Some(ext) = &ext {
        let written = ext.to_bytes();
        let again = BtfExt::parse(&written, &btf).expect("records that were written");
        assert!(again.to_bytes() == written, ".BTF.ext differs");
    }
    let mut keep = TypeSet::new();
    for (id, _) in btf.own_types().step_by(2) {
        keep.insert(id);
    }
    btf.close(&mut keep);
    let ids = btf.retain(&keep);
    if let Some(ext) = &mut ext {
        ext.renumber(&ids);
    }
    btf.rebuild_strings(ext.as_mut());
    let written = btf.to_bytes().expect("types that were kept");
    Btf::parse(&written).expect("types that were written");
}

fn ask(btf: &Btf) {
    let _ = btf.check();
    for (id, _) in btf.own_types() {
        let _ = btf.type_name(id);
        let _ = btf.size_of(id);
        let _ = btf.resolve(id);
        if let Some(composite) = btf.composite(id) {
            for member in &composite.members {
                let _ = btf.member_bits(member);
            }
        }
        let _ = btf.find_member(id, "a");
    }
}
