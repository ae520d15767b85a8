// SPDX-License-Identifier: MIT OR Apache-2.0
// A signed 16-bit value around zero and at its ends.
// case low: v=-32768 => live 1; dead 2 3
// case zero: v=0 => live 2; dead 1 3
// case high: v=32767 => live 3; dead 1 2

#include "pattern.h"

VAR(__s16, v);

PROGRAM
{
	__s16 x = v;

	if (x <= -1)
		mark(1);
	else if (x < 1000)
		mark(2);
	else
		mark(3);
	return 0;
}
