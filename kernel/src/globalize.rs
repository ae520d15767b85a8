//! Static programs as global ones.
//!
//! Aya and cilium/ebpf load static functions in sections of programs as programs, libbpf refuses
//! objects with such (`bpf_object__add_programs`: "static and not supported"). Nothing else
//! depends on the binding of these symbols, and libbpf does not ask that local ones come first.

/// What libbpf says of such a program.
pub const REFUSAL: &str = "is static and not supported";

/// `SHT_SYMTAB` and `SHF_EXECINSTR`.
const SYMBOL_TABLE: u32 = 2;
const EXECUTABLE: u64 = 4;
/// `STT_FUNC` with the binding `STB_LOCAL`, and with `STB_GLOBAL`.
const LOCAL_FUNCTION: u8 = 2;
const GLOBAL_FUNCTION: u8 = 1 << 4 | 2;
/// Bytes of `Elf64_Sym`.
const SYMBOL_SIZE: usize = 24;

/// The object with global symbols for its static functions outside of `.text`; none if there are
/// none, or the file is not understood.
pub fn globalize(file: &[u8]) -> Option<Vec<u8>> {
    let elf = Elf::new(file)?;
    let symbols = elf.sections().find(|at| elf.word(at + 4) == Some(SYMBOL_TABLE))?;
    let (start, size) = (elf.size(symbols + 24)?, elf.size(symbols + 32)?);
    let mut changed = file.to_vec();
    let mut found = false;
    for at in (start..start.checked_add(size)?).step_by(SYMBOL_SIZE) {
        let info = at.checked_add(4)?;
        if file.get(info) != Some(&LOCAL_FUNCTION) || !elf.holds_programs(elf.half(at + 6)?) {
            continue;
        }
        *changed.get_mut(info)? = GLOBAL_FUNCTION;
        found = true;
    }
    found.then_some(changed)
}

/// A 64-bit ELF file.
struct Elf<'f> {
    file: &'f [u8],
    is_big: bool,
    /// Where the section headers are, the bytes of each, and how many there are.
    headers: (usize, usize, usize),
    /// Where the names of sections are.
    names: usize,
}

impl<'f> Elf<'f> {
    fn new(file: &'f [u8]) -> Option<Elf<'f>> {
        let is_big = match file.get(..6)? {
            [0x7f, b'E', b'L', b'F', 2, data] => *data == 2,
            _ => return None,
        };
        let mut elf = Elf { file, is_big, headers: (0, 0, 0), names: 0 };
        let half = |at| elf.half(at).map(usize::from);
        let headers = (elf.size(0x28)?, half(0x3a)?, half(0x3c)?);
        let names = half(0x3e)?.checked_mul(headers.1)?.checked_add(headers.0)?;
        elf.headers = headers;
        elf.names = elf.size(names.checked_add(24)?)?;
        Some(elf)
    }

    /// Where each section header is.
    fn sections(&self) -> impl Iterator<Item = usize> {
        let (start, size, count) = self.headers;
        (0..count).map_while(move |at| at.checked_mul(size)?.checked_add(start))
    }

    fn holds_programs(&self, section: u16) -> bool {
        let Some(header) = self.sections().nth(section.into()) else { return false };
        let name = || {
            let at = self.names.checked_add(usize::try_from(self.word(header)?).ok()?)?;
            self.file.get(at..)
        };
        let is_code = self.size(header + 8).is_some_and(|flags| flags as u64 & EXECUTABLE != 0);
        is_code && name().is_some_and(|name| !name.starts_with(b".text\0"))
    }

    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut bytes = *self.file.get(at..)?.first_chunk::<N>()?;
        if self.is_big {
            bytes.reverse();
        }
        Some(bytes)
    }

    fn half(&self, at: usize) -> Option<u16> {
        self.bytes(at).map(u16::from_le_bytes)
    }

    fn word(&self, at: usize) -> Option<u32> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    fn size(&self, at: usize) -> Option<usize> {
        self.bytes(at).map(u64::from_le_bytes).and_then(|size| usize::try_from(size).ok())
    }
}
