//! Inputs for BPF_PROG_TEST_RUN, the same in every run.

/// Random numbers (xorshift64) from a fixed seed.
pub struct Random(u64);

impl Random {
    /// Numbers of their own for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next_u64() % end as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.next_u64() as u8);
    }
}

/// A frame of Ethernet: IPv4 or IPv6 with TCP, UDP or ICMP and ports that filters look for, or
/// any bytes; 14 bytes, the least that the kernel runs, to 200.
pub fn packet(random: &mut Random) -> Vec<u8> {
    let mut frame = vec![0; 14 + random.below(187)];
    random.fill(&mut frame);
    let put = |at: usize, bytes: &[u8], frame: &mut [u8]| {
        if let Some(place) = frame.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    let protocol = random.one_of(&[6u8, 17, 1, 58]);
    let transport = match random.below(5) {
        0 | 1 => {
            put(12, &[0x08, 0x00, random.one_of(&[0x45, 0x45, 0x45, 0x46])], &mut frame);
            put(22, &[random.one_of(&[1, 2, 63, 64, 255]), protocol], &mut frame);
            put(26, &[10, 0, 0, random.one_of(&[1, 2])], &mut frame);
            34
        }
        2 => {
            put(12, &[0x86, 0xdd, 0x60], &mut frame);
            put(20, &[protocol, random.one_of(&[1, 2, 63, 64, 255])], &mut frame);
            54
        }
        3 => {
            put(12, &random.one_of(&[[0x08, 0x06], [0x81, 0x00], [0x88, 0xa8]]), &mut frame);
            18
        }
        _ => return frame,
    };
    for at in [transport, transport + 2] {
        let port = random.one_of(&[22u16, 23, 53, 80, 443, 8080]);
        put(at, &port.to_be_bytes(), &mut frame);
    }
    frame
}

/// A `struct __sk_buff` with the members that BPF_PROG_TEST_RUN takes for the types that it
/// serves (`convert___skb_to_skb`): mark, priority and cb. The rest must be zero.
pub fn sk_buff(random: &mut Random) -> Vec<u8> {
    let mut context = vec![0; 192];
    for word in [2, 8, 12, 13, 14, 15, 16] {
        let number = random.next_u64() as u32;
        let value = random.one_of(&[0, 1, 2, 3, 5, 7, 42, 100, 443, 1500, u32::MAX, number]);
        context[word * 4..][..4].copy_from_slice(&value.to_ne_bytes());
    }
    context
}

/// The arguments of a raw tracepoint (12, `MAX_BPF_FUNC_ARGS`), or a context for a program of
/// type syscall: small numbers and any.
pub fn words(random: &mut Random) -> Vec<u8> {
    let word = |random: &mut Random| match random.below(3) {
        0 => random.next_u64(),
        1 => random.next_u64() % 512,
        _ => random.one_of(&[0, 1, 2, u64::MAX, 1 << 32]),
    };
    (0..12).flat_map(|_| word(random).to_ne_bytes()).collect()
}
