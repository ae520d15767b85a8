//! Raw instruction streams: references, records, slots, and what is refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use bpfold_passes::isa::{Endian, RawInsn};
use bpfold_passes::stream::{Contents, FoldedStream, MapRef, Records, Stream};

/// A slot: opcode, destination, source, offset, immediate.
fn slot(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> RawInsn {
    RawInsn { code, dst, src, off, imm }
}

fn ldimm64(dst: u8, src: u8, imm: i32, next: i32) -> [RawInsn; 2] {
    [slot(0x18, dst, src, 0, imm), slot(0, 0, 0, 0, next)]
}

const EXIT: RawInsn = RawInsn { code: 0x95, dst: 0, src: 0, off: 0, imm: 0 };

fn records(slots: &[u32], size: u32) -> Records {
    let record = |(at, slot): (usize, &u32)| {
        let mut record = slot.to_le_bytes().to_vec();
        record.extend((at as u32 + 100).to_le_bytes());
        record.resize(size as usize, 0xee);
        record
    };
    Records { bytes: slots.iter().enumerate().flat_map(record).collect(), size }
}

/// The slots of records, and what [`records`] has numbered them by.
fn of(records: &Records) -> Vec<(u32, u32)> {
    let word = |bytes: &[u8], at: usize| {
        u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    };
    let records = records.bytes.chunks_exact(records.size as usize);
    records.map(|record| (word(record, 0), word(record, 4))).collect()
}

/// A flag at byte 4 of map 7 chooses between two subprograms and a kernel function.
fn program(src: u8) -> Vec<RawInsn> {
    let mut code = vec![slot(0xbf, 6, 1, 0, 0)]; // 0: r6 = r1
    code.extend(ldimm64(1, src, 7, 4)); // 1: r1 = value of map 7 + 4
    code.push(slot(0x61, 1, 1, 0, 0)); // 3: w1 = *(u32 *)(r1 + 0)
    code.push(slot(0x15, 1, 0, 2, 0)); // 4: if r1 == 0 goto 7
    code.push(slot(0x85, 0, 1, 0, 6)); // 5: call 12
    code.push(slot(0x05, 0, 0, 1, 0)); // 6: goto 8
    code.push(slot(0x85, 0, 1, 0, 7)); // 7: call 15
    code.push(slot(0x85, 0, 2, 3, 555)); // 8: call kernel function 555 of the 3rd
    code.extend(ldimm64(2, 1, 9, 0)); // 9: r2 = map 9
    code.push(EXIT); // 11
    code.push(slot(0xb7, 0, 0, 0, 1)); // 12: r0 = 1
    code.push(slot(0x85, 0, 0, 0, 5)); // 13: call bpf_ktime_get_ns
    code.push(EXIT); // 14
    code.push(slot(0x85, 0, 0, 0, 7)); // 15: call bpf_get_prandom_u32
    code.push(EXIT); // 16
    code
}

fn fold(flag: u8, change: impl FnOnce(&mut Stream)) -> FoldedStream {
    let mut stream = Stream::new(program(2), Endian::Little);
    stream.sections.insert(MapRef::Fd(7), Contents::all_final(vec![9, 9, 9, 9, flag, 0, 0, 0]));
    change(&mut stream);
    stream.fold().unwrap()
}

fn calls(stream: &FoldedStream) -> Vec<(u8, i32)> {
    let calls = stream.insns.iter().filter(|insn| insn.code == 0x85);
    calls.map(|insn| (insn.src, insn.imm)).collect()
}

#[test]
fn the_dead_subprogram_goes_and_references_move() {
    for (flag, helper) in [(1, 5), (0, 7)] {
        let folded = fold(flag, |_| {});
        assert_eq!(folded.less, []);
        let [(1, distance), (2, 555), (0, called)] = *calls(&folded).as_slice() else {
            panic!("{:?}", folded.insns)
        };
        assert_eq!(called, helper);
        // The call leads to the function behind the first exit.
        let call = folded.insns.iter().position(|insn| insn.code == 0x85).unwrap() as i32;
        let exit = folded.insns.iter().position(|insn| *insn == EXIT).unwrap() as i32;
        assert_eq!(call + 1 + distance, exit + 1);
        assert!(folded.insns.iter().any(|insn| insn.code == 0x85 && insn.off == 3));
    }
}

#[test]
fn records_and_slots_move() {
    let folded = fold(1, |stream| {
        stream.func_info = Some(records(&[0, 12, 15], 8));
        stream.line_info = Some(records(&[0, 3, 4, 5, 7, 8, 12, 13, 15], 16));
    });
    let (func_info, line_info) = (of(&folded.func_info.unwrap()), of(&folded.line_info.unwrap()));
    let second = folded.slots[12].unwrap();
    assert_eq!(func_info, [(0, 100), (second, 101)]);
    assert_eq!(folded.slots[15], None);
    // The subprogram begins with a line, slots rise, and lines of dead code are gone.
    assert!(line_info.iter().any(|(slot, line)| (*slot, *line) == (second, 106)), "{line_info:?}");
    assert!(line_info.is_sorted_by_key(|(slot, _)| *slot), "{line_info:?}");
    assert!(!line_info.iter().any(|(_, line)| [104, 108].contains(line)), "{line_info:?}");
    assert_eq!(folded.slots[0], Some(0));
    assert_eq!(folded.slots[11], folded.insns.iter().position(|i| *i == EXIT).map(|at| at as u32));
}

/// Without contents nothing folds, and the stream comes out as it was.
#[test]
fn what_nothing_is_known_of_stays() {
    for src in [2, 6] {
        let folded = Stream::new(program(src), Endian::Little).fold().unwrap();
        assert_eq!(folded.insns, program(src));
        assert_eq!(folded.proven, 0);
    }
    // A file descriptor is not an index.
    let mut stream = Stream::new(program(6), Endian::Little);
    let contents = Contents::all_final(vec![0; 8]);
    stream.sections.insert(MapRef::Fd(7), contents.clone());
    assert_eq!(stream.fold().unwrap().insns, program(6));
    stream.sections.insert(MapRef::Index(7), contents);
    assert_ne!(stream.fold().unwrap().insns, program(6));
    // Bits that are not final.
    let mut stream = Stream::new(program(2), Endian::Little);
    let open =
        Contents { bytes: vec![0; 8], final_bits: vec![0xff, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0] };
    stream.sections.insert(MapRef::Fd(7), open);
    assert_eq!(stream.fold().unwrap().insns, program(2));
}

/// What a caller passes is known in a static subprogram; a global one is verified on its own.
#[test]
fn only_static_subprograms_know_their_callers() {
    let mut code = ldimm64(1, 2, 7, 0).to_vec(); // 0: r1 = value of map 7
    code.push(slot(0x61, 1, 1, 0, 0)); // 2: w1 = *(u32 *)(r1 + 0)
    code.push(slot(0x85, 0, 1, 0, 1)); // 3: call 5
    code.push(EXIT); // 4
    code.push(slot(0x15, 1, 0, 1, 1)); // 5: if r1 == 1 goto 7
    code.push(slot(0x85, 0, 0, 0, 5)); // 6: call bpf_ktime_get_ns
    code.push(slot(0xb7, 0, 0, 0, 0)); // 7: r0 = 0
    code.push(EXIT); // 8
    let fold = |func_info: Option<Records>, statics: &[u32]| {
        let mut stream = Stream::new(code.clone(), Endian::Little);
        stream.sections.insert(MapRef::Fd(7), Contents::all_final(vec![1, 0, 0, 0]));
        stream.func_info = func_info;
        stream.statics = statics.iter().copied().collect();
        calls(&stream.fold().unwrap()).contains(&(0, 5))
    };
    assert!(!fold(None, &[]));
    assert!(!fold(Some(records(&[0, 5], 8)), &[5]));
    assert!(fold(Some(records(&[0, 5], 8)), &[]));
}

#[test]
fn what_is_not_understood_is_named() {
    let error = |code: Vec<RawInsn>, change: &dyn Fn(&mut Stream)| {
        let mut stream = Stream::new(code, Endian::Little);
        change(&mut stream);
        stream.fold().unwrap_err().to_string()
    };
    let plain = |code: Vec<RawInsn>| error(code, &|_| {});
    assert_eq!(plain(vec![]), "slot 0: no instruction");
    assert_eq!(plain(vec![slot(0xb7, 0, 0, 0, 0)]), "slot 0: control runs past the function's end");
    assert_eq!(plain(vec![slot(0x05, 0, 0, 9, 0), EXIT]), "slot 0: a jump out of its function");
    let call = vec![slot(0x85, 0, 1, 0, 40), EXIT];
    assert_eq!(plain(call), "slot 0: a reference to no instruction");
    let mut unknown = ldimm64(1, 9, 0, 0).to_vec();
    unknown.push(EXIT);
    assert_eq!(plain(unknown), "slot 0: the source register field 9, which is not known");
    let half = vec![slot(0x18, 1, 0, 0, 0), EXIT];
    assert!(plain(half).starts_with("slot 0: "));
    let into = [ldimm64(1, 0, 0, 0).to_vec(), vec![slot(0x05, 0, 0, -2, 0)]].concat();
    assert_eq!(plain(into), "slot 2: a jump to no instruction");
    let frame = vec![slot(0xb7, 10, 0, 0, 0), EXIT];
    assert!(plain(frame).starts_with("slot 0: "));
    let table = vec![slot(0x0d, 1, 0, 0, 0), EXIT];
    assert!(plain(table).contains("table"));
    // A folded program could cast without naming the arena any more.
    let cast = vec![slot(0xbf, 1, 1, 1, 1), slot(0xb7, 0, 0, 0, 0), EXIT];
    assert_eq!(plain(cast), "slot 0: a cast of an address of an arena");

    let code = || vec![slot(0xb7, 0, 0, 0, 0), EXIT];
    let with = |records: Records| error(code(), &|stream| stream.line_info = Some(records.clone()));
    let expected = "line_info, record 1: its slot is not above that of the record before";
    assert_eq!(with(records(&[1, 1], 16)), expected);
    assert_eq!(
        with(records(&[0, 2], 16)),
        "line_info, record 1: no instruction starts at its slot"
    );
    let part = Records { bytes: vec![0; 17], size: 16 };
    let expected = "line_info, record 0: records of less than 8 bytes, or a part of one";
    assert_eq!(with(part), expected);
    let mask = error(code(), &|stream| {
        let contents = Contents { bytes: vec![0; 4], final_bits: vec![0xff] };
        stream.sections.insert(MapRef::Index(1), contents);
    });
    assert_eq!(mask, "the value of map Index(1) has 4 bytes, its mask 1");
}

/// A callback's address and a variable of the kernel keep what they name.
#[test]
fn addresses_of_functions_and_kernel_variables() {
    let mut code = ldimm64(1, 2, 7, 0).to_vec(); // 0
    code.push(slot(0x61, 1, 1, 0, 0)); // 2: w1 = *(u32 *)(r1 + 0)
    code.push(slot(0x15, 1, 0, 2, 1)); // 3: if r1 == 1 goto 6
    code.extend(ldimm64(2, 4, 8, 0)); // 4: r2 = function at 13
    code.extend(ldimm64(2, 4, 8, 0)); // 6: r2 = function at 15
    code.push(slot(0xb7, 1, 0, 0, 8)); // 8: r1 = 8
    code.extend(ldimm64(3, 3, 1234, 5)); // 9: r3 = kernel variable
    code.push(slot(0x85, 0, 0, 0, 181)); // 11: call bpf_loop
    code.push(EXIT); // 12
    code.extend([slot(0xb7, 0, 0, 0, 0), EXIT]); // 13
    code.extend([slot(0xb7, 0, 0, 0, 1), EXIT]); // 15
    let mut stream = Stream::new(code, Endian::Little);
    stream.sections.insert(MapRef::Fd(7), Contents::all_final(vec![1, 0, 0, 0]));
    let folded = stream.fold().unwrap();
    let at = folded.insns.iter().position(|insn| (insn.code, insn.src) == (0x18, 4)).unwrap();
    let target = (at as i32 + 1 + folded.insns[at].imm) as u32;
    assert_eq!(folded.slots[15], Some(target));
    assert_eq!(folded.insns[target as usize], slot(0xb7, 0, 0, 0, 1));
    assert_eq!(folded.slots[13], None, "the first callback is dead");
    let variable = folded.insns.iter().position(|insn| (insn.code, insn.src) == (0x18, 3)).unwrap();
    assert_eq!((folded.insns[variable].imm, folded.insns[variable + 1].imm), (1234, 5));
}
