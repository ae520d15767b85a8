//! Statements with pointers to kernel structures, which can be null.

use super::statements::Body;

/// A structure, its members that are numbers, and those that are pointers.
struct Structure {
    name: &'static str,
    numbers: &'static [&'static str],
    pointers: &'static [(&'static str, &'static str)],
}

/// The structures of `kernel.h` and their members. What a member holds is the same each time that
/// an object is loaded by a process of its own, also if the object has fewer maps: so neither
/// the next file descriptor nor the number of mappings is here.
const STRUCTURES: &[Structure] = &[
    Structure {
        name: "task_struct",
        numbers: &["prio", "static_prio", "exit_state", "nr_cpus_allowed", "policy", "exit_code"],
        pointers: &[
            ("mm", "mm_struct"),
            ("mm", "mm_struct"),
            ("active_mm", "mm_struct"),
            ("real_parent", "task_struct"),
            ("parent", "task_struct"),
            ("group_leader", "task_struct"),
            ("files", "files_struct"),
            ("fs", "fs_struct"),
            ("signal", "signal_struct"),
            ("nsproxy", "nsproxy"),
            ("cgroups", "css_set"),
        ],
    },
    Structure {
        name: "mm_struct",
        numbers: &["task_size", "def_flags"],
        pointers: &[("exe_file", "file")],
    },
    Structure { name: "file", numbers: &["f_flags"], pointers: &[("f_inode", "inode")] },
    Structure {
        name: "inode",
        numbers: &["i_mode", "i_flags"],
        pointers: &[("i_sb", "super_block")],
    },
    Structure { name: "super_block", numbers: &["s_magic", "s_blocksize_bits"], pointers: &[] },
    Structure {
        name: "files_struct",
        numbers: &["resize_in_progress"],
        pointers: &[("fdt", "fdtable")],
    },
    Structure { name: "fdtable", numbers: &["max_fds"], pointers: &[] },
    Structure { name: "fs_struct", numbers: &["umask", "in_exec"], pointers: &[] },
    Structure { name: "signal_struct", numbers: &["nr_threads", "flags"], pointers: &[] },
    Structure {
        name: "nsproxy",
        numbers: &[],
        pointers: &[("pid_ns_for_children", "pid_namespace")],
    },
    Structure {
        name: "pid_namespace",
        numbers: &["level"],
        pointers: &[("parent", "pid_namespace")],
    },
    Structure { name: "css_set", numbers: &[], pointers: &[("dfl_cgrp", "cgroup")] },
    Structure { name: "cgroup", numbers: &["level", "max_depth"], pointers: &[] },
    Structure { name: "bpf_sock", numbers: &["family", "mark", "protocol"], pointers: &[] },
];

/// Functions that are told a number and a code: global, static, and inlined.
pub const REPORTS: [&str; 3] = ["report", "report_static", "report_inline"];

/// Writes one statement, or several that belong together.
pub fn statement(body: &mut Body<'_>) {
    let at = body.c.below(body.pointers.len());
    let Some((pointer, name)) = body.pointers.get(at).cloned() else { return };
    let Some(structure) = STRUCTURES.iter().find(|structure| structure.name == name) else {
        return;
    };
    let can_follow = !structure.pointers.is_empty();
    if can_follow && body.c.chance(1, 2) {
        return follow(body, &pointer, structure);
    }
    let number = match structure.numbers.is_empty() {
        true => "0".to_owned(),
        false => format!("{pointer}->{}", body.c.pick(structure.numbers)),
    };
    match body.c.below(14) {
        0..=2 => both_sides(body, &pointer, &number),
        3 => {
            let (value, local) = (or_zero(body, &pointer, &number), body.local());
            body.line(&format!("{local} = {value};"));
            report(body, &local);
        }
        4 => missing(body, &pointer, &number),
        5 if can_follow => two_levels(body, &pointer, structure),
        6 => same_pointer(body, &pointer, name),
        7 => {
            let local = body.local();
            let text = body.c.pick(&["+= !!", "|= !", "= !"]);
            body.line(&format!("{local} {text}{pointer};"));
            report(body, &local);
        }
        8 => with_condition(body, &pointer, &number),
        9 if name == "mm_struct" => {
            let local = body.local();
            let code = body.c.below(4);
            body.line(&format!("{local} += read_mm({pointer}, {code});"));
        }
        9 if name == "task_struct" => {
            let local = body.local();
            let code = body.c.below(4);
            body.line(&format!("{local} += read_task({pointer}, {code});"));
        }
        10 => index(body, &pointer, &number),
        11 => stored(body, &pointer, &number),
        12 if name == "task_struct" => walk(body, &pointer),
        13 => map_value(body),
        _ => {
            let local = body.local();
            body.line(&format!("{local} += {number};"));
        }
    }
}

