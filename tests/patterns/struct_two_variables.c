// SPDX-License-Identifier: MIT OR Apache-2.0
// Two variables of one section: each load belongs to its own.
// case none: => live 2 4; dead 1 3
// case a: a.x=1 => live 1 4; dead 2 3
// case b: b.x=1 => live 2 3; dead 1 4
// case b_open: a.x=1 b=? => live 1 3 4; dead 2

#include "pattern.h"

struct pair { __u32 pad; __u32 x; };

VAR(struct pair, a);
VAR(struct pair, b);

PROGRAM
{
	if (a.x)
		mark(1);
	else
		mark(2);
	if (b.x)
		mark(3);
	else
		mark(4);
	return 0;
}
