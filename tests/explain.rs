//! Reasons name the right variable and source line, and tell why what is there is there.
//!
//! `tests/objects/explain.c` has a branch for each way in which code hangs on a variable, built by
//! three compilers.

#![allow(clippy::unwrap_used, clippy::panic)]

use bpfold::report::{BranchReport, ConditionKind, Explained, Fate, How, LoadFate, PresentReport};
use bpfold::{Effort, Fold, Object, Report};

const COMPILERS: [&str; 3] = ["clang14", "clang19", "clang22"];

fn read(path: &str) -> Object {
    Object::parse(&std::fs::read(path).unwrap()).unwrap()
}

fn explained(fold: Fold<'_>) -> (Report, Explained) {
    let report = fold.explain(true).run().unwrap().report;
    let explained = report.explained.clone().unwrap();
    (report, explained)
}

/// Line, variables with their values and who gave them, and dead lines of a branch.
fn told(branch: &BranchReport) -> (u32, Vec<String>, Vec<u32>) {
    let reason = &branch.reason;
    let conditions = reason.conditions.iter().map(ToString::to_string).collect();
    let lines = reason.dead_lines.iter().flat_map(|range| range.first..=range.last).collect();
    (branch.at.source.as_ref().unwrap().line, conditions, lines)
}

#[test]
fn each_branch_is_told_by_its_variable_and_line() {
    let expected = [
        (46, "by_argument is false (as stored)", vec![47]),
        (60, "direct is false (as stored)", vec![61]),
        (62, "limit is 10 (as stored)", vec![]),
        (64, "level is LEVEL_MIDDLE (as stored)", vec![65]),
        (66, "cfg.first is false (as stored)", vec![67]),
        (68, "cfg.second is true (as stored)", vec![69]),
        (70, "cfg.bits.high is 3 (as stored)", vec![71]),
        (72, "cfg.ports[1] is 0 (as stored)", vec![73]),
        (74, "wide is -1 (as stored)", vec![]),
        (76, "text[1] is 98 (as stored)", vec![77]),
        (79, "by_result is false (as stored)", vec![80]),
    ];
    for compiler in COMPILERS {
        let object = read(&format!("tests/objects/explain-{compiler}.o"));
        let (report, _) = explained(Fold::new(&object).unwrap().freeze_all());
        let mut found: Vec<_> = report.branches.iter().map(told).collect();
        found.sort();
        let expected = expected
            .clone()
            .map(|(line, condition, dead)| (line, vec![condition.to_owned()], dead));
        assert_eq!(found, expected, "{compiler}");
        let text = report.branches.iter().map(ToString::to_string).find(|t| t.contains(":60"));
        assert_eq!(
            text.unwrap(),
            "explain.c:60 `if (direct)`: direct is false (as stored), so line 61 is unreachable",
        );
    }
}

/// Every decided branch of the examples names a variable that its source line names too. Lines that
/// name a parameter in its place are told apart.
#[test]
fn branches_of_the_examples_name_what_their_source_names() {
    let parameters = [
        ("in_cgroup", "filter_cgroup"),
        ("pid", "targ_pid"),
        ("only_failed", "failed_only"),
        ("wanted", "with_parent"),
    ];
    for example in ["kernel_version", "xdp_filter", "trace_agent", "callbacks", "agent"] {
        let object = read(&format!("examples/{example}.bpf.o"));
        let (report, _) = explained(Fold::new(&object).unwrap().freeze_all());
        assert!(!report.branches.is_empty(), "{example}");
        for branch in &report.branches {
            let source = &branch.at.source.as_ref().unwrap().text;
            let conditions = &branch.reason.conditions;
            assert!(!conditions.is_empty(), "{example}: {branch}");
            let is_named = |name: &str| {
                let last = name.rsplit('.').next().unwrap().split('[').next().unwrap();
                let words: Vec<&str> =
                    source.split(|c: char| c != '_' && !c.is_alphanumeric()).collect();
                let as_parameter = |(parameter, variable): &(&str, &str)| {
                    *variable == last && words.contains(parameter)
                };
                words.contains(&last) || parameters.iter().any(as_parameter)
            };
            let variables: Vec<&str> = conditions
                .iter()
                .filter(|condition| condition.kind == ConditionKind::Variable)
                .map(|condition| condition.name.as_str())
                .collect();
            let ok = variables.iter().any(|name| is_named(name))
                || variables.is_empty() && source.contains("wanted_task(");
            assert!(ok, "{example}: {branch}");
        }
    }
}

fn present<'e>(explained: &'e Explained, name: &str) -> &'e PresentReport {
    explained.present.iter().find(|present| present.name == name).unwrap()
}

/// What could free a part, as text.
fn freed(explained: &Explained, name: &str) -> Vec<String> {
    let present = present(explained, name);
    let all = present.freed_by.iter().flat_map(|free| &free.conditions);
    all.map(|condition| condition.name.clone()).collect()
}

fn fates<'e>(explained: &'e Explained, variable: &str) -> Vec<&'e LoadFate> {
    let of = |load: &&LoadFate| load.variable.as_deref() == Some(variable);
    explained.loads.iter().filter(of).collect()
}

