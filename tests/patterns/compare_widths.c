// SPDX-License-Identifier: MIT OR Apache-2.0
// A byte with a 64-bit variable.
// case equal: a=200 b=200 => live 1; dead 2
// case wide: a=200 b=0x1000000c8 => live 2; dead 1

#include "pattern.h"

VAR(__u8, a);
VAR(__u64, b);

PROGRAM
{
	if (a == b)
		mark(1);
	else
		mark(2);
	return 0;
}
