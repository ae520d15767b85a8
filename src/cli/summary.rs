//! The summary of a fold for people.

use anstyle::Style;
use bpfold::Report;
use bpfold::report::{
    BranchReport, CutReport, DeadReport, FunctionKind, FunctionReport, LessFolded, LoadReport,
    Location, Note, PartKind, RefusalReport,
};

use super::args::Length;
use super::table::{Align, Table, printable};

/// The summary.
pub fn text(report: &Report, length: Length) -> String {
    let verbose = length == Length::Full;
    let mut out = Summary { text: String::new(), whole: verbose };
    if matches!(length, Length::None | Length::Short) {
        if length == Length::Short {
            out.sizes(report);
        }
        out.notes(report, |note| note.is_warning());
        return out.text;
    }
    out.functions(report);
    if verbose {
        out.branches(report);
        out.loads(report);
        out.core(report);
    }
    if !report.core.is_empty() {
        let (resolved, left) = (report.core.len(), report.core_left);
        out.line(&format!("CO-RE: {resolved} resolved, {left} left to the loader"));
    }
    out.proof(report);
    out.dropped(report);
    out.cut(report, verbose);
    out.parts(report);
    out.open(report);
    // What could not be proven is told above, with what it costs.
    out.notes(report, |note| !matches!(note, Note::RefusedProof { .. }));
    out.cost(report);
    let (before, after) = (report.size_before, report.size_after);
    let change = match change(before, after).as_str() {
        "" => String::new(),
        change => format!(" ({change})"),
    };
    let btf = match (report.btf_before, report.btf_after) {
        (before, after) if before == after => String::new(),
        (before, after) => format!(", BTF: {before} → {after} bytes"),
    };
    out.line(&format!("file: {before} → {after} bytes{change}{btf}"));
    out.text
}

/// How many names of one kind the summary lists.
const MANY: usize = 12;

struct Summary {
    text: String,
    /// Lists are not cut short.
    whole: bool,
}

impl Summary {
    fn notes(&mut self, report: &Report, wanted: impl Fn(&Note) -> bool) {
        for note in report.notes.iter().filter(|note| wanted(note)) {
            let kind = if note.is_warning() { "warning" } else { "note" };
            self.line(&format!("{kind}: {note}"));
        }
    }

    /// Instructions and bytes, in one line.
    fn sizes(&mut self, report: &Report) {
        let (before, after) = (report.instructions_before(), report.instructions_after());
        let bytes = (report.size_before, report.size_after);
        let programs = report.functions.iter().filter(|one| one.kind == FunctionKind::Program);
        let left = programs.clone().filter(|one| one.after != 0).count();
        self.line(&format!(
            "instructions: {before} → {after}, programs: {} → {left}, branches decided: {}, maps \
             removed: {}, file: {} → {} bytes",
            programs.count(),
            report.branches.len(),
            report.dropped.maps.len(),
            bytes.0,
            bytes.1,
        ));
    }

