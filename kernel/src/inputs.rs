//! Packets to run programs with: random ones, files, and captures in pcap's format.

use std::path::Path;

/// Longest packet, in bytes: the kernel refuses what is above a page without its headroom.
const LENGTH_LIMIT: usize = 3500;
/// Shortest packet that every program type takes: an Ethernet header.
const LENGTH_MINIMUM: usize = 14;

/// Packets, in the order in which programs see them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packets(Vec<Vec<u8>>);

/// A file that has no packets that can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// It cannot be read at all.
    #[error("{path}: cannot read: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A capture that ends within a packet, or says that one is longer than the file.
    #[error("{path}: the capture ends within packet {packet}")]
    Truncated {
        /// The file.
        path: String,
        /// The packet, counted from 1.
        packet: usize,
    },
    /// A capture of the newer format.
    #[error("{path}: pcapng is not read, only pcap: convert it with `editcap -F pcap`")]
    PcapNg {
        /// The file.
        path: String,
    },
}

impl Packets {
    /// `count` packets that look like traffic as far as their headers go, the same ones for the
    /// same seed: TCP, UDP and ICMP over IPv4 and IPv6, with VLAN tags, ARP, and noise.
    #[must_use]
    pub fn random(count: usize, seed: u64) -> Packets {
        let mut random = Random(seed);
        Packets((0..count).map(|kind| packet(&mut random, kind)).collect())
    }

    /// The packets of a pcap file, or all of any other file as one packet.
    ///
    /// # Errors
    /// It cannot be read, or is a capture that is broken or of another format.
    pub fn read(path: &Path) -> Result<Packets, InputError> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path)
            .map_err(|source| InputError::Read { path: name.clone(), source })?;
        match bytes.first_chunk::<4>() {
            Some([0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1]) => {
                capture(&bytes, u32::from_le_bytes, name)
            }
            Some([0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d]) => {
                capture(&bytes, u32::from_be_bytes, name)
            }
            Some([0x0a, 0x0d, 0x0d, 0x0a]) => Err(InputError::PcapNg { path: name }),
            _ => Ok(Packets(vec![bytes])),
        }
    }

    /// These packets, then those.
    pub fn extend(&mut self, others: Packets) {
        self.0.extend(others.0);
    }

    /// The packets.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }
}

/// Reads the records behind the header of 24 bytes, each 16 bytes of header (seconds, fraction,
/// captured length, original length) and the packet.
fn capture(bytes: &[u8], number: fn([u8; 4]) -> u32, path: String) -> Result<Packets, InputError> {
    let mut packets = Vec::new();
    let mut rest = bytes.get(24..).unwrap_or_default();
    while !rest.is_empty() {
        let record = rest.get(8..12).and_then(|field| field.try_into().ok()).map(number);
        let end = record.and_then(|length| 16_usize.checked_add(length as usize));
        let packet = end.and_then(|end| Some((rest.get(16..end)?, rest.get(end..)?)));
        let Some((packet, after)) = packet else {
            return Err(InputError::Truncated { path, packet: packets.len() + 1 });
        };
        packets.push(packet.iter().copied().take(LENGTH_LIMIT).collect());
        rest = after;
    }
    Ok(Packets(packets))
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

fn packet(random: &mut Random, kind: usize) -> Vec<u8> {
    let mut packet = random.bytes(12);
    if kind % 8 == 5 {
        packet.extend([0x81, 0x00]);
        packet.extend(random.bytes(2));
    }
    let protocol = [6, 17, 1, 6, 17, 6, 17, 47][kind % 8];
    let payload_size = random.below(200) as usize;
    let transport = transport(random, protocol, payload_size);
    match kind % 8 {
        7 if kind % 16 == 15 => {
            packet.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
            packet.extend(random.bytes(20));
        }
        7 => {
            let noise = LENGTH_MINIMUM + random.below(300) as usize;
            return random.bytes(noise);
        }
        3 | 4 => {
            packet.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            packet.extend((transport.len() as u16).to_be_bytes());
            let next = if protocol == 1 { 58 } else { protocol };
            packet.extend([next, 64]);
            packet.extend(random.bytes(32));
            packet.extend(transport);
        }
        _ => {
            packet.extend([0x08, 0x00, 0x45, 0]);
            packet.extend((20 + transport.len() as u16).to_be_bytes());
            packet.extend(random.bytes(2));
            packet.extend([0x40, 0, 64, protocol, 0, 0]);
            let addresses = random.bytes(8);
            packet.extend(addresses);
            packet.extend(transport);
        }
    }
    packet.truncate(LENGTH_LIMIT);
    packet
}

/// A header of the protocol with `size` bytes behind it; ports are often well-known ones.
fn transport(random: &mut Random, protocol: u8, size: usize) -> Vec<u8> {
    let mut port = || match random.below(4) {
        0 => 80_u16,
        1 => 443,
        2 => 53,
        _ => random.next() as u16,
    };
    let (from, to) = (port(), port());
    let mut header = Vec::new();
    header.extend(from.to_be_bytes());
    header.extend(to.to_be_bytes());
    match protocol {
        6 => {
            header.extend(random.bytes(8));
            let flags = [0x02, 0x10, 0x12, 0x18, 0x11][random.below(5) as usize];
            header.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        }
        17 => {
            header.extend((8 + size as u16).to_be_bytes());
            header.extend([0, 0]);
        }
        _ => {
            header = vec![8, 0, 0, 0];
            header.extend(random.bytes(4));
        }
    }
    header.extend(random.bytes(size));
    header
}

#[cfg(test)]
mod tests {
    use super::{InputError, Packets, capture};

    #[test]
    fn random_packets_repeat_and_are_long_enough() {
        let packets = Packets::random(64, 7);
        assert_eq!(packets, Packets::random(64, 7));
        assert_ne!(packets, Packets::random(64, 8));
        assert!(packets.iter().all(|packet| packet.len() >= super::LENGTH_MINIMUM));
    }

    #[test]
    fn captures_are_read_and_broken_ones_refused() {
        let mut file = vec![0; 24];
        for packet in [&b"one"[..], b"three"] {
            file.extend([0; 8]);
            file.extend((packet.len() as u32).to_le_bytes());
            file.extend([0; 4]);
            file.extend(packet);
        }
        let read = |bytes: &[u8]| capture(bytes, u32::from_le_bytes, "x".into());
        let packets = read(&file).unwrap();
        assert_eq!(packets.iter().collect::<Vec<_>>(), [&b"one"[..], b"three"]);
        let short = read(&file[..file.len() - 1]);
        assert!(matches!(short, Err(InputError::Truncated { packet: 2, .. })), "{short:?}");
    }
}
