//! From what the stages did to the report.

use std::collections::BTreeSet;

use super::fold::Code;
use super::{Fold, Made};
use crate::elf::{ElfObject, Section};
use crate::lines::Lines;
use crate::needs::{self, Property};
use crate::passes::analysis::calls::CallGraph;
use crate::passes::cfg::encoded_slots;
use crate::passes::entity::Func;
use crate::passes::ir::{Function, Linkage, Op, Program};
use crate::passes::isa::{Callee, Cond, Imm64, Operand, Reg, Width};
use crate::passes::opt::fold::{Event, LoadSource};
use crate::passes::pass::{FoldLog, Level, Limit};
use crate::proof::{Proof, Refused};
use crate::prune::{self, Findings, Live, Reasons, Scope};
use crate::report::{
    BranchReason, BranchReport, DeadReport, FunctionKind, FunctionReport, LessFolded, LessReason,
    LimitKind, LoadReport, Location, Note, OpenVariable, PartKind, ProofReport, RefusalReport,
    Report,
};
use crate::sections::BTF;
use crate::variables::Variables;
use crate::{Object, bounds, effects};

/// What was done, and why.
pub(super) fn report(fold: &Fold<'_>, made: &Made<'_>) -> Report {
    let object = fold.object;
    let Code { program, log, live, entered, proof, stubs, .. } = &made.code;
    let scope = &made.resolved.scope;
    let variables = &fold.variables;
    let lines = &mut Lines::new(object);
    let mut report = Report {
        functions: functions(object, program),
        values: made.record.clone().rows(),
        open: open(variables),
        notes: notes(object, &made.code),
        dropped: made.leaving.dropped.clone(),
        core: made.resolved.core.report(object, lines),
        core_left: made.leaving.core_left,
        size_before: object.file_size(),
        size_after: made.written.bytes.len() as u64,
        btf_before: btf_size(object.elf()),
        btf_after: made.written.btf_size,
        ..Report::default()
    };
    let before: u64 = report.instructions_before();
    let after: u64 = report.instructions_after();
    report.dropped.instructions = u32::try_from(before.saturating_sub(after)).unwrap_or(u32::MAX);
    report.notes.extend(made.leaving.notes.iter().cloned());
    add_events(&mut report, object, log, variables, lines);
    let findings = Findings {
        scope,
        live,
        program,
        stubs,
        log,
        variables,
        core: &made.resolved.core.answered(object),
    };
    add_reasons(&mut report, prune::reasons(&findings, &made.cut, lines, fold.explain));
    report.notes.extend(made.missing.iter().cloned());
    add_replaceable(&mut report, object, &made.code.held);
    report.notes.extend(fold.told.iter().cloned());
    report.notes.extend(odd_enums(fold));
    report.notes.extend(without_effect(fold));
    report.notes.extend(bounds::outside(object, (program, log), entered, variables, lines));
    if fold.check {
        add_proof(&mut report, proof, (log, program), (scope, live), lines);
    }
    report.notes.extend(made.refused.iter().map(|refused| Note::TypesRefused {
        section: refused.section.clone(),
        variable: refused.variable.clone(),
        problem: refused.problem,
    }));
    if has_lost_names(&report) {
        report.notes.push(Note::NamesGone);
    }
    report
}

fn add_events(
    report: &mut Report,
    object: &Object,
    log: &FoldLog,
    variables: &Variables<'_>,
    lines: &mut Lines<'_>,
) {
    for event in &log.events {
        match *event {
            Event::LoadFolded { func, slot, source, size, value } => {
                let at = lines.location(func, slot);
                report.loads.push(load(object, variables, at, source, size.bytes(), value));
            }
            Event::BranchDecided { func, slot, width, cond, dst, src, left, right, taken } => {
                report.branches.push(BranchReport {
                    at: lines.location(func, slot),
                    condition: condition(width, cond, dst, src),
                    left,
                    right,
                    taken,
                    reason: BranchReason::default(),
                });
            }
            Event::JumpDecided { func, slot, dst, entry } => {
                report.branches.push(BranchReport {
                    at: lines.location(func, slot),
                    condition: format!("gotox r{}", dst.number()),
                    left: entry,
                    right: None,
                    taken: true,
                    reason: BranchReason::default(),
                });
            }
        }
    }
}

