// SPDX-License-Identifier: MIT OR Apache-2.0
// A table of pointers in read-only data is relocated: never a constant. The flag is.
// case off: flag=0 => live 1 3; dead 2
// case on: flag=1 => live 1 2; dead 3

#include "pattern.h"

VAR(bool, flag);
VAR_ARRAY(__u64, numbers, 3);

PROGRAM
{
	const volatile __u64 *last = &numbers[2];

	asm volatile("" : "+r"(last));
	bpf_get_prandom_u32();
	mark(1);
	if (flag)
		mark(2);
	else
		mark(3);
	return *last & 1;
}
