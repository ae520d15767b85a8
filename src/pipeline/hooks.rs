//! What tests do to a fold on its way. Without the cargo feature `fuzzing` there is nothing in it.

use crate::passes::ir::Program;
use crate::passes::pass::FoldLog;

/// Damages what the passes made of a program: a miscompile for tests.
#[cfg(feature = "fuzzing")]
pub type Damage = fn(&mut Program, &FoldLog);

/// What tests do to a fold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hooks {
    #[cfg(feature = "fuzzing")]
    pub damage: Option<Damage>,
}

impl Hooks {
    /// Damages what the passes made.
    pub fn damage(&self, program: &mut Program, log: &FoldLog) {
        #[cfg(feature = "fuzzing")]
        if let Some(damage) = self.damage {
            damage(program, log);
        }
        #[cfg(not(feature = "fuzzing"))]
        let _ = (program, log);
    }
}
