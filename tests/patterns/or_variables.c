// SPDX-License-Identifier: MIT OR Apache-2.0
// OR of two variables.
// case zero: => live 2; dead 1
// case a: a=1 => live 1; dead 2
// case b: b=0x8000 => live 1; dead 2
// case b_open: a=? b=1 => live 1; dead 2

#include "pattern.h"

VAR(__u32, a);
VAR(__u16, b);

PROGRAM
{
	if (a | b)
		mark(1);
	else
		mark(2);
	return 0;
}
