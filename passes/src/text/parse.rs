//! Text to programs: declarations and functions. Instructions are in `parse_op`.

use std::collections::{HashMap, HashSet};

use super::cursor::{Parser, Result};
use super::error::{ParseError, ParseErrorKind};
use super::lex::{Token, tokens};
use super::names;
use crate::entity::{Block, Core, Entity, Func, Line, Reloc};
use crate::ir::{
    DataSection, ExternDecl, ExternValue, Function, InstData, JumpTable, Linkage, MapDecl,
    OpaqueBody, OpaqueItem, Program,
};
use crate::isa::{Endian, Offset, RawInsn};

/// Reads a program from its text. The result is what the text says; whether it keeps the
/// rules of the IR is for [`crate::ir::verify`] to say.
pub fn parse(text: &str) -> Result<Program, ParseError> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        program: Program::new(Endian::Little),
        labels: HashMap::new(),
    };
    parser.declare_functions();
    parser.program()?;
    Ok(parser.program)
}

impl std::str::FromStr for Program {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Program, ParseError> {
        parse(text)
    }
}

/// Bytes that a section can have: more than a map's value may (`KMALLOC_MAX_SIZE`), and so few
/// that a short text cannot ask for much memory.
const MAX_SECTION: usize = 1 << 24;

/// The greatest label number that is a block number; the kernel takes 10^6 instructions.
const MAX_BLOCK: usize = 0xf_ffff;

/// The numbers from here on stand for blocks whose number is not known yet.
const PROVISIONAL: usize = MAX_BLOCK + 1;

/// A block as it is read.
struct BlockText {
    block: Block,
    insts: Vec<InstData>,
    /// What `next` says.
    next: Option<Option<Block>>,
}

impl BlockText {
    fn new(block: Block) -> Self {
        Self { block, insts: Vec::new(), next: None }
    }

    fn is_closed(&self) -> bool {
        self.next.is_some() || self.insts.last().is_some_and(|data| data.op.is_terminator())
    }
}

impl<'a> Parser<'a> {
    /// Makes a function of each `func` line, so that code can name functions below it.
    fn declare_functions(&mut self) {
        let starts_line = |at: usize| at == 0 || self.tokens[at - 1].token == Token::Newline;
        for (at, pair) in self.tokens.windows(2).enumerate() {
            if pair[0].token == Token::Word("func") && starts_line(at) {
                let name = match &pair[1].token {
                    Token::Word(name) => (*name).to_owned(),
                    Token::Quoted(name) => name.clone(),
                    _ => String::new(),
                };
                self.program.funcs.push(Function::new(name, Linkage::Static));
            }
        }
    }

    fn program(&mut self) -> Result<()> {
        self.skip_empty_lines();
        if self.eat_word("target") {
            self.target()?;
        }
        let mut funcs = self.program.funcs.keys();
        loop {
            self.skip_empty_lines();
            if self.eat_word("section") {
                self.section()?;
            } else if self.eat_word("map") {
                let name = self.name("a map's name")?;
                self.program.maps.push(MapDecl { name });
            } else if self.eat_word("extern") {
                self.ext()?;
            } else if self.eat_word("func") {
                let id = funcs.next().ok_or_else(|| self.expected("a function"))?;
                self.function(id)?;
            } else if *self.peek() == Token::End {
                return Ok(());
            } else {
                return Err(self.expected("a section, map, extern or func"));
            }
            self.end_of_line()?;
        }
    }

    fn target(&mut self) -> Result<()> {
        self.program.endian = match self.word("bpfel or bpfeb")? {
            "bpfel" => Endian::Little,
            "bpfeb" => Endian::Big,
            _ => return Err(self.before().expected("bpfel or bpfeb")),
        };
        while *self.peek() != Token::Newline {
            let word = self.word("a feature")?;
            if !names::set_feature(&mut self.program.features, word) {
                return Err(self.before().expected("a feature"));
            }
        }
        self.end_of_line()
    }

    fn section(&mut self) -> Result<()> {
        let name = self.name("a section's name")?;
        let read_only = self.eat_word("readonly");
        let mut section =
            DataSection { name, bytes: Vec::new(), final_bits: Vec::new(), read_only };
        if self.eat("=") {
            let braces = self.eat("{");
            loop {
                if braces {
                    self.skip_empty_lines();
                }
                match self.peek() {
                    Token::Newline | Token::Symbol("}") => break,
                    _ => self.section_item(&mut section)?,
                }
            }
            if braces {
                self.symbol("}")?;
            }
        }
        self.program.sections.push(section);
        Ok(())
    }

