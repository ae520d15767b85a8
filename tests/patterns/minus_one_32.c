// SPDX-License-Identifier: MIT OR Apache-2.0
// -1 in 32 bits: a 64-bit comparison of the zero-extended value must not match.
// case zero: u=0 s=0 => live 2 4 6; dead 1 3 5
// case both: u=0xffffffff s=-1 => live 1 3 6; dead 2 4 5
// case half: u=0xffff s=65535 => live 2 4 6; dead 1 3 5

#include "pattern.h"

VAR(__u32, u);
VAR(__s32, s);

PROGRAM
{
	__u64 wide = u;

	asm volatile("" : "+r"(wide));
	if (u == -1)
		mark(1);
	else
		mark(2);
	if (s == -1)
		mark(3);
	else
		mark(4);
	if (wide == -1ull && s == -1)
		mark(5);
	else
		mark(6);
	return 0;
}
