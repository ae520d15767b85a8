//! The textual form of programs.

use crate::passes::ir;
use crate::passes::pass::{self, Options};
use crate::passes::text::{Printer, parse};

/// What can be read is printed such that it reads the same; what is well formed folds.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(mut program) = parse(text) else { return };
    let printed = Printer::new(&program).to_string();
    let again = parse(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    let twice = Printer::new(&again).to_string();
    assert!(printed == twice, "reads as another program:\n{printed}\nand\n{twice}");
    if ir::verify(&program).is_ok() {
        let options = Options { verify_each: true, ..Options::default() };
        pass::fold(&mut program, &options).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    }
}
