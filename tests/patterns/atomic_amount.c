// SPDX-License-Identifier: MIT OR Apache-2.0
// The amount of an atomic addition is a variable; what it adds to is not known.
// case zero: => live 1 2 4; dead 3
// case some: step=3 => live 1 2 3; dead 4

#include "pattern.h"

VAR(__u32, step);

__u64 total = 1;

PROGRAM
{
	__u32 s = step;

	__sync_fetch_and_add(&total, s);
	if (*(volatile __u64 *)&total > 10)
		mark(1);
	else
		mark(2);
	if (s)
		mark(3);
	else
		mark(4);
	return 0;
}
