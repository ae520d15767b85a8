//! Registers and sets of registers.

/// A register, `r0` to `r10`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reg(u8);

impl Reg {
    /// Return value of functions and exit value of programs.
    pub const R0: Reg = Reg(0);
    /// First argument; the context in an entry program.
    pub const R1: Reg = Reg(1);
    /// Second argument.
    pub const R2: Reg = Reg(2);
    /// Third argument.
    pub const R3: Reg = Reg(3);
    /// Fourth argument.
    pub const R4: Reg = Reg(4);
    /// Fifth argument.
    pub const R5: Reg = Reg(5);
    /// First callee-saved register; the context of LD_ABS and LD_IND.
    pub const R6: Reg = Reg(6);
    /// Last callee-saved register.
    pub const R9: Reg = Reg(9);
    /// Frame pointer, read-only: one past the highest byte of the frame.
    pub const FP: Reg = Reg(10);
    /// The number of registers.
    pub const COUNT: usize = 11;

    /// The register with this number, if there is one.
    pub fn new(number: u8) -> Option<Reg> {
        (usize::from(number) < Self::COUNT).then_some(Reg(number))
    }

    /// The register's number, 0 to 10.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The register's number as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// All registers in order.
    pub fn all() -> impl DoubleEndedIterator<Item = Reg> + Clone {
        (0..Self::COUNT as u8).map(Reg)
    }

    /// The registers that a call clobbers, `r0` to `r5`.
    pub fn caller_saved() -> impl DoubleEndedIterator<Item = Reg> + Clone {
        (0..=5).map(Reg)
    }

    /// The registers that arguments are passed in, `r1` to `r5`.
    pub fn arguments() -> impl DoubleEndedIterator<Item = Reg> + Clone {
        (1..=5).map(Reg)
    }
}

impl std::fmt::Debug for Reg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// A set of registers, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RegSet(u16);

impl RegSet {
    /// No register.
    pub const EMPTY: RegSet = RegSet(0);

    /// The set of one register.
    pub fn of(reg: Reg) -> RegSet {
        RegSet(1 << reg.number())
    }

    /// Whether `reg` is in the set.
    pub fn contains(self, reg: Reg) -> bool {
        self.0 & (1 << reg.number()) != 0
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The registers of the set in order.
    pub fn iter(self) -> impl Iterator<Item = Reg> {
        Reg::all().filter(move |r| self.contains(*r))
    }

    /// The registers of this set that are not in `other`.
    pub fn without(self, other: RegSet) -> RegSet {
        RegSet(self.0 & !other.0)
    }
}

impl std::ops::BitOr for RegSet {
    type Output = RegSet;
    fn bitor(self, other: RegSet) -> RegSet {
        RegSet(self.0 | other.0)
    }
}

impl std::ops::BitAnd for RegSet {
    type Output = RegSet;
    fn bitand(self, other: RegSet) -> RegSet {
        RegSet(self.0 & other.0)
    }
}

impl FromIterator<Reg> for RegSet {
    fn from_iter<I: IntoIterator<Item = Reg>>(iter: I) -> RegSet {
        iter.into_iter().fold(RegSet::EMPTY, |set, r| set | RegSet::of(r))
    }
}

impl std::fmt::Debug for RegSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
