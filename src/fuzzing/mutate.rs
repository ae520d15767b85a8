//! Mutations that need no fuzzer: for tests, and where libFuzzer cannot be had.

/// A generator of mutants: the same seed, the same mutants.
#[derive(Clone, Debug)]
pub struct Mutator(u64);

/// Numbers at the edges of what formats count with.
const EDGES: [u32; 12] =
    [0, 1, 2, 4, 7, 8, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

impl Mutator {
    /// A generator.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number (splitmix64).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let number = usize::try_from(self.number() >> 1).unwrap_or(usize::MAX);
        number.checked_rem(bound).unwrap_or(0)
    }

    /// Changes some bytes in place, cuts or doubles a part.
    pub fn mutate(&mut self, data: &mut Vec<u8>) {
        for _ in 0..1 + self.below(4) {
            let (at, len) = (self.below(data.len()), 1 + self.below(16));
            let end = data.len().min(at.saturating_add(len));
            match self.below(12) {
                0 => drop(data.drain(at..end)),
                1 => {
                    let part = data.get(at..end).unwrap_or_default().to_vec();
                    let to = self.below(data.len());
                    data.splice(to..to, part);
                }
                2 => {
                    let part = data.get(at..end).unwrap_or_default().to_vec();
                    let to = self.below(data.len().saturating_sub(part.len()));
                    data.splice(to..to + part.len(), part);
                }
                3..=6 => {
                    let value = EDGES.get(self.below(EDGES.len())).copied().unwrap_or(0);
                    let bytes = value.to_le_bytes();
                    let width = [1, 2, 4].get(self.below(3)).copied().unwrap_or(4);
                    let at = at - at % width;
                    for (to, from) in data.iter_mut().skip(at).zip(bytes).take(width) {
                        *to = from;
                    }
                }
                _ => {
                    let bit = 1 << self.below(8);
                    let random = self.below(256) as u8;
                    let flip = self.below(2) == 0;
                    if let Some(byte) = data.get_mut(at) {
                        *byte = if flip { *byte ^ bit } else { random };
                    }
                }
            }
        }
    }
}
