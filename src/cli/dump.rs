//! `bpfold dump`: programs as text or as graphs.

use std::io::Write as _;

use bpfold::Object;
use bpfold::passes::cfg::Cfg;
use bpfold::passes::entity::Func;
use bpfold::passes::text::Printer;
use wildmatch::WildMatch;

use super::args::DumpArgs;
use super::error::CliError;
use super::files;
use super::listing::{self, Comments, Shown};

/// Runs the subcommand.
pub fn run(args: &DumpArgs) -> Result<(), CliError> {
    let object = files::object(&args.object, None)?;
    let funcs = chosen(&object, args)?;
    let shown = Shown { source: args.source, offsets: !args.stable, variables: true };
    let comments = Comments::new(&object, shown);
    let printer = Printer::new(object.program()).annotate(&comments);
    let text = if args.cfg {
        let plain = Printer::new(object.program());
        funcs.into_iter().map(|func| dot(&object, &plain, func)).collect()
    } else if args.programs.is_empty() {
        whole(&object, &printer.to_string(), args.stable)
    } else {
        let functions = funcs.into_iter().map(|func| {
            with_heading(&object, func, &printer.function(func).to_string(), args.stable)
        });
        functions.collect::<Vec<String>>().join("\n")
    };
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

/// All of an object, with what each function is above it.
fn whole(object: &Object, text: &str, stable: bool) -> String {
    let mut funcs = object.program().funcs.keys();
    let mut out = String::new();
    let mut function = String::new();
    for line in text.lines() {
        if !line.starts_with("func ") && function.is_empty() {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        function.push_str(line);
        function.push('\n');
        if line.starts_with('}') {
            if let Some(func) = funcs.next() {
                out.push_str(&with_heading(object, func, &function, stable));
            }
            function.clear();
        }
    }
    out
}

/// A function with what it is above it.
fn with_heading(object: &Object, func: Func, text: &str, stable: bool) -> String {
    let heading = listing::describe(object, func);
    let heading = heading.map(|heading| format!("; {heading}\n")).unwrap_or_default();
    if !stable {
        return format!("{heading}{text}");
    }
    let items = listing::items(text);
    format!("{heading}{}", listing::text(&items, &listing::by_order(&items)))
}

/// The functions that the arguments name, in their order; without names all of them. A name is
/// that of a function or, if there is none, of a section.
fn chosen(object: &Object, args: &DumpArgs) -> Result<Vec<Func>, CliError> {
    let all = &object.program().funcs;
    if args.programs.is_empty() {
        return Ok(all.keys().collect());
    }
    let mut funcs = Vec::new();
    for name in &args.programs {
        let glob = WildMatch::new(name);
        let named = all.iter().filter(|(_, func)| func.name == *name || glob.matches(&func.name));
        let mut named: Vec<Func> = named.map(|(func, _)| func).collect();
        if named.is_empty() {
            let section = |func: Func| {
                let link = object.links().funcs.get(func);
                link.map(|link| object.elf().section_id(link.section).name).unwrap_or_default()
            };
            named.extend(all.keys().filter(|func| glob.matches(&section(*func))));
        }
        if named.is_empty() {
            return Err(CliError::NoFunction {
                path: args.object.clone(),
                name: name.clone(),
                known: all.values().map(|func| func.name.clone()).collect(),
            });
        }
        funcs.extend(named.into_iter().filter(|func| !funcs.contains(func)).collect::<Vec<_>>());
    }
    Ok(funcs)
}

/// The control flow graph of a function, with the text of each block in its node.
fn dot(object: &Object, printer: &Printer<'_>, func: Func) -> String {
    let function = &object.program().funcs[func];
    Cfg::new(function).dot(&function.name, |block| printer.block(func, block).to_string())
}
