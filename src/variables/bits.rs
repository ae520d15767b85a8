//! Runs of bits in memory of either byte order.
//!
//! Bits are numbered in memory order, as BTF numbers them: bit 0 is the least significant bit of
//! the first byte in little-endian objects and the most significant one in big-endian objects.

use object::Endianness;

/// The mask of bit `at` within its byte.
fn bit_in_byte(order: Endianness, at: u64) -> u8 {
    match order {
        Endianness::Little => 1 << (at % 8),
        Endianness::Big => 0x80 >> (at % 8),
    }
}

/// The bits of a value of `len` bits that are set in all of them.
pub(super) fn ones(len: u64) -> u128 {
    if len >= 128 { u128::MAX } else { (1 << len) - 1 }
}

/// Whether a run of bits is made of whole bytes.
pub(super) fn are_bytes(start: u64, len: u64) -> bool {
    start.is_multiple_of(8) && len.is_multiple_of(8)
}

/// Sign-extends a value of `len` bits.
pub(super) fn sign_extend(value: u128, len: u64) -> i128 {
    let shift = 128_u64.saturating_sub(len).min(127) as u32;
    (value << shift).cast_signed() >> shift
}

/// The unsigned number in the `len` bits from `start`; none beyond the data or 128 bits.
pub(super) fn read(data: &[u8], order: Endianness, start: u64, len: u64) -> Option<u128> {
    let end = start.checked_add(len)?;
    if len > 128 || end > data.len() as u64 * 8 {
        return None;
    }
    let mut value = 0_u128;
    for at in 0..len {
        let bit = start + at;
        let set = data.get((bit / 8) as usize)? & bit_in_byte(order, bit) != 0;
        let significance = match order {
            Endianness::Little => at,
            Endianness::Big => len - 1 - at,
        };
        value |= u128::from(set) << significance;
    }
    Some(value)
}

/// Stores a number of at most 128 bits; bits beyond the data are left out.
pub(super) fn write(data: &mut [u8], order: Endianness, start: u64, len: u64, value: u128) {
    for at in 0..len.min(128) {
        let bit = start + at;
        let significance = match order {
            Endianness::Little => at,
            Endianness::Big => len - 1 - at,
        };
        if let Some(byte) = data.get_mut((bit / 8) as usize) {
            let mask = bit_in_byte(order, bit);
            *byte = if value >> significance & 1 != 0 { *byte | mask } else { *byte & !mask };
        }
    }
}

/// Sets the bits of a run to 1 (`true`) or 0; bits beyond the data are left out.
pub(super) fn fill(data: &mut [u8], order: Endianness, start: u64, len: u64, ones: bool) {
    let end = start.saturating_add(len).min(data.len() as u64 * 8);
    let mut bit = start;
    while bit < end {
        let Some(byte) = data.get_mut((bit / 8) as usize) else { return };
        let (mask, step) = if bit.is_multiple_of(8) && end - bit >= 8 {
            (0xff, 8)
        } else {
            (bit_in_byte(order, bit), 1)
        };
        *byte = if ones { *byte | mask } else { *byte & !mask };
        bit += step;
    }
}