/// A pointer in a variable, mostly with a null check at once.
fn follow(body: &mut Body<'_>, pointer: &str, structure: &Structure) {
    let (member, target) = body.c.pick(structure.pointers);
    let name = body.fresh("p");
    body.line(&format!("struct {target} *{name} = {pointer}->{member};"));
    if body.c.chance(1, 8) {
        body.line(&format!("barrier_var({name});"));
    }
    body.pointers.push((name.clone(), target));
    let of_target = STRUCTURES.iter().find(|structure| structure.name == target);
    let number = match of_target.map(|structure| structure.numbers) {
        Some(numbers) if !numbers.is_empty() => format!("{name}->{}", body.c.pick(numbers)),
        _ => "1".to_owned(),
    };
    if body.c.chance(2, 3) {
        both_sides(body, &name, &number);
    }
}

fn report(body: &mut Body<'_>, value: &str) {
    let (function, code) = (body.c.pick(&REPORTS), body.c.below(16));
    body.line(&format!("{function}({value}, {code});"));
}

fn or_zero(body: &mut Body<'_>, pointer: &str, number: &str) -> String {
    let other = body.c.pick(&["0", "0", "0", "1", "-1"]);
    match body.c.chance(1, 3) {
        true => format!("!{pointer} ? {other} : {number}"),
        false => format!("{pointer} ? {number} : {other}"),
    }
}

/// The number on the one side, 0 on the other, where the pointer's register holds one.
fn both_sides(body: &mut Body<'_>, pointer: &str, number: &str) {
    let other = body.c.pick(&["0", "0", "0", "0", "1", "-1"]);
    let (function, second) = (body.c.pick(&REPORTS), body.c.pick(&REPORTS));
    let second = if body.c.chance(2, 3) { function } else { second };
    let (code, code_of_null) = (body.c.below(16), body.c.below(16));
    let check = body.c.pick(&["", "", "NULL != "]);
    body.line(&format!("if ({check}{pointer}) {{"));
    body.inside(|body| body.line(&format!("{function}({number}, {code});")));
    if body.c.chance(1, 4) {
        body.block(2);
    }
    body.line("} else {");
    body.inside(|body| {
        let text = match body.c.below(6) {
            0 => format!("report_two({other}, {other}, {code_of_null});"),
            1 => {
                let local = body.local();
                body.line(&format!("{local} = {other};"));
                format!("{second}({local}, {code_of_null});")
            }
            2 => format!("counters[{code_of_null} & 7] += {other};"),
            _ => format!("{second}({other}, {code_of_null});"),
        };
        body.line(&text);
    });
    if body.c.chance(1, 4) {
        body.block(2);
    }
    body.line("}");
}

/// The function ends where there is nothing.
fn missing(body: &mut Body<'_>, pointer: &str, number: &str) {
    body.line(&format!("if (!{pointer}) {{"));
    body.inside(|body| {
        report(body, "0");
        let leave = body.leave();
        body.line(&leave);
    });
    body.line("}");
    report(body, number);
}

