// SPDX-License-Identifier: MIT OR Apache-2.0
// The absolute value of a variable.
// case zero: v=0 => live 2; dead 1
// case minus: v=-7 => live 1; dead 2
// case plus: v=7 => live 1; dead 2

#include "pattern.h"

VAR(__s32, v);

PROGRAM
{
	__s32 x = v;

	if (x < 0)
		x = -x;
	if (x == 7)
		mark(1);
	else
		mark(2);
	return 0;
}
