//! `bpfold vars`: the read-only variables of an object.

mod template;

use std::fmt::Write as _;
use std::io::Write as _;

use bpfold::loads::{Load, Readers, loads};
use bpfold::variables::{Finality, Row, VariableError};
use bpfold::{Fold, FoldedWith, Object};
use serde::Serialize;
use wildmatch::WildMatch;

use super::args::{Format, VarsArgs};
use super::error::CliError;
use super::files;
use super::table::{Align, Table};

/// A variable, or a member or element of one, as JSON has it.
#[derive(Serialize, schemars::JsonSchema)]
struct Entry {
    #[serde(flatten)]
    row: Row,
    /// How many instructions load bytes of it from an address that is known.
    loads: usize,
    /// Whether any instruction can read it, also at addresses that are not known.
    read: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    members: Vec<Entry>,
    /// The arguments that name it.
    #[serde(skip)]
    matched: Vec<String>,
}

/// Whether an argument names a variable or member: all of its path, or the structs around it.
fn matches(name: &str, path: &str) -> bool {
    let inside = path.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', '[']));
    inside || WildMatch::new(name).matches(path)
}

/// All that is said of an object.
#[derive(Serialize, schemars::JsonSchema)]
pub struct Listing {
    variables: Vec<Entry>,
    /// How many variables are left out, since the compiler made them.
    compiler_made: usize,
    /// There is read-only data, and nothing that names it.
    stripped: bool,
    /// How many instructions load from a read-only section at an address that is not known.
    indexed_loads: usize,
    /// The undefined symbols that loaders replace by numbers, by name; they can be set, too.
    symbols: Vec<String>,
    /// What the object was folded with before.
    folded_with: Vec<FoldedWith>,
}

/// Runs the subcommand.
pub fn run(args: &VarsArgs) -> Result<(), CliError> {
    let error = || CliError::object(&args.object);
    let object = files::object(&args.object, None)?;
    let listing = Listing::new(&object, args).map_err(error())?;
    if let Some(pattern) = listing.unmatched(&args.names) {
        let problem = VariableError::NoMatch { pattern, nearest: Vec::new() };
        return Err(error()(problem.into()));
    }
    let text = match args.format {
        _ if args.template => template::text(&object, &listing, &args.object).map_err(error())?,
        Format::Text => listing.text(),
        Format::Json => files::json(&listing),
    };
    Ok(anstream::stdout().lock().write_all(text.as_bytes())?)
}

impl Listing {
    fn new(object: &Object, args: &VarsArgs) -> Result<Listing, bpfold::Error> {
        // Values of an earlier fold that can still be overwritten count as final here.
        let fold = Fold::new(object)?;
        let variables = fold.variables();
        let loads = loads(object);
        let readers = Readers::new(object, variables);
        let entry = |row: Row| {
            let read = readers.can_read(row.section_at, row.offset..row.offset + row.size);
            let matched = args.names.iter().filter(|name| matches(name, &row.name)).cloned();
            let matched = matched.collect();
            Entry { loads: count(&loads, &row), read, row, members: Vec::new(), matched }
        };
        let depth = args.depth.unwrap_or(usize::MAX);
        let mut entries = Vec::new();
        let mut compiler_made = 0;
        for (variable, row) in variables.iter().zip(variables.rows()) {
            let mut whole = entry(row);
            let members = match depth {
                0 => Vec::new(),
                depth => variables.member_rows_to(variable, depth),
            };
            let mut members: Vec<Entry> = members.into_iter().map(entry).collect();
            if !args.names.is_empty() {
                if whole.matched.is_empty() {
                    members.retain(|member| !member.matched.is_empty());
                }
                if whole.matched.is_empty() && members.is_empty() {
                    continue;
                }
                let inner = members.iter().flat_map(|member| member.matched.clone());
                whole.matched.extend(inner);
            } else if variable.is_compiler_made() && !args.all {
                compiler_made += 1;
                continue;
            }
            entries.push(Entry { members, ..whole });
        }
        Ok(Listing {
            variables: entries,
            compiler_made,
            stripped: variables.is_stripped(),
            indexed_loads: loads.iter().filter(|load| load.bytes.is_none()).count(),
            symbols: fold.symbols().iter().map(|symbol| symbol.name.clone()).collect(),
            folded_with: object.folded_with()?,
        })
    }

    /// A name that nothing of the listing has.
    fn unmatched(&self, names: &[String]) -> Option<String> {
        let has = |name: &&String| self.variables.iter().any(|entry| entry.matched.contains(name));
        names.iter().find(|name| !has(name)).cloned()
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if self.variables.is_empty() {
            text.push_str(match self.compiler_made {
                _ if self.stripped => {
                    "no read-only variables: the object was stripped of symbols and BTF\n"
                }
                0 => "no read-only variables\n",
                _ => "no read-only variables that can be set\n",
            });
        } else {
            let marked = self.variables.iter().any(|entry| entry.row.mark.is_some());
            let mut columns = vec![
                ("NAME", Align::Left),
                ("TYPE", Align::Left),
                ("PLACE", Align::Left),
                ("SIZE", Align::Right),
                ("VOLATILE", Align::Left),
                ("LOADS", Align::Right),
                ("STATE", Align::Left),
                ("VALUE", Align::Left),
            ];
            columns.extend(marked.then_some(("MARK", Align::Left)));
            let mut table = Table::new(&columns);
            for entry in &self.variables {
                let mark = entry.row.mark.as_deref().map(mark);
                table.row(cells(entry, "").into_iter().chain(mark));
                entry.members.iter().for_each(|member| table.row(cells(member, "  ")));
            }
            text.push_str(&table.to_text(""));
        }
        // Writing to a string does not fail.
        if self.indexed_loads > 0 {
            let _ = writeln!(text, "\n{} more at addresses that are not constant", loads_of(self));
        }
        if !self.symbols.is_empty() {
            let symbols = self.symbols.join(", ");
            let _ = writeln!(text, "\nsymbols that a loader replaces by numbers: {symbols}");
        }
        match self.compiler_made {
            0 => {}
            1 => text.push_str("\n1 constant of the compiler is not shown (--all)\n"),
            made => {
                let _ = writeln!(text, "\n{made} constants of the compiler are not shown (--all)");
            }
        }
        if !self.folded_with.is_empty() {
            text.push_str("\nfolded with\n");
            let columns =
                [("NAME", Align::Left), ("VALUE", Align::Left), ("BY A LOADER", Align::Left)];
            let mut table = Table::new(&columns);
            for known in &self.folded_with {
                let loader = if known.sealed { "cannot be set" } else { "must be left as it is" };
                table.row([known.name.clone(), known.value.clone(), loader.to_owned()]);
            }
            text.push_str(&table.to_text("  "));
        }
        text
    }
}

fn loads_of(listing: &Listing) -> String {
    match listing.indexed_loads {
        1 => "1 load".to_owned(),
        several => format!("{several} loads"),
    }
}

/// How many loads read a byte of a row.
fn count(loads: &[Load], row: &Row) -> usize {
    let end = row.offset.saturating_add(row.size);
    let reads = |load: &&Load| {
        let bytes = load.bytes.as_ref().filter(|_| load.section_at == row.section_at);
        bytes.is_some_and(|bytes| bytes.start < end && row.offset < bytes.end)
    };
    loads.iter().filter(reads).count()
}

fn cells(entry: &Entry, indent: &str) -> [String; 8] {
    let row = &entry.row;
    let bits = row.bits.map(|(start, len)| format!(" bits {start}..{}", start + len));
    [
        format!("{indent}{}", row.name),
        row.type_name.clone().unwrap_or_else(|| "?".to_owned()),
        format!("{}+{:#x}{}", row.section, row.offset, bits.unwrap_or_default()),
        row.size.to_string(),
        if row.volatile { "yes" } else { "no" }.to_owned(),
        entry.loads.to_string(),
        state(entry).to_owned(),
        row.value.clone(),
    ]
}

/// A mark of the source, with its description.
fn mark(description: &str) -> String {
    if description.is_empty() { "const".to_owned() } else { format!("const: {description}") }
}

/// A state as people call it. What is not read can be set without effect.
fn state(entry: &Entry) -> &'static str {
    match entry.row.finality {
        Finality::Open if !entry.read => "unread",
        Finality::Open => "open",
        Finality::Partial => "partly final",
        Finality::Set => "set",
        Finality::Frozen => "frozen",
        Finality::ConstNotVolatile | Finality::CompilerData => "final",
    }
}
