//! BPF objects within other files: skeletons are compiled into programs and libraries.

use std::fs;
use std::path::Path;

use anyhow::Result;
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

/// `e_machine` of BPF (`EM_BPF`).
const EM_BPF: u64 = 247;
/// Bytes of the header of a 64-bit ELF file, and of each of its section headers.
const HEADER: usize = 64;
/// Section type without bytes in the file (`SHT_NOBITS`).
const NOBITS: u64 = 8;

/// Numbers of an ELF file in its byte order.
struct Numbers<'d> {
    bytes: &'d [u8],
    is_big: bool,
}

impl Numbers<'_> {
    fn read(&self, at: usize, size: usize) -> Option<u64> {
        let field = self.bytes.get(at..at.checked_add(size)?)?;
        let digits = field.iter().map(|byte| u64::from(*byte));
        let add = |number, digit| number << 8 | digit;
        Some(if self.is_big { digits.fold(0, add) } else { digits.rev().fold(0, add) })
    }

    fn offset(&self, at: usize) -> Option<usize> {
        usize::try_from(self.read(at, 8)?).ok()
    }
}

/// The size of the 64-bit BPF object that bytes begin with; none if they begin with none.
/// The section headers, which compilers write last, and all sections are within it.
fn size(bytes: &[u8]) -> Option<usize> {
    let header = bytes.get(..HEADER)?;
    if !header.starts_with(b"\x7fELF\x02") || !matches!(header[5], 1 | 2) {
        return None;
    }
    let numbers = Numbers { bytes, is_big: header[5] == 2 };
    if numbers.read(18, 2)? != EM_BPF || numbers.read(58, 2)? != HEADER as u64 {
        return None;
    }
    let (table, count) = (numbers.offset(40)?, numbers.read(60, 2)? as usize);
    let mut end = table.checked_add(count * HEADER)?;
    for section in 0..count {
        let at = table.checked_add(section * HEADER)?;
        if numbers.read(at.checked_add(4)?, 4)? != NOBITS {
            let (start, size) = (numbers.offset(at + 24)?, numbers.offset(at + 32)?);
            end = end.max(start.checked_add(size)?);
        }
    }
    (end <= bytes.len()).then_some(end)
}

/// Writes the objects in the files below `from` to `to`, each once; how many.
pub fn carve(from: &Path, to: &Path) -> Result<usize> {
    let mut known = Vec::new();
    let walk = WalkDir::new(from).sort_by_file_name().into_iter().filter_map(Result::ok);
    for file in walk.filter(|file| file.file_type().is_file()) {
        let bytes = fs::read(file.path())?;
        let starts = bytes.windows(4).enumerate().filter(|(_, window)| window == b"\x7fELF");
        for (start, _) in starts {
            let Some(object) = size(&bytes[start..]).map(|size| &bytes[start..start + size]) else {
                continue;
            };
            let hash = Sha256::digest(object);
            if known.contains(&hash) {
                continue;
            }
            known.push(hash);
            let name = file.file_name().to_string_lossy();
            // libbpf names maps after the file up to the first dot.
            let name = match start {
                0 => name.into_owned(),
                _ => format!("{}@{start:x}.o", name.replace('.', "_")),
            };
            fs::create_dir_all(to)?;
            fs::write(to.join(name), object)?;
        }
    }
    Ok(known.len())
}

#[cfg(test)]
mod tests {
    use super::{carve, size};

    #[test]
    fn objects_are_found_in_other_files() {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/agent.bpf.o");
        let object = std::fs::read(example).unwrap();
        let mut file = b"\x7fELF is not enough".to_vec();
        file.extend(&object);
        file.extend(b"and more");
        assert_eq!(size(&object), Some(object.len()));
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        std::fs::create_dir(&from).unwrap();
        std::fs::write(from.join("tool.1"), &file).unwrap();
        std::fs::write(from.join("tool.2"), &file).unwrap();
        assert_eq!(carve(&from, &to).unwrap(), 1);
        assert_eq!(std::fs::read(to.join("tool_1@12.o")).unwrap(), object);
    }
}
