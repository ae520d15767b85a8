//! What becomes of the code.

use bpfold::passes::entity::Func;
use bpfold::passes::ir::{Function, InstData, Op, Program};
use bpfold::passes::isa::{Operand, Reg, Width};
use bpfold::passes::pass::{FoldLog, Level};
use bpfold::report::Note;
use bpfold::{CoreMode, Fold};

use super::*;

fn fold(target: &str, mode: CoreMode, drop: &[&str]) -> Result<Object, bpfold::Error> {
    let object = without(&read_object(&test_object("core.o")), drop);
    let folded = Fold::new(&object)?.kernel(&super::target(target)).core(mode).run()?;
    Ok(Object::parse(&folded.bytes)?)
}

/// The object without some sections of code.
fn without(object: &Object, drop: &[&str]) -> Object {
    let mut elf = object.elf().clone();
    let sections: Vec<_> = drop.iter().map(|name| elf.section_by_name(name).unwrap()).collect();
    let mut gone: std::collections::BTreeSet<_> = sections.iter().copied().collect();
    let symbols = sections.iter().flat_map(|at| elf.symbols_in(*at).map(|(symbol, _)| symbol));
    let symbols = symbols.collect();
    let stale = elf.sections.iter().filter(|(_, section)| {
        let name = section.name.as_slice();
        name.starts_with(b".debug")
            || name.starts_with(b".rel.debug")
            || [&b".rel.BTF"[..], b".rel.BTF.ext", b".llvm_addrsig"].contains(&name)
    });
    gone.extend(stale.map(|(index, _)| index));
    let holders: Vec<_> = gone.iter().flat_map(|at| elf.relocation_sections(*at)).collect();
    gone.extend(holders);
    elf.remove(&gone, &symbols).unwrap();
    Object::parse(&elf.write().unwrap()).unwrap()
}

/// Programs of core.c that need what no target has.
const MISSING: [&str; 2] = ["socket/missing", "socket/module"];

fn code(object: &Object, name: &str) -> Vec<String> {
    let func = object.program().funcs.values().find(|func| func.name == name).unwrap();
    func.insts().map(|(_, inst)| format!("{:?}", func.inst(inst).op)).collect()
}

fn records(object: &Object, section: &str) -> usize {
    let (btf, ext) = object.btf().zip(object.btf_ext()).unwrap();
    ext.core_relo.section(btf, section).count()
}

#[test]
fn existence_decides_branches() {
    for mode in [CoreMode::All, CoreMode::Checks] {
        let old = fold("core-target-old.o", mode, &MISSING).unwrap();
        let new = fold("core-target-new.o", mode, &MISSING).unwrap();
        for object in [&old, &new] {
            let code = code(object, "branch");
            assert!(!code.iter().any(|op| op.contains("Branch")), "{code:?}");
            let left = usize::from(mode == CoreMode::Checks);
            assert_eq!(records(object, "socket/branch"), left, "{mode:?}");
        }
        // Left to the loader, both offsets are 0 as in the object's own types.
        let differs = code(&old, "branch") != code(&new, "branch");
        assert_eq!(differs, mode == CoreMode::All);
    }
}

#[test]
fn records_that_are_resolved_leave() {
    let all = fold("core-target-new.o", CoreMode::All, &MISSING).unwrap();
    // The id of a type of the object itself is the loader's.
    assert_eq!(records(&all, "socket/kinds"), 1);
    assert_eq!(records(&all, "socket/loads"), 0);
    let load = |object: &Object| code(object, "loads")[0].clone();
    assert!(load(&all).contains("size: W,") && load(&all).contains("off: 4"), "{}", load(&all));
    let checks = fold("core-target-new.o", CoreMode::Checks, &MISSING).unwrap();
    assert_eq!(records(&checks, "socket/loads"), 1);
    assert!(load(&checks).contains("size: DW,"), "{}", load(&checks));
}

