//! Time and memory of a check, measured.

mod memory;
mod time;

pub use memory::peak_of;
pub use time::cpu_time;

/// Most bytes that a check may hold at a time, for inputs of up to [`INPUT_LIMIT`].
pub const MEMORY_LIMIT: usize = 512 << 20;

/// Most seconds of processor time that a check may take.
pub const TIME_LIMIT: f64 = 2.0;

/// The size in bytes up to which the limits hold.
pub const INPUT_LIMIT: usize = 1 << 20;

/// What a check cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Seconds of processor time.
    pub seconds: f64,
    /// Most bytes held at a time.
    pub bytes: usize,
}

/// Runs a check and measures it.
pub fn measured(check: fn(&[u8]), data: &[u8]) -> Cost {
    let before = cpu_time();
    let bytes = peak_of(|| check(data));
    Cost { seconds: cpu_time() - before, bytes }
}

/// Runs a check; panics if it takes more than it may.
pub fn bounded(check: fn(&[u8]), data: &[u8]) {
    let cost = measured(check, data);
    if data.len() <= INPUT_LIMIT {
        assert!(cost.bytes <= MEMORY_LIMIT, "{} bytes of memory", cost.bytes);
        assert!(cost.seconds <= TIME_LIMIT, "{} seconds", cost.seconds);
    }
}
