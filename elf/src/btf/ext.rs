//! .BTF.ext: what BTF says about instructions.
//!
//! Three tables, each a list of blocks, one block a code section: functions, source lines and
//! CO-RE relocations. Instruction offsets are in *bytes* from the start of the code section, as
//! in the file; libbpf turns them into instructions when it loads.
//!
//! The writer leaves out blocks without records, since libbpf throws all of .BTF.ext away when
//! it meets one (`btf_ext_parse_sec_info`).

use super::bytes::{Reader, Writer};
use super::edit::IdMap;
use super::records::{CoreRelo, FuncInfo, LineInfo, Record};
use super::types::{StrOff, TypeId};
use super::{Btf, BtfError, Endianness};

/// Name of the section in errors.
const SECTION: &str = ".BTF.ext";

/// Length in bytes of the header without CO-RE relocations (kernel 5.0 to 5.2's tools).
const OLD_HEADER_LEN: u32 = 24;

/// Length in bytes of the header with CO-RE relocations.
const CORE_HEADER_LEN: u32 = 32;

/// The records of one code section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block<R> {
    /// Name of the code section.
    pub section: StrOff,
    /// The records in order.
    pub records: Vec<R>,
}

/// One of the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<R> {
    /// The blocks in order; at most one a section from any compiler, but that is not checked.
    pub blocks: Vec<Block<R>>,
    /// Size in bytes of a record in the file; records with fewer bytes are filled up with 0.
    pub record_size: u32,
    /// The table was in the file without any block: a record size and nothing else.
    bare: bool,
}

impl<R: Record> Default for Table<R> {
    fn default() -> Self {
        Self { blocks: Vec::new(), record_size: R::SIZE, bare: false }
    }
}

impl<R: Record> Table<R> {
    /// Whether there is no record in any block.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.iter().all(|block| block.records.is_empty())
    }

    /// The records of a section by name, those of several blocks one after the other.
    pub fn section<'a>(&'a self, btf: &'a Btf, name: &'a str) -> impl Iterator<Item = &'a R> {
        self.blocks
            .iter()
            .filter(move |block| btf.bytes(block.section) == name.as_bytes())
            .flat_map(|block| &block.records)
    }

    fn read(reader: &mut Reader<'_>, btf: &Btf) -> Result<Self, BtfError> {
        let mut table = Self::default();
        if reader.is_empty() {
            return Ok(table);
        }
        let offset = reader.offset();
        table.record_size = reader.u32("record size")?;
        if table.record_size < R::SIZE || table.record_size % 4 != 0 {
            return Err(BtfError::RecordSize {
                offset,
                table: R::TABLE,
                found: table.record_size,
                least: R::SIZE,
            });
        }
        table.bare = reader.is_empty();
        while !reader.is_empty() {
            let offset = reader.offset();
            let [mut section, count] = reader.words("a block")?.map(StrOff);
            check_string(btf, &mut section, offset)?;
            let len = u64::from(count.0) * u64::from(table.record_size);
            reader.expect("the records of a block", len)?;
            let mut records = Vec::with_capacity(count.0 as usize);
            for _ in 0..count.0 {
                records.push(Self::read_record(reader, table.record_size, btf)?);
            }
            table.blocks.push(Block { section, records });
        }
        Ok(table)
    }

    fn read_record(reader: &mut Reader<'_>, size: u32, btf: &Btf) -> Result<R, BtfError> {
        let offset = reader.offset();
        let mut words = [0; 4];
        for word in words.iter_mut().take(R::SIZE as usize / 4) {
            *word = reader.u32("a record")?;
        }
        let extra = reader.take("a record", u64::from(size - R::SIZE))?;
        let mut record = R::from_words(words, extra, offset)?;
        let mut strings = Ok(());
        record.for_each_str_mut(&mut |string| {
            let checked = check_string(btf, string, offset);
            if strings.is_ok() {
                strings = checked;
            }
        });
        strings?;
        match record.type_id_mut() {
            Some(id) if !btf.contains(*id) => Err(BtfError::RecordType {
                offset,
                table: R::TABLE,
                id: *id,
                last: TypeId(btf.end_id().0 - 1),
            }),
            _ => Ok(record),
        }
    }

    fn write(&self, writer: &mut Writer) {
        if self.is_empty() && !(self.bare && self.blocks.is_empty()) {
            return;
        }
        let size = self.record_size.max(R::SIZE);
        writer.words(&[size]);
        for block in self.blocks.iter().filter(|block| !block.records.is_empty()) {
            writer.words(&[block.section.0, block.records.len() as u32]);
            for record in &block.records {
                let end = writer.bytes.len() + size as usize;
                let (words, extra) = record.words();
                writer.words(&words[..R::SIZE as usize / 4]);
                writer.bytes.extend(extra);
                writer.bytes.resize(end, 0);
            }
        }
    }

    fn for_each_str_mut(&mut self, f: &mut dyn FnMut(&mut StrOff)) {
        for block in self.blocks.iter_mut().filter(|block| !block.records.is_empty()) {
            f(&mut block.section);
            block.records.iter_mut().for_each(|record| record.for_each_str_mut(f));
        }
    }

    /// Records whose type was removed are removed too.
    fn renumber(&mut self, map: &IdMap) {
        for block in &mut self.blocks {
            block.records.retain_mut(|record| match record.type_id_mut() {
                Some(id) => match map.get(*id) {
                    Some(new) => {
                        *id = new;
                        true
                    }
                    None => false,
                },
                None => true,
            });
        }
    }
}

