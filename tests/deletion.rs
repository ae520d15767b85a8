//! Deleted code: everything that names what is left by its offset is right.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};

use bpfold::btf::{BtfExt, Record, Table};
use bpfold::elf::{ElfObject, Endian, R_BPF_64_ABS64, R_BPF_DATA_64, Reloc, SectionData};
use bpfold::lift::{Lifted, Links, lift};
use bpfold::lower::{LowerError, Lowered, lower};
use bpfold::passes::entity::{Entity, Func, Line};
use bpfold::passes::ir::{Function, InstData, Program};
use bpfold::passes::isa::{Callee, Imm64, Op, RawInsn};
use bpfold::{Fold, Object};

fn test_object(name: &str) -> Object {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects").join(name);
    Object::parse(&std::fs::read(path).unwrap()).unwrap()
}

fn func(program: &Program, name: &str) -> Func {
    program.funcs.iter().find(|(_, func)| func.name == name).unwrap().0
}

/// Deletes the instructions at these slots of the original.
fn delete(program: &mut Program, name: &str, slots: &[u32]) {
    let func = func(program, name);
    let function = &mut program.funcs[func];
    for block in function.layout().to_vec() {
        function.retain_insts(block, |_, data| {
            !data.origin.is_some_and(|origin| slots.contains(&origin))
        });
    }
}

fn lower_object(object: &Object, program: &Program) -> Result<Lowered, LowerError> {
    lower(object.elf(), object.btf_ext(), object.lifted(), program)
}

fn code(elf: &ElfObject, object: &Object, section: &str) -> Vec<RawInsn> {
    let section = elf.section_by_name(section).unwrap();
    RawInsn::slots(elf.sections[section].bytes().unwrap(), object.program().endian)
}

fn relocs(elf: &ElfObject, section: &str) -> Vec<(u64, String)> {
    let section = elf.section_by_name(section).unwrap();
    let name = |reloc: &Reloc| {
        let symbol = &elf.symbols[reloc.symbol];
        match symbol.section() {
            Some(section) if symbol.name.is_empty() => elf.section_id(section).name,
            _ => String::from_utf8(symbol.name.clone()).unwrap(),
        }
    };
    elf.relocations_for(section).map(|reloc| (reloc.offset, name(reloc))).collect()
}

fn symbol(elf: &ElfObject, name: &str) -> (u64, u64) {
    let symbol = &elf.symbols[elf.symbol_by_name(name).unwrap()];
    (symbol.value, symbol.size)
}

fn offsets<R: Record>(object: &Object, table: &Table<R>, section: &str) -> Vec<u32> {
    table.section(object.btf().unwrap(), section).map(Record::insn_off).collect()
}

