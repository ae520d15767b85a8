// SPDX-License-Identifier: MIT OR Apache-2.0
// A 32-bit sum that wraps and a 64-bit one that does not.
// case small: a=1 b=1 => live 2 4; dead 1 3
// case wraps: a=0xffffffff b=2 => live 1 3; dead 2 4

#include "pattern.h"

VAR(__u32, a);
VAR(__u32, b);

PROGRAM
{
	__u32 narrow = a + b;
	__u64 wide = (__u64)a + b;

	if (narrow < a)
		mark(1);
	else
		mark(2);
	if (wide > 0xffffffff)
		mark(3);
	else
		mark(4);
	return 0;
}
