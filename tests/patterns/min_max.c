// SPDX-License-Identifier: MIT OR Apache-2.0
// A value clamped between two variables.
// case low: v=1 lo=10 hi=20 => live 2 3; dead 1 4
// case inside: v=15 lo=10 hi=20 => live 1 4; dead 2 3
// case high: v=100 lo=10 hi=20 => live 1 4; dead 2 3

#include "pattern.h"

VAR(__u32, v);
VAR(__u32, lo);
VAR(__u32, hi);

PROGRAM
{
	__u32 l = lo, h = hi, x = v;

	x = x < l ? l : x;
	x = x > h ? h : x;
	if (x > 12)
		mark(1);
	else
		mark(2);
	if (x == 10)
		mark(3);
	else
		mark(4);
	return 0;
}
