//! Checks in words that can be asked again, of any kernel's types.
//!
//! After folding neither the record of a check nor the object's own types that it starts from
//! are in the object any more, but the words are: `exists struct task_struct.pid: int`. They
//! say all that libbpf's rules look at, so that types with these names and members alone get
//! the same answer. A question is one of
//!
//! ```text
//! VERB KIND NAME                  a type
//! VERB typedef NAME = KIND        a type that a typedef stands for
//! VERB KIND NAME.ENUMERATOR       a value of an enum
//! VERB KIND NAME PATH: LEAF       a field
//! ```
//!
//! with the verbs `exists`, `size`, `signed` and `value`, the kinds `struct`, `union`, `enum`,
//! `int` and `typedef`, a path of `.MEMBER` and `[INDEX]`, and a leaf that is what the last
//! member of the path is: `int`, `float`, `*`, `struct`, `enum NAME` or `fwd NAME`, and a `[]`
//! for each dimension of an array. Records with other types have no words.

use super::candidates::essential;
use super::size::Side;
use super::spec::{Spec, Subject, subject};
use crate::btf::{
    Array, Btf, Composite, CoreRelo, CoreReloKind, EnumValue, Enumeration, Int, Kind, Member,
    StrOff, Type, TypeId,
};

/// A step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step<'q> {
    Member(&'q str),
    Index(u32),
}

/// The words of a record, if there are some.
pub(super) fn words(local: &Btf, record: &CoreRelo) -> Option<String> {
    let verb = match record.kind {
        CoreReloKind::FieldExists | CoreReloKind::TypeExists | CoreReloKind::EnumvalExists => {
            "exists"
        }
        CoreReloKind::FieldByteSize | CoreReloKind::TypeSize => "size",
        CoreReloKind::FieldSigned => "signed",
        CoreReloKind::EnumvalValue => "value",
        CoreReloKind::FieldByteOffset
        | CoreReloKind::FieldLShiftU64
        | CoreReloKind::FieldRShiftU64
        | CoreReloKind::TypeIdLocal
        | CoreReloKind::TypeIdTarget
        | CoreReloKind::TypeMatches => return None,
    };
    let root = local.ty(record.type_id);
    let kind = match root.kind {
        Kind::Typedef(_) => "typedef",
        _ => kind_word(&root.kind)?,
    };
    let mut words = format!("{verb} {kind} {}", plain(local, root.name)?);
    let side = Side::local(local);
    let spec =
        Spec::parse(side, record.kind, record.type_id, local.str(record.access_str_off)).ok()?;
    match subject(record.kind) {
        Subject::Type => {
            if kind == "typedef" {
                words.push_str(" = ");
                words.push_str(kind_word(&local.resolve(record.type_id).1.kind)?);
            }
        }
        Subject::EnumValue => {
            words.push('.');
            words.push_str(plain(local, spec.accessors.first()?.name?)?);
        }
        Subject::Field => {
            let mut last = None;
            for (at, accessor) in spec.accessors.iter().enumerate() {
                match accessor.name {
                    Some(name) => {
                        words.push('.');
                        words.push_str(identifier(local.str(name))?);
                        last = Some(accessor);
                    }
                    None if at == 0 && accessor.index == 0 => {}
                    None => words.push_str(&format!("[{}]", accessor.index)),
                }
            }
            let last = last?;
            let member = local.composite(last.ty)?.members.get(last.index as usize)?;
            words.push_str(": ");
            words.push_str(&leaf(local, member.ty)?);
        }
    }
    Some(words)
}

fn kind_word(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Struct(_) => Some("struct"),
        Kind::Union(_) => Some("union"),
        Kind::Enum(_) | Kind::Enum64(_) => Some("enum"),
        Kind::Int(int) if int.bit_offset == 0 => Some("int"),
        _ => None,
    }
}

/// A name in words: without its flavor, unless there is another one before it.
fn plain(local: &Btf, name: StrOff) -> Option<&str> {
    let name = local.str(name);
    let short = std::str::from_utf8(essential(name.as_bytes())).ok()?;
    let is_short = essential(short.as_bytes()).len() == short.len();
    identifier(if is_short { short } else { name })
}

