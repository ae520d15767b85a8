// SPDX-License-Identifier: MIT OR Apache-2.0
// low <= x < high, which compilers turn into one subtraction and one comparison.
// case below: x=9 => live 2; dead 1
// case low: x=10 => live 1; dead 2
// case high: x=20 => live 2; dead 1

#include "pattern.h"

VAR(__u32, x);

PROGRAM
{
	__u32 v = x;

	if (v >= 10 && v < 20)
		mark(1);
	else
		mark(2);
	return 0;
}
