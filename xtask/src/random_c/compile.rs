//! How a source is compiled.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use bpfold_passes::testing::Choices;

/// Compilers that are looked for, with the instruction sets that they know.
const COMPILERS: &[(&str, &[&str])] = &[
    ("clang-14", &["v1", "v2", "v3"]),
    ("clang-19", &["v1", "v2", "v3", "v4"]),
    ("clang-22", &["v1", "v2", "v3", "v4"]),
];
const LEVELS: [&str; 3] = ["-O1", "-O2", "-Os"];

/// A compiler that is installed, with its instruction sets.
pub type Compiler = (&'static str, &'static [&'static str]);

/// The compilers that are installed.
pub fn installed() -> Vec<Compiler> {
    let runs = |name: &str| {
        let command = Command::new(name).arg("--version").stdout(Stdio::null()).status();
        command.is_ok_and(|status| status.success())
    };
    COMPILERS.iter().copied().filter(|(name, _)| runs(name)).collect()
}

/// Compiler, instruction set and level.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    compiler: &'static str,
    cpu: &'static str,
    level: &'static str,
}

impl Build {
    /// One of the builds.
    pub fn choose(c: &mut Choices, compilers: &[Compiler]) -> Build {
        let (compiler, cpus) = c.pick(compilers);
        Build { compiler, cpu: c.pick(cpus), level: c.pick(&LEVELS) }
    }

    fn arguments(self) -> [String; 7] {
        let cpu = format!("-mcpu={}", self.cpu);
        ["-target", "bpf", "-g", "-w", "-fno-crash-diagnostics", self.level, &cpu]
            .map(str::to_owned)
    }

    /// The command as a person types it.
    pub fn text(self, source: &Path, object: &Path) -> String {
        let arguments = self.arguments().join(" ");
        format!("{} {arguments} -c {} -o {}", self.compiler, source.display(), object.display())
    }

    /// Compiles.
    pub fn run(self, source: &Path, object: &Path) -> Result<()> {
        let output = Command::new(self.compiler)
            .args(self.arguments())
            .arg("-c")
            .arg(source)
            .arg("-o")
            .arg(object)
            .output()
            .with_context(|| format!("{} cannot be started", self.compiler))?;
        anyhow::ensure!(
            output.status.success(),
            "{}: {}",
            self.text(source, object),
            errors(&String::from_utf8_lossy(&output.stderr))
        );
        Ok(())
    }
}

/// The lines that tell of an error, or the first if none does.
fn errors(text: &str) -> String {
    let is_error = |line: &&str| line.contains("error:") || line.contains("Error");
    let lines: Vec<&str> = text.lines().filter(is_error).take(3).collect();
    match lines.is_empty() {
        true => text.lines().next().unwrap_or_default().to_owned(),
        false => lines.join("; "),
    }
}
