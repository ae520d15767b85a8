//! What can be wrong with a name, a value or a section's variables.

use super::Unplaced;

/// Why a variable cannot be read or set.
///
/// `path` is the name as the user gave it; offsets are in bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VariableError {
    /// No variable of this name.
    #[error("no read-only variable `{name}`{}", nearest_text(.nearest))]
    Unknown {
        /// The name.
        name: String,
        /// Names that are like it, the nearest first.
        nearest: Vec<String>,
    },
    /// No variable has a name, although there is read-only data.
    #[error(
        "no read-only variable `{name}`: nothing in the object names its read-only data, so it was \
         stripped of symbols and BTF; give the object as the compiler made it, or strip it of DWARF \
         only, with `llvm-strip -g`"
    )]
    Stripped {
        /// The name.
        name: String,
    },
    /// A pattern that no variable's name matches.
    #[error("no read-only variable matches `{pattern}`{}", nearest_text(.nearest))]
    NoMatch {
        /// The pattern.
        pattern: String,
        /// Names that are like it, the nearest first.
        nearest: Vec<String>,
    },
    /// No read-only section has this name, or several have.
    #[error("there is no single read-only section `{section}`, there are {}", .known.join(", "))]
    NoSection {
        /// The name.
        section: String,
        /// The read-only sections.
        known: Vec<String>,
    },
    /// An image of a section of another size.
    #[error("the image of {section} has {image} bytes, the section has {size}")]
    ImageSize {
        /// The section.
        section: String,
        /// Its bytes.
        size: usize,
        /// The bytes of the image.
        image: usize,
    },
    /// Nothing in the source is marked.
    #[error("no read-only variable is marked: a mark is a BTF declaration tag `bpfold:const`")]
    NoMark,
    /// Several variables have this name.
    #[error("`{name}` is the name of several variables, say which: {}", .places.join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// The names that tell them apart: `SECTION+OFFSET:NAME`.
        places: Vec<String>,
    },
    /// A variable that programs can write to.
    #[error(
        "`{name}` is in {section}, which programs can write to; only variables of .rodata have \
         values that stay (declare it `const volatile`)"
    )]
    Writable {
        /// The variable.
        name: String,
        /// Its section.
        section: String,
    },
    /// A variable of another object or of the kernel.
    #[error(
        "`{name}` is extern: its value comes from the kernel, describe the kernel instead of \
         setting it"
    )]
    Extern {
        /// The variable.
        name: String,
    },
    /// A variable of BTF of which nothing tells where it is.
    #[error("where `{name}` lies in {section} is not known: {why}")]
    Unplaced {
        /// The variable.
        name: String,
        /// Its section.
        section: String,
        /// Why.
        why: Unplaced,
    },
    /// A variable that reaches beyond its section.
    #[error(
        "{section}: variable `{name}` at byte {offset} has {size} bytes, the section only {len}"
    )]
    OutsideSection {
        /// Its section.
        section: String,
        /// The variable.
        name: String,
        /// Its offset in the section.
        offset: u64,
        /// Its size.
        size: u64,
        /// The section's size.
        len: u64,
    },
    /// Variables that overlap more than aliases do: listing them would take much more than the
    /// object has.
    #[error(
        "{section}: its variables have {size} bytes together, the section only {len}, expected \
         at most {limit}"
    )]
    Overlap {
        /// Their section.
        section: String,
        /// The sum of their sizes.
        size: u64,
        /// The section's size.
        len: u64,
        /// The largest sum that is taken.
        limit: u64,
    },
    /// A path that is no path.
    #[error("`{path}`, character {at}: expected {expected}")]
    PathSyntax {
        /// The path.
        path: String,
        /// Where it goes wrong, in bytes from its start.
        at: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// A member of something that is no struct or union.
    #[error("`{path}` has no members, it is of type `{type_name}`")]
    NotComposite {
        /// The path without the member.
        path: String,
        /// Its type.
        type_name: String,
    },
    /// An element of something that is no array.
    #[error("`{path}` has no elements, it is of type `{type_name}`")]
    NotArray {
        /// The path without the index.
        path: String,
        /// Its type.
        type_name: String,
    },
    /// Members or elements of a variable whose type nothing tells.
    #[error("the type of `{path}` is not known: the object has no BTF for it")]
    Untyped {
        /// The variable.
        path: String,
    },
    /// A member that the type does not have.
    #[error("`{type_name}` has no member `{member}`{}", nearest_text(.nearest))]
    UnknownMember {
        /// The type.
        type_name: String,
        /// The member.
        member: String,
        /// Members that are like it, the nearest first.
        nearest: Vec<String>,
    },
    /// An index beyond the end of an array.
    #[error("`{path}`: index {index} is out of range, the array has {count} elements")]
    Index {
        /// The path without the index.
        path: String,
        /// The index.
        index: u64,
        /// Number of elements.
        count: u64,
    },
    /// A value that is no value.
    #[error("value of `{path}`: `{value}`, character {at}: expected {expected}")]
    ValueSyntax {
        /// What was to be set.
        path: String,
        /// The value.
        value: String,
        /// Where it goes wrong, in bytes from its start.
        at: usize,
        /// What should be there.
        expected: String,
    },
    /// A value that does not fit the type.
    #[error("`{path}` is of type `{type_name}`: `{value}` does not fit, expected {expected}")]
    WrongType {
        /// What was to be set.
        path: String,
        /// Its type.
        type_name: String,
        /// The value, or the part of it for this member.
        value: String,
        /// What would fit.
        expected: String,
    },
    /// A number that the type cannot hold.
    #[error("`{path}` is of type `{type_name}`: {value} is out of range, expected {range}")]
    OutOfRange {
        /// What was to be set.
        path: String,
        /// Its type, with the width of bit-fields.
        type_name: String,
        /// The number.
        value: String,
        /// The smallest and the largest number that fit.
        range: String,
    },
    /// More characters, bytes or elements than there is room for.
    #[error("`{path}` is of type `{type_name}`: {found} {what} given, {room} fit")]
    TooMany {
        /// What was to be set.
        path: String,
        /// Its type.
        type_name: String,
        /// `characters`, `bytes` or `elements`.
        what: &'static str,
        /// How many were given.
        found: u64,
        /// How many fit.
        room: u64,
    },
    /// A name that is no value of the enum.
    #[error("`{path}` is of type `{type_name}`, which has no value `{name}`{}", nearest_text(.nearest))]
    UnknownEnumValue {
        /// What was to be set.
        path: String,
        /// Its type.
        type_name: String,
        /// The name.
        name: String,
        /// Values that are like it, the nearest first.
        nearest: Vec<String>,
    },
    /// A floating-point value or type.
    #[error(
        "`{path}`: BPF has no floating-point numbers; give the stored bytes as `hex:...` instead \
         of `{value}`"
    )]
    Float {
        /// What was to be set.
        path: String,
        /// The value.
        value: String,
    },
    /// Bits that were set before, to another value.
    #[error("`{path}` is set to `{value}`, but `{earlier_path}` was set to `{earlier_value}`")]
    Conflict {
        /// What was to be set.
        path: String,
        /// The value.
        value: String,
        /// What was set before.
        earlier_path: String,
        /// Its value.
        earlier_value: String,
    },
    /// Bytes that the loader fills in.
    #[error("`{path}`: {section} has a relocation at byte {offset}, the loader fills it in")]
    Relocated {
        /// What was to be set.
        path: String,
        /// The section.
        section: String,
        /// Where the relocated bytes start in the section.
        offset: u64,
    },
    /// A static constant, whose value the compiler has used already.
    #[error(
        "`{path}` is of type `{type_name}` and static: the compiler may have used its value \
         `{stored}` already (declare it `const volatile`)"
    )]
    CompilerUsed {
        /// What was to be set.
        path: String,
        /// The variable's type.
        type_name: String,
        /// The value in the object.
        stored: String,
    },
}

fn nearest_text(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        [only] => format!("; did you mean `{only}`?"),
        several => format!("; did you mean one of `{}`?", several.join("`, `")),
    }
}

/// The names most like `name`, at most three, the nearest first; equals keep their order.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .filter(|known| !known.is_empty())
        .map(|known| {
            let lower = known.to_lowercase();
            let within = lower.contains(&wanted) || wanted.contains(&lower);
            let likeness = strsim::normalized_damerau_levenshtein(&wanted, &lower);
            (if within { likeness.max(0.5) } else { likeness }, known)
        })
        .filter(|(likeness, _)| *likeness >= 0.5)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut names: Vec<String> = Vec::new();
    for (_, known) in scored {
        if names.len() < 3 && !names.iter().any(|name| name == known) {
            names.push(known.to_owned());
        }
    }
    names
}
