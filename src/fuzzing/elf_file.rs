//! The smallest writer of BPF objects (ELF64, little-endian), for inputs that no compiler
//! makes.

/// An object in the making. Section 0 and symbol 0 are the empty ones; the symbol table and
/// the string table come last.
#[derive(Debug)]
pub(super) struct ElfFile {
    sections: Vec<Section>,
    symbols: Vec<u8>,
    strings: Vec<u8>,
}

#[derive(Debug, Default)]
struct Section {
    name: u32,
    kind: u32,
    flags: u64,
    link: u32,
    info: u32,
    entsize: u64,
    size: u64,
    bytes: Vec<u8>,
}

const SHT_PROGBITS: u32 = 1;
const SHT_SYMTAB: u32 = 2;
const SHT_STRTAB: u32 = 3;
const SHT_NOBITS: u32 = 8;
const SHT_REL: u32 = 9;
const FILE_HEADER: usize = 64;

/// `st_info` of a global function.
pub(super) const FUNC: u8 = 0x12;
/// `st_info` of a global variable.
pub(super) const OBJECT: u8 = 0x11;
/// `st_info` of a section's symbol.
pub(super) const SECTION: u8 = 0x03;

impl ElfFile {
    pub(super) fn new() -> Self {
        Self { sections: vec![Section::default()], symbols: vec![0; 24], strings: vec![0] }
    }

    /// Adds a string to the string table.
    pub(super) fn string(&mut self, text: &str) -> u32 {
        let at = self.strings.len() as u32;
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        at
    }

    fn section(&mut self, name: &str, section: Section) -> u16 {
        let name = self.string(name);
        let size = if section.size == 0 { section.bytes.len() as u64 } else { section.size };
        self.sections.push(Section { name, size, ..section });
        (self.sections.len() - 1) as u16
    }

    /// A section of instructions.
    pub(super) fn code(&mut self, name: &str, bytes: Vec<u8>) -> u16 {
        self.section(name, Section { kind: SHT_PROGBITS, flags: 6, bytes, ..Section::default() })
    }

    /// A section of read-only data.
    pub(super) fn data(&mut self, name: &str, bytes: Vec<u8>) -> u16 {
        self.section(name, Section { kind: SHT_PROGBITS, flags: 2, bytes, ..Section::default() })
    }

    /// A section that is not loaded.
    pub(super) fn other(&mut self, name: &str, bytes: Vec<u8>) -> u16 {
        self.section(name, Section { kind: SHT_PROGBITS, bytes, ..Section::default() })
    }

    /// A section without bytes in the file.
    pub(super) fn no_bits(&mut self, name: &str, size: u64) -> u16 {
        self.section(name, Section { kind: SHT_NOBITS, flags: 3, size, ..Section::default() })
    }

    /// Relocations of a section: offset, symbol and type of each.
    pub(super) fn relocations(&mut self, target: u16, list: &[(u64, u32, u32)]) {
        let entry = |&(offset, symbol, kind): &(u64, u32, u32)| {
            let info = u64::from(symbol) << 32 | u64::from(kind);
            [offset.to_le_bytes(), info.to_le_bytes()].concat()
        };
        let section = Section {
            kind: SHT_REL,
            flags: 0x40,
            info: u32::from(target),
            entsize: 16,
            bytes: list.iter().flat_map(entry).collect(),
            // Becomes the symbol table's number.
            link: u32::MAX,
            ..Section::default()
        };
        self.section(".rel", section);
    }

    /// Adds a symbol whose name is at `name` in the string table.
    pub(super) fn symbol(&mut self, name: u32, info: u8, section: u16, at: u64, size: u64) -> u32 {
        let index = (self.symbols.len() / 24) as u32;
        self.symbols.extend_from_slice(&name.to_le_bytes());
        self.symbols.extend_from_slice(&[info, 0]);
        self.symbols.extend_from_slice(&section.to_le_bytes());
        self.symbols.extend_from_slice(&at.to_le_bytes());
        self.symbols.extend_from_slice(&size.to_le_bytes());
        index
    }

    /// Adds a symbol of this name.
    pub(super) fn named(&mut self, name: &str, info: u8, section: u16, at: u64, size: u64) -> u32 {
        let name = self.string(name);
        self.symbol(name, info, section, at, size)
    }

