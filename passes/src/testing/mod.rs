//! Random programs for property tests and fuzzing.
//!
//! [`Case::generate`] makes a program that the kernel's verifier would understand: registers
//! and frame bytes are initialised before they are read, pointers stay in bounds, loops end.
//! It is made of what compiled programs are made of: read-only variables that are final,
//! open or final in some bits, frames full of overlapping stores and spilled pointers,
//! branches on values that may be known, helper calls that read and write the frame,
//! static and global subprograms, callbacks. [`Case::input`] makes an input for it.
//!
//! The choices come from a byte string, so that a fuzzer can steer them, or from a seed.

mod body;
mod choices;
mod generate;
mod state;

pub use choices::Choices;

use crate::entity::Func;
use crate::interp::{Input, MapShape};
use crate::ir::Program;

/// A random program.
#[derive(Clone, Debug)]
pub struct Case {
    /// The program.
    pub program: Program,
    /// Its entry function.
    pub entry: Func,
    /// The sizes of its maps.
    pub maps: Vec<MapShape>,
}

/// Instructions that a run of a generated program never exceeds.
pub const FUEL: u64 = 1_000_000;

impl Case {
    /// The program that the choices lead to.
    pub fn generate(choices: Choices) -> Case {
        generate::case(choices)
    }

    /// The program of a seed.
    pub fn from_seed(seed: u64) -> Case {
        Case::generate(Choices::from_seed(seed))
    }

    /// An input for the program; every seed gives another.
    pub fn input(&self, seed: u64) -> Input {
        Input { maps: self.maps.clone(), ..Input::random(&self.program, seed) }
    }
}
