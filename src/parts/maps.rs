//! The maps that an object defines, BTF-defined ones (`.maps`) and those of older loaders
//! (`maps`), and what their definitions say about who needs them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::str::FromStr;

use bpfold_passes::entity::{EntityVec, Func, Map};

use super::named::programs;
use crate::Object;
use crate::btf::{Btf, Composite, Kind, TypeId};
use crate::elf::{Section, SectionIndex, SymbolKind};
use crate::lift::is_map_section;

bpfold_passes::entity!(
    /// A map that the object defines.
    MapId, "def"
);

/// The declaration tag of maps that userspace uses.
pub(crate) const KEEP_TAG: &str = "bpfold:keep";
/// `BPF_MAP_TYPE_PROG_ARRAY` of uapi/linux/bpf.h.
const PROG_ARRAY: u32 = 3;
/// `BPF_MAP_TYPE_ARENA`.
const ARENA: u32 = 33;
/// `BPF_MAP_TYPE_ARRAY_OF_MAPS` and `BPF_MAP_TYPE_HASH_OF_MAPS`.
const MAPS_OF_MAPS: [u32; 2] = [12, 13];
/// Bytes of iproute2's `struct bpf_elf_map`, the only older definition that says `pinning`,
/// at [`ELF_MAP_PINNING`].
const ELF_MAP_SIZE: u64 = 36;
const ELF_MAP_PINNING: usize = 24;

/// A map.
#[derive(Clone, Debug)]
pub(crate) struct MapDef {
    pub name: String,
    /// The section of its definition.
    pub section: SectionIndex,
    /// The definition's bytes in the section.
    pub bytes: Range<u64>,
    /// Its VAR, if it is defined in BTF.
    pub var: Option<TypeId>,
    /// It is a prog array.
    pub is_prog_array: bool,
    /// It is an arena.
    pub is_arena: bool,
    /// It outlives the object by a pin.
    pub pinned: bool,
    /// It has the declaration tag [`KEEP_TAG`].
    pub tagged: bool,
    /// Other definitions of its section may name it by its number.
    pub numbered: bool,
    /// The slots that the object fills with programs.
    pub slots: BTreeMap<u32, Func>,
    /// Programs that loaders put into slots that the object does not tell.
    pub anywhere: BTreeSet<Func>,
    /// Programs that the user has taken out of the slots.
    pub emptied: BTreeSet<Func>,
}

/// A prog array that loaders fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailMap {
    /// The map's name.
    pub map: String,
    /// Its programs: what the names of their sections have before the slot, as `2` of `2/7`, or
    /// else a pattern of names of programs or sections, and then any slot can hold any of them.
    /// Without, the programs of all sections that end in a slot's number.
    pub programs: Option<String>,
}

impl FromStr for TailMap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (map, programs) = match text.split_once('=') {
            Some((map, programs)) => (map, Some(programs)),
            None => (text, None),
        };
        if map.is_empty() || programs.is_some_and(|programs| programs.trim_matches('/').is_empty())
        {
            return Err(format!("`{text}`: expected MAP, MAP=SECTION or MAP=NAME|GLOB"));
        }
        Ok(Self { map: map.to_owned(), programs: programs.map(str::to_owned) })
    }
}

/// The maps of an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Maps {
    pub defs: EntityVec<MapId, MapDef>,
}

impl Maps {
    /// Finds the maps; `tail_maps` says which programs loaders put into which.
    pub fn new(object: &Object, tail_maps: &[TailMap]) -> Maps {
        let mut maps = Maps::default();
        for (index, section) in object.elf().sections.iter() {
            if is_map_section(&section.name) && section.bytes().is_some() {
                maps.read_section(object, index, section);
            }
        }
        maps.fill_slots(object);
        for tail in tail_maps {
            maps.fill_by_loader(object, tail);
        }
        maps
    }

    /// The map whose definition has a byte of a section.
    pub fn at(&self, section: SectionIndex, offset: u64) -> Option<MapId> {
        let at = |def: &MapDef| def.section == section && def.bytes.contains(&offset);
        self.defs.iter().find(|(_, def)| at(def)).map(|(id, _)| id)
    }

