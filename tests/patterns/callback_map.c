// SPDX-License-Identifier: MIT OR Apache-2.0
// A callback over the elements of a map, with a bound from a variable.
// needs: clang
// case off: limit=0 => live 3 4; dead 1 2
// case on: limit=100 => live 1 2 4; dead 3

#include "pattern.h"

VAR(__u64, limit);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} values SEC(".maps");

struct bpf_map;

static long each(struct bpf_map *map, __u32 *key, __u64 *value, void *data)
{
	if (limit && *value > limit)
		mark(1);
	else if (limit)
		mark(2);
	else
		mark(3);
	return 0;
}

PROGRAM
{
	bpf_for_each_map_elem(&values, each, NULL, 0);
	mark(4);
	return 0;
}
