// SPDX-License-Identifier: MIT OR Apache-2.0
// A map that only one feature uses, with a value that may be absent.
// needs: clang
// case off: => live 3; dead 1 2
// case on: count=1 => live 1 2 3; dead

#include "pattern.h"

VAR(bool, count);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

PROGRAM
{
	if (count) {
		__u32 key = unknown(0);
		__u64 one = 1, *value = bpf_map_lookup_elem(&counts, &key);

		if (value) {
			__sync_fetch_and_add(value, 1);
			mark(1);
		} else {
			bpf_map_update_elem(&counts, &key, &one, BPF_ANY);
			mark(2);
		}
	}
	mark(3);
	return 0;
}
