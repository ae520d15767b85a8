// SPDX-License-Identifier: MIT OR Apache-2.0
// A table that the compiler keeps in .rodata, indexed by a variable.
// case zero: level=0 => live 3; dead 1 2
// case two: level=2 => live 2; dead 1 3
// case five: level=5 => live 1; dead 2 3

#include "pattern.h"

VAR(__u32, level);

static const __u32 limits[8] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000 };

PROGRAM
{
	__u32 limit = limits[level & 7];

	if (limit > 10000)
		mark(1);
	else if (limit > 50)
		mark(2);
	else
		mark(3);
	return 0;
}
