//! `bpfold diff`: two objects, or one before and after folding, function by function.
//!
//! Labels of the second listing get the names of the labels in the first one that stand before the
//! same instructions, so that only what has changed differs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use anstyle::{AnsiColor, Color, Style};
use bpfold::Object;
use bpfold::passes::entity::Func;
use bpfold::passes::text::Printer;
use similar::{Algorithm, ChangeTag, DiffOp, TextDiff, capture_diff_slices};

use super::args::DiffArgs;
use super::error::{CliError, shown};
use super::listing::{self, Comments, Item, Shown};
use super::table::{Align, Table, printable};
use super::{files, fold, kernel, profile};

const OLD: Style = Style::new().fg_color(Some(Color::Ansi(AnsiColor::Red)));
const NEW: Style = Style::new().fg_color(Some(Color::Ansi(AnsiColor::Green)));
const PLACE: Style = Style::new().fg_color(Some(Color::Ansi(AnsiColor::Cyan)));

/// A function in both objects.
struct Pair {
    name: String,
    old: Option<Func>,
    new: Option<Func>,
}

/// Runs the subcommand.
pub fn run(args: &DiffArgs) -> Result<(), CliError> {
    let old = files::object(&args.object, None)?;
    let (new, new_name) = match &args.other {
        Some(path) => (files::object(path, None)?, shown(path)),
        None => {
            let applied = profile::apply(&args.options)?;
            let at_fault = kernel::at_fault(&applied.options.kernel, &args.object);
            let fold = args.debug.apply(fold::prepare(&old, &args.object, &applied)?);
            let bytes = fold.run().map_err(at_fault)?.bytes;
            let folded = Object::parse(&bytes).map_err(CliError::object(&args.object))?;
            (folded, format!("{}, folded", shown(&args.object)))
        }
    };
    let pairs = pairs(&old, &new, &args.programs, &args.object)?;
    let text = match args.stat {
        true => stat(&old, &new, &pairs),
        false => {
            let names = (shown(&args.object), new_name);
            unified(&old, &new, &pairs, names, args)
        }
    };
    Ok(anstream::stdout().lock().write_all(text.as_bytes())?)
}

/// The functions of both objects by name, in the order of the first one. Those of one name are
/// taken in their order.
fn pairs(old: &Object, new: &Object, names: &[String], path: &Path) -> Result<Vec<Pair>, CliError> {
    let mut left: Vec<(Func, &str)> =
        new.program().funcs.iter().map(|(id, func)| (id, func.name.as_str())).collect();
    let mut pairs = Vec::new();
    for (id, func) in old.program().funcs.iter() {
        let same = left.iter().position(|(_, name)| *name == func.name);
        let new = same.map(|at| left.remove(at).0);
        pairs.push(Pair { name: func.name.clone(), old: Some(id), new });
    }
    let only_new = left.into_iter();
    pairs.extend(only_new.map(|(id, name)| Pair {
        name: name.to_owned(),
        old: None,
        new: Some(id),
    }));
    for name in names {
        if !pairs.iter().any(|pair| pair.name == *name) {
            let known = pairs.iter().map(|pair| pair.name.clone()).collect();
            return Err(CliError::NoFunction { path: path.to_owned(), name: name.clone(), known });
        }
    }
    pairs.retain(|pair| names.is_empty() || names.contains(&pair.name));
    Ok(pairs)
}

/// The lines of a function.
fn lines(object: &Object, printer: &Printer<'_>, func: Option<Func>) -> Vec<Item> {
    let Some(func) = func else { return Vec::new() };
    let heading = listing::describe(object, func);
    let heading = heading.map(|heading| format!("; {heading}\n")).unwrap_or_default();
    listing::items(&format!("{heading}{}", printer.function(func)))
}

/// Both listings of a function, with labels that say the same.
fn texts(old: &[Item], new: &[Item]) -> (String, String) {
    let names = listing::by_order(old);
    let same = matching(old, new, &names);
    (listing::text(old, &names), listing::text(new, &same))
}

