//! Damage to what is written: which of it the comparison with what was proven lets pass.

use crate::elf::ElfObject;
use crate::{Error, Fold, Object};

/// A folded object, and what of its damage is not refused.
#[derive(Clone, Debug)]
pub struct Damaged {
    /// The object as it was written.
    pub bytes: Vec<u8>,
    /// How many bits were flipped, each alone.
    pub flips: usize,
    /// Those that were not refused: the offset of the byte in the file, and the bit.
    pub accepted: Vec<(usize, u8)>,
}

/// Folds, and flips every bit of what is written for whose byte `is_meant` is true.
///
/// # Errors
/// As [`Fold::run`].
pub fn flip_bits(fold: Fold<'_>, is_meant: &dyn Fn(usize) -> bool) -> Result<Damaged, Error> {
    let made = fold.make(&mut |_| {})?;
    let mut file = made.written.bytes.clone();
    fold.compare(&made, &file)?;
    let mut damaged = Damaged { bytes: file.clone(), flips: 0, accepted: Vec::new() };
    for at in (0..file.len()).filter(|at| is_meant(*at)) {
        for bit in 0..8 {
            flip(&mut file, at, bit);
            damaged.flips += 1;
            if fold.compare(&made, &file).is_ok() {
                damaged.accepted.push((at, bit));
            }
            flip(&mut file, at, bit);
        }
    }
    Ok(damaged)
}

fn flip(file: &mut [u8], at: usize, bit: u8) {
    if let Some(byte) = file.get_mut(at) {
        *byte ^= 1 << bit;
    }
}

/// Folds, changes what is written, and gives what the comparison with what was proven says.
///
/// # Panics
/// The fold fails, or what is changed cannot be written or is not refused.
#[must_use]
pub fn error_of(fold: Fold<'_>, change: &dyn Fn(&mut ElfObject)) -> Error {
    let made = fold.make(&mut |_| {}).expect("the object can be folded");
    let object = Object::parse(&made.written.bytes).expect("what is written can be read");
    let mut elf = object.elf().clone();
    change(&mut elf);
    let file = elf.write().expect("the object can be written");
    fold.compare(&made, &file).expect_err("the damage is refused")
}