fn two_levels(body: &mut Body<'_>, pointer: &str, structure: &Structure) {
    let (member, target) = body.c.pick(structure.pointers);
    let of_target = STRUCTURES.iter().find(|structure| structure.name == target);
    let number = match of_target.map(|structure| structure.numbers) {
        Some(numbers) if !numbers.is_empty() => {
            format!("{pointer}->{member}->{}", body.c.pick(numbers))
        }
        _ => "2".to_owned(),
    };
    body.line(&format!("if ({pointer} && {pointer}->{member}) {{"));
    body.inside(|body| report(body, &number));
    body.line("} else {");
    body.inside(|body| report(body, "0"));
    body.line("}");
}

/// Two pointers of one structure are compared, or one with 0 as a number.
fn same_pointer(body: &mut Body<'_>, pointer: &str, name: &str) {
    let others: Vec<String> = body
        .pointers
        .iter()
        .filter(|(other, structure)| other != pointer && *structure == name)
        .map(|(other, _)| other.clone())
        .collect();
    let other = match others.is_empty() {
        true => "NULL".to_owned(),
        false => others[body.c.below(others.len())].clone(),
    };
    let operator = body.c.pick(&["==", "!="]);
    body.line(&format!("if ({pointer} {operator} {other}) {{"));
    body.inside(|body| report(body, "1"));
    body.line("} else {");
    body.inside(|body| report(body, "0"));
    body.line("}");
}

fn with_condition(body: &mut Body<'_>, pointer: &str, number: &str) {
    let condition = body.condition(1);
    let operator = body.c.pick(&["&&", "&&", "||"]);
    let check = if operator == "&&" { "" } else { "!" };
    body.line(&format!("if ({condition} {operator} {check}{pointer})"));
    let second = match operator {
        "&&" => number.to_owned(),
        _ => "0".to_owned(),
    };
    body.inside(|body| report(body, &second));
    body.line("else");
    body.inside(|body| report(body, "0"));
}

/// The 0 of a missing pointer goes into arithmetic and an address.
fn index(body: &mut Body<'_>, pointer: &str, number: &str) {
    let name = body.fresh("index");
    body.line(&format!("u64 {name} = 0;"));
    body.line(&format!("if ({pointer})"));
    body.inside(|body| body.line(&format!("{name} = {number} & 7;")));
    body.line(&format!("counters[{name} & 7] += {name} + 1;"));
    report(body, &name);
}

/// The 0 of a missing pointer is stored.
fn stored(body: &mut Body<'_>, pointer: &str, number: &str) {
    let (name, key) = (body.fresh("stored"), body.fresh("key"));
    let value = or_zero(body, pointer, number);
    body.line(&format!("u64 {name} = {value};"));
    let index = body.c.below(8);
    body.line(&format!("u32 {key} = {index};"));
    body.line(&format!("update(&array, &{key}, &{name}, 0);"));
}

fn walk(body: &mut Body<'_>, pointer: &str) {
    let (task, count) = (body.fresh("task"), 1 + body.c.below(4));
    body.line(&format!("struct task_struct *{task} = {pointer};"));
    body.line(&format!("for (u32 i = 0; i < {count}; i++) {{"));
    body.inside(|body| {
        body.line(&format!("{task} = {task}->real_parent;"));
        body.line(&format!("if (!{task}) {{"));
        body.inside(|body| {
            report(body, "0");
            body.line("break;");
        });
        body.line("}");
        report(body, &format!("{task}->static_prio"));
    });
    body.line("}");
}

/// A pointer that the verifier makes a number on the other side of its null check.
fn map_value(body: &mut Body<'_>) {
    let (value, key) = (body.fresh("value"), body.fresh("key"));
    let (index, map) = (body.c.below(16), body.c.pick(&["hash", "array"]));
    body.line(&format!("u32 {key} = {index};"));
    body.line(&format!("u64 *{value} = lookup(&{map}, &{key});"));
    both_sides(body, &value, &format!("*{value}"));
}
