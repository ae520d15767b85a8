//! The published JSON Schemas are those of the types that are printed, and what is printed fits them.
//!
//! `BPFOLD_BLESS=1` writes `docs/schema`. The validation is that of the Python package `jsonschema`.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn bpfold(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_bpfold"))
        .args(arguments)
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn schema(name: &str) -> std::path::PathBuf {
    Path::new(ROOT).join(format!("docs/schema/{name}.schema.json"))
}

#[test]
fn published_schemas_are_those_of_the_types() {
    for name in ["vars", "fold", "explain"] {
        let printed = String::from_utf8(bpfold(&["schema", name]).stdout).unwrap();
        if std::env::var("BPFOLD_BLESS").is_ok_and(|bless| bless == "1") {
            std::fs::create_dir_all(Path::new(ROOT).join("docs/schema")).unwrap();
            std::fs::write(schema(name), &printed).unwrap();
        }
        let published = std::fs::read_to_string(schema(name)).unwrap();
        assert_eq!(published, printed, "run with BPFOLD_BLESS=1 and look at the difference");
    }
}

/// Every output, and that a damaged one does not fit.
#[test]
fn what_is_printed_fits_the_schemas() {
    let script = r#"
import json, sys
from jsonschema import Draft202012Validator as Validator
schema = json.load(open(sys.argv[1]))
Validator.check_schema(schema)
validator = Validator(schema)
document = json.loads(sys.stdin.read())
errors = [f"{list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(document)]
del document["version"]
if not list(validator.iter_errors(document)):
    errors.append("a document without a version fits as well")
print("\n".join(errors))
"#;
    let objects = ["agent", "kernel_version", "xdp_filter", "trace_agent", "callbacks", "portable"];
    let mut outputs: Vec<(&str, Vec<String>)> = Vec::new();
    for object in objects.map(|name| format!("examples/{name}.bpf.o")) {
        outputs.push(("vars", vec!["vars".into(), object.clone(), "--all".into()]));
        for freeze in [true, false] {
            let mut fold: Vec<String> =
                vec!["fold".into(), object.clone(), "-o".into(), "/dev/null".into()];
            let mut explain: Vec<String> = vec!["explain".into(), object.clone()];
            if freeze {
                fold.extend(["--freeze-all".into(), "--kernel".into(), "6.1".into()]);
                explain.extend(["--freeze-all".into(), "--kernel".into(), "6.1".into()]);
            }
            outputs.extend([("fold", fold), ("explain", explain)]);
        }
    }
    let noted = ["fold", "tests/objects/outside-clang19.o", "-o", "/dev/null", "--set", "kind=1"];
    outputs.push(("fold", noted.map(str::to_owned).to_vec()));
    let lines = ["explain", "examples/agent.bpf.o", ":140", "debug_last", "cfg.debug"];
    outputs.push(("explain", lines.map(str::to_owned).to_vec()));
    for (name, mut arguments) in outputs {
        arguments.extend(["--format".into(), "json".into()]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let printed = bpfold(&arguments).stdout;
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join("printed.json");
        std::fs::write(&file, printed).unwrap();
        let checked = Command::new("python3")
            .args(["-W", "ignore", "-c", script])
            .arg(schema(name))
            .stdin(std::fs::File::open(&file).unwrap())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&checked.stdout).into_owned()
            + &String::from_utf8_lossy(&checked.stderr);
        assert_eq!(errors.trim(), "", "{arguments:?}");
    }
}
