// SPDX-License-Identifier: MIT OR Apache-2.0
// !x and !!x.
// case zero: x=0 => live 1 4; dead 2 3
// case some: x=0x100 => live 2 3; dead 1 4

#include "pattern.h"

VAR(__u32, x);

PROGRAM
{
	bool no = !x, yes = !!x;

	if (no)
		mark(1);
	else
		mark(2);
	if (yes)
		mark(3);
	else
		mark(4);
	return 0;
}
