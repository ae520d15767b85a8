//! A stream as functions of basic blocks.

use std::collections::{BTreeMap, BTreeSet};

use super::{MapRef, Records, Stream, StreamError};
use crate::entity::{Block, EntityVec, Extern, Func, Line, Map, PerEntity, Section};
use crate::ir::{DataSection, ExternDecl, Features, Function, InstData, Linkage, MapDecl, Program};
use crate::isa::{self, Callee, Imm64, Offset, Op, RawInsn, Reg, decode};

/// Pseudo source registers of `ldimm64` and `call` (linux/bpf.h).
pub(super) mod pseudo {
    pub const MAP_FD: u8 = 1;
    pub const MAP_VALUE: u8 = 2;
    pub const BTF_ID: u8 = 3;
    pub const FUNC: u8 = 4;
    pub const MAP_IDX: u8 = 5;
    pub const MAP_IDX_VALUE: u8 = 6;
    pub const CALL: u8 = 1;
    pub const KFUNC_CALL: u8 = 2;
}

/// What an extern stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum External {
    /// A variable of the kernel: its BTF id, and the file descriptor of the BTF object.
    Variable { imm: i32, next_imm: i32 },
    /// A function of the kernel: its BTF id, and the place of the BTF object's file descriptor.
    Function { imm: i32, off: i16 },
}

/// The program of a stream, and what its entities stand for.
pub(super) struct Lifted {
    pub program: Program,
    /// The slot at which each function starts.
    pub starts: EntityVec<Func, u32>,
    pub maps: EntityVec<Map, MapRef>,
    pub sections: EntityVec<Section, MapRef>,
    pub externs: EntityVec<Extern, External>,
    /// The `line_info` records, without their slots.
    pub lines: EntityVec<Line, Vec<u8>>,
    /// The `func_info` record of each function, without its slot.
    pub func_info: EntityVec<Func, Option<Vec<u8>>>,
}

/// An instruction as it is encoded.
struct Insn {
    slot: u32,
    op: Op<Offset>,
}

impl Insn {
    fn end(&self) -> u32 {
        self.slot + self.op.slots() as u32
    }

    /// The slot that it jumps to.
    fn jump(&self) -> Option<i64> {
        let Offset(distance) = *self.op.target()?;
        Some(i64::from(self.slot) + 1 + i64::from(distance))
    }

    /// The slot of the subprogram that it names.
    fn names(&self) -> Option<i64> {
        let imm = match self.op {
            Op::Call(Callee::Pseudo { src: pseudo::CALL, imm, .. }) => imm,
            Op::LdImm64 { imm: Imm64::Pseudo { src: pseudo::FUNC, imm, .. }, .. } => imm,
            _ => return None,
        };
        Some(i64::from(self.slot) + 1 + i64::from(imm))
    }
}

impl Lifted {
    pub fn read(stream: &Stream) -> Result<Lifted, StreamError> {
        for (map, contents) in &stream.sections {
            let (bytes, mask) = (contents.bytes.len(), contents.final_bits.len());
            if bytes != mask {
                return Err(StreamError::Mask { map: *map, bytes, mask });
            }
        }
        let insns = insns(stream)?;
        let func_info = records(stream, stream.func_info.as_ref(), "func_info", &insns)?;
        let line_info = records(stream, stream.line_info.as_ref(), "line_info", &insns)?;
        let mut starts: BTreeSet<u32> = func_info.keys().copied().chain([0]).collect();
        for insn in &insns {
            if let Some(target) = insn.names() {
                starts.insert(head(&insns, insn, target, "a reference to no instruction")?);
            }
        }
        let mut program = Program::new(stream.endian);
        program.features = Features::of(insns.iter().map(|insn| &insn.op));
        let mut lifted = Lifted {
            program,
            starts: starts.iter().copied().collect(),
            maps: EntityVec::new(),
            sections: EntityVec::new(),
            externs: EntityVec::new(),
            lines: EntityVec::new(),
            func_info: starts.iter().map(|start| func_info.get(start).cloned()).collect(),
        };
        let ends = starts.iter().copied().skip(1).chain([stream.insns.len() as u32]);
        for (at, (start, end)) in starts.iter().copied().zip(ends).enumerate() {
            let is_static = stream.func_info.is_none() || stream.statics.contains(&start);
            let linkage = match at {
                0 => Linkage::Entry,
                _ if is_static => Linkage::Static,
                _ => Linkage::Global,
            };
            let mut function = Function::new(format!("at {start}"), linkage);
            function.original_slots = end - start;
            let from = insns.partition_point(|insn| insn.slot < start);
            let to = insns.partition_point(|insn| insn.slot < end);
            let body = insns.get(from..to).unwrap_or_default();
            lifted.body(stream, &mut function, (start, end), body, &line_info)?;
            lifted.program.funcs.push(function);
        }
        Ok(lifted)
    }

