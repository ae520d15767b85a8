//! Since when there are the enumerators of `include/uapi/linux/bpf.h` that programs ask for: types
//! of maps, of programs, and what programs are attached to.
//!
//! Versions are those of kernels as released. What was added to older stable kernels, too
//! (`BPF_CGROUP_UDP4_RECVMSG`), and names that came late for what was there
//! (`BPF_MAP_TYPE_CGROUP_STORAGE_DEPRECATED`) are left out: they are unknown.

use crate::passes::helpers::{Helper, Version};

/// The first version with an enumerator; none if it is not known.
pub(super) fn since(enumeration: &[u8], name: &str) -> Option<Version> {
    let (prefix, table) = match enumeration {
        b"bpf_func_id" => {
            let name = name.strip_prefix("BPF_FUNC_")?;
            return Some(Helper::by_name(&format!("bpf_{name}"))?.since);
        }
        b"bpf_map_type" => ("BPF_MAP_TYPE_", MAP_TYPES),
        b"bpf_prog_type" => ("BPF_PROG_TYPE_", PROG_TYPES),
        b"bpf_attach_type" => ("BPF_", ATTACH_TYPES),
        _ => return None,
    };
    let name = name.strip_prefix(prefix)?;
    table.iter().find(|(_, names)| names.contains(&name)).map(|(version, _)| *version)
}

