//! The configuration of a kernel, and how its values become those of `.kconfig` variables.
//!
//! The rules are those of libbpf: `bpf_object__process_kconfig_line`, `find_kcfg_type` and
//! the `set_kcfg_value_*` functions.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use indexmap::IndexMap;
use indexmap::map::Entry;

use super::KernelError;
use crate::btf::{Btf, Kind, TypeId};
use crate::variables::Endianness;

/// Bytes that an uncompressed configuration can have at most.
const MAX_LEN: u64 = 64 << 20;

/// The options that a kernel was built with.
#[derive(Debug, Default)]
pub(super) struct Kconfig {
    values: IndexMap<String, String>,
}

impl Kconfig {
    pub fn parse(file: &[u8]) -> Result<Self, KernelError> {
        let inflated;
        let text = if file.starts_with(&[0x1f, 0x8b]) {
            inflated = inflate(file)?;
            &inflated
        } else {
            file
        };
        let mut values = IndexMap::new();
        let mut is_config = false;
        for (at, line) in String::from_utf8_lossy(text).lines().enumerate() {
            // The comments `# CONFIG_X is not set` are lines of a configuration, too.
            is_config |= line.trim_start_matches(['#', ' ']).starts_with("CONFIG_");
            if !line.starts_with("CONFIG_") {
                continue;
            }
            let bad =
                |missing| KernelError::KconfigLine { line: at + 1, text: line.to_owned(), missing };
            let (name, value) = line.split_once('=').ok_or_else(|| bad("`=`"))?;
            if value.is_empty() {
                return Err(bad("value"));
            }
            // The first one counts.
            if let Entry::Vacant(entry) = values.entry(name.to_owned()) {
                entry.insert(value.to_owned());
            }
        }
        // libbpf takes such a file for a kernel without options; it is hardly ever meant.
        if !is_config {
            return Err(KernelError::NoKconfig);
        }
        Ok(Self { values })
    }

    /// The value of an option as the file has it; none if it is not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

fn inflate(file: &[u8]) -> Result<Vec<u8>, KernelError> {
    let mut text = Vec::new();
    let read = MultiGzDecoder::new(file).take(MAX_LEN + 1).read_to_end(&mut text);
    match read {
        Err(error) => Err(KernelError::Gzip { problem: error.to_string() }),
        Ok(_) if text.len() as u64 > MAX_LEN => {
            Err(KernelError::Gzip { problem: format!("more than {MAX_LEN} bytes uncompressed") })
        }
        Ok(_) => Ok(text),
    }
}

/// What a `.kconfig` variable can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Bool,
    Tristate,
    Char { signed: bool },
    Int { signed: bool },
    Chars,
}

/// The type of a `.kconfig` variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KconfigType {
    holds: Holds,
    /// Size in bytes.
    size: usize,
    /// As C writes it.
    name: String,
}

impl KconfigType {
    /// The type, if it is one that loaders fill in (libbpf's `find_kcfg_type`).
    pub fn new(btf: &Btf, ty: TypeId) -> Option<Self> {
        let holds = holds(btf, ty)?;
        let size = usize::try_from(btf.size_of(ty)?).ok().filter(|size| *size <= 1 << 20)?;
        Some(Self { holds, size, name: btf.type_name(ty) })
    }

    /// All bytes zero: what is weak and not set.
    pub fn zero(&self) -> Vec<u8> {
        vec![0; self.size]
    }

    /// The bytes of a variable `name` for an option's value.
    pub fn encode(
        &self,
        name: &str,
        value: &str,
        order: Endianness,
    ) -> Result<Vec<u8>, KernelError> {
        match value.as_bytes() {
            [tristate @ (b'y' | b'n' | b'm'), ..] => self.tristate(name, value, *tristate, order),
            [b'"', ..] => self.string(name, value),
            _ => {
                let number = parse_u64(value)
                    .ok_or_else(|| self.misfit(name, value, "which is no integer"))?;
                if !matches!(self.holds, Holds::Int { .. } | Holds::Char { .. }) {
                    return Err(self.misfit(name, value, "expected an integer type"));
                }
                self.number(name, value, number, order)
            }
        }
    }

    /// The bytes for a number.
    pub fn encode_number(
        &self,
        name: &str,
        number: u64,
        order: Endianness,
    ) -> Result<Vec<u8>, KernelError> {
        self.number(name, &number.to_string(), number, order)
    }

