// SPDX-License-Identifier: MIT OR Apache-2.0
// An unknown number, masked by a variable: the cases beyond the mask cannot happen.
// case zero: mask=0 => live 1; dead 2 3
// case one: mask=1 => live 1 2; dead 3
// case three: mask=3 => live 1 2 3; dead

#include "pattern.h"

VAR(__u32, mask);

PROGRAM
{
	__u32 x = unknown(0) & mask;

	if (x == 0)
		mark(1);
	else if (x == 1)
		mark(2);
	else
		mark(3);
	return 0;
}
