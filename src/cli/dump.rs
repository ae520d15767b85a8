//! `bpfold dump`: programs as text or as graphs.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::Write as _;

use bpfold::Object;
use bpfold::btf::Btf;
use bpfold::passes::cfg::Cfg;
use bpfold::passes::entity::{Block, Func, Inst};
use bpfold::passes::text::{Annotate, Printer};

use super::args::DumpArgs;
use super::error::CliError;
use super::files;

/// Runs the subcommand.
pub fn run(args: &DumpArgs) -> Result<(), CliError> {
    let object = files::object(&args.object, None)?;
    let funcs = chosen(&object, args)?;
    let source = Source { object: &object, btf: object.btf(), last: RefCell::default() };
    let mut printer = Printer::new(object.program());
    if args.source {
        printer = printer.annotate(&source);
    }
    let mut text = String::new();
    // Writing to a string does not fail.
    if args.cfg {
        for func in funcs {
            text.push_str(&dot(&object, &printer, func));
        }
    } else if args.programs.is_empty() {
        let _ = write!(text, "{printer}");
    } else {
        for (at, func) in funcs.into_iter().enumerate() {
            let gap = if at == 0 { "" } else { "\n" };
            let _ = write!(text, "{gap}{}", printer.function(func));
        }
    }
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

/// The functions that the arguments name, in their order; without names all of them.
fn chosen(object: &Object, args: &DumpArgs) -> Result<Vec<Func>, CliError> {
    let all = &object.program().funcs;
    if args.programs.is_empty() {
        return Ok(all.keys().collect());
    }
    let mut funcs = Vec::new();
    for name in &args.programs {
        let named = all.iter().filter(|(_, func)| func.name == *name).map(|(func, _)| func);
        let before = funcs.len();
        funcs.extend(named);
        if funcs.len() == before {
            return Err(CliError::NoFunction {
                path: args.object.clone(),
                name: name.clone(),
                known: all.values().map(|func| func.name.clone()).collect(),
            });
        }
    }
    Ok(funcs)
}

/// The control flow graph of a function, with the text of each block in its node.
fn dot(object: &Object, printer: &Printer<'_>, func: Func) -> String {
    let function = &object.program().funcs[func];
    Cfg::new(function).dot(&function.name, |block| printer.block(func, block).to_string())
}

/// Shows the source lines of an object's line_info, each once in a row of instructions.
struct Source<'a> {
    object: &'a Object,
    btf: Option<&'a Btf>,
    /// What was shown last in this block.
    last: RefCell<String>,
}

impl Annotate for Source<'_> {
    fn before_block(&self, _: Func, _: Block) -> Option<String> {
        self.last.borrow_mut().clear();
        None
    }

    fn before_inst(&self, func: Func, inst: Inst) -> Option<String> {
        let data = self.object.program().funcs.get(func)?.inst(inst);
        let line = data.line.filter(|_| data.line_starts)?;
        let (record, btf) = (&self.object.links().lines.get(line)?.record, self.btf?);
        if record.line() == 0 {
            return None;
        }
        let file = btf.str(record.file_name_off);
        let file = file.rsplit('/').next().unwrap_or(file);
        let text = format!("{file}:{}: {}", record.line(), btf.str(record.line_off).trim());
        let last = self.last.replace(text.clone());
        (text != last).then_some(text)
    }
}
