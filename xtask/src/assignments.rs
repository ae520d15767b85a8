//! The values that an object's variables get.
//!
//! Userspace sets what is `const volatile`, so every variable of that kind is given values
//! that a program could meet. What an object does with a value must be the same whether a
//! loader writes it into the section or bpfold folds it: so each assignment gives the original
//! with the values stored, and the folded object.

use std::fs;

use anyhow::Result;
use bpfold::variables::{Row, Variables};
use bpfold::{CoreMode, Fold, Kernel, KernelVersion, Object, Report};
use serde_json::Value;

/// Variables, members and elements that are set in one assignment, at most.
const SETTINGS_LIMIT: usize = 512;

/// Values for variables; all others are taken as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// What kind of values they are.
    pub name: &'static str,
    settings: Vec<(String, String)>,
    /// Which CO-RE relocations are resolved if what is known of the kernel counts too.
    kernel: Option<CoreMode>,
}

/// An object with the values in its sections, and folded with them.
pub struct Pair {
    /// As a loader would make it.
    pub original: Vec<u8>,
    /// As bpfold makes it.
    pub folded: Vec<u8>,
    /// What bpfold says.
    pub report: Report,
}

/// How a number or truth value is changed.
type Change = fn(&Row) -> Option<String>;

const CHANGES: &[(&str, Change)] = &[
    ("flipped", |row| row.json.as_bool().map(|value| (!value).to_string())),
    ("zero", |row| is_number(row).then(|| "0".to_owned())),
    ("one", |row| is_number(row).then(|| "1".to_owned())),
    ("minus-one", |row| is_number(row).then(|| minus_one(row))),
    ("max", |row| is_number(row).then(|| max(row))),
];

/// The assignments of an object: as stored, and those that its variables allow.
pub fn of(object: &Object) -> Result<Vec<Assignment>> {
    let variables = object.variables()?;
    let rows: Vec<Row> = variables
        .iter()
        .zip(variables.rows())
        .filter(|(variable, _)| variable.is_volatile)
        .flat_map(|(variable, row)| match variables.member_rows(variable) {
            members if members.is_empty() => vec![row],
            members => members,
        })
        .take(SETTINGS_LIMIT)
        .collect();
    let mut assignments = vec![Assignment { name: "stored", settings: Vec::new(), kernel: None }];
    for (name, change) in CHANGES {
        let mut trial: Variables<'_> = variables.clone();
        let mut settings = Vec::new();
        for row in &rows {
            // Bytes that the linker fills in and the like cannot be set.
            let value = change(row).filter(|value| trial.set(&row.name, value).is_ok());
            settings.extend(value.map(|value| (row.name.clone(), value)));
        }
        if !settings.is_empty() {
            assignments.push(Assignment { name, settings, kernel: None });
        }
    }
    for (name, mode) in [("kernel", CoreMode::Checks), ("core", CoreMode::All)] {
        assignments.push(Assignment { name, settings: Vec::new(), kernel: Some(mode) });
    }
    Ok(assignments)
}

fn is_number(row: &Row) -> bool {
    matches!(row.json, Value::Number(_))
}

/// Bits of a row's value.
fn width(row: &Row) -> u64 {
    row.bits.map_or(row.size * 8, |(_, width)| width).clamp(1, 64)
}

fn is_signed(row: &Row) -> bool {
    let name = row.type_name.as_deref().unwrap_or_default();
    let words = || name.split_whitespace().filter(|word| !matches!(*word, "const" | "volatile"));
    let signed = [
        "int", "long", "short", "char", "signed", "s8", "s16", "s32", "s64", "__s8", "__s16",
        "__s32", "__s64", "pid_t", "ssize_t",
    ];
    let starts = words().next().is_some_and(|first| {
        signed.contains(&first) || (first.starts_with("int") && first.ends_with("_t"))
    });
    starts && !words().any(|word| word == "unsigned")
}

fn minus_one(row: &Row) -> String {
    if is_signed(row) { "-1".to_owned() } else { max(row) }
}

fn max(row: &Row) -> String {
    let bits = width(row) - u64::from(is_signed(row));
    if bits == 0 { "0".to_owned() } else { (u64::MAX >> (64 - bits)).to_string() }
}

impl Assignment {
    /// Gives the values to an object, those of `kernel` if they are meant.
    pub fn apply(&self, object: &Object, kernel: &Kernel) -> Result<Pair> {
        let fold = self.prepare(object, kernel)?;
        let original = fold.unfolded()?;
        let folded = fold.run()?;
        Ok(Pair { original, folded: folded.bytes, report: folded.report })
    }

    /// The fold of an object with the values.
    pub fn prepare<'o>(&self, object: &'o Object, kernel: &Kernel) -> Result<Fold<'o>> {
        let mut fold = Fold::new(object)?;
        for (name, value) in &self.settings {
            fold = fold.set(name, value)?;
        }
        let fold = fold.freeze_all();
        Ok(match self.kernel {
            Some(mode) => fold.kernel(kernel).core(mode),
            None => fold,
        })
    }
}

/// What the running kernel tells of itself; what it does not tell stays unknown.
pub fn host_kernel() -> Result<Kernel> {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (release, version) = (text("/proc/sys/kernel/osrelease"), text("/proc/sys/kernel/version"));
    let mut kernel = Kernel::new().version(KernelVersion::of_host(release.trim(), version.trim())?);
    let boot = format!("/boot/config-{}", release.trim());
    if let Ok(configuration) = fs::read(boot).or_else(|_| fs::read("/proc/config.gz")) {
        kernel = kernel.kconfig(&configuration)?;
    }
    if let Ok(symbols) = fs::read("/proc/kallsyms") {
        kernel = kernel.kallsyms(symbols)?;
    }
    if let Ok(types) = fs::read("/sys/kernel/btf/vmlinux") {
        kernel = kernel.btf(types);
    }
    Ok(kernel)
}
