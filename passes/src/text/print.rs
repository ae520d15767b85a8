//! Programs as text.

use std::fmt::{self, Display, Formatter, Write};

use super::names::{self, Names, in_quotes, quoted};
use super::op::{hex, plus, write_op};
use crate::entity::{Block, Core, Entity, Func, Inst, Line, Reloc};
use crate::ir::{DataSection, ExternValue, Function, InstData, Linkage, OpaqueBody, Program};
use crate::isa::{self, Endian, RawInsn};

/// Text to show beside a program's code: facts of an analysis, source lines. Each line of it
/// becomes a comment.
pub trait Annotate {
    /// Text below a block's label.
    fn before_block(&self, func: Func, block: Block) -> Option<String> {
        let _ = (func, block);
        None
    }

    /// Text above an instruction.
    fn before_inst(&self, func: Func, inst: Inst) -> Option<String> {
        let _ = (func, inst);
        None
    }

    /// Text behind an instruction.
    fn after_inst(&self, func: Func, inst: Inst) -> Option<String> {
        let _ = (func, inst);
        None
    }
}

/// Prints a program or a part of it. As a [`Display`] it is the whole program; the text
/// parses back to the same program, with the verbose form including the attachments.
pub struct Printer<'a> {
    program: &'a Program,
    names: Names,
    verbose: bool,
    annotate: Option<&'a dyn Annotate>,
}

impl<'a> Printer<'a> {
    /// A printer of the short form: no attachments, no annotations.
    pub fn new(program: &'a Program) -> Self {
        Self { program, names: Names::new(program), verbose: false, annotate: None }
    }

    /// Shows the attachments of functions and instructions.
    #[must_use]
    pub fn verbose(self) -> Self {
        Self { verbose: true, ..self }
    }

    /// Shows the text of `annotate` as comments.
    #[must_use]
    pub fn annotate(self, annotate: &'a dyn Annotate) -> Self {
        Self { annotate: Some(annotate), ..self }
    }

    /// The text of one function, its header and closing brace included; empty for a function
    /// that the program does not have.
    pub fn function(&self, func: Func) -> impl Display {
        from_fn(move |f| match self.program.funcs.get(func) {
            Some(function) => self.write_function(f, func, function),
            None => Ok(()),
        })
    }

    /// The label and the instructions of one block; empty for a block that the program does
    /// not have.
    pub fn block(&self, func: Func, block: Block) -> impl Display {
        from_fn(move |f| match self.program.funcs.get(func) {
            Some(function) if function.has_block(block) => {
                self.write_block(f, func, function, block)
            }
            _ => Ok(()),
        })
    }

    /// The text of one instruction, without attachments.
    pub fn op(&self, op: &isa::Op<Block>) -> impl Display {
        from_fn(move |f| write_op(f, &self.names, op, label))
    }

    /// The text of one encoded instruction: jumps name offsets, `goto +0x3`.
    pub fn encoded_op(&self, op: &isa::Op<isa::Offset>) -> impl Display {
        from_fn(move |f| write_op(f, &self.names, op, offset))
    }

    fn write_function(&self, f: &mut Formatter<'_>, id: Func, func: &Function) -> fmt::Result {
        let linkage = match func.linkage {
            Linkage::Entry => "entry",
            Linkage::Global => "global",
            Linkage::Static => "static",
        };
        write!(f, "func {} ({linkage})", quoted(&func.name))?;
        if let Some(body) = &func.opaque {
            write!(f, " opaque {} at {}", in_quotes(&body.reason), body.slot)?;
        }
        f.write_str(" {")?;
        if self.verbose {
            write!(f, " ;! slots {}", func.original_slots)?;
        }
        f.write_str("\n")?;
        match &func.opaque {
            Some(body) => self.write_opaque(f, body)?,
            None => self.write_blocks(f, id, func)?,
        }
        f.write_str("}\n")
    }

