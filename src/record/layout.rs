//! What variables are that have left the symbols and BTF: names, places and types.
//!
//! The record of a fold keeps them as a BTF section of their own, so that `--set` reads a value
//! for a sealed variable by the same code and the same types as before.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use object::Endianness;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::btf::{Btf, Kind, Linkage, SecVar, TypeId, TypeSet};
use crate::elf::SectionIndex;
use crate::passes::entity::Entity as _;
use crate::sections::RECORD;
use crate::variables::{Input, SectionInput, SymbolInput, Variable, Variables};

/// The sealed variables of one fold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Layout {
    /// The object's byte order is big-endian.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    big_endian: bool,
    /// A BTF section with a DATASEC for each read-only section, deflated, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    btf: Option<String>,
    /// The variables that the object's BTF does not describe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    untyped: Vec<Untyped>,
}

/// A variable of which no type is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Untyped {
    name: String,
    section: String,
    /// Bytes from the section's start.
    offset: u64,
    /// Bytes.
    size: u64,
}

impl Layout {
    /// The layout of some variables; none if there are none.
    ///
    /// # Errors
    /// Bugs.
    pub fn new(
        btf: Option<&Btf>,
        variables: &Variables<'_>,
        sealed: &[&Variable],
    ) -> Result<Option<Layout>, Error> {
        // Types know sections by their names.
        let is_clear = |variable: &&&Variable| {
            let mut others = sealed.iter().filter(|other| other.section == variable.section);
            others.all(|other| other.section_at == variable.section_at)
        };
        let sealed: Vec<&Variable> = sealed.iter().filter(is_clear).copied().collect();
        let sealed = sealed.as_slice();
        if sealed.is_empty() {
            return Ok(None);
        }
        let typed = sealed.iter().any(|variable| variable.var.is_some());
        let btf = btf.filter(|_| typed).map(|btf| types(btf, sealed)).transpose()?;
        let untyped = sealed.iter().filter(|variable| variable.var.is_none());
        let untyped = untyped.map(|variable| Untyped {
            name: variable.name.clone(),
            section: variable.section.clone(),
            offset: variable.offset,
            size: variable.size,
        });
        let big_endian = variables.order() == Endianness::Big;
        Ok(Some(Layout { big_endian, btf, untyped: untyped.collect() }))
    }

    fn btf(&self) -> Result<Option<Btf>, Error> {
        let bad = |problem: String| Error::Record { section: RECORD, problem };
        let Some(text) = &self.btf else { return Ok(None) };
        let packed = STANDARD.decode(text).map_err(|error| bad(format!("types: {error}")))?;
        let mut bytes = Vec::new();
        let mut inflater = DeflateDecoder::new(packed.as_slice()).take(MAX_TYPES);
        inflater.read_to_end(&mut bytes).map_err(|error| bad(format!("types: {error}")))?;
        let btf = Btf::parse(&bytes).map_err(|error| bad(format!("types: {error}")))?;
        Ok(Some(btf))
    }

    /// What `read` makes of the variables, which are all zero and not final.
    ///
    /// # Errors
    /// They are damaged.
    pub fn with_variables<R>(
        &self,
        read: impl FnOnce(&mut Variables<'_>) -> R,
    ) -> Result<R, Error> {
        let types = self.btf()?;
        let btf = types.as_ref();
        let bad = |problem: String| Error::Record { section: RECORD, problem };
        let mut sections: Vec<(String, u64)> = Vec::new();
        for (id, ty) in btf.into_iter().flat_map(Btf::own_types) {
            if let (Kind::DataSec(datasec), Some(btf)) = (&ty.kind, btf) {
                sections.push((btf.name(id).to_owned(), datasec.size.into()));
            }
        }
        for known in &self.untyped {
            let end = known.offset.saturating_add(known.size);
            match sections.iter_mut().find(|(name, _)| *name == known.section) {
                Some((_, size)) => *size = end.max(*size),
                None => sections.push((known.section.clone(), end)),
            }
        }
        if sections.iter().any(|(_, size)| *size > MAX_SIZE) {
            return Err(bad(format!("variables in more than {MAX_SIZE} bytes")));
        }
        let data: Vec<Vec<u8>> =
            sections.iter().map(|(_, size)| vec![0; usize::try_from(*size).unwrap_or(0)]).collect();
        let inputs = sections.iter().zip(&data).enumerate();
        let inputs = inputs.map(|(at, ((name, _), data))| SectionInput {
            index: SectionIndex::from_index(at),
            name,
            is_unique: true,
            data,
            relocated: Vec::new(),
        });
        let symbols = self.untyped.iter().map(|known| SymbolInput {
            name: &known.name,
            section: sections.iter().position(|(name, _)| *name == known.section),
            offset: known.offset,
            size: known.size,
            linkage: Linkage::Global,
        });
        let order = if self.big_endian { Endianness::Big } else { Endianness::Little };
        let input = Input { order, btf, sections: inputs.collect(), symbols: symbols.collect() };
        let mut variables = Variables::collect(&input).map_err(|error| bad(error.to_string()))?;
        Ok(read(&mut variables))
    }
}

/// Bytes that the sections of a layout can have: more than any that loaders take.
const MAX_SIZE: u64 = 1 << 29;

/// Bytes that the types of a layout can have.
const MAX_TYPES: u64 = 1 << 26;

/// The types of some variables, without what pointers point to.
fn types(btf: &Btf, sealed: &[&Variable]) -> Result<String, Error> {
    let mut btf = btf.clone();
    let mut keep = TypeSet::new();
    let ids: Vec<TypeId> = btf.own_types().map(|(id, _)| id).collect();
    for id in ids {
        let section = btf.name(id).to_owned();
        let Some(ty) = btf.ty_mut(id) else { continue };
        match &mut ty.kind {
            Kind::Ptr(target) | Kind::DeclTag { target, .. } => *target = TypeId::VOID,
            // A loader could set it: only that counts here.
            Kind::Var { linkage, .. } => *linkage = Linkage::Global,
            Kind::DataSec(datasec) => {
                let here = sealed.iter().filter(|variable| variable.section == section);
                let place = |variable: &&Variable| {
                    Some(SecVar {
                        var: variable.var?,
                        offset: u32::try_from(variable.offset).ok()?,
                        size: u32::try_from(variable.size).ok()?,
                    })
                };
                datasec.vars = here.filter_map(place).collect();
                let ends = datasec.vars.iter().map(|var| var.offset.saturating_add(var.size));
                datasec.size = ends.max().unwrap_or(0);
                if !datasec.vars.is_empty() {
                    keep.insert(id);
                }
            }
            _ => {}
        }
    }
    btf.retain(&keep);
    btf.rebuild_strings(None);
    let bad = |error: std::io::Error| Error::Record { section: RECORD, problem: error.to_string() };
    let mut deflater = DeflateEncoder::new(Vec::new(), Compression::best());
    deflater.write_all(&btf.to_bytes()?).map_err(bad)?;
    Ok(STANDARD.encode(deflater.finish().map_err(bad)?))
}
