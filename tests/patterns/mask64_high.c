// SPDX-License-Identifier: MIT OR Apache-2.0
// Bits of the upper half: bit 31 sign-extends as an immediate, bit 32 needs an ldimm64.
// case zero: => live 2 4 6; dead 1 3 5
// case b31: features=0x80000000 => live 1 4 6; dead 2 3 5
// case b32: features=0x100000000 => live 2 3 6; dead 1 4 5
// case b63: features=0x8000000000000000 => live 2 4 5; dead 1 3 6

#include "pattern.h"

VAR(__u64, features);

PROGRAM
{
	if (features & (1ull << 31))
		mark(1);
	else
		mark(2);
	if (features & (1ull << 32))
		mark(3);
	else
		mark(4);
	if (features & (1ull << 63))
		mark(5);
	else
		mark(6);
	return 0;
}
