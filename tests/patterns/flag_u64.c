// SPDX-License-Identifier: MIT OR Apache-2.0
// A 64-bit value against bounds that need an ldimm64.
// case zero: v=0 => live 3; dead 1 2
// case word: v=0xffffffff => live 2; dead 1 3
// case above: v=0x100000000 => live 1; dead 2 3
// case max: v=0xffffffffffffffff => live 1; dead 2 3

#include "pattern.h"

VAR(__u64, v);

PROGRAM
{
	__u64 x = v;

	if (x > 0xffffffffull)
		mark(1);
	else if (x >= 0x80000000ull)
		mark(2);
	else
		mark(3);
	return 0;
}