fn check_string(btf: &Btf, string: &mut StrOff, offset: usize) -> Result<(), BtfError> {
    let len = btf.strings_end();
    if string.0 < len || string.0 == 0 {
        Ok(())
    } else {
        let (section, string) = (SECTION, string.0);
        Err(BtfError::StringOffset { section, offset, string, len: len as usize })
    }
}

/// The tables of a .BTF.ext section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BtfExt {
    order: Endianness,
    /// The header has room for CO-RE relocations.
    has_core: bool,
    /// Functions.
    pub func_info: Table<FuncInfo>,
    /// Source lines.
    pub line_info: Table<LineInfo>,
    /// CO-RE relocations.
    pub core_relo: Table<CoreRelo>,
    /// Bytes after the tables: gcc 12 writes the record size of an empty core_relo table there,
    /// beyond the length that the header gives it.
    rest: Box<[u8]>,
}

impl BtfExt {
    /// Tables without records.
    #[must_use]
    pub fn new(order: Endianness) -> Self {
        Self {
            order,
            has_core: true,
            func_info: Table::default(),
            line_info: Table::default(),
            core_relo: Table::default(),
            rest: Box::default(),
        }
    }

    /// Reads the .BTF.ext section that belongs to `btf`, and checks types and strings.
    ///
    /// # Errors
    ///
    /// What is malformed, unknown or inconsistent is refused by name.
    pub fn parse(bytes: &[u8], btf: &Btf) -> Result<Self, BtfError> {
        let mut reader = Reader::with_magic(SECTION, bytes)?;
        let order = reader.order();
        if order != btf.order() {
            return Err(BtfError::ByteOrder { section: SECTION, other: ".BTF" });
        }
        let header_len = reader.u32("header length")?;
        let has_core = match header_len {
            OLD_HEADER_LEN => false,
            CORE_HEADER_LEN => true,
            found => {
                let expected = "24 or 32";
                return Err(BtfError::HeaderLength { section: SECTION, found, expected });
            }
        };
        let func: [u32; 2] = reader.words("func_info's place")?;
        let line: [u32; 2] = reader.words("line_info's place")?;
        let core: [u32; 2] = if has_core { reader.words("core_relo's place")? } else { [0, 0] };
        let mut end = u64::from(header_len);
        let mut place = |part, [at, len]: [u32; 2]| {
            let found = u64::from(header_len) + u64::from(at);
            if len != 0 && found != end {
                return Err(BtfError::Layout { section: SECTION, part, found, expected: end });
            }
            end += u64::from(len);
            Ok(u64::from(len))
        };
        let func_len = place(FuncInfo::TABLE, func)?;
        let line_len = place(LineInfo::TABLE, line)?;
        let core_len = place(CoreRelo::TABLE, core)?;
        let func_info = Table::read(&mut reader.sub(FuncInfo::TABLE, func_len)?, btf)?;
        let line_info = Table::read(&mut reader.sub(LineInfo::TABLE, line_len)?, btf)?;
        let core_relo = Table::read(&mut reader.sub(CoreRelo::TABLE, core_len)?, btf)?;
        let rest = reader.rest().into();
        Ok(Self { order, has_core, rest, func_info, line_info, core_relo })
    }

    /// The section's bytes, in its byte order; those of [`BtfExt::parse`] again if nothing
    /// changed, except that blocks without records are left out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let has_core = self.has_core || !self.core_relo.is_empty();
        let header_len = if has_core { CORE_HEADER_LEN } else { OLD_HEADER_LEN };
        let mut writer = Writer::with_magic(self.order);
        writer.words(&[header_len]);
        writer.bytes.resize(header_len as usize, 0);
        // Places are counted from the end of the header and start after its length.
        let mut slot = 8;
        let mut start = header_len;
        let mut place = |writer: &mut Writer| {
            let end = writer.bytes.len() as u32;
            writer.patch(slot, start - header_len);
            writer.patch(slot + 4, end - start);
            (slot, start) = (slot + 8, end);
        };
        self.func_info.write(&mut writer);
        place(&mut writer);
        self.line_info.write(&mut writer);
        place(&mut writer);
        if has_core {
            self.core_relo.write(&mut writer);
            place(&mut writer);
        }
        writer.bytes.extend(&self.rest);
        writer.bytes
    }

    /// Follows [`Btf::retain`]; records whose type was removed are removed too.
    pub fn renumber(&mut self, map: &IdMap) {
        self.func_info.renumber(map);
        self.core_relo.renumber(map);
    }

    /// Whether there is no record in any table, so that the section can go.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.func_info.is_empty() && self.line_info.is_empty() && self.core_relo.is_empty()
    }

    /// Calls `f` with each string in use, section names included, in file order.
    pub fn for_each_str_mut(&mut self, f: &mut dyn FnMut(&mut StrOff)) {
        self.func_info.for_each_str_mut(f);
        self.line_info.for_each_str_mut(f);
        self.core_relo.for_each_str_mut(f);
    }
}
