//! What loaders and kernels find without an instruction that names it: the objects of
//! `tests/objects/needs` load folded as they do unfolded, with every loader.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and tell what they counted"
)]

use bpfold::Object;
use bpfold::btf::{Btf, FuncProto, Kind, Param, SecVar, StrOff, Type, TypeId};
use bpfold_loaders::cases::{Case, Setting, root};
use bpfold_loaders::verdicts::{Counts, Verdicts, regressions};
use bpfold_loaders::{aya, cilium, leave_out, libbpf, may_load};

/// Objects and the settings that kill what the tests are about.
const CASES: &[(&str, &[Setting<'_>])] = &[
    ("hidden.o", &[Setting::All(&[])]),
    ("hidden-plain.o", &[Setting::All(&[])]),
    ("graph.o", &[Setting::All(&[]), Setting::Flipped]),
    ("exceptions.o", &[Setting::All(&[]), Setting::Flipped]),
    ("names.o", &[Setting::All(&[]), Setting::Flipped]),
    ("arena.o", &[Setting::All(&[]), Setting::Flipped]),
    ("replaced.o", &[Setting::All(&[])]),
    ("refused.o", &[Setting::All(&[])]),
    ("loops.o", &[Setting::All(&[])]),
];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, settings) in CASES {
        let file = std::fs::read(root().join("tests/objects/needs").join(name)).unwrap();
        cases.extend(settings.iter().map(|setting| Case::new(name, &file, setting).unwrap()));
    }
    cases
}

type Change = fn(&mut Btf);

/// The type of a name.
fn find(btf: &Btf, name: &str) -> TypeId {
    let id = btf.own_types().find(|(_, ty)| btf.str(ty.name) == name).map(|(id, _)| id);
    id.unwrap_or_else(|| panic!("no type {name}"))
}

fn rename(btf: &mut Btf, from: &str, to: &str) {
    let (id, to) = (find(btf, from), btf.add_string(to));
    btf.ty_mut(id).unwrap().name = to;
}

fn edit(btf: &mut Btf, name: &str, change: impl FnOnce(&mut Kind)) {
    let id = find(btf, name);
    change(&mut btf.ty_mut(id).unwrap().kind);
}

fn edit_proto(btf: &mut Btf, change: impl FnOnce(&mut FuncProto)) {
    let Kind::Func { proto, .. } = btf.ty(find(btf, "dead")).kind else { panic!("no function") };
    let Kind::FuncProto(proto) = &mut btf.ty_mut(proto).unwrap().kind else { panic!("no proto") };
    change(proto);
}

fn place<'b>(btf: &'b mut Btf, name: &str) -> &'b mut SecVar {
    let var = find(btf, name);
    let vars = &mut btf.datasec_mut(".rodata").unwrap().vars;
    vars.iter_mut().find(|known| known.var == var).unwrap()
}

/// Types of `refused-valid.o` that kernels refuse, wherever they are used.
const REFUSED: &[(&str, Change)] = &[
    ("parameter without a name", |btf| {
        edit_proto(btf, |proto| proto.params[0].name = StrOff(0));
    }),
    ("name of a parameter", |btf| {
        let name = btf.add_string("of-type");
        edit_proto(btf, |proto| proto.params[0].name = name);
    }),
    ("name of a function", |btf| rename(btf, "dead", "dead::of_rust")),
    ("name of a typedef", |btf| rename(btf, "part_t", "part<int>")),
    ("name of a struct", |btf| rename(btf, "part", "{impl#0}")),
    ("name of an enum", |btf| rename(btf, "part_kind", "1st")),
    ("name of a value", |btf| {
        let name = btf.add_string("PART<1>");
        edit(btf, "part_kind", |kind| {
            if let Kind::Enum(kind) = kind {
                kind.values[1].name = name;
            }
        });
    }),
    ("members as Rust orders them", |btf| {
        edit(btf, "part", |kind| {
            if let Kind::Struct(part) = kind {
                (part.members[0].bit_offset, part.members[1].bit_offset) = (32, 0);
            }
        });
    }),
    ("member behind the struct", |btf| {
        edit(btf, "part", |kind| {
            if let Kind::Struct(part) = kind {
                part.size = 10;
            }
        });
    }),
    ("declaration of gcc that refers to a type", |btf| {
        edit(btf, "unknown", |kind| {
            if let Kind::Fwd { unused, .. } = kind {
                *unused = 1;
            }
        });
    }),
    // These go with a variable.
    ("variable smaller than its type", |btf| place(btf, "on").size = 0),
    ("array smaller than its type", |btf| place(btf, "other").size = 16),
];

