//! CO-RE relocations: aya-obj, which wrote libbpf's rules down a second time, against bpfold.
//!
//! bpfold has the values of libbpf (`tests/core` of the library compares them). Where aya-obj
//! has others, [`Gap`] says why; any other difference fails, and so does a gap that is gone.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking and tell what they counted"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aya_obj::btf::Btf;
use bpfold::btf::{CoreRelo, CoreReloKind, Endianness, Kind};
use bpfold::{Kernel, Object};
use bpfold_loaders::cases::root;
use bpfold_loaders::relocated::{Outcome, Place, by_aya, by_bpfold, records};

/// The types of a target, as both read them.
struct Target {
    kernel: Kernel,
    btf: Btf,
}

impl Target {
    fn new(path: &Path) -> Self {
        let kernel = Kernel::new().btf(std::fs::read(path).unwrap());
        let bytes = kernel.types().unwrap().unwrap().to_bytes().unwrap();
        // aya-obj takes a byte order of a crate that it does not hand on.
        let example = std::fs::read(root().join("examples/portable.bpf.o")).unwrap();
        let order = aya_obj::Object::parse(&example).unwrap().endianness;
        Self { kernel, btf: Btf::parse(&bytes, order).unwrap() }
    }
}

/// What aya-obj does otherwise than libbpf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    /// It knows no records that ask whether types match, and reads no object that has one.
    Matches,
    /// Size and id of a type that the target lacks are 0 to libbpf
    /// (`bpf_core_calc_type_relo`), and an error to aya-obj.
    NoType,
    /// An enum of 32 bits and one of 64 are the same to libbpf (`btf_kind_core_compat`).
    EnumWidth,
    /// The flavor of a name begins at its last `___` (`bpf_core_essential_name_len`), to
    /// aya-obj at its first.
    Flavor,
    /// libbpf asks no candidate again that lacked what an earlier record of the type asked for
    /// (`bpf_core_calc_relo_insn`); to aya-obj what it says still counts.
    Candidates,
    /// An array without a length can be indexed if it is the last member
    /// (`is_flex_arr`). aya-obj takes the index for the number of the member.
    FlexibleArray,
}

impl Gap {
    /// Why aya-obj has another outcome for a record, if that is known.
    fn of(
        object: &Object,
        target: &Target,
        record: &CoreRelo,
        outcomes: [&Outcome; 2],
    ) -> Option<Self> {
        let local = object.btf().unwrap();
        let [aya, ours] = outcomes;
        let error = match aya {
            Outcome::Error(error) => error.as_str(),
            Outcome::Value(..) | Outcome::Poison | Outcome::Panic => "",
        };
        let is_zero =
            matches!(ours, Outcome::Value(raw, high) if raw.imm == 0 && high.unwrap_or(0) == 0);
        let name = local.name(record.type_id);
        let essential = name.rsplit_once("___").map_or(name, |(name, _)| name);
        let gap = match record.kind {
            CoreReloKind::TypeMatches if error.contains("invalid BTF relocation kind `12`") => {
                Gap::Matches
            }
            _ if local.name(record.type_id).split("___").count() > 2 => Gap::Flavor,
            _ if error.contains("multiple candidate target types") => Gap::Candidates,
            CoreReloKind::TypeSize | CoreReloKind::TypeIdTarget
                if is_zero && error.contains("missing target BTF info") =>
            {
                Gap::NoType
            }
            CoreReloKind::TypeSize | CoreReloKind::EnumvalExists | CoreReloKind::EnumvalValue => {
                let types = target.kernel.types().unwrap().unwrap();
                let is_wide = matches!(local.ty(record.type_id).kind, Kind::Enum64(_));
                types.find(essential, |kind| match kind {
                    Kind::Enum(_) => is_wide,
                    Kind::Enum64(_) => !is_wide,
                    _ => false,
                })?;
                Gap::EnumWidth
            }
            _ if error.contains("array index out of bounds") => Gap::FlexibleArray,
            _ => return None,
        };
        Some(gap)
    }
}

/// What was compared.
#[derive(Debug, Default)]
struct Compared {
    /// Records with the same value, or with none.
    agree: usize,
    /// Those of them without a value.
    without: usize,
    gaps: BTreeMap<Gap, usize>,
    /// Differences that no gap explains.
    wrong: Vec<String>,
}

