//! Folding a program again with other roots or levels.
//!
//! Functions know of each other by calls and addresses alone. So what becomes of a function
//! depends on the functions of its component of the call graph, on which of these are roots and
//! on their levels; components of which none of this differs keep what became of them.

use super::{Driver, FoldLog, Level, Limit, Options, PassError, Step, default_roots};
use crate::analysis::calls::CallGraph;
use crate::cfg::encoded_slots;
use crate::entity::{Func, PerEntity};
use crate::ir::Program;

/// A set of functions.
pub type Funcs = PerEntity<Func, bool>;

/// A program that is folded, once or again.
#[derive(Clone, Debug)]
pub struct Folding<'p> {
    original: &'p Program,
    graph: CallGraph,
    components: PerEntity<Func, Func>,
    last: Option<Last>,
}

#[derive(Clone, Debug)]
struct Last {
    roots: Funcs,
    levels: PerEntity<Func, Level>,
    folded: Folded,
}

/// What became of a program.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The program.
    pub program: Program,
    /// What was done.
    pub log: FoldLog,
}

impl Folded {
    /// Takes from another result of the same program what became of some functions.
    fn take(&mut self, from: &mut Folded, funcs: &Funcs) {
        let (log, new) = (&mut self.log, &mut from.log);
        for (id, func) in self.program.funcs.iter_mut().filter(|(id, _)| funcs[*id]) {
            std::mem::swap(func, &mut from.program.funcs[id]);
            log.changed[id] = new.changed[id];
            log.levels[id] = new.levels[id];
        }
        log.events.retain(|event| !funcs[event.func()]);
        log.events.extend(new.events.iter().filter(|event| funcs[event.func()]));
        log.dead.retain(|func| !funcs[*func]);
        log.dead.extend(new.dead.iter().filter(|func| funcs[**func]));
        log.dead.sort();
        log.limits.retain(|limit| !funcs[limit.func()]);
        log.limits.extend(new.limits.iter().filter(|limit| funcs[limit.func()]));
        log.limits.sort();
    }
}

impl<'p> Folding<'p> {
    /// Nothing is folded yet.
    #[must_use]
    pub fn new(original: &'p Program) -> Folding<'p> {
        let graph = CallGraph::new(original);
        let components = graph.components();
        Folding { original, graph, components, last: None }
    }

    /// The functions that have to do with some: those of their components.
    #[must_use]
    pub fn connected(&self, funcs: impl IntoIterator<Item = Func>) -> Funcs {
        let mut components: Funcs = PerEntity::default();
        funcs.into_iter().for_each(|func| components[self.components[func]] = true);
        let mut connected = PerEntity::default();
        for func in self.original.funcs.keys() {
            connected[func] = components[self.components[func]];
        }
        connected
    }

    /// Who names whom in the original.
    #[must_use]
    pub fn graph(&self) -> &CallGraph {
        &self.graph
    }

    /// Folds what was not folded before with these options, and says which functions that are.
    /// `edit` sees what became of them before it is taken: a hook for tests.
    ///
    /// # Errors
    /// As [`fold`](super::fold).
    pub fn fold(
        &mut self,
        options: &Options,
        watch: &mut dyn FnMut(&Step<'_>),
        edit: &mut dyn FnMut(&mut Program, &FoldLog),
    ) -> Result<Funcs, PassError> {
        let list =
            options.roots.clone().unwrap_or_else(|| default_roots(self.original, &self.graph));
        let mut roots: Funcs = PerEntity::default();
        list.iter().for_each(|root| roots[*root] = true);
        let mut levels = options.levels.clone();
        let mut limits = Vec::new();
        let large = |func| options.limits.is_too_large(&self.original.funcs[func]);
        for id in self.original.funcs.keys().filter(|id| large(*id)) {
            levels[id] = Level::None;
            limits.push(Limit::Blocks(id, options.limits.blocks));
        }
        let is_whole = options.whole || options.limit.is_some();
        let differs = |func: &Func| {
            is_whole
                || self.last.as_ref().is_none_or(|last| {
                    (last.roots[*func], last.levels[*func]) != (roots[*func], options.levels[*func])
                })
        };
        let anew = self.connected(self.original.funcs.keys().filter(differs));
        let mut result: Option<Folded> = None;
        let mut attempt = anew.clone();
        loop {
            let log =
                FoldLog { levels: levels.clone(), limits: limits.clone(), ..FoldLog::default() };
            let roots: Vec<Func> = list.iter().copied().filter(|root| attempt[*root]).collect();
            let mut folded =
                Driver::fold(self.original, &self.graph, (options, &roots), log, watch)?;
            let mut grown = Vec::new();
            for (id, func) in folded.program.funcs.iter().filter(|(id, _)| attempt[*id]) {
                if folded.log.changed[id]
                    && encoded_slots(func) > encoded_slots(&self.original.funcs[id])
                {
                    grown.push(id);
                    levels[id] = match levels[id] {
                        Level::Full => Level::Narrow,
                        Level::Narrow | Level::Plain | Level::Bare | Level::None => Level::None,
                    };
                }
            }
            match &mut result {
                None => result = Some(folded),
                Some(result) => result.take(&mut folded, &attempt),
            }
            if grown.is_empty() {
                break;
            }
            attempt = self.connected(if is_whole { list.clone() } else { grown });
        }
        if let Some(mut folded) = result {
            edit(&mut folded.program, &folded.log);
            let folded = match self.last.take() {
                None => folded,
                Some(mut last) => {
                    last.folded.take(&mut folded, &anew);
                    last.folded
                }
            };
            self.last = Some(Last { roots, levels: options.levels.clone(), folded });
        }
        Ok(anew)
    }

    /// What became of the program; none before it was folded.
    #[must_use]
    pub fn folded(&self) -> Option<&Folded> {
        self.last.as_ref().map(|last| &last.folded)
    }

    /// As [`folded`](Self::folded).
    #[must_use]
    pub fn into_folded(self) -> Option<Folded> {
        self.last.map(|last| last.folded)
    }
}
