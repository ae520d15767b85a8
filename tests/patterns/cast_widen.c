// SPDX-License-Identifier: MIT OR Apache-2.0
// Sign- and zero-extension to 64 bits, then a shift that shows which it was.
// case plus: s=1 u=1 => live 2 4; dead 1 3
// case minus: s=-1 u=0xffffffff => live 1 4; dead 2 3

#include "pattern.h"

VAR(__s32, s);
VAR(__u32, u);

PROGRAM
{
	__u64 a = (__s64)s, b = u;

	asm volatile("" : "+r"(b));
	if (a >> 40)
		mark(1);
	else
		mark(2);
	if (b >> 40 || (b << 8) >> 41)
		mark(3);
	else
		mark(4);
	return 0;
}
