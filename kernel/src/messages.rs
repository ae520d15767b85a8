//! What libbpf says while it works, and what it means.

use std::cell::RefCell;

use libbpf_rs::{PrintLevel, set_print};

use crate::verdict::{Failure, FailureClass};

/// Longest text that is kept of one operation, in bytes.
const LIMIT: usize = 8 << 20;
/// Longest message of a [`Failure`], in characters.
const MESSAGE_LIMIT: usize = 240;

thread_local! {
    static MESSAGES: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Collects the messages of `operation` on this thread, with `debug` those too that libbpf
/// writes for its developers.
pub fn collect<T>(debug: bool, operation: impl FnOnce() -> T) -> (T, String) {
    let level = if debug { PrintLevel::Debug } else { PrintLevel::Info };
    set_print(Some((level, keep)));
    MESSAGES.with_borrow_mut(String::clear);
    let value = operation();
    (value, MESSAGES.with_borrow_mut(std::mem::take))
}

fn keep(_level: PrintLevel, message: String) {
    MESSAGES.with_borrow_mut(|messages| {
        if messages.len() < LIMIT {
            messages.push_str(&message);
        }
    });
}

/// Whether libbpf had come as far as to give a program to the kernel.
pub fn reached_verifier(messages: &str) -> bool {
    messages.contains("BPF program load failed")
}

/// Why an operation failed with `errno`, by the messages of libbpf.
pub fn classify(messages: &str, errno: i32) -> Failure {
    if let Some(last) = verifier_message(messages) {
        let class = verifier_class(messages, &last, errno);
        return Failure { class, errno, message: shorten(&last) };
    }
    let known = LIBBPF_MESSAGES.iter().find_map(|(class, parts)| {
        let has_parts = |line: &&str| parts.iter().all(|part| line.contains(part));
        Some((*class, messages.lines().find(has_parts)?))
    });
    let mut lines = messages.lines().filter(|line| !line.contains("failed to load object"));
    let (class, message) = match known {
        Some(known) => known,
        None if errno == libc::EPERM => {
            (FailureClass::NotPermitted, lines.next().unwrap_or_default())
        }
        None => (FailureClass::Libbpf, lines.next().unwrap_or_default()),
    };
    Failure { class, errno, message: shorten(message) }
}

/// Parts of lines of libbpf 1.x (src/libbpf.c) and what they tell; the first that fits counts.
const LIBBPF_MESSAGES: &[(FailureClass, &[&str])] = &[
    (FailureClass::KernelSymbol, &["extern (func ksym)"]),
    (FailureClass::KernelSymbol, &["extern (var ksym)"]),
    (FailureClass::KernelSymbol, &["(strong): not resolved"]),
    (FailureClass::KernelSymbol, &["failed to open system Kconfig"]),
    (FailureClass::StructOps, &["struct_ops"]),
    (FailureClass::AttachTarget, &["failed to find kernel BTF type ID"]),
    (FailureClass::AttachTarget, &["failed to load ", "module"]),
    (FailureClass::ProgramType, &["missing BPF prog type"]),
    (FailureClass::Map, &["failed to create"]),
    (FailureClass::Map, &["failed to initialize"]),
    (FailureClass::Map, &["legacy map definitions"]),
    (FailureClass::Map, &["map '", "unsupported"]),
];

/// The last line of the verifier's log that is neither statistics nor empty.
fn verifier_message(messages: &str) -> Option<String> {
    let (_, log) = messages.rsplit_once("-- BEGIN PROG LOAD LOG --")?;
    let log = log.split("-- END PROG LOAD LOG --").next().unwrap_or(log);
    let is_statistic = |line: &str| {
        ["processed ", "stack depth", "verification time", "max_states"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let mut lines = log.lines().rev().map(str::trim);
    Some(lines.find(|line| !line.is_empty() && !is_statistic(line))?.to_owned())
}

fn verifier_class(messages: &str, last: &str, errno: i32) -> FailureClass {
    let says = |parts: &[&str]| parts.iter().any(|part| last.contains(part));
    if messages.contains("failed to resolve CO-RE relocation") {
        FailureClass::CoRe
    } else if says(&["unknown func", "invalid func", "cannot use helper"]) {
        FailureClass::Helper
    } else if says(&["BTF_TYPE_ID", "attach_btf", "FENTRY/FEXIT", "is not a kernel function"]) {
        FailureClass::AttachTarget
    } else if says(&["too large", "too complex", "too many"]) {
        FailureClass::TooComplex
    } else if errno == libc::EPERM {
        FailureClass::NotPermitted
    } else {
        FailureClass::Verifier
    }
}

fn shorten(line: &str) -> String {
    line.trim().replace('\t', " ").chars().take(MESSAGE_LIMIT).collect()
}
