//! Instructions that the verifier never visited: dead code that is left in a program.
//!
//! At log level 2 the verifier writes a line `12: (bf) r1 = r10 …` for each instruction that
//! it goes through. What has no such line was never visited. An instruction that was not,
//! though one before it was, tells why: the edge between them is one that the verifier knows
//! to be never taken ([`Root`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::libbpf::RawInstruction;
use crate::provenance::{Composition, Place, Provenance, Source};

/// Longest line of a log that is kept, in characters.
const LINE_LIMIT: usize = 160;

/// What the verifier never visited in a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unvisited {
    /// The instructions, counted from the program's start, subprograms behind it. The second
    /// slots of `ldimm64`s are not among them.
    pub instructions: Vec<u32>,
    /// The program and its subprograms: the object may have them once for several programs.
    pub functions: Vec<Place>,
    /// The edges that were never taken.
    pub roots: Vec<Root>,
}

/// Where control could go on but never does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// What ends there.
    pub cause: Cause,
    /// The visited instruction from which the edge goes; without one the unvisited one.
    pub at: u32,
    /// The unvisited instruction to which it goes.
    pub to: u32,
    /// Unvisited instructions from there on that this root leads to, those of earlier roots
    /// left out.
    pub instructions: u32,
    /// What the verifier wrote when it visited the instruction first.
    pub line: String,
    /// How it described the operands before the first visit.
    pub operands: String,
    /// What had gone into the operands by then.
    pub sources: Vec<Source>,
}

/// Why an edge is never taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A conditional jump that always goes the other way.
    Branch,
    /// A call that does not come back.
    Call,
    /// Something else that control does not leave.
    Other,
    /// No visited instruction leads there.
    Unreferenced,
}

impl Unvisited {
    /// Reads the log of a program that was accepted; none if it is not complete. `composition`
    /// is how libbpf put it together.
    pub(crate) fn from_log(
        log: &[u8],
        program: &[RawInstruction],
        composition: &Composition,
    ) -> Option<Unvisited> {
        let mut visited = vec![false; program.len()];
        for (at, _) in visits(log) {
            *visited.get_mut(at)? = true;
        }
        // The first instruction is always visited; without it the log has lost its start.
        visited.first().filter(|first| **first)?;
        let is_second: Vec<bool> = second_slots(program);
        let unvisited = |at: usize| !visited[at] && !is_second[at];
        let instructions: Vec<u32> =
            (0..program.len()).filter(|at| unvisited(*at)).map(|at| at as u32).collect();
        let mut roots = Vec::new();
        let mut claimed = vec![false; program.len()];
        let edges = (0..program.len()).filter(|at| visited[*at]).flat_map(|at| {
            successors(program, at).into_iter().map(move |(to, cause)| (at, to, cause))
        });
        let dead_ends: Vec<_> =
            edges.filter(|(_, to, _)| *to < program.len() && unvisited(*to)).collect();
        for (at, to, cause) in dead_ends {
            let count = claim(program, &visited, &mut claimed, to);
            if count > 0 {
                roots.push(root(cause, at, to, count));
            }
        }
        for at in 0..program.len() {
            if unvisited(at) && !claimed[at] {
                let count = claim(program, &visited, &mut claimed, at);
                roots.push(root(Cause::Unreferenced, at, at, count));
            }
        }
        explain(&mut roots, log, Provenance::new(program, &composition.relocated));
        Some(Unvisited { instructions, functions: composition.functions.clone(), roots })
    }
}

fn root(cause: Cause, at: usize, to: usize, instructions: u32) -> Root {
    let (at, to) = (at as u32, to as u32);
    let (line, operands) = (String::new(), String::new());
    Root { cause, at, to, instructions, line, operands, sources: Vec::new() }
}

/// The instructions that a log says were visited, with the line of each visit.
fn visits(log: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    log.split(|byte| *byte == b'\n').filter_map(|line| Some((visited_at(line)?, line)))
}

/// The instruction at the start of a line `12: (bf) …`.
fn visited_at(line: &[u8]) -> Option<usize> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = line.split_at_checked(digits)?;
    let opcode = rest.strip_prefix(b": (")?;
    let is_opcode =
        opcode.get(2) == Some(&b')') && opcode.iter().take(2).all(u8::is_ascii_hexdigit);
    if !is_opcode {
        return None;
    }
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// Adds what the log says at the roots' first visits.
fn explain(roots: &mut [Root], log: &[u8], mut provenance: Provenance<'_>) {
    let mut by_place: BTreeMap<usize, Vec<&mut Root>> = BTreeMap::new();
    for root in roots {
        by_place.entry(root.at as usize).or_default().push(root);
    }
    for line in log.split(|byte| *byte == b'\n') {
        if by_place.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(line);
        let Some(at) = visited_at(line) else {
            // The state at the start of a path.
            if line.starts_with(b"from ") {
                provenance.describe(&text);
            }
            continue;
        };
        for root in by_place.remove(&at).into_iter().flatten() {
            let (sources, operands) = provenance.operands(at);
            root.line = text.chars().take(LINE_LIMIT).collect();
            root.operands = operands;
            root.sources = sources.into_iter().collect();
        }
        provenance.visit(at, &text);
    }
}

