//! What is known of the target kernel folds like read-only variables, by libbpf's rules.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::io::Write as _;
use std::path::Path;

use bpfold::btf::{Btf, FuncProto, Int, Kind, Linkage, Param, StrOff, Type, TypeId};
use bpfold::report::Note;
use bpfold::variables::Endianness;
use bpfold::{Error, Fold, Folded, Kernel, KernelError, KernelVersion, Object};

fn object(path: &str) -> Object {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    Object::parse(&std::fs::read(path).unwrap()).unwrap()
}

fn kernel_el() -> Object {
    object("tests/objects/kernel.el.o")
}

fn fold(object: &Object, kernel: &Kernel) -> Folded {
    Fold::new(object).unwrap().verify_each(true).kernel(kernel).run().unwrap()
}

fn version(text: &str) -> Kernel {
    Kernel::new().version(text.parse().unwrap())
}

fn kconfig(text: &str) -> Kernel {
    Kernel::new().kconfig(text.as_bytes()).unwrap()
}

/// The first folded load of an extern, zero-extended.
fn load(folded: &Folded, name: &str) -> Option<u64> {
    folded.report.loads.iter().find(|load| load.section == name).map(|load| load.value)
}

/// The undefined symbols of an object.
fn undefined(object: &Object) -> Vec<&str> {
    object.program().externs.values().map(|ext| ext.name.as_str()).collect()
}

fn slots(folded: &Folded, name: &str) -> u32 {
    folded.report.functions.iter().find(|function| function.name == name).unwrap().after
}

fn error(result: Result<Folded, Error>) -> KernelError {
    match result {
        Err(Error::Kernel(error)) => error,
        other => panic!("expected an error of the kernel, found {other:?}"),
    }
}

#[test]
fn versions() {
    let version = |text: &str| text.parse::<KernelVersion>().map(KernelVersion::code).ok();
    assert_eq!(version("6.1"), Some(0x60100));
    assert_eq!(version("6.1.192"), Some(0x601c0));
    assert_eq!(version("5.10.262"), Some(0x50aff), "patch levels end at 255");
    assert_eq!(version("7.3-rc3"), Some(0x70300));
    assert_eq!(version("6.12.94+deb13-amd64"), Some(0x60c5e));
    for bad in ["", "6", "6.", "6.1.2.3", "v6.1", "6.1x", "6.300", "-6.1", "6..1", "99999.1"] {
        assert_eq!(version(bad), None, "{bad}");
    }
    let debian = KernelVersion::of_host("6.1.0-56-amd64", "#1 SMP Debian 6.1.192-2 (2026-11-16)");
    assert_eq!(debian.unwrap().to_string(), "6.1.192");
    let other = KernelVersion::of_host("6.18.44-fc\n", "#1 SMP Sun Nov 1");
    assert_eq!(other.unwrap().to_string(), "6.18.44");
}

#[test]
fn what_is_not_known_stays() {
    for path in ["tests/objects/kernel.el.o", "examples/portable.bpf.o"] {
        let object = object(path);
        let before = Fold::new(&object).unwrap().run().unwrap();
        assert_eq!(fold(&object, &Kernel::new()).bytes, before.bytes);
        assert!(before.report.loads.is_empty() && before.report.branches.is_empty());
    }
}

#[test]
fn version_gives_virtual_variables() {
    for (text, code, cookie) in [("5.10.262", 0x50aff, 0), ("5.15", 0x50f00, 1)] {
        let folded = fold(&kernel_el(), &version(text));
        assert_eq!(load(&folded, "LINUX_KERNEL_VERSION"), Some(code));
        assert_eq!(load(&folded, "LINUX_HAS_BPF_COOKIE"), Some(cookie));
        assert_eq!(load(&folded, "LINUX_HAS_SYSCALL_WRAPPER"), None);
        assert_eq!(load(&folded, "CONFIG_BOOL"), None);
    }
    let wrapper = |kernel: Kernel| load(&fold(&kernel_el(), &kernel), "LINUX_HAS_SYSCALL_WRAPPER");
    let strong = "CONFIG_STRONG=1\n";
    let set = format!("{strong}CONFIG_ARCH_HAS_SYSCALL_WRAPPER=y\n");
    assert_eq!(wrapper(kconfig(&set)), Some(0), "there are no kprobes");
    let set = format!("{set}CONFIG_KPROBE_EVENTS=y\n");
    assert_eq!(wrapper(kconfig(strong)), Some(0));
    assert_eq!(wrapper(kconfig(&set)), Some(1));
    assert_eq!(wrapper(kconfig(&format!("{set}CONFIG_PPC=y\n"))), Some(0));
    let symbols = |text: &[u8]| Kernel::new().kallsyms(text.to_vec()).unwrap();
    let wrapped = b"ffffffff81000000 T __x64_sys_bpf\n";
    assert_eq!(wrapper(symbols(wrapped)), Some(0), "there are no kprobes");
    let kprobes = b"ffffffff81000100 T perf_kprobe_init\n";
    assert_eq!(wrapper(symbols(&[&wrapped[..], kprobes].concat())), Some(1));
    let bare = b"ffffffff81000000 T sys_bpf\n";
    assert_eq!(wrapper(symbols(&[&bare[..], kprobes].concat())), Some(0));
    let without = symbols(&[&wrapped[..], kprobes].concat()).kconfig(strong.as_bytes());
    assert_eq!(wrapper(without.unwrap()), Some(0));
}

