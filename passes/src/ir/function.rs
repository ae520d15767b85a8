//! One function: its blocks in layout order, and the instructions in them.

use crate::entity::{Block, Core, Entity, EntityVec, Inst, Line, PerEntity, Reloc, Section};
use crate::ir::Op;
use crate::isa::{self, AluOp, Imm64, Offset, Operand, RawInsn, Reg, Size, Width};

/// Who can call a function, and so what may be assumed of its arguments and result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Linkage {
    /// A program: called by the kernel with a context in `r1`.
    Entry,
    /// A global subprogram: verified on its own, and replaceable at run time
    /// (BPF_PROG_TYPE_EXT), so nothing is assumed of its result.
    Global,
    /// A static subprogram: verified in the context of each call.
    Static,
}

/// An instruction and what is attached to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstData {
    /// The instruction.
    pub op: Op,
    /// The slot of the original instruction that this one stands for, counted from the
    /// function's start; none for an instruction that a pass made up.
    pub origin: Option<u32>,
    /// The line_info record in force at the instruction: its own, or that of the nearest
    /// instruction before it that has one.
    pub line: Option<Line>,
    /// Whether the record begins at this very instruction.
    pub line_starts: bool,
    /// The relocation that fills in the instruction's [`isa::Imm64`] or [`isa::Callee`].
    pub reloc: Option<Reloc>,
    /// The CO-RE record of the instruction. Until it is resolved, the instruction's result
    /// is unknown and the instruction must not be changed.
    pub core: Option<Core>,
}

impl InstData {
    /// An instruction with nothing attached.
    pub fn new(op: Op) -> Self {
        Self { op, origin: None, line: None, line_starts: false, reloc: None, core: None }
    }
}

/// A basic block: control enters at its first instruction and leaves after its last.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct BlockData {
    /// The instructions; only the last one can be a terminator.
    pub insts: Vec<Inst>,
    /// Where control goes when it runs past the last instruction: none exactly if the last
    /// instruction is `exit`, `goto` or `gotox`.
    pub next: Option<Block>,
}

/// One instruction of a function that is carried untouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpaqueItem {
    /// The first slot as it was read.
    pub raw: RawInsn,
    /// The second slot's immediate where the instruction takes two.
    pub next_imm: Option<i32>,
    /// The instruction, where it is understood; references are resolved to ids.
    pub op: Option<isa::Op<Offset>>,
    /// As in [`InstData`].
    pub origin: u32,
    /// As in [`InstData`].
    pub line: Option<Line>,
    /// As in [`InstData`].
    pub line_starts: bool,
    /// As in [`InstData`].
    pub reloc: Option<Reloc>,
    /// As in [`InstData`].
    pub core: Option<Core>,
}

/// The code of a function that no pass may touch, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpaqueBody {
    /// Why, for the report.
    pub reason: String,
    /// Slot (counted from the function's start) of the instruction that is the reason.
    pub slot: u32,
    /// The instructions.
    pub items: Vec<OpaqueItem>,
}

/// A jump table: the blocks that `gotox` goes to, by what was loaded from the table.
///
/// An entry takes 8 bytes. The verifier takes every entry of every table of a function for a
/// way on from every `gotox` in it (`jt_from_subprog` of `kernel/bpf/cfg.c`), and follows those
/// between the least and the greatest index (`check_indirect_jump`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JumpTable {
    /// The data section that it is in.
    pub section: Section,
    /// Bytes from the section's start.
    pub offset: i64,
    /// For each entry the block that it leads to.
    pub targets: Vec<Block>,
}

impl JumpTable {
    /// Bytes of an entry.
    pub const ENTRY: i64 = 8;

    /// Whether an address is one of an entry.
    pub fn contains(&self, section: Section, offset: i64) -> bool {
        let size = (self.targets.len() as i64).saturating_mul(Self::ENTRY);
        let within = offset.checked_sub(self.offset).is_some_and(|at| (0..size).contains(&at));
        section == self.section && within
    }

    /// The blocks that it leads to, each once, in the order of their first entries.
    pub fn distinct(&self) -> Vec<Block> {
        distinct(self.targets.iter().copied())
    }
}