    /// The definition of a map that code names.
    pub fn of(&self, object: &Object, map: Map) -> Option<MapId> {
        let link = object.links().maps.get(map)?;
        self.at(link.section, link.offset)
    }

    /// Takes a program out of all slots.
    pub fn empty_slots_of(&mut self, program: Func) {
        for def in self.defs.values_mut() {
            let before = def.slots.len();
            def.slots.retain(|_, func| *func != program);
            if def.anywhere.remove(&program) || def.slots.len() != before {
                def.emptied.insert(program);
            }
        }
    }

    /// The prog arrays of which it is known what fills them.
    pub fn filled(&self) -> impl Iterator<Item = (MapId, &MapDef)> {
        self.defs.iter().filter(|(_, def)| def.is_filled())
    }

    fn read_section(&mut self, object: &Object, index: SectionIndex, section: &Section) {
        let size = section.content_size().unwrap_or(0);
        let symbols = object.elf().symbols_in(index);
        let named = symbols
            .filter(|(_, symbol)| matches!(symbol.kind, SymbolKind::Object | SymbolKind::None));
        let mut starts: Vec<(u64, u64, &[u8])> = named
            .filter(|(_, symbol)| !symbol.name.is_empty() && symbol.value < size)
            .map(|(_, symbol)| (symbol.value, symbol.size, symbol.name.as_slice()))
            .collect();
        starts.sort();
        starts.dedup_by_key(|(start, ..)| *start);
        let ends: Vec<u64> =
            starts.iter().skip(1).map(|(start, ..)| *start).chain([size]).collect();
        let legacy = section.name != b".maps";
        let name = String::from_utf8_lossy(&section.name);
        let datasec =
            object.btf().and_then(|btf| btf.find_datasec(&name).map(|(_, datasec)| (btf, datasec)));
        let first = self.defs.len();
        for ((start, len, name), next) in starts.into_iter().zip(ends) {
            let len = if len == 0 || legacy { next - start } else { len };
            let name = String::from_utf8_lossy(name).into_owned();
            let bytes = start..start.saturating_add(len).min(next);
            let mut def = MapDef {
                name,
                section: index,
                bytes,
                var: None,
                is_prog_array: false,
                is_arena: false,
                pinned: false,
                tagged: false,
                numbered: false,
                slots: BTreeMap::new(),
                anywhere: BTreeSet::new(),
                emptied: BTreeSet::new(),
            };
            if let Some((btf, datasec)) = datasec {
                let mut vars = datasec.vars.iter().map(|var| var.var);
                def.var = vars.find(|var| btf.name(*var) == def.name);
                def.read_btf(btf);
            }
            if legacy {
                def.read_legacy(object, section);
            }
            self.defs.push(def);
        }
        if legacy {
            let of_maps = |def: &MapDef| {
                word(object, section, def.bytes.start, 0)
                    .is_some_and(|kind| MAPS_OF_MAPS.contains(&kind))
            };
            let numbered = self.defs.values().skip(first).any(of_maps);
            self.defs.values_mut().skip(first).for_each(|def| def.numbered = numbered);
        }
    }

    /// Slots that relocations of `.maps` fill (libbpf's `bpf_object__collect_map_relos`).
    fn fill_slots(&mut self, object: &Object) {
        let Some(btf) = object.btf() else { return };
        for address in &object.links().addresses {
            let Some(map) = self.at(address.section, address.offset) else { continue };
            let def = &mut self.defs[map];
            let values = def.var.and_then(|var| values_offset(btf, var));
            let slot = values.and_then(|values| {
                let bytes = (address.offset - def.bytes.start).checked_sub(values)?;
                u32::try_from(bytes / 8).ok()
            });
            if let Some(slot) = slot.filter(|_| def.is_prog_array && address.place.origin == 0) {
                def.slots.insert(slot, address.place.func);
            }
        }
    }

