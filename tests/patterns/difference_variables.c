// SPDX-License-Identifier: MIT OR Apache-2.0
// A difference, signed and unsigned.
// case equal: a=5 b=5 => live 3; dead 1 2
// case less: a=5 b=6 => live 1; dead 2 3
// case more: a=6 b=5 => live 2; dead 1 3

#include "pattern.h"

VAR(__s32, a);
VAR(__s32, b);

PROGRAM
{
	__s32 d = a - b;

	if (d < 0)
		mark(1);
	else if (d > 0)
		mark(2);
	else
		mark(3);
	return 0;
}
