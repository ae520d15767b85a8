// SPDX-License-Identifier: MIT OR Apache-2.0
// A product of two variables, with and without what 32 bits lose.
// case zero: => live 2 4; dead 1 3
// case small: a=6 b=7 => live 1 4; dead 2 3
// case large: a=0x10000 b=0x10000 => live 2 3; dead 1 4

#include "pattern.h"

VAR(__u32, a);
VAR(__u32, b);

PROGRAM
{
	__u32 narrow = a * b;
	__u64 wide = (__u64)a * b;

	if (narrow)
		mark(1);
	else
		mark(2);
	if (wide >> 32)
		mark(3);
	else
		mark(4);
	return 0;
}
