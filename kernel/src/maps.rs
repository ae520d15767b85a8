//! Maps: what a loader would set before loading, and what is in them afterwards.

use libbpf_sys as sys;
use serde::{Deserialize, Serialize};

use crate::libbpf::{Object, text};

/// Entries of a map that are read at most.
const ENTRY_LIMIT: usize = 512;
/// Bytes of a map's contents that are kept at most.
const BYTE_LIMIT: usize = 1 << 16;
/// Bytes of a stack trace: `PERF_MAX_STACK_DEPTH` addresses.
const STACK_TRACE_SIZE: u32 = 127 * 8;
/// Size of a ring buffer whose object leaves it to the loader.
const RING_SIZE: u32 = 4096;

/// What is in a map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapContents {
    /// The map's name.
    pub name: String,
    /// Keys and values, in the order of the keys.
    pub entries: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Completes map definitions that leave sizes to the program that loads them.
pub fn complete(object: &mut Object) {
    for map in object.maps() {
        // SAFETY: maps of an object that is open. After loading libbpf refuses all of these.
        unsafe {
            let ty = sys::bpf_map__type(map);
            match ty {
                sys::BPF_MAP_TYPE_RINGBUF | sys::BPF_MAP_TYPE_USER_RINGBUF => {
                    sys::bpf_map__set_key_size(map, 0);
                    sys::bpf_map__set_value_size(map, 0);
                }
                sys::BPF_MAP_TYPE_STACK_TRACE => {
                    if sys::bpf_map__key_size(map) == 0 {
                        sys::bpf_map__set_key_size(map, 4);
                    }
                    if sys::bpf_map__value_size(map) == 0 {
                        sys::bpf_map__set_value_size(map, STACK_TRACE_SIZE);
                    }
                }
                _ if sizes_values(ty) && sys::bpf_map__value_size(map) == 0 => {
                    sys::bpf_map__set_value_size(map, 8);
                }
                _ => {}
            }
            if sys::bpf_map__max_entries(map) == 0 {
                match ty {
                    sys::BPF_MAP_TYPE_RINGBUF | sys::BPF_MAP_TYPE_USER_RINGBUF => {
                        sys::bpf_map__set_max_entries(map, RING_SIZE);
                    }
                    _ if has_no_size(ty) => {}
                    _ => {
                        sys::bpf_map__set_max_entries(map, 1);
                    }
                }
            }
        }
    }
}

fn sizes_values(ty: u32) -> bool {
    matches!(
        ty,
        sys::BPF_MAP_TYPE_HASH
            | sys::BPF_MAP_TYPE_ARRAY
            | sys::BPF_MAP_TYPE_PERCPU_HASH
            | sys::BPF_MAP_TYPE_PERCPU_ARRAY
            | sys::BPF_MAP_TYPE_LRU_HASH
            | sys::BPF_MAP_TYPE_LRU_PERCPU_HASH
            | sys::BPF_MAP_TYPE_QUEUE
            | sys::BPF_MAP_TYPE_STACK
    )
}

/// Types with which `max_entries` must be 0, or is libbpf's to choose.
fn has_no_size(ty: u32) -> bool {
    matches!(
        ty,
        sys::BPF_MAP_TYPE_UNSPEC
            | sys::BPF_MAP_TYPE_PERF_EVENT_ARRAY
            | sys::BPF_MAP_TYPE_CGROUP_STORAGE
            | sys::BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE
            | sys::BPF_MAP_TYPE_SK_STORAGE
            | sys::BPF_MAP_TYPE_STRUCT_OPS
            | sys::BPF_MAP_TYPE_INODE_STORAGE
            | sys::BPF_MAP_TYPE_TASK_STORAGE
            | sys::BPF_MAP_TYPE_CGRP_STORAGE
    )
}

/// What is in the maps that programs write to: data sections but read-only ones, arrays and
/// hashes. Entries are in the order of their keys.
pub fn contents(object: &Object) -> Vec<MapContents> {
    let read = |map: *mut sys::bpf_map| {
        // SAFETY: a map of an object that is open.
        let (name, ty, fd, key, value) = unsafe {
            (
                text(sys::bpf_map__name(map)),
                sys::bpf_map__type(map),
                sys::bpf_map__fd(map),
                sys::bpf_map__key_size(map) as usize,
                sys::bpf_map__value_size(map) as usize,
            )
        };
        if fd < 0 || name.contains(".rodata") || name.contains(".kconfig") {
            return None;
        }
        let values = match ty {
            sys::BPF_MAP_TYPE_ARRAY | sys::BPF_MAP_TYPE_HASH | sys::BPF_MAP_TYPE_LRU_HASH => 1,
            sys::BPF_MAP_TYPE_PERCPU_ARRAY
            | sys::BPF_MAP_TYPE_PERCPU_HASH
            | sys::BPF_MAP_TYPE_LRU_PERCPU_HASH => possible_cpus()?,
            _ => return None,
        };
        // The kernel rounds the values of each processor up to 8 bytes.
        let size = if values == 1 { value } else { value.next_multiple_of(8) * values };
        Some(MapContents { name, entries: entries(fd, key, size) })
    };
    object.maps().into_iter().filter_map(read).collect()
}

fn possible_cpus() -> Option<usize> {
    // SAFETY: reads a file of sysfs.
    usize::try_from(unsafe { sys::libbpf_num_possible_cpus() }).ok().filter(|count| *count > 0)
}

/// Keys and values, as many as the limits allow. `value_size` is what one look-up writes.
fn entries(fd: i32, key_size: usize, value_size: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut entries = Vec::new();
    let mut bytes = 0;
    let mut key: Option<Vec<u8>> = None;
    while entries.len() < ENTRY_LIMIT && bytes < BYTE_LIMIT {
        let mut next = vec![0_u8; key_size.max(1)];
        let mut value = vec![0_u8; value_size.max(1)];
        let from = key.as_ref().map_or(std::ptr::null(), |key| key.as_ptr().cast());
        // SAFETY: the buffers are as large as the map's keys and what a look-up writes.
        let found = unsafe {
            sys::bpf_map_get_next_key(fd, from, next.as_mut_ptr().cast()) == 0
                && sys::bpf_map_lookup_elem(fd, next.as_ptr().cast(), value.as_mut_ptr().cast())
                    == 0
        };
        if !found {
            break;
        }
        bytes += next.len() + value.len();
        entries.push((next.clone(), value));
        key = Some(next);
    }
    entries.sort();
    entries
}
