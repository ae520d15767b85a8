// SPDX-License-Identifier: MIT OR Apache-2.0
// One bit of a word comes from the outside: the others are still known.
// case off: a=0 => live 2 3 4; dead 1
// case on: a=1 => live 1 3 4; dead 2

#include "pattern.h"

VAR(bool, a);

PROGRAM
{
	__u32 f = a ? 2 : 0;

	if (unknown(0))
		f |= 4;
	if (f & 2)
		mark(1);
	else
		mark(2);
	if (f & 4)
		mark(3);
	else
		mark(4);
	return 0;
}
