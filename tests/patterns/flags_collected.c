// SPDX-License-Identifier: MIT OR Apache-2.0
// Flags collected into a word, then tested one by one.
// case none: => live 2 4; dead 1 3
// case a: a=1 => live 1 4; dead 2 3
// case b: b=1 => live 2 3; dead 1 4

#include "pattern.h"

VAR(bool, a);
VAR(bool, b);

PROGRAM
{
	__u32 f = 0;

	if (a)
		f |= 1;
	if (b)
		f |= 2;
	asm volatile("" : "+r"(f));
	if (f & 1)
		mark(1);
	else
		mark(2);
	if (f & 2)
		mark(3);
	else
		mark(4);
	return 0;
}
