// SPDX-License-Identifier: MIT OR Apache-2.0
// Two variables with each other, signed and unsigned.
// case equal: a=3 b=3 => live 2 4; dead 1 3
// case less: a=3 b=4 => live 1 4; dead 2 3
// case minus: a=-1 b=4 => live 1 3; dead 2 4

#include "pattern.h"

VAR(__s32, a);
VAR(__s32, b);

PROGRAM
{
	if (a < b)
		mark(1);
	else
		mark(2);
	if ((__u32)a > (__u32)b)
		mark(3);
	else
		mark(4);
	return 0;
}
