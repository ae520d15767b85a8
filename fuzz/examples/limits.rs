//! Measures the checks on files: `limits TARGET FILE...`, or on the inputs that are made to
//! cost much: `limits hostile [SIZE [NAME]]`. Prints what each took; fails if one took more than it may.

use std::process::ExitCode;

use bpfold::fuzzing::{TARGETS, hostile};
use bpfold_fuzz::{Cost, INPUT_LIMIT, MEMORY_LIMIT, TIME_LIMIT, measured};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().unwrap_or_default();
    let mut over = 0;
    // `limit` is what an input was asked to be: those that are made end where their parts end.
    let mut tell = |name: &str, limit: usize, size: usize, cost: Cost| {
        let bad = limit <= INPUT_LIMIT && (cost.seconds > TIME_LIMIT || cost.bytes > MEMORY_LIMIT);
        over += usize::from(bad);
        let mark = if bad { " TOO MUCH" } else { "" };
        println!("{:7.3} s {:5} MiB {size:8} {name}{mark}", cost.seconds, cost.bytes >> 20);
    };
    if target == "hostile" {
        let size = arguments.next().and_then(|size| size.parse().ok()).unwrap_or(INPUT_LIMIT);
        let only = arguments.next().unwrap_or_default();
        for (name, make) in hostile::INPUTS {
            if name.contains(&only) {
                let input = make(size);
                let cost = measured(bpfold::fuzzing::object::check, &input);
                tell(name, size, input.len(), cost);
            }
        }
    } else if let Some((_, check)) = TARGETS.iter().find(|(name, _)| *name == target) {
        for path in arguments {
            match std::fs::read(&path) {
                Ok(input) => tell(&path, input.len(), input.len(), measured(*check, &input)),
                Err(error) => eprintln!("{path}: {error}"),
            }
        }
    } else {
        eprintln!("no target `{target}`");
        return ExitCode::from(2);
    }
    if over == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
