//! `bpfold explain`: what a fold decides, removes and leaves, and why.

use std::collections::BTreeSet;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use bpfold::report::{
    BranchReport, DeadReport, Explained, Fate, FreedBy, How, LineRange, LoadFate, Location,
    OpenBranch, PartKind, PresentReport,
};
use bpfold::{Fold, Object, Report};
use serde::Serialize;

use super::args::{ExplainArgs, Format};
use super::error::CliError;
use super::table::printable;
use super::{files, fold, kernel, profile, summary};

/// What is told, of the whole object or of names.
#[derive(Default, Serialize, schemars::JsonSchema)]
pub struct Answer<'r> {
    /// Decided branches in the order of the source.
    branches: Vec<Branch<'r>>,
    /// Parts that are removed.
    removed: Vec<Removed<'r>>,
    /// Parts that are still there.
    present: Vec<&'r PresentReport>,
    /// Loads of read-only data.
    loads: Vec<&'r LoadFate>,
    /// Branches that could be decided.
    open: Vec<&'r OpenBranch>,
    /// Source lines that were asked for.
    lines: Vec<LineAnswer>,
}

impl Answer<'_> {
    /// Names what several names have found once.
    fn unify(&mut self) {
        fn once<T>(list: &mut Vec<T>, key: impl Fn(&T) -> *const u8) {
            let mut seen = BTreeSet::new();
            list.retain(|one| seen.insert(key(one)));
        }
        once(&mut self.branches, |one| std::ptr::from_ref(one.branch).cast());
        once(&mut self.removed, |one| std::ptr::from_ref(one.dead).cast());
        once(&mut self.present, |one| std::ptr::from_ref(*one).cast());
        once(&mut self.loads, |one| std::ptr::from_ref(*one).cast());
        once(&mut self.open, |one| std::ptr::from_ref(*one).cast());
    }
}

/// A decided branch with the parts that went with it.
#[derive(Serialize, schemars::JsonSchema)]
struct Branch<'r> {
    #[serde(flatten)]
    branch: &'r BranchReport,
    removed: Vec<String>,
}

/// A part that is removed, with the chain of parts that needed it, up to code that can still run.
#[derive(Serialize, schemars::JsonSchema)]
struct Removed<'r> {
    #[serde(flatten)]
    dead: &'r DeadReport,
    chain: Vec<String>,
}

/// What became of a source line.
#[derive(Serialize, schemars::JsonSchema)]
struct LineAnswer {
    file: String,
    line: u32,
    /// The functions that have code of it, and whether that can still run.
    functions: Vec<(String, bool)>,
}

/// Runs the subcommand.
pub fn run(args: &ExplainArgs) -> Result<(), CliError> {
    let object = files::object(&args.object, args.source_root.as_deref())?;
    let applied = profile::apply(&args.options)?;
    let fold = fold::prepare(&object, &args.object, &applied)?;
    let fold = args.debug.apply(fold).explain(true);
    let variables = fold.clone();
    let at_fault = kernel::at_fault(&applied.options.kernel, &args.object);
    let report = fold.run().map_err(at_fault)?.report;
    let none = Explained::default();
    let explained = report.explained.as_ref().unwrap_or(&none);
    let found = Found { object: &object, report: &report, explained, fold: &variables };
    let answer = match args.names.as_slice() {
        [] => found.all(),
        names => {
            let mut answer = Answer::default();
            for name in names {
                found.add(name, &mut answer).map_err(|error| match error {
                    Some(error) => CliError::object(&args.object)(error),
                    None => {
                        CliError::NothingCalled { path: args.object.clone(), name: name.clone() }
                    }
                })?;
            }
            answer.unify();
            answer
        }
    };
    let text = match args.format {
        Format::Json => files::json(&answer),
        Format::Text => Text { out: String::new(), verbose: args.verbose }.all(&answer, args),
    };
    Ok(anstream::stdout().lock().write_all(text.as_bytes())?)
}

struct Found<'r> {
    object: &'r Object,
    report: &'r Report,
    explained: &'r Explained,
    fold: &'r Fold<'r>,
}

/// A place as people order them.
fn order(at: &Location) -> (String, u32, u32, String, u32) {
    let source = at.source.as_ref();
    (
        source.map(|source| source.file.clone()).unwrap_or_default(),
        source.map_or(0, |source| source.line),
        source.map_or(0, |source| source.column),
        at.function.clone(),
        at.instruction.unwrap_or(0),
    )
}

