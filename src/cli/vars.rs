//! `bpfold vars`: the read-only variables of an object.

use std::fmt::Write as _;
use std::io::Write as _;

use bpfold::loads::{Load, loads};
use bpfold::variables::{Finality, Row};
use bpfold::{Fold, FoldedWith, Object};
use serde::Serialize;

use super::args::{Format, VarsArgs};
use super::error::CliError;
use super::files;
use super::table::{Align, Table};

/// A variable, or a member or element of one, as JSON has it.
#[derive(Serialize)]
struct Entry {
    #[serde(flatten)]
    row: Row,
    /// How many instructions load bytes of it from an address that is known.
    loads: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<Entry>,
}

/// All that is said of an object.
#[derive(Serialize)]
struct Listing {
    variables: Vec<Entry>,
    /// How many instructions load from a read-only section at an address that is not known.
    indexed_loads: usize,
    /// What the object was folded with before.
    folded_with: Vec<FoldedWith>,
}

/// Runs the subcommand.
pub fn run(args: &VarsArgs) -> Result<(), CliError> {
    let bytes = files::read(&args.object)?;
    let object = Object::parse(&bytes).map_err(CliError::object(&args.object))?;
    let listing = Listing::new(&object).map_err(CliError::object(&args.object))?;
    let text = match args.format {
        Format::Text => listing.text(),
        Format::Json => files::json(&listing),
    };
    Ok(anstream::stdout().lock().write_all(text.as_bytes())?)
}

impl Listing {
    fn new(object: &Object) -> Result<Listing, bpfold::Error> {
        // Values of an earlier fold that can still be overwritten count as final here.
        let fold = Fold::new(object)?;
        let variables = fold.variables();
        let loads = loads(object);
        let entry = |row: Row| Entry { loads: count(&loads, &row), row, members: Vec::new() };
        let entries = variables.iter().zip(variables.rows()).map(|(variable, row)| {
            let members = variables.member_rows(variable).into_iter().map(entry).collect();
            Entry { members, ..entry(row) }
        });
        Ok(Listing {
            variables: entries.collect(),
            indexed_loads: loads.iter().filter(|load| load.bytes.is_none()).count(),
            folded_with: object.folded_with()?,
        })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if self.variables.is_empty() {
            text.push_str("no read-only variables\n");
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
        state(row.finality).to_owned(),
        row.value.clone(),
    ]
}

/// A mark of the source, with its description.
fn mark(description: &str) -> String {
    if description.is_empty() { "const".to_owned() } else { format!("const: {description}") }
}

/// A state as people call it.
fn state(finality: Finality) -> &'static str {
    match finality {
        Finality::Open => "open",
        Finality::Partial => "partly final",
        Finality::Set => "set",
        Finality::Frozen => "frozen",
        Finality::ConstNotVolatile | Finality::CompilerData => "final",
    }
}
