//! The report's parts as text, each on one line.

use std::fmt::{self, Display, Formatter};

use super::{Location, Note};

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

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Note::Opaque { function, reason, instruction } => {
                write!(f, "{function} is carried untouched: {reason} (instruction {instruction})")
            }
            Note::DwarfDropped => f.write_str("DWARF is gone: code has moved"),
            Note::FoldedLess { function } => {
                write!(
                    f,
                    "not everything in {function} is folded: it would grow, a jump would not reach, \
                     or it is too large"
                )
            }
            Note::NotSealed { variable } => write!(
                f,
                "{variable} is folded, but data holds its address: \
                 a loader can still set it, to no effect"
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
            Note::MissingSymbol { at, symbol } => {
                write!(f, "the kernel has no {symbol}: {at}")
            }
        }
    }
}
