// SPDX-License-Identifier: MIT OR Apache-2.0
// Truncation to a byte and to 16 bits before the test.
// case zero: v=0x12340000 => live 2 4 6; dead 1 3 5
// case low: v=0x12345600 => live 2 3 6; dead 1 4 5
// case sign: v=0x80 => live 1 3 5; dead 2 4 6

#include "pattern.h"

VAR(__u32, v);

PROGRAM
{
	if ((__u8)v)
		mark(1);
	else
		mark(2);
	if ((__u16)v)
		mark(3);
	else
		mark(4);
	if ((__s8)v < 0)
		mark(5);
	else
		mark(6);
	return 0;
}
