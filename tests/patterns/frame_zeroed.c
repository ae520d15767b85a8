// SPDX-License-Identifier: MIT OR Apache-2.0
// A struct in the frame that is zeroed and gets one member.
// case zero: => live 2 4; dead 1 3
// case some: v=9 => live 1 4; dead 2 3

#include "pattern.h"

struct state { __u64 a; __u32 b; __u32 c[5]; };

VAR(__u32, v);

PROGRAM
{
	struct state s;

	__builtin_memset(&s, 0, sizeof(s));
	s.b = v;
	asm volatile("" : : "r"(&s) : "memory");
	if (s.b)
		mark(1);
	else
		mark(2);
	if (s.c[3])
		mark(3);
	else
		mark(4);
	return 0;
}
