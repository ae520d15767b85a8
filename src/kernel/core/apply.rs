//! Resolved records into a program, and the check of what was left after folding.

use std::collections::BTreeMap;

use super::{CoreError, CoreMode, Problem, Resolution, describe};
use crate::Object;
use crate::btf::{CoreRelo, CoreReloKind};
use crate::lift::links::FuncLink;
use crate::lines::Lines;
use crate::passes::entity::{Core, Func, Inst};
use crate::passes::ir::{Function, OpaqueItem, Program};
use crate::passes::isa::{Op, encode};
use crate::passes::pass::{FoldLog, Level};
use crate::report::{CoreReport, Note};

/// What came of the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// The records that have become values.
    pub resolved: Vec<Resolved>,
    /// The records that stay, though they should have a value, and why.
    pub unresolvable: BTreeMap<Core, Problem>,
}

/// A record that has become a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// The function of its instruction.
    pub func: Func,
    /// The instruction's slot, counted from the function's start.
    pub slot: Option<u32>,
    /// The record.
    pub record: CoreRelo,
    /// Its value.
    pub value: u64,
}

/// Puts the values of the records that `mode` resolves into `program`.
pub(crate) fn apply(program: &mut Program, resolutions: &[Resolution], mode: CoreMode) -> Applied {
    let mut applied = Applied::default();
    // No compiler gives an instruction more than one record; libbpf goes through all of them.
    let mut by_core: BTreeMap<Core, Vec<&Resolution>> = BTreeMap::new();
    for resolution in resolutions {
        by_core.entry(resolution.core).or_default().push(resolution);
    }
    by_core.retain(|_, list| list.iter().all(|one| mode.resolves(one.record.kind)));
    for (id, func) in program.funcs.iter_mut() {
        let insts: Vec<(Inst, Core)> = func
            .insts()
            .filter_map(|(_, inst)| Some((inst, func.inst(inst).core?)))
            .filter(|(_, core)| by_core.contains_key(core))
            .collect();
        for (inst, core) in insts {
            let slot = func.inst(inst).origin;
            let list = &by_core[&core];
            applied.note(core, patch_inst(func, inst, list), (id, slot, list));
        }
        for item in func.opaque.iter_mut().flat_map(|opaque| &mut opaque.items) {
            if let Some(core) = item.core
                && let Some(list) = by_core.get(&core)
            {
                let slot = Some(item.origin);
                applied.note(core, patch_opaque(item, list), (id, slot, list));
            }
        }
    }
    applied
}

fn patched<T>(mut op: Op<T>, list: &[&Resolution]) -> Result<Op<T>, Problem> {
    for resolution in list {
        resolution.patch(&mut op)?;
    }
    Ok(op)
}

fn patch_inst(func: &mut Function, inst: Inst, list: &[&Resolution]) -> Result<(), Problem> {
    let op = patched(*func.op(inst), list)?;
    if func.inst(inst).reloc.is_some() {
        return Err(Problem::Instruction);
    }
    func.attach(inst, |data| data.core = None);
    func.replace(inst, op);
    Ok(())
}

fn patch_opaque(item: &mut OpaqueItem, list: &[&Resolution]) -> Result<(), Problem> {
    let op = item.op.filter(|_| item.reloc.is_none()).ok_or(Problem::Instruction)?;
    let op = patched(op, list)?;
    (item.raw, item.next_imm) = encode(&op).map_err(|_| Problem::Instruction)?;
    (item.op, item.core) = (Some(op), None);
    Ok(())
}

impl Applied {
    fn note(
        &mut self,
        core: Core,
        result: Result<(), Problem>,
        (func, slot, list): (Func, Option<u32>, &[&Resolution]),
    ) {
        match result {
            Err(problem) => {
                self.unresolvable.insert(core, problem);
            }
            Ok(()) => self.resolved.extend(list.iter().filter_map(|one| {
                let value = *one.value.as_ref().ok()?;
                Some(Resolved { func, slot, record: one.record.clone(), value })
            })),
        }
    }

