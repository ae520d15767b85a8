//! Undefined symbols that loaders replace by numbers, by name: the idiom
//!
//! ```c
//! asm("%0 = offset ll" : "=r"(value));
//! ```
//!
//! on a symbol that nothing declares. Managers of Go programs find the `ldimm64` by the symbol's
//! name and write a number into it before they load the program.

use bpfold_passes::entity::{Entity, Extern};
use bpfold_passes::ir::{Op, Program};
use bpfold_passes::isa::{self, Callee, Imm64};

use crate::Object;
use crate::btf::Linkage;
use crate::elf::{SectionIndex, SymbolKind};
use crate::kernel::is_declared;
use crate::variables::{
    Endianness, Input, Overridden, SectionInput, SymbolInput, VariableError, Variables,
};

/// Bytes of the number that an `ldimm64` holds.
const SIZE: usize = 8;

/// What a symbol is before it has a number.
static NOTHING: [u8; SIZE] = [0; SIZE];

/// The symbols of an object that a loader can replace by numbers, and the numbers for them.
#[derive(Clone, Debug)]
pub(crate) struct Patched<'o> {
    externs: Vec<(Extern, &'o str)>,
    /// The numbers, each as a variable in a section of its own.
    values: Variables<'o>,
}

impl<'o> Patched<'o> {
    /// Those of an object, without numbers: every undefined symbol that `ldimm64` loads, that no
    /// code calls and that BTF does not declare.
    ///
    /// # Errors
    /// Bugs.
    pub fn of(object: &'o Object) -> Result<Self, VariableError> {
        let program = object.program();
        let externs: Vec<(Extern, &str)> = program
            .externs
            .iter()
            .filter(|(ext, decl)| {
                let symbol = object.links().externs.get(*ext).map(|link| link.symbol);
                let symbol = symbol.and_then(|symbol| object.elf().symbols.get(symbol));
                symbol.is_some_and(|symbol| symbol.kind == SymbolKind::None)
                    && !is_declared(object, *ext, &decl.name)
                    && !is_used_otherwise(program, *ext)
            })
            .map(|(ext, decl)| (ext, decl.name.as_str()))
            .collect();
        let sections = (0..externs.len()).map(|at| SectionInput {
            index: section(at),
            name: ".rodata",
            is_unique: false,
            data: &NOTHING,
            relocated: Vec::new(),
        });
        let symbols = externs.iter().enumerate().map(|(at, (_, name))| SymbolInput {
            name,
            section: Some(at),
            offset: 0,
            size: SIZE as u64,
            linkage: Linkage::Global,
        });
        let values = Variables::collect(&Input {
            // `htons(80)` counts on it.
            order: object.elf().endian.into(),
            btf: None,
            sections: sections.collect(),
            symbols: symbols.collect(),
        })?;
        Ok(Self { externs, values })
    }

    /// Their names, in the order in which code loads them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.externs.iter().map(|(_, name)| *name)
    }

    /// The numbers, as variables of 8 bytes.
    pub fn values(&self) -> &Variables<'o> {
        &self.values
    }

    /// Gives a symbol a number.
    ///
    /// # Errors
    /// What is no number of 64 bits; another number than one that was given before.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), VariableError> {
        self.values.set(name, value)
    }

    /// [`Patched::set`] for a number that takes the place of one that was assigned before, and gives
    /// that ([`Variables::assign`]).
    ///
    /// # Errors
    /// What is no number of 64 bits.
    pub fn assign(
        &mut self,
        name: &str,
        value: &str,
        origin: &str,
    ) -> Result<Vec<Overridden>, VariableError> {
        self.values.assign(name, value, origin)
    }

    /// Writes the numbers into the instructions that load the symbols.
    pub fn apply(&self, program: &mut Program) {
        let numbers: Vec<(Extern, u64)> = self.numbers().collect();
        if numbers.is_empty() {
            return;
        }
        for function in program.funcs.values_mut() {
            let loads: Vec<_> = function
                .insts()
                .filter_map(|(_, inst)| match *function.op(inst) {
                    Op::LdImm64 { dst, imm: Imm64::Extern(ext) } => {
                        let (_, number) = numbers.iter().find(|(known, _)| *known == ext)?;
                        Some((inst, Op::LdImm64 { dst, imm: Imm64::Const(*number) }))
                    }
                    _ => None,
                })
                .collect();
            loads.into_iter().for_each(|(inst, op)| function.replace(inst, op));
        }
    }

    fn numbers(&self) -> impl Iterator<Item = (Extern, u64)> {
        self.externs.iter().enumerate().filter_map(|(at, (ext, _))| {
            let known = self.values.finality_of(section(at))?;
            let bytes = *known.bytes.first_chunk::<SIZE>()?;
            let number = match self.values.order() {
                Endianness::Little => u64::from_le_bytes(bytes),
                Endianness::Big => u64::from_be_bytes(bytes),
            };
            known.is_final(0..SIZE as u64).then_some((*ext, number))
        })
    }
}

/// The section of the symbol at a place.
fn section(at: usize) -> SectionIndex {
    SectionIndex::from_index(at)
}

/// Whether code calls a symbol, or code that is not taken apart names it.
fn is_used_otherwise(program: &Program, ext: Extern) -> bool {
    program.funcs.values().any(|function| {
        match &function.opaque {
        Some(body) => body.items.iter().any(|item| match item.op {
            Some(isa::Op::LdImm64 { imm: Imm64::Extern(named), .. })
            | Some(isa::Op::Call(Callee::Extern(named))) => named == ext,
            _ => false,
        }),
        None => function.insts().any(|(_, inst)| {
            matches!(function.op(inst), Op::Call(Callee::Extern(called)) if *called == ext)
        }),
    }
    })
}