fn btf_size(elf: &ElfObject) -> u64 {
    let section = elf.section_by_name(BTF).and_then(|index| elf.sections.get(index));
    section.and_then(Section::content_size).unwrap_or(0)
}

fn functions(object: &Object, program: &Program) -> Vec<FunctionReport> {
    let links = object.links();
    let function = |(id, func): (Func, &Function)| {
        let section = links.funcs.get(id).map(|link| object.elf().section_id(link.section).name);
        FunctionReport {
            name: func.name.clone(),
            section: section.unwrap_or_default(),
            kind: match func.linkage {
                Linkage::Entry => FunctionKind::Program,
                Linkage::Global => FunctionKind::Global,
                Linkage::Static => FunctionKind::Static,
            },
            before: func.original_slots,
            after: slots(func),
            loaded: reachable(program, id)
                .into_iter()
                .filter_map(|id| program.funcs.get(id))
                .map(slots)
                .sum(),
        }
    };
    program.funcs.iter().map(function).collect()
}

pub(super) fn slots(func: &Function) -> u32 {
    match &func.opaque {
        Some(_) => func.original_slots,
        None => encoded_slots(func),
    }
}

fn open(variables: &Variables<'_>) -> Vec<OpenVariable> {
    let open = variables.iter().filter(|variable| !variables.is_sealed(variable));
    open.map(|variable| OpenVariable {
        name: variable.name.clone(),
        type_name: variable.type_name.clone(),
        section: variable.section.clone(),
        volatile: variable.is_volatile,
        final_members: variables.final_members(variable),
    })
    .collect()
}

fn notes(object: &Object, code: &Code) -> Vec<Note> {
    let Code { program, log, too_far, .. } = code;
    let mut notes = only_returning(object, code);
    let recursive = CallGraph::new(program).calling_themselves();
    let recursive = program.funcs.iter().filter(|(id, _)| recursive[*id]);
    notes.extend(recursive.map(|(_, func)| Note::Recursive { function: func.name.clone() }));
    for (id, func) in object.program().funcs.iter() {
        if let Some(opaque) = &func.opaque {
            notes.push(Note::Opaque {
                function: func.name.clone(),
                reason: opaque.reason.clone(),
                instruction: opaque.slot,
            });
        }
        let too_large = |limit: &Limit| matches!(limit, Limit::Blocks(func, _) if *func == id);
        if log.levels[id] != Level::Full && !log.limits.iter().any(too_large) {
            let is_too_far = too_far.iter().any(|far| program.funcs[*far].name == func.name);
            let reason = if is_too_far { LessReason::JumpTooFar } else { LessReason::WouldGrow };
            notes.push(Note::FoldedLess { function: func.name.clone(), reason });
        }
    }
    notes.extend(log.limits.iter().map(|limit| {
        let (func, limit, value) = match *limit {
            Limit::Blocks(func, value) => (func, LimitKind::Blocks, value),
            Limit::Rounds(func, value) => (func, LimitKind::Rounds, value),
        };
        Note::Limit { function: program.funcs[func].name.clone(), limit, value }
    }));
    notes
}

/// Programs that did something and now only return, or are not there at all.
fn only_returning(object: &Object, code: &Code) -> Vec<Note> {
    let Code { program, stubs, .. } = code;
    let before = &object.program().funcs;
    let programs = before.iter().filter(|(_, func)| func.linkage == Linkage::Entry);
    let programs: Vec<(Func, &Function)> = programs.collect();
    // What bindings name is told by itself.
    let is_there = |func: &Function| slots(func) != 0;
    let left = programs
        .iter()
        .filter(|(id, _)| !stubs.contains(id) && program.funcs.get(*id).is_some_and(is_there));
    if left.count() == 0 && !programs.is_empty() {
        return vec![Note::NoPrograms { before: programs.len() }];
    }
    let returns = |func: &Function| {
        let quiet = |op: &Op| matches!(op, Op::Mov { .. } | Op::Exit);
        func.opaque.is_none() && func.insts().all(|(_, inst)| quiet(func.op(inst)))
    };
    let emptied = programs.iter().filter(|(id, _)| {
        let now = program.funcs.get(*id).filter(|now| is_there(now));
        !stubs.contains(id) && now.is_some_and(returns) && acts(object.program(), *id)
    });
    emptied.map(|(_, old)| Note::OnlyReturns { program: old.name.clone() }).collect()
}

