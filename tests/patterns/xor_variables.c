// SPDX-License-Identifier: MIT OR Apache-2.0
// XOR of two variables as a test for equality of their low bytes.
// case zero: => live 2; dead 1
// case same: a=0x1ff b=0x2ff => live 2; dead 1
// case other: a=0x1fe b=0x2ff => live 1; dead 2

#include "pattern.h"

VAR(__u64, a);
VAR(__u64, b);

PROGRAM
{
	if ((a ^ b) & 0xff)
		mark(1);
	else
		mark(2);
	return 0;
}
