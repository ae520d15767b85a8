//! `bpfold vars --template`: a file for `--values` with all that can be set.

use std::fmt::Write as _;
use std::path::Path;

use bpfold::variables::Finality;
use bpfold::{Fold, Object};

use super::{Entry, Listing};
use crate::cli::error::shown;
use crate::cli::table::printable;

/// The longest list of an enum's values that a comment holds.
const MAX_NAMES: usize = 32;

/// The file: what can be set with its stored value, so that it does what `--freeze` does until
/// values are changed. What is not read is commented out, since a value would change nothing.
pub fn text(object: &Object, listing: &Listing, path: &Path) -> Result<String, bpfold::Error> {
    let fold = Fold::new(object)?;
    let mut text = format!(
        "# Values for {}: bpfold fold OBJECT -o FILE --values THIS_FILE\n\
         # The values are those that the object has. Each line makes its variable final:\n\
         # change the values, and remove the lines of what shall stay open for the loader.\n",
        printable(&shown(path))
    );
    for entry in &listing.variables {
        text.push('\n');
        if let Some(mark) = entry.row.mark.as_deref().filter(|mark| !mark.is_empty()) {
            let _ = writeln!(text, "# {}", printable(mark));
        }
        if entry.members.is_empty() {
            line(&mut text, &fold, entry);
            continue;
        }
        let of = entry.row.type_name.as_deref().unwrap_or("?");
        let _ = writeln!(text, "# {}: {}", printable(&entry.row.name), printable(of));
        // The members of a union are the same bits: one of them is enough.
        let mut end = 0;
        for member in &entry.members {
            let start = member.row.offset * 8 + member.row.bits.map_or(0, |(bit, _)| bit);
            let size = member.row.bits.map_or(member.row.size * 8, |(_, width)| width);
            if start >= end {
                line(&mut text, &fold, member);
                end = start + size;
            } else {
                let (name, value) = (printable(&member.row.name), printable(&member.row.value));
                let _ = writeln!(text, "# {name} = {value}  # the same bits");
            }
        }
    }
    Ok(text)
}

fn line(text: &mut String, fold: &Fold<'_>, entry: &Entry) {
    let row = &entry.row;
    let mut comments = vec![row.type_name.clone().unwrap_or_else(|| format!("{} bytes", row.size))];
    let names = fold.variables().enumerators(&row.name);
    if !names.is_empty() && names.len() <= MAX_NAMES {
        comments.push(names.join(", "));
    }
    let can_be_set = matches!(row.finality, Finality::Open | Finality::Partial);
    if !entry.read {
        comments.push("nothing reads it".to_owned());
    } else if !can_be_set {
        comments.push("final".to_owned());
    }
    let off = if entry.read && can_be_set { "" } else { "# " };
    let (name, value) = (printable(&row.name), printable(&row.value));
    let _ = writeln!(text, "{off}{name} = {value}  # {}", printable(&comments.join(": ")));
}
