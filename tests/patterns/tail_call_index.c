// SPDX-License-Identifier: MIT OR Apache-2.0
// The slot of a tail call comes from a variable; no slot means none.
// case none: slot=-1 => live 3; dead 1 2
// case first: slot=0 => live 1 3; dead 2
// case other: slot=2 => live 2 3; dead 1

#include "pattern.h"

VAR(__s32, slot);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__uint(value_size, 4);
} programs SEC(".maps");

PROGRAM
{
	__s32 s = slot;

	if (s >= 0) {
		if (s == 0)
			mark(1);
		else
			mark(2);
		bpf_tail_call(skb, &programs, s);
	}
	mark(3);
	return 0;
}
