// SPDX-License-Identifier: MIT OR Apache-2.0
// A bit of the lower half of a 64-bit mask.
// case zero: => live 2; dead 1
// case bit: features=0x8 => live 1; dead 2
// case others: features=0xfffffffffffffff7 => live 2; dead 1

#include "pattern.h"

VAR(__u64, features);

PROGRAM
{
	if (features & (1ull << 3))
		mark(1);
	else
		mark(2);
	return 0;
}
