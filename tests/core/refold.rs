//! What was asked of the kernel's types is written down, and asked again.

use bpfold::btf::{Int, Kind, Type};
use bpfold::{CoreMode, Error, Fold};

use super::*;

/// Folds only what one program needs.
fn fold(object: &Object, entry: &str, kernel: &Kernel, mode: CoreMode) -> Result<Object, Error> {
    let fold = Fold::new(object)?.kernel(kernel).core(mode);
    let fold = if entry.is_empty() { fold } else { fold.entry(entry)? };
    Ok(Object::parse(&fold.run()?.bytes)?)
}

fn again(object: &Object, kernel: &Kernel, mode: CoreMode) -> Result<Object, Error> {
    fold(object, "", kernel, mode)
}

fn rows(object: &Object) -> Vec<(String, String)> {
    let rows = object.folded_with().unwrap().into_iter();
    rows.map(|row| {
        assert!(row.kernel && row.sealed && !row.frozen, "{row:?}");
        (row.name, row.value)
    })
    .collect()
}

fn row(words: &str, answer: &str) -> (String, String) {
    (words.to_owned(), answer.to_owned())
}

/// The same types and one more.
fn with_another(kernel: &Kernel) -> Kernel {
    let mut types = (*kernel.types().unwrap().unwrap()).clone();
    let name = types.add_string("another");
    let kind = Kind::Int(Int { size: 4, bits: 32, ..Int::default() });
    types.add_type(Type { name, flag: false, kind });
    Kernel::new().btf(types.to_bytes().unwrap())
}

#[test]
fn another_answer_is_refused() {
    let object = read_object(&test_object("core.o"));
    let (old, new) = (target("core-target-old.o"), target("core-target-new.o"));
    let question = "exists struct renamed.after: int";
    for (kernel, other, answer, others) in [(&old, &new, "0", "1"), (&new, &old, "1", "0")] {
        let folded = fold(&object, "branch", kernel, CoreMode::Checks).unwrap();
        assert_eq!(rows(&folded), [row(question, answer)]);
        for mode in [CoreMode::None, CoreMode::Checks, CoreMode::All] {
            let error = again(&folded, other, mode).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "`{question}` is {others} in this kernel, and was {answer} in the one that \
                     this object was folded for: start again from the object that the compiler \
                     made"
                )
            );
        }
        // Neither the same kernel nor an unknown one says anything else.
        for kernel in [kernel, &Kernel::new()] {
            let twice = again(&folded, kernel, CoreMode::Checks).unwrap();
            assert!(twice.elf().write().unwrap() == folded.elf().write().unwrap());
        }
    }
}

/// The size of what another kernel lacks.
#[test]
fn no_answer_is_another_answer() {
    let object = read_object(&test_object("core-module.o"));
    let vmlinux = target("core-module.btf");
    let veth = std::fs::read(test_object("core-module-veth.btf")).unwrap();
    let kernel = vmlinux.clone().module_btf("veth", veth);
    let folded = fold(&object, "module", &kernel, CoreMode::Checks).unwrap();
    let question = "size struct veth_priv.requested_headroom: int";
    assert!(rows(&folded).contains(&row(question, "4")));
    // Only this question, of those that are asked in order.
    let mut elf = folded.elf().clone();
    let section = elf.section_by_name(".debug_bpfold").unwrap();
    let text = format!(r#"{{"values":[],"types":{{"asked":{{"{question}":4}}}}}}"#);
    elf.set_section_data(section, text.into_bytes()).unwrap();
    let folded = Object::parse(&elf.write().unwrap()).unwrap();
    assert!(again(&folded, &kernel, CoreMode::Checks).is_ok());
    let error = again(&folded, &vmlinux, CoreMode::Checks).unwrap_err().to_string();
    let words = format!("`{question}` is missing in this kernel, and was 4 in the one that");
    assert!(error.starts_with(&words), "{error}");
}

/// Kernels that give the same answers are as good as the first.
#[test]
fn other_types_with_the_same_answers_are_not_refused() {
    let object = read_object(&test_object("core.o"));
    let new = target("core-target-new.o");
    let folded = fold(&object, "branch", &new, CoreMode::Checks).unwrap();
    let twice = again(&folded, &with_another(&new), CoreMode::Checks).unwrap();
    assert!(twice.elf().write().unwrap() == folded.elf().write().unwrap());
    // Offsets can then be those of the other.
    let all = again(&folded, &with_another(&new), CoreMode::All).unwrap();
    assert_eq!(rows(&all)[0].0, "types of the kernel");
}

/// Offsets, and questions without words, are for one kernel.
#[test]
fn other_types_are_refused_where_offsets_are_resolved() {
    let core = read_object(&test_object("core.o"));
    let newer = read_object(&test_object("core-new.o"));
    let cases = [
        (&core, "loads", "core-target-new.o", CoreMode::All),
        // Whether types match.
        (&newer, "types", "core-new-target.o", CoreMode::Checks),
    ];
    for (object, entry, name, mode) in cases {
        let kernel = target(name);
        let folded = fold(object, entry, &kernel, mode).unwrap();
        let [(what, identity)] = rows(&folded).try_into().unwrap();
        assert_eq!(what, "types of the kernel");
        let twice = again(&folded, &kernel, mode).unwrap();
        assert!(twice.elf().write().unwrap() == folded.elf().write().unwrap());
        let raw = kernel.types().unwrap().unwrap().to_bytes().unwrap();
        assert!(again(&folded, &Kernel::new().btf(raw), mode).is_ok());
        let error = again(&folded, &with_another(&kernel), mode).unwrap_err();
        let Error::OtherKernel { what, value, folded } = error else { panic!("{error}") };
        assert_eq!((what.as_str(), folded), ("types of the kernel", identity.clone()));
        assert_ne!(value, identity);
    }
}

/// What is asked only where a branch does not lead decides nothing.
#[test]
fn questions_in_dead_code_are_not_written_down() {
    let object = read_object(&test_object("core-new.o"));
    let kernel = target("core-new-target.o");
    let folded = fold(&object, "nested", &kernel, CoreMode::Checks).unwrap();
    let with_pair = [row("exists typedef pair = struct", "1"), row("size struct matched", "24")];
    assert_eq!(rows(&folded), with_pair);
    // core.c's targets have neither.
    let without = target("core-target-new.o");
    let error = fold(&object, "nested", &without, CoreMode::Checks).unwrap_err();
    assert!(error.to_string().starts_with("enumerator LOWEST of enum lowest"), "{error}");
}

/// A record that somebody has written by hand.
#[test]
fn what_is_no_question_is_an_error() {
    let object = read_object(&test_object("core.o"));
    let kernel = target("core-target-new.o");
    let folded = fold(&object, "branch", &kernel, CoreMode::Checks).unwrap();
    let mut elf = folded.elf().clone();
    let section = elf.section_by_name(".debug_bpfold").unwrap();
    let text = elf.sections.get(section).unwrap().bytes().unwrap().to_vec();
    let text = String::from_utf8(text).unwrap().replace("exists struct", "exist struct");
    elf.set_section_data(section, text.into_bytes()).unwrap();
    let object = Object::parse(&elf.write().unwrap()).unwrap();
    assert!(again(&object, &Kernel::new(), CoreMode::Checks).is_ok());
    let error = again(&object, &kernel, CoreMode::Checks).unwrap_err();
    assert_eq!(
        error.to_string(),
        ".debug_bpfold: `exist struct renamed.after: int` is no question about types, expected \
         the record that bpfold writes"
    );
}
