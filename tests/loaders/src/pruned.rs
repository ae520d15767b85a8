//! Objects out of which programs and maps were dropped because the user said what is used.

use bpfold::{Fold, Object};

use crate::cases::{Case, objects_in, root};

/// What is said of an object besides the values of its variables.
type Usage = fn(Fold<'_>) -> Result<Fold<'_>, bpfold::Error>;

/// Names and values of variables.
type Values = &'static [(&'static str, &'static str)];

/// Objects of the repository, values, what is said of them, in words and done. The other
/// variables are as stored.
const PRUNINGS: &[(&str, Values, &str, Usage)] = &[
    ("examples/agent.bpf.o", &[], "--entry agent", |fold| fold.entry("agent")),
    (
        "examples/agent.bpf.o",
        &[("cfg.transport", "2"), ("cfg.feature.tls", "false"), ("cfg.debug", "false")],
        "--entry agent",
        |fold| fold.entry("agent"),
    ),
    (
        "examples/agent.bpf.o",
        &[("cfg.transport", "0"), ("cfg.feature.dns", "false"), ("cfg.feature.tls", "false")],
        "--entry agent --prune-maps",
        |fold| Ok(fold.entry("agent")?.prune_maps()),
    ),
    ("examples/agent.bpf.o", &[], "--drop handle_tls", |fold| fold.drop_program("handle_tls")),
    ("examples/agent.bpf.o", &[], "--drop handle_*", |fold| fold.drop_program("handle_*")),
    ("tests/objects/prune.o", &[], "--prune-maps", |fold| Ok(fold.prune_maps())),
    ("tests/objects/prune.o", &[("nested", "true")], "--prune-maps", |fold| Ok(fold.prune_maps())),
    ("tests/objects/prune.o", &[("stats", "true")], "--prune-maps", |fold| Ok(fold.prune_maps())),
    ("tests/objects/prune-untagged.o", &[], "--prune-maps", |fold| Ok(fold.prune_maps())),
    ("tests/objects/prune-untagged.o", &[("nested", "true")], "--prune-maps", |fold| {
        Ok(fold.prune_maps())
    }),
    ("tests/objects/prune-untagged.o", &[("stats", "true")], "--prune-maps", |fold| {
        Ok(fold.prune_maps())
    }),
    ("tests/objects/prune.o", &[], "--require-no-globals", |fold| Ok(fold.require_no_globals())),
    ("tests/objects/prune-legacy.o", &[], "--tail-map stages", |fold| {
        fold.tail_map("stages".parse().unwrap())
    }),
    ("tests/objects/prune-legacy.o", &[("early", "true")], "--tail-map stages", |fold| {
        fold.tail_map("stages".parse().unwrap())
    }),
    (
        "tests/objects/prune-legacy.o",
        &[("late", "true"), ("chosen", "2")],
        "--tail-map stages --prune-maps",
        |fold| Ok(fold.tail_map("stages".parse().unwrap())?.prune_maps()),
    ),
    ("tests/objects/prune-legacy.o", &[("any", "true")], "--drop stage_second", |fold| {
        fold.drop_program("stage_second")
    }),
];

/// The prunings above, and each object of the repository that a little-endian machine loads
/// with each of its programs as the only one, and without it.
///
/// # Panics
/// An object cannot be folded.
#[must_use]
pub fn pruned() -> Vec<Case> {
    let mut cases = Vec::new();
    for (path, values, words, usage) in PRUNINGS {
        let file = std::fs::read(root().join(path)).unwrap();
        let name = format!("{path} {values:?} {words}");
        let case = case(&name, &file, values, usage);
        cases.push(case.unwrap_or_else(|error| panic!("{name}: {error}")));
    }
    for dir in ["examples", "tests/objects"] {
        for path in objects_in(&root().join(dir)) {
            let file = std::fs::read(&path).unwrap();
            let object = Object::parse(&file).unwrap();
            let programs = object.program().funcs.values();
            let programs =
                programs.filter(|func| func.linkage == bpfold::passes::ir::Linkage::Entry);
            let programs: Vec<&str> = programs.map(|func| func.name.as_str()).collect();
            if file.get(5) != Some(&1) || programs.len() < 2 {
                continue;
            }
            let file_name = path.file_name().unwrap().to_string_lossy();
            for program in programs {
                let name = format!("{file_name} --entry {program}");
                let alone = case(&name, &file, &[], |fold| fold.entry(program));
                cases.push(alone.unwrap_or_else(|error| panic!("{name}: {error}")));
                let name = format!("{file_name} --drop {program}");
                match case(&name, &file, &[], |fold| fold.drop_program(program)) {
                    // Data that stays holds its address.
                    Err(bpfold::Error::Prune(_)) => {}
                    case => cases.push(case.unwrap_or_else(|error| panic!("{name}: {error}"))),
                }
            }
        }
    }
    cases
}

fn case(
    name: &str,
    file: &[u8],
    values: &[(&str, &str)],
    usage: impl Fn(Fold<'_>) -> Result<Fold<'_>, bpfold::Error>,
) -> Result<Case, bpfold::Error> {
    let object = Object::parse(file)?;
    let mut fold = Fold::new(&object)?;
    for (name, value) in values {
        fold = fold.set(name, value)?;
    }
    let fold = usage(fold.freeze_all())?.verify_each(true);
    let original = fold.unfolded()?;
    let folded = fold.run()?;
    Ok(Case { name: name.to_owned(), original, folded: folded.bytes, report: folded.report })
}
