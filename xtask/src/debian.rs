//! Packages of any of Debian's suites, with lists and downloads of their own: the machine's
//! configuration of apt only tells where the mirror is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Signs all suites.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A suite whose list of packages has been fetched.
pub struct Suite {
    name: String,
    state: PathBuf,
}

impl Suite {
    /// Fetches the list of packages into `cache`.
    pub fn new(name: &str, cache: &Path) -> Result<Suite> {
        let state = cache.join("apt").join(name);
        for dir in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(state.join(dir))?;
        }
        let archive = if name.ends_with("-security") { "debian-security" } else { "debian" };
        let source = format!("deb [signed-by={KEYRING}] {}/{archive} {name} main\n", mirror()?);
        fs::write(state.join("sources.list"), source)?;
        // What the machine configures in parts of files must not count.
        fs::write(state.join("apt.conf"), "Dir::Etc::parts \"/dev/null\";\n")?;
        let suite = Suite { name: name.to_owned(), state };
        let status = suite.apt("apt-get").arg("update").status()?;
        anyhow::ensure!(status.success(), "{name}: the list of packages cannot be fetched");
        Ok(suite)
    }

    /// The suite's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn apt(&self, command: &str) -> Command {
        let mut apt = Command::new(command);
        let state = self.state.display();
        apt.env("APT_CONFIG", self.state.join("apt.conf"));
        for option in [
            format!("Dir::Etc::sourcelist={state}/sources.list"),
            "Dir::Etc::sourceparts=-".to_owned(),
            format!("Dir::State::lists={state}/lists"),
            "Dir::State::status=/dev/null".to_owned(),
            format!("Dir::Cache={state}/cache"),
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
            // Mirrors that are snapshots have lists that are no longer valid.
            "Acquire::Check-Valid-Until=false".to_owned(),
        ] {
            apt.args(["-o", &option]);
        }
        apt.arg("-qq");
        apt
    }

    /// The package of the highest version in its name, which begins and ends like this.
    pub fn last_package(&self, start: &str, end: &str) -> Result<String> {
        let names = self.apt("apt-cache").args(["pkgnames", start]).output()?.stdout;
        let names = String::from_utf8_lossy(&names).into_owned();
        let fits = names.lines().filter(|name| name.starts_with(start) && name.ends_with(end));
        let numbers = |name: &&str| -> Vec<u64> {
            name.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
        };
        let last = fits.max_by_key(numbers).context("there is none")?;
        Ok(last.to_owned())
    }

    /// Downloads a package and unpacks it into a directory that goes away.
    pub fn unpack(&self, package: &str) -> Result<tempfile::TempDir> {
        let dir = tempfile::tempdir()?;
        let status =
            self.apt("apt-get").args(["download", package]).current_dir(dir.path()).status()?;
        anyhow::ensure!(status.success(), "cannot be downloaded");
        let file = fs::read_dir(dir.path())?.next().context("nothing was downloaded")??.path();
        let status = Command::new("dpkg-deb").arg("-x").arg(&file).arg(dir.path()).status()?;
        anyhow::ensure!(status.success(), "{}: cannot be unpacked", file.display());
        fs::remove_file(file)?;
        Ok(dir)
    }
}

/// Where the machine gets Debian from, without the archive's name.
fn mirror() -> Result<String> {
    let files = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];
    let texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    let found = texts.into_iter().find_map(|text| mirror_in(&text));
    found.context("apt's configuration names no mirror of Debian")
}

/// The first address that ends in the archive's name.
fn mirror_in(sources: &str) -> Option<String> {
    let lines = sources.lines().filter(|line| !line.trim_start().starts_with('#'));
    let words = lines.flat_map(str::split_whitespace);
    let found =
        words.map(|word| word.trim_end_matches('/')).find_map(|w| w.strip_suffix("/debian"));
    found.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::mirror_in;

    #[test]
    fn mirrors_of_both_forms() {
        let one_line = "# deb http://old/debian x main\ndeb [a=b] http://m.org/debian/ sid main\n";
        assert_eq!(mirror_in(one_line).as_deref(), Some("http://m.org"));
        let fields = "Types: deb\nURIs: https://n.org/debian\nSuites: trixie\n";
        assert_eq!(mirror_in(fields).as_deref(), Some("https://n.org"));
        assert_eq!(mirror_in("deb http://m.org/debian-security x main"), None);
    }
}