/// A function that stays unfolded can need it in code that the kernel never enters.
#[test]
fn what_a_function_lacks_that_is_not_analysed_is_left_to_the_loader() {
    let object = without(&read_object(&test_object("core.o")), &["socket/module"]);
    let fold = Fold::new(&object).unwrap().kernel(&target("core-target-new.o"));
    let wrong_result: fn(&mut Program, &FoldLog) = |program, log| {
        let is_meant = |(id, func): &(Func, &Function)| {
            func.name == "missing" && log.levels[*id] != Level::None
        };
        let Some((id, _)) = program.funcs.iter().find(is_meant) else { return };
        let func = &mut program.funcs[id];
        let exit = func.insts().find(|(_, inst)| *func.op(*inst) == Op::Exit).unwrap();
        let at = func.block(exit.0).insts.len() - 1;
        let (width, src) = (Width::W64, Operand::Imm(12345));
        let op = Op::Mov { width, dst: Reg::R0, src };
        func.insert_inst(exit.0, at, InstData::new(op));
    };
    let folded = fold.core(CoreMode::All).damage(wrong_result).run().unwrap();
    let note = folded.report.notes.iter().find_map(|note| match note {
        Note::LeftToLoader { at, subject, .. } => Some((at.function.as_str(), subject.as_str())),
        _ => None,
    });
    assert_eq!(note, Some(("missing", "field x of struct nowhere")));
    assert_eq!(records(&Object::parse(&folded.bytes).unwrap(), "socket/missing"), 1);
}

#[test]
fn what_live_code_lacks_is_an_error() {
    let error = fold("core-target-new.o", CoreMode::All, &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "field x of struct nowhere (byte offset): the target kernel does not have it: \
         missing+0, core.c:81 `return n->x;`"
    );
}

/// gcc 12 ties offsets to moves between registers; libbpf refuses such an object (-EINVAL).
#[test]
fn records_of_what_has_no_place_are_errors() {
    let object = without(&read_object(&test_object("core.o")), &MISSING);
    let mut elf = object.elf().clone();
    let section = elf.section_by_name("socket/loads").unwrap();
    let mut code = elf.sections.get(section).unwrap().bytes().unwrap().to_vec();
    // r0 = r1 in place of r0 = *(u64 *)(r1 + 0)
    assert_eq!(code[..2], [0x79, 0x10]);
    code[0] = 0xbf;
    elf.set_section_data(section, code).unwrap();
    let object = Object::parse(&elf.write().unwrap()).unwrap();
    let kernel = target("core-target-new.o");
    let fold = |mode| Fold::new(&object).unwrap().kernel(&kernel).core(mode).run();
    assert_eq!(
        fold(CoreMode::All).unwrap_err().to_string(),
        "field count of struct counted (byte offset): the instruction has no place for the \
         value, loaders refuse it too: loads+0, core.c:67 `return c->count;`"
    );
    let folded = Object::parse(&fold(CoreMode::Checks).unwrap().bytes).unwrap();
    assert_eq!(records(&folded, "socket/loads"), 1);
}

/// Offsets are the loader's: it may know a kernel that has them.
#[test]
fn checks_leave_missing_offsets_alone() {
    let folded = fold("core-target-new.o", CoreMode::Checks, &[]).unwrap();
    assert_eq!(records(&folded, "socket/missing"), 1);
}

/// libbpf loads programs of `SEC("?…")` only if it is asked to.
#[test]
fn optional_programs_keep_what_is_missing() {
    let folded = fold("core-target-new.o", CoreMode::All, &MISSING).unwrap();
    assert_eq!(records(&folded, "?socket/optional"), 1);
}

#[test]
fn folding_again_changes_nothing() {
    let kernel = target("core-target-new.o");
    let object = without(&read_object(&test_object("core.o")), &MISSING);
    let run = |object: &Object| {
        Fold::new(object).unwrap().kernel(&kernel).core(CoreMode::All).run().unwrap().bytes
    };
    let once = run(&object);
    assert!(run(&Object::parse(&once).unwrap()) == once);
}

/// libbpf takes no BTF of an object whose .BTF.ext has no records; gcc writes some that have
/// no others than these.
#[test]
fn a_section_without_records_leaves() {
    let object = without(&read_object(&test_object("core.o")), &MISSING);
    let mut ext = object.btf_ext().unwrap().clone();
    ext.func_info.blocks.clear();
    ext.line_info.blocks.clear();
    let loads = |section| object.btf().unwrap().str(section) == "socket/loads";
    ext.core_relo.blocks.retain(|block| loads(block.section));
    let mut elf = object.elf().clone();
    let index = elf.section_by_name(".BTF.ext").unwrap();
    elf.set_section_data(index, ext.to_bytes()).unwrap();
    let object = Object::parse(&elf.write().unwrap()).unwrap();
    let kernel = target("core-target-new.o");
    let folded = Fold::new(&object).unwrap().kernel(&kernel).core(CoreMode::All).run().unwrap();
    let folded = Object::parse(&folded.bytes).unwrap();
    assert!(object.btf_ext().is_some() && folded.btf_ext().is_none());
    assert_eq!(folded.elf().section_by_name(".BTF.ext"), None);
}
