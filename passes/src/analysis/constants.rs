//! Conditional constant propagation over all functions of a program.
//!
//! Domain: [`State`]. Transfer: each instruction by RFC 9669; loads from read-only sections
//! give their final bytes; calls of helpers do what their signature says; calls of static
//! functions take the join of their live call sites and give back what they return and what
//! they did to their callers' frames; anything else that is called gets to everything that
//! it can reach. Edges: a branch that the operands decide has one successor; otherwise each
//! edge learns what the comparison says.
//!
//! Functions are solved in turn until nothing changes: a call site that raises its callee's
//! entry state puts the callee back to work, a callee whose result rises puts its callers
//! back. All start as unreached, so recursion and code that is only called from dead code
//! need no special case to be sound.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::analysis::branches::flow_out;
use crate::analysis::calls::{CallGraph, for_each_mention};
use crate::analysis::func_facts::is_untouchable;
use crate::analysis::jump_tables::Selection;
use crate::analysis::state::{MAX_FRAMES, State};
use crate::analysis::transfer::Transfer;
use crate::analysis::value::Value;
use crate::cfg::Cfg;
use crate::dataflow::{self, Analysis, Direction};
use crate::entity::{Block, EntityVec, Func, Inst, PerEntity};
use crate::helpers::Helper;
use crate::ir::Level;
use crate::ir::{Function, Linkage, Op, Program};
use crate::isa::{self, Callee, Imm64, Reg};

pub use crate::analysis::func_facts::FuncFacts;

/// A function's solution with all that it follows from: where that is the same, so is the
/// solution.
#[derive(Clone, Debug)]
struct Solved {
    /// How often the function had been changed.
    edits: u64,
    entry: State,
    /// What was entered on the way, in order.
    entered: Vec<Entered>,
    blocks: Rc<PerEntity<Block, Option<State>>>,
    exit: Option<State>,
}

#[derive(Clone, Debug)]
enum Entered {
    /// A call, with the state and with how the callee returned as far as that was known.
    Call(Func, Box<(State, Option<State>)>),
    /// Its address was taken.
    Address(Func),
}

/// What is known of every function of a program.
#[derive(Clone, Debug)]
pub struct Facts {
    funcs: EntityVec<Func, FuncFacts>,
    levels: PerEntity<Func, Level>,
    recursive: PerEntity<Func, bool>,
    arenas: bool,
    solved: PerEntity<Func, Option<Rc<Solved>>>,
    solves: usize,
}

impl Facts {
    /// Solves `program`. `roots` can be entered by somebody outside of it.
    pub fn new(program: &Program, roots: &[Func], levels: &PerEntity<Func, Level>) -> Facts {
        Self::solve(program, roots, levels, None)
    }

    /// As [`new`](Self::new), with what was known before some functions of the same program were
    /// changed. Those are solved of which the code, the state in which they are entered or what a
    /// callee returns is not what it was.
    #[must_use]
    pub fn again(
        &self,
        program: &Program,
        roots: &[Func],
        levels: &PerEntity<Func, Level>,
    ) -> Facts {
        Self::solve(program, roots, levels, Some(self))
    }

    /// How many functions were solved, each time counted.
    #[must_use]
    pub fn solves(&self) -> usize {
        self.solves
    }

    fn solve(
        program: &Program,
        roots: &[Func],
        levels: &PerEntity<Func, Level>,
        before: Option<&Facts>,
    ) -> Facts {
        let graph = CallGraph::new(program);
        let mut solver = Solver {
            program,
            levels,
            facts: program.funcs.keys().map(|_| FuncFacts::default()).collect(),
            callers: PerEntity::default(),
            work: BTreeSet::new(),
            recursive: graph.recursive(),
            arenas: uses_arenas(program),
            solved: PerEntity::default(),
            solves: 0,
        };
        let holds = |before: &&Facts| {
            (&before.levels, &before.recursive, before.arenas)
                == (levels, &solver.recursive, solver.arenas)
        };
        if let Some(before) = before.filter(holds) {
            solver.solved = before.solved.clone();
        }
        for &root in roots {
            solver.enter(root, &State::root(program.funcs[root].linkage));
        }
        while let Some(func) = solver.work.pop_first() {
            solver.solve(func, 0);
        }
        let Solver { facts: funcs, recursive, arenas, solved, solves, .. } = solver;
        Facts { funcs, levels: levels.clone(), recursive, arenas, solved, solves }
    }

    fn transfer<'a>(&'a self, program: &'a Program, func: Func) -> Transfer<'a> {
        let Facts { funcs: facts, levels, recursive, arenas, .. } = self;
        Transfer { program, facts, levels, recursive, arenas: *arenas, func }
    }

    /// What is known of one function.
    pub fn func(&self, func: Func) -> &FuncFacts {
        &self.funcs[func]
    }

