//! Objects that are as large as they are made: each wants one thing to cost more than its
//! share.

use super::elf_file::{
    ARRAY, BtfBytes, CONST, DATASEC, ElfFile, FUNC, FUNC_PROTO, FUNC_TYPE, OBJECT, PTR, SECTION,
    STRUCT, TYPEDEF, VAR, VOLATILE, insn,
};

/// An object: its name, and what makes one of about so many bytes.
pub type Hostile = (&'static str, fn(usize) -> Vec<u8>);

/// The objects.
pub const INPUTS: [Hostile; 39] = [
    ("functions", |size| functions(size / 42, |_| EXIT.concat())),
    ("functions that call the next", |size| functions(size / 50, call_next)),
    ("functions that call the one before", |size| functions(size / 50, call_previous)),
    ("functions that call the first", |size| functions(size / 50, call_first)),
    ("functions that fold", |size| folding_functions(size / 112)),
    ("calls that die", |size| dead_calls(size / 64)),
    ("constants that die", |size| dead_constants(size / 64)),
    ("sections of code", |size| sections(size / 110)),
    ("symbols of variables", |size| symbols(size / 36)),
    ("symbols at one place", |size| symbols_at_one_place(size / 28)),
    ("symbols with one long name", |size| long_names(size / 48)),
    ("relocations", |size| relocations(size / 32)),
    ("relocated data", |size| relocated_data(size / 24)),
    ("stores", |size| body(size / 8, |at, _| insn(0x63, 10, 1, -4 * (1 + at as i16 % 100), 0))),
    ("loads", |size| body(size / 8, |at, _| insn(0x61, 1 + at as u8 % 8, 10, -4, 0))),
    ("moves", |size| body(size / 8, |at, _| insn(0xb7, at as u8 % 9, 0, 0, at as i32))),
    ("copies", |size| body(size / 8, |at, _| insn(0xbf, at as u8 % 9, (at + 1) as u8 % 9, 0, 0))),
    ("calls of helpers", |size| body(size / 8, |_, _| insn(0x85, 0, 0, 0, 7))),
    ("branches", |size| body(size / 8, |at, _| branch(at, 0))),
    ("branches over one", |size| body(size / 8, |at, left| branch(at, left.min(1)))),
    ("branches to the end", |size| body(size / 8, |at, left| branch(at, left.min(32_000)))),
    ("branches back", |size| body(size / 8, |at, _| branch(at, -(at as i64 % 32_000) - 1))),
    ("branches to a goto to itself", |size| {
        body((size / 8).min(32_000), |at, left| match left {
            0 => goto(-1),
            _ => branch(at, left - 1),
        })
    }),
    ("branches to gotos in a row", |size| {
        body((size / 8).min(64_000), |at, left| match left {
            32_000.. => branch(at, 31_000),
            _ => goto(0),
        })
    }),
    ("loops in loops", loops),
    ("additions in a loop", |size| {
        body(size / 8, |at, left| if left > 0 { add(at) } else { branch(at, -30_000) })
    }),
    ("switches on final values", |size| decided(size / 24)),
    ("spills in many blocks", |size| body(size / 8, spill)),
    ("line records", |size| lines(size / 24)),
    ("pointers to pointers", |size| typed(chain(size / 12, PTR))),
    ("types of types", |size| typed(chain(size / 12, TYPEDEF))),
    ("arrays of arrays", |size| typed(arrays(size / 24))),
    ("structs in structs", |size| typed(structs(size / 24, 1))),
    ("structs of two structs", |size| typed(structs(size.min(64), 2))),
    ("members", |size| typed(members(size / 16))),
    ("variables", |size| variables(size / 64)),
    ("names that are ends of one string", |size| named_by_ends(size / 36)),
    ("one large array", large_array),
    ("sections without bytes", no_bits),
];

/// `r0 = 0; exit`
const EXIT: [[u8; 8]; 2] = [[0xb7, 0, 0, 0, 0, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];

/// `call +imm` (BPF_PSEUDO_CALL), `imm` counted from the next slot.
fn call(imm: i64) -> [u8; 8] {
    insn(0x85, 0, 1, 0, imm as i32)
}

/// `if r6 > at goto +off`
fn branch(at: usize, off: i64) -> [u8; 8] {
    insn(0x25, 6, 0, off as i16, at as i32)
}

fn goto(off: i16) -> [u8; 8] {
    insn(0x05, 0, 0, off, 0)
}

fn add(at: usize) -> [u8; 8] {
    insn(0x07, 1 + at as u8 % 8, 0, 0, at as i32)
}

/// Functions of the same size in one section.
fn functions(count: usize, body: fn([usize; 2]) -> Vec<u8>) -> Vec<u8> {
    let mut file = ElfFile::new();
    let bodies: Vec<Vec<u8>> = (0..count).map(|at| body([at, count])).collect();
    let text = file.code(".text", bodies.concat());
    let mut at = 0;
    for (index, body) in bodies.iter().enumerate() {
        file.named(&format!("f{index}"), FUNC, text, at, body.len() as u64);
        at += body.len() as u64;
    }
    file.finish()
}

fn call_next([at, count]: [usize; 2]) -> Vec<u8> {
    let target = if at + 1 < count { 2 } else { -1 };
    [[call(target)].concat(), EXIT.concat()].concat()
}

fn call_previous([at, _]: [usize; 2]) -> Vec<u8> {
    [[call(if at == 0 { -1 } else { -4 })].concat(), EXIT.concat()].concat()
}

fn call_first([at, _]: [usize; 2]) -> Vec<u8> {
    [[call(-1 - 3 * at as i64)].concat(), EXIT.concat()].concat()
}

/// Functions that each load a final value, decide a branch on it and call the next.
fn folding_functions(count: usize) -> Vec<u8> {
    let mut file = ElfFile::new();
    let rodata = file.data(".rodata", vec![0; 8]);
    let one = |at: usize| {
        let next = if at + 1 < count { 2 } else { -7 };
        let head = [insn(0x18, 1, 0, 0, 0), [0; 8], insn(0x61, 1, 1, 0, 0)];
        [[head.concat(), [insn(0x15, 1, 0, 1, 0), call(next)].concat()].concat(), EXIT.concat()]
            .concat()
    };
    let text = file.code(".text", (0..count).flat_map(one).collect());
    let variable = file.named("variable", OBJECT, rodata, 0, 8);
    for at in 0..count {
        file.named(&format!("f{at}"), FUNC, text, 56 * at as u64, 56);
    }
    let list: Vec<_> = (0..count).map(|at| (56 * at as u64, variable, 1)).collect();
    file.relocations(text, &list);
    file.finish()
}

/// A function that decides a branch around each of its calls.
fn dead_calls(count: usize) -> Vec<u8> {
    let mut file = ElfFile::new();
    let rodata = file.data(".rodata", vec![0; 8]);
    let main = 3 + 2 * count + 2;
    let around = |at: usize| {
        let (here, callee) = (4 + 2 * at as i64, (main + 2 * at) as i64);
        [insn(0x15, 6, 0, 1, 0), call(callee - here - 1)].concat()
    };
    let mut code = [insn(0x18, 1, 0, 0, 0), [0; 8], insn(0x61, 6, 1, 0, 0)].concat();
    code.extend((0..count).flat_map(around));
    code.extend(EXIT.concat().repeat(1 + count));
    let text = file.code(".text", code);
    let variable = file.named("variable", OBJECT, rodata, 0, 8);
    file.named("main", FUNC, text, 0, 8 * main as u64);
    for at in 0..count {
        file.named(&format!("f{at}"), FUNC, text, 8 * (main + 2 * at) as u64, 16);
    }
    file.relocations(text, &[(0, variable, 1)]);
    file.finish()
}

/// Every other constant is printed behind a branch that a final value keeps from it.
fn dead_constants(count: usize) -> Vec<u8> {
    let mut file = ElfFile::new();
    let rodata = file.data(".rodata", [vec![0; 8], b"text".repeat(count)].concat());
    let printed = |at: usize| {
        let skipped = if at.is_multiple_of(2) { 0x15 } else { 0x55 };
        let offset = 8 + 4 * at as i32;
        let address = [insn(0x18, 1, 0, 0, offset), [0; 8]].concat();
        let call = [insn(0xb7, 2, 0, 0, 4), insn(0x85, 0, 0, 0, 6)].concat();
        [insn(skipped, 6, 0, 4, 0).to_vec(), address, call].concat()
    };
    let mut code = [insn(0x18, 1, 0, 0, 0), [0; 8], insn(0x61, 6, 1, 0, 0)].concat();
    code.extend((0..count).flat_map(printed));
    code.extend(EXIT.concat());
    let len = code.len() as u64;
    let text = file.code("xdp", code);
    let whole = file.symbol(0, SECTION, rodata, 0, 0);
    file.named("main", FUNC, text, 0, len);
    let named = (0..count as u64).map(|at| (24 + 40 * at + 8, whole, 1));
    file.relocations(text, &[(0, whole, 1)].into_iter().chain(named).collect::<Vec<_>>());
    file.finish()
}

fn sections(count: usize) -> Vec<u8> {
    let mut file = ElfFile::new();
    for index in 0..count.min(60_000) {
        let section = file.code("xdp", EXIT.concat());
        file.named(&format!("f{index}"), FUNC, section, 0, 16);
    }
    file.finish()
}

fn symbols(count: usize) -> Vec<u8> {
    let mut file = ElfFile::new();
    let rodata = file.data(".rodata", vec![1; 4 * count]);
    for index in 0..count {
        file.named(&format!("v{index}"), OBJECT, rodata, 4 * index as u64, 4);
    }
    file.finish()
}

fn symbols_at_one_place(count: usize) -> Vec<u8> {
    let mut file = ElfFile::new();
    let rodata = file.data(".rodata", vec![1; 4 * count]);
    let name = file.string("v");
    for _ in 0..count {
        file.symbol(name, OBJECT, rodata, 0, 4 * count as u64);
    }
    file.finish()
}

fn long_names(count: usize) -> Vec<u8> {
    let mut file = ElfFile::new();
    let rodata = file.data(".rodata", vec![1; 64]);
    let name = file.string(&"n".repeat(24 * count));
    for index in 0..count as u32 {
        file.symbol(name + index, OBJECT, rodata, 0, 4);
    }
    file.finish()
}

/// Code that folds, then what `one` makes of its number and the slots after it, then exit.
fn body(count: usize, one: fn(usize, i64) -> [u8; 8]) -> Vec<u8> {
    let count = count.saturating_sub(100);
    program((0..count).map(|at| one(at, (count - at) as i64 - 1)).collect())
}

fn program(code: Vec<[u8; 8]>) -> Vec<u8> {
    let mut file = ElfFile::new();
    let rodata = file.data(".rodata", vec![1; 64]);
    let mut all = vec![insn(0xbf, 6, 1, 0, 0), insn(0x18, 1, 0, 0, 0), [0; 8]];
    all.extend([insn(0x61, 1, 1, 0, 0), insn(0x15, 1, 0, 1, 0), insn(0xb7, 1, 0, 0, 1)]);
    all.extend((2..10).map(|reg| insn(0xbf, if reg == 6 { 0 } else { reg }, 1, 0, 0)));
    all.extend(code);
    all.extend(EXIT);
    let size = 8 * all.len() as u64;
    let section = file.code("xdp", all.concat());
    file.named("main", FUNC, section, 0, size);
    let variable = file.named("variable", OBJECT, rodata, 0, 64);
    file.relocations(section, &[(8, variable, 1)]);
    file.finish()
}

fn relocations(count: usize) -> Vec<u8> {
    let mut file = ElfFile::new();
    let rodata = file.data(".rodata", vec![1; 64]);
    let load = [insn(0x18, 1, 0, 0, 0), [0; 8]].concat();
    let section = file.code("xdp", [load.repeat(count), EXIT.concat()].concat());
    file.named("main", FUNC, section, 0, 16 * (count as u64 + 1));
    let variable = file.named("variable", OBJECT, rodata, 0, 64);
    let list: Vec<_> = (0..count as u64).map(|at| (16 * at, variable, 1)).collect();
    file.relocations(section, &list);
    file.finish()
}

fn relocated_data(count: usize) -> Vec<u8> {
    let mut file = ElfFile::new();
    let rodata = file.data(".rodata", vec![1; 8 * count]);
    let variable = file.named("variable", OBJECT, rodata, 0, 8 * count as u64);
    let list: Vec<_> = (0..count as u64).map(|at| (8 * at, variable, 2)).collect();
    file.relocations(rodata, &list);
    file.finish()
}

/// As many loops around each other as the reach of a jump allows.
fn loops(size: usize) -> Vec<u8> {
    let depth = (size / 16).min(16_000);
    let mut code: Vec<_> = (0..depth).map(add).collect();
    code.extend((0..depth).map(|at| branch(at, -2 * at as i64 - 2)));
    program(code)
}

/// Branches that each become decided by a final value.
fn decided(count: usize) -> Vec<u8> {
    let mut code = Vec::new();
    for at in 0..count {
        code.extend([insn(0x55, 1, 0, 1, 0x0101_0101), branch(at, 1), add(at)]);
    }
    program(code)
}

fn spill(at: usize, left: i64) -> [u8; 8] {
    let off = -8 * (1 + at as i16 / 3 % 60);
    match at % 3 {
        0 => insn(0x7b, 10, 1 + at as u8 % 8, off, 0),
        1 => branch(at, left.min(i64::from(at as u16 % 200))),
        _ => insn(0x79, 1 + at as u8 % 5, 10, off, 0),
    }
}

fn lines(count: usize) -> Vec<u8> {
    let mut file = ElfFile::new();
    let section =
        file.code("xdp", [[0xb7, 0, 0, 0, 0, 0, 0, 0].repeat(count), EXIT.concat()].concat());
    file.named("main", FUNC, section, 0, 8 * (count as u64 + 2));
    let mut btf = BtfBytes::new();
    let proto = btf.add(0, FUNC_PROTO, 0, 1, &[]);
    let name = btf.string("main");
    let func = btf.add(name, FUNC_TYPE, 1, proto, &[]);
    let (xdp, text) = (btf.string("xdp"), btf.string("source line"));
    file.other(".BTF", btf.finish());
    let mut ext: Vec<u32> = vec![24, 0, 20, 20, 16 * (count as u32) + 12];
    ext.extend([8, xdp, 1, 0, func]);
    ext.extend([16, xdp, count as u32]);
    ext.extend((0..count as u32).flat_map(|at| [8 * at, text, text, (at + 1) << 10]));
    let words = ext.into_iter().flat_map(u32::to_le_bytes);
    file.other(".BTF.ext", [0x9f, 0xeb, 1, 0].into_iter().chain(words).collect());
    file.finish()
}

/// An object with a variable of the last type.
fn typed((mut btf, size): (BtfBytes, u32)) -> Vec<u8> {
    let mut file = ElfFile::new();
    let rodata = file.data(".rodata", vec![1; size as usize]);
    file.named("variable", OBJECT, rodata, 0, u64::from(size));
    let name = btf.string("variable");
    let last = btf.count();
    let volatile = btf.add(0, VOLATILE, 0, last, &[]);
    let constant = btf.add(0, CONST, 0, volatile, &[]);
    let variable = btf.add(name, VAR, 0, constant, &[1]);
    let name = btf.string(".rodata");
    btf.add(name, DATASEC, 1, size, &[variable, 0, size]);
    file.other(".BTF", btf.finish());
    file.finish()
}

fn chain(count: usize, kind: u32) -> (BtfBytes, u32) {
    let mut btf = BtfBytes::new();
    let name = if kind == TYPEDEF { btf.string("t") } else { 0 };
    for _ in 0..count {
        let last = btf.count();
        btf.add(name, kind, 0, last, &[]);
    }
    (btf, if kind == PTR { 8 } else { 4 })
}

fn arrays(count: usize) -> (BtfBytes, u32) {
    let mut btf = BtfBytes::new();
    for _ in 0..count {
        let last = btf.count();
        btf.add(0, ARRAY, 0, 0, &[last, 1, 1]);
    }
    (btf, 4)
}

/// Structs with `each` members of the struct before.
fn structs(count: usize, each: u32) -> (BtfBytes, u32) {
    let mut btf = BtfBytes::new();
    let (s, m) = (btf.string("s"), btf.string("m"));
    let mut size = 4;
    for _ in 0..count.min(if each == 1 { usize::MAX } else { 17 }) {
        let last = btf.count();
        let member = |at| [m, last, at * size * 8];
        let rest: Vec<u32> = (0..each).flat_map(member).collect();
        size *= each;
        btf.add(s, STRUCT, each, size, &rest);
    }
    (btf, size)
}

fn members(count: usize) -> (BtfBytes, u32) {
    let mut btf = BtfBytes::new();
    let count = count.min(0xffff) as u32;
    let rest: Vec<u32> = (0..count).flat_map(|at| [0, 1, at * 32]).collect();
    let mut named = rest;
    for (at, member) in named.chunks_mut(3).enumerate() {
        member[0] = btf.string(&format!("m{at}"));
    }
    let name = btf.string("s");
    btf.add(name, STRUCT, count, 4 * count, &named);
    (btf, 4 * count)
}

fn variables(count: usize) -> Vec<u8> {
    let mut file = ElfFile::new();
    let mut btf = BtfBytes::new();
    let count = count.min(0xffff) as u32;
    let rodata = file.data(".rodata", vec![1; 4 * count as usize]);
    let volatile = btf.add(0, VOLATILE, 0, 1, &[]);
    let mut list = Vec::new();
    for at in 0..count {
        let name = format!("v{at}");
        file.named(&name, OBJECT, rodata, 4 * u64::from(at), 4);
        let name = btf.string(&name);
        list.extend([btf.add(name, VAR, 0, volatile, &[1]), 4 * at, 4]);
    }
    let name = btf.string(".rodata");
    btf.add(name, DATASEC, count, 4 * count, &list);
    file.other(".BTF", btf.finish());
    file.finish()
}

fn named_by_ends(count: usize) -> Vec<u8> {
    let mut file = ElfFile::new();
    let mut btf = BtfBytes::new();
    let count = count.min(0xffff) as u32;
    let rodata = file.data(".rodata", vec![1; 64]);
    file.named("variable", OBJECT, rodata, 0, 64);
    let name = btf.string(&"n".repeat(24 * count as usize));
    for at in 0..count {
        btf.add(name + at, VAR, 0, 1, &[1]);
    }
    file.other(".BTF", btf.finish());
    file.finish()
}

fn large_array(size: usize) -> Vec<u8> {
    let size = (size - 2048) as u32 / 4;
    let mut btf = BtfBytes::new();
    let (s, m) = (btf.string("s"), btf.string("m"));
    let pair = btf.add(s, STRUCT, 2, 8, &[m, 1, 0, s, 1, 32]);
    btf.add(0, ARRAY, 0, 0, &[pair, 1, size / 2]);
    typed((btf, 8 * (size / 2)))
}

/// Data that claims to be larger than any memory.
fn no_bits(_: usize) -> Vec<u8> {
    let mut file = ElfFile::new();
    for (name, size) in [(".bss", 1 << 40), (".rodata", 1 << 41), (".rodata.cst8", 1 << 42)] {
        let section = file.no_bits(name, size);
        file.named(&format!("variable{name}"), OBJECT, section, 0, size);
    }
    file.finish()
}
