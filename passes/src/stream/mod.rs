//! Raw instruction streams: what `bpf(BPF_PROG_LOAD)` takes, folded without an object.
//!
//! The stream of one program holds its subprograms behind it. It names maps, subprograms, kernel
//! functions and variables by pseudo source registers (`BPF_PSEUDO_*` of linux/bpf.h), the maps by
//! file descriptor or index. What is final in which map is not in the stream, so it comes beside
//! it ([`Stream::sections`]). Of what kernels conclude from instructions that need not run, a stream
//! cannot tell all: a program that casts addresses of an arena must name the arena's map, so
//! such a program is refused; and a program that replaces a global subprogram (`freplace`) may
//! change packets or sleep only if the subprogram does, be it in dead code.
//!
//! ```
//! use bpfold_passes::isa::{Endian, RawInsn};
//! use bpfold_passes::stream::{Contents, MapRef, Stream};
//!
//! // r1 = the value of map 7 ll; r0 = *(u32 *)(r1 + 4); exit
//! let code = [0x18, 0x21, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
//!             0x61, 0x10, 4, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
//! let mut stream = Stream::new(RawInsn::slots(&code, Endian::Little), Endian::Little);
//! stream.sections.insert(MapRef::Fd(7), Contents::all_final(vec![1, 0, 0, 0, 42, 0, 0, 0]));
//! let folded = stream.fold()?;
//! assert_eq!(folded.insns.len(), 2);
//! assert_eq!(folded.slots, [Some(0), Some(0), Some(0), Some(1)]);
//! # Ok::<(), bpfold_passes::stream::StreamError>(())
//! ```

mod read;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::calls::CallGraph;
use crate::check::{self, Refusal};
use crate::entity::{Func, PerEntity};
use crate::ir::Program;
use crate::isa::{Endian, RawInsn};
use crate::pass::{Folded, Folding, Level, Options, PassError};
use read::Lifted;

/// How an instruction names a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapRef {
    /// By its file descriptor (`BPF_PSEUDO_MAP_FD`, `BPF_PSEUDO_MAP_VALUE`).
    Fd(i32),
    /// By its place in the array of file descriptors that is loaded with the program
    /// (`BPF_PSEUDO_MAP_IDX`, `BPF_PSEUDO_MAP_IDX_VALUE`).
    Index(i32),
}

/// The value of a map of which some bits are final: the map is read-only for programs and frozen,
/// or it will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The bytes of the map's only value.
    pub bytes: Vec<u8>,
    /// For each byte the bits that are final.
    pub final_bits: Vec<u8>,
}

impl Contents {
    /// A value of which every bit is final.
    #[must_use]
    pub fn all_final(bytes: Vec<u8>) -> Self {
        let final_bits = vec![0xff; bytes.len()];
        Self { bytes, final_bits }
    }
}

/// `func_info` or `line_info` as `bpf(2)` takes it: records of one size, each beginning with the
/// slot that it is about (`insn_off`, counted from the stream's start), in rising order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// The records.
    pub bytes: Vec<u8>,
    /// Bytes of one: `func_info_rec_size` or `line_info_rec_size`.
    pub size: u32,
}

/// A program to be folded.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its instructions, those of subprograms included.
    pub insns: Vec<RawInsn>,
    /// The byte order of data that it reads.
    pub endian: Endian,
    /// What is final in the values of maps. Maps that are not here are left alone.
    pub sections: BTreeMap<MapRef, Contents>,
    /// Its `func_info`.
    pub func_info: Option<Records>,
    /// Its `line_info`.
    pub line_info: Option<Records>,
    /// The slots at which static subprograms start: those whose BTF type has the linkage
    /// `BTF_FUNC_STATIC`. With `func_info` all others count as global, and nothing is assumed of
    /// their arguments and results; without, the kernel takes all for static.
    pub statics: BTreeSet<u32>,
}

/// A program that is folded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoldedStream {
    /// The instructions.
    pub insns: Vec<RawInsn>,
    /// The `func_info`, if there was any; its records have the size that they had.
    pub func_info: Option<Records>,
    /// The `line_info`, if there was any; its records have the size that they had.
    pub line_info: Option<Records>,
    /// For each slot of the stream the slot that now does what it did: the instruction itself or, if
    /// it is gone, the next one that is left in its function; none if the function is gone.
    pub slots: Vec<Option<u32>>,
    /// How many functions were changed and are proven to do what they did.
    pub proven: usize,
    /// Functions that are folded less than they could be.
    pub less: Vec<LessFolded>,
}

/// A function of which not everything could be proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessFolded {
    /// The slot at which it started.
    pub start: u32,
    /// What was not shown.
    pub reason: String,
}