const OPTIONS: &str = "# CONFIG_OTHER is not set\n\
    CONFIG_BOOL=y\nCONFIG_BOOL=n\nCONFIG_TRISTATE=m\nCONFIG_CHAR=m\nCONFIG_U8=0xff\n\
    CONFIG_S16=-2\nCONFIG_U32=010\nCONFIG_U64=18446744073709551615\n\
    CONFIG_STRING=\"more than seven\"\nCONFIG_STRONG=3\n";

/// The types that libbpf takes, in both byte orders; the first of several values counts.
#[test]
fn options_of_each_type() {
    for path in ["tests/objects/kernel.el.o", "tests/objects/kernel.eb.o"] {
        let folded = fold(&object(path), &kconfig(OPTIONS));
        for (name, value) in [
            ("CONFIG_BOOL", 1),
            ("CONFIG_TRISTATE", 2),
            ("CONFIG_CHAR", u64::from(b'm')),
            ("CONFIG_U8", 0xff),
            ("CONFIG_S16", 0xfffe),
            ("CONFIG_U32", 8),
            ("CONFIG_U64", u64::MAX),
            ("CONFIG_STRONG", 3),
        ] {
            assert_eq!(load(&folded, name), Some(value), "{name} in {path}");
        }
        let loads = folded.report.loads.iter().filter(|load| load.section == "CONFIG_STRING");
        let mut string: Vec<(i64, u64)> = loads.map(|load| (load.offset, load.value)).collect();
        string.sort_unstable();
        let string: Vec<u8> = string.into_iter().map(|(_, byte)| byte as u8).collect();
        assert_eq!(string, *b"more th\0", "{path}");
    }
}

/// What is weak and not set is 0; what is not weak must be set if it is used.
#[test]
fn options_that_are_not_set() {
    let folded = fold(&kernel_el(), &kconfig("CONFIG_X=y\n"));
    for name in ["CONFIG_BOOL", "CONFIG_TRISTATE", "CONFIG_U64", "CONFIG_STRING"] {
        assert_eq!(load(&folded, name), Some(0), "{name}");
    }
    let object = Object::parse(&folded.bytes).unwrap();
    assert!(!undefined(&object).contains(&"CONFIG_STRONG"), "its use is dead");

    let kernel = kconfig("CONFIG_BOOL=y\n");
    let KernelError::NotSet { name, at } =
        error(Fold::new(&kernel_el()).unwrap().kernel(&kernel).run())
    else {
        panic!("expected NotSet");
    };
    assert_eq!((name.as_str(), at.function.as_str()), ("CONFIG_STRONG", "strong"));
    assert!(at.source.unwrap().text.contains("CONFIG_STRONG"));
}

#[test]
fn options_that_do_not_fit() {
    for (name, value) in [
        ("CONFIG_BOOL", "m"),
        ("CONFIG_BOOL", "1"),
        ("CONFIG_BOOL", "\"y\""),
        ("CONFIG_TRISTATE", "1"),
        ("CONFIG_TRISTATE", "\"y\""),
        ("CONFIG_U8", "256"),
        ("CONFIG_U8", "-1"),
        ("CONFIG_S16", "32768"),
        ("CONFIG_S16", "-32769"),
        ("CONFIG_S16", "y"),
        ("CONFIG_U32", "0x100000000"),
        ("CONFIG_U32", "many"),
        ("CONFIG_U32", "09"),
        ("CONFIG_U64", "18446744073709551616"),
        ("CONFIG_STRING", "5"),
        ("CONFIG_STRING", "y"),
        ("CONFIG_STRING", "\"open"),
    ] {
        let kernel = kconfig(&format!("CONFIG_STRONG=1\n{name}={value}\n"));
        let object = kernel_el();
        let found = error(Fold::new(&object).unwrap().kernel(&kernel).run());
        let KernelError::ExternValue { name: found_name, value: found_value, .. } = &found else {
            panic!("{name}={value}: {found}");
        };
        assert_eq!((found_name.as_str(), found_value.as_str()), (name, value));
    }
}