    fn write_blocks(&self, f: &mut Formatter<'_>, id: Func, func: &Function) -> fmt::Result {
        for table in func.tables() {
            write!(f, "  table {}", self.names.section(table.section))?;
            if table.offset != 0 {
                write!(f, " {}", plus(table.offset))?;
            }
            f.write_str(" =")?;
            table.targets.iter().try_for_each(|block| write!(f, " {}", label(block)))?;
            f.write_str("\n")?;
        }
        for (at, &block) in func.layout().iter().enumerate() {
            self.write_block(f, id, func, block)?;
            let leaves = func
                .block(block)
                .insts
                .last()
                .is_some_and(|&inst| func.op(inst).ends_block_without_fallthrough());
            let below = func.layout().get(at + 1).copied().filter(|_| !leaves);
            match func.block(block).next {
                next if next == below => {}
                Some(next) => writeln!(f, "  next {}", label(&next))?,
                None => writeln!(f, "  next none")?,
            }
        }
        Ok(())
    }

    /// A block without what tells where it falls through to.
    fn write_block(
        &self,
        f: &mut Formatter<'_>,
        id: Func,
        func: &Function,
        block: Block,
    ) -> fmt::Result {
        writeln!(f, "{}:", label(&block))?;
        if let Some(text) = self.annotate.and_then(|a| a.before_block(id, block)) {
            write_comment(f, &text)?;
        }
        func.block(block).insts.iter().try_for_each(|&inst| self.write_inst(f, id, func, inst))
    }

    fn write_inst(
        &self,
        f: &mut Formatter<'_>,
        id: Func,
        func: &Function,
        inst: Inst,
    ) -> fmt::Result {
        if let Some(text) = self.annotate.and_then(|a| a.before_inst(id, inst)) {
            write_comment(f, &text)?;
        }
        let data = func.inst(inst);
        let mut line = String::from("  ");
        write_op(&mut line, &self.names, &data.op, label)?;
        if self.verbose {
            let InstData { op: _, origin, line: from, line_starts, reloc, core } = *data;
            write_attachments(&mut line, origin, from, line_starts, reloc, core)?;
        }
        match self.annotate.and_then(|a| a.after_inst(id, inst)) {
            // A comment cannot follow attachments on the same line.
            Some(text) if self.verbose => {
                writeln!(f, "{line}")?;
                write_comment(f, &text)
            }
            Some(text) => {
                let mut lines = text.lines();
                writeln!(f, "{line:<40} ; {}", lines.next().unwrap_or_default())?;
                lines.try_for_each(|text| writeln!(f, "{:40} ; {text}", ""))
            }
            None => writeln!(f, "{line}"),
        }
    }

    fn write_opaque(&self, f: &mut Formatter<'_>, body: &OpaqueBody) -> fmt::Result {
        for item in &body.items {
            let mut line = format!("  {}:", item.origin);
            let second = item.next_imm.map(|imm| RawInsn { imm, ..RawInsn::default() });
            for slot in [Some(item.raw), second].into_iter().flatten() {
                for byte in slot.to_bytes(self.program.endian) {
                    write!(line, " {byte:02x}")?;
                }
            }
            if let Some(op) = &item.op {
                line.push_str(" | ");
                write_op(&mut line, &self.names, op, offset)?;
            }
            if self.verbose {
                let (from, starts) = (item.line, item.line_starts);
                write_attachments(&mut line, None, from, starts, item.reloc, item.core)?;
            }
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

impl Display for Printer<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_header(f, self.program)?;
        for (id, func) in self.program.funcs.iter() {
            f.write_str("\n")?;
            self.write_function(f, id, func)?;
        }
        Ok(())
    }
}

impl Display for Program {
    /// The short form of the text; see [`Printer`] for others.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Printer::new(self).fmt(f)
    }
}