/// A stream that cannot be folded. The program can still be loaded as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// An instruction that is not understood, or not in a form that can be moved.
    #[error("slot {slot}: {problem}")]
    Code {
        /// The slot, from the stream's start.
        slot: u32,
        /// What is wrong.
        problem: String,
    },
    /// Records that do not fit the stream.
    #[error("{table}, record {record}: {problem}")]
    Records {
        /// `func_info` or `line_info`.
        table: &'static str,
        /// The record, from 0.
        record: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// A value whose mask has another length.
    #[error("the value of map {map:?} has {bytes} bytes, its mask {mask}")]
    Mask {
        /// The map.
        map: MapRef,
        /// The bytes of the value.
        bytes: usize,
        /// The bytes of the mask.
        mask: usize,
    },
    /// A pass broke the program: a bug.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// The checker refuses a function that was not changed: a bug.
    #[error("the checker refuses the function at slot {start}, which was not changed: {reason}")]
    Unproven {
        /// The slot at which it starts.
        start: u32,
        /// Why.
        reason: String,
    },
}

/// Attempts after which every function that is refused is put back at once.
const STEPWISE: usize = 8;

impl Stream {
    /// A stream of which nothing more is known.
    #[must_use]
    pub fn new(insns: Vec<RawInsn>, endian: Endian) -> Self {
        Self {
            insns,
            endian,
            sections: BTreeMap::new(),
            func_info: None,
            line_info: None,
            statics: BTreeSet::new(),
        }
    }

    /// Folds loads of what is final, removes what is dead, and proves that the rest does what it
    /// did. A function that is not proven is folded less.
    ///
    /// # Errors
    /// Instructions that are not understood, jumps out of functions, jumps by tables; records that
    /// do not fit; bugs.
    pub fn fold(&self) -> Result<FoldedStream, StreamError> {
        let lifted = Lifted::read(self)?;
        let (program, proven, less) = fold(&lifted)?;
        write::write(self, &lifted, &program, proven, less)
    }
}

type Proven = (Program, usize, Vec<LessFolded>);

fn fold(lifted: &Lifted) -> Result<Proven, StreamError> {
    let original = &lifted.program;
    let graph = CallGraph::new(original);
    // The program itself, and what kernels enter without code that names it, as exception
    // callbacks.
    let main = original.funcs.keys().next();
    let roots: Vec<Func> = main.into_iter().chain(graph.unnamed()).collect();
    let before = graph.reachable(roots.iter().copied());
    let mut options = Options { roots: Some(roots.clone()), ..Options::default() };
    let mut folding = Folding::new(original);
    let mut less: BTreeMap<Func, LessFolded> = BTreeMap::new();
    let mut attempts = 0;
    loop {
        folding.fold(&options, &mut |_| {}, &mut |_, _| {})?;
        let Some(Folded { program, log }) = folding.folded() else { continue };
        let mut program = program.clone();
        let after = CallGraph::new(&program).reachable(roots.iter().copied());
        for (id, func) in program.funcs.iter_mut() {
            if before[id] && !after[id] {
                func.clear();
            }
        }
        let refusals = check::check(original, &program, &roots);
        let Some(first) = refusals.first() else {
            let changed =
                |func: &Func| log.changed[*func] && !program.funcs[*func].layout().is_empty();
            let proven = program.funcs.keys().filter(changed).count();
            return Ok((program, proven, less.into_values().collect()));
        };
        attempts += 1;
        let lowered = refusals.iter().fold(false, |lowered, refusal| {
            let down = lower(&mut options.levels, refusal, attempts > STEPWISE);
            if down {
                less.entry(refusal.func).or_insert_with(|| LessFolded {
                    start: lifted.start(refusal.func),
                    reason: refusal.reason.to_string(),
                });
            }
            lowered || down
        });
        if !lowered {
            // What is refused was not touched: it is refused for what others pass to it.
            let rest = original.funcs.keys().filter(|func| options.levels[*func] != Level::None);
            let rest: Vec<Func> = rest.collect();
            if rest.is_empty() {
                return Err(StreamError::Unproven {
                    start: lifted.start(first.func),
                    reason: first.reason.to_string(),
                });
            }
            rest.into_iter().for_each(|func| options.levels[func] = Level::None);
        }
    }
}

/// The next step down for the function of a refusal; false if there is none.
fn lower(levels: &mut PerEntity<Func, Level>, refusal: &Refusal, at_once: bool) -> bool {
    let level = &mut levels[refusal.func];
    let next = if at_once { Level::None } else { level.lower() };
    std::mem::replace(level, next) != next
}
