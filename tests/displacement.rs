//! Members of contexts and sockets that values choose: after folding each is one access with a
//! displacement, which verifiers take where they refuse the sum.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::Path;

use bpfold::passes::ir::{Function, Op};
use bpfold::passes::isa::{AluOp, Reg};
use bpfold::{Fold, Object};

fn read(name: &str) -> Object {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/objects/{name}.o"));
    Object::parse(&std::fs::read(path).unwrap()).unwrap()
}

/// The displacements of the loads and stores of a function that go to no frame.
fn displacements(function: &Function) -> Vec<i16> {
    let offset = |op: &Op| match *op {
        Op::Load { base, off, .. } | Op::Store { base, off, .. } if base != Reg::FP => Some(off),
        _ => None,
    };
    function.insts().filter_map(|(_, inst)| offset(function.op(inst))).collect()
}

fn adds(function: &Function) -> bool {
    let is_sum = |op: &Op| matches!(op, Op::Alu { op: AluOp::Add, dst, .. } if *dst == Reg::R1);
    function.insts().any(|(_, inst)| is_sum(function.op(inst)))
}

#[test]
fn chosen_members_are_displacements() {
    // What `which` = 0, 1, 2 and 3 chooses.
    let chosen: [(&str, [&[i16]; 4]); 7] = [
        ("skb_member", [&[48], &[52], &[8], &[32]]),
        (
            "skb_member_kept",
            [&[48, 8, 60, 56], &[52, 8, 60, 56], &[52, 8, 60, 56], &[52, 8, 60, 56]],
        ),
        ("skb_indexed", [&[48], &[52], &[56], &[60]]),
        ("xdp_member", [&[12], &[16], &[16], &[16]]),
        ("socket_member", [&[168, 20], &[168, 16], &[168, 16], &[168, 16]]),
        ("sock_ops_member", [&[68], &[64], &[20], &[20]]),
        ("tracepoint_argument", [&[0], &[8], &[0], &[0]]),
    ];
    for name in ["displacement-v1", "displacement-v4", "displacement-be"] {
        let object = read(name);
        for which in 0..4 {
            let fold = Fold::new(&object).unwrap().set("which", &which.to_string()).unwrap();
            let folded = fold.verify_each(true).run().unwrap();
            let proof = folded.report.proof.unwrap();
            assert!(proof.proven > 0 && proof.refused.is_empty(), "{name} {which}: {proof:?}");
            let result = Object::parse(&folded.bytes).unwrap();
            for (program, expected) in &chosen {
                let funcs = &result.program().funcs;
                let function = funcs.values().find(|func| func.name == *program).unwrap();
                let found = displacements(function);
                assert_eq!(found, expected[which], "{name} {program} {which}");
                assert!(!adds(function), "{name} {program} {which}");
            }
        }
    }
}