impl Compared {
    fn add(&mut self, object: &Object, target: &Target, name: &str) -> Result<(), String> {
        let ours = by_bpfold(object, &target.kernel);
        let aya = by_aya(object, &target.btf)?;
        for (place, record) in records(object) {
            let (Some(aya), Some(ours)) = (aya.get(&place), ours.get(&place)) else {
                self.wrong
                    .push(format!("{name} {}: not compared", describe(object, place, record)));
                continue;
            };
            if aya.agrees(ours) {
                self.agree += 1;
                self.without += usize::from(!matches!(ours, Outcome::Value(..)));
            } else if let Some(gap) = Gap::of(object, target, record, [aya, ours]) {
                *self.gaps.entry(gap).or_default() += 1;
            } else {
                let what = describe(object, place, record);
                self.wrong.push(format!("{name} {what}: aya {aya:?}, ours {ours:?}"));
            }
        }
        Ok(())
    }
}

fn describe(object: &Object, (section, offset): Place, record: &CoreRelo) -> String {
    let types = object.btf().unwrap();
    let section = String::from_utf8_lossy(&object.elf().sections.get(section).unwrap().name);
    let (ty, access) = (types.type_name(record.type_id), types.str(record.access_str_off));
    format!("{section}+{offset}: {:?} of {ty} {access}", record.kind)
}

/// Every committed object with records, against every committed target.
#[test]
fn committed_objects() {
    let check = |name: &str, target: &str, agree, gaps: &[(Gap, usize)]| {
        let object = Object::parse(&std::fs::read(root().join(name)).unwrap()).unwrap();
        let mut compared = Compared::default();
        compared.add(&object, &Target::new(&root().join(target)), name).unwrap();
        assert_eq!(compared.wrong, Vec::<String>::new(), "{name} {target}");
        assert_eq!(compared.gaps, gaps.iter().copied().collect(), "{name} {target}");
        assert_eq!(compared.agree, agree, "{name} {target}");
    };
    for kernel in ["5.10", "6.1", "6.12", "7.3"] {
        let kernel = format!("tests/kernels/{kernel}/btf");
        check("examples/portable.bpf.o", &kernel, 5, &[]);
        // Two sizes and an id of what no kernel has.
        check("tests/objects/core.o", &kernel, 25, &[(Gap::NoType, 3)]);
    }
    for target in ["old", "new", "two"] {
        let target = format!("tests/objects/core-target-{target}.o");
        let gaps = [(Gap::NoType, 1), (Gap::FlexibleArray, 1)];
        check("tests/objects/core.o", &target, 26, &gaps);
    }
    let gaps = [(Gap::Matches, 3), (Gap::EnumWidth, 6), (Gap::Flavor, 1), (Gap::Candidates, 2)];
    check("tests/objects/core-new.o", "tests/objects/core-new-target.o", 18, &gaps);
}

/// Real objects: `BPFOLD_CORE_LIST` names a file whose lines begin with `OBJECT BTF`, as the
/// test of the library against libbpf has it.
///
///     BPFOLD_CORE_LIST=LIST cargo test -p bpfold-loaders --test core -- --ignored --nocapture
#[test]
#[ignore = "needs objects and types of kernels"]
fn corpus_against_aya() {
    let Ok(list) = std::env::var("BPFOLD_CORE_LIST") else { return };
    let mut targets: BTreeMap<PathBuf, Target> = BTreeMap::new();
    let (mut objects, mut others, mut refused) = (0, 0, 0);
    let mut compared = Compared::default();
    for line in std::fs::read_to_string(list).unwrap().lines() {
        let [path, btf, ..] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
        let target = targets.entry(btf.into()).or_insert_with(|| Target::new(Path::new(btf)));
        let Ok(object) = Object::parse(&std::fs::read(path).unwrap()) else { continue };
        // aya-obj reads .BTF.ext in the byte order of the machine that it runs on.
        if records(&object).is_empty() || object.btf().unwrap().order() != Endianness::Little {
            others += 1;
            continue;
        }
        match compared.add(&object, target, &format!("{path} {btf}")) {
            Ok(()) => objects += 1,
            Err(error) => {
                refused += 1;
                println!("{path}: aya-obj does not read it: {error}");
            }
        }
    }
    println!("{objects} objects, {refused} that aya-obj does not read, {others} without records");
    let Compared { agree, without, gaps, wrong } = compared;
    println!("{agree} records agree ({without} without a value), {gaps:?}, {} wrong", wrong.len());
    assert!(agree > 0);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