/// A `gotox` as far as the code of its block tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndirectJump {
    /// The load of the address that it goes to.
    pub load: Option<Inst>,
    /// The addition that gives the address of the load.
    pub sum: Option<Inst>,
    /// The position of its table; none if it can be any of the function's.
    pub table: Option<usize>,
}

fn distinct(blocks: impl Iterator<Item = Block>) -> Vec<Block> {
    let mut seen = PerEntity::with_default(false);
    blocks.filter(|&block| !std::mem::replace(&mut seen[block], true)).collect()
}

/// A function. Either it has blocks, the first of the layout being the entry, or it is
/// opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The name of its symbol.
    pub name: String,
    /// Who can call it.
    pub linkage: Linkage,
    /// The code that is carried untouched, if the function is opaque.
    pub opaque: Option<OpaqueBody>,
    /// The number of slots in the original.
    pub original_slots: u32,
    insts: EntityVec<Inst, InstData>,
    blocks: EntityVec<Block, BlockData>,
    layout: Vec<Block>,
    tables: Vec<JumpTable>,
    edits: u64,
}

impl Function {
    /// A function without code.
    pub fn new(name: impl Into<String>, linkage: Linkage) -> Self {
        Self {
            name: name.into(),
            linkage,
            opaque: None,
            original_slots: 0,
            insts: EntityVec::new(),
            blocks: EntityVec::new(),
            layout: Vec::new(),
            tables: Vec::new(),
            edits: 0,
        }
    }

    /// How often the function was changed; passes compare it instead of keeping flags.
    pub fn edits(&self) -> u64 {
        self.edits
    }

    /// The entry block; none in an opaque function.
    pub fn entry(&self) -> Option<Block> {
        self.layout.first().copied()
    }

    /// The live blocks in the order in which they are laid out.
    pub fn layout(&self) -> &[Block] {
        &self.layout
    }

    /// One more than the highest block number that was ever given out.
    pub fn block_bound(&self) -> usize {
        self.blocks.len()
    }

    /// One more than the highest instruction number that was ever given out.
    pub fn inst_bound(&self) -> usize {
        self.insts.len()
    }

    /// A block's instructions and fallthrough.
    pub fn block(&self, block: Block) -> &BlockData {
        &self.blocks[block]
    }

    /// An instruction and its attachments.
    pub fn inst(&self, inst: Inst) -> &InstData {
        &self.insts[inst]
    }

    /// An instruction.
    pub fn op(&self, inst: Inst) -> &Op {
        &self.insts[inst].op
    }

