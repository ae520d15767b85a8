// SPDX-License-Identifier: MIT OR Apache-2.0
// Both sides of an unknown branch give the same value.
// case zero: a=0 b=0 => live 1 2 4; dead 3
// case same: a=7 b=7 => live 1 2 3; dead 4
// case apart: a=7 b=0 => live 1 2 3 4; dead

#include "pattern.h"

VAR(__u32, a);
VAR(__u32, b);

PROGRAM
{
	__u32 x;

	if (unknown(0)) {
		mark(1);
		x = a;
	} else {
		mark(2);
		x = b;
	}
	if (x == 7)
		mark(3);
	else
		mark(4);
	return 0;
}
