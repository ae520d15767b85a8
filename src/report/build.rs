//! From the events of the passes to the report.

use std::collections::BTreeSet;

use super::{
    BranchReason, BranchReport, Dropped, FunctionKind, FunctionReport, LessReason, LimitKind,
    LoadReport, Location, Note, OpenVariable, Report, SourceLine,
};
use crate::Object;
use crate::btf::{Record as BtfRecord, Table};
use crate::draft::Draft;
use crate::elf::{ElfObject, Section, SectionIndex};
use crate::passes::analysis::calls::CallGraph;
use crate::passes::cfg::encoded_slots;
use crate::passes::entity::{Func, Line, PerEntity};
use crate::passes::ir::{Function, Linkage, Op, Program};
use crate::passes::isa::{Callee, Cond, Imm64, Operand, Reg, Width};
use crate::passes::opt::fold::{Event, LoadSource};
use crate::passes::pass::{FoldLog, Level, Limit};
use crate::record::Record;
use crate::seal::Seals;
use crate::variables::{Variable, Variables};

/// Puts the report together; the size of the result is not known yet.
pub(crate) fn build(
    object: &Object,
    program: &Program,
    log: &FoldLog,
    variables: &Variables<'_>,
    draft: &Draft,
    seals: &Seals<'_>,
    record: &Record,
) -> Report {
    let mut report = Report {
        functions: functions(object, program),
        values: record.clone().rows(),
        open: open(variables),
        notes: notes(object, program, log, draft, &seals.kept),
        dropped: dropped(object, program, draft, &seals.sealed),
        core_left: draft.ext.as_ref().map_or(0, |ext| count(&ext.core_relo)),
        size_before: object.file_size(),
        btf_before: btf_size(object.elf()),
        ..Report::default()
    };
    let before: u64 = report.instructions_before();
    let after: u64 = report.instructions_after();
    report.dropped.instructions = u32::try_from(before.saturating_sub(after)).unwrap_or(u32::MAX);
    let mut lines = Lines::new(object);
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
    report
}

fn btf_size(elf: &ElfObject) -> u64 {
    let section = elf.section_by_name(".BTF").and_then(|index| elf.sections.get(index));
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

fn slots(func: &Function) -> u32 {
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

fn notes(
    object: &Object,
    program: &Program,
    log: &FoldLog,
    draft: &Draft,
    kept: &[&Variable],
) -> Vec<Note> {
    let mut notes = only_returning(object, program);
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
            let (function, reason) = (func.name.clone(), LessReason::WouldGrow);
            notes.push(Note::FoldedLess { function, reason });
        }
    }
    notes.extend(log.limits.iter().map(|limit| {
        let (func, limit, value) = match *limit {
            Limit::Blocks(func, value) => (func, LimitKind::Blocks, value),
            Limit::Rounds(func, value) => (func, LimitKind::Rounds, value),
        };
        Note::Limit { function: program.funcs[func].name.clone(), limit, value }
    }));
    let goes = |(index, section): (SectionIndex, &Section)| {
        section.is_dwarf() && draft.sections.contains(&index)
    };
    if draft.elf.sections.iter().any(goes) {
        notes.push(Note::DwarfDropped);
    }
    notes.extend(kept.iter().map(|kept| Note::NotSealed { variable: kept.name.clone() }));
    notes
}

