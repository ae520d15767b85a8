//! The report's parts as text, each on one line.

use std::fmt::{self, Display, Formatter};

use super::reasons::line_text;
use super::{
    BranchReason, BranchReport, LessReason, LimitKind, LoadReport, Location, NoEffect, NotSealed,
    Note,
};

/// `function+12, file.c:34 `text of the line``, as far as it is known.
impl Display for Location {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        if let Some(instruction) = self.instruction {
            write!(f, "+{instruction}")?;
        }
        if let Some(source) = &self.source {
            let file = source.file.rsplit('/').next().unwrap_or(&source.file);
            write!(f, ", {file}:{} `{}`", source.line, source.text.trim())?;
        }
        Ok(())
    }
}

/// `agent.bpf.c:66 `if (cfg.debug)`: cfg.debug is false (--set), so lines 67–69 are
/// unreachable`, without registers.
impl Display for BranchReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.at.source {
            Some(source) => {
                let file = source.file.rsplit('/').next().unwrap_or(&source.file);
                write!(f, "{file}:{} `{}`: ", source.line, source.text.trim())?;
            }
            None => write!(f, "{}: ", self.at)?,
        }
        let BranchReason { conditions, dead_instructions, dead_lines } = &self.reason;
        if conditions.is_empty() {
            f.write_str("the outcome is always the same")?;
        }
        for (at, condition) in conditions.iter().enumerate() {
            write!(f, "{}{condition}", if at == 0 { "" } else { ", " })?;
        }
        match (dead_lines.as_slice(), dead_instructions) {
            ([], 0) => f.write_str(", so the test is gone"),
            ([], 1) => f.write_str(", so 1 instruction is unreachable"),
            ([], count) => write!(f, ", so {count} instructions are unreachable"),
            ([only], _) if only.first == only.last => {
                write!(f, ", so line {} is unreachable", only.first)
            }
            (lines, _) => write!(f, ", so {} are unreachable", line_text(lines)),
        }
    }
}

