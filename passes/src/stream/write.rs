//! Functions of basic blocks as a stream.

use super::read::{External, Lifted, pseudo};
use super::{FoldedStream, LessFolded, MapRef, Records, Stream, StreamError};
use crate::cfg::{Placed, linearize};
use crate::entity::{Func, Line, PerEntity};
use crate::ir::{Function, Program};
use crate::isa::{self, Callee, Imm64, Offset, Op, RawInsn, encode};

/// Lays out the functions in their order, without those that are gone.
pub(super) fn write(
    stream: &Stream,
    lifted: &Lifted,
    program: &Program,
    proven: usize,
    less: Vec<LessFolded>,
) -> Result<FoldedStream, StreamError> {
    let fail =
        |func: Func, problem: String| StreamError::Code { slot: lifted.start(func), problem };
    let mut bodies: Vec<(Func, Vec<Placed>)> = Vec::new();
    let mut starts: PerEntity<Func, Option<u32>> = PerEntity::default();
    let mut len = 0;
    for (id, function) in program.funcs.iter().filter(|(_, func)| !func.layout().is_empty()) {
        let placed = linearize(function, program.features);
        let placed = placed.map_err(|error| fail(id, error.to_string()))?;
        starts[id] = Some(len);
        len += placed.last().map_or(0, |last| last.slot + last.op.slots() as u32);
        bodies.push((id, placed));
    }
    let mut out = FoldedStream {
        insns: Vec::with_capacity(len as usize),
        func_info: stream.func_info.as_ref().map(empty),
        line_info: stream.line_info.as_ref().map(empty),
        slots: vec![None; stream.insns.len()],
        proven,
        less,
    };
    for (id, placed) in &bodies {
        let (function, start) = (&program.funcs[*id], out.insns.len() as u32);
        if let (Some(table), Some(Some(record))) = (&mut out.func_info, lifted.func_info.get(*id)) {
            push(table, stream, start, record);
        }
        for placed in placed {
            let slot = start + placed.slot;
            let op = with_fields(lifted, &starts, slot, placed.op);
            let op =
                op.ok_or_else(|| fail(*id, "a reference that cannot be written".to_owned()))?;
            let (raw, next_imm) = encode(&op).map_err(|error| fail(*id, error.to_string()))?;
            out.insns.push(raw);
            out.insns.extend(next_imm.map(|imm| RawInsn { imm, ..RawInsn::default() }));
        }
        if let Some(table) = &mut out.line_info {
            lines(table, stream, lifted, (function, &lifted.program.funcs[*id]), placed, start);
        }
        let end = out.insns.len() as u32;
        map_slots(&mut out.slots, lifted.start(*id), function, placed, (start, end));
    }
    Ok(out)
}

fn empty(records: &Records) -> Records {
    Records { bytes: Vec::new(), size: records.size }
}

fn push(table: &mut Records, stream: &Stream, slot: u32, record: &[u8]) {
    table.bytes.extend(match stream.endian {
        isa::Endian::Little => slot.to_le_bytes(),
        isa::Endian::Big => slot.to_be_bytes(),
    });
    table.bytes.extend(record);
}

/// The instruction at a slot with entities as the fields that name them.
fn with_fields(
    lifted: &Lifted,
    starts: &PerEntity<Func, Option<u32>>,
    slot: u32,
    op: Op<Offset>,
) -> Option<Op<Offset>> {
    let distance = |func: Func| {
        let distance = i64::from(starts[func]?) - i64::from(slot) - 1;
        i32::try_from(distance).ok()
    };
    Some(match op {
        Op::LdImm64 { dst, imm } => {
            let field = |src, imm, next_imm| Imm64::Pseudo { src, imm, next_imm };
            let imm = match imm {
                Imm64::Map(map) => match *lifted.maps.get(map)? {
                    MapRef::Fd(fd) => field(pseudo::MAP_FD, fd, 0),
                    MapRef::Index(index) => field(pseudo::MAP_IDX, index, 0),
                },
                Imm64::Section { section, offset } => {
                    let offset = u32::try_from(offset).ok()?.cast_signed();
                    match *lifted.sections.get(section)? {
                        MapRef::Fd(fd) => field(pseudo::MAP_VALUE, fd, offset),
                        MapRef::Index(index) => field(pseudo::MAP_IDX_VALUE, index, offset),
                    }
                }
                Imm64::Extern(external) => match *lifted.externs.get(external)? {
                    External::Variable { imm, next_imm } => field(pseudo::BTF_ID, imm, next_imm),
                    External::Function { .. } => return None,
                },
                Imm64::Func(func) => field(pseudo::FUNC, distance(func)?, 0),
                Imm64::Const(_) | Imm64::Pseudo { .. } => imm,
            };
            Op::LdImm64 { dst, imm }
        }
        Op::Call(Callee::Func(func)) => {
            Op::Call(Callee::Pseudo { src: pseudo::CALL, off: 0, imm: distance(func)? })
        }
        Op::Call(Callee::Extern(external)) => match *lifted.externs.get(external)? {
            External::Function { imm, off } => {
                Op::Call(Callee::Pseudo { src: pseudo::KFUNC_CALL, off, imm })
            }
            External::Variable { .. } => return None,
        },
        op => op,
    })
}

/// The lines of a function. Kernels want one at its first instruction, and rising slots
/// (`check_btf_line` of kernel/bpf/verifier.c).
fn lines(
    table: &mut Records,
    stream: &Stream,
    lifted: &Lifted,
    (function, original): (&Function, &Function),
    placed: &[Placed],
    start: u32,
) {
    let mut last: Option<Line> = None;
    for (at, placed) in placed.iter().enumerate() {
        let data = placed.inst.map(|inst| function.inst(inst));
        let mut line = data.and_then(|data| data.line);
        if at == 0 && line.is_none() {
            line = original.insts().find_map(|(_, inst)| original.inst(inst).line);
        }
        let Some(line) = line else { continue };
        if !data.is_some_and(|data| data.line_starts) && last == Some(line) {
            continue;
        }
        last = Some(line);
        if let Some(record) = lifted.lines.get(line) {
            push(table, stream, start + placed.slot, record);
        }
    }
}

/// For each slot that a function had the one that now does what it did.
fn map_slots(
    slots: &mut [Option<u32>],
    old_start: u32,
    function: &Function,
    placed: &[Placed],
    (start, end): (u32, u32),
) {
    let origin = |placed: &Placed| function.inst(placed.inst?).origin;
    let mut origins: Vec<(u32, u32)> =
        placed.iter().filter_map(|at| Some((origin(at)?, start + at.slot))).collect();
    origins.sort_unstable();
    let from = old_start as usize;
    let to = from.saturating_add(function.original_slots as usize);
    for (at, slot) in slots.get_mut(from..to).unwrap_or_default().iter_mut().enumerate() {
        let next = origins.partition_point(|(origin, _)| (*origin as usize) < at);
        *slot = origins.get(next).map(|(_, slot)| *slot).or(Some(end.saturating_sub(1)));
    }
    // A function is entered where it begins, whatever its first instruction was.
    if let Some(first) = slots.get_mut(from) {
        *first = Some(start);
    }
}