fn write_header(f: &mut Formatter<'_>, program: &Program) -> fmt::Result {
    let features = program.features;
    f.write_str(match program.endian {
        Endian::Little => "target bpfel",
        Endian::Big => "target bpfeb",
    })?;
    for (name, _) in names::features(&features).iter().filter(|(_, on)| *on) {
        write!(f, " {name}")?;
    }
    f.write_str("\n")?;
    for section in program.sections.values() {
        write_section(f, section)?;
    }
    for map in program.maps.values() {
        writeln!(f, "map {}", quoted(&map.name))?;
    }
    for ext in program.externs.values() {
        write!(f, "extern {}", quoted(&ext.name))?;
        if let Some(args) = ext.args {
            write!(f, "({args})")?;
        }
        match &ext.value {
            None => {}
            Some(ExternValue::Absent) => f.write_str(" = absent")?,
            Some(ExternValue::Present) => f.write_str(" = present")?,
            Some(ExternValue::Contents(bytes)) => {
                f.write_str(" =")?;
                for byte in bytes {
                    write!(f, " {byte:02x}")?;
                }
            }
        }
        f.write_str("\n")?;
    }
    Ok(())
}

/// Bytes on a line of a section's contents.
const ROW: usize = 16;

fn write_section(f: &mut Formatter<'_>, section: &DataSection) -> fmt::Result {
    write!(f, "section {}", quoted(&section.name))?;
    if section.read_only {
        f.write_str(" readonly")?;
    }
    f.write_str(" =")?;
    let masks = section.final_bits.iter().copied().chain(std::iter::repeat(0));
    let bytes: Vec<_> = section.bytes.iter().copied().zip(masks).collect();
    if bytes.len() <= ROW {
        bytes.iter().try_for_each(|byte| write!(f, " {}", spell_byte(*byte)))?;
        return f.write_str("\n");
    }
    f.write_str(" {\n")?;
    let mut rest = bytes.as_slice();
    while let Some(&first) = rest.first() {
        let same = rest.iter().take_while(|byte| **byte == first).count();
        let offset = bytes.len() - rest.len();
        write!(f, " ")?;
        // Whole rows of one value are one item.
        let count = if same > ROW {
            let count = same - same % ROW;
            write!(f, " {}*{count}", spell_byte(first))?;
            count
        } else {
            let count = rest.len().min(ROW);
            rest.iter().take(count).try_for_each(|byte| write!(f, " {}", spell_byte(*byte)))?;
            count
        };
        writeln!(f, " ; {offset:#x}")?;
        rest = rest.get(count..).unwrap_or_default();
    }
    f.write_str("}\n")
}

fn spell_byte((value, mask): (u8, u8)) -> String {
    match (value, mask) {
        (value, 0xff) => format!("{value:02x}"),
        (0, 0) => "??".to_owned(),
        (value, mask) => format!("{value:02x}/{mask:02x}"),
    }
}

fn label(block: &Block) -> String {
    format!("L{}", block.index())
}

fn offset(offset: &isa::Offset) -> String {
    format!("{}{}", if offset.0 < 0 { "" } else { "+" }, hex(offset.0))
}

fn write_attachments(
    line: &mut String,
    origin: Option<u32>,
    from: Option<Line>,
    line_starts: bool,
    reloc: Option<Reloc>,
    core: Option<Core>,
) -> fmt::Result {
    let mut items = Vec::new();
    items.extend(origin.map(|slot| format!("origin {slot}")));
    items.extend(from.map(|line| format!("line {}", line.index())));
    items.extend(line_starts.then(|| "starts".to_owned()));
    items.extend(reloc.map(|reloc| format!("reloc {}", reloc.index())));
    items.extend(core.map(|core| format!("core {}", core.index())));
    if !items.is_empty() {
        write!(line, " ;! {}", items.join(" "))?;
    }
    Ok(())
}

fn write_comment(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    text.lines().try_for_each(|line| writeln!(f, "  ; {line}"))
}

/// A [`Display`] that calls `write`.
fn from_fn(write: impl Fn(&mut Formatter<'_>) -> fmt::Result) -> impl Display {
    struct FromFn<F>(F);
    impl<F: Fn(&mut Formatter<'_>) -> fmt::Result> Display for FromFn<F> {
        fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
            (self.0)(f)
        }
    }
    FromFn(write)
}
