// SPDX-License-Identifier: MIT OR Apache-2.0
// A mask from a variable on a value that nobody knows: zero decides, others do not.
// case zero: mask=0 => live 2; dead 1
// case some: mask=0xf0 => live 1 2; dead

#include "pattern.h"

VAR(__u32, mask);

PROGRAM
{
	if (unknown(0) & mask)
		mark(1);
	else
		mark(2);
	return 0;
}
