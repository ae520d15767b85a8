// SPDX-License-Identifier: MIT OR Apache-2.0
// A write to the frame at an unknown index: any element may have changed, the rest not.
// case zero: => live 1 2 4; dead 3
// case some: a=1 b=1 => live 1 2 3; dead 4

#include "pattern.h"

VAR(__u32, a);
VAR(__u32, b);

PROGRAM
{
	volatile __u32 other = b;
	volatile __u32 list[4] = { a, a, a, a };

	list[unknown(0) & 3] = unknown(1);
	if (list[1])
		mark(1);
	else
		mark(2);
	if (other)
		mark(3);
	else
		mark(4);
	return 0;
}