/// The slots and offsets below are worked out by hand from the disassembly of places.o:
///
///     .text   global 0..6, middle 6..14, callback 14..19, leaf 19..23
///     xdp     first 0..17, second 17..24
///
/// From `global` go its slots 1 and 3, from `middle` 2, from `first` 1, 3 (which has a label)
/// and 9 (behind an ldimm64): global 0..4, middle 4..11, callback 11..16, leaf 16..20 and
/// first 0..14, second 14..21.
#[test]
fn hand_checked_offsets() {
    for name in ["places.o", "places-be.o"] {
        let object = test_object(name);
        let mut program = object.program().clone();
        delete(&mut program, "global", &[1, 3]);
        delete(&mut program, "middle", &[2]);
        delete(&mut program, "first", &[1, 3, 9]);
        let lowered = lower_object(&object, &program).unwrap();
        let elf = &lowered.elf;

        let text = code(elf, &object, ".text");
        assert_eq!(text.len(), 20);
        assert_eq!(text[0].imm, 3, "global calls middle");
        assert_eq!((text[5].imm, text[8].imm), (10, 7), "middle calls leaf twice");
        let xdp = code(elf, &object, "xdp");
        assert_eq!(xdp.len(), 21);
        assert_eq!(xdp[5].imm, 11 * 8, "first takes the address of callback");
        assert_eq!(xdp[9].imm, -1, "first calls global by its symbol");
        assert_eq!(xdp[15].imm, 3, "second calls middle by its section");
        let named = |offset, name: &str| (offset, name.to_owned());
        assert_eq!(
            relocs(elf, "xdp"),
            [
                named(0x28, ".text"),
                named(0x48, "global"),
                named(0x78, ".text"),
                named(0x90, "global")
            ]
        );
        assert!(relocs(elf, ".text").is_empty());

        assert_eq!(symbol(elf, "global"), (0, 32));
        assert_eq!(symbol(elf, "middle"), (0x20, 56));
        assert_eq!(symbol(elf, "callback"), (0x58, 40));
        assert_eq!(symbol(elf, "leaf"), (0x80, 32));
        assert_eq!(symbol(elf, "first"), (0, 112));
        assert_eq!(symbol(elf, "a_label"), (0x10, 0));
        assert_eq!(symbol(elf, "second"), (0x70, 56));

        let table = &elf.sections[elf.section_by_name(".struct_ops").unwrap()];
        let address = u64::to_le_bytes(0x80);
        let address = if name == "places.o" { address } else { u64::to_be_bytes(0x80) };
        assert_eq!(table.bytes().unwrap()[8..], [[0; 8], address].concat());
        assert_eq!(relocs(elf, ".struct_ops"), [named(8, "second"), named(16, ".text")]);

        let ext = lowered.ext.as_ref().unwrap();
        assert_eq!(offsets(&object, &ext.func_info, ".text"), [0, 0x20, 0x58, 0x80]);
        assert_eq!(offsets(&object, &ext.func_info, "xdp"), [0, 0x70]);
        assert_eq!(offsets(&object, &ext.core_relo, "xdp"), [0x40, 0x70]);
        let lines = offsets(&object, &ext.line_info, ".text");
        assert!([0, 0x20, 0x58, 0x80].iter().all(|start| lines.contains(start)), "{lines:x?}");
        assert!(lowered.changed);
        // The label's instruction is gone, so the label goes too.
        let label = elf.symbol_by_name("a_label").unwrap();
        assert_eq!(lowered.dead_symbols.into_iter().collect::<Vec<_>>(), [label]);
    }
}

/// As Binutils up to 2.40 write it: numbers of their own for relocations of data, and what they
/// fill in holds the sum with the symbol's value.
fn with_sums(object: &Object) -> Object {
    let mut elf = object.elf().clone();
    let table = elf.section_by_name(".struct_ops").unwrap();
    let holder = elf.relocation_sections(table).next().unwrap();
    let SectionData::Relocations(relocs) = &mut elf.sections[holder].data else { panic!() };
    let mut bytes = object.elf().sections[table].bytes().unwrap().to_vec();
    for reloc in relocs {
        assert_eq!(reloc.r_type, R_BPF_64_ABS64);
        reloc.r_type = R_BPF_DATA_64;
        let at = reloc.offset as usize;
        let field: &mut [u8; 8] = (&mut bytes[at..at + 8]).try_into().unwrap();
        let value = object.elf().symbols[reloc.symbol].value;
        *field = match elf.endian {
            Endian::Little => (u64::from_le_bytes(*field) + value).to_le_bytes(),
            Endian::Big => (u64::from_be_bytes(*field) + value).to_be_bytes(),
        };
    }
    elf.set_section_data(table, bytes).unwrap();
    Object::parse(&elf.write().unwrap()).unwrap()
}

#[test]
fn addresses_in_data_of_older_binutils() {
    for name in ["places.o", "places-be.o"] {
        let object = with_sums(&test_object(name));
        let slots = |object: &Object| -> Vec<(u64, String)> {
            let addresses = object.links().addresses.iter();
            let name = |func| object.program().funcs[func].name.clone();
            addresses.map(|address| (address.offset, name(address.place.func))).collect()
        };
        assert_eq!(slots(&object), [(8, "second".to_owned()), (16, "leaf".to_owned())]);
        let mut program = object.program().clone();
        delete(&mut program, "middle", &[2]);
        delete(&mut program, "first", &[1, 3, 9]);
        let lowered = lower_object(&object, &program).unwrap();
        let elf = &lowered.elf;
        let table = &elf.sections[elf.section_by_name(".struct_ops").unwrap()];
        // Both count from the start of the section: second, behind 14 slots, and leaf, behind 18.
        let number = |bytes: &[u8]| match elf.endian {
            Endian::Little => u64::from_le_bytes(bytes.try_into().unwrap()),
            Endian::Big => u64::from_be_bytes(bytes.try_into().unwrap()),
        };
        let table = table.bytes().unwrap();
        assert_eq!((number(&table[8..16]), number(&table[16..24])), (14 * 8, 18 * 8));
        assert_eq!(symbol(elf, "second"), (14 * 8, 56));

        // What the table holds stays when another program is entered, and cannot be dropped.
        let entered = Fold::new(&object).unwrap().entry("first").unwrap().run().unwrap();
        let after = Object::parse(&entered.bytes).unwrap();
        assert_eq!(slots(&after), slots(&object));
        let dropped = Fold::new(&object).unwrap().drop_program("second").unwrap().run();
        assert!(matches!(dropped, Err(bpfold::Error::Prune(_))), "{dropped:?}");
    }
}

