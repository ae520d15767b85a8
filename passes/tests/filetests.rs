//! Runs the files in `tests/filetests`; `tests/filetests/README.md` describes their format.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use bpfold_passes::analysis::calls::CallGraph;
use bpfold_passes::analysis::constants::Facts;
use bpfold_passes::analysis::frame_access::Accesses;
use bpfold_passes::analysis::liveness::{self, Liveness};
use bpfold_passes::analysis::section_reads::SectionReads;
use bpfold_passes::cfg::{Cfg, linearize};
use bpfold_passes::entity::{Block, Entity, Func, PerEntity};
use bpfold_passes::ir::{Linkage, Program, verify};
use bpfold_passes::opt::fold::Event;
use bpfold_passes::pass::{self, Input, PASSES, Pass};
use bpfold_passes::rules::Rules;
use bpfold_passes::text::{self, Printer, ShowFacts};

/// The line between the input and the expectation.
const SEPARATOR: &str = "; ---";
/// The line that stands for an expectation equal to the printed input.
const UNCHANGED: &str = "; expect: unchanged";

/// The text that `command` makes of a program. New commands are added here.
fn run(command: &str, options: &[&str], program: Program) -> Result<String, String> {
    match (command, options) {
        ("roundtrip", []) => Ok(program.to_string()),
        ("roundtrip", ["verbose"]) => Ok(Printer::new(&program).verbose().to_string()),
        ("verify", []) => Ok(match verify(&program) {
            Ok(()) => "ok".to_owned(),
            Err(error) => error.to_string(),
        }),
        ("linearize", []) => linearized(&program),
        ("cfg", []) => Ok(cfg(&program)),
        ("dot", []) => Ok(dot(&program)),
        ("fold", []) => fold(program),
        ("reads", []) => Ok(reads(&program)),
        ("facts", []) => {
            let facts = Facts::new(&program, &roots(&program), &PerEntity::default());
            let shown = ShowFacts::new(&program, &facts);
            Ok(Printer::new(&program).annotate(&shown).to_string())
        }
        ("pass", names) if !names.is_empty() => passes(names, program),
        _ => Err(format!("unknown command {command:?} with options {options:?}")),
    }
}

/// What all passes make of the program, and what they say they did.
fn fold(mut program: Program) -> Result<String, String> {
    let options = pass::Options { verify_each: true, ..pass::Options::default() };
    let log = pass::fold(&mut program, &options).map_err(|error| error.to_string())?;
    let mut out = program.to_string();
    for event in &log.events {
        let _ = match event {
            Event::LoadFolded { func, slot, size, value, .. } => {
                writeln!(out, "; {func} {slot:?}: {size:?} load is {value:#x}")
            }
            Event::JumpDecided { func, slot, entry, .. } => {
                writeln!(out, "; {func} {slot:?}: gotox to entry {entry:?}")
            }
            Event::BranchDecided { func, slot, taken, .. } => {
                writeln!(
                    out,
                    "; {func} {slot:?}: branch {}",
                    if *taken { "taken" } else { "not taken" }
                )
            }
        };
    }
    Ok(out)
}

/// For each data section the bytes that are named or read, or that it can be any.
fn reads(program: &Program) -> String {
    let found = SectionReads::new(program);
    let mut out = String::new();
    for (id, section) in program.sections.iter() {
        let _ = write!(out, "{}:", section.name);
        let mut bytes: Vec<_> = found.reads.iter().filter(|read| read.section == id).collect();
        bytes.dedup_by_key(|read| read.bytes.clone());
        for read in bytes {
            let _ = write!(out, " {:?}", read.bytes);
        }
        let _ = writeln!(out, "{}", if found.is_lost(id) { " lost" } else { "" });
    }
    out
}

