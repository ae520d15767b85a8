//! Loading with cilium/ebpf, by a small Go program.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::verdicts::Verdicts;

/// Where Debian's golang-github-cilium-ebpf-dev puts the source of the module.
const GOPATH: &str = "/usr/share/gocode";

/// The program that loads objects, built.
///
/// # Errors
/// Go or the module is missing, or it does not build.
pub fn build(dir: &Path) -> Result<PathBuf, String> {
    let program = dir.join("load");
    if !Path::new(GOPATH).join("src/github.com/cilium/ebpf").is_dir() {
        return Err(format!("cilium/ebpf is not in {GOPATH}"));
    }
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("cilium.go"))
        .env("GO111MODULE", "off")
        .env("GOPATH", GOPATH)
        .env("GOCACHE", dir.join("cache"))
        .output()
        .map_err(|error| format!("go: {error}"))?;
    match built.status.success() {
        true => Ok(program),
        false => Err(String::from_utf8_lossy(&built.stderr).into_owned()),
    }
}

/// The verdict on each program of an object.
///
/// # Errors
/// cilium/ebpf cannot read the object.
///
/// # Panics
/// The program cannot be run, or says something else than it should.
pub fn verdicts(program: &Path, file: &Path) -> Result<Verdicts, String> {
    let output = Command::new(program).arg(file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let verdict = |line: &str| {
        let mut fields = line.splitn(3, '\t');
        let (name, verdict, detail) = (fields.next()?, fields.next()?, fields.next()?);
        let verdict = match verdict {
            "ok" => Ok(detail.parse().ok()?),
            _ => Err(detail.to_owned()),
        };
        Some((name.to_owned(), verdict))
    };
    Ok(text.lines().map(|line| verdict(line).unwrap()).collect())
}
