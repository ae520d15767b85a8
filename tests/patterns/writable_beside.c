// SPDX-License-Identifier: MIT OR Apache-2.0
// A writable global beside a read-only one: it is never folded.
// case zero: => live 1 2 4; dead 3
// case some: limit=5 => live 1 2 3; dead 4

#include "pattern.h"

VAR(__u32, limit);

__u32 counter = 3;

PROGRAM
{
	__u32 n = *(volatile __u32 *)&counter;

	*(volatile __u32 *)&counter = n + 1;
	if (n > 100)
		mark(1);
	else
		mark(2);
	if (limit)
		mark(3);
	else
		mark(4);
	return 0;
}