fn identifier(name: &str) -> Option<&str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!name.is_empty() && name.bytes().all(fits)).then_some(name)
}

fn leaf(local: &Btf, ty: TypeId) -> Option<String> {
    let mut dimensions = String::new();
    let mut id = ty;
    loop {
        let ty = local.resolve(id).1;
        let named = |kind: &str| match local.bytes(ty.name) {
            [] => Some(kind.to_owned()),
            _ => Some(format!("{kind} {}", plain(local, ty.name)?)),
        };
        let word = match &ty.kind {
            Kind::Array(array) if dimensions.len() < 2 * MAX_DIMENSIONS => {
                dimensions.push_str("[]");
                id = array.element;
                continue;
            }
            Kind::Int(int) if int.bit_offset == 0 => "int".to_owned(),
            Kind::Float { .. } => "float".to_owned(),
            Kind::Ptr(_) => "*".to_owned(),
            Kind::Struct(_) | Kind::Union(_) => "struct".to_owned(),
            Kind::Enum(_) | Kind::Enum64(_) => named("enum")?,
            Kind::Fwd { .. } => named("fwd")?,
            _ => return None,
        };
        return Some(word + &dimensions);
    }
}

/// How many dimensions an array in words may have.
const MAX_DIMENSIONS: usize = 8;

/// Types and a record that ask what the words say; none if they are no question.
pub(super) fn pose(btf: &mut Btf, words: &str) -> Option<CoreRelo> {
    let mut poser = Poser { btf };
    let (verb, rest) = words.split_once(' ')?;
    let (root, rest) = rest.split_once(' ')?;
    let (rest, leaf) = match rest.split_once(": ") {
        Some((rest, leaf)) => (rest, Some(leaf)),
        None => (rest, None),
    };
    let end = rest.find(['.', '[', ' ']).unwrap_or(rest.len());
    let (name, path) = rest.split_at(end);
    let name = identifier(name)?;
    let (subject, ty, access) = match (leaf, path.strip_prefix('.')) {
        (Some(leaf), _) => {
            let all = steps(path)?;
            let (first, steps) = match all.split_first() {
                Some((Step::Index(index), rest)) => (*index, rest),
                _ => (0, all.as_slice()),
            };
            let mut access = first.to_string();
            for step in steps {
                let index = match step {
                    Step::Member(_) => 0,
                    Step::Index(index) => *index,
                };
                access.push_str(&format!(":{index}"));
            }
            (Subject::Field, poser.fields(steps, leaf)?, access)
        }
        (None, Some(value)) => {
            let ty = poser.kind("enum", Some(identifier(value)?))?;
            (Subject::EnumValue, ty, "0".to_owned())
        }
        (None, None) => {
            let of = match (root, path.strip_prefix(" = ")) {
                ("typedef", Some(of)) => of,
                (_, None) if path.is_empty() => root,
                _ => return None,
            };
            (Subject::Type, poser.kind(of, None)?, "0".to_owned())
        }
    };
    let kind = match (verb, subject) {
        ("exists", Subject::Field) => CoreReloKind::FieldExists,
        ("size", Subject::Field) => CoreReloKind::FieldByteSize,
        ("signed", Subject::Field) => CoreReloKind::FieldSigned,
        ("exists", Subject::Type) => CoreReloKind::TypeExists,
        ("size", Subject::Type) => CoreReloKind::TypeSize,
        ("exists", Subject::EnumValue) => CoreReloKind::EnumvalExists,
        ("value", Subject::EnumValue) => CoreReloKind::EnumvalValue,
        _ => return None,
    };
    let type_id = poser.named(root, name, ty)?;
    let access_str_off = btf.push_string(&access);
    Some(CoreRelo { insn_off: 0, type_id, access_str_off, kind, extra: Box::default() })
}

fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let (index, after) = after.split_once(']')?;
            steps.push(Step::Index(index.parse().ok()?));
            rest = after;
        } else {
            let after = rest.strip_prefix('.')?;
            let (name, after) = after.split_at(after.find(['.', '[']).unwrap_or(after.len()));
            steps.push(Step::Member(identifier(name)?));
            rest = after;
        }
    }
    Some(steps)
}

/// Makes the types of a question.
struct Poser<'b> {
    btf: &'b mut Btf,
}

