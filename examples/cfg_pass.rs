//! A pass of a user's own over the control flow graph: for each function its loops, how deep
//! they nest, and the dominator tree of its blocks as a graph for Graphviz.
//!
//!     cargo run --example cfg_pass [OBJECT [FUNCTION]]
//!
//! Without a function it prints a table of all of them; with one its dominator tree, to draw
//! with `dot -Tsvg`.
#![allow(clippy::print_stdout, reason = "an example")]

use std::collections::BTreeSet;
use std::error::Error;

use bpfold::Object;
use bpfold::passes::cfg::{Cfg, DominatorTree};
use bpfold::passes::entity::{Block, Func};
use bpfold::passes::ir::{Function, Op, Program};
use bpfold::passes::text::Printer;

const OBJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/callbacks.bpf.o");

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| OBJECT.to_owned());
    let object = Object::parse(&std::fs::read(path)?)?;
    let program = object.program();
    let Some(name) = arguments.next() else {
        table(program);
        return Ok(());
    };
    let mut funcs = program.funcs.iter();
    let (func, _) = funcs.find(|(_, func)| func.name == name).ok_or("no such function")?;
    print!("{}", dominator_graph(program, func));
    Ok(())
}

fn table(program: &Program) {
    println!(
        "{:<24} {:>6} {:>8} {:>5} {:>5} {:>5}",
        "FUNCTION", "BLOCKS", "BRANCHES", "CALLS", "LOOPS", "DEPTH"
    );
    for func in program.funcs.values() {
        let count = |is: fn(&Op) -> bool| func.insts().filter(|(_, i)| is(func.op(*i))).count();
        let loops = natural_loops(func);
        println!(
            "{:<24} {:>6} {:>8} {:>5} {:>5} {:>5}",
            func.name,
            func.layout().len(),
            count(|op| matches!(op, Op::Branch { .. })),
            count(|op| matches!(op, Op::Call(_))),
            loops.len(),
            depth(&loops),
        );
    }
}

/// A natural loop: the blocks from which the header is reached without leaving the loop.
struct Loop {
    header: Block,
    body: BTreeSet<Block>,
}

/// The natural loops of a function, by header: an edge to a block that dominates its source
/// closes one.
fn natural_loops(func: &Function) -> Vec<Loop> {
    let cfg = Cfg::new(func);
    let Some(dominators) = cfg.dominators() else { return Vec::new() };
    let mut loops: Vec<Loop> = Vec::new();
    for &block in cfg.reverse_postorder() {
        for header in cfg.successors(block) {
            if !dominators.dominates(header, block) {
                continue;
            }
            let at = loops.iter().position(|known| known.header == header).unwrap_or_else(|| {
                loops.push(Loop { header, body: BTreeSet::from([header]) });
                loops.len() - 1
            });
            let mut todo = vec![block];
            while let Some(block) = todo.pop() {
                if loops[at].body.insert(block) {
                    todo.extend(cfg.predecessors(block));
                }
            }
        }
    }
    loops
}

fn depth(loops: &[Loop]) -> usize {
    let around = |inner: &Loop| loops.iter().filter(|l| l.body.contains(&inner.header)).count();
    loops.iter().map(around).max().unwrap_or(0)
}

/// The dominator tree in Graphviz's language, with the code of each block.
fn dominator_graph(program: &Program, id: Func) -> String {
    let func = &program.funcs[id];
    let printer = Printer::new(program);
    let cfg = Cfg::new(func);
    let mut out = format!("digraph \"dominators of {}\" {{\n  node [shape=box];\n", func.name);
    for &block in cfg.reverse_postorder() {
        let code = printer.block(id, block).to_string();
        let code = code.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\l");
        out.push_str(&format!("  {block} [label=\"{code}\"];\n"));
        let tree: Option<DominatorTree<'_>> = cfg.dominators();
        if let Some(parent) = tree.and_then(|tree| tree.immediate_dominator(block)) {
            out.push_str(&format!("  {parent} -> {block};\n"));
        }
    }
    out + "}\n"
}