    /// The instructions of the live blocks in layout order.
    pub fn insts(&self) -> impl Iterator<Item = (Block, Inst)> + '_ {
        self.layout.iter().flat_map(|&b| self.blocks[b].insts.iter().map(move |&i| (b, i)))
    }

    /// The last instruction of a block if it is a terminator.
    pub fn terminator(&self, block: Block) -> Option<Inst> {
        let last = *self.blocks[block].insts.last()?;
        self.insts[last].op.is_terminator().then_some(last)
    }

    /// The successors of a block: the jump target first, then the fallthrough; those of a
    /// `gotox` are what its table leads to.
    pub fn successors(&self, block: Block) -> impl Iterator<Item = Block> + '_ {
        let jump = self.terminator(block).and_then(|i| self.insts[i].op.target().copied());
        jump.into_iter().chain(self.blocks[block].next).chain(self.table_targets(block))
    }

    /// The jump tables.
    pub fn tables(&self) -> &[JumpTable] {
        &self.tables
    }

    /// Adds a jump table.
    pub fn push_table(&mut self, table: JumpTable) {
        self.tables.push(table);
        self.edits += 1;
    }

    /// Lets entries of jump tables lead to other blocks.
    pub fn map_table_targets(&mut self, map: impl Fn(Block) -> Block) {
        let mapped = |table: &JumpTable| table.targets.iter().map(|&to| map(to)).collect();
        self.set_table_targets(self.tables.iter().map(mapped).collect());
    }

    /// Sets for each jump table the blocks that its entries lead to.
    pub fn set_table_targets(&mut self, targets: Vec<Vec<Block>>) {
        for (table, targets) in self.tables.iter_mut().zip(targets) {
            if table.targets != targets {
                table.targets = targets;
                self.edits += 1;
            }
        }
    }

    /// Removes the tables that no `gotox` uses.
    pub fn drop_unused_tables(&mut self) {
        if self.tables.is_empty() {
            return;
        }
        let mut used = vec![false; self.tables.len()];
        for &block in &self.layout {
            match self.indirect_jump(block) {
                None => {}
                Some(jump) => match jump.table {
                    Some(at) => used[at] = true,
                    None => used.fill(true),
                },
            }
        }
        let before = self.tables.len();
        let mut used = used.into_iter();
        self.tables.retain(|_| used.next().unwrap_or(true));
        self.edits += (before - self.tables.len()) as u64;
    }

    /// The blocks that the `gotox` at a block's end can lead to, each once; none if there is no
    /// `gotox`.
    pub fn table_targets(&self, block: Block) -> Vec<Block> {
        match self.indirect_jump(block) {
            None => Vec::new(),
            Some(IndirectJump { table: Some(at), .. }) => self.tables[at].distinct(),
            Some(IndirectJump { table: None, .. }) => {
                distinct(self.tables.iter().flat_map(|table| table.targets.iter().copied()))
            }
        }
    }

    /// What the code of a block tells of the `gotox` at its end.
    pub fn indirect_jump(&self, block: Block) -> Option<IndirectJump> {
        let insts = &self.blocks[block].insts;
        let Op::GotoX { dst } = self.insts[self.terminator(block)?].op else { return None };
        let mut jump = IndirectJump { load: None, sum: None, table: None };
        let last = insts.len() - 1;
        if let Some(at) = self.last_def(insts, last, dst)
            && let Op::Load { size: Size::DW, signed: false, base, off, .. } = *self.op(insts[at])
            && self.insts[insts[at]].core.is_none()
        {
            jump.load = Some(insts[at]);
            let sum = self.last_def(insts, at, base).filter(|&sum| {
                let data = &self.insts[insts[sum]];
                let add = |op: &Op| {
                    matches!(
                        op,
                        Op::Alu { width: Width::W64, op: AluOp::Add, src: Operand::Reg(_), .. }
                    )
                };
                data.core.is_none() && add(&data.op)
            });
            jump.sum = sum.map(|sum| insts[sum]);
            jump.table = self.table_at(insts, at, base, i64::from(off));
        }
        if let (None, [_]) = (jump.table, self.tables.as_slice()) {
            jump.table = Some(0);
        }
        Some(jump)
    }

    /// The position of the last instruction before one that sets a register.
    fn last_def(&self, insts: &[Inst], before: usize, reg: Reg) -> Option<usize> {
        insts.get(..before)?.iter().rposition(|&inst| self.op(inst).defs().contains(reg))
    }

    /// The table whose address, with a number added, a register holds before an instruction.
    fn table_at(&self, insts: &[Inst], before: usize, reg: Reg, off: i64) -> Option<usize> {
        let at = self.last_def(insts, before, reg)?;
        let data = &self.insts[insts[at]];
        if data.core.is_some() {
            return None;
        }
        match data.op {
            Op::LdImm64 { imm: Imm64::Section { section, offset }, .. } => {
                let address = offset.checked_add(off)?;
                // With an index the sum of the constants can lie outside.
                let by = |address| self.tables.iter().position(|t| t.contains(section, address));
                by(address).or_else(|| by(offset))
            }
            Op::Alu { width: Width::W64, op: AluOp::Add, src: Operand::Reg(src), .. } => {
                self.table_at(insts, at, reg, off).or_else(|| self.table_at(insts, at, src, off))
            }
            Op::Alu { width: Width::W64, op: AluOp::Add, src: Operand::Imm(imm), .. } => {
                self.table_at(insts, at, reg, off.checked_add(i64::from(imm))?)
            }
            Op::Mov { width: Width::W64, src: Operand::Reg(src), .. } => {
                self.table_at(insts, at, src, off)
            }
            _ => None,
        }
    }

    /// Appends an empty block to the layout.
    pub fn push_block(&mut self) -> Block {
        self.edits += 1;
        let block = self.blocks.push(BlockData::default());
        self.layout.push(block);
        block
    }

    /// Appends an instruction to a block.
    pub fn push_inst(&mut self, block: Block, data: InstData) -> Inst {
        let inst = self.insts.push(data);
        self.edits += 1;
        self.blocks[block].insts.push(inst);
        inst
    }

    /// Inserts an instruction into a block, before the one at position `at`.
    pub fn insert_inst(&mut self, block: Block, at: usize, data: InstData) -> Inst {
        let inst = self.insts.push(data);
        self.edits += 1;
        self.blocks[block].insts.insert(at, inst);
        inst
    }

    /// Replaces an instruction by one that needs no relocation; origin and line stay.
    pub fn replace(&mut self, inst: Inst, op: Op) {
        let data = &mut self.insts[inst];
        if data.op == op && data.reloc.is_none() {
            return;
        }
        debug_assert!(data.core.is_none(), "{inst:?} has an unresolved CO-RE record");
        data.op = op;
        data.reloc = None;
        self.edits += 1;
    }

    /// Sets what is attached to an instruction; the instruction itself stays.
    pub fn attach(&mut self, inst: Inst, attach: impl FnOnce(&mut InstData)) {
        let op = self.insts[inst].op;
        attach(&mut self.insts[inst]);
        self.insts[inst].op = op;
        self.edits += 1;
    }

    /// Lets the jump at `inst` name another block.
    pub fn set_target(&mut self, inst: Inst, target: Block) {
        if let Some(t) = self.insts[inst].op.target_mut()
            && *t != target
        {
            *t = target;
            self.edits += 1;
        }
    }

    /// Sets where a block falls through to.
    pub fn set_next(&mut self, block: Block, next: Option<Block>) {
        if self.blocks[block].next != next {
            self.blocks[block].next = next;
            self.edits += 1;
        }
    }

    /// Removes the instructions of a block for which `keep` is false.
    pub fn retain_insts(&mut self, block: Block, mut keep: impl FnMut(Inst, &InstData) -> bool) {
        let insts = &self.insts;
        let list = &mut self.blocks[block].insts;
        let before = list.len();
        list.retain(|&i| keep(i, &insts[i]));
        self.edits += (before - list.len()) as u64;
    }

    /// Removes the last instruction of a block (a jump that was decided) and sets where the
    /// block goes instead.
    pub fn replace_terminator(&mut self, block: Block, next: Block) {
        if self.terminator(block).is_some() {
            self.blocks[block].insts.pop();
        }
        self.blocks[block].next = Some(next);
        self.edits += 1;
    }

    /// Removes the blocks for which `keep` is false from the layout, and the tables that no
    /// block uses any more.
    pub fn retain_blocks(&mut self, mut keep: impl FnMut(Block) -> bool) {
        let before = self.layout.len();
        self.layout.retain(|&b| keep(b));
        self.edits += (before - self.layout.len()) as u64;
        self.drop_unused_tables();
    }

    /// Sets the order of the blocks; `layout` has each live block once, the entry first.
    pub fn set_layout(&mut self, layout: Vec<Block>) {
        if self.layout != layout {
            self.layout = layout;
            self.edits += 1;
        }
    }

    /// Moves the instructions of `from` to the end of `to`, whose only way on was to `from`.
    /// What is left of `from` must leave the layout.
    pub fn append_block(&mut self, to: Block, from: Block) {
        let data = std::mem::take(&mut self.blocks[from]);
        self.blocks[to].insts.extend(data.insts);
        self.blocks[to].next = data.next;
        self.edits += 1;
    }

    /// Moves the instructions of a block from position `at` on to a new block, which stands right
    /// behind it and which it falls through to.
    pub fn split_block(&mut self, block: Block, at: usize) -> Block {
        let data = &mut self.blocks[block];
        let insts = data.insts.split_off(at.min(data.insts.len()));
        let next = data.next;
        let behind = self.blocks.push(BlockData { insts, next });
        self.blocks[block].next = Some(behind);
        let place = self.layout.iter().position(|&b| b == block);
        self.layout.insert(place.map_or(self.layout.len(), |place| place + 1), behind);
        self.edits += 1;
        behind
    }

    /// Empties the function; an opaque one loses its body too.
    pub fn clear(&mut self) {
        self.opaque = None;
        self.layout.clear();
        self.tables.clear();
        self.edits += 1;
    }

    /// Whether `block` was given out by this function.
    pub fn has_block(&self, block: Block) -> bool {
        block.index() < self.blocks.len()
    }
}