impl Poser<'_> {
    fn add(&mut self, name: &str, kind: Kind) -> TypeId {
        let name = self.btf.push_string(name);
        self.btf.add_type(Type { name, flag: false, kind })
    }

    /// A type of a kind without a name; an enum with a value, if one is given.
    fn kind(&mut self, word: &str, value: Option<&str>) -> Option<TypeId> {
        let kind = match word {
            "struct" => Kind::Struct(Composite::default()),
            "union" => Kind::Union(Composite::default()),
            "int" => Kind::Int(Int { size: 4, bits: 32, ..Int::default() }),
            "enum" => {
                let name = value.map(|value| self.btf.push_string(value));
                let values = name.into_iter().map(|name| EnumValue { name, value: 0 });
                Kind::Enum(Enumeration { size: 4, signed: false, values: values.collect() })
            }
            _ => return None,
        };
        Some(self.add("", kind))
    }

    /// Gives a type that was made its kind and name, or makes a typedef of it.
    fn named(&mut self, kind: &str, name: &str, ty: TypeId) -> Option<TypeId> {
        if kind == "typedef" {
            return Some(self.add(name, Kind::Typedef(ty)));
        }
        let name = self.btf.push_string(name);
        let made = self.btf.ty_mut(ty)?;
        made.name = name;
        if let ("union", Kind::Struct(composite)) = (kind, &made.kind) {
            made.kind = Kind::Union(composite.clone());
        }
        (kind_word(&made.kind)? == kind).then_some(ty)
    }

    /// A struct with what the path leads through.
    fn fields(&mut self, steps: &[Step<'_>], leaf: &str) -> Option<TypeId> {
        let last = steps.iter().rposition(|step| matches!(step, Step::Member(_)))?;
        let (path, indices) = steps.split_at(last + 1);
        let base = leaf.trim_end_matches("[]");
        let dimensions = (leaf.len() - base.len()) / 2;
        let (word, name) = match base.split_once(' ') {
            Some((word, name)) => (word, identifier(name)?),
            None => (base, ""),
        };
        let kind = match (word, name) {
            ("int", "") => Kind::Int(Int { size: 4, bits: 32, ..Int::default() }),
            ("float", "") => Kind::Float { size: 4 },
            ("*", "") => Kind::Ptr(TypeId::VOID),
            ("struct", "") => Kind::Struct(Composite::default()),
            ("enum", _) => Kind::Enum(Enumeration { size: 4, ..Enumeration::default() }),
            ("fwd", _) => Kind::Fwd { is_union: false, unused: 0 },
            _ => return None,
        };
        if dimensions > MAX_DIMENSIONS || indices.len() > dimensions {
            return None;
        }
        let mut ty = self.add(name, kind);
        for dimension in (0..dimensions).rev() {
            let index = match indices.get(dimension) {
                Some(Step::Index(index)) => *index,
                _ => 0,
            };
            ty = self.array(ty, index)?;
        }
        for step in path.iter().rev() {
            ty = match step {
                Step::Index(index) => self.array(ty, *index)?,
                Step::Member(name) => {
                    let name = self.btf.push_string(name);
                    let members = vec![Member { name, ty, bit_offset: 0, bitfield: 0 }];
                    let composite = Composite { size: 0, has_bitfields: false, members };
                    self.add("", Kind::Struct(composite))
                }
            };
        }
        matches!(path.first(), Some(Step::Member(_))).then_some(ty)
    }

    fn array(&mut self, element: TypeId, index: u32) -> Option<TypeId> {
        let array = Array { element, index: TypeId::VOID, count: index.checked_add(1)? };
        Some(self.add("", Kind::Array(array)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use std::collections::BTreeMap;
    use std::path::Path;

    use super::super::answers::ask;
    use super::super::resolve;
    use super::{pose, words};
    use crate::btf::{Btf, Endianness};
    use crate::{Kernel, Object};

    fn file(name: &str) -> Vec<u8> {
        std::fs::read(Path::new("tests/objects").join(name)).unwrap()
    }

    /// Every record that has words, with its answer by libbpf's rules and with that of the words.
    fn answers(object: &str, target: &str) -> BTreeMap<String, [Option<u64>; 2]> {
        let object = Object::parse(&file(object)).unwrap();
        let kernel = Kernel::new().btf(file(target));
        let resolutions = resolve(&object, &kernel).unwrap();
        let worded = resolutions.iter().filter_map(|resolution| {
            let words = words(object.btf().unwrap(), &resolution.record)?;
            let asked = ask(&kernel, std::iter::once(&words)).unwrap().unwrap().remove(0);
            Some((words, [resolution.value.clone().ok(), asked.unwrap().ok()]))
        });
        worded.collect()
    }

    #[test]
    fn words_get_the_answers_of_records() {
        let cases = [
            ("core.o", "core-target-old.o", 13),
            ("core.o", "core-target-new.o", 13),
            ("core.o", "core-target-two.o", 13),
            ("core-be.o", "core-target-be.o", 13),
            ("core-new.o", "core-new-target.o", 17),
        ];
        for (object, target, number) in cases {
            let answers = answers(object, target);
            assert_eq!(answers.len(), number, "{object} {target}");
            for (words, [record, asked]) in answers {
                assert_eq!(record, asked, "{object} {target} {words}");
            }
        }
    }

    /// One question of each form, with its answer.
    #[test]
    fn forms() {
        let answers = answers("core.o", "core-target-new.o");
        let new = self::answers("core-new.o", "core-new-target.o");
        let answer = |words: &str| answers.get(words).or(new.get(words)).copied().unwrap()[0];
        assert_eq!(answer("exists struct nowhere"), Some(0));
        assert_eq!(answer("exists typedef pair = struct"), Some(1));
        assert_eq!(answer("size union either"), Some(16));
        assert_eq!(answer("exists enum state.GONE"), Some(0));
        assert_eq!(answer("value enum state.BUSY"), Some(7));
        assert_eq!(answer("value enum wide.NEGATIVE"), Some(-5_i64 as u64));
        assert_eq!(answer("exists struct renamed.after: int"), Some(1));
        assert_eq!(answer("size struct task.inner.values: int[]"), Some(32));
        assert_eq!(answer("signed struct task.more_bits: int"), Some(1));
        // A name that has a flavor even without its flavor.
        assert_eq!(answer("exists struct two___words___mine.found: int"), Some(0));
    }

    /// Kinds and names of leaves count, as those of the object's own types do.
    #[test]
    fn leaves() {
        let kernel = Kernel::new().btf(file("core-target-new.o"));
        let exists = |words: &str| {
            let words = words.to_owned();
            ask(&kernel, std::iter::once(&words)).unwrap().unwrap().remove(0).unwrap().unwrap()
        };
        assert_eq!(exists("exists struct task.parent: *"), 1);
        assert_eq!(exists("exists struct task.parent: int"), 0);
        assert_eq!(exists("exists struct task.parent[0]: *[]"), 0);
        assert_eq!(exists("exists struct task.inner: struct"), 1);
        assert_eq!(exists("exists struct task.inner.low: int"), 1);
        assert_eq!(exists("exists struct task.inner.values[7]: int[]"), 1);
        assert_eq!(exists("exists struct task.inner.values[8]: int[]"), 0);
        assert_eq!(exists("exists struct task[3].inner.low: int"), 1);
        assert_eq!(exists("exists union task.pid: int"), 0);
        assert_eq!(exists("exists enum state"), 1);
    }

    #[test]
    fn what_is_no_question() {
        for words in [
            "",
            "exists",
            "exists struct",
            "exists struct ",
            "exists struct a.",
            "exists struct a..b: int",
            "exists struct a.b: ",
            "exists struct a.b: int[",
            "exists struct a.b: int[][][][][][][][][]",
            "exists struct a.b[1]: int",
            "exists struct a[4294967295].b[4294967295]: int[]",
            "exists struct a[1]: int",
            "exists struct a b",
            "exists struct a = int",
            "exists fwd a",
            "signed struct a",
            "value struct a.b: int",
            "value struct a.b",
            "exists typedef a",
            "exists typedef a = typedef",
            "exists struct a-b",
            "offset struct a.b: int",
        ] {
            assert_eq!(pose(&mut Btf::new(Endianness::Little), words), None, "{words}");
        }
    }
}
