//! Kinds of dead code that is left.

use std::collections::BTreeMap;

use bpfold_kernel::{Cause, ObjectVerdict, ProgramVerdict, Root, Source, Unvisited};

use crate::result::{Kind, Residual, ResidualEdge};

/// Functions and instructions in them, counted from the function's start.
type Spot = (String, u32);

/// What the verifier never visits in an object's programs, by section and name; nothing for
/// programs whose log is not complete.
pub fn classify(verdict: &ObjectVerdict) -> BTreeMap<(String, String), Residual> {
    let unvisited = |program: &'_ ProgramVerdict| program.loaded()?.unvisited.clone();
    let programs: Vec<(&ProgramVerdict, Unvisited)> = verdict
        .programs
        .iter()
        .filter_map(|program| Some((program, unvisited(program)?)))
        .collect();
    // How many programs have a function, and in how many of them each instruction is dead.
    let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
    let mut dead: BTreeMap<Spot, usize> = BTreeMap::new();
    for (_, unvisited) in &programs {
        unvisited.functions.iter().for_each(|f| *copies.entry(f.name.as_str()).or_default() += 1);
        for at in &unvisited.instructions {
            *dead.entry(spot(unvisited, *at)).or_default() += 1;
        }
    }
    let is_shared = |spot: &Spot| {
        let copies = copies.get(spot.0.as_str()).copied().unwrap_or(1);
        dead.get(spot).is_some_and(|dead| *dead < copies)
    };
    let residual = |unvisited: &Unvisited| Residual {
        instructions: unvisited.instructions.len(),
        edges: unvisited
            .roots
            .iter()
            .map(|root| {
                let spot = spot(unvisited, root.to);
                ResidualEdge {
                    kind: if is_shared(&spot) { Kind::SharedSubprogram } else { kind(root) },
                    function: spot.0,
                    edge: (root.at, root.to),
                    instructions: root.instructions,
                    line: root.line.clone(),
                    operands: root.operands.clone(),
                }
            })
            .collect(),
    };
    let named = |program: &ProgramVerdict| (program.section.clone(), program.name.clone());
    programs.iter().map(|(program, unvisited)| (named(program), residual(unvisited))).collect()
}

fn spot(unvisited: &Unvisited, at: u32) -> Spot {
    let function = unvisited.functions.iter().rfind(|function| function.start <= at);
    function.map_or_else(|| (String::new(), at), |f| (f.name.clone(), at - f.start))
}

fn kind(root: &Root) -> Kind {
    let is_pointer = |operand: &str| {
        let (_, value) = operand.split_once('=').unwrap_or_default();
        let is_number = value.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        !value.is_empty() && !is_number && !value.starts_with("scalar")
    };
    let falls_through = root.to == root.at + 1;
    if root.cause == Cause::Unreferenced {
        Kind::Uncalled
    } else if falls_through && root.line.contains(") call ") {
        Kind::NoReturn
    } else if root.sources.contains(&Source::CoRe) {
        Kind::CoRe
    } else if root.sources.contains(&Source::Kconfig) {
        Kind::Kconfig
    } else if root.operands.split(' ').any(is_pointer) {
        Kind::Pointer
    } else if root.sources.contains(&Source::Call) {
        Kind::CallResult
    } else {
        Kind::Other
    }
}
