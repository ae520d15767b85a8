// SPDX-License-Identifier: MIT OR Apache-2.0
// An unsigned 32-bit value: bounds that a signed comparison would get wrong.
// case zero: v=0 => live 3; dead 1 2
// case middle: v=0x7fffffff => live 2; dead 1 3
// case top: v=0x80000000 => live 1; dead 2 3
// case max: v=0xffffffff => live 1; dead 2 3

#include "pattern.h"

VAR(__u32, v);

PROGRAM
{
	__u32 x = v;

	if (x >= 0x80000000u)
		mark(1);
	else if (x > 1000)
		mark(2);
	else
		mark(3);
	return 0;
}