    /// Slots that loaders fill: those before libbpf by the names of sections `PREFIX/SLOT`,
    /// others with programs that the user names.
    fn fill_by_loader(&mut self, object: &Object, tail: &TailMap) {
        let (program, links) = (object.program(), object.links());
        let Some(def) = self.defs.values_mut().find(|def| def.name == tail.map) else { return };
        let prefix = tail.programs.as_deref().map(|programs| programs.trim_end_matches('/'));
        let mut is_numbered = false;
        for (func, link) in links.funcs.iter() {
            let section = object.elf().section_id(link.section).name;
            let slot = section
                .rsplit_once('/')
                .filter(|(found, _)| prefix.is_none_or(|wanted| wanted == *found));
            let is_program = links.is_program(program, func);
            if let Some(Ok(slot)) = slot.map(|(_, slot)| slot.parse()).filter(|_| is_program) {
                def.slots.entry(slot).or_insert(func);
                is_numbered = true;
            }
        }
        if let Some(pattern) = tail.programs.as_deref().filter(|_| !is_numbered) {
            def.anywhere.extend(programs(object, pattern));
        }
    }
}

impl MapDef {
    /// Whether it is known what fills it.
    fn is_filled(&self) -> bool {
        !self.slots.is_empty() || !self.anywhere.is_empty() || !self.emptied.is_empty()
    }

    /// The programs in its slots.
    pub fn programs(&self) -> impl Iterator<Item = Func> + '_ {
        self.slots.values().chain(&self.anywhere).copied()
    }

    fn read_btf(&mut self, btf: &Btf) {
        let Some(var) = self.var else { return };
        let kind = uint(btf, var, "type");
        self.is_prog_array = kind == Some(PROG_ARRAY);
        self.is_arena = kind == Some(ARENA);
        self.pinned = uint(btf, var, "pinning").is_some_and(|pinning| pinning != 0);
        self.tagged = btf.own_types().any(|(_, ty)| {
            matches!(ty.kind, Kind::DeclTag { target, component: -1 } if target == var)
                && btf.bytes(ty.name) == KEEP_TAG.as_bytes()
        });
    }

    /// `struct bpf_map_def` and `struct bpf_elf_map` both begin with the type.
    fn read_legacy(&mut self, object: &Object, section: &Section) {
        let word = |at| word(object, section, self.bytes.start, at);
        self.is_prog_array = word(0) == Some(PROG_ARRAY);
        let elf_map = self.bytes.end - self.bytes.start >= ELF_MAP_SIZE;
        self.pinned = elf_map && word(ELF_MAP_PINNING).is_some_and(|pinning| pinning != 0);
    }
}

fn word(object: &Object, section: &Section, start: u64, at: usize) -> Option<u32> {
    let start = usize::try_from(start).ok()?.checked_add(at)?;
    let bytes = *section.bytes()?.get(start..)?.first_chunk::<4>()?;
    Some(match object.elf().endian {
        crate::elf::Endian::Little => u32::from_le_bytes(bytes),
        crate::elf::Endian::Big => u32::from_be_bytes(bytes),
    })
}

fn definition(btf: &Btf, var: TypeId) -> Option<&Composite> {
    let Kind::Var { ty, .. } = btf.ty(var).kind else { return None };
    match &btf.resolve(ty).1.kind {
        Kind::Struct(composite) => Some(composite),
        _ => None,
    }
}

/// `__uint(name, value)`: a pointer to an array of `value` elements.
fn uint(btf: &Btf, var: TypeId, name: &str) -> Option<u32> {
    let members = &definition(btf, var)?.members;
    let member = members.iter().find(|member| btf.str(member.name) == name)?;
    let Kind::Ptr(array) = btf.resolve(member.ty).1.kind else { return None };
    match &btf.resolve(array).1.kind {
        Kind::Array(array) => Some(array.count),
        _ => None,
    }
}

/// Bytes from the definition's start to `values`.
fn values_offset(btf: &Btf, var: TypeId) -> Option<u64> {
    let members = &definition(btf, var)?.members;
    let member = members.iter().find(|member| btf.str(member.name) == "values")?;
    Some(u64::from(member.bit_offset / 8))
}
