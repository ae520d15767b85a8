//! `Fold::keep_interface`: what bindings made from the original object name is still there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bpfold::btf::Kind;
use bpfold::elf::{SectionIndex, SymbolKind};
use bpfold::passes::ir::{Linkage, Op};
use bpfold::passes::isa::Operand;
use bpfold::report::{KeepReason, NotSealed, Note, PartKind};
use bpfold::{Fold, Folded, Object};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: impl AsRef<Path>) -> Object {
    Object::parse(&std::fs::read(path).unwrap()).unwrap()
}

/// The objects of the examples and the tests that can be folded.
fn objects() -> Vec<(PathBuf, Object)> {
    let mut paths: Vec<PathBuf> = ["examples", "tests/objects"]
        .iter()
        .flat_map(|dir| std::fs::read_dir(root(dir)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "o"))
        .collect();
    paths.sort();
    let objects = paths.into_iter().map(|path| (path.clone(), read(path)));
    objects.filter(|(_, object)| Fold::new(object).is_ok()).collect()
}

/// What bindings look up, as lines of text: programs with their sections, maps, sections of data
/// with their sizes, variables with their places.
fn interface(object: &Object) -> BTreeSet<String> {
    let elf = object.elf();
    let name =
        |index: SectionIndex| String::from_utf8_lossy(&elf.sections[index].name).into_owned();
    let mut lines = BTreeSet::new();
    for (func, link) in object.links().funcs.iter() {
        let function = &object.program().funcs[func];
        if function.linkage == Linkage::Entry {
            lines.insert(format!("program {} {}", function.name, name(link.section)));
        }
    }
    for (index, section) in elf.sections.iter() {
        let section_name = name(index);
        let is_data = [".data", ".rodata", ".bss", ".struct_ops", "maps"]
            .iter()
            .any(|kind| section_name.starts_with(kind));
        if is_data {
            lines.insert(format!("section {section_name} {:?}", section.content_size()));
        }
        for (_, symbol) in elf.symbols_in(index) {
            if (is_data || section_name == ".maps") && symbol.kind == SymbolKind::Object {
                let symbol_name = String::from_utf8_lossy(&symbol.name);
                let place = format!("{section_name}+{} {}", symbol.value, symbol.size);
                lines.insert(format!("symbol {symbol_name} {place}"));
            }
        }
    }
    if let Some(btf) = object.btf() {
        for (_, ty) in btf.own_types() {
            let Kind::DataSec(datasec) = &ty.kind else { continue };
            // Kernel symbols have nothing that a binding could name.
            let section = btf.str(ty.name);
            if section == ".ksyms" {
                continue;
            }
            let vars = datasec.vars.iter();
            lines.extend(vars.map(|var| format!("variable {section} {}", btf.name(var.var))));
        }
    }
    lines
}

fn missing(before: &Object, after: &Folded) -> Vec<String> {
    let after = interface(&Object::parse(&after.bytes).unwrap());
    interface(before).difference(&after).cloned().collect()
}

#[test]
fn every_name_stays() {
    let mut lost_otherwise = 0;
    for (path, object) in objects() {
        let fold = Fold::new(&object).unwrap().freeze_all();
        let Ok(plain) = fold.clone().run() else { continue };
        lost_otherwise += usize::from(!missing(&object, &plain).is_empty());
        let kept = fold.keep_interface().run().unwrap();
        assert_eq!(missing(&object, &kept), [""; 0], "{}", path.display());
        assert_eq!(kept.report.dropped.maps, [""; 0], "{}", path.display());
        // Beside the programs that only return, the code is the same.
        let stubs = kept.report.kept.iter().filter(|kept| kept.kind == PartKind::Program).count();
        assert_eq!(
            kept.report.instructions_after(),
            plain.report.instructions_after() + 2 * stubs as u64,
            "{}",
            path.display()
        );
    }
    assert!(lost_otherwise > 10, "{lost_otherwise} objects lose a name without it");
}

#[test]
fn folding_again_changes_nothing() {
    for (path, object) in objects() {
        let fold = |object: &Object| Fold::new(object)?.freeze_all().keep_interface().run();
        let Ok(once) = fold(&object) else { continue };
        let again = fold(&Object::parse(&once.bytes).unwrap()).unwrap();
        assert!(once.bytes == again.bytes, "{}", path.display());
    }
}