/// `callback` goes with the two instructions that use it, and leaf moves up.
#[test]
fn removed_function() {
    let object = test_object("places.o");
    let mut program = object.program().clone();
    let callback = func(&program, "callback");
    program.funcs[callback].clear();
    let error = lower_object(&object, &program).unwrap_err();
    assert!(matches!(error, LowerError::Reference { slot: 7, .. }), "{error}");

    delete(&mut program, "first", &[7]);
    let lowered = lower_object(&object, &program).unwrap();
    assert_eq!(symbol(&lowered.elf, "leaf"), (14 * 8, 32));
    let ext = lowered.ext.as_ref().unwrap();
    assert_eq!(offsets(&object, &ext.func_info, ".text"), [0, 0x30, 0x70]);
    let dead = lowered.elf.symbol_by_name("callback").unwrap();
    assert_eq!(lowered.dead_symbols.into_iter().collect::<Vec<_>>(), [dead]);
}

/// A function whose address is in data cannot go.
#[test]
fn removed_function_in_data() {
    let object = test_object("places.o");
    let mut program = object.program().clone();
    for name in ["leaf", "middle", "global"] {
        let func = func(&program, name);
        program.funcs[func].clear();
    }
    delete(&mut program, "first", &[12]);
    delete(&mut program, "second", &[1, 4]);
    let error = lower_object(&object, &program).unwrap_err();
    assert!(matches!(error, LowerError::DeadAddress { offset: 16, .. }), "{error}");
}

/// An instruction as it can be compared between two liftings: what it does and names, in
/// names, and its source line and CO-RE records.
type Shown = (String, Option<(u32, u32, u32)>, Vec<String>);

fn shown(program: &Program, links: &Links, function: &Function, data: &InstData) -> Shown {
    let op = data.op.map_target(|block| {
        // Jumps compare by the number of instructions before their target.
        let mut before = 0;
        for &other in function.layout() {
            if other == block {
                break;
            }
            before += function.block(other).insts.len();
        }
        before
    });
    let op = match op {
        Op::Call(Callee::Func(func)) => format!("call {}", program.funcs[func].name),
        Op::Call(Callee::Extern(ext)) => format!("call {}", program.externs[ext].name),
        Op::LdImm64 { dst, imm } => {
            let imm = match imm {
                Imm64::Func(func) => program.funcs[func].name.clone(),
                Imm64::Map(map) => program.maps[map].name.clone(),
                Imm64::Extern(ext) => program.externs[ext].name.clone(),
                Imm64::Section { section, offset } => {
                    format!("{}+{offset}", program.sections[section].name)
                }
                Imm64::Const(_) | Imm64::Pseudo { .. } => format!("{imm:?}"),
            };
            format!("{dst:?} = {imm}")
        }
        _ => format!("{op:?}"),
    };
    let line = data.line.map(|line: Line| &links.lines[line].record);
    let line = line.map(|line| (line.file_name_off.0, line.line_off.0, line.line_col));
    let core = data.core.map(|core| &links.core[core]);
    let core = core.into_iter().flat_map(|core| {
        std::iter::once(&core.record).chain(core.more.iter().map(|(_, record)| record))
    });
    let core = core.map(|r| format!("{:?} {:?} {:?}", r.kind, r.type_id, r.access_str_off));
    (op, line, core.collect())
}

fn all_shown(lifted: &Lifted) -> Vec<(String, Vec<Shown>)> {
    let Lifted { program, links } = lifted;
    let funcs = program.funcs.values().filter(|func| func.opaque.is_none());
    funcs
        .map(|func| {
            let insts = func.insts().map(|(_, inst)| func.inst(inst));
            (func.name.clone(), insts.map(|data| shown(program, links, func, data)).collect())
        })
        .collect()
}