/// Whether a function, or one that it calls, calls into the kernel or writes to what is not its
/// frame.
fn acts(program: &Program, func: Func) -> bool {
    let acts = |op: &Op| match op {
        Op::Call(Callee::Func(_)) => false,
        Op::Call(_) | Op::Atomic { .. } | Op::StoreRelease { .. } => true,
        Op::Store { base, .. } => *base != Reg::FP,
        _ => false,
    };
    let funcs = reachable(program, func).into_iter().filter_map(|id| program.funcs.get(id));
    let mut ops = funcs.flat_map(|func| func.insts().map(|(_, inst)| func.op(inst)));
    ops.any(acts)
}

/// A function with those that it calls or passes on, directly or not: what the kernel gets as one
/// program.
fn reachable(program: &Program, func: Func) -> BTreeSet<Func> {
    let mut seen = BTreeSet::from([func]);
    let mut work = vec![func];
    while let Some(func) = work.pop() {
        let Some(function) = program.funcs.get(func) else { continue };
        for (_, inst) in function.insts() {
            let named = match function.op(inst) {
                Op::Call(Callee::Func(named)) => *named,
                Op::LdImm64 { imm: Imm64::Func(named), .. } => *named,
                _ => continue,
            };
            if seen.insert(named) {
                work.push(named);
            }
        }
    }
    seen
}

fn load(
    object: &Object,
    variables: &Variables<'_>,
    at: Location,
    source: LoadSource,
    size: u32,
    value: u64,
) -> LoadReport {
    let program = object.program();
    let (section, offset) = match source {
        LoadSource::Section { section, offset } => {
            (program.sections.get(section).map(|section| section.name.clone()), offset)
        }
        LoadSource::Extern { ext, offset } => {
            (program.externs.get(ext).map(|ext| ext.name.clone()), offset)
        }
    };
    let section = section.unwrap_or_default();
    let (variable, text, by) = match source {
        LoadSource::Section { section, offset } => {
            let index = object.links().sections.get(section).map(|link| link.index);
            let start = u64::try_from(offset).ok();
            let bytes = start.map(|start| start..start.saturating_add(u64::from(size)));
            match index.zip(bytes) {
                Some((index, bytes)) => {
                    let by = variables.origin(index, bytes.clone());
                    let variable = variables.describe(index, bytes);
                    let value = variable.as_ref().and_then(|path| variables.value(path).ok());
                    (variable, value.map(|value| value.to_string()), by)
                }
                None => (None, None, String::new()),
            }
        }
        LoadSource::Extern { .. } => {
            (Some(section.clone()), Some(value.to_string()), "the kernel".to_owned())
        }
    };
    LoadReport { at, section, offset, size, value, variable, text, by }
}

/// Adds why parts of the object went or stayed.
fn add_reasons(report: &mut Report, reasons: Reasons) {
    let maps = reasons.dead.iter().filter(|dead| dead.kind == PartKind::Map);
    report.dropped.maps = maps.map(|dead| dead.name.clone()).collect();
    report.dead = reasons.dead;
    report.cut = reasons.cut;
    report.kept = reasons.kept;
    for (branch, reason) in report.branches.iter_mut().zip(reasons.branches) {
        branch.reason = reason;
    }
    report.explained = reasons.explained;
    report.notes.extend(reasons.notes);
}

