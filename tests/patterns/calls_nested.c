// SPDX-License-Identifier: MIT OR Apache-2.0
// A variable that goes down three calls and comes back.
// case low: v=1 => live 2 4; dead 1 3
// case high: v=100 => live 1 3; dead 2 4

#include "pattern.h"

VAR(__u32, v);

static __noinline __u32 third(__u32 x)
{
	if (x > 50)
		mark(1);
	else
		mark(2);
	return x + 1;
}

static __noinline __u32 second(__u32 x)
{
	return third(x) + 1;
}

static __noinline __u32 first(__u32 x)
{
	return second(x) + 1;
}

PROGRAM
{
	if (first(v) == 103)
		mark(3);
	else
		mark(4);
	return 0;
}