    /// Whether the function can be entered at all.
    pub fn is_reached(&self, func: Func) -> bool {
        self.funcs[func].entry.is_some()
    }

    /// Calls `visit` for each instruction of a block that is reached, before and after it.
    /// Says whether the end of the block is reached: it is not if a call in it never returns.
    pub fn walk(
        &self,
        program: &Program,
        func: Func,
        block: Block,
        mut visit: impl FnMut(Inst, At<'_>),
    ) -> bool {
        let Some(state) = &self.funcs[func].blocks[block] else { return false };
        let function = &program.funcs[func];
        let transfer = self.transfer(program, func);
        let mut state = state.clone();
        for &inst in &function.block(block).insts {
            visit(inst, At::Before(&state));
            let goes_on = transfer.inst(&mut state, inst, function.inst(inst));
            visit(inst, At::After(&state));
            if !goes_on {
                return false;
            }
        }
        true
    }

    /// Calls `visit` for each instruction of a block that is reached, with what is known
    /// before it.
    pub fn walk_before(
        &self,
        program: &Program,
        func: Func,
        block: Block,
        mut visit: impl FnMut(Inst, &State),
    ) {
        self.walk(program, func, block, |inst, at| {
            if let At::Before(state) = at {
                visit(inst, state);
            }
        });
    }

    /// Calls `visit` for each edge out of a block that can be taken, with the state on it.
    pub fn out_edges(
        &self,
        program: &Program,
        func: Func,
        block: Block,
        mut visit: impl FnMut(Block, &State),
    ) {
        let function = &program.funcs[func];
        let Some(state) = &self.funcs[func].blocks[block] else { return };
        let transfer = self.transfer(program, func);
        let mut end = state.clone();
        let mut selection = Selection::new(function, block);
        for &inst in &function.block(block).insts {
            if let Some(selection) = &mut selection {
                selection.before(inst, &end);
            }
            if !transfer.inst(&mut end, inst, function.inst(inst)) {
                return;
            }
        }
        let selection = selection.as_ref();
        flow_out(function, block, selection, end, &mut |to, state| visit(to, &state));
    }
}

/// A point of a walk.
#[derive(Clone, Copy, Debug)]
pub enum At<'a> {
    /// Before an instruction.
    Before(&'a State),
    /// After it.
    After(&'a State),
}

struct Solver<'a> {
    program: &'a Program,
    levels: &'a PerEntity<Func, Level>,
    facts: EntityVec<Func, FuncFacts>,
    /// The functions that have a live call of each function.
    callers: PerEntity<Func, BTreeSet<Func>>,
    work: BTreeSet<Func>,
    /// Functions that can call themselves: the kernel refuses them, we assume nothing.
    recursive: PerEntity<Func, bool>,
    /// Whether code casts pointers into arenas.
    arenas: bool,
    /// The last solution of each function, of an earlier state of the program at first.
    solved: PerEntity<Func, Option<Rc<Solved>>>,
    solves: usize,
}

impl Solver<'_> {
    /// Joins a call's state into a function's entry state.
    fn enter(&mut self, func: Func, state: &State) {
        let facts = &mut self.facts[func];
        let changed = match &mut facts.entry {
            Some(entry) => entry.join(state, facts.joins, self.program.endian),
            unreached => {
                *unreached = Some(state.clone());
                true
            }
        };
        if changed {
            facts.joins += 1;
            self.work.insert(func);
        }
    }

    /// Enters a function with arguments of which nothing is known, not even that the first is
    /// the context.
    fn enter_from_outside(&mut self, func: Func) {
        self.enter(func, &State::root(Linkage::Global));
    }

    /// Enters `callee` from a call in `caller` and solves it at once, so that the call knows
    /// what it returns; calls that are nested deeper than the kernel allows have to wait.
    fn call(&mut self, caller: Func, callee: Func, state: &State, depth: usize) {
        if self.recursive[callee] || self.program.funcs[callee].linkage != Linkage::Static {
            self.enter_from_outside(callee);
        } else {
            self.enter(callee, &state.enter());
            if depth < MAX_FRAMES && self.work.remove(&callee) {
                self.solve(callee, depth + 1);
            }
        }
        self.callers[callee].insert(caller);
    }

