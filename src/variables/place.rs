//! Where the variables of DATASECs are.
//!
//! A DATASEC has the name of a section, and offsets that clang fills in for static variables and
//! linkers for all. Both can be wrong: clang 14 lists tables of 4, 8, 16 and 32 bytes in the
//! DATASEC of `.rodata` although they are in `.rodata.cst4` to `.rodata.cst32`, gcc 12 leaves
//! every offset 0, and two sections can have one name. So the symbol of a variable's name tells
//! section and offset, and BTF only what no symbol tells.

use std::collections::BTreeMap;

use super::{Input, SymbolInput};
use crate::btf::{Btf, DataSec, Kind, Linkage, SecVar, TypeId};

/// Sizes of the sections of merged constants, `.rodata.cst4` to `.rodata.cst32`.
const MERGED: [u64; 4] = [4, 8, 16, 32];

/// A variable of a DATASEC.
pub(super) struct Placed<'i> {
    pub(super) var: TypeId,
    pub(super) ty: TypeId,
    pub(super) name: &'i str,
    pub(super) linkage: Linkage,
    /// Its size in bytes.
    pub(super) size: u64,
    /// The size of its symbol in bytes, if a symbol tells where it is.
    pub(super) symbol_size: Option<u64>,
    /// The name of its DATASEC.
    pub(super) home: &'i str,
    /// The place of its section in the list of sections, and its offset there; none if nothing
    /// tells.
    pub(super) at: Option<(usize, u64)>,
}

/// Finds where the variables of all DATASECs are, in the order of BTF.
pub(super) fn place<'i>(btf: &'i Btf, input: &Input<'i>) -> Vec<Placed<'i>> {
    let finder = Finder::new(btf, input);
    let mut list = Vec::new();
    for (id, ty) in btf.own_types() {
        let Kind::DataSec(datasec) = &ty.kind else { continue };
        let home = btf.name(id);
        for sec_var in &datasec.vars {
            list.extend(finder.place(home, datasec, sec_var));
        }
    }
    doubt_what_overlaps(&mut list);
    list
}

struct Finder<'f, 'i> {
    btf: &'i Btf,
    sections: BTreeMap<&'i str, Vec<usize>>,
    symbols: BTreeMap<&'i str, Vec<&'f SymbolInput<'i>>>,
    /// How many variables of DATASECs have a name.
    counts: BTreeMap<(&'i str, bool), usize>,
}

impl<'f, 'i> Finder<'f, 'i> {
    fn new(btf: &'i Btf, input: &'f Input<'i>) -> Self {
        let mut sections = BTreeMap::<&str, Vec<usize>>::new();
        for (at, section) in input.sections.iter().enumerate() {
            sections.entry(section.name).or_default().push(at);
            if !section.is_unique {
                // One that holds no data has the name as well.
                sections.entry(section.name).or_default().push(at);
            }
        }
        let mut symbols = BTreeMap::<&str, Vec<&SymbolInput<'_>>>::new();
        for symbol in input.symbols.iter().filter(|symbol| symbol.section.is_some()) {
            symbols.entry(symbol.name).or_default().push(symbol);
        }
        let mut counts = BTreeMap::new();
        for (_, ty) in btf.own_types() {
            let Kind::DataSec(datasec) = &ty.kind else { continue };
            for sec_var in &datasec.vars {
                if let Kind::Var { linkage, .. } = btf.ty(sec_var.var).kind {
                    let key = (btf.name(sec_var.var), linkage == Linkage::Static);
                    *counts.entry(key).or_default() += 1;
                }
            }
        }
        Finder { btf, sections, symbols, counts }
    }

    fn place(&self, home: &'i str, datasec: &DataSec, sec_var: &SecVar) -> Option<Placed<'i>> {
        let Kind::Var { ty, linkage } = self.btf.ty(sec_var.var).kind else { return None };
        let name = self.btf.name(sec_var.var);
        // A flexible array member makes a variable larger than its type.
        let size = match sec_var.size {
            0 => self.btf.size_of(ty).unwrap_or(0),
            size => u64::from(size),
        };
        let named = self.symbols.get(name).map_or(&[][..], Vec::as_slice);
        let alike = || named.iter().filter(|symbol| symbol.linkage == linkage);
        let symbols: Vec<_> = match alike().next() {
            Some(_) => alike().copied().collect(),
            None => named.to_vec(),
        };
        let symbol = match symbols.as_slice() {
            [only] if self.counts.get(&(name, linkage == Linkage::Static)) == Some(&1) => {
                Some(*only)
            }
            several => {
                let fits = |symbol: &&&SymbolInput<'_>| {
                    symbol.offset == u64::from(sec_var.offset)
                        && (symbol.size == 0 || symbol.size == size)
                };
                let mut fitting = several.iter().filter(fits);
                fitting.next().copied().filter(|_| fitting.next().is_none())
            }
        };
        let at = match symbol {
            Some(symbol) => symbol.section.map(|section| (section, symbol.offset)),
            None if !symbols.is_empty() => None,
            None => self.by_btf(home, datasec, sec_var, (linkage, size)),
        };
        let symbol_size = symbol.map(|symbol| symbol.size);
        let var = sec_var.var;
        Some(Placed { var, ty, name, linkage, size, symbol_size, home, at })
    }

    /// Without a symbol: for static variables and after a linker, which fills in the DATASEC's
    /// size too, BTF tells the offset; not if the variable can be in a section of merged constants.
    fn by_btf(
        &self,
        home: &str,
        datasec: &DataSec,
        sec_var: &SecVar,
        (linkage, size): (Linkage, u64),
    ) -> Option<(usize, u64)> {
        let [section] = *self.sections.get(home)?.as_slice() else { return None };
        let is_static = linkage == Linkage::Static;
        let merged = format!(".rodata.cst{size}");
        let can_be_merged = is_static && MERGED.contains(&size) && home != merged;
        if can_be_merged && self.sections.contains_key(merged.as_str()) {
            return None;
        }
        (is_static || datasec.size != 0).then(|| (section, sec_var.offset.into()))
    }
}

/// Where BTF alone tells where a variable is, and something else is there, it cannot be trusted:
/// gcc 12 leaves 0.
fn doubt_what_overlaps(list: &mut [Placed<'_>]) {
    let sized = list.iter().enumerate().filter(|(_, placed)| placed.size != 0);
    let mut order: Vec<(usize, u64, usize)> =
        sized.filter_map(|(at, placed)| placed.at.map(|(s, offset)| (s, offset, at))).collect();
    order.sort_unstable();
    let mut doubted = Vec::new();
    let mut last: Option<(usize, u64, usize)> = None;
    for (section, offset, at) in order {
        let end = offset.saturating_add(list.get(at).map_or(0, |placed| placed.size));
        match last {
            Some((before, last_end, last_at)) if before == section && offset < last_end => {
                doubted.extend([last_at, at]);
                if end > last_end {
                    last = Some((section, end, at));
                }
            }
            _ => last = Some((section, end, at)),
        }
    }
    for at in doubted {
        if let Some(placed) = list.get_mut(at).filter(|placed| placed.symbol_size.is_none()) {
            placed.at = None;
        }
    }
}
