//! What is wrong with what the user says about the parts of an object.

/// What is wrong with what the user says about the parts of an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    /// No program has such a name, nor a section of programs.
    #[error("no program is called `{pattern}`, expected {}", one_of(known))]
    NoProgram {
        /// The name or pattern.
        pattern: String,
        /// The programs.
        known: Vec<String>,
    },
    /// No function has such a name.
    #[error("no function is called `{pattern}`, expected {}", one_of(known))]
    NoFunction {
        /// The name or pattern.
        pattern: String,
        /// The functions.
        known: Vec<String>,
    },
    /// No map has such a name.
    #[error("no map is called `{pattern}`, expected {}", one_of(known))]
    NoMap {
        /// The name or pattern.
        pattern: String,
        /// The maps, and the sections that loaders make maps of.
        known: Vec<String>,
    },
    /// A map that no section fills.
    #[error(
        "`{map}` cannot be a --tail-map: expected a prog array, \
         and programs in sections that end in a slot's number or a name of programs"
    )]
    NoSlots {
        /// The map.
        map: String,
    },
    /// A program is dropped that something kept holds the address of.
    #[error("`{program}` cannot be dropped: {holder} holds its address")]
    Held {
        /// The program.
        program: String,
        /// What holds it.
        holder: String,
    },
    /// A program is named as one that is attached and as one to drop.
    #[error("`{program}` is named by --entry {entry} and by --drop {drop}: give one of the two")]
    EntryAndDrop {
        /// The program.
        program: String,
        /// The pattern that keeps it.
        entry: String,
        /// The pattern that drops it.
        drop: String,
    },
    /// Data sections are left.
    #[error("global data is left:\n{}", places.join("\n"))]
    Globals {
        /// The instructions that name data sections, and the sections that stay without.
        places: Vec<String>,
    },
}

fn one_of(known: &[String]) -> String {
    match known {
        [] => "none: the object has none".to_owned(),
        [one] => format!("`{one}`"),
        several => format!("one of {}", several.join(", ")),
    }
}
