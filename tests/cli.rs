//! The command as a user runs it.
//!
//! - `tests/cli/*.cmd`: shell commands, one a line (`\` continues it), with what they protect
//!   in a comment above. Each file runs in an empty directory of its own with `bpfold` on the
//!   path and the repository's `examples` and `objects` beside it. The transcript is a
//!   snapshot: standard output, lines of standard error behind `2>`, exit codes but 0.
//! - Every example's text before and after folding is a snapshot.
//! - Every command of the README runs.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// An empty directory with the objects to try things on.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        for (name, target) in [("examples", "examples"), ("objects", "tests/objects")] {
            let target = Path::new(ROOT).join(target);
            std::os::unix::fs::symlink(target, dir.path().join(name)).unwrap();
        }
        Self(dir)
    }

    fn sh(&self, command: &str) -> Output {
        let bin = PathBuf::from(env!("CARGO_BIN_EXE_bpfold"));
        let mut path = vec![bin.parent().unwrap().to_owned()];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        Command::new("sh")
            .args(["-c", command])
            .current_dir(self.0.path())
            .env("PATH", std::env::join_paths(path).unwrap())
            .env_remove("CLICOLOR_FORCE")
            .env_remove("NO_COLOR")
            .env_remove("COLUMNS")
            .stdin(Stdio::null())
            .env("LC_ALL", "C")
            .output()
            .unwrap()
    }
}

/// The commands of a text: lines, those that end in `\` continued, comments left out.
fn commands(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", "\n\\");
    let mut commands: Vec<String> = Vec::new();
    for line in joined.lines() {
        match line.strip_prefix('\\') {
            Some(rest) => write!(commands.last_mut().unwrap(), "\\\n{rest}").unwrap(),
            None if line.is_empty() || line.starts_with('#') => {}
            None => commands.push(line.to_owned()),
        }
    }
    commands
}

fn transcript(scratch: &Scratch, command: &str) -> String {
    let output = scratch.sh(command);
    let mut text = format!("$ {command}\n{}", String::from_utf8_lossy(&output.stdout));
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        writeln!(text, "{}", format!("2> {line}").trim_end()).unwrap();
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => writeln!(text, "exit code {code}").unwrap(),
        None => writeln!(text, "{}", output.status).unwrap(),
    }
    text
}

fn snapshots() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[test]
fn transcripts() {
    snapshots().bind(|| {
        insta::glob!("cli/*.cmd", |path| {
            let scratch = Scratch::new();
            let text = std::fs::read_to_string(path).unwrap();
            let transcripts: Vec<String> =
                commands(&text).iter().map(|command| transcript(&scratch, command)).collect();
            insta::assert_snapshot!("cli", transcripts.join("\n"));
        });
    });
}

/// Examples with names of settings and the arguments that they stand for.
const FOLDS: [(&str, &[(&str, &str)]); 5] = [
    (
        "kernel_version",
        &[
            ("4.9", "--set kernel_version='KERNEL_VERSION(4,9,0)' --freeze max_args"),
            ("5.10", "--set kernel_version='KERNEL_VERSION(5,10,0)'"),
            ("6.1", "--set kernel_version='KERNEL_VERSION(6,1,0)' --set max_args=6"),
        ],
    ),
    (
        "xdp_filter",
        &[
            ("stored", "--freeze-all"),
            (
                "allow_listed",
                "--set cfg.mode=MODE_ALLOW_LISTED --set cfg.debug=false \
                 --set cfg.ports='{80,443}' --set cfg.flags.ipv6=0 --set cfg.flags.min_ttl=2 \
                 --set cfg.stats.per_source=false --set cfg.ifname='\"eth1\"'",
            ),
        ],
    ),
    (
        "trace_agent",
        &[(
            "count_only",
            "--set count_only=true --set with_parent=false --set targ_pid=1 --freeze-all",
        )],
    ),
    (
        "callbacks",
        &[
            ("stored", "--freeze-all"),
            (
                "mirror",
                "--set sum_bytes=0 --set max_age_ns=0 --set limit=false --set mirror=true \
                 --freeze-all",
            ),
        ],
    ),
    (
        "agent",
        &[
            ("stored", "--freeze-all"),
            ("tls", "--set cfg='{.transport = TRANSPORT_PERF, .feature = {.tls = true}}'"),
            ("idle", "--set cfg='{.debug = true}'"),
        ],
    ),
];

#[test]
fn examples_before_and_after() {
    let text = |output: Output| {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    let scratch = Scratch::new();
    for (example, folds) in FOLDS {
        let object = format!("examples/{example}.bpf.o");
        let before = text(scratch.sh(&format!("bpfold dump --source --stable {object}")));
        snapshots().bind(|| insta::assert_snapshot!(format!("dump_{example}"), before));
        for (name, arguments) in folds {
            let fold = format!("bpfold fold --verify-each {object} {arguments} -o folded.o");
            let after =
                text(scratch.sh(&format!("{fold} && bpfold dump --source --stable folded.o")));
            let name = format!("dump_{example}_{name}");
            let mut settings = snapshots();
            settings.set_description(format!("fold {arguments}"));
            settings.bind(|| insta::assert_snapshot!(name, after));
        }
    }
}

/// Fenced blocks of a Markdown text by their language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    let starts = text.match_indices(&fence).map(|(at, _)| &text[at + fence.len()..]);
    starts.map(|rest| &rest[..rest.find("```").unwrap()]).collect()
}

#[test]
fn commands_of_the_readme() {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let scratch = Scratch::new();
    let blocks = blocks(&readme, "sh");
    assert!(blocks.len() > 3, "{blocks:?}");
    for command in blocks.iter().flat_map(|block| commands(block)) {
        // This test is a part of what test.sh runs.
        if command == "./test.sh" {
            continue;
        }
        let command = command.replace("cargo run --release --", "bpfold");
        let ran = transcript(&scratch, &command);
        // Builds without the feature `kernel` and users without rights cannot load objects.
        let cannot = !cfg!(feature = "kernel") || ran.contains("may not load BPF programs");
        let loads = command.starts_with("bpfold verify") || command.contains("--verify-cost");
        if loads && cannot {
            continue;
        }
        assert!(scratch.sh(&command).status.success(), "{ran}");
    }
}

/// What the README shows behind a command is what the command prints. `BPFOLD_BLESS=1` puts
/// it there.
#[test]
fn output_in_the_readme() {
    let path = Path::new(ROOT).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let scratch = Scratch::new();
    let mut right = readme.clone();
    for block in blocks(&readme, "console") {
        let commands = block.lines().filter_map(|line| line.strip_prefix("$ "));
        let printed: String = commands.map(|command| transcript(&scratch, command)).collect();
        right = right.replacen(block, &printed, 1);
    }
    if std::env::var("BPFOLD_BLESS").is_ok_and(|bless| bless == "1") {
        std::fs::write(&path, right).unwrap();
    } else {
        assert_eq!(readme, right, "run with BPFOLD_BLESS=1 and look at the difference");
    }
}
