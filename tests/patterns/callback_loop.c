// SPDX-License-Identifier: MIT OR Apache-2.0
// A flag inside a callback of bpf_loop.
// needs: clang
// case off: flag=0 => live 2 3; dead 1
// case on: flag=1 => live 1 3; dead 2

#include "pattern.h"

VAR(bool, flag);

static long each(__u32 i, void *data)
{
	if (flag)
		mark(1);
	else
		mark(2);
	*(__u32 *)data += i;
	return 0;
}

PROGRAM
{
	__u32 sum = 0;

	bpf_loop(4, each, &sum, 0);
	mark(3);
	return sum & 1;
}
