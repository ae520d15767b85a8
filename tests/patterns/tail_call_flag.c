// SPDX-License-Identifier: MIT OR Apache-2.0
// A tail call under a flag.
// case off: flag=0 => live 2; dead 1
// case on: flag=1 => live 1 2; dead

#include "pattern.h"

VAR(bool, flag);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__uint(value_size, 4);
} programs SEC(".maps");

PROGRAM
{
	if (flag) {
		mark(1);
		bpf_tail_call(skb, &programs, 1);
	}
	mark(2);
	return 0;
}
