//! Processor time of this thread: other processes do not count.

/// Seconds of processor time that this thread has used (first field of schedstat, in
/// nanoseconds: Documentation/scheduler/sched-stats.rst).
pub fn cpu_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split(' ').next().and_then(|field| field.parse::<u64>().ok());
    nanoseconds.unwrap_or(0) as f64 / 1e9
}
