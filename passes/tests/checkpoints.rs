//! Jumps for the verifier's sake are added to large functions in which branches were decided.

#![allow(clippy::expect_used, reason = "helpers of tests fail by panicking")]

use std::fmt::Write as _;

use bpfold_passes::ir::Op;
use bpfold_passes::pass::{Options, fold};
use bpfold_passes::rules::{Rule, Rules};
use bpfold_passes::text::parse;

/// The `goto`s in what is left of a function of steps that test an argument, then a variable or,
/// if nothing is to be decided, another argument.
fn gotos(steps: usize, is_decided: bool, rules: Rules) -> usize {
    let mut text = String::from(
        "section .rodata readonly = u32 0\nfunc f (entry) {\n  r6 = *(u32 *)(r1 + 0)\n  r2 = *(u32 *)(r1 + 4)\n",
    );
    let source = match is_decided {
        true => "  r3 = .rodata + 0 ll\n  r4 = *(u32 *)(r3 + 0)\n",
        false => "  r4 = *(u32 *)(r1 + 8)\n",
    };
    for step in 0..steps {
        let _ = writeln!(text, "  if r6 > {step} goto J{step}");
        for at in 0..14 {
            let _ = writeln!(text, "  r2 *= {}", 3 + at);
        }
        let _ =
            writeln!(text, "{source}  if r4 != 0 goto J{step}\n  r2 += 1\nJ{step}:\n  r2 += r6");
    }
    text.push_str("  r0 = r2\n  exit\n}\n");
    let mut program = parse(&text).expect("the text is a program");
    let mut options = Options { verify_each: true, ..Options::default() };
    for func in program.funcs.keys() {
        options.rules[func] = rules;
    }
    fold(&mut program, &options).expect("no pass breaks the program");
    let funcs = program.funcs.values();
    funcs.flat_map(|f| f.insts().filter(|(_, i)| matches!(f.op(*i), Op::Goto { .. }))).count()
}

#[test]
fn each_join_of_a_large_function_gets_one_for_a_decided_branch() {
    assert_eq!(gotos(20, true, Rules::default()), 20);
}

#[test]
fn small_functions_get_none() {
    assert_eq!(gotos(10, true, Rules::default()), 0);
}

#[test]
fn without_a_decided_branch_there_is_none() {
    assert_eq!(gotos(20, false, Rules::default()), 0);
}

#[test]
fn without_the_rule_there_is_none() {
    assert_eq!(gotos(20, true, Rules::default().without(Rule::Checkpoints)), 0);
}
