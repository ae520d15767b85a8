//! What tests of the checker share.

use bpfold_passes::entity::Func;
use bpfold_passes::ir::Program;
use bpfold_passes::text::Printer;

/// A number from the environment.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The program with the slots of its instructions as their origins.
pub fn with_origins(mut program: Program) -> Program {
    for function in program.funcs.values_mut() {
        let mut slot = 0;
        let insts: Vec<_> = function.insts().map(|(_, inst)| inst).collect();
        for inst in insts {
            let slots = function.op(inst).slots() as u32;
            function.attach(inst, |data| data.origin = Some(slot));
            slot += slots;
        }
    }
    program
}

/// A function as text, with what is attached to its instructions.
pub fn print(program: &Program, func: Func) -> String {
    Printer::new(program).verbose().function(func).to_string()
}
