// SPDX-License-Identifier: MIT OR Apache-2.0
// A shift by a variable amount, and the bit that it selects.
// case zero: => live 2; dead 1
// case set: mask=0x40 bit=6 => live 1; dead 2
// case clear: mask=0x40 bit=7 => live 2; dead 1
// case high: mask=0x8000000000 bit=39 => live 1; dead 2

#include "pattern.h"

VAR(__u64, mask);
VAR(__u32, bit);

PROGRAM
{
	if ((mask >> (bit & 63)) & 1)
		mark(1);
	else
		mark(2);
	return 0;
}
