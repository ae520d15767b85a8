// SPDX-License-Identifier: MIT OR Apache-2.0
// An unknown clamped by a variable: what lies above cannot happen.
// case low: hi=10 => live 2; dead 1
// case high: hi=1000 => live 1 2; dead

#include "pattern.h"

VAR(__u32, hi);

PROGRAM
{
	__u32 h = hi, x = unknown(0);

	if (x > h)
		x = h;
	if (x > 100)
		mark(1);
	else
		mark(2);
	return 0;
}