#[test]
fn damaged_files() {
    let kconfig = |text: &[u8]| Kernel::new().kconfig(text).unwrap_err();
    let found = kconfig(b"# comment\nCONFIG_A\n");
    assert!(matches!(found, KernelError::KconfigLine { line: 2, missing: "`=`", .. }), "{found}");
    let found = kconfig(b"CONFIG_A=\n");
    assert!(matches!(found, KernelError::KconfigLine { line: 1, missing: "value", .. }));
    assert!(matches!(kconfig(b"\x1f\x8bno gzip"), KernelError::Gzip { .. }));
    for none in [&b""[..], b"root:x:0:0:root:/root:/bin/bash\n", b"# Linux/x86 6.1.0\n#\n"] {
        assert_eq!(kconfig(none), KernelError::NoKconfig);
    }
    let unset = b"#\n# CONFIG_HZ is not set\n";
    assert!(Kernel::new().kconfig(unset).is_ok(), "a configuration without options that are set");
    let kallsyms = |text: &[u8]| Kernel::new().kallsyms(text.to_vec()).unwrap_err();
    for bad in [&b""[..], b"\n", b"0 T a\nno symbol\n", b"0 TT name\n", b"zz T name\n"] {
        assert!(matches!(kallsyms(bad), KernelError::KallsymsLine { .. }));
    }
    let types = |bytes: &[u8]| Kernel::new().btf(bytes.to_vec()).types().unwrap_err();
    assert!(matches!(types(b"no types"), KernelError::Btf { .. }));
    assert!(matches!(types(b"\x7fELF"), KernelError::NoBtf { .. }));
    // Types are not read before they are needed.
    let kernel = version("6.1").btf(b"no types".to_vec());
    let object = object("examples/kernel_version.bpf.o");
    Fold::new(&object).unwrap().kernel(&kernel).run().unwrap();
}

#[test]
fn compressed_configuration() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(OPTIONS.as_bytes()).unwrap();
    let kernel = Kernel::new().kconfig(&gzip.finish().unwrap()).unwrap();
    assert_eq!(fold(&kernel_el(), &kernel).bytes, fold(&kernel_el(), &kconfig(OPTIONS)).bytes);
}

/// Types of a kernel with functions of one `int` and with variables.
fn types(functions: &[(&str, usize)], variables: &[&str]) -> Kernel {
    let mut btf = Btf::new(Endianness::Little);
    let int = Kind::Int(Int { size: 4, signed: true, bits: 32, ..Int::default() });
    let name = btf.add_string("int");
    let int = btf.add_type(Type { name, flag: false, kind: int });
    for (name, params) in functions {
        let param = Param { name: btf.add_string("a"), ty: int };
        let proto = FuncProto { result: int, params: vec![param; *params] };
        let kind = Kind::FuncProto(proto);
        let proto = btf.add_type(Type { name: StrOff(0), flag: false, kind });
        let kind = Kind::Func { proto, linkage: Linkage::Static };
        let name = btf.add_string(name);
        btf.add_type(Type { name, flag: false, kind });
    }
    for name in variables {
        let kind = Kind::Var { ty: int, linkage: Linkage::Global };
        let name = btf.add_string(name);
        let var: TypeId = btf.add_type(Type { name, flag: false, kind });
        assert!(btf.contains(var));
    }
    Kernel::new().btf(btf.to_bytes().unwrap())
}

fn decided(folded: &Folded) -> usize {
    folded.report.branches.iter().filter(|branch| branch.at.function == "symbols").count()
}

