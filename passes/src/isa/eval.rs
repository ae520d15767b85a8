//! What instructions compute: RFC 9669 section 4, shared by constant folding and the
//! interpreter. Values of 32-bit operations come and go zero-extended.

use super::{AluOp, Cond, Endian, Size, SwapOp, Width};

/// The low bits of `value`.
pub fn truncate(width: Width, value: u64) -> u64 {
    match width {
        Width::W32 => u64::from(value as u32),
        Width::W64 => value,
    }
}

/// The low `size` bytes of `value`, zero-extended.
pub fn extend(size: Size, value: u64) -> u64 {
    match size {
        Size::B => u64::from(value as u8),
        Size::H => u64::from(value as u16),
        Size::W => u64::from(value as u32),
        Size::DW => value,
    }
}

/// The low `size` bytes of `value`, sign-extended to 64 bits.
pub fn sign_extend(size: Size, value: u64) -> u64 {
    match size {
        Size::B => value as i8 as u64,
        Size::H => value as i16 as u64,
        Size::W => value as i32 as u64,
        Size::DW => value,
    }
}

/// `a op b`. A 32-bit operation works on the low halves and zero-extends its result.
/// Division by zero gives 0, remainder by zero the dividend, and the signed overflow
/// (most negative by −1) wraps (RFC 9669 section 4.1).
pub fn alu(width: Width, op: AluOp, a: u64, b: u64) -> u64 {
    match width {
        Width::W64 => {
            let shift = (b & 63) as u32;
            match op {
                AluOp::Add => a.wrapping_add(b),
                AluOp::Sub => a.wrapping_sub(b),
                AluOp::Mul => a.wrapping_mul(b),
                AluOp::Div => a.checked_div(b).unwrap_or(0),
                AluOp::SDiv if b == 0 => 0,
                AluOp::SDiv => (a as i64).wrapping_div(b as i64) as u64,
                AluOp::Mod => a.checked_rem(b).unwrap_or(a),
                AluOp::SMod if b == 0 => a,
                AluOp::SMod => (a as i64).wrapping_rem(b as i64) as u64,
                AluOp::Or => a | b,
                AluOp::And => a & b,
                AluOp::Xor => a ^ b,
                AluOp::Lsh => a << shift,
                AluOp::Rsh => a >> shift,
                AluOp::Arsh => ((a as i64) >> shift) as u64,
            }
        }
        Width::W32 => {
            let (a, b) = (a as u32, b as u32);
            let shift = b & 31;
            u64::from(match op {
                AluOp::Add => a.wrapping_add(b),
                AluOp::Sub => a.wrapping_sub(b),
                AluOp::Mul => a.wrapping_mul(b),
                AluOp::Div => a.checked_div(b).unwrap_or(0),
                AluOp::SDiv if b == 0 => 0,
                AluOp::SDiv => (a as i32).wrapping_div(b as i32) as u32,
                AluOp::Mod => a.checked_rem(b).unwrap_or(a),
                AluOp::SMod if b == 0 => a,
                AluOp::SMod => (a as i32).wrapping_rem(b as i32) as u32,
                AluOp::Or => a | b,
                AluOp::And => a & b,
                AluOp::Xor => a ^ b,
                AluOp::Lsh => a << shift,
                AluOp::Rsh => a >> shift,
                AluOp::Arsh => ((a as i32) >> shift) as u32,
            })
        }
    }
}

/// Whether `a cond b` holds, comparing the low halves at 32 bits.
pub fn compare(width: Width, cond: Cond, a: u64, b: u64) -> bool {
    let (a, b) = (truncate(width, a), truncate(width, b));
    let (sa, sb) = match width {
        Width::W32 => (i64::from(a as i32), i64::from(b as i32)),
        Width::W64 => (a as i64, b as i64),
    };
    match cond {
        Cond::Eq => a == b,
        Cond::Ne => a != b,
        Cond::Gt => a > b,
        Cond::Ge => a >= b,
        Cond::Lt => a < b,
        Cond::Le => a <= b,
        Cond::Set => a & b != 0,
        Cond::Sgt => sa > sb,
        Cond::Sge => sa >= sb,
        Cond::Slt => sa < sb,
        Cond::Sle => sa <= sb,
    }
}

/// A byte swap of the low `size` bytes; the rest of the result is zero. `host` is the byte
/// order that the program runs in.
pub fn swap(op: SwapOp, size: Size, host: Endian, value: u64) -> u64 {
    let swaps = match op {
        SwapOp::ToLe => host == Endian::Big,
        SwapOp::ToBe => host == Endian::Little,
        SwapOp::Bswap => true,
    };
    let value = extend(size, value);
    if !swaps {
        return value;
    }
    match size {
        Size::B => value,
        Size::H => u64::from((value as u16).swap_bytes()),
        Size::W => u64::from((value as u32).swap_bytes()),
        Size::DW => value.swap_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_edge_cases() {
        let min = i64::MIN as u64;
        assert_eq!(alu(Width::W64, AluOp::SDiv, min, u64::MAX), min);
        assert_eq!(alu(Width::W64, AluOp::SMod, min, u64::MAX), 0);
        assert_eq!(alu(Width::W64, AluOp::Div, 5, 0), 0);
        assert_eq!(alu(Width::W64, AluOp::Mod, 5, 0), 5);
        assert_eq!(alu(Width::W32, AluOp::Mod, 0x1_0000_0005, 0), 5);
        assert_eq!(alu(Width::W32, AluOp::SDiv, 0x8000_0000, 0xffff_ffff), 0x8000_0000);
    }

    #[test]
    fn narrow_comparisons_truncate() {
        assert!(compare(Width::W32, Cond::Eq, 0xffff_ffff, u64::MAX));
        assert!(!compare(Width::W64, Cond::Eq, 0xffff_ffff, u64::MAX));
        assert!(compare(Width::W32, Cond::Slt, 0x8000_0000, 0));
        assert!(!compare(Width::W64, Cond::Slt, 0x8000_0000, 0));
    }

    #[test]
    fn shifts_mask_their_count() {
        assert_eq!(alu(Width::W64, AluOp::Lsh, 1, 65), 2);
        assert_eq!(alu(Width::W32, AluOp::Arsh, 0x8000_0000, 33), 0xc000_0000);
    }

    #[test]
    fn swaps_follow_the_host() {
        assert_eq!(swap(SwapOp::ToBe, Size::H, Endian::Little, 0x1_2345), 0x4523);
        assert_eq!(swap(SwapOp::ToBe, Size::H, Endian::Big, 0x1_2345), 0x2345);
        assert_eq!(swap(SwapOp::ToLe, Size::W, Endian::Little, 0xf_1234_5678), 0x1234_5678);
    }
}
