// SPDX-License-Identifier: MIT OR Apache-2.0
// A sum of two variables against a third.
// case zero: => live 2; dead 1
// case below: a=10 b=20 limit=31 => live 2; dead 1
// case above: a=10 b=20 limit=29 => live 1; dead 2

#include "pattern.h"

VAR(__u32, a);
VAR(__u32, b);
VAR(__u32, limit);

PROGRAM
{
	if (a + b > limit)
		mark(1);
	else
		mark(2);
	return 0;
}
