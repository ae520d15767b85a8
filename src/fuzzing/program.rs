//! Random programs through all passes.
//!
//! The input is the choices of the generator.

use crate::passes::check;
use crate::passes::interp;
use crate::passes::ir::Program;
use crate::passes::pass::{self, Level, Options};
use crate::passes::testing::{Case, Choices, FUEL};
use crate::passes::text::Printer;

/// Inputs that each program is run on.
const INPUTS: u64 = 4;

/// The rewritten program does what the original does when both are run; so does what is left
/// when the functions that the checker does not prove are put back, and that it proves whole.
pub fn check(data: &[u8]) {
    let mut case = Case::generate(Choices::from_bytes(data));
    set_origins(&mut case.program);
    let mut options = Options { verify_each: true, ..Options::default() };
    let roots = check::roots(&case.program);
    loop {
        let mut rewritten = case.program.clone();
        pass::fold(&mut rewritten, &options)
            .unwrap_or_else(|error| panic!("{error}\n{}", Printer::new(&case.program)));
        compare(&case, &rewritten);
        let refusals = check::check(&case.program, &rewritten, &roots);
        if refusals.is_empty() {
            return;
        }
        for refusal in refusals {
            let before = std::mem::replace(&mut options.levels[refusal.func], Level::None);
            let both = || both(&case.program, &rewritten);
            assert!(before != Level::None, "refused as it was: {refusal}\n{}", both());
        }
    }
}

/// Runs both programs on the same inputs.
fn compare(case: &Case, rewritten: &Program) {
    for seed in 0..INPUTS {
        let input = case.input(seed);
        let before = interp::run(&case.program, case.entry, &input, FUEL);
        let after = interp::run(rewritten, case.entry, &input, FUEL);
        if let Some(difference) = before.differs(&after) {
            panic!("input {seed}: {difference}\n{}", both(&case.program, rewritten));
        }
    }
}

/// Gives each instruction its slot as its origin.
fn set_origins(program: &mut Program) {
    for function in program.funcs.values_mut() {
        let mut slot = 0;
        let insts: Vec<_> = function.insts().map(|(_, inst)| inst).collect();
        for inst in insts {
            let slots = u32::try_from(function.op(inst).slots()).unwrap_or(1);
            function.attach(inst, |data| data.origin = Some(slot));
            slot += slots;
        }
    }
}

fn both(original: &Program, rewritten: &Program) -> String {
    format!("original:\n{}\nrewritten:\n{}", Printer::new(original), Printer::new(rewritten))
}