/// Whether names are gone that bindings look up.
fn has_lost_names(report: &Report) -> bool {
    let is_named = |dead: &DeadReport| match dead.kind {
        PartKind::Program | PartKind::Map => true,
        PartKind::Section => {
            [".data", ".rodata", ".bss"].iter().any(|kind| dead.name.starts_with(kind))
        }
        PartKind::Subprogram | PartKind::Extern => false,
    };
    !report.dropped.variables.is_empty() || report.dead.iter().any(is_named)
}

/// Adds what the checker said. A function that it refused is not one that would have grown.
fn add_proof(
    report: &mut Report,
    proof: &Proof,
    (log, program): (&FoldLog, &Program),
    (scope, live): (&Scope<'_>, &Live),
    lines: &mut Lines<'_>,
) {
    let kept = proof.kept(live);
    let refusal = |(&func, refused): (&Func, &Refused)| RefusalReport {
        function: program.funcs[func].name.clone(),
        at: lines.location(refused.refusal.func, refused.refusal.slot),
        reason: refused.refusal.reason.to_string(),
        folded: match log.levels[func] {
            Level::Full | Level::Narrow | Level::Plain => LessFolded::Values,
            Level::Bare => LessFolded::Branches,
            Level::None => LessFolded::Nothing,
        },
        instructions: encoded_slots(&program.funcs[func]).saturating_sub(refused.slots),
        keeps: kept(func).into_iter().map(|node| scope.name(node)).collect(),
    };
    let refused: Vec<RefusalReport> = proof.refused.iter().map(refusal).collect();
    let is_refused = |name: &String| refused.iter().any(|r| r.function == *name);
    report
        .notes
        .retain(|note| !matches!(note, Note::FoldedLess { function, .. } if is_refused(function)));
    report.notes.extend(refused.iter().map(|refusal| Note::RefusedProof {
        function: refusal.function.clone(),
        at: refusal.at.clone(),
        reason: refusal.reason.clone(),
    }));
    report.proof = Some(ProofReport { proven: proof.proven, refused });
}

/// Adds the functions that stay as they were for what a replacement of them may do. What they
/// call stays with them.
fn add_replaceable(report: &mut Report, object: &Object, held: &[(Func, Property)]) {
    let name = |func: Func| object.program().funcs[func].name.clone();
    let parts = held.iter().flat_map(|(func, _)| needs::parts(object.program(), *func));
    let parts: Vec<String> = parts.map(name).collect();
    let is_part = |name: &String| parts.contains(name);
    report
        .notes
        .retain(|note| !matches!(note, Note::FoldedLess { function, .. } if is_part(function)));
    report.notes.extend(held.iter().map(|(func, property)| Note::Replaceable {
        function: name(*func),
        property: property.text(),
    }));
}

/// Notes of values that change nothing. Those of an earlier fold have done so already.
fn without_effect(fold: &Fold<'_>) -> Vec<Note> {
    let earlier = fold.record.values.iter().filter(|known| !known.sealed && !known.frozen);
    let earlier: BTreeSet<&str> = earlier.map(|known| known.name.as_str()).collect();
    effects::without_effect(fold.object, &fold.variables, &earlier)
}

/// Notes of numbers that are no values of their enums.
fn odd_enums(fold: &Fold<'_>) -> Vec<Note> {
    let earlier = |path: &str| fold.record.values.iter().any(|known| known.name == path);
    let new = fold.variables.set_values().filter(|set| !earlier(set.path));
    new.flat_map(|set| {
        set.odd.iter().map(move |odd| Note::EnumRange {
            variable: set.path.to_owned(),
            type_name: odd.type_name.clone(),
            value: odd.value.clone(),
            known: odd.known.clone(),
        })
    })
    .collect()
}

fn condition(width: Width, cond: Cond, dst: Reg, src: Operand) -> String {
    let register = |reg: Reg| match width {
        Width::W32 => format!("w{}", reg.number()),
        Width::W64 => format!("r{}", reg.number()),
    };
    let second = match src {
        Operand::Reg(reg) => register(reg),
        Operand::Imm(imm) => imm.to_string(),
    };
    format!("{} {} {second}", register(dst), cond.symbol())
}
