// SPDX-License-Identifier: MIT OR Apache-2.0
// Two 32-bit members read as one 64-bit value.
// case zero: => live 2 4; dead 1 3
// case low: pair.a=1 => live 1 4; dead 2 3
// case both: pair.a=7 pair.b=7 => live 1 3; dead 2 4

#include "pattern.h"

struct pair { __u32 a; __u32 b; } __attribute__((aligned(8)));

VAR(struct pair, pair);

PROGRAM
{
	__u64 both = *(const volatile __u64 *)&pair;

	if (both)
		mark(1);
	else
		mark(2);
	if ((__u32)both == 7 && both >> 32 == 7)
		mark(3);
	else
		mark(4);
	return 0;
}
