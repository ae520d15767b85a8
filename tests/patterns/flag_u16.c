// SPDX-License-Identifier: MIT OR Apache-2.0
// An unsigned 16-bit value whose top bit is not a sign.
// case zero: v=0 => live 2 4; dead 1 3
// case top: v=0x8000 => live 1 4; dead 2 3
// case max: v=0xffff => live 1 3; dead 2 4

#include "pattern.h"

VAR(__u16, v);

PROGRAM
{
	if (v >= 0x8000)
		mark(1);
	else
		mark(2);
	if (v == 0xffff)
		mark(3);
	else
		mark(4);
	return 0;
}