impl<'r> Found<'r> {
    fn all(&self) -> Answer<'r> {
        let mut branches: Vec<&BranchReport> = self.report.branches.iter().collect();
        branches.sort_by_cached_key(|branch| order(&branch.at));
        let frees = |present: &&PresentReport| {
            present.kind != PartKind::Section && !present.freed_by.is_empty()
        };
        Answer {
            branches: branches.into_iter().map(|branch| self.branch(branch)).collect(),
            removed: self.report.dead.iter().map(|dead| self.removed(dead)).collect(),
            present: self.explained.present.iter().filter(frees).collect(),
            loads: self.explained.loads.iter().filter(|load| is_left(load)).collect(),
            open: self.explained.open.iter().collect(),
            lines: Vec::new(),
        }
    }

    fn branch(&self, branch: &'r BranchReport) -> Branch<'r> {
        let by =
            |dead: &&DeadReport| dead.cause.as_ref().is_some_and(|cause| cause.at == branch.at);
        let removed = self.report.dead.iter().filter(by);
        let removed = removed.map(|dead| format!("{} {}", kind(dead.kind), dead.name));
        Branch { branch, removed: removed.collect() }
    }

    fn removed(&self, dead: &'r DeadReport) -> Removed<'r> {
        let mut chain = Vec::new();
        let mut seen = BTreeSet::from([dead.name.as_str()]);
        let mut at = dead;
        // The users that are dead themselves; the first is as good as another.
        while let Some(user) = at.last_used_by.iter().find(|user| seen.insert(user.as_str())) {
            chain.push(user.clone());
            match self.report.dead.iter().find(|dead| dead.name == *user) {
                Some(next) => at = next,
                None => break,
            }
        }
        Removed { dead, chain }
    }

    /// What a name stands for. An error is that of the variable, if it looks like one.
    fn add(&self, name: &str, answer: &mut Answer<'r>) -> Result<(), Option<bpfold::Error>> {
        if let Some((file, line)) = source_line(name) {
            let found = self.line(file, line, answer);
            return if found { Ok(()) } else { Err(None) };
        }
        let dead = self.report.dead.iter().filter(|dead| dead.name == name);
        let dead: Vec<Removed<'r>> = dead.map(|dead| self.removed(dead)).collect();
        let present = self.explained.present.iter().filter(|present| present.name == name);
        let present: Vec<&PresentReport> = present.collect();
        if !dead.is_empty() || !present.is_empty() {
            let is_function = self.report.functions.iter().any(|one| one.name == name);
            if is_function {
                let branches = self.report.branches.iter();
                let mut here: Vec<&BranchReport> =
                    branches.filter(|branch| branch.at.function == name).collect();
                here.sort_by_cached_key(|branch| order(&branch.at));
                answer.branches.extend(here.into_iter().map(|branch| self.branch(branch)));
                let left = self.explained.loads.iter();
                answer.loads.extend(left.filter(|load| load.at.function == name && is_left(load)));
                let open = self.explained.open.iter();
                answer.open.extend(open.filter(|open| open.at.function == name));
            }
            answer.removed.extend(dead);
            answer.present.extend(present);
            return Ok(());
        }
        let is_of = |variable: &str| {
            let inside = |outer: &str, inner: &str| {
                inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with(['.', '[']))
            };
            variable
                .split(", ")
                .any(|known| known == name || inside(name, known) || inside(known, name))
        };
        let loads: Vec<&LoadFate> = self
            .explained
            .loads
            .iter()
            .filter(|load| load.variable.as_deref().is_some_and(is_of))
            .collect();
        let by = |branch: &&BranchReport| {
            branch.reason.conditions.iter().any(|condition| is_of(&condition.name))
        };
        let branches: Vec<&BranchReport> = self.report.branches.iter().filter(by).collect();
        let open =
            |open: &&OpenBranch| open.conditions.iter().any(|condition| is_of(&condition.name));
        let open: Vec<&OpenBranch> = self.explained.open.iter().filter(open).collect();
        if loads.is_empty() && branches.is_empty() && open.is_empty() {
            // A variable that nothing loads is there, or the error tells what the name is.
            self.fold.variables().value(name).map_err(|error| match error {
                bpfold::variables::VariableError::Unknown { ref nearest, .. }
                    if nearest.is_empty() =>
                {
                    None
                }
                error => Some(error.into()),
            })?;
        }
        answer.loads.extend(loads);
        answer.branches.extend(branches.into_iter().map(|branch| self.branch(branch)));
        answer.open.extend(open);
        Ok(())
    }

    fn line(&self, file: &str, line: u32, answer: &mut Answer<'r>) -> bool {
        let is_here =
            |at: &Location| at.source.as_ref().is_some_and(|source| is_file(&source.file, file));
        let is_at = |at: &Location| {
            is_here(at) && at.source.as_ref().is_some_and(|source| source.line == line)
        };
        let in_ranges = |ranges: &[LineRange]| {
            ranges.iter().any(|range| (range.first..=range.last).contains(&line))
        };
        let mut functions: Vec<(String, bool)> = Vec::new();
        let program = self.object.program();
        let mut path = file.to_owned();
        for (_, function) in program.funcs.iter() {
            let records = function.insts().filter_map(|(_, inst)| function.inst(inst).line);
            let mut records = records.filter_map(|line| self.object.links().lines.get(line));
            let Some(btf) = self.object.btf() else { continue };
            let has = records.find(|known| {
                let known_file = btf.str(known.record.file_name_off);
                known.record.line() == line && is_file(self.object.source_path(known_file), file)
            });
            if let Some(known) = has {
                path = self.object.source_path(btf.str(known.record.file_name_off)).to_owned();
                let report = self.report.functions.iter().find(|one| one.name == function.name);
                let lives = report.is_some_and(|report| report.after != 0);
                functions.push((function.name.clone(), lives));
            }
        }
        let branches = self.report.branches.iter().filter(|branch| {
            is_at(&branch.at) || is_here(&branch.at) && in_ranges(&branch.reason.dead_lines)
        });
        let branches: Vec<Branch<'r>> = branches.map(|branch| self.branch(branch)).collect();
        if functions.is_empty() && branches.is_empty() {
            return false;
        }
        for (function, lives) in &functions {
            match lives {
                false => {
                    let dead = self.report.dead.iter().filter(|dead| dead.name == *function);
                    answer.removed.extend(dead.map(|dead| self.removed(dead)));
                }
                true => {
                    let present = self.explained.present.iter();
                    answer.present.extend(present.filter(|part| part.name == *function));
                }
            }
        }
        answer.branches.extend(branches);
        answer.loads.extend(self.explained.loads.iter().filter(|load| is_at(&load.at)));
        let open = self.explained.open.iter();
        let open =
            open.filter(|open| is_at(&open.at) || is_here(&open.at) && in_ranges(&open.lines));
        answer.open.extend(open);
        answer.lines.push(LineAnswer { file: path, line, functions });
        true
    }
}

