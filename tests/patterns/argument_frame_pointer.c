// SPDX-License-Identifier: MIT OR Apache-2.0
// A struct in the caller's frame, filled from variables, passed by pointer.
// case none: => live 2 4; dead 1 3
// case a: a=1 => live 1 4; dead 2 3
// case b: b=300 => live 2 3; dead 1 4

#include "pattern.h"

VAR(__u32, a);
VAR(__u32, b);

struct options { __u32 a; __u32 b; };

static __noinline int work(struct options *o)
{
	if (o->a)
		mark(1);
	else
		mark(2);
	if (o->b > 255)
		mark(3);
	else
		mark(4);
	return bpf_get_prandom_u32();
}

PROGRAM
{
	struct options o = { .a = a, .b = b };

	asm volatile("" : : "r"(&o) : "memory");
	return work(&o) & 1;
}
