// SPDX-License-Identifier: MIT OR Apache-2.0
// What a callback gets and writes through its context is not known.
// needs: clang
// case zero: => live 1 2 4; dead 3
// case some: v=1 flag=1 => live 1 2 3; dead 4

#include "pattern.h"

VAR(__u32, v);
VAR(bool, flag);

static long each(__u32 i, void *data)
{
	__u32 *value = data;

	*value ^= i;
	return 0;
}

PROGRAM
{
	__u32 value = v;

	bpf_loop(unknown(0) & 15, each, &value, 0);
	if (value)
		mark(1);
	else
		mark(2);
	if (flag)
		mark(3);
	else
		mark(4);
	return 0;
}
