//! Reading and writing without a change in between.

use crate::elf::ElfObject;

/// What can be read comes back byte for byte, with every section in its place.
pub fn check(data: &[u8]) {
    let Ok(object) = ElfObject::parse(data) else { return };
    let written = object.write().expect("what was read can be written");
    assert!(written == data, "differs from byte {:?}", differs_at(&written, data));
}

fn differs_at(a: &[u8], b: &[u8]) -> Option<usize> {
    let at = a.iter().zip(b).position(|(a, b)| a != b);
    at.or((a.len() != b.len()).then_some(a.len().min(b.len())))
}
