//! Functions, along all of their paths.

use std::collections::BTreeSet;

use super::types::Types;
use super::{Check, Mismatch, Pairing};
use crate::btf::CoreRelo;
use crate::elf::{Symbol, SymbolKind};
use crate::lift::links::{Recorded, RelocLink};
use crate::lift::{PSEUDO_CALL, PSEUDO_FUNC};
use crate::passes::entity::{Block, Core, Extern, Func, Inst, Line, PerEntity, Reloc};
use crate::passes::ir::{Function, InstData, JumpTable, Linkage, OpaqueBody, OpaqueItem};
use crate::passes::isa::{Callee, Imm64, Op, RawInsn};

/// Compares every function.
pub(super) fn check(pairing: &Pairing<'_>, types: &mut Types<'_>) -> Check {
    for (&old, &new) in &pairing.funcs {
        Functions { pairing, types, old, new }.check()?;
    }
    Ok(())
}

/// A function of the proven program and the one that is to say the same.
struct Functions<'f, 'p, 't> {
    pairing: &'f Pairing<'p>,
    types: &'f mut Types<'t>,
    old: Func,
    new: Func,
}

/// A place in a function: before an instruction of a block, or at its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    block: Block,
    at: usize,
}

impl Point {
    fn start(block: Block) -> Point {
        Point { block, at: 0 }
    }
}

/// A function, and where control comes to from the start of each block.
struct Ways<'f> {
    function: &'f Function,
    starts: PerEntity<Block, Option<(Point, Inst)>>,
}

impl<'f> Ways<'f> {
    fn new(function: &'f Function) -> Ways<'f> {
        let mut starts = PerEntity::with_default(None);
        // Blocks that a way has come through: their ends are known, or they are on it.
        let mut seen = PerEntity::with_default(false);
        for &block in function.layout() {
            let (mut way, mut at) = (Vec::new(), block);
            let end = loop {
                if seen[at] {
                    break starts[at];
                }
                seen[at] = true;
                way.push(at);
                let data = function.block(at);
                match data.insts.first().map(|&inst| (inst, function.op(inst))) {
                    Some((_, Op::Goto { target, .. })) => at = *target,
                    Some((inst, _)) => break Some((Point::start(at), inst)),
                    None => match data.next {
                        Some(next) => at = next,
                        None => break None,
                    },
                }
            };
            way.into_iter().for_each(|block| starts[block] = end);
        }
        Ways { function, starts }
    }

    /// The next instruction that is no `goto`. None if control goes round without doing anything:
    /// functions that it leaves without `exit` are carried.
    fn settle(&self, point: Point) -> Option<(Point, Inst)> {
        let block = self.function.block(point.block);
        match block.insts.get(point.at) {
            None => self.starts[block.next?],
            Some(&inst) => match self.function.op(inst) {
                Op::Goto { target, .. } => self.starts[*target],
                _ => Some((point, inst)),
            },
        }
    }
}

impl Functions<'_, '_, '_> {
    fn check(&mut self) -> Check {
        let pairing = self.pairing;
        let (a, b) =
            (&pairing.made.program.funcs[self.old], &pairing.new.program().funcs[self.new]);
        // A function that is left alone is a program for loaders. One without a symbol is none: it
        // is read as one where no function of its section has a symbol.
        let alone = pairing.new.program().funcs.len() == 1 || self.symbol_name(true).is_none();
        // A static function in a section of programs is one as soon as nothing calls it.
        let is_local = self.symbol(false).is_some_and(|symbol| !symbol.is_global());
        let uncalled = (a.linkage, b.linkage) == (Linkage::Static, Linkage::Entry) && is_local;
        let linkage = a.linkage == b.linkage || alone || uncalled;
        if self.symbol_name(true) != self.symbol_name(false) || !linkage {
            return Err(self.mismatch(None, format!("{} is another function", b.name)));
        }
        self.check_info()?;
        match &a.opaque {
            Some(body) => self.check_carried(body, b),
            None if b.opaque.is_some() => {
                Err(self.mismatch(None, format!("{} cannot be taken apart", b.name)))
            }
            None => self.check_paths(a, b),
        }
    }

    fn symbol_name(&self, old: bool) -> Option<&[u8]> {
        Some(&self.symbol(old)?.name)
    }