/// What came with a version.
type Table = &'static [(Version, &'static [&'static str])];

const MAP_TYPES: Table = &[
    ((3, 19), &["UNSPEC", "HASH", "ARRAY"]),
    ((4, 2), &["PROG_ARRAY"]),
    ((4, 3), &["PERF_EVENT_ARRAY"]),
    ((4, 6), &["PERCPU_HASH", "PERCPU_ARRAY", "STACK_TRACE"]),
    ((4, 8), &["CGROUP_ARRAY"]),
    ((4, 10), &["LRU_HASH", "LRU_PERCPU_HASH"]),
    ((4, 11), &["LPM_TRIE"]),
    ((4, 12), &["ARRAY_OF_MAPS", "HASH_OF_MAPS"]),
    ((4, 14), &["DEVMAP", "SOCKMAP"]),
    ((4, 15), &["CPUMAP"]),
    ((4, 18), &["XSKMAP", "SOCKHASH"]),
    ((4, 19), &["CGROUP_STORAGE", "REUSEPORT_SOCKARRAY"]),
    ((4, 20), &["PERCPU_CGROUP_STORAGE", "QUEUE", "STACK"]),
    ((5, 2), &["SK_STORAGE"]),
    ((5, 4), &["DEVMAP_HASH"]),
    ((5, 6), &["STRUCT_OPS"]),
    ((5, 8), &["RINGBUF"]),
    ((5, 10), &["INODE_STORAGE"]),
    ((5, 11), &["TASK_STORAGE"]),
    ((5, 16), &["BLOOM_FILTER"]),
    ((6, 1), &["USER_RINGBUF"]),
    ((6, 2), &["CGRP_STORAGE"]),
    ((6, 9), &["ARENA"]),
];

const PROG_TYPES: Table = &[
    ((3, 19), &["UNSPEC", "SOCKET_FILTER"]),
    ((4, 1), &["KPROBE", "SCHED_CLS", "SCHED_ACT"]),
    ((4, 7), &["TRACEPOINT"]),
    ((4, 8), &["XDP"]),
    ((4, 9), &["PERF_EVENT"]),
    ((4, 10), &["CGROUP_SKB", "CGROUP_SOCK", "LWT_IN", "LWT_OUT", "LWT_XMIT"]),
    ((4, 13), &["SOCK_OPS"]),
    ((4, 14), &["SK_SKB"]),
    ((4, 15), &["CGROUP_DEVICE"]),
    ((4, 17), &["SK_MSG", "RAW_TRACEPOINT", "CGROUP_SOCK_ADDR"]),
    ((4, 18), &["LWT_SEG6LOCAL", "LIRC_MODE2"]),
    ((4, 19), &["SK_REUSEPORT"]),
    ((4, 20), &["FLOW_DISSECTOR"]),
    ((5, 2), &["CGROUP_SYSCTL", "RAW_TRACEPOINT_WRITABLE"]),
    ((5, 3), &["CGROUP_SOCKOPT"]),
    ((5, 5), &["TRACING"]),
    ((5, 6), &["STRUCT_OPS", "EXT"]),
    ((5, 7), &["LSM"]),
    ((5, 9), &["SK_LOOKUP"]),
    ((5, 14), &["SYSCALL"]),
    ((6, 4), &["NETFILTER"]),
];

const ATTACH_TYPES: Table = &[
    ((4, 10), &["CGROUP_INET_INGRESS", "CGROUP_INET_EGRESS", "CGROUP_INET_SOCK_CREATE"]),
    ((4, 13), &["CGROUP_SOCK_OPS"]),
    ((4, 14), &["SK_SKB_STREAM_PARSER", "SK_SKB_STREAM_VERDICT"]),
    ((4, 15), &["CGROUP_DEVICE"]),
    (
        (4, 17),
        &[
            "SK_MSG_VERDICT",
            "CGROUP_INET4_BIND",
            "CGROUP_INET6_BIND",
            "CGROUP_INET4_CONNECT",
            "CGROUP_INET6_CONNECT",
            "CGROUP_INET4_POST_BIND",
            "CGROUP_INET6_POST_BIND",
        ],
    ),
    ((4, 18), &["CGROUP_UDP4_SENDMSG", "CGROUP_UDP6_SENDMSG", "LIRC_MODE2"]),
    ((4, 20), &["FLOW_DISSECTOR"]),
    ((5, 2), &["CGROUP_SYSCTL"]),
    ((5, 3), &["CGROUP_GETSOCKOPT", "CGROUP_SETSOCKOPT"]),
    ((5, 5), &["TRACE_RAW_TP", "TRACE_FENTRY", "TRACE_FEXIT"]),
    ((5, 7), &["MODIFY_RETURN", "LSM_MAC"]),
    (
        (5, 8),
        &[
            "TRACE_ITER",
            "CGROUP_INET4_GETPEERNAME",
            "CGROUP_INET6_GETPEERNAME",
            "CGROUP_INET4_GETSOCKNAME",
            "CGROUP_INET6_GETSOCKNAME",
            "XDP_DEVMAP",
        ],
    ),
    ((5, 9), &["CGROUP_INET_SOCK_RELEASE", "XDP_CPUMAP", "SK_LOOKUP", "XDP"]),
    ((5, 13), &["SK_SKB_VERDICT"]),
    ((5, 14), &["SK_REUSEPORT_SELECT", "SK_REUSEPORT_SELECT_OR_MIGRATE"]),
    ((5, 15), &["PERF_EVENT"]),
    ((5, 18), &["TRACE_KPROBE_MULTI"]),
    ((6, 0), &["LSM_CGROUP"]),
    ((6, 4), &["STRUCT_OPS", "NETFILTER"]),
    ((6, 6), &["TCX_INGRESS", "TCX_EGRESS", "TRACE_UPROBE_MULTI"]),
    (
        (6, 7),
        &[
            "CGROUP_UNIX_CONNECT",
            "CGROUP_UNIX_SENDMSG",
            "CGROUP_UNIX_RECVMSG",
            "CGROUP_UNIX_GETPEERNAME",
            "CGROUP_UNIX_GETSOCKNAME",
            "NETKIT_PRIMARY",
            "NETKIT_PEER",
        ],
    ),
    ((6, 10), &["TRACE_KPROBE_SESSION"]),
];

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
mod tests {
    use super::{ATTACH_TYPES, MAP_TYPES, PROG_TYPES, since};

    #[test]
    fn enumerators_came_with_a_version() {
        assert_eq!(since(b"bpf_func_id", "BPF_FUNC_loop"), Some((5, 17)));
        assert_eq!(since(b"bpf_map_type", "BPF_MAP_TYPE_RINGBUF"), Some((5, 8)));
        assert_eq!(since(b"bpf_prog_type", "BPF_PROG_TYPE_LSM"), Some((5, 7)));
        assert_eq!(since(b"bpf_attach_type", "BPF_XDP"), Some((5, 9)));
        // Of another enumeration, of none, of no version.
        assert_eq!(since(b"bpf_map_type", "BPF_PROG_TYPE_LSM"), None);
        assert_eq!(since(b"bpf_attr", "BPF_XDP"), None);
        assert_eq!(since(b"bpf_attach_type", "BPF_CGROUP_UDP4_RECVMSG"), None);
        assert_eq!(since(b"bpf_map_type", "BPF_MAP_TYPE_"), None);
    }

    #[test]
    fn tables_are_in_order() {
        for table in [MAP_TYPES, PROG_TYPES, ATTACH_TYPES] {
            assert!(table.is_sorted_by(|(a, _), (b, _)| a < b));
            let mut names: Vec<_> = table.iter().flat_map(|(_, names)| *names).collect();
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count);
        }
    }
}
