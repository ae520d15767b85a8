//! Instructions, calls and faults, one by one.

use super::*;
use crate::entity::Func;
use crate::isa::{Callee, Reg, Size};
use crate::{ir::Program, text};

const FUEL: u64 = 10_000;

fn program(text: &str) -> Program {
    text::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Runs the last function.
fn run_text(text: &str) -> Trace {
    let program = program(text);
    run_program(&program, &Input::random(&program, 1))
}

fn run_program(program: &Program, input: &Input) -> Trace {
    let entry: Func = program.funcs.keys().next_back().unwrap();
    run(program, entry, input, FUEL)
}

/// The value that a function of these lines returns, on a target of this byte order.
fn result_on(target: &str, lines: &str) -> u64 {
    let trace = run_text(&format!(
        "target {target} jmp32 v4 store_imm\nfunc f (entry) {{\n{lines}\n  exit\n}}\n"
    ));
    match trace.outcome {
        Outcome::Exit(value) => value,
        Outcome::Fault { .. } | Outcome::OutOfFuel => panic!("{lines}\n{trace}"),
    }
}

fn result(lines: &str) -> u64 {
    let value = result_on("bpfel", lines);
    assert_eq!(value, result_on("bpfeb", lines), "byte order must not matter: {lines}");
    value
}

fn fault(lines: &str) -> Fault {
    let header = "target bpfel jmp32 v4 store_imm\nsection .rodata readonly = 01 02\n";
    let trace = run_text(&format!("{header}func f (entry) {{\n{lines}\n  exit\n}}\n"));
    match trace.outcome {
        Outcome::Fault { fault, .. } => fault,
        Outcome::Exit(_) | Outcome::OutOfFuel => panic!("{lines}\n{trace}"),
    }
}

#[test]
fn arithmetic() {
    assert_eq!(result("r0 = -1\n w0 += 1"), 0);
    assert_eq!(result("r0 = -1\n r0 += 1"), 0);
    assert_eq!(result("r0 = -8\n r0 s/= 3"), -2i64 as u64);
    assert_eq!(result("w0 = -8\n w0 s%= 3"), u64::from(-2i32 as u32));
    assert_eq!(result("r0 = 5\n r1 = 0\n r0 /= r1"), 0);
    assert_eq!(result("r0 = 5\n r0 = -r0"), -5i64 as u64);
    assert_eq!(result("r0 = 5\n w0 = -w0"), u64::from(-5i32 as u32));
    assert_eq!(result("r1 = 0x80\n r0 = (s8)r1"), -128i64 as u64);
    assert_eq!(result("r1 = 0x80\n w0 = (s8)w1"), u64::from(-128i32 as u32));
    assert_eq!(result("r0 = 0x1122334455667788 ll\n r0 = bswap32 r0"), 0x8877_6655);
}

#[test]
fn byte_orders() {
    let lines = "r0 = 0x1122334455667788 ll\n r0 = be16 r0";
    assert_eq!(result_on("bpfel", lines), 0x8877);
    assert_eq!(result_on("bpfeb", lines), 0x7788);
    let lines = "r1 = 0x11223344\n *(u32 *)(r10 - 4) = r1\n w0 = *(u8 *)(r10 - 4)";
    assert_eq!(result_on("bpfel", lines), 0x44);
    assert_eq!(result_on("bpfeb", lines), 0x11);
    let section = |target: &str| {
        let text = format!(
            "target {target}\nsection .rodata readonly = 01 02 03 04\nfunc f (entry) {{\n  r1 = .rodata ll\n  w0 = *(u16 *)(r1 + 1)\n  exit\n}}\n"
        );
        run_text(&text).outcome
    };
    assert_eq!(section("bpfel"), Outcome::Exit(0x0302));
    assert_eq!(section("bpfeb"), Outcome::Exit(0x0203));
}

#[test]
fn loads_extend() {
    let put = "r1 = 0xf0f1\n *(u64 *)(r10 - 8) = r1\n *(u16 *)(r10 - 2) = r1\n";
    assert_eq!(result(&format!("{put}w0 = *(u16 *)(r10 - 2)")), 0xf0f1);
    assert_eq!(result(&format!("{put}r0 = *(s16 *)(r10 - 2)")), 0xf0f1u16 as i16 as u64);
    assert_eq!(result("*(u64 *)(r10 - 8) = -2\n r0 = *(u64 *)(r10 - 8)"), -2i64 as u64);
}

#[test]
fn atomics() {
    let put = "r1 = 5\n *(u64 *)(r10 - 8) = r1\n r2 = 3\n r0 = 5\n";
    let after = |op: &str| result(&format!("{put}{op}\n r0 = *(u64 *)(r10 - 8)"));
    assert_eq!(after("lock *(u64 *)(r10 - 8) += r2"), 8);
    assert_eq!(after("r2 = atomic_fetch_or((u64 *)(r10 - 8), r2)"), 7);
    assert_eq!(after("r2 = atomic_fetch_and((u64 *)(r10 - 8), r2)"), 1);
    assert_eq!(after("r2 = atomic_fetch_xor((u64 *)(r10 - 8), r2)"), 6);
    assert_eq!(after("r2 = xchg_64(r10 - 8, r2)"), 3);
    assert_eq!(after("r0 = cmpxchg_64(r10 - 8, r0, r2)"), 3);
    assert_eq!(after("r0 = 4\n r0 = cmpxchg_64(r10 - 8, r0, r2)"), 5);
    let old = |op: &str| result(&format!("{put}{op}\n r0 = r2"));
    assert_eq!(old("r2 = atomic_fetch_add((u64 *)(r10 - 8), r2)"), 5);
    assert_eq!(old("r2 = xchg_64(r10 - 8, r2)"), 5);
    assert_eq!(result(&format!("{put}r0 = 9\n r0 = cmpxchg_64(r10 - 8, r0, r2)")), 5);
    assert_eq!(result(&format!("{put}r0 = load_acquire((u64 *)(r10 - 8))")), 5);
    assert_eq!(after("store_release((u64 *)(r10 - 8), r2)"), 3);
}

#[test]
fn branches_compare_at_their_width() {
    let taken = |cond: &str| {
        let lines = format!("r1 = 0xffffffff ll\n r0 = 1\n if {cond} goto out\n r0 = 0\nout:");
        result(&lines) == 1
    };
    assert!(taken("w1 == -1"));
    assert!(!taken("r1 == -1"));
    assert!(taken("w1 s< 0"));
    assert!(!taken("r1 s< 0"));
    assert!(taken("r1 & 0x40000000"));
}

#[test]
fn uninitialised_reads_are_faults() {
    assert_eq!(fault("r0 = r3"), Fault::UninitialisedRegister { reg: Reg::R3 });
    assert_eq!(fault(""), Fault::UninitialisedRegister { reg: Reg::R0 });
    assert_eq!(
        fault("r2 = 1\n call bpf_ktime_get_ns#5\n r0 = r2"),
        Fault::UninitialisedRegister { reg: Reg::R2 }
    );
    assert_eq!(fault("call bpf_redirect#23"), Fault::UninitialisedRegister { reg: Reg::R2 });
    let address = Place::Frame(0).address(-7);
    assert_eq!(
        fault("*(u8 *)(r10 - 8) = 1\n r0 = *(u64 *)(r10 - 8)"),
        Fault::UninitialisedFrame { address }
    );
}

#[test]
fn accesses_stay_in_bounds() {
    let address = Place::Frame(0).address(0);
    assert_eq!(fault("*(u16 *)(r10 - 1) = 1"), Fault::BadAddress { address });
    assert!(matches!(fault("*(u8 *)(r10 - 513) = 1"), Fault::BadAddress { .. }));
    assert!(matches!(fault("r1 = .rodata ll\n w0 = *(u16 *)(r1 + 1)"), Fault::BadAddress { .. }));
    assert!(matches!(fault("r1 = .rodata ll\n *(u8 *)(r1 + 0) = 1"), Fault::ReadOnly { .. }));
    assert!(matches!(fault("r1 = 0\n r0 = *(u64 *)(r1 + 0)"), Fault::BadAddress { .. }));
}

#[test]
fn loops_run_out_of_fuel() {
    let trace = run_text("target bpfel\nfunc f (entry) {\nL0:\n  goto L0\n}\n");
    assert_eq!(trace.outcome, Outcome::OutOfFuel);
    assert_eq!(trace.steps, FUEL);
}

#[test]
fn may_goto_has_a_budget() {
    let program = program(
        "target bpfel v4\nfunc f (entry) {\n  r0 = 0\nL1:\n  may_goto L3\nL2:\n  r0 += 1\n  goto L1\nL3:\n  exit\n}\n",
    );
    let input = Input { may_goto: 5, ..Input::random(&program, 1) };
    assert_eq!(run_program(&program, &input).outcome, Outcome::Exit(5));
}

#[test]
fn functions_have_frames_of_their_own() {
    let text = "target bpfel store_imm
func sub (static) {
  *(u64 *)(r1 + 0) = 7
  *(u64 *)(r10 - 8) = 9
  r0 = r2
  r6 = 1
  exit
}
func f (entry) {
  *(u64 *)(r10 - 8) = 1
  r6 = 100
  r1 = r10
  r1 += -8
  r2 = 20
  call sub
  r1 = *(u64 *)(r10 - 8)
  r0 += r1
  r0 += r6
  exit
}
";
    let trace = run_text(text);
    assert_eq!(trace.outcome, Outcome::Exit(127));
    assert_eq!(trace.events, []);
}

#[test]
fn recursion_ends_at_the_eighth_frame() {
    let trace = run_text("target bpfel\nfunc f (static) {\n  call f\n  exit\n}\n");
    assert!(matches!(trace.outcome, Outcome::Fault { fault: Fault::CallDepth, .. }));
}

const CALLBACK: &str = "target bpfel
func step (static) {
  r3 = *(u64 *)(r2 + 0)
  r3 += r1
  *(u64 *)(r2 + 0) = r3
  r0 = 0
  if r1 < 2 goto out
  r0 = 1
out:
  exit
}
func f (entry) {
  r1 = 0
  *(u64 *)(r10 - 8) = r1
  r1 = 10
  r2 = func step ll
  r3 = r10
  r3 += -8
  r4 = 0
  call bpf_loop#181
  r1 = *(u64 *)(r10 - 8)
  r0 <<= 8
  r0 |= r1
  exit
}
";

#[test]
fn bpf_loop_runs_its_callback() {
    let trace = run_text(CALLBACK);
    assert_eq!(trace.outcome, Outcome::Exit(3 << 8 | (1 + 2)), "{trace}");
}

#[test]
fn helpers_read_write_and_depend_on_what_they_read() {
    let text = |value: u32| {
        format!(
            "target bpfel
map m
func f (entry) {{
  r1 = {value}
  *(u32 *)(r10 - 4) = r1
  r1 = map m ll
  r2 = r10
  r2 += -4
  call bpf_map_delete_elem#3
  r1 = r10
  r1 += -32
  r2 = 16
  call bpf_get_current_comm#16
  r0 = *(u64 *)(r10 - 32)
  exit
}}
"
        )
    };
    let (one, two) = (run_text(&text(1)), run_text(&text(2)));
    assert!(one.is_complete(), "{one}");
    assert_eq!(one, run_text(&text(1)));
    let Some(Difference::Event { index: 0, original: Some(event), .. }) = one.differs(&two) else {
        panic!("{one}\n{two}");
    };
    let Event::Call { callee, args, memory } = event else { panic!("{event}") };
    assert_eq!(callee, Callee::Helper(3));
    assert_eq!(args.len(), 2);
    assert_eq!(memory[0].bytes, [Some(1), Some(0), Some(0), Some(0)]);
}

#[test]
fn stores_outside_the_frame_are_seen() {
    let text = "target bpfel
section .data = 00 00 00 00 00 00 00 00
func f (entry) {
  r2 = 0x1234
  *(u64 *)(r10 - 8) = r2
  r1 = .data ll
  *(u8 *)(r1 + 1) = w2
  w0 = *(u8 *)(r1 + 1)
  exit
}
";
    let trace = run_text(text);
    assert_eq!(trace.outcome, Outcome::Exit(0x34));
    let [Event::Store { size: Size::B, value: 0x34, release: false, .. }] = trace.events[..] else {
        panic!("{trace}");
    };
}

#[test]
fn a_changed_result_or_a_new_fault_is_a_difference() {
    let exits = |value| Trace { events: vec![], outcome: Outcome::Exit(value), steps: 1 };
    assert_eq!(exits(1).differs(&exits(1)), None);
    assert!(exits(1).differs(&exits(2)).is_some());
    let slow = Trace { outcome: Outcome::OutOfFuel, ..exits(0) };
    assert!(exits(1).differs(&slow).is_some());
    assert_eq!(slow.differs(&exits(1)), None, "nothing is known of the original");
}

#[test]
fn addresses_name_their_place() {
    let places = [
        Place::Ctx,
        Place::Region(3),
        Place::Frame(7),
        Place::Object(9),
        Place::Func(crate::entity::Entity::from_index(2)),
        Place::MapValue(crate::entity::Entity::from_index(1), 5),
    ];
    for place in places {
        for offset in [-512, -1, 0, 77] {
            assert_eq!(Place::of(place.address(offset)), Some((place, offset)));
        }
    }
    assert_eq!(Place::of(5), None);
    assert_eq!(Place::of(u64::MAX), None);
}

#[test]
fn open_bytes_come_from_the_input_and_final_ones_do_not() {
    let program = program(
        "target bpfel\nsection .rodata readonly = 2a ?? 05/0f\nfunc f (entry) {\n  r0 = 0\n  exit\n}\n",
    );
    let sections: Vec<Vec<u8>> =
        (0..64).map(|seed| Input::random(&program, seed).sections.remove(0)).collect();
    assert!(sections.iter().all(|s| s[0] == 0x2a && s[2] & 0x0f == 5));
    assert!(sections.iter().any(|s| s[1] != sections[0][1]));
    assert!(sections.iter().any(|s| s[2] != sections[0][2]));
}
