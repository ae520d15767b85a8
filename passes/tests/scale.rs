//! Programs whose shape is the worst for some rewrite or analysis: time grows with size, no
//! faster. `BPFOLD_SCALE` sets the number of instructions, about; what each takes is printed.
#![allow(clippy::print_stdout, reason = "measures")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fmt::Write;
use std::time::Instant;

use bpfold_passes::analysis::constants::Facts;
use bpfold_passes::check;
use bpfold_passes::entity::PerEntity;
use bpfold_passes::ir::Op;
use bpfold_passes::isa::{Operand, Reg, Width};
use bpfold_passes::pass::{self, Options};
use bpfold_passes::text;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn scale() -> usize {
    number("BPFOLD_SCALE", 2000)
}

/// A program that has something to fold, then `body`.
fn folding(body: &str) -> String {
    format!(
        "section .rodata readonly = u32 1\nfunc f (entry) {{\n  r6 = r1\n  r9 = .rodata ll\n  \
         r9 = *(u32 *)(r9 + 0)\n  if r9 == 1 goto begin\n  r0 = 1\n  exit\nbegin:\n{body}}}\n"
    )
}

/// Folds a program and prints how long that took: what grows with the square of the size takes
/// minutes.
fn fold(text: &str) -> Result<(), String> {
    let mut program = text::parse(text).map_err(|error| error.to_string())?;
    let start = Instant::now();
    let log = pass::fold(&mut program, &Options::default()).map_err(|error| error.to_string())?;
    println!("{:?}", start.elapsed());
    if log.events.is_empty() { Err("nothing was folded".to_owned()) } else { Ok(()) }
}

#[test]
fn gotos_to_gotos() {
    let n = scale();
    let mut body = String::from("  goto l0\n");
    for i in 0..n {
        writeln!(body, "l{}:\n  goto l{}", n - 1 - i, n - i).unwrap();
    }
    let at = body.find(&format!("l{}:", n - 1)).unwrap();
    body.insert_str(at, &format!("l{n}:\n  r0 = 0\n  exit\n"));
    fold(&folding(&body)).unwrap();
}

#[test]
fn one_exit_for_all() {
    let mut body = String::new();
    for i in 0..scale() / 4 {
        writeln!(
            body,
            "  call bpf_get_prandom_u32\n  if r0 > {i} goto n{i}\n  r7 = {i}\n  goto out\nn{i}:"
        )
        .unwrap();
    }
    fold(&folding(&(body + "  r7 = 0\nout:\n  r0 = r7\n  exit\n"))).unwrap();
}

#[test]
fn edges_to_thread() {
    let mut body = String::from("  r7 = 0\n");
    for i in 0..scale() / 4 {
        writeln!(
            body,
            "  call bpf_get_prandom_u32\n  if r0 > {i} goto n{i}\n  r7 = 1\n  goto test\nn{i}:"
        )
        .unwrap();
    }
    body += "  r7 = 2\ntest:\n  if r7 == 1 goto one\n  r0 = 0\n  exit\none:\n  r0 = 1\n  exit\n";
    fold(&folding(&body)).unwrap();
}

#[test]
fn functions_in_a_chain() {
    let n = scale() / 4;
    let mut text = folding("  r1 = 0\n  call g0\n  exit\n");
    for i in 0..n {
        let call = if i + 1 < n { format!("call g{}", i + 1) } else { "r0 = 0".to_owned() };
        writeln!(text, "func g{i} (static) {{\n  *(u64 *)(r10 - 8) = r1\n  {call}\n  exit\n}}")
            .unwrap();
    }
    fold(&text).unwrap();
}

#[test]
fn functions_called_by_one() {
    let n = scale() / 4;
    let mut body = String::from("  r7 = 0\n");
    for i in 0..n {
        writeln!(body, "  r1 = {i}\n  call g{i}\n  r7 += r0").unwrap();
    }
    let mut text = folding(&(body + "  r0 = r7\n  exit\n"));
    for i in 0..n {
        writeln!(text, "func g{i} (static) {{\n  r0 = r1\n  r0 += 1\n  exit\n}}").unwrap();
    }
    fold(&text).unwrap();
}

#[test]
fn one_function_called_often() {
    let mut body = String::from("  r7 = 0\n");
    for i in 0..scale() / 4 {
        writeln!(body, "  r1 = {i}\n  *(u64 *)(r10 - 8) = r1\n  r1 = r10\n  call g\n  r7 += r0")
            .unwrap();
    }
    let mut text = folding(&(body + "  r0 = r7\n  exit\n"));
    text += "func g (static) {\n  r0 = *(u64 *)(r1 - 8)\n  r0 += 1\n  exit\n}\n";
    fold(&text).unwrap();
}

