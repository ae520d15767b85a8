//! Folding again: only what has to do with what changed is folded anew, and levels allow what
//! they say.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use bpfold_passes::check;
use bpfold_passes::entity::{Func, PerEntity};
use bpfold_passes::ir::{Op, Program};
use bpfold_passes::pass::{Folding, Level, Options};
use bpfold_passes::text::{self, Printer};

/// Two programs share a subprogram, a third one calls its own.
const THREE: &str = "section .rodata readonly = 01 02
func a (entry) {
  r1 = .rodata ll
  w1 = *(u8 *)(r1 + 0)
  r6 = r1
  if w1 == 1 goto on
  call own
on:
  r1 = 3
  r1 += 4
  call shared
  r0 += r6
  exit
}
func b (entry) {
  r1 = .rodata ll
  w1 = *(u8 *)(r1 + 1)
  if w1 == 1 goto on
  w1 = 9
on:
  call shared
  exit
}
func c (entry) {
  r1 = .rodata ll
  w1 = *(u8 *)(r1 + 0)
  if w1 == 2 goto on
  w1 = 8
on:
  call alone
  exit
}
func shared (static) {
  r0 = r1
  if r0 == 7 goto out
  r0 = .rodata ll
  w0 = *(u8 *)(r0 + 0)
out:
  exit
}
func alone (static) {
  r0 = .rodata ll
  w0 = *(u8 *)(r0 + 1)
  w0 += w1
  exit
}
func own (static) {
  r0 = r1
  exit
}
";

fn named(program: &Program, name: &str) -> Func {
    program.funcs.iter().find(|(_, func)| func.name == name).unwrap().0
}

fn fold(folding: &mut Folding<'_>, options: &Options) -> PerEntity<Func, bool> {
    folding.fold(options, &mut |_| {}, &mut |_, _| {}).unwrap()
}

#[test]
fn what_has_nothing_to_do_with_a_change_is_kept() {
    let original = text::parse(THREE).unwrap();
    let find = |name| named(&original, name);
    let mut options = Options { roots: Some(check::roots(&original)), ..Options::default() };
    let mut folding = Folding::new(&original);
    let mut steps = 0;
    let anew = folding.fold(&options, &mut |_| steps += 1, &mut |_, _| {}).unwrap();
    assert!(original.funcs.keys().all(|func| anew[func]));
    assert!(!original.funcs.keys().any(|func| fold(&mut folding, &options)[func]));

    options.levels[find("c")] = Level::None;
    let mut again = Vec::new();
    let anew = folding.fold(&options, &mut |step| again.push(step.func), &mut |_, _| {}).unwrap();
    let expected = [find("c"), find("alone")];
    assert_eq!(original.funcs.keys().filter(|f| anew[*f]).collect::<Vec<_>>(), expected);
    assert!(again.len() < steps && again.iter().all(|func| expected.contains(func)));

    // Whatever is kept is what it would be if all were folded at once.
    let mut whole = Folding::new(&original);
    fold(&mut whole, &options);
    let (kept, whole) = (folding.folded().unwrap(), whole.folded().unwrap());
    assert_eq!(kept.program, whole.program);
    assert_eq!(kept.log.dead, whole.log.dead);
    assert_eq!(kept.log.events.len(), whole.log.events.len());
    for func in original.funcs.keys() {
        assert_eq!(kept.log.changed[func], whole.log.changed[func]);
        assert_eq!(kept.log.levels[func], whole.log.levels[func]);
    }
}

#[test]
fn roots_that_leave_are_a_change() {
    let original = text::parse(THREE).unwrap();
    let mut options = Options { roots: Some(check::roots(&original)), ..Options::default() };
    let mut folding = Folding::new(&original);
    fold(&mut folding, &options);
    let gone = named(&original, "b");
    options.roots.as_mut().unwrap().retain(|root| *root != gone);
    let anew = fold(&mut folding, &options);
    for (name, expected) in [("a", true), ("shared", true), ("own", true), ("c", false)] {
        assert_eq!(anew[named(&original, name)], expected, "{name}");
    }
    let mut whole = Folding::new(&original);
    fold(&mut whole, &options);
    assert_eq!(folding.folded().unwrap().program, whole.folded().unwrap().program);
}

/// Each level is proven, and does less than the one above it.
#[test]
fn levels_do_less_and_less() {
    let original = text::parse(THREE).unwrap();
    let (a, roots) = (named(&original, "a"), check::roots(&original));
    let mut sizes = Vec::new();
    for level in [Level::Full, Level::Plain, Level::Bare, Level::None] {
        let mut options = Options { roots: Some(roots.clone()), ..Options::default() };
        options.levels[a] = level;
        let mut folding = Folding::new(&original);
        fold(&mut folding, &options);
        let folded = folding.folded().unwrap();
        assert_eq!(check::check(&original, &folded.program, &roots), [], "{level:?}");
        let text = Printer::new(&folded.program).function(a).to_string();
        let count = |part: &str| text.matches(part).count();
        let branches = folded.program.funcs[a]
            .insts()
            .filter(|(_, inst)| matches!(folded.program.funcs[a].op(*inst), Op::Branch { .. }));
        sizes.push((branches.count(), count("*(u8 *)"), count("r1 += 0x4"), count(" ll")));
    }
    // Branches, loads, sums that are not folded, addresses that are useless.
    assert_eq!(sizes, [(0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 1, 1), (1, 1, 1, 1)]);
}
