// SPDX-License-Identifier: MIT OR Apache-2.0
// Arithmetic and bitwise negation.
// case zero: v=0 => live 2 3; dead 1 4
// case one: v=1 => live 1 3; dead 2 4
// case minus: v=-1 => live 2 4; dead 1 3

#include "pattern.h"

VAR(__s32, v);

PROGRAM
{
	if (-v < 0)
		mark(1);
	else
		mark(2);
	if (~v)
		mark(3);
	else
		mark(4);
	return 0;
}
