//! A root filesystem for a virtual machine: a `newc` archive (the kernel's
//! Documentation/driver-api/early-userspace/buffer-format.rst).

/// An archive that is being written.
#[derive(Default)]
pub struct Initramfs {
    bytes: Vec<u8>,
    inodes: u32,
}

const DIRECTORY: u32 = 0o040_755;
const FILE: u32 = 0o100_755;

impl Initramfs {
    /// Adds a directory, after those that it is in.
    pub fn directory(&mut self, path: &str) {
        self.entry(path, DIRECTORY, &[]);
    }

    /// Adds a file that can be executed, after the directories that it is in.
    pub fn file(&mut self, path: &str, bytes: &[u8]) {
        self.entry(path, FILE, bytes);
    }

    /// The archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    /// Inode, mode, owner and group, links, time, size, two pairs of device numbers, length of
    /// the name with its zero, checksum; then name and data, each padded to 4 bytes.
    fn entry(&mut self, path: &str, mode: u32, data: &[u8]) {
        self.inodes += 1;
        let (size, name) = (data.len() as u32, path.len() as u32 + 1);
        let fields = [self.inodes, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name, 0];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(path.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(data);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::Initramfs;

    #[test]
    fn entries_are_aligned_and_end_with_a_trailer() {
        let mut archive = Initramfs::default();
        archive.directory("a");
        archive.file("a/b", b"text!");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        let magic: Vec<usize> = bytes
            .windows(6)
            .enumerate()
            .filter(|(_, w)| w == b"070701")
            .map(|(at, _)| at)
            .collect();
        assert_eq!(magic.len(), 3);
        assert!(magic.iter().all(|at| at % 4 == 0), "{magic:?}");
        let header = String::from_utf8(bytes[magic[1]..magic[1] + 114].to_vec()).unwrap();
        assert_eq!(&header[54..62], "00000005");
        assert!(header.ends_with("a/b\0"), "{header:?}");
    }
}