/// A line without its labels.
fn key(item: &Item) -> Option<&[String]> {
    match item {
        Item::Line(pieces, _) => Some(pieces),
        Item::Label(_) => None,
    }
}

/// Names for the labels of the second listing: those of the first one where both stand before the
/// same line, or are named by the same line, and new ones for the rest.
fn matching(
    old: &[Item],
    new: &[Item],
    names: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let places = |items: &[Item]| -> Vec<usize> {
        let lines = items.iter().enumerate().filter(|(_, item)| key(item).is_some());
        lines.map(|(at, _)| at).collect()
    };
    let (old_at, new_at) = (places(old), places(new));
    let keys = |items: &[Item]| -> Vec<Vec<String>> {
        items.iter().filter_map(key).map(<[String]>::to_vec).collect()
    };
    let ops = capture_diff_slices(Algorithm::Patience, &keys(old), &keys(new));
    let label_before = |items: &[Item], at: usize| match items.get(at.checked_sub(1)?)? {
        Item::Label(label) => Some(label.clone()),
        Item::Line(..) => None,
    };
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut add = |from: &str, to: &str| {
        let Some(name) = names.get(to) else { return };
        if !found.contains_key(from) && taken.insert(name.clone()) {
            found.insert(from.to_owned(), name.clone());
        }
    };
    let first = |items: &[Item]| {
        items.iter().find_map(|item| match item {
            Item::Label(label) => Some(label.clone()),
            Item::Line(..) => None,
        })
    };
    // Both are where the function is entered.
    if let (Some(to), Some(from)) = (first(old), first(new)) {
        add(&from, &to);
    }
    let equal = |op: &DiffOp| match *op {
        DiffOp::Equal { old_index, new_index, len } => {
            Some((0..len).map(move |at| (old_index + at, new_index + at)))
        }
        _ => None,
    };
    let equal: Vec<(usize, usize)> = ops.iter().filter_map(equal).flatten().collect();
    let place = |(a, b): &(usize, usize)| Some((*old_at.get(*a)?, *new_at.get(*b)?));
    let equal: Vec<(usize, usize)> = equal.iter().filter_map(place).collect();
    for (a, b) in &equal {
        if let (Some(to), Some(from)) = (label_before(old, *a), label_before(new, *b)) {
            add(&from, &to);
        }
    }
    for (a, b) in &equal {
        if let (Some(Item::Line(_, to)), Some(Item::Line(_, from))) = (old.get(*a), new.get(*b)) {
            from.iter().zip(to).for_each(|(from, to)| add(from, to));
        }
    }
    let rest = new.iter().filter_map(|item| match item {
        Item::Label(label) => Some(label.clone()),
        Item::Line(..) => None,
    });
    let rest: Vec<String> = rest.filter(|label| !found.contains_key(label)).collect();
    for (at, label) in rest.into_iter().enumerate() {
        found.insert(label, format!("N{at}"));
    }
    found
}

fn unified(
    old: &Object,
    new: &Object,
    pairs: &[Pair],
    (old_name, new_name): (String, String),
    args: &DiffArgs,
) -> String {
    let shown = Shown { source: !args.no_source, offsets: false, variables: true };
    let comments = (Comments::new(old, shown), Comments::new(new, shown));
    let old_printer = Printer::new(old.program()).annotate(&comments.0);
    let new_printer = Printer::new(new.program()).annotate(&comments.1);
    let mut out = String::new();
    for pair in pairs {
        let old_lines = lines(old, &old_printer, pair.old);
        let new_lines = lines(new, &new_printer, pair.new);
        let (before, after) = texts(&old_lines, &new_lines);
        if before == after {
            continue;
        }
        let diff = TextDiff::configure()
            .algorithm(Algorithm::Patience)
            .diff_lines(before.as_str(), after.as_str());
        let name = printable(&pair.name);
        out.push_str(&format!("{OLD}--- {}: {name}{OLD:#}\n", printable(&old_name)));
        match pair.new {
            Some(_) => {
                out.push_str(&format!("{NEW}+++ {}: {name}{NEW:#}\n", printable(&new_name)));
            }
            None => out.push_str(&format!("{NEW}+++ removed{NEW:#}\n")),
        }
        for group in diff.grouped_ops(args.context) {
            let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
            let (a, b) = (first.old_range().start, first.new_range().start);
            let (a_len, b_len) = (last.old_range().end - a, last.new_range().end - b);
            out.push_str(&format!("{PLACE}@@ -{},{a_len} +{},{b_len} @@{PLACE:#}\n", a + 1, b + 1));
            for op in &group {
                for change in diff.iter_changes(op) {
                    let line = printable(change.value().trim_end_matches('\n'));
                    out.push_str(&match change.tag() {
                        ChangeTag::Delete => format!("{OLD}-{line}{OLD:#}\n"),
                        ChangeTag::Insert => format!("{NEW}+{line}{NEW:#}\n"),
                        ChangeTag::Equal => format!(" {line}\n"),
                    });
                }
            }
        }
    }
    out.push_str(&parts(old, new));
    if out.is_empty() {
        out.push_str("no difference in code, maps or sections\n");
    }
    out
}