    /// The slot at which a function started.
    pub fn start(&self, func: Func) -> u32 {
        self.starts.get(func).copied().unwrap_or_default()
    }

    fn body(
        &mut self,
        stream: &Stream,
        function: &mut Function,
        (start, end): (u32, u32),
        insns: &[Insn],
        lines: &BTreeMap<u32, Vec<u8>>,
    ) -> Result<(), StreamError> {
        let mut leads: BTreeSet<u32> = BTreeSet::from([start]);
        for insn in insns {
            let fail = |problem: &str| Err(code(insn.slot, problem));
            if insn.op.defs().contains(Reg::FP) {
                return fail("a write to the frame pointer");
            }
            match insn.op {
                Op::GotoX { .. } => return fail("a jump by a table, whose entries are in a map"),
                // The verifier wants the arena's map to be named by the program (`check_alu_op`),
                // and which map that is the stream does not tell.
                Op::AddrSpaceCast { .. } => return fail("a cast of an address of an arena"),
                _ => {}
            }
            if let Some(target) = insn.jump() {
                if !(i64::from(start)..i64::from(end)).contains(&target) {
                    return fail("a jump out of its function");
                }
                leads.insert(head(insns, insn, target, "a jump to no instruction")?);
            }
            if insn.op.is_terminator() && insn.end() < end {
                leads.insert(insn.end());
            }
        }
        match insns.last() {
            Some(last) if last.op.ends_block_without_fallthrough() => {}
            Some(last) => return Err(code(last.slot, "control runs past the function's end")),
            None => return Err(code(start, "a function without instructions")),
        }
        let blocks: BTreeMap<u32, Block> =
            leads.iter().map(|slot| (*slot, function.push_block())).collect();
        let block_at = |slot: i64| u32::try_from(slot).ok().and_then(|slot| blocks.get(&slot));
        let mut nexts: PerEntity<Block, Option<Block>> = PerEntity::default();
        let (mut current, mut line) = (None, None);
        for insn in insns {
            current = block_at(i64::from(insn.slot)).copied().or(current);
            let own = lines.get(&insn.slot);
            if let Some(record) = own {
                line = Some(self.lines.push(record.clone()));
            }
            let Some(block) = current else { continue };
            let op = self.resolve(stream, insn)?;
            let target = insn.jump().and_then(block_at).copied().unwrap_or(block);
            let op = op.map_target(|_| target);
            let data = InstData {
                origin: Some(insn.slot - start),
                line,
                line_starts: own.is_some(),
                ..InstData::new(op)
            };
            function.push_inst(block, data);
            if !op.ends_block_without_fallthrough() {
                nexts[block] = block_at(i64::from(insn.end())).copied();
            }
        }
        for block in blocks.into_values() {
            function.set_next(block, nexts[block]);
        }
        Ok(())
    }

    /// The instruction with what it names as an entity.
    fn resolve(&mut self, stream: &Stream, insn: &Insn) -> Result<Op<Offset>, StreamError> {
        let unknown = |src: u8| {
            Err(code(insn.slot, &format!("the source register field {src}, which is not known")))
        };
        Ok(match insn.op {
            Op::LdImm64 { dst, imm: Imm64::Pseudo { src, imm, next_imm } } => {
                let imm = match src {
                    pseudo::MAP_FD => Imm64::Map(self.map(MapRef::Fd(imm))),
                    pseudo::MAP_IDX => Imm64::Map(self.map(MapRef::Index(imm))),
                    pseudo::MAP_VALUE | pseudo::MAP_IDX_VALUE => {
                        let map = match src {
                            pseudo::MAP_VALUE => MapRef::Fd(imm),
                            _ => MapRef::Index(imm),
                        };
                        // The kernel takes the offset for unsigned.
                        let offset = i64::from(next_imm.cast_unsigned());
                        Imm64::Section { section: self.section(stream, map), offset }
                    }
                    pseudo::BTF_ID => {
                        Imm64::Extern(self.external(External::Variable { imm, next_imm }))
                    }
                    pseudo::FUNC => Imm64::Func(self.func(insn)?),
                    src => return unknown(src),
                };
                Op::LdImm64 { dst, imm }
            }
            Op::Call(Callee::Pseudo { src, off, imm }) => Op::Call(match src {
                pseudo::CALL => Callee::Func(self.func(insn)?),
                pseudo::KFUNC_CALL => {
                    Callee::Extern(self.external(External::Function { imm, off }))
                }
                src => return unknown(src),
            }),
            op => op,
        })
    }