/// The program after single passes, each run once.
fn passes(names: &[&str], mut program: Program) -> Result<String, String> {
    let original = program.clone();
    for &name in names {
        let pass = Pass::named(name).ok_or_else(|| format!("unknown pass {name:?}"))?;
        let facts = Facts::new(&program, &roots(&program), &PerEntity::default());
        let arguments = liveness::arguments(&program, &facts, &PerEntity::with_default(true));
        for func in program.funcs.keys().filter(|&func| facts.is_reached(func)) {
            // What is no default is a rule of this pass.
            let rules = if name == "algebra" { Rules::all() } else { Rules::default() };
            let accesses = Accesses::new(&program, &facts, func);
            let live = Liveness::new(&program, &accesses, &arguments, func);
            let mut input = Input::new(&program, &facts, func, &original.funcs[func], rules);
            input.live = Some(&live);
            input.decided = usize::MAX;
            if let Some(change) = (pass.collect)(&input) {
                change(&mut program.funcs[func]);
            }
        }
        verify(&program).map_err(|error| format!("after {name}: {error}"))?;
    }
    Ok(program.to_string())
}

/// Programs, and functions that no code names.
fn roots(program: &Program) -> Vec<Func> {
    let graph = CallGraph::new(program);
    let entries =
        program.funcs.iter().filter(|(_, f)| f.linkage == Linkage::Entry).map(|(id, _)| id);
    entries.chain(graph.unnamed()).collect()
}

/// Each function's instructions as they are laid out, with their slots.
fn linearized(program: &Program) -> Result<String, String> {
    let printer = Printer::new(program);
    let mut out = String::new();
    for func in program.funcs.values() {
        let _ = writeln!(out, "{}:", func.name);
        for placed in linearize(func, program.features).map_err(|error| error.to_string())? {
            let _ = writeln!(out, "  {}: {}", placed.slot, printer.encoded_op(&placed.op));
        }
    }
    Ok(out)
}

/// The blocks in reverse postorder with their edges, immediate dominators and loops.
fn cfg(program: &Program) -> String {
    let mut out = String::new();
    for func in program.funcs.values() {
        let graph = Cfg::new(func);
        let headers = graph.loop_headers();
        let dominators = graph.dominators();
        let list = |blocks: &mut dyn Iterator<Item = Block>| {
            blocks.map(label).collect::<Vec<_>>().join(" ")
        };
        let _ = writeln!(out, "{}:", func.name);
        for &block in graph.reverse_postorder() {
            let _ = write!(out, "  {} -> [{}]", label(block), list(&mut graph.successors(block)));
            if let Some(idom) = dominators.as_ref().and_then(|d| d.immediate_dominator(block)) {
                let _ = write!(out, " idom {}", label(idom));
            }
            out.push_str(if headers[block] { " loop\n" } else { "\n" });
        }
    }
    out
}

fn label(block: Block) -> String {
    format!("L{}", block.index())
}

fn dot(program: &Program) -> String {
    let printer = Printer::new(program);
    let mut out = String::new();
    for (id, func) in program.funcs.iter() {
        out += &Cfg::new(func).dot(&func.name, |block| printer.block(id, block).to_string());
    }
    out
}

/// What a file says.
struct Case<'a> {
    command: &'a str,
    options: Vec<&'a str>,
    input: &'a str,
    /// What stands below the separator; none for an expectation equal to the input.
    expected: Option<&'a str>,
}

fn read_case(text: &str) -> Result<Case<'_>, String> {
    let first = text.lines().next().unwrap_or_default();
    let mut words = first
        .strip_prefix("; test:")
        .ok_or("the first line is not `; test: COMMAND`")?
        .split_whitespace();
    let command = words.next().ok_or("no command")?;
    let options = words.collect();
    if let Some((input, _)) = text.split_once(&format!("\n{UNCHANGED}\n")) {
        return Ok(Case { command, options, input, expected: None });
    }
    let (input, expected) =
        text.split_once(&format!("\n{SEPARATOR}\n")).unwrap_or((text.trim_end(), ""));
    Ok(Case { command, options, input, expected: Some(expected) })
}

