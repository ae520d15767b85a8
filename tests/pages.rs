//! Programs in pages below `docs` are the files that they name, which other tests build and run.
//! `BPFOLD_BLESS=1` puts the files' text there.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A page with each block of code, whose first line names a file, replaced by that file's text.
fn with_files(page: &str, count: &mut usize) -> String {
    let mut out = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        out += line;
        out.push('\n');
        let fence = line.strip_prefix("```").and_then(|info| info.split_once(' '));
        if let Some((_, path)) = fence {
            *count += 1;
            let text = std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap();
            let licence = |line: &&str| line.contains("SPDX-License-Identifier");
            let text: Vec<&str> = text.lines().skip_while(licence).collect();
            out += text.join("\n").trim_start();
            out += "\n```\n";
            lines.by_ref().find(|line| *line == "```").unwrap();
        }
    }
    out
}

#[test]
fn programs_are_the_files_that_are_run() {
    let dir = Path::new(ROOT).join("docs/loaders");
    for page in ["libbpf-c.md", "libbpf-rs.md", "aya.md", "cilium-ebpf.md"] {
        let path = dir.join(page);
        let text = std::fs::read_to_string(&path).unwrap();
        let mut count = 0;
        let right = with_files(&text, &mut count);
        assert!(count > 0, "{page} has no program");
        if std::env::var_os("BPFOLD_BLESS").is_some() {
            std::fs::write(&path, right).unwrap();
        } else {
            assert!(text == right, "{page} has other programs than the files it names");
        }
    }
    let pages = std::fs::read_dir(&dir).unwrap().count();
    assert_eq!(pages, 4, "a page is not tested");
}