/// Deletes about one in `every` instructions that are no jumps, lowers, lifts again, and
/// compares: the second lifting must find what the first one has left.
fn delete_and_lift_again(object: &Object, every: u32) -> Result<(), String> {
    let mut edited = object.lifted().clone();
    let mut count = 0;
    // Without the load from its table a function with one is not understood.
    let no_table = |function: &&mut Function| function.tables().is_empty();
    for function in edited.program.funcs.values_mut().filter(no_table) {
        for block in function.layout().to_vec() {
            function.retain_insts(block, |_, data| {
                count += 1;
                count % every != 0 || data.op.is_terminator()
            });
        }
        inherit_first_line(function);
    }
    let lowered = lower_object(object, &edited.program).map_err(|error| error.to_string())?;
    let ext = lowered.ext.as_ref();
    if let Some(ext) = ext {
        check_lines(object, ext)?;
    }
    let again = lift(&lowered.elf, object.btf(), ext).map_err(|error| error.to_string())?;
    let (left, found) = (all_shown(&edited), all_shown(&again));
    if left.len() != found.len() {
        return Err(format!("{} functions become {}", left.len(), found.len()));
    }
    for ((name, left), (_, found)) in left.iter().zip(&found) {
        let differs = left.iter().zip(found).position(|(left, found)| left != found);
        if let Some(at) = differs {
            return Err(format!("{name}, {at}: {:?} becomes {:?}", left[at], found[at]));
        }
        if left.len() != found.len() {
            return Err(format!("{name}: {} instructions become {}", left.len(), found.len()));
        }
    }
    Ok(())
}

/// What the records say of an instruction that had no record before it in its function, if
/// the first instruction is gone.
fn inherit_first_line(function: &mut Function) {
    let Some(first) = function.insts().map(|(_, inst)| inst).next() else { return };
    if function.inst(first).line.is_none() && function.inst(first).origin != Some(0) {
        let lines = function.insts().find_map(|(_, inst)| function.inst(inst).line);
        let without: Vec<_> = function
            .insts()
            .map(|(_, inst)| inst)
            .take_while(|inst| function.inst(*inst).line.is_none())
            .collect();
        for inst in without {
            function.attach(inst, |data| data.line = lines);
        }
    }
}

/// Offsets rise strictly, as the kernel asks.
fn check_lines(object: &Object, ext: &BtfExt) -> Result<(), String> {
    for block in &ext.line_info.blocks {
        let rises = block.records.windows(2).all(|pair| pair[0].insn_off < pair[1].insn_off);
        if !rises {
            let section = object.btf().unwrap().str_lossy(block.section).into_owned();
            return Err(format!("line_info of {section} does not rise"));
        }
    }
    Ok(())
}

fn objects_in(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            objects_in(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn what_is_left_is_found_again() {
    let mut paths = Vec::new();
    for dir in ["examples", "tests/objects"] {
        objects_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut paths);
    }
    let mut count = 0;
    for path in paths {
        let Ok(object) = Object::parse(&std::fs::read(&path).unwrap()) else { continue };
        count += 1;
        for every in [1, 2, 3, 7] {
            if let Err(problem) = delete_and_lift_again(&object, every) {
                panic!("{}, one in {every}: {problem}", path.display());
            }
        }
    }
    assert!(count > 8);
}

/// Every object under the directory that `BPFOLD_CORPUS` names.
#[test]
fn corpus_is_found_again() {
    let Some(dir) = std::env::var_os("BPFOLD_CORPUS") else {
        return;
    };
    let mut paths = Vec::new();
    objects_in(Path::new(&dir), &mut paths);
    let (mut good, mut failed) = (0, Vec::new());
    for path in paths {
        let Ok(object) = Object::parse(&std::fs::read(&path).unwrap()) else { continue };
        match delete_and_lift_again(&object, 3) {
            Ok(()) => good += 1,
            Err(problem) => failed.push(format!("{}: {problem}", path.display())),
        }
    }
    eprintln!("{good} objects good, {} not", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Number of functions, to see that entities are what the object has.
#[test]
fn functions_of_places() {
    let object = test_object("places.o");
    let names: Vec<&str> = object.program().funcs.values().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["global", "middle", "callback", "leaf", "first", "second"]);
    assert_eq!(func(object.program(), "leaf").index(), 3);
}