/// Each turn of the loop, one more byte of the frame is unknown.
#[test]
fn frame_that_degrades_byte_by_byte() {
    let mut body = String::from("  r1 = 0\n");
    for offset in (8..=512).step_by(8) {
        writeln!(body, "  *(u64 *)(r10 - {offset}) = r1").unwrap();
    }
    body += "again:\n";
    for offset in (2..=512).rev() {
        writeln!(body, "  r1 = *(u8 *)(r10 - {})\n  *(u8 *)(r10 - {offset}) = r1", offset - 1)
            .unwrap();
    }
    body += "  call bpf_get_prandom_u32\n  *(u8 *)(r10 - 1) = r0\n";
    for i in 0..scale() / 4 {
        writeln!(body, "  call bpf_get_prandom_u32\n  if r0 > {i} goto x{i}\n  r7 = {i}\nx{i}:")
            .unwrap();
    }
    body += "  if r0 != 77 goto again\n  r0 = 0\n  exit\n";
    fold(&folding(&body)).unwrap();
}

#[test]
fn loops_in_loops() {
    let n = (scale() / 8).min(200);
    let mut body = String::from("  r7 = 0\n");
    for i in 0..n {
        writeln!(body, "h{i}:\n  r7 += 1\n  *(u64 *)(r10 - {}) = r7", 8 + 8 * (i % 64)).unwrap();
    }
    for i in (0..n).rev() {
        writeln!(body, "  call bpf_get_prandom_u32\n  if r0 > {i} goto h{i}").unwrap();
    }
    fold(&folding(&(body + "  r0 = 0\n  exit\n"))).unwrap();
}

/// Each round of folding uncovers the constant that decides the next branch.
#[test]
fn stairs() {
    let mut body = String::from("  r7 = 1\n");
    for i in 0..scale() / 8 {
        writeln!(
            body,
            "  call bpf_get_prandom_u32\n  if r7 == 1 goto t{i}\n  r7 = r0\nt{i}:\n  r8 = r7\n  \
             *(u64 *)(r10 - 8) = r8\n  r7 = *(u64 *)(r10 - 8)"
        )
        .unwrap();
    }
    fold(&folding(&(body + "  r0 = r7\n  exit\n"))).unwrap();
}

/// How many instructions the checker walks over for `count` subprograms that one function calls, each with
/// `body` in it.
fn effort(count: usize, body: &str) -> usize {
    let mut main = String::from("  r7 = 0\n");
    let mut text = String::new();
    for i in 0..count {
        writeln!(main, "  r1 = {i}\n  r2 = r10\n  call g{i}\n  r7 += r0").unwrap();
        writeln!(
            text,
            "func g{i} (static) {{\n  r0 = r1\n  if r0 > 7 goto out\n{body}out:\n  exit\n}}"
        )
        .unwrap();
    }
    let text = folding(&(main + "  r0 = r7\n  exit\n")) + &text;
    let original = text::parse(&text).unwrap();
    let mut program = original.clone();
    pass::fold(&mut program, &Options::default()).unwrap();
    let roots = check::roots(&original);
    assert_eq!(check::check(&original, &program, &roots), []);
    check::effort(&original, &program, &roots)
}

/// A function is not walked again for each of its calls.
#[test]
fn the_checker_is_linear_in_subprograms() {
    for body in ["  r0 += 1\n", "  *(u64 *)(r2 - 8) = r0\n", "  call bpf_get_prandom_u32\n"] {
        let (few, many) = (effort(20, body), effort(200, body));
        assert!(many <= 12 * few, "{few} and {many} instructions: {body}");
    }
}

/// Facts of functions are found anew only where something has changed.
#[test]
fn facts_of_unchanged_functions_are_kept() {
    let count = 100;
    let mut text = String::from("section .rodata readonly = u32 1\n");
    for i in 0..count {
        writeln!(
            text,
            "func f{i} (entry) {{\n  r9 = .rodata ll\n  r9 = *(u32 *)(r9 + 0)\n  r1 = {i}\n  \
             call g{i}\n  exit\n}}\nfunc g{i} (static) {{\n  r0 = r1\n  exit\n}}"
        )
        .unwrap();
    }
    let mut program = text::parse(&text).unwrap();
    let (roots, levels) = (check::roots(&program), PerEntity::default());
    let first = Facts::new(&program, &roots, &levels);
    assert_eq!(first.solves(), 2 * count);
    assert_eq!(first.again(&program, &roots, &levels).solves(), 0);

    // Another argument: the caller, and the callee that it is passed to and whose result changes.
    let func = program.funcs.keys().next().unwrap();
    let function = &mut program.funcs[func];
    let (block, inst) = function
        .insts()
        .find(|(_, inst)| matches!(function.op(*inst), Op::Mov { dst: Reg::R1, .. }))
        .unwrap();
    assert!(function.block(block).insts.contains(&inst));
    let src = Operand::Imm(77);
    function.replace(inst, Op::Mov { width: Width::W64, dst: Reg::R1, src });
    let second = first.again(&program, &roots, &levels);
    assert_eq!(second.solves(), 2);
}