    fn section_item(&mut self, section: &mut DataSection) -> Result<()> {
        let mut push = |parser: &Self, byte: u8, mask: u8, count: usize| {
            if count > MAX_SECTION - section.bytes.len() {
                return Err(parser.error(ParseErrorKind::SectionSize(MAX_SECTION)));
            }
            section.bytes.resize(section.bytes.len() + count, byte);
            section.final_bits.resize(section.final_bits.len() + count, mask);
            Ok(())
        };
        if let Some(size) = self.word_size() {
            self.at += 1;
            let known = !self.eat("??");
            let bytes = if known { self.word_bytes(size)? } else { vec![0; size] };
            let mask = if known { 0xff } else { 0 };
            return bytes.iter().try_for_each(|byte| push(self, *byte, mask, 1));
        }
        let (mut byte, mut mask) = (0, 0);
        if !self.eat("??") {
            (byte, mask) = (self.byte()?, 0xff);
            if self.eat("/") {
                mask = self.byte()?;
            }
        }
        let count = if self.eat("*") {
            self.number_in("the count", 1, MAX_SECTION as i128)? as usize
        } else {
            1
        };
        push(self, byte, mask, count)
    }

    /// The bytes of the type at this place (`u32`), if there is one.
    fn word_size(&self) -> Option<usize> {
        match self.peek() {
            Token::Word("u8") => Some(1),
            Token::Word("u16") => Some(2),
            Token::Word("u32") => Some(4),
            Token::Word("u64") => Some(8),
            _ => None,
        }
    }

    /// A number as `size` bytes in the target's byte order.
    fn word_bytes(&mut self, size: usize) -> Result<Vec<u8>> {
        let bits = size as u32 * 8;
        let number = self.number_in("the word", -(1 << (bits - 1)), (1 << bits) - 1)?;
        let mut bytes = number.to_le_bytes()[..size].to_vec();
        if self.program.endian == Endian::Big {
            bytes.reverse();
        }
        Ok(bytes)
    }

    /// Two hexadecimal digits.
    fn byte(&mut self) -> Result<u8> {
        let word = self.word("a byte")?;
        let plain = word.len() == 2;
        u8::from_str_radix(word, 16)
            .ok()
            .filter(|_| plain)
            .ok_or_else(|| self.before().expected("a byte"))
    }

    fn ext(&mut self) -> Result<()> {
        let name = self.name("an extern's name")?;
        let args = self.ext_args()?;
        let mut value = None;
        if self.eat("=") {
            value = Some(if self.eat_word("absent") {
                ExternValue::Absent
            } else if self.eat_word("present") {
                ExternValue::Present
            } else {
                let mut bytes = Vec::new();
                while *self.peek() != Token::Newline {
                    match self.word_size() {
                        Some(size) => {
                            self.at += 1;
                            bytes.extend(self.word_bytes(size)?);
                        }
                        None => bytes.push(self.byte()?),
                    }
                }
                ExternValue::Contents(bytes)
            });
        }
        self.program.externs.push(ExternDecl { name, args, value });
        Ok(())
    }

    /// The number of arguments in parentheses, if it is there.
    fn ext_args(&mut self) -> Result<Option<u8>> {
        if !self.eat("(") {
            return Ok(None);
        }
        let args = self.word("a number of arguments")?.parse::<u8>().ok();
        let args = args.filter(|args| *args <= 5);
        let args = args.ok_or_else(|| self.before().expected("a number from 0 to 5"))?;
        self.symbol(")")?;
        Ok(Some(args))
    }

    fn function(&mut self, id: Func) -> Result<()> {
        let mut func = Function::new(self.name("a function's name")?, Linkage::Static);
        self.symbol("(")?;
        func.linkage = match self.word("a linkage")? {
            "entry" => Linkage::Entry,
            "global" => Linkage::Global,
            "static" => Linkage::Static,
            _ => return Err(self.before().expected("entry, global or static")),
        };
        self.symbol(")")?;
        if self.eat_word("opaque") {
            let reason = self.name("a reason")?;
            self.keyword("at", "`at`")?;
            let slot = self.u32("the slot")?;
            func.opaque = Some(OpaqueBody { reason, slot, items: Vec::new() });
        }
        self.symbol("{")?;
        if self.eat_token(&Token::Attachments) {
            self.keyword("slots", "`slots`")?;
            func.original_slots = self.u32("the number of slots")?;
        }
        self.end_of_line()?;
        match &mut func.opaque {
            Some(body) => body.items = self.opaque_items()?,
            None => self.blocks(&mut func)?,
        }
        self.symbol("}")?;
        self.program.funcs[id] = func;
        Ok(())
    }

