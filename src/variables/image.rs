//! The contents of a read-only section as a loader holds them.

use super::finality::Finality;
use super::{VariableError, Variables};

impl Variables<'_> {
    /// Gives all of a read-only section the contents that a loader holds for it, and makes them
    /// final: `bpf_map__initial_value` of libbpf, `MapSpec.Contents` of cilium/ebpf. A variable
    /// that has another value there than in the object counts as set, all others as frozen. Bytes
    /// that relocations fill in stay as they are.
    ///
    /// # Errors
    ///
    /// No read-only section has the name, or several have; an image of another size than the
    /// section; another value than one that was set before; another value of a static constant
    /// without `volatile`, which the compiler has used.
    pub fn set_section(&mut self, name: &str, image: &[u8]) -> Result<(), VariableError> {
        let mut found = (0..self.sections.len())
            .filter(|at| self.sections.get(*at).is_some_and(|section| section.name == name));
        let (Some(at), None) = (found.next(), found.next()) else {
            let known = self.section_names().map(str::to_owned).collect();
            return Err(VariableError::NoSection { section: name.to_owned(), known });
        };
        let Some(section) = self.sections.get(at) else { return Ok(()) };
        if section.bytes.len() != image.len() {
            return Err(VariableError::ImageSize {
                section: name.to_owned(),
                size: section.bytes.len(),
                image: image.len(),
            });
        }
        let relocated = section.relocated.clone();
        for variable in 0..self.variables.len() {
            let Some(slot) = self.whole(variable).filter(|slot| slot.section == at) else {
                continue;
            };
            let bytes = slot.byte_range();
            let range = bytes.start as usize..bytes.end as usize;
            let (Some(section), Some(new)) = (self.sections.get(at), image.get(range.clone()))
            else {
                continue;
            };
            let (old, filled) = (section.bytes.get(range.clone()), relocated.get(range));
            let is_filled = filled.is_some_and(|filled| filled.iter().any(|mask| *mask != 0));
            match self.qualified_name(variable) {
                Some(path) if !is_filled && old != Some(new) => {
                    let digits = new.iter().map(|byte| format!("{byte:02x}"));
                    self.set(&path, &format!("hex:{}", digits.collect::<String>()))?;
                }
                _ => self.freeze_slot(&slot),
            }
        }
        if let Some(section) = self.sections.get_mut(at) {
            let bytes = section.bytes.iter_mut().zip(image).zip(&relocated);
            bytes.for_each(|((byte, new), mask)| *byte = *byte & mask | new & !mask);
            section.finish(0, vec![0xff; image.len()], "", Finality::Frozen);
        }
        Ok(())
    }
}