#[test]
fn what_is_still_there_is_told_by_its_chain() {
    for compiler in COMPILERS {
        let object = read(&format!("tests/objects/explain-{compiler}.o"));
        let (_, told) = explained(Fold::new(&object).unwrap());
        let chain = |name: &str| -> Vec<String> {
            present(&told, name).chain.iter().map(|link| link.name.clone()).collect()
        };
        assert_eq!(chain("with_argument"), ["explained", "with_argument"], "{compiler}");
        assert_eq!(present(&told, "with_argument").root, "a program, in section xdp");
        assert_eq!(chain("traced"), ["explained", "with_argument", "traced"]);
        assert_eq!(freed(&told, "traced"), ["by_argument"], "{compiler}");
        assert_eq!(freed(&told, "count"), Vec::<String>::new(), "several branches keep it");
        assert_eq!(present(&told, "traced").at.as_ref().unwrap().source.as_ref().unwrap().line, 47);
    }
    let agent = read("examples/agent.bpf.o");
    let (_, told) = explained(Fold::new(&agent).unwrap());
    let hows: Vec<Option<How>> =
        present(&told, "dns_ports").chain.iter().map(|link| link.how).collect();
    assert_eq!(hows, [Some(How::TailCall), Some(How::Code), None]);
    assert_eq!(freed(&told, "dns_ports"), ["cfg.feature.dns"]);
    assert_eq!(freed(&told, "debug_last"), ["cfg.debug", "cfg.feature.dns"]);
    assert_eq!(present(&told, ".rodata").root, "variables in it can still be set");
    let prune = read("tests/objects/prune.o");
    let (_, told) = explained(Fold::new(&prune).unwrap());
    assert_eq!(present(&told, "never_used").root, "no program has used it in the first place");
}

#[test]
fn loads_that_are_not_folded_are_told_why() {
    for compiler in COMPILERS {
        let object = read(&format!("tests/objects/explain-{compiler}.o"));
        let fold = Fold::new(&object).unwrap().assign("direct", "1", "--set").unwrap();
        let (_, told) = explained(fold.freeze("limit").unwrap());
        let fate = |name: &str| -> Vec<Fate> {
            fates(&told, name).into_iter().map(|load| load.fate.clone()).collect()
        };
        let folded = |value: &str, by: &str| {
            vec![Fate::Folded { value: value.to_owned(), by: by.to_owned() }]
        };
        assert_eq!(fate("direct"), folded("true", "--set"), "{compiler}");
        assert_eq!(fate("limit"), folded("10", "as stored"), "{compiler}");
        assert_eq!(fate("level"), [Fate::Open { variables: vec!["level".to_owned()] }]);
        let unknown = told.loads.iter().filter(|load| load.fate == Fate::UnknownIndex);
        let lines: Vec<u32> = unknown.map(|load| load.at.source.as_ref().unwrap().line).collect();
        assert_eq!(lines, [83], "{compiler}");
        // A function that is left as it was folds nothing.
        let fold = Fold::new(&object).unwrap().freeze_all().effort("is_wanted", Effort::None);
        let (_, told) = explained(fold);
        assert_eq!(fates(&told, "by_result")[0].fate, Fate::FunctionLess, "{compiler}");
    }
    // Behind a branch that is never taken.
    let agent = read("examples/agent.bpf.o");
    let fold = Fold::new(&agent).unwrap().set("cfg.rate_limit.enabled", "0").unwrap();
    let (_, told) = explained(fold);
    assert_eq!(fates(&told, "cfg.rate_limit.burst")[0].fate, Fate::Removed);
}

#[test]
fn branches_that_could_be_decided_name_what_they_hang_on() {
    for compiler in COMPILERS {
        let object = read(&format!("tests/objects/explain-{compiler}.o"));
        let (_, told) = explained(Fold::new(&object).unwrap());
        let mut open: Vec<(u32, String)> = told
            .open
            .iter()
            .map(|open| (open.at.source.as_ref().unwrap().line, open.conditions[0].name.clone()))
            .collect();
        open.sort();
        let expected = [
            (46, "by_argument"),
            (60, "direct"),
            (62, "limit"),
            (64, "level"),
            (66, "cfg.first"),
            (68, "cfg.second"),
            (70, "cfg.bits.high"),
            (72, "cfg.ports[1]"),
            (74, "wide"),
            (76, "text[1]"),
            (79, "by_result"),
        ];
        assert_eq!(open, expected.map(|(line, name)| (line, name.to_owned())), "{compiler}");
    }
    // Facts of the kernel, and questions about its types.
    let portable = read("examples/portable.bpf.o");
    let (_, told) = explained(Fold::new(&portable).unwrap());
    let has = |kind, part: &str| {
        let mut all = told.open.iter().flat_map(|open| &open.conditions);
        all.any(|condition| condition.kind == kind && condition.name.contains(part))
    };
    assert!(has(ConditionKind::KernelSymbol, "bpf_strlen"));
    assert!(has(ConditionKind::Core, "existence of"));
    assert!(has(ConditionKind::Variable, "kernel_version"));
}