    fn symbol(&self, old: bool) -> Option<&Symbol> {
        let (object, func) = match old {
            true => (self.pairing.old, self.old),
            false => (self.pairing.new, self.new),
        };
        object.elf().symbols.get(object.links().funcs.get(func)?.symbol?)
    }

    /// func_info: what the function is for the kernel.
    fn check_info(&mut self) -> Check {
        let (old, new) = (self.pairing.old.links(), self.pairing.new.links());
        let (a, b) = (&old.funcs[self.old].func_info, &new.funcs[self.new].func_info);
        let same = a.len() == b.len()
            && a.iter().zip(b).all(|(a, b)| {
                self.types.same(a.record.type_id, b.record.type_id)
                    && a.record.extra == b.record.extra
            });
        match same {
            true => Ok(()),
            false => Err(self.mismatch(None, "func_info has another type")),
        }
    }

    /// Walks both functions in step.
    fn check_paths(&mut self, a: &Function, b: &Function) -> Check {
        let (Some(first), Some(other)) = (a.entry(), b.entry()) else {
            return Err(self.mismatch(None, "a function without code"));
        };
        let (old, written) = (Ways::new(a), Ways::new(b));
        let mut seen = BTreeSet::new();
        let mut work = vec![(Point::start(first), Point::start(other))];
        while let Some((mut x, mut y)) = work.pop() {
            loop {
                let ((p, inst), (q, other)) = match (old.settle(x), written.settle(y)) {
                    (Some(old), Some(new)) => (old, new),
                    (None, None) => break,
                    (Some(_), None) => return Err(self.mismatch(None, "control leaves")),
                    (None, Some((_, other))) => {
                        let slot = b.inst(other).origin;
                        return Err(self.mismatch(slot, "control does not leave"));
                    }
                };
                // Every loop comes to the start of a block.
                if p.at == 0 && !seen.insert((p, q)) {
                    break;
                }
                let (data, new) = (a.inst(inst), b.inst(other));
                (x, y) = (Point { at: p.at + 1, ..p }, Point { at: q.at + 1, ..q });
                match (data.op, new.op) {
                    (Op::Branch { target: to, .. }, Op::Branch { target: new_to, .. }) => {
                        let (to, new_to) = (Point::start(to), Point::start(new_to));
                        if is_inverted(&data.op, &new.op) {
                            work.push((to, y));
                            y = new_to;
                        } else {
                            self.same_op(&data.op, &new.op, new.origin)?;
                            work.push((to, new_to));
                        }
                    }
                    (Op::GotoX { .. }, Op::GotoX { .. }) => {
                        self.same_op(&data.op, &new.op, new.origin)?;
                        work.extend(self.table_targets((a, p.block), (b, q.block), new.origin)?);
                    }
                    _ => {
                        self.same_op(&data.op, &new.op, new.origin)?;
                        if let (Some(to), Some(new_to)) = (data.op.target(), new.op.target()) {
                            work.push((Point::start(*to), Point::start(*new_to)));
                        }
                    }
                }
                self.same_records(data, new)?;
                if data.op.ends_block_without_fallthrough() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Where the `gotox` at the ends of two blocks lead, for each entry of the tables that the
    /// proven one can use.
    fn table_targets(
        &self,
        (a, block): (&Function, Block),
        (b, other): (&Function, Block),
        slot: Option<u32>,
    ) -> Check<Vec<(Point, Point)>> {
        let (old, new) = (self.pairing.old.links(), self.pairing.new.links());
        let jump = |function: &Function, block| function.indirect_jump(block)?.table;
        let (used, other) = (jump(a, block), jump(b, other));
        let mut targets = Vec::new();
        for (at, table) in a.tables().iter().enumerate() {
            if used.is_some_and(|used| used != at) {
                continue;
            }
            let moved = old
                .sections
                .get(table.section)
                .and_then(|link| self.pairing.moved(link.index, u64::try_from(table.offset).ok()?));
            let is_it = |known: &JumpTable| {
                let section = new.sections.get(known.section).map(|link| link.index);
                section.zip(u64::try_from(known.offset).ok()) == moved && moved.is_some()
            };
            let found = b.tables().iter().position(is_it);
            let entries = found.and_then(|at| Some(&b.tables().get(at)?.targets));
            let same_table = used.is_none() || other.is_none() || other == found;
            let Some(entries) =
                entries.filter(|entries| same_table && entries.len() == table.targets.len())
            else {
                return Err(self.mismatch(slot, "a jump table is missing, or is another one"));
            };
            let pairs = table.targets.iter().zip(entries);
            targets.extend(pairs.map(|(&to, &new)| (Point::start(to), Point::start(new))));
        }
        Ok(targets)
    }

    /// What is carried has the same bytes in the same order, but for what its references hold.
    fn check_carried(&mut self, body: &OpaqueBody, b: &Function) -> Check {
        let link = &self.pairing.new.links().funcs[self.new];
        let code = self.pairing.new.elf().sections.get(link.section);
        let mut code = code
            .and_then(|section| section.bytes())
            .and_then(|bytes| bytes.get(usize::try_from(link.start).ok()?.checked_mul(8)?..))
            .unwrap_or_default()
            .chunks_exact(8);
        type Parts = (Option<Op<()>>, Option<Core>, Option<Reloc>);
        let carried =
            |item: &OpaqueItem| (item.op.map(|op| op.map_target(|_| ())), item.core, item.reloc);
        let built = |data: &InstData| (Some(data.op.map_target(|_| ())), data.core, data.reloc);
        let new: Vec<Parts> = match &b.opaque {
            Some(body) => body.items.iter().map(carried).collect(),
            None => b.insts().map(|(_, inst)| built(b.inst(inst))).collect(),
        };
        if new.len() != body.items.len() {
            return Err(self.mismatch(None, "another number of instructions"));
        }
        let endian = self.pairing.new.program().endian;
        let mut slot_bytes = || RawInsn::from_bytes(*code.next()?.first_chunk()?, endian).into();
        for (item, (new_op, new_core, new_reloc)) in body.items.iter().zip(new) {
            let slot = Some(item.origin);
            let mut raw: Option<RawInsn> = slot_bytes();
            let next = item.next_imm.and_then(|_| slot_bytes()).map(|next| next.imm);
            match (item.op.filter(names_something), new_op) {
                (Some(op), Some(new_op)) => {
                    self.same_op(&op, &new_op, slot)?;
                    let link =
                        item.reloc.and_then(|reloc| self.pairing.old.links().relocs.get(reloc));
                    if let Some(raw) = raw.as_mut().filter(|_| self.is_counted(&op, link)) {
                        raw.imm = item.raw.imm;
                    }
                }
                (Some(_), None) => return Err(self.mismatch(slot, "a reference is lost")),
                (None, _) if !self.same_kind(item.reloc, new_reloc) => {
                    return Err(self.mismatch(slot, "another relocation, or none"));
                }
                (None, _) => {
                    if let Some(raw) = raw.as_mut().filter(|_| item.reloc.is_some()) {
                        raw.imm = item.raw.imm;
                    }
                }
            }
            if raw != Some(item.raw) || next != item.next_imm {
                return Err(self.mismatch(slot, "a carried instruction has changed"));
            }
            if !self.same_core(item.core, new_core) {
                return Err(self.mismatch(slot, "another CO-RE record"));
            }
        }
        Ok(())
    }

    /// Whether an instruction that is not understood has the same relocations: of the same types,
    /// against the same symbols, with the same immediate. A variable's symbol that goes is replaced
    /// by that of its section, from whose start the immediate then counts.
    fn same_kind(&self, a: Option<Reloc>, b: Option<Reloc>) -> bool {
        let (old, new) = (self.pairing.old, self.pairing.new);
        let (Some(a), Some(b)) = (a, b) else { return a.is_none() && b.is_none() };
        let (Some(a), Some(b)) = (old.links().relocs.get(a), new.links().relocs.get(b)) else {
            return false;
        };
        let types = |link: &RelocLink| -> Vec<u32> {
            std::iter::once(&link.reloc).chain(&link.more).map(|reloc| reloc.r_type).collect()
        };
        let symbol = |object: &'_ crate::Object, link: &RelocLink| {
            object.elf().symbols.get(link.reloc.symbol).cloned()
        };
        let (Some(x), Some(y)) = (symbol(old, a), symbol(new, b)) else { return false };
        let byte =
            |symbol: &Symbol, link: &RelocLink| i128::from(symbol.value) + i128::from(link.raw.imm);
        let moved = |section, byte: i128| match u64::try_from(byte) {
            Ok(byte) => self.pairing.moved(section, byte).map(|(_, byte)| i128::from(byte)),
            Err(_) => Some(byte),
        };
        let (place, is_whole) = match (x.section(), y.section()) {
            (Some(section), Some(new)) => {
                let is_whole = moved(section, byte(&x, a)) == Some(byte(&y, b));
                (self.pairing.sections.get(&section) == Some(&new), is_whole)
            }
            (old, new) => (old == new, false),
        };
        let is_whole = is_whole && y.kind == SymbolKind::Section;
        let same_symbol = x.name == y.name && x.kind == y.kind && a.raw.imm == b.raw.imm;
        types(a) == types(b) && place && (same_symbol || is_whole)
    }

    /// The fields of an instruction with a relocation that loaders look at or fill in are as they
    /// were; in a reference that a pass made, as compilers leave them.
    fn same_fields(&self, a: &InstData, b: &InstData) -> Check {
        let (old, new) = (self.pairing.old.links(), self.pairing.new.links());
        let Some(link) = b.reloc.and_then(|reloc| new.relocs.get(reloc)) else { return Ok(()) };
        let known = a.reloc.or_else(|| match a.op {
            Op::LdImm64 { imm: Imm64::Map(map), .. } => Some(old.maps.get(map)?.reloc),
            Op::LdImm64 { imm: Imm64::Extern(ext), .. } | Op::Call(Callee::Extern(ext)) => {
                Some(old.externs.get(ext)?.reloc)
            }
            _ => None,
        });
        let known = known.and_then(|reloc| old.relocs.get(reloc));
        let src = match a.op {
            Op::Call(_) => PSEUDO_CALL,
            Op::LdImm64 { imm: Imm64::Func(_), .. } => PSEUDO_FUNC,
            _ => 0,
        };
        let src = known.map_or(src, |known| known.raw.src);
        let imm = known.map(|known| known.raw.imm).filter(|_| !self.is_counted(&a.op, known));
        let next = known.map_or(0, |known| known.next_imm.unwrap_or(0));
        let same = link.raw.src == src
            && link.raw.off == known.map_or(0, |known| known.raw.off)
            && imm.is_none_or(|imm| imm == link.raw.imm)
            && link.next_imm.unwrap_or(0) == next
            && link.more.is_empty();
        match same {
            true => Ok(()),
            false => Err(self.mismatch(b.origin, "another field of a relocated instruction")),
        }
    }

    /// Whether the immediate of a reference counts to a place that can move. `link` is what is
    /// known of its relocation: maps are found by their symbols, or from their section's start.
    fn is_counted<T>(&self, op: &Op<T>, link: Option<&RelocLink>) -> bool {
        match op {
            Op::LdImm64 { imm: Imm64::Section { .. } | Imm64::Func(_), .. }
            | Op::Call(Callee::Func(_)) => true,
            Op::LdImm64 { imm: Imm64::Map(_), .. } => link
                .and_then(|link| self.pairing.old.elf().symbols.get(link.reloc.symbol))
                .is_some_and(|symbol| symbol.kind == SymbolKind::Section),
            _ => false,
        }
    }

    fn same_op<T: Copy, U: Copy>(&self, a: &Op<T>, b: &Op<U>, slot: Option<u32>) -> Check {
        let same = match (*a, *b) {
            (Op::LdImm64 { dst, imm }, Op::LdImm64 { dst: new_dst, imm: new }) => {
                dst == new_dst && self.same_address(imm, new)
            }
            (Op::Call(Callee::Func(a)), Op::Call(Callee::Func(b))) => self.same_func(a, b),
            (Op::Call(Callee::Extern(a)), Op::Call(Callee::Extern(b))) => self.same_extern(a, b),
            (Op::Call(a), Op::Call(b)) => a == b && !matches!(a, Callee::Func(_)),
            (a, b) => a.map_target(|_| ()) == b.map_target(|_| ()),
        };
        if same {
            return Ok(());
        }
        let (a, b) = (a.map_target(|_| "…"), b.map_target(|_| "…"));
        Err(self.mismatch(slot, format!("`{b:?}` is written for `{a:?}`")))
    }

    fn same_address(&self, a: Imm64, b: Imm64) -> bool {
        let (old, new) = (self.pairing.old.links(), self.pairing.new.links());
        match (a, b) {
            (Imm64::Const(a), Imm64::Const(b)) => a == b,
            (Imm64::Section { section: a, offset }, Imm64::Section { section: b, offset: at }) => {
                let (Some(a), Some(b)) = (old.sections.get(a), new.sections.get(b)) else {
                    return false;
                };
                match u64::try_from(offset) {
                    Ok(offset) => {
                        let moved = self.pairing.moved(a.index, offset);
                        moved.is_some_and(|(s, o)| s == b.index && i64::try_from(o) == Ok(at))
                    }
                    Err(_) => offset == at && self.pairing.sections.get(&a.index) == Some(&b.index),
                }
            }
            (Imm64::Map(a), Imm64::Map(b)) => {
                let (a, b) = (old.maps.get(a), new.maps.get(b));
                a.zip(b).is_some_and(|(a, b)| {
                    self.pairing.moved(a.section, a.offset) == Some((b.section, b.offset))
                })
            }
            (Imm64::Func(a), Imm64::Func(b)) => self.same_func(a, b),
            (Imm64::Extern(a), Imm64::Extern(b)) => self.same_extern(a, b),
            (Imm64::Pseudo { .. }, Imm64::Pseudo { .. }) => a == b,
            _ => false,
        }
    }

    fn same_func(&self, a: Func, b: Func) -> bool {
        self.pairing.funcs.get(&a) == Some(&b)
    }

    fn same_extern(&self, a: Extern, b: Extern) -> bool {
        let name = |object: &crate::Object, ext| {
            let symbol = object.links().externs.get(ext)?.symbol;
            Some(object.elf().symbols.get(symbol)?.name.clone())
        };
        let (a, b) = (name(self.pairing.old, a), name(self.pairing.new, b));
        a.is_some() && a == b
    }

    fn same_records(&mut self, a: &InstData, b: &InstData) -> Check {
        self.same_fields(a, b)?;
        if !self.same_core(a.core, b.core) {
            return Err(self.mismatch(b.origin, "another CO-RE record"));
        }
        if !self.same_line(a.line, b.line) {
            return Err(self.mismatch(b.origin, "another source line"));
        }
        Ok(())
    }

    fn same_core(&mut self, a: Option<Core>, b: Option<Core>) -> bool {
        let (old, new) = (self.pairing.old.links(), self.pairing.new.links());
        match (a.and_then(|a| old.core.get(a)), b.and_then(|b| new.core.get(b))) {
            (None, None) => true,
            (Some(a), Some(b)) => {
                let (a, b) = (records(a), records(b));
                a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| self.types.same_core(a, b))
            }
            _ => false,
        }
    }

    /// Whether a line is the same; an instruction without one can get that of the one before.
    fn same_line(&self, a: Option<Line>, b: Option<Line>) -> bool {
        let Some(a) = a.and_then(|line| self.pairing.old.links().lines.get(line)) else {
            return true;
        };
        let b = b.and_then(|line| self.pairing.new.links().lines.get(line));
        b.is_some_and(|b| {
            let (a, b) = (&a.record, &b.record);
            a.line_col == b.line_col
                && self.types.same_string(a.file_name_off, b.file_name_off)
                && self.types.same_string(a.line_off, b.line_off)
        })
    }

    fn mismatch(&self, slot: Option<u32>, problem: impl Into<String>) -> Mismatch {
        let (section, offset) = self.pairing.place(self.new, slot);
        Mismatch::new(section, offset, problem)
    }
}

fn records(recorded: &Recorded<CoreRelo>) -> Vec<&CoreRelo> {
    std::iter::once(&recorded.record).chain(recorded.more.iter().map(|(_, r)| r)).collect()
}

/// Whether two jumps go apart on opposite conditions.
fn is_inverted(a: &Op<Block>, b: &Op<Block>) -> bool {
    let (Op::Branch { width, cond, dst, src, .. }, Op::Branch { cond: new_cond, .. }) = (*a, *b)
    else {
        return false;
    };
    let inverse = |cond| Op::Branch { width, cond, dst, src, target: () };
    cond != new_cond
        && cond.inverse() == Some(new_cond)
        && inverse(new_cond) == b.map_target(|_| ())
}

fn names_something<T>(op: &Op<T>) -> bool {
    match op {
        Op::LdImm64 { imm, .. } => !matches!(imm, Imm64::Const(_) | Imm64::Pseudo { .. }),
        Op::Call(callee) => matches!(callee, Callee::Func(_) | Callee::Extern(_)),
        _ => false,
    }
}
