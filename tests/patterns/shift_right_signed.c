// SPDX-License-Identifier: MIT OR Apache-2.0
// Arithmetic and logical shifts of the same bits.
// case plus: v=0x100 => live 2 3; dead 1 4
// case minus: v=-256 => live 1 4; dead 2 3

#include "pattern.h"

VAR(__s32, v);

PROGRAM
{
	if ((v >> 4) < 0)
		mark(1);
	else
		mark(2);
	if (((__u32)v >> 28) == 0)
		mark(3);
	else
		mark(4);
	return 0;
}
