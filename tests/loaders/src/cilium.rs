//! Loading with cilium/ebpf, by a small Go program.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::verdicts::Verdicts;

/// Where Debian's golang-github-cilium-ebpf-dev puts the source of the module.
const GOPATH: &str = "/usr/share/gocode";

/// The program that loads objects, built with Debian's cilium/ebpf of years ago.
///
/// # Errors
/// Go or the module is missing, or it does not build.
pub fn build(dir: &Path) -> Result<PathBuf, String> {
    let program = dir.join("load");
    if !Path::new(GOPATH).join("src/github.com/cilium/ebpf").is_dir() {
        return Err(format!("cilium/ebpf is not in {GOPATH}"));
    }
    let mut go = Command::new("go");
    go.env("GO111MODULE", "off").env("GOPATH", GOPATH).env("GOCACHE", dir.join("cache"));
    run(&mut go, program)
}

/// The same with the current cilium/ebpf, that of `bindings/go`. `BPFOLD_GO` is a Go that is recent
/// enough for it, if that in PATH is not.
///
/// # Errors
/// Go or the module is missing, or it does not build.
pub fn build_current(dir: &Path) -> Result<PathBuf, String> {
    let go = std::env::var_os("BPFOLD_GO").unwrap_or_else(|| "go".into());
    let mut go = Command::new(go);
    go.current_dir(crate::cases::root().join("bindings/go")).env("CGO_ENABLED", "0");
    run(&mut go, dir.join("load-current"))
}

fn run(go: &mut Command, program: PathBuf) -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("cilium.go");
    let built = go.args(["build", "-o"]).arg(&program).arg(source).output();
    let built = built.map_err(|error| format!("go: {error}"))?;
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