#[test]
fn symbols_decide_null_checks() {
    let object = kernel_el();
    let left = |folded: &Folded| {
        let object = Object::parse(&folded.bytes).unwrap();
        undefined(&object).iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()
    };
    // Symbols alone say that something is there, or that something with a type is not.
    let kernel = Kernel::new()
        .kallsyms(b"ffff T typeless\nffff D typed\nffff T kfunc\t[module]\n".to_vec())
        .unwrap();
    let folded = fold(&object, &kernel);
    assert_eq!(decided(&folded), 1);
    assert!(!left(&folded).contains(&"typeless".to_owned()));
    let folded = fold(&object, &Kernel::new().kallsyms(b"0 T other\n".to_vec()).unwrap());
    assert_eq!(decided(&folded), 3);
    assert_eq!(slots(&folded, "symbols"), 2);

    // Types say both of what has a type, and nothing of what has none.
    let folded = fold(&object, &types(&[("kfunc", 1)], &["typed"]));
    assert_eq!(decided(&folded), 2);
    for name in ["typed", "kfunc___flavor"] {
        assert!(!left(&folded).contains(&name.to_owned()), "{name}");
    }
    // A weak function of another type counts as absent, as for libbpf.
    let folded = fold(&object, &types(&[("kfunc", 2)], &[]));
    assert_eq!(decided(&folded), 2);
    assert!(folded.report.notes.iter().any(|note| matches!(
        note, Note::MissingSymbol { symbol, at } if symbol == "kfunc" && at.function == "calls"
    )));
}

#[test]
fn helpers_that_the_kernel_lacks() {
    let missing = |text: &str| -> Vec<(String, String)> {
        let folded = fold(&kernel_el(), &version(text));
        let notes = folded.report.notes.into_iter();
        notes
            .filter_map(|note| match note {
                Note::MissingHelper { at, helper, .. } => Some((helper, at.source.unwrap().text)),
                _ => None,
            })
            .collect()
    };
    let call = ("bpf_ktime_get_tai_ns".to_owned(), "return bpf_ktime_get_tai_ns();".to_owned());
    assert_eq!(missing("6.0.19"), [call]);
    assert_eq!(missing("6.1"), []);
    // Not in code that is dead.
    let object = object("examples/portable.bpf.o");
    let fold = |set: &str| {
        let fold = Fold::new(&object).unwrap().set("kernel_version", set).unwrap();
        fold.kernel(&version("5.10")).run().unwrap()
    };
    assert!(!fold("0x50a00").report.notes.iter().any(Note::is_warning));
    assert!(fold("0x60100").report.notes.iter().any(Note::is_warning));
}

/// Folded externs leave the symbols and BTF; other values afterwards are an error.
#[test]
fn folded_options_are_gone() {
    let object = object("examples/portable.bpf.o");
    let kernel = kconfig("CONFIG_HZ=250\n").version("6.1.5".parse().unwrap());
    let folded = fold(&object, &kernel);
    let again = Object::parse(&folded.bytes).unwrap();
    let options = |name: &&&str| name.starts_with("CONFIG_") || name.starts_with("LINUX_");
    assert_eq!(undefined(&again).iter().filter(options).count(), 0);
    assert!(again.btf().unwrap().find_datasec(".kconfig").is_none());
    assert!(again.btf().unwrap().find_datasec(".ksyms").is_some());
    assert_eq!(fold(&again, &kernel).bytes, folded.bytes);
    assert_eq!(Fold::new(&again).unwrap().run().unwrap().bytes, folded.bytes);
    for (name, kernel) in [
        ("LINUX_KERNEL_VERSION", version("6.2")),
        ("CONFIG_HZ", kconfig("CONFIG_HZ=100\n")),
        ("CONFIG_BPF_LSM", kconfig("CONFIG_HZ=250\nCONFIG_BPF_LSM=y\n")),
    ] {
        match Fold::new(&again).unwrap().kernel(&kernel).run() {
            Err(Error::AlreadyFolded { name: found, .. }) => assert_eq!(found, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn marked_variables() {
    let object = object("examples/portable.bpf.o");
    let variables = object.variables().unwrap();
    let marks: Vec<_> =
        variables.iter().map(|var| (var.name.as_str(), var.mark.as_deref())).collect();
    let text = "KERNEL_VERSION() of the target kernel";
    assert_eq!(marks, [("kernel_version", Some(text)), ("mark", None)]);
    let folded = Fold::new(&object).unwrap().freeze_marked().unwrap().run().unwrap();
    assert_eq!(folded.report.dropped.variables, ["kernel_version"]);
    let open: Vec<_> = folded.report.open.iter().map(|open| open.name.as_str()).collect();
    assert_eq!(open, ["mark"]);
    // What is set wins, before and after.
    let set = Fold::new(&object).unwrap().set("kernel_version", "7").unwrap();
    let set = set.freeze_marked().unwrap().run().unwrap();
    assert_eq!(set.report.values[0].value, "7");
    let again = Object::parse(&folded.bytes).unwrap();
    let again = Fold::new(&again).unwrap().freeze_marked().unwrap().run().unwrap();
    assert_eq!(again.bytes, folded.bytes);
    let unmarked = self::object("examples/kernel_version.bpf.o");
    assert!(Fold::new(&unmarked).unwrap().freeze_marked().is_err());
}
