//! A whole program: sections, maps, externs, and functions from the callees up.

use super::body::{Body, Param, Signature};
use super::{Case, Choices};
use crate::interp::MapShape;
use crate::ir::{DataSection, ExternDecl, Features, Function, Linkage, MapDecl, Program};
use crate::isa::Endian;

/// Makes a program.
pub(super) fn case(mut choices: Choices) -> Case {
    let c = &mut choices;
    let endian = if c.chance(1, 4) { Endian::Big } else { Endian::Little };
    let mut program = Program::new(endian);
    let newer = c.chance(1, 2);
    program.features = Features { jmp32: newer || c.chance(1, 2), v4: newer, store_imm: newer };
    program.sections.push(read_only(c, ".rodata"));
    if c.chance(1, 3) {
        program.sections.push(read_only(c, ".rodata.cst"));
    }
    let size = 8 + c.below(24);
    let bytes = (0..size).map(|_| c.number() as u8).collect();
    let data =
        DataSection { name: ".data".into(), bytes, final_bits: vec![0; size], read_only: false };
    program.sections.push(data);
    let mut maps = Vec::new();
    for index in 0..1 + c.below(2) {
        program.maps.push(MapDecl { name: format!("map{index}") });
        let key_size = 1 + c.below(16) as u32;
        maps.push(MapShape { key_size, value_size: 8 + c.below(24) as u32 });
    }
    program.externs.push(ExternDecl { name: "kfunc".into(), args: None, value: None });
    program.externs.push(ExternDecl { name: "kfunc_of_1".into(), args: Some(1), value: None });

    let mut callees = Vec::new();
    for index in 0..c.below(4) {
        let signature = signature(c, index);
        let func = function(&mut program, &maps, &callees, &signature, c);
        callees.push((program.funcs.push(func), signature));
    }
    let main = Signature {
        name: "main".into(),
        linkage: Linkage::Entry,
        params: vec![Param::Ctx],
        callback: false,
        returns: true,
    };
    let func = function(&mut program, &maps, &callees, &main, c);
    let entry = program.funcs.push(func);
    Case { program, entry, maps }
}

/// Variables of mixed sizes: final, open, or final in some bits.
fn read_only(c: &mut Choices, name: &str) -> DataSection {
    let mut bytes = Vec::new();
    let mut final_bits = Vec::new();
    for _ in 0..2 + c.below(8) {
        let size = c.pick(&[1, 1, 2, 4, 4, 8, 8, 3]);
        let value = c.number();
        let mask = match c.below(8) {
            0 | 1 => 0,
            2 => c.number(),
            _ => u64::MAX,
        };
        bytes.extend_from_slice(&value.to_le_bytes()[..size]);
        final_bits.extend_from_slice(&mask.to_le_bytes()[..size]);
    }
    DataSection { name: name.into(), bytes, final_bits, read_only: true }
}

fn signature(c: &mut Choices, index: usize) -> Signature {
    if c.chance(1, 4) {
        return Signature {
            name: format!("callback{index}"),
            linkage: Linkage::Static,
            params: vec![Param::Scalar, Param::Memory(8 + c.below(9) as u32)],
            callback: true,
            returns: true,
        };
    }
    let global = c.chance(1, 3);
    let params = (0..c.below(4)).map(|_| match c.below(3) {
        0 => Param::Memory(4 + c.below(13) as u32),
        _ => Param::Scalar,
    });
    let params = params.collect();
    Signature {
        name: format!("sub{index}"),
        linkage: if global { Linkage::Global } else { Linkage::Static },
        params,
        callback: false,
        returns: global || c.chance(3, 4),
    }
}

fn function(
    program: &mut Program,
    maps: &[MapShape],
    callees: &[(crate::entity::Func, Signature)],
    signature: &Signature,
    c: &mut Choices,
) -> Function {
    Body::new(program, maps, callees, signature, c).finish()
}