/// What the command makes of the input, and what it should make of it.
fn outcome(case: &Case<'_>) -> Result<(String, String), String> {
    if case.command == "parse-error" {
        let actual = match text::parse(case.input) {
            Ok(_) => "no error".to_owned(),
            Err(error) => error.to_string(),
        };
        return Ok((end_line(&actual), case.expected.unwrap_or_default().to_owned()));
    }
    let program = text::parse(case.input).map_err(|error| error.to_string())?;
    for printed in [program.to_string(), Printer::new(&program).verbose().to_string()] {
        let again = text::parse(&printed).map_err(|error| format!("{error} in\n{printed}"))?;
        let same = again.to_string() == program.to_string();
        (same.then_some(())).ok_or(format!("the text does not round-trip:\n{printed}"))?;
    }
    if case.command != "verify" {
        verify(&program).map_err(|error| format!("the input is not valid: {error}"))?;
    }
    let unchanged = program.to_string();
    let actual = run(case.command, &case.options, program)?;
    Ok((end_line(&actual), case.expected.map_or(unchanged, str::to_owned)))
}

fn end_line(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

/// Runs one file; with `bless` a wrong expectation is replaced.
fn check(path: &Path, bless: bool) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let case = read_case(&text)?;
    let (actual, expected) = outcome(&case)?;
    if actual == end_line(&expected) {
        return Ok(());
    }
    if bless && case.expected.is_some() {
        let blessed = format!("{}\n{SEPARATOR}\n{actual}", case.input);
        return std::fs::write(path, blessed).map_err(|error| error.to_string());
    }
    let diff = similar::TextDiff::from_lines(expected.as_str(), actual.as_str());
    let diff = diff.unified_diff().context_radius(5).header("expected", "actual").to_string();
    Err(format!("{diff}\n(BPFOLD_BLESS=1 takes what is actual)"))
}

fn files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|e| e == "bpf") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Every file does what it says; `BPFOLD_FILETEST` names a part of the paths to run.
#[test]
fn filetests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/filetests");
    let only = std::env::var("BPFOLD_FILETEST").unwrap_or_default();
    let bless = std::env::var("BPFOLD_BLESS").is_ok_and(|v| v == "1");
    let files = files(&root).unwrap();
    let mut failures = String::new();
    let mut ran = 0;
    for path in &files {
        let name = path.strip_prefix(&root).unwrap_or(path).display().to_string();
        if !name.contains(&only) {
            continue;
        }
        ran += 1;
        if let Err(failure) = check(path, bless) {
            let _ = writeln!(failures, "--- {name}\n{failure}");
        }
    }
    assert!(ran > 0, "no file matches {only:?}");
    assert!(failures.is_empty(), "\n{failures}");
}

/// Each pass has files that run it alone, and stands in DESIGN.md with what it does.
#[test]
fn passes_are_tested_and_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = files(&root.join("tests/filetests")).unwrap();
    let texts: Vec<String> =
        files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let design = std::fs::read_to_string(root.join("../DESIGN.md")).unwrap();
    let rows: Vec<&str> = design
        .lines()
        .skip_while(|line| *line != "| pass | what it does | rule |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let expected = PASSES.iter().map(|pass| {
        let rule = pass.rule.map_or(String::new(), |rule| format!("`{rule}`"));
        format!("| `{}` | {} | {rule} |", pass.name, pass.about).replace("|  |", "| |")
    });
    assert_eq!(rows, expected.collect::<Vec<_>>());
    for pass in &PASSES {
        let alone = format!("; test: pass {}\n", pass.name);
        let own = texts.iter().filter(|text| text.starts_with(&alone)).count();
        assert!(own >= 2, "{}: {own} files", pass.name);
    }
}

#[test]
fn unknown_commands_fail() {
    let text = "; test: frobnicate\nfunc f (entry) {\n  exit\n}\n; expect: unchanged\n";
    let error = outcome(&read_case(text).unwrap()).unwrap_err();
    assert_eq!(error, "unknown command \"frobnicate\" with options []");
}
