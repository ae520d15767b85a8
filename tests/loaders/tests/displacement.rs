//! Members of contexts and sockets that values choose: kernels load what is folded, and the
//! programs read the member that was chosen.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use bpfold_loaders::cases::{Case, Setting, root};
use bpfold_loaders::{libbpf, may_load};
use libbpf_rs::ProgramInput;

/// What `cb[0]` to `cb[4]` hold, and `mark` and `priority`.
const CB: [u32; 5] = [11, 22, 33, 44, 55];
const MARK: u32 = 66;
const PRIORITY: u32 = 77;

fn context() -> Vec<u8> {
    let mut context = vec![0; 192];
    let mut put = |at: usize, value: u32| {
        context[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    };
    put(8, MARK);
    put(32, PRIORITY);
    for (i, value) in CB.into_iter().enumerate() {
        put(48 + i * 4, value);
    }
    context
}

#[test]
fn chosen_members_load_and_are_read() {
    if !may_load("loading chosen members") {
        return;
    }
    for name in ["displacement-v1", "displacement-v4"] {
        let file = std::fs::read(root().join(format!("tests/objects/{name}.o"))).unwrap();
        for which in 0..4 {
            let value = which.to_string();
            let values = [("which", value.as_str())];
            let case = Case::new(name, &file, &Setting::All(&values)).unwrap();
            let object = libbpf::load(&case.folded).unwrap();
            let first = if which == 0 { CB[0] } else { CB[1] };
            let expected = [
                ("skb_member", [CB[0], CB[1], MARK, PRIORITY][which]),
                ("skb_member_kept", first + CB[2] + CB[3]),
                ("skb_stored", if which == 0 { 5 } else { CB[3] }),
                ("skb_indexed", CB[which]),
            ];
            for program in object.progs_mut() {
                let name = program.name().to_string_lossy().into_owned();
                let Some((_, expected)) = expected.iter().find(|(known, _)| *known == name) else {
                    continue;
                };
                let mut context = context();
                let input = ProgramInput {
                    context_in: Some(&mut context),
                    data_in: Some(&[0; 64]),
                    ..ProgramInput::default()
                };
                let output = program.test_run(input).unwrap();
                assert_eq!(output.return_value, *expected, "{} {name}", case.name);
            }
        }
    }
}
