//! Every instruction against LLVM's spelling, random programs through text and back, and
//! where errors are reported.

use proptest::prelude::*;
use proptest::sample::Index;

use super::{Annotate, ParseErrorKind, Printer, parse};
use crate::entity::{Block, Core, Entity, Func, Inst, Line, Reloc};
use crate::ir::{
    DataSection, ExternDecl, ExternValue, Features, Function, InstData, Linkage, MapDecl,
    OpaqueBody, OpaqueItem, Program,
};
use crate::isa::{Callee, Endian, Imm64, Offset, Op, RawInsn, Size, decode};

/// Slots and their text as `llvm-objdump` 22 prints them (`llvm-mc` 22 assembled the slots).
const LLVM: &str = include_str!("llvm22.txt");

#[test]
fn instructions_are_spelled_as_llvm_does() {
    for line in LLVM.lines() {
        let (bytes, text) = line.split_once(" | ").unwrap();
        let bytes: Vec<u8> =
            bytes.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        let op = decode(&RawInsn::slots(&bytes, Endian::Little)).unwrap();
        let program = format!("func f (entry) opaque \"\" at 0 {{\n  0: {}\n}}\n", line.trim_end());
        let program = parse(&program).unwrap_or_else(|error| panic!("{line}: {error}"));
        let body = program.funcs.values().next().unwrap().opaque.as_ref().unwrap();
        assert_eq!(body.items[0].op, Some(op), "{line}");
        assert!(program.to_string().contains(&format!("{line}\n")), "{text}\n{program}");
    }
}

