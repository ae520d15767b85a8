//! Versions of the kernel.

use std::fmt;
use std::str::FromStr;

use super::KernelError;
use crate::passes::helpers;

/// A version of the kernel, such as 6.1.192.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelVersion {
    /// 6 of 6.1.192.
    pub major: u16,
    /// 1 of 6.1.192.
    pub minor: u16,
    /// 192 of 6.1.192.
    pub patch: u16,
}

impl KernelVersion {
    /// The version as a number: `KERNEL_VERSION(a, b, c)` of `linux/version.h`, which has room
    /// for 255 patch levels.
    #[must_use]
    pub fn code(self) -> u32 {
        u32::from(self.major) << 16 | u32::from(self.minor) << 8 | u32::from(self.patch.min(255))
    }

    /// Whether the kernel has what came with a version.
    #[must_use]
    pub fn has(self, since: helpers::Version) -> bool {
        (self.major, self.minor) >= since
    }

    /// The version of a running kernel, from `/proc/sys/kernel/osrelease` and
    /// `/proc/sys/kernel/version`. Debian's release names no patch level, its version does
    /// (libbpf's `get_debian_kernel_version`).
    ///
    /// # Errors
    /// It is not a version.
    pub fn of_host(release: &str, version: &str) -> Result<Self, KernelError> {
        let debian = version.split_once("Debian ").map(|(_, rest)| rest.trim());
        debian.unwrap_or_else(|| release.trim()).parse()
    }
}

impl FromStr for KernelVersion {
    type Err = KernelError;

    /// Reads two or three numbers; what stands behind them, as in `6.12.94+deb13-amd64`, says
    /// nothing of the version.
    fn from_str(text: &str) -> Result<Self, KernelError> {
        let bad = || KernelError::Version { text: text.to_owned() };
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (numbers, rest) = text.split_at(end);
        if rest.starts_with(|c: char| !matches!(c, '-' | '+' | '~' | '_' | ' ')) {
            return Err(bad());
        }
        let parts: Result<Vec<u16>, _> = numbers.split('.').map(str::parse).collect();
        match parts.map_err(|_| bad())?.as_slice() {
            [major, minor] => Ok(Self { major: *major, minor: *minor, patch: 0 }),
            [major, minor, patch] => Ok(Self { major: *major, minor: *minor, patch: *patch }),
            _ => Err(bad()),
        }
        .and_then(|version: Self| {
            let fits = version.major <= 0xff && version.minor <= 0xff;
            if fits { Ok(version) } else { Err(bad()) }
        })
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}
