// SPDX-License-Identifier: MIT OR Apache-2.0
// A variable as the argument of a static subprogram.
// case off: flag=0 => live 2 3; dead 1
// case on: flag=1 => live 1 3; dead 2

#include "pattern.h"

VAR(bool, flag);

static __noinline int work(bool f)
{
	if (f)
		mark(1);
	else
		mark(2);
	return bpf_get_prandom_u32();
}

PROGRAM
{
	int n = work(flag);

	mark(3);
	return n & 1;
}
