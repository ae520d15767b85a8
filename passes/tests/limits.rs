//! Limits are those of a single function, and each use of one is told.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fmt::Write;

use bpfold_passes::check;
use bpfold_passes::ir::Program;
use bpfold_passes::pass::{self, FoldLog, Limit, Limits, Options};
use bpfold_passes::text;

/// `count` programs that each have some branches and one that a final value decides.
fn programs(count: usize, branches: usize) -> Program {
    let mut text = String::from("section .rodata readonly = u32 1\n");
    for at in 0..count {
        writeln!(
            text,
            "func f{at} (entry) {{\n  r6 = r1\n  r9 = .rodata ll\n  r9 = *(u32 *)(r9 + 0)\n  \
             if r9 == 1 goto begin\n  call bpf_get_prandom_u32\nbegin:\n  r7 = 0"
        )
        .unwrap();
        for branch in 0..branches {
            writeln!(text, "  if r6 > {branch} goto n{branch}\n  r7 += {branch}\nn{branch}:")
                .unwrap();
        }
        text += "  r0 = r7\n  exit\n}\n";
    }
    text::parse(&text).unwrap()
}

fn fold(program: &mut Program, limits: Limits) -> FoldLog {
    pass::fold(program, &Options { limits, ..Options::default() }).unwrap()
}

#[test]
fn a_limit_on_blocks_holds_for_each_function() {
    let limits = Limits { blocks: 50, ..Limits::default() };
    let mut program = programs(5, 20);
    let log = fold(&mut program, limits);
    assert_eq!(log.limits, []);
    assert!(program.funcs.keys().all(|func| log.changed[func]));

    let mut program = programs(2, 30);
    let before = program.clone();
    let log = fold(&mut program, limits);
    let expected: Vec<Limit> = before.funcs.keys().map(|f| Limit::Blocks(f, 50)).collect();
    assert_eq!(log.limits, expected);
    assert_eq!(program, before);
}

#[test]
fn many_blocks_in_many_functions_are_folded() {
    let mut program = programs(60, 150);
    let log = fold(&mut program, Limits::default());
    assert_eq!(log.limits, []);
    assert!(program.funcs.keys().all(|func| log.changed[func]));
}

/// Two rounds change the function: what is stored to the frame is known after the first.
#[test]
fn a_limit_on_rounds_is_told() {
    let text = "section .rodata readonly = u32 1\n\
        func f (entry) {\n  r9 = .rodata ll\n  r9 = *(u32 *)(r9 + 0)\n  r2 = r10\n  \
        if r9 == 1 goto on\n  *(u64 *)(r1 + 0) = r2\non:\n  r3 = 1\n  *(u64 *)(r10 - 8) = r3\n  \
        call g\n  r4 = *(u64 *)(r10 - 8)\n  if r4 == 1 goto out\n  r0 = 1\n  exit\nout:\n  \
        r0 = 2\n  exit\n}\n\
        func g (static) {\n  r1 = .rodata ll\n  r1 = *(u32 *)(r1 + 0)\n  r0 = r1\n  exit\n}\n";
    let rounds = |rounds| {
        let mut program = text::parse(text).unwrap();
        let log = fold(&mut program, Limits { rounds, work: 0, ..Limits::default() });
        (program, log)
    };
    let (whole, log) = rounds(32);
    assert_eq!(log.limits, []);
    let needed = (0..32).find(|&limit| rounds(limit).1.limits.is_empty()).unwrap();
    assert!(needed > 0);
    assert_eq!(rounds(needed).0, whole);
    let (_, log) = rounds(0);
    let expected: Vec<Limit> = whole.funcs.keys().map(|f| Limit::Rounds(f, 0)).collect();
    assert_eq!(log.limits, expected);
}

/// No stack is as deep as a function has blocks.
#[test]
fn long_functions_are_folded_and_proven_on_a_small_stack() {
    let fold_and_prove = || {
        let mut program = programs(1, 4000);
        let original = program.clone();
        let log = fold(&mut program, Limits::default());
        assert!(program.funcs.keys().all(|func| log.changed[func]));
        assert_eq!(check::check(&original, &program, &check::roots(&original)), []);
    };
    let thread = std::thread::Builder::new().stack_size(1 << 18).spawn(fold_and_prove);
    thread.unwrap().join().unwrap();
}
