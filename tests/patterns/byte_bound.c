// SPDX-License-Identifier: MIT OR Apache-2.0
// A byte that is compared with what no byte can be.
// case zero: v=0 limit=0 => live 2 4; dead 1 3
// case some: v=200 limit=1 => live 2 3; dead 1 4

#include "pattern.h"

VAR(__u8, v);
VAR(__u32, limit);

PROGRAM
{
	__u32 x = v;

	asm volatile("" : "+r"(x));
	if (v > limit + 300)
		mark(1);
	else
		mark(2);
	if (v > limit)
		mark(3);
	else
		mark(4);
	return x & 1;
}
