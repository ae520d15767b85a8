// SPDX-License-Identifier: MIT OR Apache-2.0
// One-bit flags that share a byte.
// case none: => live 2 4 6; dead 1 3 5
// case first: f.a=1 => live 1 4 6; dead 2 3 5
// case middle: f.b=1 => live 2 3 6; dead 1 4 5
// case all: f.a=1 f.b=1 f.c=1 => live 1 3 5; dead 2 4 6

#include "pattern.h"

struct flags { __u32 a : 1; __u32 b : 1; __u32 c : 1; };

VAR(struct flags, f);

PROGRAM
{
	if (f.a)
		mark(1);
	else
		mark(2);
	if (f.b)
		mark(3);
	else
		mark(4);
	if (f.c)
		mark(5);
	else
		mark(6);
	return 0;
}
