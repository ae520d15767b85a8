//! Object files: what the command does with one, from reading to reading the result again.

use crate::loads::loads;
use crate::passes::cfg::Cfg;
use crate::passes::ir::Linkage;
use crate::passes::text::Printer;
use crate::{Error, Fold, Folded, Object};

/// Lists the variables, prints the programs, folds everything; what is written can be read,
/// and folding it again changes nothing. Folds once more with one program only.
pub fn check(data: &[u8]) {
    let Ok(object) = Object::parse(data) else { return };
    list(&object);
    print(&object);
    let Some(folded) = fold(&object) else { return };
    serde_json::to_string(&folded.report).expect("a report is JSON");
    let again = match Object::parse(&folded.bytes) {
        Ok(again) => again,
        Err(error) => panic!("the result cannot be read: {error}"),
    };
    list(&again);
    if let Some(twice) = fold(&again) {
        Object::parse(&twice.bytes).expect("the result of folding twice can be read");
    }
    let mut programs = object.program().funcs.values().filter(|f| f.linkage == Linkage::Entry);
    if let Some(last) = programs.next_back() {
        let narrow = Fold::new(&object).map(|fold| fold.freeze_all().prune_maps());
        let narrow = narrow.and_then(|fold| fold.entry(&last.name)).ok().and_then(run);
        if let Some(narrow) = narrow {
            Object::parse(&narrow.bytes).expect("the result with one program can be read");
        }
    }
}

/// What `vars` does.
fn list(object: &Object) {
    let Ok(variables) = object.variables() else { return };
    serde_json::to_string(&variables.rows()).expect("rows are JSON");
    for variable in variables.iter() {
        let _ = variables.member_rows(variable);
    }
    let _ = loads(object);
}

/// What `dump` does.
fn print(object: &Object) {
    let printer = Printer::new(object.program());
    let _ = printer.to_string();
    for (id, func) in object.program().funcs.iter() {
        Cfg::new(func).dot(&func.name, |block| printer.block(id, block).to_string());
    }
}

/// What `fold --freeze-all --verify-each` does.
fn fold(object: &Object) -> Option<Folded> {
    run(Fold::new(object).ok()?.freeze_all().verify_each(true))
}

/// Folds; what is wrong with the object is no failure.
fn run(fold: Fold<'_>) -> Option<Folded> {
    match fold.run() {
        Ok(folded) => Some(folded),
        Err(error @ (Error::Pass(_) | Error::Written { .. } | Error::Unproven { .. })) => {
            panic!("{error}")
        }
        Err(_) => None,
    }
}
