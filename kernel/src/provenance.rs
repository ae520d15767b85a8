//! Where the operands of an instruction came from, as the verifier's log tells.
//!
//! Follows the log line by line and keeps for each register and each slot of the frame that
//! spills go to which [`Source`]s have ever gone into it, and the text in which the verifier
//! last described each register. This explains, and nothing rests on it: paths are followed in
//! the verifier's order, frames are not told apart.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::libbpf::RawInstruction;

/// What is constant for the kernel, though nobody can know it from the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A CO-RE relocation: layout and values of the kernel's types.
    CoRe,
    /// `LINUX_KERNEL_VERSION` or a `CONFIG_*` value.
    Kconfig,
    /// A map, by its address.
    Map,
    /// The result of a helper, kfunc or subprogram.
    Call,
    /// The context that the program is given.
    Context,
    /// The frame's address.
    Frame,
    /// Memory that is none of these.
    Memory,
}

/// A function in a program as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its name: the program's own or a subprogram's.
    pub name: String,
    /// Its first instruction, counted from the program's start.
    pub start: u32,
}

/// How libbpf put a program together, by what it says at debug level while it loads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Composition {
    /// The program and the subprograms behind it, in their order.
    pub functions: Vec<Place>,
    /// Instructions that CO-RE relocations have filled in, counted from the program's start.
    pub relocated: BTreeSet<usize>,
}

impl Composition {
    /// That of `program`.
    pub fn read(messages: &str, program: &str) -> Composition {
        let mut relocated: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::from([(program, 0)]);
        // The program that subprograms are being appended to.
        let mut current = "";
        for line in messages.lines() {
            let Some(rest) = line.strip_prefix("libbpf: prog '") else { continue };
            let Some((name, what)) = rest.split_once("': ") else { continue };
            if let Some((_, at)) = what.split_once("patched insn #") {
                relocated.entry(name).or_default().extend(leading_number(at));
            } else if what.starts_with("added ") {
                current = name;
            } else if current == program
                && let Some((_, target)) = what.split_once("points to subprog '")
                && let Some((subprogram, offset)) = target.split_once("' (now at ")
            {
                places.extend(leading_number(offset).map(|at| (subprogram, at)));
            }
        }
        let of = |(name, start): (&&str, &usize)| -> Vec<usize> {
            relocated.get(name).into_iter().flatten().map(|at| start + at).collect()
        };
        let mut functions: Vec<Place> = places
            .iter()
            .map(|(name, start)| Place { name: (*name).to_owned(), start: *start as u32 })
            .collect();
        functions.sort_by_key(|place| place.start);
        Composition { relocated: places.iter().flat_map(of).collect(), functions }
    }
}

fn leading_number(text: &str) -> Option<usize> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// What is known of the operands while following a log.
pub struct Provenance<'p> {
    program: &'p [RawInstruction],
    relocated: &'p BTreeSet<usize>,
    registers: [BTreeSet<Source>; 11],
    /// By offset from the frame pointer.
    slots: BTreeMap<i16, BTreeSet<Source>>,
    described: [String; 11],
}

/// Longest description of a register that is kept, in characters.
const DESCRIPTION_LIMIT: usize = 120;
/// Instruction classes (RFC 9669 section 3.1).
const LD: u8 = 0;
const LDX: u8 = 1;
const STX: u8 = 3;
const ALU: u8 = 4;
const JMP: u8 = 5;
const JMP32: u8 = 6;
const ALU64: u8 = 7;
/// The second operand is a register.
const X: u8 = 0x08;
const MOV: u8 = 0xb0;
const CALL: u8 = 0x85;
const FRAME_POINTER: u8 = 10;

impl<'p> Provenance<'p> {
    /// The start of a program.
    pub fn new(program: &'p [RawInstruction], relocated: &'p BTreeSet<usize>) -> Self {
        let mut registers: [BTreeSet<Source>; 11] = Default::default();
        registers[1].insert(Source::Context);
        registers[FRAME_POINTER as usize].insert(Source::Frame);
        Self {
            program,
            relocated,
            registers,
            slots: BTreeMap::new(),
            described: Default::default(),
        }
    }