    fn opaque_items(&mut self) -> Result<Vec<OpaqueItem>> {
        let mut items = Vec::new();
        loop {
            self.skip_empty_lines();
            if *self.peek() == Token::Symbol("}") {
                return Ok(items);
            }
            let origin = self.u32("the slot")?;
            self.symbol(":")?;
            let raw = self.slot()?;
            let second = matches!(self.peek(), Token::Word(_)).then(|| self.slot()).transpose()?;
            let next_imm = second.map(|slot| slot.imm);
            if second.is_some_and(|slot| slot != RawInsn { imm: slot.imm, ..RawInsn::default() }) {
                return Err(self.before().expected("the second slot of an ldimm64"));
            }
            let op = if self.eat("|") { Some(self.op(Self::offset)?) } else { None };
            let Attached { line, line_starts, reloc, core, .. } = self.attachments()?;
            items.push(OpaqueItem { raw, next_imm, op, origin, line, line_starts, reloc, core });
            self.end_of_line()?;
        }
    }

    fn slot(&mut self) -> Result<RawInsn> {
        let mut bytes = [0; RawInsn::SIZE];
        for byte in &mut bytes {
            *byte = self.byte()?;
        }
        Ok(RawInsn::from_bytes(bytes, self.program.endian))
    }

    fn blocks(&mut self, func: &mut Function) -> Result<()> {
        let said = self.number_labels()?;
        // Blocks without a label that says their number get one once their order is known.
        let mut unlabelled = (PROVISIONAL + self.labels.len()..).map(Block::from_index);
        let mut blocks: Vec<BlockText> = Vec::new();
        let mut tables: Vec<JumpTable> = Vec::new();
        loop {
            self.skip_empty_lines();
            if *self.peek() == Token::Symbol("}") {
                break;
            }
            if let Some(name) = self.label_here() {
                self.at += 2;
                if let Some(&block) = self.labels.get(name) {
                    blocks.push(BlockText::new(block));
                }
                continue;
            }
            if blocks.is_empty() && self.eat_word("table") {
                tables.push(self.table()?);
                self.end_of_line()?;
                continue;
            }
            if blocks.last().is_none_or(|block| block.next.is_some()) {
                blocks.extend(unlabelled.next().map(BlockText::new));
            }
            if self.eat_word("next") {
                let next = if self.eat_word("none") { None } else { Some(self.label()?) };
                if let Some(block) = blocks.last_mut() {
                    block.next = Some(next);
                }
            } else {
                if blocks.last().is_none_or(BlockText::is_closed) {
                    blocks.extend(unlabelled.next().map(BlockText::new));
                }
                let mut data = InstData::new(self.op(Self::label)?);
                let Attached { origin, line, line_starts, reloc, core } = self.attachments()?;
                data = InstData { origin, line, line_starts, reloc, core, ..data };
                if let Some(block) = blocks.last_mut() {
                    block.insts.push(data);
                }
            }
            self.end_of_line()?;
        }
        number_blocks(&mut blocks, &mut tables, &said);
        fill(func, blocks);
        tables.into_iter().for_each(|table| func.push_table(table));
        Ok(())
    }

    /// A jump table: the section, the offset in it, and the labels.
    fn table(&mut self) -> Result<JumpTable> {
        let section = self.entity_named("section", |p| &p.sections, |s| &s.name)?;
        let offset = self.displacement(i64::MIN, i64::MAX)?;
        self.symbol("=")?;
        let mut targets = Vec::new();
        while *self.peek() != Token::Newline {
            targets.push(self.label()?);
        }
        Ok(JumpTable { section, offset, targets })
    }

