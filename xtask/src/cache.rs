//! Where the commands keep what they get and find out.

use std::path::PathBuf;

/// Where objects, verdicts and results are kept: outside of the repository.
pub fn dir() -> PathBuf {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    base.unwrap_or_else(std::env::temp_dir).join("bpfold")
}