    /// Solves one function; `depth` is the number of callers that are being solved.
    fn solve(&mut self, func: Func, depth: usize) {
        let program = self.program;
        let function = &program.funcs[func];
        let Some(entry) = self.facts[func].entry.clone() else { return };
        if is_untouchable(program, self.levels, func) {
            for_each_mention(function, |callee, _| self.enter_from_outside(callee));
            return;
        }
        let known = self.solved[func].clone();
        let known = known.filter(|known| (known.edits, &known.entry) == (function.edits(), &entry));
        let known = known.filter(|known| self.enters_the_same(func, known, depth));
        let solved = match known {
            Some(known) => known,
            None => {
                self.solves += 1;
                let cfg = Cfg::new(function);
                let start = function.entry().map(|block| (block, entry.clone()));
                let mut problem =
                    Problem { solver: self, func, depth, exit: None, entered: Vec::new() };
                let blocks = Rc::new(dataflow::solve(function, &cfg, &mut problem, start));
                let Problem { exit, entered, .. } = problem;
                Rc::new(Solved { edits: function.edits(), entry, entered, blocks, exit })
            }
        };
        self.facts[func].blocks = Rc::clone(&solved.blocks);
        if solved.exit != self.facts[func].exit {
            self.facts[func].exit.clone_from(&solved.exit);
            // Calls of others assume nothing of it.
            if function.linkage == Linkage::Static && !self.recursive[func] {
                self.work.extend(self.callers[func].iter().copied());
            }
        }
        self.solved[func] = Some(solved);
    }

    /// Enters what an earlier solution of a function entered, and says whether callees still
    /// return as they did then.
    fn enters_the_same(&mut self, func: Func, known: &Solved, depth: usize) -> bool {
        known.entered.iter().all(|entered| match entered {
            Entered::Call(callee, states) => {
                let (state, returned) = &**states;
                self.call(func, *callee, state, depth);
                self.facts[*callee].exit == *returned
            }
            Entered::Address(callee) => {
                self.enter_from_outside(*callee);
                true
            }
        })
    }
}

/// Whether code can have pointers into arenas: compilers cast them before each access.
fn uses_arenas(program: &Program) -> bool {
    fn casts<T>(op: &isa::Op<T>) -> bool {
        matches!(op, isa::Op::AddrSpaceCast { .. })
    }
    program.funcs.values().any(|function| match &function.opaque {
        Some(body) => body.items.iter().any(|item| item.op.as_ref().is_none_or(casts)),
        None => function.insts().any(|(_, inst)| casts(function.op(inst))),
    })
}

struct Problem<'p, 'a> {
    solver: &'p mut Solver<'a>,
    func: Func,
    /// The number of callers that are being solved.
    depth: usize,
    exit: Option<State>,
    entered: Vec<Entered>,
}

impl Problem<'_, '_> {
    fn returns(&mut self, state: State) {
        match &mut self.exit {
            Some(exit) => {
                exit.join(&state, 0, self.solver.program.endian);
            }
            none => *none = Some(state),
        }
    }

    /// The function may return here, in the middle of a block.
    fn returns_early(&mut self, state: &State, result: Option<u64>) {
        let mut state = state.clone();
        state.set_number(Reg::R0, result.map_or(Value::NUMBER, Value::constant));
        self.returns(state);
    }
}

impl Analysis for Problem<'_, '_> {
    type State = State;
    const DIRECTION: Direction = Direction::Forward;

    fn join(&self, into: &mut State, from: &State, visits: u32) -> bool {
        into.join(from, visits, self.solver.program.endian)
    }

    fn flow(
        &mut self,
        func: &Function,
        _cfg: &Cfg,
        block: Block,
        mut state: State,
        out: &mut dyn FnMut(Block, State),
    ) {
        let mut selection = Selection::new(func, block);
        for &inst in &func.block(block).insts {
            if let Some(selection) = &mut selection {
                selection.before(inst, &state);
            }
            match func.op(inst) {
                Op::Call(Callee::Func(callee)) => {
                    self.solver.call(self.func, *callee, &state, self.depth);
                    let returned = self.solver.facts[*callee].exit.clone();
                    self.entered.push(Entered::Call(*callee, Box::new((state.clone(), returned))));
                }
                Op::LdImm64 { imm: Imm64::Func(callee), .. } => {
                    self.solver.enter_from_outside(*callee);
                    self.entered.push(Entered::Address(*callee));
                }
                Op::Exit => self.returns(state.clone()),
                // Beyond the packet the function returns 0 (`bpf_gen_ld_abs` of
                // `net/core/filter.c`).
                Op::LdAbs { .. } | Op::LdInd { .. } => self.returns_early(&state, Some(0)),
                // The program that a tail call enters returns to the function's caller.
                Op::Call(Callee::Helper(number))
                    if Helper::get(*number).is_some_and(|helper| helper.tail_call) =>
                {
                    self.returns_early(&state, None);
                }
                _ => {}
            }
            let Solver { program, facts, levels, recursive, arenas, .. } = &*self.solver;
            let (arenas, func_id) = (*arenas, self.func);
            let transfer = Transfer { program, facts, levels, recursive, arenas, func: func_id };
            if !transfer.inst(&mut state, inst, func.inst(inst)) {
                return;
            }
        }
        flow_out(func, block, selection.as_ref(), state, out);
    }
}
