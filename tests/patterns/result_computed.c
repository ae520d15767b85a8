// SPDX-License-Identifier: MIT OR Apache-2.0
// Arguments and result together: a function of two variables.
// case zero: => live 3; dead 1 2
// case small: a=3 b=4 => live 2; dead 1 3
// case large: a=300 b=4 => live 1; dead 2 3

#include "pattern.h"

VAR(__u32, a);
VAR(__u32, b);

static __noinline __u32 area(__u32 x, __u32 y)
{
	return x * y;
}

PROGRAM
{
	__u32 n = area(a, b);

	if (n > 100)
		mark(1);
	else if (n)
		mark(2);
	else
		mark(3);
	return 0;
}
