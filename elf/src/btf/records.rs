//! The records of .BTF.ext.

use raw::RawRecord;

use super::BtfError;
use super::types::{StrOff, TypeId};

/// A record of one of the tables: [`FuncInfo`], [`LineInfo`] or [`CoreRelo`].
pub trait Record: RawRecord {
    /// The table's name in the header: `func_info`, `line_info` or `core_relo`.
    const TABLE: &'static str;
    /// Size in bytes of what is known of the record.
    const SIZE: u32;

    /// Offset in bytes of the instruction from the start of its section.
    fn insn_off(&self) -> u32;
}

mod raw {
    use super::{BtfError, StrOff, TypeId};

    /// How a record is read, written and followed.
    pub trait RawRecord: Sized {
        /// `words` has zeros beyond the record's known size; `offset` is its place in the
        /// section, for errors.
        fn from_words(words: [u32; 4], extra: &[u8], offset: usize) -> Result<Self, BtfError>;
        fn words(&self) -> ([u32; 4], &[u8]);
        fn for_each_str_mut(&mut self, f: &mut dyn FnMut(&mut StrOff));
        fn type_id_mut(&mut self) -> Option<&mut TypeId>;
    }
}

/// Which function starts at an instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FuncInfo {
    /// Offset in bytes of the function's first instruction.
    pub insn_off: u32,
    /// The FUNC.
    pub type_id: TypeId,
    /// What the record has beyond the known fields.
    pub extra: Box<[u8]>,
}

/// Which source line an instruction comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineInfo {
    /// Offset in bytes of the instruction.
    pub insn_off: u32,
    /// Name of the file.
    pub file_name_off: StrOff,
    /// Text of the line.
    pub line_off: StrOff,
    /// Number of the line in the upper 22 bits, column in the lower 10.
    pub line_col: u32,
    /// What the record has beyond the known fields.
    pub extra: Box<[u8]>,
}

impl LineInfo {
    /// Number of the line, from 1; 0 if unknown.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line_col >> 10
    }

    /// Column, from 1; 0 if unknown.
    #[must_use]
    pub fn column(&self) -> u32 {
        self.line_col & 0x3ff
    }
}

/// A CO-RE relocation of an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreRelo {
    /// Offset in bytes of the instruction.
    pub insn_off: u32,
    /// The local type that the access starts from.
    pub type_id: TypeId,
    /// The access, such as `0:1:2`: indices of elements and members.
    pub access_str_off: StrOff,
    /// What is asked of the target.
    pub kind: CoreReloKind,
    /// What the record has beyond the known fields.
    pub extra: Box<[u8]>,
}

/// What a CO-RE relocation asks of the target's types (`enum bpf_core_relo_kind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum CoreReloKind {
    /// Offset in bytes of a field.
    FieldByteOffset = 0,
    /// Size in bytes of a field.
    FieldByteSize = 1,
    /// Whether a field exists.
    FieldExists = 2,
    /// Whether a field is signed.
    FieldSigned = 3,
    /// Left shift that brings a bit-field to the top of 64 bits.
    FieldLShiftU64 = 4,
    /// Right shift that brings it down again.
    FieldRShiftU64 = 5,
    /// Type id in the object.
    TypeIdLocal = 6,
    /// Type id in the target.
    TypeIdTarget = 7,
    /// Whether a type exists.
    TypeExists = 8,
    /// Size in bytes of a type.
    TypeSize = 9,
    /// Whether an enum value exists.
    EnumvalExists = 10,
    /// An enum value.
    EnumvalValue = 11,
    /// Whether a type matches the target's by its members.
    TypeMatches = 12,
}

impl CoreReloKind {
    /// The kinds in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::FieldByteOffset,
        Self::FieldByteSize,
        Self::FieldExists,
        Self::FieldSigned,
        Self::FieldLShiftU64,
        Self::FieldRShiftU64,
        Self::TypeIdLocal,
        Self::TypeIdTarget,
        Self::TypeExists,
        Self::TypeSize,
        Self::EnumvalExists,
        Self::EnumvalValue,
        Self::TypeMatches,
    ];

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

impl Record for FuncInfo {
    const TABLE: &'static str = "func_info";
    const SIZE: u32 = 8;

    fn insn_off(&self) -> u32 {
        self.insn_off
    }
}

impl RawRecord for FuncInfo {
    fn from_words(words: [u32; 4], extra: &[u8], _offset: usize) -> Result<Self, BtfError> {
        let [insn_off, type_id, ..] = words;
        Ok(Self { insn_off, type_id: TypeId(type_id), extra: extra.into() })
    }

    fn words(&self) -> ([u32; 4], &[u8]) {
        ([self.insn_off, self.type_id.0, 0, 0], &self.extra)
    }

    fn for_each_str_mut(&mut self, _f: &mut dyn FnMut(&mut StrOff)) {}

    fn type_id_mut(&mut self) -> Option<&mut TypeId> {
        Some(&mut self.type_id)
    }
}

impl Record for LineInfo {
    const TABLE: &'static str = "line_info";
    const SIZE: u32 = 16;

    fn insn_off(&self) -> u32 {
        self.insn_off
    }
}

impl RawRecord for LineInfo {
    fn from_words(words: [u32; 4], extra: &[u8], _offset: usize) -> Result<Self, BtfError> {
        let [insn_off, file_name_off, line_off, line_col] = words;
        Ok(Self {
            insn_off,
            file_name_off: StrOff(file_name_off),
            line_off: StrOff(line_off),
            line_col,
            extra: extra.into(),
        })
    }

    fn words(&self) -> ([u32; 4], &[u8]) {
        ([self.insn_off, self.file_name_off.0, self.line_off.0, self.line_col], &self.extra)
    }

    fn for_each_str_mut(&mut self, f: &mut dyn FnMut(&mut StrOff)) {
        f(&mut self.file_name_off);
        f(&mut self.line_off);
    }

    fn type_id_mut(&mut self) -> Option<&mut TypeId> {
        None
    }
}

impl Record for CoreRelo {
    const TABLE: &'static str = "core_relo";
    const SIZE: u32 = 16;

    fn insn_off(&self) -> u32 {
        self.insn_off
    }
}

impl RawRecord for CoreRelo {
    fn from_words(words: [u32; 4], extra: &[u8], offset: usize) -> Result<Self, BtfError> {
        let [insn_off, type_id, access_str_off, kind] = words;
        Ok(Self {
            insn_off,
            type_id: TypeId(type_id),
            access_str_off: StrOff(access_str_off),
            kind: CoreReloKind::from_number(kind)
                .ok_or(BtfError::CoreReloKind { offset, found: kind })?,
            extra: extra.into(),
        })
    }

    fn words(&self) -> ([u32; 4], &[u8]) {
        let words = [self.insn_off, self.type_id.0, self.access_str_off.0, self.kind as u32];
        (words, &self.extra)
    }

    fn for_each_str_mut(&mut self, f: &mut dyn FnMut(&mut StrOff)) {
        f(&mut self.access_str_off);
    }

    fn type_id_mut(&mut self) -> Option<&mut TypeId> {
        Some(&mut self.type_id)
    }
}
