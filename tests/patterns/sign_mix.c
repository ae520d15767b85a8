// SPDX-License-Identifier: MIT OR Apache-2.0
// The same bits compared as signed and as unsigned.
// case plus: v=5 => live 2 4 6; dead 1 3 5
// case minus: v=0xfffffffb => live 1 3 5; dead 2 4 6

#include "pattern.h"

VAR(__u32, v);

PROGRAM
{
	__s32 s = (__s32)v;
	__s64 wide = s;

	if (s < 0)
		mark(1);
	else
		mark(2);
	if ((__u32)s > 0x7fffffff)
		mark(3);
	else
		mark(4);
	if (wide < 0)
		mark(5);
	else
		mark(6);
	return 0;
}
