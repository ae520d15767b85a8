//! Where instructions come from: functions, instructions and source lines of the object.

use crate::Object;
use crate::passes::entity::{Func, Line, PerEntity};
use crate::passes::ir::Function;
use crate::report::{Location, SourceLine};

/// The source lines of instructions, found for a whole function at a time.
pub(crate) struct Lines<'o> {
    object: &'o Object,
    /// For each slot of a function the line of the original instruction.
    funcs: PerEntity<Func, Option<Vec<Option<Line>>>>,
}

impl<'o> Lines<'o> {
    pub(crate) fn new(object: &'o Object) -> Self {
        Lines { object, funcs: PerEntity::default() }
    }

    pub(crate) fn location(&mut self, func: Func, slot: Option<u32>) -> Location {
        let function = self.object.program().funcs.get(func);
        let line = slot.zip(function).and_then(|(slot, function)| {
            let lines = self.funcs[func].get_or_insert_with(|| lines_of(function));
            lines.get(slot as usize).copied().flatten()
        });
        Location {
            function: function.map(|function| function.name.clone()).unwrap_or_default(),
            instruction: slot,
            source: line.and_then(|line| source(self.object, line)),
        }
    }
}

fn lines_of(function: &Function) -> Vec<Option<Line>> {
    let mut lines = vec![None; function.original_slots as usize];
    for (_, inst) in function.insts() {
        let data = function.inst(inst);
        let entry = data.origin.and_then(|origin| lines.get_mut(origin as usize));
        if let Some(entry) = entry {
            *entry = data.line;
        }
    }
    lines
}

fn source(object: &Object, line: Line) -> Option<SourceLine> {
    let btf = object.btf()?;
    let record = &object.links().lines.get(line)?.record;
    Some(SourceLine {
        file: object.source_path(&btf.str_lossy(record.file_name_off)).to_owned(),
        line: record.line(),
        column: record.column(),
        text: btf.str_lossy(record.line_off).trim().to_owned(),
    })
}
