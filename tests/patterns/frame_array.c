// SPDX-License-Identifier: MIT OR Apache-2.0
// An array in the frame, filled from variables and indexed by one.
// case zero: => live 2; dead 1
// case hit: a=1 b=2 i=1 => live 1; dead 2
// case miss: a=2 b=1 i=1 => live 2; dead 1

#include "pattern.h"

VAR(__u32, a);
VAR(__u32, b);
VAR(__u32, i);

PROGRAM
{
	volatile __u32 list[2];

	list[0] = a;
	list[1] = b;
	if (list[i & 1] == 2)
		mark(1);
	else
		mark(2);
	return 0;
}