    /// Gives each label of the function at this place a block, and returns the numbers that
    /// labels say.
    fn number_labels(&mut self) -> Result<HashSet<usize>> {
        self.labels.clear();
        let mut named = Vec::new();
        let mut said = HashSet::new();
        let start = self.at;
        while !matches!(self.peek(), Token::Symbol("}") | Token::End) {
            if let Some(name) = self.label_here() {
                let number = name.strip_prefix('L').and_then(|digits| {
                    let number: usize = digits.parse().ok().filter(|n| *n <= MAX_BLOCK)?;
                    (digits == number.to_string()).then_some(number)
                });
                let block = Block::from_index(number.unwrap_or_default());
                if self.labels.insert(name, block).is_some() {
                    return Err(self.error(ParseErrorKind::DuplicateLabel(name.to_owned())));
                }
                match number {
                    Some(number) => drop(said.insert(number)),
                    None => named.push(name),
                }
            }
            self.at += 1;
        }
        self.at = start;
        for (name, number) in named.into_iter().zip(PROVISIONAL..) {
            self.labels.insert(name, Block::from_index(number));
        }
        Ok(said)
    }

    /// The name of the label that stands at this place.
    fn label_here(&self) -> Option<&'a str> {
        let starts_line =
            self.at == 0 || self.tokens.get(self.at - 1).is_some_and(|t| t.token == Token::Newline);
        match (self.peek(), self.tokens.get(self.at + 1).map(|t| &t.token)) {
            (Token::Word(name), Some(Token::Symbol(":"))) if starts_line => Some(name),
            _ => None,
        }
    }

    /// A label that a jump names.
    fn label(&mut self) -> Result<Block> {
        let name = self.word("a label")?;
        self.labels.get(name).copied().ok_or_else(|| {
            self.before().error(ParseErrorKind::Unknown { what: "label", name: name.to_owned() })
        })
    }

    /// A jump offset in slots: `+0x3`.
    fn offset(&mut self) -> Result<Offset> {
        self.eat("+");
        self.number_in("the offset", i32::MIN.into(), i32::MAX.into()).map(|n| Offset(n as i32))
    }

    fn attachments(&mut self) -> Result<Attached> {
        let mut attached = Attached::default();
        if !self.eat_token(&Token::Attachments) {
            return Ok(attached);
        }
        while *self.peek() != Token::Newline {
            match self.word("an attachment")? {
                "origin" => attached.origin = Some(self.u32("the slot")?),
                "line" => attached.line = Some(self.entity::<Line>()?),
                "starts" => attached.line_starts = true,
                "reloc" => attached.reloc = Some(self.entity::<Reloc>()?),
                "core" => attached.core = Some(self.entity::<Core>()?),
                _ => return Err(self.before().expected("an attachment")),
            }
        }
        Ok(attached)
    }

    fn entity<K: Entity>(&mut self) -> Result<K> {
        self.u32("the number").map(|number| K::from_index(number as usize))
    }
}

#[derive(Default)]
struct Attached {
    origin: Option<u32>,
    line: Option<Line>,
    line_starts: bool,
    reloc: Option<Reloc>,
    core: Option<Core>,
}

/// Gives the blocks that no label numbers the least numbers that are free, in order.
fn number_blocks(blocks: &mut [BlockText], tables: &mut [JumpTable], said: &HashSet<usize>) {
    let mut free = (0..).filter(|number| !said.contains(number)).map(Block::from_index);
    let mut numbers = HashMap::new();
    for text in blocks.iter().filter(|text| text.block.index() >= PROVISIONAL) {
        numbers.extend(free.next().map(|number| (text.block, number)));
    }
    let renumber = |block: &mut Block| *block = *numbers.get(block).unwrap_or(block);
    tables.iter_mut().flat_map(|table| &mut table.targets).for_each(renumber);
    for text in blocks {
        renumber(&mut text.block);
        text.next.iter_mut().flatten().for_each(renumber);
        text.insts.iter_mut().filter_map(|data| data.op.target_mut()).for_each(renumber);
    }
}

/// Makes the blocks of `func`, whose layout is the order of `blocks`.
fn fill(func: &mut Function, blocks: Vec<BlockText>) {
    let bound = blocks.iter().map(|text| text.block.index() + 1).max().unwrap_or_default();
    for _ in 0..bound {
        func.push_block();
    }
    let layout: Vec<Block> = blocks.iter().map(|text| text.block).collect();
    for (at, text) in blocks.into_iter().enumerate() {
        let leaves = text.insts.last().is_some_and(|d| d.op.ends_block_without_fallthrough());
        let below = layout.get(at + 1).copied().filter(|_| !leaves);
        func.set_next(text.block, text.next.unwrap_or(below));
        for data in text.insts {
            func.push_inst(text.block, data);
        }
    }
    func.set_layout(layout);
}
