//! Helper functions of the kernel: what each reads, writes and returns.
//!
//! The table holds every helper of the kernel's `enum bpf_func_id` (helpers are frozen at
//! 211; what came later is a kfunc). Argument kinds are those that the verifier checks
//! (`struct bpf_func_proto` in `kernel/bpf/helpers.c`, `kernel/trace/bpf_trace.c`,
//! `net/core/filter.c` and others), which say more than the C prototypes: a `void *` of
//! `bpf_perf_event_output` is only read. Where kernels, program types or map types differ,
//! the entry is the union of what any of them does.
//!
//! No helper returns the address of a frame, and none keeps one, except through an argument
//! that is [`Access::Retain`]. A helper reaches a frame through its arguments only; through
//! addresses that stand in memory only where [`Helper::indirect`] says so, and through
//! callbacks where it takes an [`Arg::Callback`].

mod table;

#[cfg(test)]
mod tests;

use crate::isa::Reg;

/// What a helper does with the memory that an argument points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads bytes.
    Read,
    /// Reads bytes if the address is valid; the verifier takes any number
    /// (`bpf_probe_read`).
    Probe,
    /// May write bytes, in any order, not necessarily all, and reads none. Kernels allow the
    /// memory to be uninitialised and take it for initialised afterwards.
    Write,
    /// May write bytes and may read them; kernels may want the memory initialised.
    Update,
    /// As [`Access::Update`], and later calls of any helper or kfunc may do so too.
    Retain,
}

impl Access {
    /// Whether the bytes before the call can matter.
    pub fn reads(self) -> bool {
        self != Access::Write
    }

    /// Whether the bytes can be others after the call.
    pub fn writes(self) -> bool {
        matches!(self, Access::Write | Access::Update | Access::Retain)
    }
}

/// How many bytes an argument points to. No access goes below the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// So many bytes.
    Bytes(u32),
    /// As many bytes as argument `r1` to `r5` says, named by its register number.
    Arg(u8),
    /// The key size of the map among the arguments.
    MapKey,
    /// The value size of the map among the arguments.
    MapValue,
    /// Up to and including a zero byte.
    String,
}

/// What a helper takes in one argument register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arg {
    /// A number. Where it is an address, it is one that is never dereferenced, or a user's.
    Scalar,
    /// The program's context; in some program types a socket.
    Ctx,
    /// A map.
    Map,
    /// Memory of the program: frame, map value, packet; null where the helper allows it.
    Memory {
        /// What the helper does there.
        access: Access,
        /// How much of it there is.
        extent: Extent,
    },
    /// A kernel object, or an object inside a map value (lock, timer, kptr): never a frame.
    Object,
    /// A function of the program, which the helper calls or registers.
    Callback,
    /// The address that the callback receives: null or in the frame. The callback can read
    /// and write the whole frame through it, below the address too.
    CallbackCtx,
    /// An argument that only a format string asks for: it may be uninitialised, and may be
    /// an address that `%s` and the like read.
    Variadic,
}

/// What a helper leaves in `r0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ret {
    /// Any number: the verifier of 5.10 assumes nothing.
    Integer,
    /// A negative error, or a number up to the largest value that argument `r1` to `r5`, named
    /// by its register number, can have (`do_refine_retval_range` of the verifier since 5.10).
    Length(u8),
    /// Nothing: the verifier takes `r0` for uninitialised.
    Void,
    /// An address that is not null.
    Ptr,
    /// An address, or null.
    PtrOrNull,
}

/// What a helper does through addresses that stand in memory that it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Indirect {
    /// Nothing.
    None,
    /// Reads there (`%s` of the `printf` family).
    Reads,
    /// Reads and writes there (`bpf_sys_bpf`).
    ReadsWrites,
}

/// A kernel version, major and minor.
pub type Version = (u16, u16);

/// The signature of a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Helper {
    /// The number by which `call` names it.
    pub number: i32,
    /// The name, `bpf_` included.
    pub name: &'static str,
    /// The first kernel that has it.
    pub since: Version,
    /// What it returns.
    pub ret: Ret,
    /// What it takes in `r1` and on. Registers beyond are not read.
    pub args: &'static [Arg],
    /// What it does through addresses that stand in memory.
    pub indirect: Indirect,
    /// Whether it does not return when it succeeds.
    pub tail_call: bool,
}

impl Helper {
    /// `bpf_map_lookup_elem`.
    pub const MAP_LOOKUP_ELEM: i32 = 1;
    /// `bpf_map_update_elem`.
    pub const MAP_UPDATE_ELEM: i32 = 2;
    /// `bpf_tail_call`.
    pub const TAIL_CALL: i32 = 12;
    /// `bpf_for_each_map_elem`.
    pub const FOR_EACH_MAP_ELEM: i32 = 164;
    /// `bpf_find_vma`.
    pub const FIND_VMA: i32 = 180;
    /// `bpf_loop`.
    pub const LOOP: i32 = 181;
    /// `bpf_user_ringbuf_drain`.
    pub const USER_RINGBUF_DRAIN: i32 = 209;

    /// The helper with this number, if it is known.
    pub fn get(number: i32) -> Option<&'static Helper> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        table::HELPERS.get(index)
    }

    /// The helper with this name (`bpf_` included), if there is one.
    pub fn by_name(name: &str) -> Option<&'static Helper> {
        table::HELPERS.iter().find(|helper| helper.name == name)
    }

    /// All helpers by number.
    pub fn all() -> impl ExactSizeIterator<Item = &'static Helper> {
        table::HELPERS.iter()
    }

    /// The number of argument registers that it reads.
    pub fn arity(&self) -> usize {
        self.args.len()
    }

    /// Whether it calls its callback no times and does nothing else but return 0, given what is
    /// known of its arguments: `bpf_loop` without iterations and flags (`kernel/bpf/bpf_iter.c`).
    /// Its verifier does not enter the callback then (`check_helper_call`), and refuses the
    /// program if it removes what it has not entered and nothing is behind it
    /// (`jit_subprogs`: "No program to jit").
    pub fn runs_nothing(&self, known: impl Fn(Reg) -> Option<u64>) -> bool {
        self.number == Self::LOOP && known(Reg::R1) == Some(0) && known(Reg::R4) == Some(0)
    }

    /// Whether it calls a function of the program before it returns, or lets it be called
    /// later.
    pub fn takes_callback(&self) -> bool {
        self.args.contains(&Arg::Callback)
    }
}
