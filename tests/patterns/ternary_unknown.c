// SPDX-License-Identifier: MIT OR Apache-2.0
// A value chosen by an unknown, tested for what both sides have in common.
// case low: a=1 b=2 => live 1 4; dead 2 3
// case apart: a=1 b=20 => live 1 3 4; dead 2
// case high: a=10 b=20 => live 1 3; dead 2 4

#include "pattern.h"

VAR(__u32, a);
VAR(__u32, b);

PROGRAM
{
	__u32 x = unknown(0) ? a : b;

	if (x)
		mark(1);
	else
		mark(2);
	if (x > 5)
		mark(3);
	else
		mark(4);
	return 0;
}
