//! What the checker refuses stays as it was: folds in which a pass does something wrong.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use bpfold::passes::ir::{Op, Program};
use bpfold::passes::isa::{Operand, Reg};
use bpfold::passes::pass::{FoldLog, Level};
use bpfold::passes::text::Printer;
use bpfold::report::{LessFolded, ProofReport};
use bpfold::{Fold, Folded, Object};

fn object(name: &str) -> Object {
    let path = format!("{}/examples/{name}.bpf.o", env!("CARGO_MANIFEST_DIR"));
    Object::parse(&std::fs::read(path).unwrap()).unwrap()
}

/// A function's code as text.
fn code(object: &Object, name: &str) -> String {
    let program = object.program();
    let (func, _) = program.funcs.iter().find(|(_, func)| func.name == name).unwrap();
    Printer::new(program).function(func).to_string()
}

/// Miscompiles what was changed among some functions: every result that is a number is another
/// one, and every number that is stored or passed on.
fn wrong_numbers(program: &mut Program, log: &FoldLog, is_meant: impl Fn(&str) -> bool) {
    for func in program.funcs.keys().collect::<Vec<_>>() {
        let function = &mut program.funcs[func];
        if !log.changed[func] || !is_meant(&function.name) {
            continue;
        }
        for inst in function.insts().map(|(_, inst)| inst).collect::<Vec<_>>() {
            if let Op::Mov { width, dst, src: Operand::Imm(imm) } = *function.op(inst)
                && dst != Reg::FP
                && function.inst(inst).core.is_none()
            {
                let src = Operand::Imm(imm.wrapping_add(1));
                function.replace(inst, Op::Mov { width, dst, src });
            }
        }
    }
}

fn proof(folded: &Folded) -> &ProofReport {
    folded.report.proof.as_ref().unwrap()
}

fn refused(folded: &Folded) -> Vec<&str> {
    proof(folded).refused.iter().map(|refusal| refusal.function.as_str()).collect()
}

#[test]
fn what_is_folded_is_proven() {
    for name in ["agent", "callbacks", "kernel_version", "trace_agent", "xdp_filter"] {
        let object = object(name);
        let folded = Fold::new(&object).unwrap().freeze_all().run().unwrap();
        assert!(proof(&folded).proven > 0, "{name}");
        assert_eq!(proof(&folded).refused, [], "{name}");
    }
}

#[test]
fn a_miscompiled_program_stays_as_it_was_with_what_it_names() {
    let object = object("trace_agent");
    let fold = || Fold::new(&object).unwrap().freeze_all();
    let right = fold().run().unwrap();
    assert_eq!(right.report.dropped.maps, ["cgroups", "counts"]);

    let wrong = fold().damage(|program, log| wrong_numbers(program, log, |_| true)).run().unwrap();
    assert!(!refused(&wrong).is_empty());
    let result = Object::parse(&wrong.bytes).unwrap();
    for name in refused(&wrong) {
        assert_eq!(code(&result, name), code(&object, name));
    }
    assert_eq!(wrong.report.dropped.maps, <[String; 0]>::default());
    assert_eq!(result.program().maps.len(), object.program().maps.len());
    let keeps: Vec<&str> =
        proof(&wrong).refused.iter().flat_map(|one| &one.keeps).map(String::as_str).collect();
    for map in ["cgroups", "counts"] {
        assert!(keeps.contains(&map), "{map}: {keeps:?}");
    }
    // What stays is not said to have been too long.
    assert!(!wrong.report.notes.iter().any(|note| note.to_string().contains("would grow")));
}

#[test]
fn callers_of_a_refused_function_are_proven_with_it() {
    let object = object("kernel_version");
    let fold = || Fold::new(&object).unwrap().set("kernel_version", "0x60100").unwrap();
    let right = fold().run().unwrap();
    let damage: fn(&mut Program, &FoldLog) =
        |program, log| wrong_numbers(program, log, |name| name == "fill");
    let wrong = fold().damage(damage).run().unwrap();
    assert_eq!(refused(&wrong), ["fill"]);
    assert!(proof(&wrong).proven < proof(&right).proven);
    let (before, after) = (object.program(), Object::parse(&wrong.bytes).unwrap());
    let whole = |object: &Object| code(object, "fill").lines().count();
    assert_eq!(whole(&after), whole(&object));
    for (_, func) in before.funcs.iter().filter(|(_, func)| func.name != "fill") {
        let right = Object::parse(&right.bytes).unwrap();
        assert_eq!(code(&after, &func.name), code(&right, &func.name), "{}", func.name);
    }
}

/// Miscompiles `fill` as long as it is folded at one of the first levels.
fn wrong_at<const LAST: u8>(program: &mut Program, log: &FoldLog) {
    let rank = |level| match level {
        Level::Full | Level::Narrow => 0,
        Level::Plain => 1,
        Level::Bare => 2,
        Level::None => 3,
    };
    let funcs = program.funcs.iter();
    let meant = funcs.filter(|(id, func)| func.name == "fill" && rank(log.levels[*id]) <= LAST);
    if meant.count() > 0 {
        wrong_numbers(program, log, |name| name == "fill");
    }
}

#[test]
fn a_refused_function_is_folded_as_far_as_is_proven() {
    let object = object("kernel_version");
    let fold = || Fold::new(&object).unwrap().set("kernel_version", "0x60100").unwrap();
    let right = fold().run().unwrap();
    let size = |folded: &Folded, name: &str| {
        folded.report.functions.iter().find(|func| func.name == name).unwrap().after
    };
    type Damage = fn(&mut Program, &FoldLog);
    let cases: [(Damage, LessFolded); 3] = [
        (wrong_at::<0>, LessFolded::Values),
        (wrong_at::<1>, LessFolded::Branches),
        (wrong_at::<2>, LessFolded::Nothing),
    ];
    let mut before = size(&right, "fill");
    for (damage, expected) in cases {
        let less = fold().damage(damage).run().unwrap();
        assert_eq!(refused(&less), ["fill"]);
        let refusal = &proof(&less).refused[0];
        assert_eq!(refusal.folded, expected);
        assert!(refusal.at.source.is_some());
        assert_eq!(refusal.instructions, size(&less, "fill") - size(&right, "fill"));
        assert!(size(&less, "fill") >= before, "{expected:?}");
        before = size(&less, "fill");
        for func in right.report.functions.iter().filter(|func| func.name != "fill") {
            assert_eq!(size(&less, &func.name), func.after, "{}", func.name);
        }
    }
}

#[test]
fn without_the_checker_nothing_is_proven() {
    let object = object("xdp_filter");
    let fold = Fold::new(&object).unwrap().freeze_all().check(false);
    let damage: fn(&mut Program, &FoldLog) = |program, log| wrong_numbers(program, log, |_| true);
    let folded = fold.damage(damage).run().unwrap();
    assert_eq!(folded.report.proof, None);
    let result = Object::parse(&folded.bytes).unwrap();
    assert_ne!(code(&result, "xdp_filter"), code(&object, "xdp_filter"));
}