    fn of(&self, register: u8) -> BTreeSet<Source> {
        self.registers.get(usize::from(register)).cloned().unwrap_or_default()
    }

    fn set(&mut self, register: u8, sources: BTreeSet<Source>) {
        if let Some(place) = self.registers.get_mut(usize::from(register)) {
            *place = sources;
        }
    }

    /// What has gone into the operands of the instruction, and how the verifier describes
    /// them. To be called before [`Provenance::visit`] of its line.
    pub fn operands(&self, at: usize) -> (BTreeSet<Source>, String) {
        let Some(instruction) = self.program.get(at) else { return Default::default() };
        let mut registers = vec![instruction.destination];
        if instruction.code & X != 0 {
            registers.push(instruction.source);
        }
        let sources = registers.iter().flat_map(|register| self.of(*register)).collect();
        let describe = |register: &u8| {
            let text = self.described.get(usize::from(*register)).filter(|text| !text.is_empty());
            Some(format!("R{register}={}", text?))
        };
        let described: Vec<String> = registers.iter().filter_map(describe).collect();
        (sources, described.join(" "))
    }

    /// Goes through the instruction at `at`, of which the log has `line`.
    pub fn visit(&mut self, at: usize, line: &str) {
        if let Some(instruction) = self.program.get(at) {
            self.transfer(at, *instruction);
        }
        self.describe(line);
    }

    fn transfer(&mut self, at: usize, instruction: RawInstruction) {
        let (destination, source) = (instruction.destination, instruction.source);
        let mut sources: BTreeSet<Source> =
            self.relocated.contains(&at).then_some(Source::CoRe).into_iter().collect();
        match instruction.code & 7 {
            LD => {
                // A source register names what kind of constant it is: 0 for a plain one.
                sources.extend((source != 0).then_some(Source::Map));
                self.set(destination, sources);
            }
            LDX if source == FRAME_POINTER => {
                let slot = self.slots.get(&(instruction.offset & !7)).cloned();
                self.set(destination, slot.unwrap_or_default());
            }
            LDX => {
                let base = self.described.get(usize::from(source));
                let is_kconfig = base.is_some_and(|base| base.contains(".kconfig"));
                let is_context = self.of(source).contains(&Source::Context);
                sources.insert(match (is_kconfig, is_context) {
                    (true, _) => Source::Kconfig,
                    (_, true) => Source::Context,
                    _ => Source::Memory,
                });
                self.set(destination, sources);
            }
            STX if destination == FRAME_POINTER => {
                self.slots.insert(instruction.offset & !7, self.of(source));
            }
            ALU | ALU64 => {
                if instruction.code & 0xf0 != MOV {
                    sources.extend(self.of(destination));
                }
                if instruction.code & X != 0 {
                    sources.extend(self.of(source));
                }
                self.set(destination, sources);
            }
            JMP | JMP32 if instruction.code == CALL => {
                self.set(0, BTreeSet::from([Source::Call]));
            }
            _ => {}
        }
    }

    /// Takes over what a line says of registers: `R1_w=…`, `R1=…`.
    pub fn describe(&mut self, line: &str) {
        let mut rest = line;
        while let Some((_, after)) = rest.split_once(" R") {
            rest = after;
            let Some(digit) = after.chars().next().and_then(|c| c.to_digit(10)) else { continue };
            let name_end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let Some((name, value)) = name_end.and_then(|end| after.split_at_checked(end)) else {
                return;
            };
            let register = if name.starts_with("10") { 10 } else { digit as usize };
            if let (Some(value), Some(place)) =
                (value.strip_prefix('='), self.described.get_mut(register))
            {
                let mut depth = 0_i32;
                *place = value
                    .chars()
                    .take(DESCRIPTION_LIMIT)
                    .take_while(|c| {
                        depth += i32::from(*c == '(') - i32::from(*c == ')');
                        depth > 0 || *c != ' '
                    })
                    .collect();
            }
        }
    }
}