/// Programs that did something and now only return, or are not there at all.
fn only_returning(object: &Object, program: &Program) -> Vec<Note> {
    let before = &object.program().funcs;
    let programs = before.iter().filter(|(_, func)| func.linkage == Linkage::Entry);
    let programs: Vec<(Func, &Function)> = programs.collect();
    let is_there = |func: &Function| slots(func) != 0;
    let left = programs.iter().filter(|(id, _)| program.funcs.get(*id).is_some_and(is_there));
    if left.count() == 0 && !programs.is_empty() {
        return vec![Note::NoPrograms { before: programs.len() }];
    }
    let returns = |func: &Function| {
        let quiet = |op: &Op| matches!(op, Op::Mov { .. } | Op::Exit);
        func.opaque.is_none() && func.insts().all(|(_, inst)| quiet(func.op(inst)))
    };
    let emptied = programs.iter().filter(|(id, _)| {
        let now = program.funcs.get(*id).filter(|now| is_there(now));
        now.is_some_and(returns) && acts(object.program(), *id)
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

fn dropped(object: &Object, program: &Program, draft: &Draft, sealed: &[&Variable]) -> Dropped {
    let gone = program.funcs.iter().filter(|(id, func)| {
        slots(func) == 0 && object.program().funcs.get(*id).is_some_and(|old| slots(old) != 0)
    });
    let sections = draft.elf.sections.iter().filter(|(index, section)| {
        draft.sections.contains(index) && section.relocations().is_none()
    });
    let records = |before: usize, after: Option<usize>| before.saturating_sub(after.unwrap_or(0));
    let old = object.btf_ext();
    let new = draft.ext.as_ref();
    Dropped {
        instructions: 0,
        functions: gone.map(|(_, func)| func.name.clone()).collect(),
        maps: Vec::new(),
        sections: sections.map(|(index, _)| object.elf().section_id(index).name).collect(),
        variables: sealed.iter().map(|variable| variable.name.clone()).collect(),
        relocations: code_relocs(object, object.elf())
            .saturating_sub(code_relocs(object, &draft.elf)),
        func_info: records(
            old.map_or(0, |ext| count(&ext.func_info)),
            new.map(|ext| count(&ext.func_info)),
        ),
        line_info: records(
            old.map_or(0, |ext| count(&ext.line_info)),
            new.map(|ext| count(&ext.line_info)),
        ),
        core_relo: records(
            old.map_or(0, |ext| count(&ext.core_relo)),
            new.map(|ext| count(&ext.core_relo)),
        ),
    }
}

fn count<R: BtfRecord>(table: &Table<R>) -> usize {
    table.blocks.iter().map(|block| block.records.len()).sum()
}

fn code_relocs(object: &Object, elf: &ElfObject) -> usize {
    let relocs = elf.relocations_by_section();
    let code = object.links().code.iter();
    code.filter_map(|section| relocs.get(&section.index)).map(Vec::len).sum()
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

/// The source lines of instructions, found for a whole function at a time.
pub(crate) struct Lines<'o> {
    object: &'o Object,
    /// For each slot of a function the line of the original instruction.
    funcs: PerEntity<Func, Option<Vec<Option<Line>>>>,
}

impl<'o> Lines<'o> {
    pub(crate) fn new(object: &'o Object) -> Self {
        Lines { object, funcs: PerEntity::default() }
    }

    pub(crate) fn location(&mut self, func: Func, slot: Option<u32>) -> Location {
        let function = self.object.program().funcs.get(func);
        let line = slot.zip(function).and_then(|(slot, function)| {
            let lines = self.funcs[func].get_or_insert_with(|| lines_of(function));
            lines.get(slot as usize).copied().flatten()
        });
        Location {
            function: function.map(|function| function.name.clone()).unwrap_or_default(),
            instruction: slot,
            source: line.and_then(|line| source(self.object, line)),
        }
    }
}

fn lines_of(function: &Function) -> Vec<Option<Line>> {
    let mut lines = vec![None; function.original_slots as usize];
    for (_, inst) in function.insts() {
        let data = function.inst(inst);
        let entry = data.origin.and_then(|origin| lines.get_mut(origin as usize));
        if let Some(entry) = entry {
            *entry = data.line;
        }
    }
    lines
}

fn source(object: &Object, line: Line) -> Option<SourceLine> {
    let btf = object.btf()?;
    let record = &object.links().lines.get(line)?.record;
    Some(SourceLine {
        file: object.source_path(&btf.str_lossy(record.file_name_off)).to_owned(),
        line: record.line(),
        column: record.column(),
        text: btf.str_lossy(record.line_off).trim().to_owned(),
    })
}

fn condition(width: Width, cond: Cond, dst: Reg, src: Operand) -> String {
    let register = |reg: Reg| match width {
        Width::W32 => format!("w{}", reg.number()),
        Width::W64 => format!("r{}", reg.number()),
    };
    let sign = match cond {
        Cond::Eq => "==",
        Cond::Ne => "!=",
        Cond::Gt => ">",
        Cond::Ge => ">=",
        Cond::Lt => "<",
        Cond::Le => "<=",
        Cond::Set => "&",
        Cond::Sgt => "s>",
        Cond::Sge => "s>=",
        Cond::Slt => "s<",
        Cond::Sle => "s<=",
    };
    let second = match src {
        Operand::Reg(reg) => register(reg),
        Operand::Imm(imm) => imm.to_string(),
    };
    format!("{} {sign} {second}", register(dst))
}