    fn misfit(&self, name: &str, value: &str, problem: &'static str) -> KernelError {
        KernelError::ExternValue {
            name: name.to_owned(),
            value: value.to_owned(),
            type_name: self.name.clone(),
            problem,
        }
    }

    fn tristate(
        &self,
        name: &str,
        text: &str,
        value: u8,
        order: Endianness,
    ) -> Result<Vec<u8>, KernelError> {
        match self.holds {
            Holds::Bool if value == b'm' => {
                Err(self.misfit(name, text, "expected enum libbpf_tristate or char"))
            }
            Holds::Bool => Ok(vec![u8::from(value == b'y')]),
            // TRI_NO, TRI_YES and TRI_MODULE of `enum libbpf_tristate`.
            Holds::Tristate => {
                let number = match value {
                    b'y' => 1,
                    b'm' => 2,
                    _ => 0,
                };
                Ok(self.bytes(number, order))
            }
            Holds::Char { .. } => Ok(vec![value]),
            Holds::Int { .. } | Holds::Chars => {
                Err(self.misfit(name, text, "expected bool, enum libbpf_tristate or char"))
            }
        }
    }

    /// A string without its quotes; what is too long is cut, so that a NUL ends it.
    fn string(&self, name: &str, value: &str) -> Result<Vec<u8>, KernelError> {
        if self.holds != Holds::Chars {
            return Err(self.misfit(name, value, "expected an array of char"));
        }
        let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let inner = inner.ok_or_else(|| self.misfit(name, value, "which has no closing quote"))?;
        let mut bytes: Vec<u8> = inner.bytes().take(self.size.saturating_sub(1)).collect();
        bytes.resize(self.size, 0);
        Ok(bytes)
    }

    fn number(
        &self,
        name: &str,
        text: &str,
        number: u64,
        order: Endianness,
    ) -> Result<Vec<u8>, KernelError> {
        let signed = match self.holds {
            Holds::Bool if number > 1 => {
                return Err(self.misfit(name, text, "expected 0 or 1"));
            }
            Holds::Bool => false,
            Holds::Int { signed } | Holds::Char { signed } => signed,
            Holds::Tristate | Holds::Chars => {
                return Err(self.misfit(name, text, "expected an integer type, char or bool"));
            }
        };
        let bits = self.size * 8;
        let fits = match (bits, signed) {
            (64.., _) => true,
            // −2^(bits−1) ≤ number < 2^(bits−1), in 64 bits.
            (_, true) => number.wrapping_add(1 << (bits - 1)) < 1 << bits,
            (_, false) => number >> bits == 0,
        };
        if !fits {
            return Err(self.misfit(name, text, "which does not fit"));
        }
        Ok(self.bytes(number, order))
    }

    /// A number in as many bytes as the type has.
    fn bytes(&self, number: u64, order: Endianness) -> Vec<u8> {
        match order {
            Endianness::Little => number.to_le_bytes().into_iter().take(self.size).collect(),
            Endianness::Big => {
                number.to_be_bytes().into_iter().skip(8_usize.saturating_sub(self.size)).collect()
            }
        }
    }
}

fn holds(btf: &Btf, ty: TypeId) -> Option<Holds> {
    let (id, resolved) = btf.resolve(ty);
    match &resolved.kind {
        Kind::Int(int) if int.bool => (int.size == 1).then_some(Holds::Bool),
        Kind::Int(int) => match int.size {
            1 => Some(Holds::Char { signed: int.signed }),
            2 | 4 | 8 => Some(Holds::Int { signed: int.signed }),
            _ => None,
        },
        Kind::Enum(values) if values.size != 4 => None,
        Kind::Enum(_) | Kind::Enum64(_) => {
            (btf.name(id) == "libbpf_tristate").then_some(Holds::Tristate)
        }
        Kind::Array(array) if array.count > 0 => {
            matches!(holds(btf, array.element)?, Holds::Char { .. }).then_some(Holds::Chars)
        }
        _ => None,
    }
}

/// An integer as `strtoull` with base 0 reads it.
fn parse_u64(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let number = match hex {
        Some(hex) if !hex.starts_with('+') => u64::from_str_radix(hex, 16).ok()?,
        Some(_) => return None,
        None if digits.len() > 1 && digits.starts_with('0') => {
            u64::from_str_radix(digits, 8).ok()?
        }
        None => digits.parse().ok()?,
    };
    Some(if negative { number.wrapping_neg() } else { number })
}