    fn func(&self, insn: &Insn) -> Result<Func, StreamError> {
        let start = insn.names().and_then(|slot| u32::try_from(slot).ok());
        let mut starts = self.starts.iter();
        let found = starts.find(|(_, known)| Some(**known) == start).map(|(func, _)| func);
        found.ok_or_else(|| code(insn.slot, "a reference to no function"))
    }

    fn map(&mut self, map: MapRef) -> Map {
        let known = self.maps.iter().find(|(_, known)| **known == map).map(|(id, _)| id);
        known.unwrap_or_else(|| {
            self.program.maps.push(MapDecl { name: name("map", map) });
            self.maps.push(map)
        })
    }

    fn section(&mut self, stream: &Stream, map: MapRef) -> Section {
        let known = self.sections.iter().find(|(_, known)| **known == map).map(|(id, _)| id);
        known.unwrap_or_else(|| {
            let contents = stream.sections.get(&map);
            self.program.sections.push(DataSection {
                name: name("value of map", map),
                bytes: contents.map(|contents| contents.bytes.clone()).unwrap_or_default(),
                final_bits: contents
                    .map(|contents| contents.final_bits.clone())
                    .unwrap_or_default(),
                read_only: contents.is_some(),
            });
            self.sections.push(map)
        })
    }

    fn external(&mut self, external: External) -> Extern {
        let known = self.externs.iter().find(|(_, known)| **known == external).map(|(id, _)| id);
        known.unwrap_or_else(|| {
            let name = match external {
                External::Variable { imm, next_imm } => format!("BTF id {imm} of {next_imm}"),
                External::Function { imm, off } => format!("kernel function {imm} of {off}"),
            };
            self.program.externs.push(ExternDecl { name, args: None, value: None });
            self.externs.push(external)
        })
    }
}

fn name(what: &str, map: MapRef) -> String {
    match map {
        MapRef::Fd(fd) => format!("{what} {fd}"),
        MapRef::Index(index) => format!("{what} at {index}"),
    }
}

fn code(slot: u32, problem: &str) -> StreamError {
    StreamError::Code { slot, problem: problem.to_owned() }
}

fn insns(stream: &Stream) -> Result<Vec<Insn>, StreamError> {
    let mut insns = Vec::new();
    let mut rest = stream.insns.as_slice();
    while !rest.is_empty() {
        let slot = (stream.insns.len() - rest.len()) as u32;
        let op = decode(rest).map_err(|error| code(slot, &error.to_string()))?;
        if op.slots() == 2 && rest.get(1).is_none_or(|next| is_instruction(*next)) {
            return Err(code(slot, "ldimm64 without its second slot"));
        }
        rest = rest.get(op.slots()..).unwrap_or_default();
        insns.push(Insn { slot, op });
    }
    match insns.is_empty() {
        true => Err(code(0, "no instruction")),
        false => Ok(insns),
    }
}

/// Whether a slot is more than the second half of an `ldimm64`.
fn is_instruction(slot: RawInsn) -> bool {
    slot != RawInsn { imm: slot.imm, ..RawInsn::default() }
}

/// A slot at which an instruction starts.
fn head(insns: &[Insn], from: &Insn, slot: i64, problem: &str) -> Result<u32, StreamError> {
    let found = u32::try_from(slot).ok();
    let found = found.filter(|slot| insns.binary_search_by_key(slot, |insn| insn.slot).is_ok());
    found.ok_or_else(|| code(from.slot, problem))
}

/// The records by their slots, without these.
fn records(
    stream: &Stream,
    records: Option<&Records>,
    table: &'static str,
    insns: &[Insn],
) -> Result<BTreeMap<u32, Vec<u8>>, StreamError> {
    let mut found: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    let Some(Records { bytes, size }) = records else { return Ok(found) };
    let fail = |record, problem| Err(StreamError::Records { table, record, problem });
    let size = *size as usize;
    if size < 8 || !bytes.len().is_multiple_of(size) {
        return fail(0, "records of less than 8 bytes, or a part of one");
    }
    for (at, record) in bytes.chunks_exact(size).enumerate() {
        let Some((slot, rest)) = record.split_first_chunk::<4>() else { continue };
        let slot = match stream.endian {
            isa::Endian::Little => u32::from_le_bytes(*slot),
            isa::Endian::Big => u32::from_be_bytes(*slot),
        };
        if insns.binary_search_by_key(&slot, |insn| insn.slot).is_err() {
            return fail(at, "no instruction starts at its slot");
        }
        if found.last_key_value().is_some_and(|(last, _)| *last >= slot) {
            return fail(at, "its slot is not above that of the record before");
        }
        found.insert(slot, rest.to_vec());
    }
    Ok(found)
}
