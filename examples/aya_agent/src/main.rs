//! What programs for aya look like: configuration in statics that are read with
//! `read_volatile`, legacy maps, logging that is off, `memcpy` of the linker's.
#![no_std]
#![no_main]

use core::ptr::read_volatile;

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use aya_ebpf::macros::{classifier, kprobe, map, tracepoint, xdp};
use aya_ebpf::maps::{
    Array, HashMap, LruHashMap, PerCpuArray, PerfEventArray, ProgramArray, RingBuf,
};
use aya_ebpf::programs::{ProbeContext, TcContext, TracePointContext, XdpContext};
use aya_log_ebpf::info;

#[repr(C)]
#[derive(Clone, Copy)]
struct Config {
    verbose: bool,
    mode: u8,
    port: u16,
    limit: u32,
    since: u64,
}

#[unsafe(no_mangle)]
static VERBOSE: u32 = 0;
#[unsafe(no_mangle)]
static TARGET_PID: u32 = 0;
#[unsafe(no_mangle)]
static CONFIG: Config = Config { verbose: false, mode: 2, port: 80, limit: 10, since: 0 };
#[unsafe(no_mangle)]
static TABLE: [u32; 4] = [1, 2, 4, 8];
#[unsafe(no_mangle)]
static mut COUNTER: u64 = 0;

#[map]
static PIDS: HashMap<u32, u64> = HashMap::with_max_entries(1024, 0);
#[map]
static RECENT: LruHashMap<u32, u64> = LruHashMap::with_max_entries(1024, 0);
#[map]
static STATS: PerCpuArray<u64> = PerCpuArray::with_max_entries(4, 0);
#[map]
static EVENTS: PerfEventArray<u64> = PerfEventArray::new(0);
#[map]
static RING: RingBuf = RingBuf::with_byte_size(4096, 0);
#[map]
static JUMPS: ProgramArray = ProgramArray::with_max_entries(4, 0);
#[map]
static BLOCK: Array<u32> = Array::with_max_entries(16, 0);

fn config() -> Config {
    unsafe { read_volatile(&CONFIG) }
}

fn verbose() -> u32 {
    unsafe { read_volatile(&VERBOSE) }
}

#[inline(never)]
fn count(index: u32) {
    if let Some(value) = STATS.get_ptr_mut(index) {
        unsafe { *value += 1 }
    }
}

#[xdp]
fn filter(ctx: XdpContext) -> u32 {
    let config = config();
    let len = ctx.data_end() - ctx.data();
    if verbose() != 0 {
        info!(&ctx, "packet of {} bytes", len);
    }
    count(0);
    match config.mode {
        0 => return xdp_action::XDP_PASS,
        1 => unsafe {
            let _ = JUMPS.tail_call(&ctx, 1);
        },
        2 => count(1),
        _ => count(2),
    }
    if len as u32 > config.limit && config.verbose {
        return xdp_action::XDP_DROP;
    }
    let slot = unsafe { read_volatile(&TABLE[len & 3]) };
    if BLOCK.get(slot & 15).is_some_and(|blocked| *blocked != 0) {
        return xdp_action::XDP_DROP;
    }
    unsafe { COUNTER += 1 };
    xdp_action::XDP_PASS
}

#[kprobe]
fn enter(ctx: ProbeContext) -> u32 {
    let pid = (bpf_get_current_pid_tgid() >> 32) as u32;
    let target = unsafe { read_volatile(&TARGET_PID) };
    if target != 0 && target != pid {
        return 0;
    }
    let now = unsafe { bpf_ktime_get_ns() };
    let config = config();
    if config.since != 0 && now < config.since {
        return 0;
    }
    if config.verbose {
        let _ = RECENT.insert(&pid, &now, 0);
        EVENTS.output(&ctx, &now, 0);
    } else {
        let _ = PIDS.insert(&pid, &now, 0);
    }
    0
}

#[tracepoint]
fn leave(ctx: TracePointContext) -> u32 {
    let pid = (bpf_get_current_pid_tgid() >> 32) as u32;
    if let Some(mut entry) = RING.reserve::<u64>(0) {
        entry.write(u64::from(pid));
        entry.submit(0);
    }
    if verbose() > 1 {
        info!(&ctx, "pid {} port {}", pid, config().port);
    }
    0
}

#[classifier]
fn shape(ctx: TcContext) -> i32 {
    match config().port {
        80 => count(0),
        443 => count(1),
        _ => {}
    }
    if ctx.len() > config().limit { 2 } else { 0 }
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    loop {}
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
