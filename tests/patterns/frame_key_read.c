// SPDX-License-Identifier: MIT OR Apache-2.0
// A map key in the frame: the helper only reads it, so it is still known afterwards.
// case zero: => live 2; dead 1
// case some: v=1 => live 1; dead 2

#include "pattern.h"

VAR(__u32, v);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} map SEC(".maps");

PROGRAM
{
	__u32 key = v;
	__u32 *value = bpf_map_lookup_elem(&map, &key);

	if (key)
		mark(1);
	else
		mark(2);
	return value ? *value & 1 : 0;
}
