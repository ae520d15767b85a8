//! A stream of choices.

/// A stream of choices, from bytes or from a seed.
#[derive(Clone, Debug)]
pub struct Choices {
    bytes: Vec<u8>,
    at: usize,
    state: Option<u64>,
}

/// Numbers at the edges of widths and signs.
const EDGES: [u64; 16] = [
    0,
    1,
    2,
    5,
    8,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x8000_0000_0000_0000,
    u64::MAX,
];

impl Choices {
    /// Choices that follow from `bytes`; after the last one, every choice is the first.
    pub fn from_bytes(bytes: &[u8]) -> Choices {
        Choices { bytes: bytes.to_vec(), at: 0, state: None }
    }

    /// Choices that follow from `seed`, without end.
    pub fn from_seed(seed: u64) -> Choices {
        Choices { bytes: Vec::new(), at: 0, state: Some(seed) }
    }

    fn byte(&mut self) -> u8 {
        if let Some(state) = &mut self.state {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            return (z >> 56) as u8;
        }
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        match bound {
            0 | 1 => 0,
            2..=256 => usize::from(self.byte()) % bound,
            _ => (usize::from(self.byte()) << 8 | usize::from(self.byte())) % bound,
        }
    }

    /// True `times` in `of`.
    pub fn chance(&mut self, times: usize, of: usize) -> bool {
        self.below(of) < times
    }

    /// One of `from`, which is not empty.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A 64-bit number, often an edge or small.
    pub fn number(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(16) as u64,
            1 => self.pick(&EDGES),
            2 => (self.byte() as i8) as u64,
            _ => (0..8).fold(0, |value, _| value << 8 | u64::from(self.byte())),
        }
    }

    /// An immediate.
    pub(super) fn imm(&mut self) -> i32 {
        self.number() as i32
    }
}
