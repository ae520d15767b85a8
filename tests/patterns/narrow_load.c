// SPDX-License-Identifier: MIT OR Apache-2.0
// One byte of a 32-bit variable, read through a pointer.
// case zero: => live 2; dead 1
// case ends: v=0xff0000ff => live 2; dead 1
// case middle: v=0x00ffff00 => live 1; dead 2

#include "pattern.h"

VAR(__u32, v);

PROGRAM
{
	if (((const volatile __u8 *)&v)[1])
		mark(1);
	else
		mark(2);
	return 0;
}
