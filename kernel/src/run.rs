//! BPF_PROG_TEST_RUN: what programs answer to packets, and what they leave in maps.
//!
//! Runs are repeatable as far as the programs are: they are bound to one processor and come in
//! the same order, each object being loaded anew. What a program takes from clocks, random
//! numbers or addresses differs from run to run; who compares runs has to find that out by
//! running the same object more than once.

use std::mem::size_of;

use libbpf_sys as sys;
use serde::{Deserialize, Serialize};

use crate::inputs::Packets;
use crate::libbpf::{Errno, Object, ProgramIndex, bytes_ptr, last_error};
use crate::maps::{self, MapContents};

/// What a program may make a packet grow to, in bytes.
const OUTPUT_SIZE: usize = 1 << 14;
/// The arguments of a raw tracepoint: 12 registers (`MAX_BPF_FUNC_ARGS`).
const TRACEPOINT_CONTEXT: usize = 12 * 8;

/// The test runs of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramRun {
    /// One for each packet, in their order.
    pub runs: Vec<Ran>,
    /// What is in the object's maps after them.
    pub maps: Vec<MapContents>,
}

impl ProgramRun {
    /// How many runs there were that the kernel did not refuse.
    #[must_use]
    pub fn count(&self) -> usize {
        self.runs.iter().filter(|run| run.errno == 0).count()
    }
}

/// The programs of an object with their runs; none for those that cannot be run.
pub type Runs = Vec<Option<ProgramRun>>;

/// What one run gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// The error number if the kernel did not run it, else 0.
    pub errno: i32,
    /// What the program returned.
    pub result: u32,
    /// The packet afterwards.
    pub data: Vec<u8>,
    /// The context afterwards, if the program type has one to give.
    pub context: Vec<u8>,
}

/// Bytes of `struct __sk_buff` (include/uapi/linux/bpf.h).
const SOCKET_BUFFER_CONTEXT: usize = 192;

/// How the kernel runs a program type.
enum Way {
    /// With a packet; a context of so many bytes comes back.
    Packet { context: usize },
    /// With a packet and a `struct xdp_md` that says where it ends; both come back.
    Frame,
    /// With a context only.
    Context(Vec<u8>),
}

fn way(program_type: u32) -> Option<Way> {
    match program_type {
        sys::BPF_PROG_TYPE_SOCKET_FILTER
        | sys::BPF_PROG_TYPE_SCHED_CLS
        | sys::BPF_PROG_TYPE_SCHED_ACT
        | sys::BPF_PROG_TYPE_CGROUP_SKB
        | sys::BPF_PROG_TYPE_LWT_IN
        | sys::BPF_PROG_TYPE_LWT_OUT
        | sys::BPF_PROG_TYPE_LWT_XMIT => Some(Way::Packet { context: SOCKET_BUFFER_CONTEXT }),
        sys::BPF_PROG_TYPE_XDP => Some(Way::Frame),
        sys::BPF_PROG_TYPE_FLOW_DISSECTOR => Some(Way::Packet { context: 0 }),
        sys::BPF_PROG_TYPE_SK_LOOKUP => Some(Way::Context(sk_lookup())),
        sys::BPF_PROG_TYPE_RAW_TRACEPOINT => Some(Way::Context(vec![0; TRACEPOINT_CONTEXT])),
        _ => None,
    }
}

/// A `struct bpf_sk_lookup` of a TCP connection over IPv4.
fn sk_lookup() -> Vec<u8> {
    let mut context = vec![0; size_of::<sys::bpf_sk_lookup>()];
    let mut put = |at: usize, value: u32| {
        if let Some(field) = context.get_mut(at..at + 4) {
            field.copy_from_slice(&value.to_ne_bytes());
        }
    };
    // `family` and `protocol` follow the 8 bytes of the socket.
    put(8, libc::AF_INET as u32);
    put(12, libc::IPPROTO_TCP as u32);
    context
}

