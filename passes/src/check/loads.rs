//! The loads of the original from memory that is not known, since the last event or the last
//! pair of points at which ways meet: memory has not changed since. Each stands for at most one
//! load of the rewritten program, in the same order.

use crate::check::arena::{Arena, Sym};
use crate::check::pair::Home;
use crate::entity::Core;
use crate::isa::Size;

/// Loads that are kept: the last ones.
const MANY: usize = 128;

/// A load of the original: what it gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The instruction.
    pub home: Home,
    /// Where it loads from.
    pub address: Sym,
    /// How many bytes.
    pub size: Size,
    /// The CO-RE record.
    pub core: Option<Core>,
    /// What it gave, zero-extended.
    pub value: Sym,
}

/// The loads, in order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Loads {
    loaded: Vec<Loaded>,
    /// How many of them are used, or come before one that is.
    matched: usize,
}

impl Loads {
    /// The original loads.
    pub fn push(&mut self, loaded: Loaded) {
        if self.loaded.len() >= MANY {
            self.loaded.remove(0);
            self.matched = self.matched.saturating_sub(1);
        }
        self.loaded.push(loaded);
    }

    /// Memory can be another from here on: loads before do not stand for loads after.
    pub fn forget(&mut self) {
        *self = Loads::default();
    }

    /// What the rewritten program loads: what the original did with such a load, the one that
    /// it stands for if that is among them.
    pub fn take(
        &mut self,
        address: Sym,
        size: Size,
        core: Option<Core>,
        home: Option<Home>,
    ) -> Option<Sym> {
        let candidates = || self.loaded.iter().enumerate().skip(self.matched);
        let same = |l: &Loaded| (l.address, l.size, l.core) == (address, size, core);
        let (i, value) = candidates()
            .find(|(_, l)| same(l) && Some(l.home) == home)
            .or_else(|| candidates().find(|(_, l)| same(l)))
            .map(|(i, l)| (i, l.value))?;
        self.matched = i + 1;
        Some(value)
    }

    /// One symbol is another one from here on.
    pub fn rename(&mut self, arena: &mut Arena, from: Sym, to: Sym) {
        for loaded in &mut self.loaded {
            loaded.address = arena.substitute(loaded.address, from, to);
            loaded.value = arena.substitute(loaded.value, from, to);
        }
    }
}
