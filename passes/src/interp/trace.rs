//! What a run shows to the outside, and how two runs differ.

use std::fmt;

use super::Place;
use crate::entity::{Func, Inst};
use crate::isa::{AtomicOp, Callee, Reg, Size};

/// Memory that a called function read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Where.
    pub address: u64,
    /// The bytes; none for a byte that was not initialised, where that is allowed.
    pub bytes: Vec<Option<u8>>,
}

/// Something that the outside can observe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A call of something that is not code of the program that passes may change.
    Call {
        /// What was called.
        callee: Callee,
        /// The arguments that it reads; none for an uninitialised register, where that is
        /// allowed.
        args: Vec<Option<u64>>,
        /// The memory that it read.
        memory: Vec<Observed>,
    },
    /// A store outside the frames.
    Store {
        /// Where.
        address: u64,
        /// How much.
        size: Size,
        /// The low bytes.
        value: u64,
        /// Whether it was a store-release.
        release: bool,
    },
    /// A load-acquire outside the frames.
    LoadAcquire {
        /// Where.
        address: u64,
        /// How much.
        size: Size,
    },
    /// An atomic operation outside the frames.
    Atomic {
        /// The operation.
        op: AtomicOp,
        /// Where.
        address: u64,
        /// How much.
        size: Size,
        /// The operand's low bytes.
        operand: u64,
        /// What a compare-exchange compares with.
        expected: Option<u64>,
    },
}

/// Why a run could not go on. A program that the kernel's verifier accepts has no faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A register was read before it was written.
    #[error("{reg:?} is not initialised")]
    UninitialisedRegister {
        /// The register.
        reg: Reg,
    },
    /// A byte of a frame was read before it was written.
    #[error("uninitialised frame byte at {address:#x}")]
    UninitialisedFrame {
        /// The byte's address.
        address: u64,
    },
    /// An access outside every region.
    #[error("no memory at {address:#x}")]
    BadAddress {
        /// The byte's address.
        address: u64,
    },
    /// A write to memory that programs cannot write to.
    #[error("read-only memory at {address:#x}")]
    ReadOnly {
        /// The byte's address.
        address: u64,
    },
    /// A call below the eighth frame.
    #[error("calls are nested too deeply")]
    CallDepth,
    /// A function without blocks, where the run has to enter it.
    #[error("{func} has no code that can be run")]
    NoCode {
        /// The function.
        func: Func,
    },
    /// Control ran past a block's end.
    #[error("control runs past the end of a block")]
    NoNextBlock,
    /// A reference or instruction that the interpreter does not know: a pseudo source
    /// register, a callback that is not a function.
    #[error("instruction cannot be interpreted")]
    Unsupported,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The entry function returned, or a tail call left it for a program that returned this.
    Exit(u64),
    /// It could not go on.
    Fault {
        /// Why.
        fault: Fault,
        /// The function.
        func: Func,
        /// The instruction, if one was reached.
        inst: Option<Inst>,
    },
    /// It ran for as many instructions as it was given fuel.
    OutOfFuel,
}

/// What a run showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What the outside observed, in order.
    pub events: Vec<Event>,
    /// How it ended.
    pub outcome: Outcome,
    /// The number of instructions executed; not compared.
    pub steps: u64,
}

/// Where two traces part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// At an event; none on the side that ended before it.
    Event {
        /// The number of events before it.
        index: usize,
        /// The event of the original.
        original: Option<Event>,
        /// The event of the rewritten program.
        rewritten: Option<Event>,
    },
    /// At the end.
    Outcome {
        /// How the original ended.
        original: Outcome,
        /// How the rewritten program ended.
        rewritten: Outcome,
    },
}

impl Trace {
    /// Whether the run says something of the program: it neither faulted nor ran out of fuel.
    pub fn is_complete(&self) -> bool {
        matches!(self.outcome, Outcome::Exit(_))
    }