    /// Names, those beyond many of them counted.
    fn names(&self, names: &[String]) -> String {
        match names.len() {
            len if len > MANY && !self.whole => {
                let first = names.iter().take(MANY).map(String::as_str).collect::<Vec<_>>();
                format!("{} and {} more (--verbose)", first.join(", "), len - MANY)
            }
            _ => names.join(", "),
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(&printable(line));
        self.text.push('\n');
    }

    /// What the verifier goes through, where several ways to fold were tried.
    fn cost(&mut self, report: &Report) {
        for cost in &report.cost {
            let (before, after) = cost.verified;
            let states = match cost.peak_states {
                Some((before, after)) => format!(", {before} → {after} states at most"),
                None => String::new(),
            };
            let (program, setting) = (&cost.program, &cost.setting);
            self.line(&format!(
                "{program}: {before} → {after} verified instructions{states} ({setting})"
            ));
        }
    }

    fn heading(&mut self, heading: &str) {
        let bold = Style::new().bold();
        self.text.push_str(&format!("{bold}{heading}{bold:#}\n"));
    }

    fn functions(&mut self, report: &Report) {
        let columns = [
            ("FUNCTION", Align::Left),
            ("SECTION", Align::Left),
            ("INSTRUCTIONS", Align::Right),
            ("AFTER", Align::Right),
            ("", Align::Right),
            ("BRANCHES DECIDED", Align::Right),
            ("LOADS FOLDED", Align::Right),
        ];
        let mut table = Table::new(&columns);
        for function in &report.functions {
            let here = |at: &Location| at.function == function.name;
            let (before, after) = (function.before, function.after);
            table.row([
                function.name.clone(),
                format!("{}{}", function.section, kind(function)),
                before.to_string(),
                if after == 0 { "dropped".to_owned() } else { after.to_string() },
                if after == 0 { String::new() } else { change(before.into(), after.into()) },
                report.branches.iter().filter(|branch| here(&branch.at)).count().to_string(),
                report.loads.iter().filter(|load| here(&load.at)).count().to_string(),
            ]);
        }
        let (before, after) = (report.instructions_before(), report.instructions_after());
        table.row([
            "all".to_owned(),
            String::new(),
            before.to_string(),
            after.to_string(),
            change(before, after),
            report.branches.len().to_string(),
            report.loads.len().to_string(),
        ]);
        self.text.push_str(&table.to_text(""));
    }

    fn branches(&mut self, report: &Report) {
        if report.branches.is_empty() {
            return;
        }
        self.heading("branches decided");
        for branch in &report.branches {
            self.line(&format!("  {branch}"));
            self.line(&format!("    {}", registers(branch)));
        }
    }

    fn loads(&mut self, report: &Report) {
        if report.loads.is_empty() {
            return;
        }
        self.heading("loads folded");
        for load in &report.loads {
            let LoadReport { value, size, .. } = load;
            let instruction = instruction(&load.at);
            self.line(&format!("  {load}, {value:#x} in {size} bytes, at {instruction}"));
        }
    }

    fn core(&mut self, report: &Report) {
        if report.core.is_empty() {
            return;
        }
        self.heading("CO-RE relocations resolved");
        for core in &report.core {
            let (place, subject, kind, value) = (&core.at, &core.subject, core.kind, core.value);
            self.line(&format!("  {place}: {kind} of {subject} is {value}"));
        }
    }

    fn proof(&mut self, report: &Report) {
        let Some(proof) = &report.proof else { return };
        let nothing = proof.refused.iter().filter(|one| one.folded == LessFolded::Nothing);
        let changed = proof.proven + nothing.count();
        if changed > 0 {
            self.line(&format!("proven: {} of {changed} changed functions", proof.proven));
        }
        for refusal in &proof.refused {
            let RefusalReport { function, at, reason, folded, instructions, keeps } = refusal;
            let folded = match folded {
                LessFolded::Values => "is folded without removing what becomes useless",
                LessFolded::Branches => "has only loads and branches folded",
                LessFolded::Nothing => "stays as it was",
            };
            self.line(&format!("  {function} {folded}: {reason}: {at}"));
            let kept = [
                (*instructions > 0).then(|| format!("{instructions} instructions more")),
                (!keeps.is_empty()).then(|| format!("keeps {}", keeps.join(", "))),
            ];
            let kept: Vec<String> = kept.into_iter().flatten().collect();
            if !kept.is_empty() {
                self.line(&format!("    at the cost of: {}", kept.join(", ")));
            }
        }
    }

    fn dropped(&mut self, report: &Report) {
        let dropped = &report.dropped;
        let is_program = |name: &&String| {
            let mut functions = report.functions.iter();
            functions.any(|func| func.kind == FunctionKind::Program && func.name == **name)
        };
        let (programs, subprograms): (Vec<&String>, Vec<&String>) =
            dropped.functions.iter().partition(is_program);
        let owned = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<String>>();
        let (programs, subprograms) = (owned(programs), owned(subprograms));
        let is_debug = |name: &&String| name.starts_with(".debug_");
        let (debug, mut sections): (Vec<&String>, Vec<&String>) =
            dropped.sections.iter().partition(is_debug);
        let counted = format!("{} sections of DWARF", debug.len());
        match debug.len() {
            0 => {}
            _ if self.whole => sections.extend(debug),
            _ => sections.push(&counted),
        }
        let sections = owned(sections);
        let lists = [
            ("programs", &programs),
            ("subprograms", &subprograms),
            ("maps", &dropped.maps),
            ("sections", &sections),
            ("variables", &dropped.variables),
        ];
        let counts = [
            ("instruction", dropped.instructions as usize),
            ("relocation", dropped.relocations),
            ("func_info record", dropped.func_info),
            ("line_info record", dropped.line_info),
            ("CO-RE record", dropped.core_relo),
        ];
        let counts: Vec<String> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(what, count)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" }))
            .collect();
        let lists = lists.iter().filter(|(_, names)| !names.is_empty());
        let lists: Vec<String> =
            lists.map(|(what, names)| format!("  {what}: {}", self.names(names))).collect();
        if counts.is_empty() && lists.is_empty() {
            self.line("dropped: nothing");
            return;
        }
        self.line(&format!("dropped: {}", counts.join(", ")));
        lists.iter().for_each(|list| self.line(list));
    }

    /// Constants that went out of sections that stay.
    fn cut(&mut self, report: &Report, verbose: bool) {
        for cut in &report.cut {
            let CutReport { section, before, after, constants, .. } = cut;
            let gone = before.saturating_sub(*after);
            self.line(&format!(
                "cut from {section}: {gone} of {before} bytes, which nothing reads"
            ));
            if verbose {
                constants.iter().for_each(|constant| self.line(&format!("  {constant}")));
            }
        }
    }

    /// What went or stayed, and why.
    fn parts(&mut self, report: &Report) {
        let with_reason = |dead: &&DeadReport| {
            dead.kind != PartKind::Subprogram && dead.kind != PartKind::Section
                || dead.cause.is_some() && !dead.last_used_by.is_empty()
        };
        if report.dead.iter().any(|dead| with_reason(&dead)) {
            self.line("no longer needed:");
            let dead = report.dead.iter().filter(with_reason);
            let dead: Vec<String> = dead.map(|dead| dead.to_string()).collect();
            self.list(&dead);
        }
        if !report.kept.is_empty() {
            self.line("kept, although no code names it:");
            let kept: Vec<String> = report.kept.iter().map(|kept| kept.to_string()).collect();
            self.list(&kept);
        }
    }

    /// Lines, those beyond many of them counted.
    fn list(&mut self, lines: &[String]) {
        let shown = match self.whole {
            true => lines.len(),
            false => lines.len().min(2 * MANY),
        };
        lines.iter().take(shown).for_each(|line| self.line(&format!("  {line}")));
        if lines.len() > shown {
            self.line(&format!("  and {} more (--verbose)", lines.len() - shown));
        }
    }

    fn open(&mut self, report: &Report) {
        if report.open.is_empty() {
            return;
        }
        self.line("left open: --set NAME=VALUE gives a value, --freeze NAME takes the stored one");
        let columns = [("", Align::Left), ("", Align::Left), ("", Align::Left)];
        let mut table = Table::new(&columns);
        for open in &report.open {
            let members = match open.final_members.as_slice() {
                [] => String::new(),
                members => format!("a loader must leave {} as it is", members.join(", ")),
            };
            table.row([open.name.clone(), open.type_name.clone().unwrap_or_default(), members]);
        }
        self.text.push_str(&table.rows_to_text("  "));
    }
}

/// An instruction without its source line.
fn instruction(at: &Location) -> String {
    match at.instruction {
        Some(instruction) => format!("{}+{instruction}", at.function),
        None => at.function.clone(),
    }
}

/// A decided branch as code: `report+13: r1 == 0 is always taken, the operands are 0x0 and 0x0`.
pub fn registers(branch: &BranchReport) -> String {
    let value = |value: Option<u64>| value.map_or("unknown".to_owned(), |v| format!("{v:#x}"));
    let (left, right) = (value(branch.left), value(branch.right));
    let (at, condition) = (instruction(&branch.at), &branch.condition);
    if condition.starts_with("gotox") {
        return format!("{at}: {condition} goes where entry {left} leads");
    }
    let taken = if branch.taken { "always" } else { "never" };
    format!("{at}: {condition} is {taken} taken, the operands are {left} and {right}")
}

/// A kind of function, where it is not what its section tells.
fn kind(function: &FunctionReport) -> &'static str {
    match function.kind {
        FunctionKind::Program => "",
        FunctionKind::Global => " (global)",
        FunctionKind::Static => " (static)",
    }
}

/// By how much something became less or more, in percent.
fn change(before: u64, after: u64) -> String {
    if before == after || before == 0 {
        return String::new();
    }
    let percent = (after as f64 - before as f64) * 100.0 / before as f64;
    format!("{percent:+.0} %")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bpfold::report::ProofReport;

    #[test]
    fn a_refused_function_is_named_with_the_reason() {
        let mut report = Report::default();
        let at = Location { function: "main".to_owned(), instruction: Some(7), source: None };
        let reason = "the result is not known to be the same".to_owned();
        let refused = vec![RefusalReport {
            function: "main".to_owned(),
            at,
            reason,
            folded: LessFolded::Nothing,
            instructions: 12,
            keeps: vec!["parse".to_owned(), "counts".to_owned()],
        }];
        report.proof = Some(ProofReport { proven: 2, refused });
        let text = text(&report, Length::Normal);
        assert!(text.contains("proven: 2 of 3 changed functions\n"), "{text}");
        let lines = "  main stays as it was: the result is not known to be the same: main+7\n    \
                     at the cost of: 12 instructions more, keeps parse, counts\n";
        assert!(text.contains(lines), "{text}");
    }
}