/// Whether a load could be folded if more were known.
fn is_left(load: &LoadFate) -> bool {
    !matches!(load.fate, Fate::Folded { .. } | Fate::Removed)
}

/// `FILE:LINE`, or `:LINE` of any file.
fn source_line(name: &str) -> Option<(&str, u32)> {
    let (file, line) = name.rsplit_once(':')?;
    Some((file, line.parse().ok()?))
}

/// Whether a path ends in what the user names.
fn is_file(path: &str, named: &str) -> bool {
    let rest = path.strip_suffix(named);
    rest.is_some_and(|rest| named.is_empty() || rest.is_empty() || rest.ends_with('/'))
}

fn kind(kind: PartKind) -> &'static str {
    match kind {
        PartKind::Program => "program",
        PartKind::Subprogram => "subprogram",
        PartKind::Map => "map",
        PartKind::Section => "section",
        PartKind::Extern => "extern",
    }
}

/// The answer for people.
struct Text {
    out: String,
    verbose: bool,
}

const BOLD: Style = Style::new().bold();
const GONE: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
const LEFT: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const HINT: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Cyan)));

impl Text {
    fn line(&mut self, indent: usize, style: Style, line: &str) {
        let line = printable(line);
        self.out.push_str(&format!("{:indent$}{style}{line}{style:#}\n", ""));
    }

    fn heading(&mut self, text: &str) {
        let gap = if self.out.is_empty() { "" } else { "\n" };
        self.out.push_str(&format!("{gap}{BOLD}{text}{BOLD:#}\n"));
    }

    fn all(mut self, answer: &Answer<'_>, args: &ExplainArgs) -> String {
        for line in &answer.lines {
            self.heading(&format!("{}:{}", line.file, line.line));
            for (function, lives) in &line.functions {
                match lives {
                    true => self.line(2, LEFT, &format!("has code in {function}, which is there")),
                    false => {
                        self.line(2, GONE, &format!("has code in {function}, which is removed"));
                    }
                }
            }
        }
        if !answer.branches.is_empty() {
            self.heading("decided branches");
            answer.branches.iter().for_each(|branch| self.branch(branch));
        }
        if !answer.removed.is_empty() {
            self.heading("removed");
            answer.removed.iter().for_each(|removed| self.removed(removed));
        }
        if !answer.present.is_empty() {
            self.heading(match args.names.is_empty() {
                true => "kept by what is open",
                false => "still there",
            });
            answer.present.iter().for_each(|present| self.present(present));
        }
        if !answer.open.is_empty() {
            self.heading("branches that could be decided");
            answer.open.iter().for_each(|open| self.open(open));
        }
        if !answer.loads.is_empty() {
            self.heading(match args.names.is_empty() {
                true => "loads that are not folded",
                false => "loads",
            });
            answer.loads.iter().for_each(|load| self.load(load));
        }
        if self.out.is_empty() {
            self.line(
                0,
                Style::new(),
                match args.names.is_empty() {
                    true => "nothing is decided, removed or open",
                    false => "no instruction loads it, and nothing hangs on it",
                },
            );
        }
        self.out
    }