    /// Where the trace of a rewritten program parts from this one of the original. Nothing
    /// can be said if the original is not complete: that is no difference.
    pub fn differs(&self, rewritten: &Trace) -> Option<Difference> {
        if !self.is_complete() {
            return None;
        }
        let common =
            self.events.iter().zip(&rewritten.events).take_while(|(a, b)| a.is_done_by(b)).count();
        let original = self.events.get(common);
        let other = rewritten.events.get(common);
        let stopped_early = other.is_none() && !rewritten.is_complete();
        if (original.is_some() || other.is_some()) && !stopped_early {
            return Some(Difference::Event {
                index: common,
                original: original.cloned(),
                rewritten: other.cloned(),
            });
        }
        (self.outcome != rewritten.outcome)
            .then_some(Difference::Outcome { original: self.outcome, rewritten: rewritten.outcome })
    }
}

impl Event {
    /// Whether a rewritten program's event is this one. What is not initialised is no argument:
    /// the verifier would not let the callee read it.
    fn is_done_by(&self, rewritten: &Event) -> bool {
        match (self, rewritten) {
            (
                Event::Call { callee, args, memory },
                Event::Call { callee: other, args: others, memory: seen },
            ) if args.contains(&None) => {
                callee == other
                    && args.len() == others.len()
                    && args.iter().zip(others).all(|(arg, other)| arg.is_none() || arg == other)
                    && memory.iter().all(|observed| seen.contains(observed))
            }
            _ => self == rewritten,
        }
    }
}

/// A value printed as an address if it is one.
struct Value(u64);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Place::write(f, self.0)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Call { callee, args, memory } => {
                write!(f, "call {callee:?}(")?;
                for (index, arg) in args.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    match arg {
                        Some(value) => write!(f, "{}", Value(*value))?,
                        None => f.write_str("-")?,
                    }
                }
                f.write_str(")")?;
                for Observed { address, bytes } in memory {
                    write!(f, " {}:", Value(*address))?;
                    for byte in bytes {
                        match byte {
                            Some(byte) => write!(f, "{byte:02x}")?,
                            None => f.write_str("--")?,
                        }
                    }
                }
                Ok(())
            }
            Event::Store { address, size, value, release } => {
                let name = if *release { "store-release" } else { "store" };
                write!(f, "{name} {} bytes at {}: {}", size.bytes(), Value(*address), Value(*value))
            }
            Event::LoadAcquire { address, size } => {
                write!(f, "load-acquire {} bytes at {}", size.bytes(), Value(*address))
            }
            Event::Atomic { op, address, size, operand, expected } => {
                write!(f, "{op:?} {} bytes at {}: ", size.bytes(), Value(*address))?;
                write!(f, "{}", Value(*operand))?;
                match expected {
                    Some(expected) => write!(f, " if {}", Value(*expected)),
                    None => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Exit(value) => write!(f, "exit with {}", Value(*value)),
            Outcome::Fault { fault, func, inst: Some(inst) } => {
                write!(f, "fault in {func} at {inst}: {fault}")
            }
            Outcome::Fault { fault, func, inst: None } => write!(f, "fault in {func}: {fault}"),
            Outcome::OutOfFuel => write!(f, "out of fuel"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Event { index, original, rewritten } => {
                let mut side = |name: &str, event: &Option<Event>| match event {
                    Some(event) => writeln!(f, "{name}, event {index}: {event}"),
                    None => writeln!(f, "{name}, event {index}: none"),
                };
                side("original", original)?;
                side("rewritten", rewritten)
            }
            Difference::Outcome { original, rewritten } => {
                write!(f, "original: {original}\nrewritten: {rewritten}\n")
            }
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.events {
            writeln!(f, "{event}")?;
        }
        write!(f, "{}", self.outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_initialised_is_no_argument() {
        let call = |args: [Option<u64>; 2]| Event::Call {
            callee: Callee::Helper(1),
            args: args.to_vec(),
            memory: Vec::new(),
        };
        assert!(call([Some(1), None]).is_done_by(&call([Some(1), Some(7)])));
        assert!(!call([Some(1), None]).is_done_by(&call([Some(2), None])));
        assert!(!call([Some(1), Some(7)]).is_done_by(&call([Some(1), None])));
    }
}