/// `agent.bpf.c:66: cfg.debug is false (--set)`.
impl Display for LoadReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.at.source {
            Some(source) => {
                let file = source.file.rsplit('/').next().unwrap_or(&source.file);
                write!(f, "{file}:{}: ", source.line)?;
            }
            None => write!(f, "{}: ", self.at)?,
        }
        match (&self.variable, &self.text) {
            (Some(variable), Some(text)) => write!(f, "{variable} is {text}")?,
            _ => write!(f, "{}+{:#x} is {:#x}", self.section, self.offset, self.value)?,
        }
        match self.by.as_str() {
            "" => Ok(()),
            by => write!(f, " ({by})"),
        }
    }
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Note::Opaque { function, reason, instruction } => {
                write!(f, "{function} is carried untouched: {reason} (instruction {instruction})")
            }
            Note::DwarfDropped => f.write_str("DWARF is gone: code has moved"),
            Note::FoldedLess { function, reason } => {
                let reason = match reason {
                    LessReason::WouldGrow => "it would grow",
                    LessReason::JumpTooFar => "a jump would not reach its target",
                };
                write!(f, "not everything in {function} is folded: {reason}")
            }
            Note::Limit { function, limit: LimitKind::Blocks, value } => {
                write!(f, "{function} is not folded: it has more than {value} basic blocks")
            }
            Note::Limit { function, limit: LimitKind::Rounds, value } => {
                write!(
                    f,
                    "not everything in {function} is folded: it has changed in more than {value} \
                     rounds of folding"
                )
            }
            Note::TypesRefused { section, variable, problem } => write!(
                f,
                "kernels refuse the types of the object ({variable} in {section}: {problem}), and \
                 those of the folded one, so that global functions are verified as they were"
            ),
            Note::Replaceable { function, property } => write!(
                f,
                "{function} and what it calls stay as they were: the function {property} in code \
                 that cannot run, and only then may a program that replaces it do so"
            ),
            Note::NotSealed { variables, why } => {
                let why = match why {
                    NotSealed::Held => "data holds the address",
                    NotSealed::Asked => "kept as asked",
                    NotSealed::Interface => "bindings name it",
                    NotSealed::Mapped => {
                        "the last variable that is not static keeps the section mapped"
                    }
                };
                write!(
                    f,
                    "folded, but a loader can still set it, to no effect ({why}): {}",
                    variables.join(", ")
                )
            }
            Note::NamesGone => f.write_str(
                "skeletons and other bindings of the original object look for names that are gone: \
                 make them from the folded object, or keep the names (--keep-interface)",
            ),
            Note::EmptySlot { at, map, slot } => {
                write!(f, "tail call into slot {slot} of {map}, which is empty: {at}")
            }
            Note::DroppedTargets { programs, by, maps } => {
                let (through, option) = match maps.as_slice() {
                    [] => ("a prog array that is not known".to_owned(), "MAP"),
                    [map] => (map.clone(), map.as_str()),
                    maps => (maps.join(", "), "MAP"),
                };
                write!(
                    f,
                    "--entry drops {}, and {} tail-calls through {through}, which the object does \
                     not fill: if userspace puts dropped programs there, name them with \
                     --tail-map {option}=NAME|GLOB; if not, with --drop",
                    programs.join(", "),
                    by.join(", "),
                )
            }
            Note::Recursive { function } => {
                write!(f, "{function} calls itself, directly or not: kernels refuse it")
            }
            Note::MissingHelper { at, helper, since, kernel } => {
                write!(f, "{helper} came with {since}, kernel {kernel} lacks it: {at}")
            }
            Note::LeftToLoader { at, subject, kind, problem } => write!(
                f,
                "{subject} ({kind}) is left to the loader, since {} is not analysed: {problem}: {at}",
                at.function
            ),
            Note::MissingSymbol { at, symbol } => {
                write!(f, "the kernel has no {symbol}: {at}")
            }
            Note::Override { variable, value, by, earlier_variable, earlier_value, earlier_by } => {
                write!(
                    f,
                    "{variable} is {value} ({by}), which overrides {earlier_variable} = {earlier_value} \
                 ({earlier_by})"
                )
            }
            Note::EnumRange { variable, type_name, value, known } => {
                write!(f, "{variable} is {value}, and {type_name} has no such value, only ")?;
                f.write_str(&known.join(", "))
            }
            Note::Ignored { variable, by } => {
                write!(f, "the object has no {variable}, which {by} names: it is left out")
            }
            Note::OnlyReturns { program } => {
                write!(f, "program {program} does nothing any more but return a value")
            }
            Note::NoPrograms { before: 1 } => {
                f.write_str("no program is left: the only one of the object is removed")
            }
            Note::NoPrograms { before } => {
                write!(f, "no program is left: all {before} of the object are removed")
            }
            Note::RefusedProof { function, at, reason } => {
                write!(f, "{function} is folded less than it could be: {reason}: {at}")
            }
            Note::NoEffect { variable, cause: NoEffect::NotLoaded } => {
                write!(f, "the value of {variable} has no effect: no instruction loads it")
            }
            Note::NoEffect {
                variable,
                cause: NoEffect::CompilerUsed { type_name, stored, loaded },
            } => {
                let (effect, used) = match loaded {
                    false => ("has no effect", "the compiler has used"),
                    true => ("may not have its full effect", "the compiler may have used"),
                };
                write!(
                    f,
                    "the value of {variable} {effect}: its type, {type_name}, is const and not \
                     volatile, so {used} the stored value {stored}; declare it const volatile"
                )
            }
            Note::OutOfBounds { at, variable, section, offset, size, section_size } => {
                match size {
                    Some(size) => write!(f, "access of {size} bytes at offset {offset}")?,
                    None => write!(f, "address at offset {offset}")?,
                }
                write!(f, " of {section}, which has {section_size} bytes")?;
                if let Some(variable) = variable {
                    write!(f, ", from {variable}")?;
                }
                write!(f, ": kernels refuse the program: {at}")
            }
        }
    }
}
