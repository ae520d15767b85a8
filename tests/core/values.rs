//! Values of records, against libbpf's.

use super::*;

/// Whole objects against logs of `relocate.c`: `BPFOLD_CORE_LIST` names a file whose lines are
/// `OBJECT BTF LOG`.
#[test]
#[ignore = "needs logs of libbpf"]
fn corpus_against_libbpf() {
    let Ok(list) = std::env::var("BPFOLD_CORE_LIST") else { return };
    let mut targets: BTreeMap<String, Kernel> = BTreeMap::new();
    let (mut objects, mut agree, mut differ, mut refused) = (0, 0, 0, 0);
    for line in std::fs::read_to_string(list).unwrap().lines() {
        let [path, btf, log] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
        let known = targets.entry(btf.to_owned()).or_insert_with(|| kernel(Path::new(btf)));
        let Ok(object) = Object::parse(&std::fs::read(path).unwrap()) else {
            refused += 1;
            continue;
        };
        objects += 1;
        let libbpf = libbpf_outcomes(&std::fs::read_to_string(log).unwrap());
        let (same, other) = compare(&object, &outcomes(&object, known), &libbpf);
        agree += same;
        differ += other.len();
        for line in other {
            println!("{path} {btf}: {line}");
        }
    }
    println!("{objects} objects, {refused} not read, {agree} records agree, {differ} differ");
    assert!(agree > 0);
    assert_eq!(differ, 0);
}

/// Every kind of record; `relocate.c` made the files of expected values with libbpf.
#[test]
fn values_are_those_of_libbpf() {
    // core.o has one record of a local type id, which is not compared.
    let cases = [
        ("core.o", "core-target-old", 28, 1),
        ("core.o", "core-target-new", 28, 1),
        ("core.o", "core-target-two", 23, 1),
        ("core-new.o", "core-new-target", 30, 0),
    ];
    for (object, name, records, local) in cases {
        let object = read_object(&test_object(object));
        let kernel = target(&format!("{name}.o"));
        let log = std::fs::read_to_string(test_object(&format!("{name}.libbpf")));
        let libbpf = libbpf_outcomes(&log.unwrap());
        let (agree, differ) = compare(&object, &outcomes(&object, &kernel), &libbpf);
        assert_eq!(differ, Vec::<String>::new(), "{name}");
        assert_eq!(libbpf.len(), records, "{name}");
        assert_eq!(agree, records - local, "{name}");
    }
}

/// In big-endian objects a bit-field's place is counted from the other end.
#[test]
fn big_endian_shifts() {
    let object = read_object(&test_object("core-be.o"));
    let kernel = target("core-target-be.o");
    let ours = outcomes(&object, &kernel);
    let value = |number| ours[&("socket/kinds".to_owned(), number)].as_str();
    // `bits` follows a field of 30 bits, does not fit beside it and starts a new word of 4
    // bytes: nothing is above it but the 4 bytes that the load does not fill.
    assert_eq!(value(7), "imm 32");
    assert_eq!(value(8), "imm 55");
    assert_eq!(value(1), "imm 12");
}

#[test]
fn disagreeing_types_are_ambiguous() {
    let object = read_object(&test_object("core.o"));
    let kernel = target("core-target-two.o");
    let ours = outcomes(&object, &kernel);
    let loads = &ours[&("socket/loads".to_owned(), 0)];
    assert!(loads.contains("several types of this name"), "{loads}");
}

#[test]
fn the_byte_order_must_be_the_objects() {
    let object = read_object(&test_object("core.o"));
    let kernel = target("core-target-be.o");
    let error = resolve(&object, &kernel).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the target's BTF is Big-endian, expected Little-endian as the object"
    );
}

/// Types that only a module has: `struct in_module { int x; int y; }` in split BTF.
#[test]
fn modules_have_what_the_kernel_lacks() {
    let object = read_object(&test_object("core.o"));
    let vmlinux = target("core-target-new.o");
    let kernel = vmlinux.types().unwrap().unwrap();
    let int = kernel.find("int", |kind| matches!(kind, bpfold::btf::Kind::Int(_))).unwrap();
    let strings = kernel.to_bytes().unwrap();
    let base_strings = u32::from_le_bytes(strings[20..24].try_into().unwrap());
    let names = b"\0in_module\0x\0y\0";
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    let struct_words = [base_strings + 1, 4 << 24 | 2, 8];
    let members = [base_strings + 11, int.0, 0, base_strings + 13, int.0, 32];
    for word in [24, 0, 36, 36, names.len() as u32].into_iter().chain(struct_words).chain(members) {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(names);
    let key = ("socket/module".to_owned(), 0);
    let without = outcomes(&object, &vmlinux);
    assert!(without[&key].starts_with("none"), "{}", without[&key]);
    assert_eq!(outcomes(&object, &vmlinux.module_btf("module", bytes))[&key], "off 4");
}

/// Without types nothing is resolved; they are not read if there is nothing to resolve.
#[test]
fn types_are_read_when_they_are_needed() {
    let object = read_object(&test_object("core.o"));
    assert_eq!(resolve(&object, &Kernel::new()).unwrap(), []);
    let damaged = Kernel::new().btf(b"no types".to_vec());
    assert!(matches!(resolve(&object, &damaged), Err(CoreError::Types(_))));
    let without = read_object(Path::new("examples/kernel_version.bpf.o"));
    assert_eq!(resolve(&without, &damaged).unwrap(), []);
    // Modules are asked for `struct nowhere`, which the kernel lacks.
    let module = target("core-target-new.o").module_btf("module", b"no types".to_vec());
    assert!(matches!(resolve(&object, &module), Err(CoreError::Types(_))));
}

/// Whatever bytes of the target are wrong, there is an answer or an error.
#[test]
fn damaged_targets() {
    let object = read_object(&test_object("core.o"));
    let types = target("core-target-new.o").types().unwrap().unwrap();
    let bytes = types.to_bytes().unwrap();
    let mut parsed = 0;
    for at in 24..bytes.len() {
        for value in [0, 1, 0x7f, 0xff, bytes[at] ^ 4] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            let kernel = Kernel::new().btf(damaged);
            if kernel.types().is_ok() {
                parsed += 1;
                outcomes(&object, &kernel);
            }
        }
    }
    assert!(parsed > 1000, "{parsed}");
}

/// Whatever bytes of the object's own types and records are wrong, there is an answer or an
/// error.
#[test]
fn damaged_objects() {
    let bytes = std::fs::read(test_object("core.o")).unwrap();
    let object = Object::parse(&bytes).unwrap();
    let kernel = target("core-target-new.o");
    let mut parsed = 0;
    for name in [".BTF", ".BTF.ext"] {
        let section = object.elf().section_by_name(name).unwrap();
        let data = object.elf().sections.get(section).unwrap().bytes().unwrap();
        let start = bytes.windows(data.len()).position(|window| window == data).unwrap();
        for at in (start + 24..start + data.len()).step_by(3) {
            for value in [0, 0xff, bytes[at] ^ 1] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                if let Ok(object) = Object::parse(&damaged) {
                    parsed += 1;
                    let _ = resolve(&object, &kernel);
                }
            }
        }
    }
    assert!(parsed > 100, "{parsed}");
}