fn agent(build: impl FnOnce(Fold<'_>) -> Fold<'_>) -> Folded {
    let object = read(root("examples/agent.bpf.o"));
    build(Fold::new(&object).unwrap().freeze_all()).run().unwrap()
}

#[test]
fn a_program_that_goes_only_returns_and_leaves_its_slot() {
    let folded = agent(|fold| {
        fold.keep_interface().entry("agent").unwrap().drop_program("handle_tls").unwrap()
    });
    let object = read(root("examples/agent.bpf.o"));
    assert_eq!(missing(&object, &folded), [""; 0]);
    let result = Object::parse(&folded.bytes).unwrap();
    let funcs = &result.program().funcs;
    let stub = funcs.values().find(|func| func.name == "handle_tls").unwrap();
    let ops: Vec<&Op> = stub.insts().map(|(_, inst)| stub.op(inst)).collect();
    assert!(matches!(ops.as_slice(), [Op::Mov { src: Operand::Imm(0), .. }, Op::Exit]), "{ops:?}");
    let holds = |object: &Object| {
        let addresses = object.links().addresses.iter();
        let names = addresses.map(|at| object.program().funcs[at.place.func].name.clone());
        names.filter(|name| name == "handle_tls").count()
    };
    assert_eq!((holds(&object), holds(&result)), (1, 0));
    let kept = folded.report.kept.iter();
    let mut kept: Vec<(&str, PartKind)> = kept
        .filter(|kept| kept.reason == KeepReason::Interface)
        .map(|kept| (kept.name.as_str(), kept.kind))
        .collect();
    kept.sort_by_key(|(name, _)| *name);
    let expected = [
        ("events_perf", PartKind::Map),
        ("handle_tls", PartKind::Program),
        ("tls_versions", PartKind::Map),
    ];
    assert_eq!(kept, expected);
    assert_eq!(folded.report.dropped.functions, [""; 0]);
}

#[test]
fn variables_stay_declared_and_are_told_of() {
    let note = |why| {
        let folded = match why {
            NotSealed::Interface => agent(|fold| fold.keep_interface()),
            _ => agent(|fold| fold.keep_variable("cf*").unwrap()),
        };
        let variables = vec!["cfg".to_owned()];
        let note = Note::NotSealed { variables, why };
        assert!(folded.report.notes.contains(&note), "{:?}", folded.report.notes);
        let result = Object::parse(&folded.bytes).unwrap();
        assert!(result.elf().symbol_by_name("cfg").is_some());
        assert_eq!(folded.report.dropped.variables, [""; 0]);
        // A later fold knows that the value is folded already.
        let other = Fold::new(&result).unwrap().set("cfg.debug", "false").unwrap().run();
        let error = other.unwrap_err().to_string();
        assert!(error.contains("cfg"), "{error}");
    };
    note(NotSealed::Interface);
    note(NotSealed::Asked);
}

#[test]
fn without_it_names_go() {
    let folded = agent(|fold| fold.entry("agent").unwrap().drop_program("handle_tls").unwrap());
    let object = read(root("examples/agent.bpf.o"));
    let missing = missing(&object, &folded);
    for gone in ["program handle_tls tc", "variable .maps events_perf", "variable .rodata cfg"] {
        assert!(missing.iter().any(|line| line == gone), "{gone}: {missing:#?}");
    }
}

#[test]
fn a_variable_to_keep_must_be_there() {
    let object = read(root("examples/agent.bpf.o"));
    let error = Fold::new(&object).unwrap().keep_variable("nothing*").unwrap_err();
    assert_eq!(error.to_string(), "no read-only variable matches `nothing*`");
}

/// A section that stays is still mapped into the loader: libbpf asks BTF for a variable there
/// that is not static.
#[test]
fn a_section_that_stays_keeps_a_variable() {
    for (keep, sections) in [(".rodata", 1), ("nothing", 0)] {
        let object = read(root("examples/trace_agent.bpf.o"));
        let mut fold = Fold::new(&object).unwrap().freeze_all();
        if keep == ".rodata" {
            fold = fold.keep_map(keep).unwrap();
        }
        let folded = fold.run().unwrap();
        let result = Object::parse(&folded.bytes).unwrap();
        let datasec = result.btf().unwrap().find_datasec(".rodata");
        assert_eq!(datasec.map_or(0, |(_, datasec)| datasec.vars.len()), sections);
        let notes = &folded.report.notes;
        let told = notes.iter().any(|note| {
            matches!(note, Note::NotSealed { variables, why: NotSealed::Mapped }
                if variables.len() == 1)
        });
        assert_eq!(told, sections == 1, "{notes:?}");
    }
}

fn rodata(object: &Object) -> Vec<u8> {
    let elf = object.elf();
    elf.sections[elf.section_by_name(".rodata").unwrap()].bytes().unwrap().to_vec()
}

/// The contents of a section as a loader holds them are the same as its values one by one.
#[test]
fn an_image_is_its_values() {
    let object = read(root("examples/trace_agent.bpf.o"));
    let fold = || Fold::new(&object).unwrap();
    let set = fold().set("targ_pid", "77").unwrap().set("targ_comm", "\"sh\"").unwrap();
    let image = rodata(&Object::parse(&set.unfolded().unwrap()).unwrap());
    assert_ne!(image, rodata(&object));
    let by_image = fold().section_bytes(".rodata", &image).unwrap().run().unwrap();
    let by_value = set.freeze_all().run().unwrap();
    assert_eq!(by_image.report.values, by_value.report.values);
    assert!(by_image.bytes == by_value.bytes);

    let error = fold().section_bytes(".rodata", &image[1..]).unwrap_err().to_string();
    assert_eq!(error, "the image of .rodata has 42 bytes, the section has 43");
    let error = fold().section_bytes(".data", &image).unwrap_err().to_string();
    assert_eq!(error, "there is no single read-only section `.data`, there are .rodata");
    let other = fold().set("targ_pid", "78").unwrap().section_bytes(".rodata", &image);
    let error = other.unwrap_err().to_string();
    assert!(error.contains("targ_pid"), "{error}");
}

/// The bytes that a loader would be given are the value; there must be as many as the variable has.
#[test]
fn bytes_of_a_variable_are_its_value() {
    let object = read(root("examples/trace_agent.bpf.o"));
    let fold = || Fold::new(&object).unwrap();
    let by_bytes = fold().set_bytes("targ_pid", &4711i32.to_le_bytes()).unwrap().run().unwrap();
    let by_value = fold().set("targ_pid", "4711").unwrap().run().unwrap();
    assert_eq!(by_bytes.report.values, by_value.report.values);
    assert!(by_bytes.bytes == by_value.bytes);
    for wrong in [&[][..], &[1, 2, 3], &[0; 5]] {
        assert!(fold().set_bytes("targ_pid", wrong).is_err(), "{wrong:?}");
    }
    assert!(fold().set_bytes("targ_pit", &[0; 4]).is_err());
}

/// An address in a section is the loader's, whatever the image has there.
#[test]
fn relocated_bytes_of_an_image_are_not_taken() {
    let mut seen = 0;
    for (path, object) in objects() {
        let elf = object.elf();
        for section in Fold::new(&object).unwrap().variables().section_names() {
            let Some(index) = elf.section_by_name(section) else { continue };
            let Some(reloc) = elf.relocations_for(index).next() else { continue };
            let fold = |image: &[u8]| {
                Fold::new(&object).unwrap().section_bytes(section, image).unwrap().run().unwrap()
            };
            let mut image = elf.sections[index].bytes().unwrap().to_vec();
            let plain = fold(&image);
            image[reloc.offset as usize] ^= 0xff;
            assert!(plain.bytes == fold(&image).bytes, "{} {section}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 0, "no read-only section holds an address");
}

/// A program that only returns gives what kernels accept of its kind.
#[test]
fn what_only_returns_is_accepted() {
    let object = read(root("tests/objects/returns.o"));
    let fold = Fold::new(&object).unwrap().entry("entry").unwrap().keep_interface();
    let result = Object::parse(&fold.run().unwrap().bytes).unwrap();
    let returned = |name: &str| {
        let func = result.program().funcs.values().find(|func| func.name == name).unwrap();
        let ops: Vec<Op> = func.insts().map(|(_, inst)| *func.op(inst)).collect();
        match ops.as_slice() {
            [Op::Mov { src: Operand::Imm(imm), .. }, Op::Exit] => *imm,
            ops => panic!("{name}: {ops:?}"),
        }
    };
    for (name, result) in [("received", 1), ("peer", 1), ("own", 1), ("bound", 0), ("traced", 0)] {
        assert_eq!(returned(name), result, "{name}");
    }
}