    /// The file.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let symtab = self.sections.len() as u32;
        let bytes = std::mem::take(&mut self.symbols);
        let kind = SHT_SYMTAB;
        let section =
            Section { kind, link: symtab + 1, info: 1, entsize: 24, bytes, ..Section::default() };
        self.section(".symtab", section);
        let name = self.string(".strtab");
        let bytes = std::mem::take(&mut self.strings);
        let size = bytes.len() as u64;
        self.sections.push(Section { name, kind: SHT_STRTAB, size, bytes, ..Section::default() });

        let mut file = vec![0; FILE_HEADER];
        let mut headers = Vec::new();
        for section in &mut self.sections {
            if section.link == u32::MAX {
                section.link = symtab;
            }
            file.resize(file.len().next_multiple_of(8), 0);
            let offset = if section.kind == 0 { 0 } else { file.len() as u64 };
            file.extend_from_slice(&section.bytes);
            headers.extend_from_slice(&section.name.to_le_bytes());
            headers.extend_from_slice(&section.kind.to_le_bytes());
            headers.extend_from_slice(&section.flags.to_le_bytes());
            headers.extend_from_slice(&0u64.to_le_bytes());
            headers.extend_from_slice(&offset.to_le_bytes());
            headers.extend_from_slice(&section.size.to_le_bytes());
            headers.extend_from_slice(&section.link.to_le_bytes());
            headers.extend_from_slice(&section.info.to_le_bytes());
            headers.extend_from_slice(&u64::from(section.kind != 0).to_le_bytes());
            headers.extend_from_slice(&section.entsize.to_le_bytes());
        }
        file.resize(file.len().next_multiple_of(8), 0);
        let headers_at = file.len() as u64;
        file.extend_from_slice(&headers);
        let count = self.sections.len() as u16;
        let mut header = Vec::from(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\xf7\0\x01\0\0\0");
        header.extend_from_slice(&[0; 16]);
        header.extend_from_slice(&headers_at.to_le_bytes());
        header.extend_from_slice(&[0; 4]);
        for half in [64, 0, 0, 64, count, count - 1] {
            header.extend_from_slice(&half.to_le_bytes());
        }
        file.splice(..FILE_HEADER, header);
        file
    }
}

/// Type information in the making, little-endian.
#[derive(Debug)]
pub(super) struct BtfBytes {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

/// Kinds of types (`include/uapi/linux/btf.h`).
pub(super) const INT: u32 = 1;
pub(super) const PTR: u32 = 2;
pub(super) const ARRAY: u32 = 3;
pub(super) const STRUCT: u32 = 4;
pub(super) const TYPEDEF: u32 = 8;
pub(super) const VOLATILE: u32 = 9;
pub(super) const CONST: u32 = 10;
pub(super) const FUNC_TYPE: u32 = 12;
pub(super) const FUNC_PROTO: u32 = 13;
pub(super) const VAR: u32 = 14;
pub(super) const DATASEC: u32 = 15;

impl BtfBytes {
    /// With the type 1, `unsigned int` of 4 bytes.
    pub(super) fn new() -> Self {
        let mut btf = Self { types: Vec::new(), strings: vec![0], count: 0 };
        let name = btf.string("unsigned int");
        btf.add(name, INT, 0, 4, &[32]);
        btf
    }

    pub(super) fn string(&mut self, text: &str) -> u32 {
        let at = self.strings.len() as u32;
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        at
    }

    /// Adds a type with this many members (`vlen`), its size or type, and what follows.
    pub(super) fn add(&mut self, name: u32, kind: u32, vlen: u32, size: u32, rest: &[u32]) -> u32 {
        for word in [name, kind << 24 | vlen, size].iter().chain(rest) {
            self.types.extend_from_slice(&word.to_le_bytes());
        }
        self.count += 1;
        self.count
    }

    /// The number of the last type.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let mut bytes = Vec::from([0x9f, 0xeb, 1, 0]);
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        for word in [24, 0, types, types, strings] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&self.types);
        bytes.extend_from_slice(&self.strings);
        bytes
    }
}

/// An instruction.
pub(super) fn insn(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> [u8; 8] {
    let mut bytes = [code, src << 4 | dst, 0, 0, 0, 0, 0, 0];
    bytes[2..4].copy_from_slice(&off.to_le_bytes());
    bytes[4..].copy_from_slice(&imm.to_le_bytes());
    bytes
}
