// SPDX-License-Identifier: MIT OR Apache-2.0
// AND of two variables, register with register.
// case zero: => live 2; dead 1
// case apart: a=0xf0 b=0x0f => live 2; dead 1
// case common: a=0xf0 b=0x3c => live 1; dead 2
// case a_open: a=? b=0 => live 2; dead 1

#include "pattern.h"

VAR(__u32, a);
VAR(__u32, b);

PROGRAM
{
	if (a & b)
		mark(1);
	else
		mark(2);
	return 0;
}
