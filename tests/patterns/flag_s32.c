// SPDX-License-Identifier: MIT OR Apache-2.0
// A signed 32-bit value: bounds that an unsigned comparison would get wrong.
// case low: v=-2147483648 => live 1; dead 2 3
// case minus: v=-1 => live 1; dead 2 3
// case zero: v=0 => live 2; dead 1 3
// case high: v=2147483647 => live 3; dead 1 2

#include "pattern.h"

VAR(__s32, v);

PROGRAM
{
	__s32 x = v;

	if (x < 0)
		mark(1);
	else if (x < 1000)
		mark(2);
	else
		mark(3);
	return 0;
}
