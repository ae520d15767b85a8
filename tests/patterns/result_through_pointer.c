// SPDX-License-Identifier: MIT OR Apache-2.0
// A subprogram that writes its results through pointers to the caller's frame.
// case off: flag=0 => live 2 4; dead 1 3
// case on: flag=1 => live 1 3; dead 2 4

#include "pattern.h"

VAR(bool, flag);

static __noinline void decide(__u32 *x, __u64 *y)
{
	*x = flag ? 5 : 6;
	*y = flag ? 1ull << 40 : 0;
}

PROGRAM
{
	__u32 x = 0;
	__u64 y = 0;

	decide(&x, &y);
	if (x == 5)
		mark(1);
	else
		mark(2);
	if (y)
		mark(3);
	else
		mark(4);
	return 0;
}
