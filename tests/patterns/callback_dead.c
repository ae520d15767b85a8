// SPDX-License-Identifier: MIT OR Apache-2.0
// A callback that only a dead branch names.
// needs: clang
// case off: n=0 => live 2; dead 1
// case on: n=4 => live 1 2; dead

#include "pattern.h"

VAR(__u32, n);

static long each(__u32 i, void *data)
{
	mark(1);
	return 0;
}

PROGRAM
{
	__u32 rounds = n;

	if (rounds)
		bpf_loop(rounds, each, NULL, 0);
	mark(2);
	return 0;
}