/// Types that look alike, and that kernels accept.
const ACCEPTED: &[(&str, Change)] = &[
    ("nothing", |_| {}),
    ("name with dots", |btf| rename(btf, "part", "part.of.2")),
    ("struct without a name", |btf| rename(btf, "part", "")),
    ("parameters that vary", |btf| {
        edit_proto(btf, |proto| proto.params[1] = Param::default());
    }),
    ("members at one place", |btf| {
        edit(btf, "part", |kind| {
            if let Kind::Struct(part) = kind {
                part.members[1].bit_offset = 0;
            }
        });
    }),
    ("member without a name", |btf| {
        edit(btf, "part", |kind| {
            if let Kind::Struct(part) = kind {
                part.members[1].name = StrOff(0);
            }
        });
    }),
    ("prototype of nothing without names", |btf| {
        let param = Param { name: StrOff(0), ty: find(btf, "part_t") };
        let proto = FuncProto { result: TypeId::VOID, params: vec![param] };
        btf.add_type(Type { kind: Kind::FuncProto(proto), ..Type::default() });
    }),
];

fn with_types(change: Change) -> Vec<u8> {
    let file = std::fs::read(root().join("tests/objects/needs/refused-valid.o")).unwrap();
    let object = Object::parse(&file).unwrap();
    let mut btf = object.btf().unwrap().clone();
    change(&mut btf);
    let mut elf = object.elf().clone();
    let section = elf.section_by_name(".BTF").unwrap();
    elf.set_section_data(section, btf.to_bytes().unwrap()).unwrap();
    elf.write().unwrap()
}

/// The program loads only if the kernel refuses the types, so its verdict says whether it does: of
/// what is read and of what is written, from which folding takes what is wrong.
#[test]
fn types_that_kernels_refuse_are_refused_afterwards() {
    if !may_load("loading with libbpf") {
        return;
    }
    let cases = REFUSED.iter().map(|case| (true, case));
    for (refused, (name, change)) in cases.chain(ACCEPTED.iter().map(|case| (false, case))) {
        let case = Case::new(name, &with_types(*change), &Setting::All(&[])).unwrap();
        let loads = |file: &[u8]| libbpf::verdicts(file).unwrap()["refused"].is_ok();
        assert_eq!(loads(&case.original), refused, "{name}: as it was");
        assert_eq!(loads(&case.folded), refused, "{name}: folded");
    }
}

/// Every program that a loader loads unfolded it loads folded; `least` are that many.
fn compare(loader: &str, least: usize, verdicts: impl Fn(&[u8]) -> Result<Verdicts, String>) {
    let mut counts = Counts::default();
    let mut wrong = Vec::new();
    for case in cases() {
        let before = match verdicts(&case.original) {
            Ok(before) => before,
            Err(error) => {
                eprintln!("{loader} does not read {}: {error}", case.name);
                continue;
            }
        };
        for (program, error) in
            before.iter().filter_map(|(name, v)| Some((name, v.as_ref().err()?)))
        {
            eprintln!("{loader} does not load {program} of {}: {error}", case.name);
        }
        match verdicts(&case.folded) {
            Ok(after) => {
                let lines = regressions(&case, &before, &after, &mut counts);
                wrong.extend(lines.into_iter().map(|line| format!("{}: {line}", case.name)));
            }
            Err(error) => wrong.push(format!("{}: {error}", case.name)),
        }
    }
    println!("{loader}: {counts:?}");
    assert!(wrong.is_empty(), "{loader}: {} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(counts.loaded >= least, "{loader}: {counts:?}");
}

#[test]
fn libbpf_loads_what_it_loaded() {
    if may_load("loading with libbpf") {
        compare("libbpf", 28, libbpf::verdicts);
    }
}

#[test]
fn aya_loads_what_it_loaded() {
    if may_load("loading with aya") {
        compare("aya", 3, aya::verdicts);
    }
}

#[test]
fn cilium_loads_what_it_loaded() {
    if !may_load("loading with cilium/ebpf") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = match cilium::build(dir.path()) {
        Ok(program) => program,
        Err(error) => return leave_out("loading with cilium/ebpf", &error),
    };
    let path = dir.path().join("object.o");
    // Debian's 0.9.1 reads only `replaced.o` of these.
    compare("cilium/ebpf", 1, |file| {
        std::fs::write(&path, file).unwrap();
        cilium::verdicts(&program, &path)
    });
}