    /// Whether what is left of a folded program needs no record that has no value. Programs that
    /// loaders leave out unless they are asked for (`SEC("?…")`) may: they keep their records. So
    /// do functions that were not analysed, in which such a record may be dead: it is left to the
    /// loader, with a note.
    ///
    /// # Errors
    /// The first instruction that does.
    pub fn check(
        &self,
        object: &Object,
        program: &Program,
        log: &FoldLog,
    ) -> Result<Vec<Note>, CoreError> {
        let mut notes = Vec::new();
        if self.unresolvable.is_empty() {
            return Ok(notes);
        }
        let mut lines = Lines::new(object);
        for (id, func) in program.funcs.iter().filter(|(id, _)| !is_optional(object, *id)) {
            let live = func.insts().map(|(_, inst)| {
                let data = func.inst(inst);
                (data.core, data.origin)
            });
            let opaque = func.opaque.iter().flat_map(|opaque| &opaque.items);
            let opaque = opaque.map(|item| (item.core, Some(item.origin)));
            for (core, slot) in live.chain(opaque) {
                let Some((core, problem)) = core.zip(core.and_then(|c| self.unresolvable.get(&c)))
                else {
                    continue;
                };
                let Some((recorded, btf)) = object.links().core.get(core).zip(object.btf()) else {
                    continue;
                };
                let what = describe(btf, &recorded.record);
                let kind = kind_name(recorded.record.kind);
                let at = lines.location(id, slot);
                if func.opaque.is_none() && log.levels[id] != Level::None {
                    let (problem, at) = (problem.clone(), Box::new(at));
                    return Err(CoreError::Unresolvable { what, kind, problem, at });
                }
                let problem = problem.to_string();
                notes.push(Note::LeftToLoader { at, subject: what, kind, problem });
            }
        }
        Ok(notes)
    }

    /// The rows of the report.
    pub fn report(&self, object: &Object, lines: &mut Lines<'_>) -> Vec<CoreReport> {
        let Some(btf) = object.btf() else { return Vec::new() };
        let resolved = self.resolved.iter();
        resolved
            .map(|resolved| CoreReport {
                at: lines.location(resolved.func, resolved.slot),
                subject: describe(btf, &resolved.record),
                kind: kind_name(resolved.record.kind),
                value: resolved.value,
            })
            .collect()
    }
}

/// What the relocations of instructions were asked, and the answers, by function and slot.
pub(crate) type Answered = BTreeMap<(Func, u32), (String, u64)>;

impl Applied {
    /// The answers that are in the code now.
    pub fn answered(&self, object: &Object) -> Answered {
        let Some(btf) = object.btf() else { return Answered::new() };
        let answers = self.resolved.iter().filter_map(|resolved| {
            let record = &resolved.record;
            let text = format!("{} of {}", kind_name(record.kind), describe(btf, record));
            Some(((resolved.func, resolved.slot?), (text, resolved.value)))
        });
        answers.collect()
    }
}

/// What a relocation asks, such as `existence of field pid of struct task_struct`.
pub(crate) fn question_text(object: &Object, core: Core) -> String {
    match object.links().core.get(core).zip(object.btf()) {
        Some((recorded, btf)) => {
            let kind = kind_name(recorded.record.kind);
            format!("{kind} of {}", describe(btf, &recorded.record))
        }
        None => String::new(),
    }
}

fn is_optional(object: &Object, func: Func) -> bool {
    let link: Option<&FuncLink> = object.links().funcs.get(func);
    let section = link.and_then(|link| object.elf().sections.get(link.section));
    section.is_some_and(|section| section.name.starts_with(b"?"))
}

fn kind_name(kind: CoreReloKind) -> &'static str {
    match kind {
        CoreReloKind::FieldByteOffset => "byte offset",
        CoreReloKind::FieldByteSize => "size",
        CoreReloKind::FieldExists => "existence",
        CoreReloKind::FieldSigned => "sign",
        CoreReloKind::FieldLShiftU64 => "left shift",
        CoreReloKind::FieldRShiftU64 => "right shift",
        CoreReloKind::TypeIdLocal => "type id in the object",
        CoreReloKind::TypeIdTarget => "type id",
        CoreReloKind::TypeExists => "existence",
        CoreReloKind::TypeSize => "size",
        CoreReloKind::EnumvalExists => "existence",
        CoreReloKind::EnumvalValue => "value",
        CoreReloKind::TypeMatches => "match",
    }
}