/// A name: mostly a word, sometimes one that must be quoted or that others have too.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z_.$][a-zA-Z0-9_.$]{0,8}",
        Just("twice".to_owned()),
        prop::sample::select(vec![
            "", "r1", "w10", "map", "extern", "be16", "s", "L1", "5", "xdp/f"
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn section() -> impl Strategy<Value = DataSection> {
    let byte = (any::<u8>(), prop_oneof![Just(0), Just(0xff), any::<u8>()]);
    let bytes = prop_oneof![
        prop::collection::vec(byte.clone(), 0..40),
        (byte, 0..100usize).prop_map(|(byte, count)| vec![byte; count]),
    ];
    (name(), any::<bool>(), bytes).prop_map(|(name, read_only, bytes)| {
        let (bytes, final_bits) = bytes.into_iter().unzip();
        DataSection { name, bytes, final_bits, read_only }
    })
}

fn ext() -> impl Strategy<Value = ExternDecl> {
    let contents = prop::collection::vec(any::<u8>(), 0..9).prop_map(ExternValue::Contents);
    let value = prop_oneof![
        Just(None),
        Just(Some(ExternValue::Absent)),
        Just(Some(ExternValue::Present)),
        contents.prop_map(Some)
    ];
    let args = prop::option::of(0..6_u8);
    (name(), args, value).prop_map(|(name, args, value)| ExternDecl { name, args, value })
}

/// An instruction that has an encoding; see [`referring`] for the others.
fn encoded() -> impl Strategy<Value = Op<Offset>> {
    let off = prop_oneof![prop::sample::select(vec![0, 1, 8, 16, 32]), any::<i16>()];
    let special = vec![0, 1, 0x41, 0x51, 0xa1, 0x40, 0x50, 0xa0, 0xe1, 0xf1, 0x100, 0x110, 16, 32];
    let imm = prop_oneof![prop::sample::select(special), any::<i32>()];
    (any::<u8>(), 0..11u8, 0..11u8, off, imm, any::<i32>()).prop_map(
        |(code, dst, src, off, imm, next)| {
            let next = RawInsn { imm: next, ..RawInsn::default() };
            // Most opcodes need some of the fields to be zero.
            let zeroed =
                [(src, off, imm), (src, off, 0), (0, off, imm), (src, 0, imm), (0, 0, imm)]
                    .into_iter()
                    .chain([(0, off, 0), (src, 0, 0), (0, 0, 0), (0, 0, 32), (0, 0, 64)]);
            zeroed
                .flat_map(|(src, off, imm)| [(dst, src, off, imm), (0, src, off, imm)])
                .find_map(|(dst, src, off, imm)| {
                    decode(&[RawInsn { code, dst, src, off, imm }, next]).ok()
                })
                .unwrap_or(Op::Exit)
        },
    )
}

/// An instruction as an object's code has it once references are resolved to ids.
fn op() -> impl Strategy<Value = (Op<Offset>, Index, i64)> {
    (encoded(), any::<Index>(), prop_oneof![Just(0), any::<i64>()])
}

/// Lets `ldimm64` and `call` name an entity of the program if it has one.
fn referring<T>(program: &Program, op: Op<T>, pick: Index, offset: i64, kind: usize) -> Op<T> {
    fn some<K: Entity>(count: usize, pick: Index) -> Option<K> {
        (count > 0).then(|| K::from_index(pick.index(count)))
    }
    let ext = some(program.externs.len(), pick);
    let func = some(program.funcs.len(), pick);
    match op {
        Op::LdImm64 { dst, imm } => {
            let reference = match kind % 5 {
                0 => some(program.sections.len(), pick)
                    .map(|section| Imm64::Section { section, offset }),
                1 => some(program.maps.len(), pick).map(Imm64::Map),
                2 => func.map(Imm64::Func),
                3 => ext.map(Imm64::Extern),
                _ => None,
            };
            Op::LdImm64 { dst, imm: reference.unwrap_or(imm) }
        }
        Op::Call(callee) => {
            let reference = match kind % 3 {
                0 => func.map(Callee::Func),
                1 => ext.map(Callee::Extern),
                _ => None,
            };
            Op::Call(reference.unwrap_or(callee))
        }
        op => op,
    }
}

type Body = Vec<((Op<Offset>, Index, i64), (Index, bool, u32))>;

fn body() -> impl Strategy<Value = Body> {
    prop::collection::vec((op(), (any::<Index>(), any::<bool>(), any::<u32>())), 0..24)
}

fn linkage() -> impl Strategy<Value = Linkage> {
    prop::sample::select(vec![Linkage::Entry, Linkage::Global, Linkage::Static])
}

/// Adds the code of a function; a block ends at each terminator and where `split` says so.
fn fill(program: &Program, func: &mut Function, body: Body) {
    let blocks: Vec<Block> = (0..=body.len()).map(|_| func.push_block()).collect();
    let mut layout = vec![blocks[0]];
    for ((op, pick, offset), (target, split, number)) in body {
        let at = *layout.last().unwrap();
        let op = referring(program, op, pick, offset, number as usize);
        let op = op.map_target(|_| *target.get(&blocks));
        let mut data = InstData::new(op);
        if split {
            data.origin = Some(number);
            data.line = Some(Line::from_index(number as usize / 3));
            data.line_starts = number % 2 == 0;
            data.reloc = Some(Reloc::from_index(pick.index(9)));
            data.core = (number % 3 == 0).then(|| Core::from_index(pick.index(7)));
        }
        func.push_inst(at, data);
        let next = (!op.ends_block_without_fallthrough()).then(|| *target.get(&blocks));
        func.set_next(at, next);
        if op.is_terminator() || split {
            layout.push(blocks[layout.len()]);
        }
    }
    let rest = blocks[layout.len()..].to_vec();
    func.set_next(*layout.last().unwrap(), rest.first().copied());
    layout.extend(rest.iter().rev());
    func.set_layout(layout);
}

fn opaque(program: &Program, reason: String, body: Body) -> OpaqueBody {
    let items = body.into_iter().map(|((op, pick, offset), (_, flag, number))| {
        let raw = RawInsn { code: number as u8, dst: 15, src: 11, off: -2, imm: number as i32 };
        let line = Some(Line::from_index(pick.index(5)));
        OpaqueItem {
            raw,
            next_imm: (number % 5 == 0).then_some(number as i32),
            op: flag.then(|| referring(program, op, pick, offset, number as usize)),
            origin: number,
            line,
            line_starts: flag,
            reloc: None,
            core: Some(Core::from_index(3)),
        }
    });
    OpaqueBody { reason, slot: 3, items: items.collect() }
}

fn program() -> impl Strategy<Value = Program> {
    let funcs = prop::collection::vec((name(), linkage(), any::<(bool, u32)>(), body()), 0..4);
    let tables = (
        prop::collection::vec(section(), 0..4),
        prop::collection::vec(name(), 0..4),
        prop::collection::vec(ext(), 0..4),
    );
    (any::<[bool; 4]>(), tables, funcs).prop_map(|(flags, (sections, maps, externs), funcs)| {
        let mut program = Program::new(if flags[0] { Endian::Big } else { Endian::Little });
        program.features = Features { jmp32: flags[1], v4: flags[2], store_imm: flags[3] };
        program.sections = sections.into_iter().collect();
        program.maps = maps.into_iter().map(|name| MapDecl { name }).collect();
        program.externs = externs.into_iter().collect();
        program.funcs = funcs
            .iter()
            .map(|(name, linkage, _, _)| Function::new(name.clone(), *linkage))
            .collect();
        for (id, (name, _, (is_opaque, slots), body)) in funcs.into_iter().enumerate() {
            let id = Func::from_index(id);
            let mut func = program.funcs[id].clone();
            func.original_slots = slots;
            if is_opaque {
                func.opaque = Some(opaque(&program, name, body));
            } else {
                fill(&program, &mut func, body);
            }
            program.funcs[id] = func;
        }
        program
    })
}

/// A function without the numbers of instructions and the count of edits, which no text has.
#[derive(Debug, PartialEq)]
struct Content {
    name: String,
    linkage: Linkage,
    opaque: Option<OpaqueBody>,
    original_slots: u32,
    blocks: Vec<(Block, Vec<InstData>, Option<Block>)>,
}

fn content(func: &Function) -> Content {
    let block = |&block: &Block| {
        let data = func.block(block);
        (block, data.insts.iter().map(|&inst| *func.inst(inst)).collect(), data.next)
    };
    Content {
        name: func.name.clone(),
        linkage: func.linkage,
        opaque: func.opaque.clone(),
        original_slots: func.original_slots,
        blocks: func.layout().iter().map(block).collect(),
    }
}

proptest! {
    #[test]
    fn text_gives_the_program_back(program in program()) {
        let text = Printer::new(&program).verbose().to_string();
        let again = parse(&text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        prop_assert_eq!(&text, &Printer::new(&again).verbose().to_string());
        prop_assert_eq!(again.endian, program.endian);
        prop_assert_eq!(again.features, program.features);
        prop_assert_eq!(&again.sections, &program.sections);
        prop_assert_eq!(&again.maps, &program.maps);
        prop_assert_eq!(&again.externs, &program.externs);
        for (a, b) in again.funcs.values().zip(program.funcs.values()) {
            prop_assert_eq!(content(a), content(b), "{}", text);
        }
        prop_assert_eq!(again.funcs.len(), program.funcs.len());

        let short = program.to_string();
        let again = parse(&short).map_err(|e| TestCaseError::fail(format!("{e}\n{short}")))?;
        prop_assert_eq!(&short, &again.to_string());
        let plain = Printer::new(&again).verbose().to_string();
        let no_origin = |line: &str| !line.contains("origin") && !line.contains("reloc");
        prop_assert!(plain.lines().filter(|l| l.contains(";!")).all(no_origin));
    }

    /// Damaged text gives a program or an error, never a panic.
    #[test]
    fn damaged_text_is_no_panic(
        program in program(),
        cut in any::<Index>(),
        insert in prop_oneof!["[ -~]{0,3}", "\n", "[0-9a-z@#(){}=*+-]{1,4}"],
    ) {
        let text = program.to_string();
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let at = *cut.get(&ends);
        let after = text[at..].chars().next().map_or(0, char::len_utf8);
        let _ = parse(&format!("{}{insert}{}", &text[..at], &text[at + after..]));
        let _ = parse(&text[..at]);
    }
}

/// Facts beside code are comments: the text reads as before.
#[test]
fn annotations_are_comments() {
    struct Facts;
    impl Annotate for Facts {
        fn before_block(&self, func: Func, block: Block) -> Option<String> {
            Some(format!("{func} {block}\nsecond line"))
        }
        fn before_inst(&self, _: Func, inst: Inst) -> Option<String> {
            (inst.index() == 0).then(|| "; if (x) {".to_owned())
        }
        fn after_inst(&self, _: Func, inst: Inst) -> Option<String> {
            (inst.index() > 0).then(|| format!("{inst}\nr0 = 5"))
        }
    }
    let program = parse("func f (entry) {\n  r0 = 1\n  exit\n}\n").unwrap();
    let text = Printer::new(&program).annotate(&Facts).to_string();
    let pad = " ".repeat(40);
    let exit = format!("{:<40} ; i1\n{pad} ; r0 = 5\n", "  exit");
    assert_eq!(
        text,
        format!(
            "target bpfel\n\nfunc f (entry) {{\nL0:\n  ; f0 b0\n  ; second line\n  ; ; if (x) {{\n  \
             r0 = 0x1\n{exit}}}\n"
        )
    );
    for printer in [Printer::new(&program), Printer::new(&program).verbose()] {
        let text = printer.annotate(&Facts).to_string();
        assert_eq!(parse(&text).unwrap().to_string(), program.to_string());
    }
}

/// The fields of an error say where it is and what was wrong.
#[test]
fn errors_have_a_place() {
    let error = parse("target bpfel\nfunc f (entry) {\n  r1 = nowhere + 4 ll\n}\n").unwrap_err();
    assert_eq!((error.line, error.column), (3, 8));
    let unknown = ParseErrorKind::Unknown { what: "section", name: "nowhere".to_owned() };
    assert_eq!(error.kind, unknown);
    let error = parse("section .data = u16 65536").unwrap_err();
    assert_eq!((error.line, error.column), (1, 21));
    assert!(matches!(error.kind, ParseErrorKind::Range { number: 65536, max: 65535, .. }));
}

/// Typed words are bytes in the byte order of the target.
#[test]
fn words_follow_the_byte_order() {
    let bytes = |target: &str| {
        let text = format!("target {target}\nsection s readonly = u32 1 u16 -2 u8 7 u16 ??\n");
        parse(&text).unwrap().sections.values().next().unwrap().clone()
    };
    assert_eq!(bytes("bpfel").bytes, [1, 0, 0, 0, 0xfe, 0xff, 7, 0, 0]);
    assert_eq!(bytes("bpfeb").bytes, [0, 0, 0, 1, 0xff, 0xfe, 7, 0, 0]);
    assert_eq!(bytes("bpfeb").final_bits, [255, 255, 255, 255, 255, 255, 255, 0, 0]);
    let loaded = bytes("bpfeb").load(0, Size::W, Endian::Big);
    assert_eq!(loaded, Some((1, 0xffff_ffff)));
}