    fn branch(&mut self, branch: &Branch<'_>) {
        self.line(2, Style::new(), &branch.branch.to_string());
        let dead = branch.branch.reason.dead_instructions;
        let mut with_it = Vec::new();
        match dead {
            0 => {}
            1 => with_it.push("1 instruction".to_owned()),
            several => with_it.push(format!("{several} instructions")),
        }
        with_it.extend(branch.removed.iter().cloned());
        if !with_it.is_empty() {
            self.line(6, GONE, &format!("gone with it: {}", with_it.join(", ")));
        }
        if self.verbose {
            self.line(6, Style::new(), &summary::registers(branch.branch));
        }
    }

    fn removed(&mut self, removed: &Removed<'_>) {
        let Removed { dead, chain } = removed;
        self.line(2, GONE, &dead.to_string());
        if chain.len() > 1 {
            let mut names = vec![dead.name.as_str()];
            names.extend(chain.iter().map(String::as_str));
            self.line(
                6,
                Style::new(),
                &format!("{} was used by {}", names[0], { names[1..].join(", that by ") }),
            );
        }
        if let Some(cause) = &dead.cause {
            self.line(6, Style::new(), &format!("at {}", place(&cause.at)));
        }
    }

    fn present(&mut self, present: &PresentReport) {
        let name = format!("{} {}", kind(present.kind), present.name);
        self.line(2, LEFT, &name);
        let mut text = String::new();
        for (at, link) in present.chain.iter().enumerate() {
            if at == 0 {
                text.push_str(&format!("{} ({})", link.name, present.root));
            } else {
                text.push_str(&link.name);
            }
            text.push_str(match link.how {
                None => "",
                Some(How::Code) => {
                    let next = present.chain.get(at + 1).map(|next| next.kind);
                    match next {
                        Some(PartKind::Program | PartKind::Subprogram) => " calls ",
                        _ => " uses ",
                    }
                }
                Some(How::TailCall) => " tail-calls ",
                Some(How::Data) => " holds ",
                Some(How::Name) => " needs by name ",
            });
        }
        self.line(6, Style::new(), &text);
        if let Some(at) = &present.at {
            self.line(6, Style::new(), &format!("used at {}", place(at)));
        }
        present.freed_by.iter().for_each(|free| self.free(free));
    }

    fn free(&mut self, free: &FreedBy) {
        let FreedBy { at, conditions } = free;
        let conditions: Vec<String> = conditions.iter().map(ToString::to_string).collect();
        let text = format!("could go by {}: {}", place(at), conditions.join(", "));
        self.line(6, HINT, &text);
    }

    fn open(&mut self, open: &OpenBranch) {
        let conditions: Vec<String> = open.conditions.iter().map(ToString::to_string).collect();
        let lines = open.lines.iter().map(|range| match range.first == range.last {
            true => range.first.to_string(),
            false => format!("{}–{}", range.first, range.last),
        });
        let lines: Vec<String> = lines.collect();
        let lines = match lines.as_slice() {
            [] => String::new(),
            [only] if !only.contains('–') => format!("; it guards line {only}"),
            lines => format!("; it guards lines {}", lines.join(", ")),
        };
        self.line(2, HINT, &format!("{}: {}{lines}", place(&open.at), conditions.join(", ")));
    }

    fn load(&mut self, load: &LoadFate) {
        let name = load.variable.as_deref().unwrap_or(&load.section);
        let style = match load.fate {
            Fate::Folded { .. } => LEFT,
            Fate::Removed => GONE,
            _ => HINT,
        };
        self.line(2, style, &format!("{}: {name}: {}", place(&load.at), load.fate));
    }
}

/// A source line, or an instruction where there is none.
fn place(at: &Location) -> String {
    match &at.source {
        Some(source) => {
            let file = source.file.rsplit('/').next().unwrap_or(&source.file);
            format!("{file}:{} `{}`", source.line, source.text)
        }
        None => at.to_string(),
    }
}
