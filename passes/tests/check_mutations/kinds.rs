//! What no run can tell, changed by hand: whether the verifier takes a value for a number or for a
//! pointer.

use bpfold_passes::check;
use bpfold_passes::ir::Program;
use bpfold_passes::text::{self, Printer};

use crate::common::with_origins;

/// A function `f` with a change of one of its lines (none: the line is dropped), and whether
/// that leaves each value of the kind that it had: none of them changes any of its bits.
struct KindChange {
    text: &'static str,
    line: &'static str,
    change: Option<&'static str>,
    proven: bool,
}

const POINTER: &str = "
  r6 = *(u64 *)(r1 + 0)
  r7 = 1
  if r6 != 0 goto L
";
const NUMBER: &str = "
  w6 = *(u32 *)(r1 + 20)
  r7 = 1
  if r6 != 0 goto L
";
const OR_NULL: &str = "
  *(u32 *)(r10 - 4) = 0
  r2 = r10
  r2 += -4
  r1 = map m ll
  call bpf_map_lookup_elem
  r6 = r0
  r7 = 1
  if r6 != 0 goto L
";

/// Where the number 0 gets to, as the function with [`POINTER`] or another one before it.
const USES: &[(&str, &str, Option<&str>)] = &[
    ("r1 = r6\n r1 = 0\n call report\n", "r1 = 0x0", None),
    ("r1 = 0\n call report\n", "r1 = 0x0", Some("r1 = r6")),
    ("r1 = 0\n call note\n r7 = r0\n", "r1 = 0x0", Some("r1 = r6")),
    ("r1 = 0\n call extern bpf_thing\n", "r1 = 0x0", Some("r1 = r6")),
    ("r1 = 0\n call bpf_send_signal\n", "r1 = 0x0", Some("r1 = r6")),
    ("r0 = 0\n exit\n", "r0 = 0x0", Some("r0 = r6")),
    ("r1 = .data ll\n r2 = 0\n *(u64 *)(r1 + 0) = r2\n", "r2 = 0x0", Some("r2 = r6")),
    ("r1 = 0\n r7 += r1\n", "r1 = 0x0", Some("r1 = r6")),
    ("r1 = 16\n r2 = 0\n r1 += r2\n r0 = *(u64 *)(r1 + 0)\n", "r2 = 0x0", Some("r2 = r6")),
    (
        "*(u64 *)(r10 - 16) = r6\n r1 = *(u64 *)(r10 - 16)\n r1 = 0\n call report\n",
        "r1 = 0x0",
        None,
    ),
    ("w1 = w6\n call report\n", "w1 = w6", Some("r1 = r6")),
    ("r1 = r6\n r1 &= 255\n call report\n", "r1 &= 0xff", None),
    ("r1 = r6\n r1 = -r1\n call report\n", "r1 = -r1", None),
];

/// Changes that are right or wrong whatever comes before.
const OTHERS: &[KindChange] = &[
    KindChange {
        text: "r6 = *(u64 *)(r1 + 0)\n r7 = 1\n r6 &= 7\n if r6 != 3 goto L\n r7 = r6\n r7 = 3\n",
        line: "r7 = 0x3",
        change: None,
        proven: true,
    },
    KindChange {
        text: "r6 = addr_space_cast(r1, 0, 1)\n r7 = 1\n r6 &= 7\n if r6 != 3 goto L\n r7 = r6\n \
               r7 = 3\n",
        line: "r7 = 0x3",
        change: None,
        proven: false,
    },
    KindChange {
        text: "r6 = *(u64 *)(r1 + 0)\n r7 = 1\n r1 = r6\n if r6 != 0 goto L\n r2 = 0\n r1 -= r2\n \
               call report\n",
        line: "r1 -= r2",
        change: Some("r1 -= r6"),
        proven: false,
    },
];

/// The program with a line of its code changed, its instructions standing for the same ones.
fn with_change(program: &Program, line: &str, change: Option<&str>) -> Program {
    let text = Printer::new(program).verbose().to_string();
    let is_line = |l: &&str| l.trim().split(" ;!").next() == Some(line);
    let found = text.lines().rfind(is_line);
    let found = found.unwrap_or_else(|| panic!("no line {line:?} in\n{text}"));
    let changed = change.map_or(String::new(), |change| found.replace(line, change));
    text::parse(&text.replace(found, &changed)).unwrap()
}

fn kind_change_is_judged(change: &KindChange) {
    let text = format!(
        "target bpfel v4\nextern bpf_thing\nmap m\nsection .data = 00*8\n\
         func report (global) {{\n r0 = r1\n exit\n}}\n\
         func note (static) {{\n r0 = r1\n r0 += 1\n exit\n}}\n\
         func f (entry) {{\n{} r0 = r7\n exit\nL:\n r0 = r7\n exit\n}}\n",
        change.text
    );
    let original = with_origins(text::parse(&text).unwrap());
    let rewritten = with_change(&original, change.line, change.change);
    let refusals = check::check(&original, &rewritten, &check::roots(&original));
    assert_eq!(
        refusals.is_empty(),
        change.proven,
        "{} to {:?} in\n{}\n{refusals:?}",
        change.line,
        change.change,
        change.text
    );
}

/// A number must not become what the verifier may take for a pointer, though it has the same
/// bits.
#[test]
fn numbers_and_pointers_are_told_apart() {
    for (before, proven) in [(POINTER, false), (NUMBER, true), (OR_NULL, true)] {
        for (uses, line, change) in USES {
            let text = format!("{before}{uses}").leak();
            kind_change_is_judged(&KindChange { text, line, change: *change, proven });
        }
    }
    OTHERS.iter().for_each(kind_change_is_judged);
}

/// Only a null check that both programs make finds a number where it finds null.
#[test]
fn null_checks_are_made_by_both() {
    for (check, proven) in [
        ("if r6 != 0x0 goto L2", true),
        ("if r6 >= 0x1 goto L2", false),
        ("if r6 > 0x0 goto L2", false),
        ("if r6 != r8 goto L2", false),
    ] {
        let text = format!(
            "map m\nfunc report (global) {{\n r0 = r1\n exit\n}}\nfunc f (entry) {{\n r8 = 0\n{}\
             r1 = r6\n r1 = 0\n call report\nL:\n r0 = r7\n exit\n}}\n",
            OR_NULL
        );
        let original = with_origins(text::parse(&text).unwrap());
        let dropped = with_change(&original, "r1 = 0x0", None);
        let rewritten = with_change(&dropped, "if r6 != 0x0 goto L2", Some(check));
        let refusals = check::check(&original, &rewritten, &check::roots(&original));
        assert_eq!(refusals.is_empty(), proven, "{check}: {refusals:?}");
    }
}
