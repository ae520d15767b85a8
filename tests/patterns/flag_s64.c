// SPDX-License-Identifier: MIT OR Apache-2.0
// A signed 64-bit value around zero and beyond 32 bits.
// case low: v=-4294967296 => live 1; dead 2 3
// case zero: v=0 => live 2; dead 1 3
// case high: v=4294967296 => live 3; dead 1 2

#include "pattern.h"

VAR(__s64, v);

PROGRAM
{
	__s64 x = v;

	if (x < 0)
		mark(1);
	else if (x <= 0x7fffffff)
		mark(2);
	else
		mark(3);
	return 0;
}