/// Marks what is reached from `from` without visited instructions; how many are new.
fn claim(program: &[RawInstruction], visited: &[bool], claimed: &mut [bool], from: usize) -> u32 {
    let mut count = 0;
    let mut todo = vec![from];
    while let Some(at) = todo.pop() {
        if at >= program.len() || visited[at] || claimed[at] {
            continue;
        }
        claimed[at] = true;
        count += 1;
        todo.extend(successors(program, at).into_iter().map(|(to, _)| to));
    }
    count
}

fn second_slots(program: &[RawInstruction]) -> Vec<bool> {
    let mut second = vec![false; program.len()];
    let mut at = 0;
    while at < program.len() {
        let size = size(program[at]);
        if size == 2 && at + 1 < program.len() {
            second[at + 1] = true;
        }
        at += size;
    }
    second
}

/// In 8-byte slots.
fn size(instruction: RawInstruction) -> usize {
    if instruction.code == LDIMM64 { 2 } else { 1 }
}

/// Opcodes and their parts (include/uapi/linux/bpf.h, RFC 9669 sections 4.3 and 5.4).
const LDIMM64: u8 = 0x18;
const CLASS: u8 = 0x07;
const JMP: u8 = 0x05;
const JMP32: u8 = 0x06;
const OPERATION: u8 = 0xf0;
const JA: u8 = 0x00;
const CALL: u8 = 0x80;
const EXIT: u8 = 0x90;
/// In the source register of a call: to a subprogram, `immediate` from the next instruction.
const PSEUDO_CALL: u8 = 1;
/// In the source register of an `ldimm64`: the address of a subprogram, likewise.
const PSEUDO_FUNC: u8 = 4;

/// Where control can go from an instruction, by its opcode; callees count.
fn successors(program: &[RawInstruction], at: usize) -> Vec<(usize, Cause)> {
    let instruction = program[at];
    let next = at + size(instruction);
    let target = |offset: i64| usize::try_from(at as i64 + 1 + offset).unwrap_or(usize::MAX);
    let (class, operation) = (instruction.code & CLASS, instruction.code & OPERATION);
    let (offset, immediate) = (i64::from(instruction.offset), i64::from(instruction.immediate));
    if instruction.code == LDIMM64 && instruction.source == PSEUDO_FUNC {
        return vec![(next, Cause::Other), (target(immediate), Cause::Call)];
    }
    if class != JMP && class != JMP32 {
        return vec![(next, Cause::Other)];
    }
    match operation {
        JA if class == JMP32 => vec![(target(immediate), Cause::Other)],
        JA => vec![(target(offset), Cause::Other)],
        EXIT => Vec::new(),
        CALL if instruction.source == PSEUDO_CALL => {
            vec![(next, Cause::Call), (target(immediate), Cause::Call)]
        }
        CALL => vec![(next, Cause::Call)],
        _ => vec![(next, Cause::Branch), (target(offset), Cause::Branch)],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Cause, RawInstruction, Unvisited};
    use crate::provenance::{Composition, Source};

    fn instruction(code: u8, source: u8, offset: i16, immediate: i32) -> RawInstruction {
        RawInstruction { code, destination: 0, source, offset, immediate }
    }

    #[test]
    fn a_decided_branch_is_the_root_of_what_follows() {
        let program = [
            instruction(0xb7, 0, 0, 1),
            instruction(0x15, 0, 3, 1),
            instruction(0x18, 0, 0, 0),
            instruction(0, 0, 0, 0),
            instruction(0xb7, 0, 0, 2),
            instruction(0x95, 0, 0, 0),
        ];
        let log =
            b"func#0 @0\n0: R1=ctx() R10=fp0\n; 7: (b7) in a comment\n0: (b7) r0 = 1  ; R0_w=1\n\
                    1: (15) if r0 == 0x1 goto pc+3  ; R0_w=1\n5: (95) exit\nprocessed 3 insns\n";
        let composition = Composition { relocated: BTreeSet::from([0]), ..Composition::default() };
        let found = Unvisited::from_log(log, &program, &composition).unwrap();
        assert_eq!(found.instructions, [2, 4]);
        let [root] = found.roots.as_slice() else { panic!("{:?}", found.roots) };
        assert_eq!((root.cause, root.at, root.to, root.instructions), (Cause::Branch, 1, 2, 2));
        assert!(root.line.starts_with("1: (15)"), "{}", root.line);
        assert_eq!(root.operands, "R0=1");
        assert_eq!(root.sources, [Source::CoRe]);
    }

    #[test]
    fn a_function_that_nothing_calls_has_no_referrer() {
        let program = [instruction(0x95, 0, 0, 0), instruction(0x95, 0, 0, 0)];
        let found =
            Unvisited::from_log(b"0: (95) exit\n", &program, &Composition::default()).unwrap();
        assert_eq!(found.roots.len(), 1);
        assert_eq!(found.roots[0].cause, Cause::Unreferenced);
    }

    #[test]
    fn a_log_without_its_start_tells_nothing() {
        let program = [instruction(0xb7, 0, 0, 1), instruction(0x95, 0, 0, 0)];
        assert_eq!(Unvisited::from_log(b"1: (95) exit\n", &program, &Composition::default()), None);
    }
}