/// Maps and sections that only one of the objects has.
fn parts(old: &Object, new: &Object) -> String {
    let maps = |object: &Object| -> BTreeSet<String> {
        object.program().maps.values().map(|map| map.name.clone()).collect()
    };
    let sections = |object: &Object| -> BTreeSet<String> {
        let data = object.program().sections.values();
        data.map(|section| section.name.clone()).collect()
    };
    let mut out = String::new();
    for (what, old, new) in
        [("map", maps(old), maps(new)), ("section", sections(old), sections(new))]
    {
        for name in old.difference(&new) {
            let name = printable(name);
            out.push_str(&format!("{OLD}-uses {what} {name}{OLD:#}\n"));
        }
        for name in new.difference(&old) {
            let name = printable(name);
            out.push_str(&format!("{NEW}+uses {what} {name}{NEW:#}\n"));
        }
    }
    out
}

/// Instructions of each function, and how many lines of code differ.
fn stat(old: &Object, new: &Object, pairs: &[Pair]) -> String {
    let columns = [
        ("FUNCTION", Align::Left),
        ("INSTRUCTIONS", Align::Right),
        ("AFTER", Align::Right),
        ("REMOVED", Align::Right),
        ("ADDED", Align::Right),
    ];
    let mut table = Table::new(&columns);
    let shown = Shown { source: false, offsets: false, variables: false };
    let comments = (Comments::new(old, shown), Comments::new(new, shown));
    let old_printer = Printer::new(old.program()).annotate(&comments.0);
    let new_printer = Printer::new(new.program()).annotate(&comments.1);
    let slots = |object: &Object, func: Option<Func>| {
        let function = func.and_then(|func| object.program().funcs.get(func));
        function.map_or(0, |function| function.original_slots)
    };
    let (mut all, mut lines_of_all) = ((0, 0), (0, 0));
    for pair in pairs {
        let old_lines = lines(old, &old_printer, pair.old);
        let new_lines = lines(new, &new_printer, pair.new);
        let (before, after) = texts(&old_lines, &new_lines);
        let diff = TextDiff::from_lines(before.as_str(), after.as_str());
        let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
        let (removed, added) = (count(ChangeTag::Delete), count(ChangeTag::Insert));
        let (a, b) = (slots(old, pair.old), slots(new, pair.new));
        all = (all.0 + a, all.1 + b);
        lines_of_all = (lines_of_all.0 + removed, lines_of_all.1 + added);
        table.row([
            pair.name.clone(),
            a.to_string(),
            if pair.new.is_some() { b.to_string() } else { "removed".to_owned() },
            removed.to_string(),
            added.to_string(),
        ]);
    }
    table.row([
        "all".to_owned(),
        all.0.to_string(),
        all.1.to_string(),
        lines_of_all.0.to_string(),
        lines_of_all.1.to_string(),
    ]);
    format!("{}{}", table.to_text(""), parts(old, new))
}
