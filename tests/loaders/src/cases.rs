//! Objects under settings: what a loader gets before and after folding.

use std::path::{Path, PathBuf};

use bpfold::report::{PartKind, Report};
use bpfold::variables::Variables;
use bpfold::{Fold, Object};

/// An object with values, once as data and once folded.
pub struct Case {
    /// The object and the setting.
    pub name: String,
    /// The object with the values stored in its read-only sections.
    pub original: Vec<u8>,
    /// The object folded with these values.
    pub folded: Vec<u8>,
    /// What folding did.
    pub report: Report,
}

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The values that one case gives.
#[derive(Clone, Debug)]
pub enum Setting<'a> {
    /// Nothing but what is final anyway.
    Nothing,
    /// These names and values, the rest stays open.
    Set(&'a [(&'a str, &'a str)]),
    /// These names and values, the rest as stored.
    All(&'a [(&'a str, &'a str)]),
    /// Every boolean the other way round and every integer 1.
    Flipped,
}

impl Case {
    /// Folds an object; why it cannot be read or folded.
    ///
    /// # Errors
    /// The library's.
    pub fn new(name: &str, file: &[u8], setting: &Setting<'_>) -> Result<Self, bpfold::Error> {
        let object = Object::parse(file)?;
        let mut fold = Fold::new(&object)?;
        match setting {
            Setting::Nothing => {}
            Setting::Set(values) | Setting::All(values) => {
                for (name, value) in *values {
                    fold = fold.set(name, value)?;
                }
            }
            Setting::Flipped => fold = flip(fold),
        }
        if matches!(setting, Setting::All(_)) {
            fold = fold.freeze_all();
        }
        let original = with_values(&object, fold.variables())?;
        let folded = fold.verify_each(true).run()?;
        let name = format!("{name} {setting:?}");
        Ok(Self { name, original, folded: folded.bytes, report: folded.report })
    }

    /// The programs that nothing enters any more.
    pub fn dropped_programs(&self) -> impl Iterator<Item = &str> {
        let dead = self.report.dead.iter().filter(|dead| dead.kind == PartKind::Program);
        dead.map(|dead| dead.name.as_str())
    }

    /// What is larger than before: a function, or the file by more than the section that records
    /// what it is folded with.
    #[must_use]
    pub fn growth(&self) -> Vec<String> {
        let report = &self.report;
        let functions = report.functions.iter().filter(|func| func.after > func.before);
        let mut lines: Vec<String> = functions
            .map(|func| format!("{}: {} slots to {}", func.name, func.before, func.after))
            .collect();
        let folded = Object::parse(&self.folded).unwrap();
        let record = folded.elf().section_by_name(".debug_bpfold");
        let record = record.and_then(|index| folded.elf().sections[index].content_size());
        // With its header, its name and padding.
        let room = record.map_or(0, |size| size + 64 + 16 + 8);
        if report.size_after > report.size_before + room {
            lines.push(format!("file: {} bytes to {}", report.size_before, report.size_after));
        }
        lines
    }
}

/// The object with the values as data of its sections, as a loader would put them there.
fn with_values(object: &Object, values: &Variables<'_>) -> Result<Vec<u8>, bpfold::Error> {
    let mut elf = object.elf().clone();
    for name in values.section_names() {
        if let (Some(index), Some(known)) = (elf.section_by_name(name), values.finality(name)) {
            elf.set_section_data(index, known.bytes)?;
        }
    }
    Ok(elf.write()?)
}

/// Sets what userspace could mean to set: booleans to the other value, integers to 1. What
/// cannot be set (pointers under relocations) stays.
fn flip(mut fold: Fold<'_>) -> Fold<'_> {
    let variables = fold.variables().clone();
    for variable in variables.iter().filter(|variable| !variable.is_compile_time()) {
        let mut rows = variables.member_rows(variable);
        if rows.is_empty() {
            rows.extend(variables.rows().into_iter().filter(|row| row.name == variable.name));
        }
        for row in rows {
            let value = match (row.json.as_bool(), row.json.is_number()) {
                (Some(value), _) => (!value).to_string(),
                (None, true) => "1".to_owned(),
                (None, false) => continue,
            };
            if let Ok(set) = fold.clone().set(&row.name, &value) {
                fold = set;
            }
        }
    }
    fold
}

/// Settings of the examples: values that take other paths, as the README of the examples and
/// the sources name them.
const EXAMPLES: &[(&str, &[Setting<'_>])] = &[
    (
        "kernel_version",
        &[
            Setting::Set(&[("kernel_version", "KERNEL_VERSION(5,10,0)")]),
            Setting::All(&[("kernel_version", "KERNEL_VERSION(6,1,0)")]),
            Setting::All(&[("kernel_version", "KERNEL_VERSION(5,3,0)"), ("max_args", "8")]),
            Setting::All(&[("kernel_version", "KERNEL_VERSION(4,17,0)"), ("max_args", "0")]),
        ],
    ),
    (
        "xdp_filter",
        &[
            Setting::Set(&[
                ("cfg.mode", "MODE_ALLOW_LISTED"),
                ("cfg.debug", "false"),
                ("cfg.ports", "{80,443}"),
                ("cfg.flags.ipv6", "0"),
                ("cfg.flags.min_ttl", "2"),
                ("cfg.stats.per_source", "false"),
                ("cfg.ifname", "\"eth1\""),
            ]),
            Setting::All(&[("cfg.mode", "MODE_ALLOW_LISTED"), ("cfg.flags.match_source", "1")]),
            Setting::All(&[("cfg.mode", "MODE_PASS_ALL")]),
            Setting::Set(&[("cfg.flags.min_ttl", "64"), ("cfg.stats.per_verdict", "false")]),
        ],
    ),
    (
        "trace_agent",
        &[
            Setting::All(&[("count_only", "true"), ("with_parent", "false"), ("targ_pid", "1")]),
            Setting::All(&[("targ_comm", "\"bash\""), ("failed_only", "true")]),
            Setting::Set(&[("filter_cgroup", "true"), ("min_duration_ns", "1000000")]),
        ],
    ),
    (
        "callbacks",
        &[
            Setting::All(&[
                ("sum_bytes", "0"),
                ("max_age_ns", "0"),
                ("limit", "false"),
                ("mirror", "true"),
            ]),
            Setting::All(&[("max_age_ns", "1"), ("limit", "false")]),
            Setting::All(&[("limit_packets", "3"), ("mirror", "true")]),
            Setting::Set(&[("default_verdict", "1"), ("limit", "false")]),
        ],
    ),
    (
        "agent",
        &[
            Setting::Set(&[("cfg", "{.transport = TRANSPORT_PERF, .feature = {.tls = true}}")]),
            Setting::Set(&[("cfg.debug", "false"), ("cfg.rate_limit.enabled", "false")]),
            Setting::All(&[("cfg.feature.dns", "false"), ("cfg.rate_limit.burst", "3")]),
        ],
    ),
];

/// The examples and the objects of `tests/objects` under several settings each. Big-endian
/// objects are left out: the kernel of a little-endian machine does not load them.
///
/// # Panics
/// An object cannot be folded.
#[must_use]
pub fn committed() -> Vec<Case> {
    let mut cases = Vec::new();
    let common = [Setting::Nothing, Setting::All(&[]), Setting::Flipped];
    for dir in ["examples", "tests/objects"] {
        for path in objects_in(&root().join(dir)) {
            let file = std::fs::read(&path).unwrap();
            if file.get(5) != Some(&1) {
                continue;
            }
            let name = path.file_name().unwrap().to_string_lossy();
            let own = EXAMPLES.iter().filter(|(example, _)| *name == format!("{example}.bpf.o"));
            let settings = own.flat_map(|(_, settings)| *settings).chain(&common);
            cases.extend(settings.map(|setting| {
                Case::new(&name, &file, setting).unwrap_or_else(|e| panic!("{name}: {e}"))
            }));
        }
    }
    cases
}

/// The objects in a directory and below, in order.
#[must_use]
pub fn objects_in(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            found.extend(objects_in(&path));
        } else if path.extension().is_some_and(|extension| extension == "o") {
            found.push(path);
        }
    }
    found
}
