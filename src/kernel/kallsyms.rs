//! The symbols of a kernel, as `/proc/kallsyms` lists them.

use super::KernelError;

/// The symbols of a kernel.
#[derive(Debug)]
pub(super) struct Kallsyms {
    text: Vec<u8>,
}

impl Kallsyms {
    pub fn parse(text: Vec<u8>) -> Result<Self, KernelError> {
        let bad = |line, text: &[u8]| KernelError::KallsymsLine {
            line,
            text: String::from_utf8_lossy(text).trim().chars().take(80).collect(),
        };
        let mut any = false;
        for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            any = true;
            if symbol(line).is_none() {
                return Err(bad(at + 1, line));
            }
        }
        if any { Ok(Self { text }) } else { Err(bad(1, b"")) }
    }

    /// Whether there is a symbol of this name. Local data that was promoted by LTO counts by
    /// its name before `.llvm.` (libbpf's `kallsyms_cb`).
    pub fn contains(&self, name: &str) -> bool {
        let name = name.as_bytes();
        self.text.split(|byte| *byte == b'\n').filter_map(symbol).any(|(kind, symbol)| {
            let rest = symbol.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || kind == b"d" && rest.starts_with(b".llvm."))
        })
    }
}

/// The type and name of a symbol: the second and third word of a line.
fn symbol(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let mut words = line.split(blank).filter(|word| !word.is_empty());
    let address = words.next()?;
    let (kind, name) = (words.next()?, words.next()?);
    (address.iter().all(u8::is_ascii_hexdigit) && kind.len() == 1).then_some((kind, name))
}