/// Runs every program of a loaded object that can be run.
pub fn run_programs(object: &Object, packets: &Packets) -> Runs {
    stay_on_one_cpu();
    object.programs().map(|index| run_program(object, index, packets)).collect()
}

fn run_program(object: &Object, index: ProgramIndex, packets: &Packets) -> Option<ProgramRun> {
    let fd = object.fd(index)?;
    let runs = match way(object.program_type(index))? {
        Way::Packet { context } => {
            packets.iter().map(|packet| run(fd, packet, &[], OUTPUT_SIZE, context)).collect()
        }
        // Without a context that fits the packet the kernel gives none back
        // (`bpf_prog_test_run_xdp`); before 5.14 it takes none.
        Way::Frame => packets
            .iter()
            .map(|packet| {
                let mut context = vec![0; size_of::<sys::xdp_md>()];
                context[4..8].copy_from_slice(&(packet.len() as u32).to_ne_bytes());
                let size = context.len();
                match run(fd, packet, &context, OUTPUT_SIZE, size) {
                    refused if refused.errno == libc::EINVAL => {
                        run(fd, packet, &[], OUTPUT_SIZE, 0)
                    }
                    ran => ran,
                }
            })
            .collect(),
        Way::Context(context) => vec![run(fd, &[], &context, 0, 0)],
    };
    Some(ProgramRun { runs, maps: maps::contents(object) })
}

/// One run. The sizes are those of what comes back, in bytes.
fn run(fd: i32, data: &[u8], context: &[u8], data_size: usize, context_size: usize) -> Ran {
    let mut data_out = vec![0_u8; data_size];
    let mut context_out = vec![0_u8; context_size];
    let out = |bytes: &mut Vec<u8>| match bytes.is_empty() {
        true => std::ptr::null_mut(),
        false => bytes.as_mut_ptr().cast(),
    };
    let mut options = sys::bpf_test_run_opts {
        sz: size_of::<sys::bpf_test_run_opts>() as u64,
        data_in: bytes_ptr(data),
        data_size_in: data.len() as u32,
        ctx_in: bytes_ptr(context),
        ctx_size_in: context.len() as u32,
        data_out: out(&mut data_out),
        data_size_out: data_size as u32,
        ctx_out: out(&mut context_out),
        ctx_size_out: context_size as u32,
        ..Default::default()
    };
    // SAFETY: every buffer is as large as the options say and outlives the call.
    let failed = unsafe { sys::bpf_prog_test_run_opts(fd, &raw mut options) } != 0;
    let errno = if failed { last_error() } else { 0 };
    data_out.truncate(if failed { 0 } else { options.data_size_out as usize });
    context_out.truncate(if failed { 0 } else { options.ctx_size_out as usize });
    let result = if failed { 0 } else { options.retval };
    Ran { errno, result, data: data_out, context: context_out }
}

/// Maps with a value for each processor are the same from run to run only so.
fn stay_on_one_cpu() {
    // SAFETY: a set of processors is plain bits; the calls only read it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

/// Loads a program that returns 0, to find out whether loading is allowed.
pub fn load_nothing() -> Result<(), Errno> {
    // r0 = 0; exit
    let instructions: [u64; 2] = [0xb7, 0x95].map(|opcode: u64| u64::from_le(opcode));
    // SAFETY: two instructions of 8 bytes each, which the kernel reads; a descriptor that it
    // gives belongs to nobody else.
    unsafe {
        let fd = sys::bpf_prog_load(
            sys::BPF_PROG_TYPE_SOCKET_FILTER,
            std::ptr::null(),
            c"GPL".as_ptr(),
            instructions.as_ptr().cast(),
            instructions.len() as u64,
            std::ptr::null_mut(),
        );
        if fd < 0 {
            return Err(last_error());
        }
        libc::close(fd);
    }
    Ok(())
}
