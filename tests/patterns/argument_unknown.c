// SPDX-License-Identifier: MIT OR Apache-2.0
// An unknown argument beside a known one.
// case off: flag=0 => live 1 2 4; dead 3
// case on: flag=1 => live 1 2 3; dead 4

#include "pattern.h"

VAR(bool, flag);

static __noinline int work(__u32 x, bool f)
{
	if (x > 10)
		mark(1);
	else
		mark(2);
	if (f)
		mark(3);
	else
		mark(4);
	return bpf_get_prandom_u32();
}

PROGRAM
{
	return work(unknown(0), flag) & 1;
}
