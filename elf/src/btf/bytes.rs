//! Reading and writing the 32-bit words that both sections are made of.

use object::{Endian, Endianness};

use super::BtfError;

/// The magic number of both sections.
pub(super) const MAGIC: u16 = 0xeb9f;

/// A cursor over a section; offsets are in bytes from the section's start.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    section: &'static str,
    order: Endianness,
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Reads magic, version and flags; the byte order is the one in which the magic is right.
    pub(super) fn with_magic(section: &'static str, bytes: &'a [u8]) -> Result<Self, BtfError> {
        let mut reader = Self { section, order: Endianness::Little, rest: bytes, offset: 0 };
        let head = reader.take("magic, version and flags", 4)?;
        let &[m0, m1, version, flags] = head else {
            return Err(reader.truncated("magic, version and flags", 4));
        };
        reader.order = match (u16::from_le_bytes([m0, m1]), u16::from_be_bytes([m0, m1])) {
            (MAGIC, _) => Endianness::Little,
            (_, MAGIC) => Endianness::Big,
            (found, _) => return Err(BtfError::Magic { section, found }),
        };
        if version != 1 {
            return Err(BtfError::Version { section, found: version });
        }
        if flags != 0 {
            return Err(BtfError::Flags { section, found: flags });
        }
        Ok(reader)
    }

    pub(super) fn order(&self) -> Endianness {
        self.order
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn truncated(&self, what: &'static str, need: u64) -> BtfError {
        BtfError::Truncated {
            section: self.section,
            offset: self.offset,
            what,
            need,
            have: self.rest.len() as u64,
        }
    }

    /// Fails unless `len` more bytes are there.
    pub(super) fn expect(&self, what: &'static str, len: u64) -> Result<(), BtfError> {
        if len <= self.rest.len() as u64 { Ok(()) } else { Err(self.truncated(what, len)) }
    }

    pub(super) fn take(&mut self, what: &'static str, len: u64) -> Result<&'a [u8], BtfError> {
        let split = usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len));
        let (head, rest) = split.ok_or_else(|| self.truncated(what, len))?;
        self.rest = rest;
        self.offset += head.len();
        Ok(head)
    }

    /// A cursor over the next `len` bytes, which this one skips.
    pub(super) fn sub(&mut self, what: &'static str, len: u64) -> Result<Self, BtfError> {
        let offset = self.offset;
        let rest = self.take(what, len)?;
        Ok(Self { section: self.section, order: self.order, rest, offset })
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, BtfError> {
        let [word] = self.words(what)?;
        Ok(word)
    }

    pub(super) fn words<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u32; N], BtfError> {
        let bytes = self.take(what, N as u64 * 4)?;
        let mut words = [0; N];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = self.order.read_u32(*bytes);
        }
        Ok(words)
    }
}

/// Appends words in a byte order.
pub(super) struct Writer {
    order: Endianness,
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    /// Starts with magic, version 1 and no flags.
    pub(super) fn with_magic(order: Endianness) -> Self {
        let mut bytes = order.write_u16(MAGIC).to_vec();
        bytes.extend([1, 0]);
        Self { order, bytes }
    }

    pub(super) fn words(&mut self, words: &[u32]) {
        for word in words {
            self.bytes.extend(self.order.write_u32(*word));
        }
    }

    /// Overwrites the word at byte `at`, which has been written before.
    pub(super) fn patch(&mut self, at: usize, word: u32) {
        if let Some(slot) = self.bytes.get_mut(at..at + 4) {
            slot.copy_from_slice(&self.order.write_u32(word));
        }
    }
}
