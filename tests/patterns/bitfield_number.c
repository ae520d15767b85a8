// SPDX-License-Identifier: MIT OR Apache-2.0
// Bit-fields that hold numbers, across byte bounds.
// case zero: => live 3 5; dead 1 2 4
// case level: f.level=5 => live 2 5; dead 1 3 4
// case top: f.level=7 f.size=1000 => live 1 4; dead 2 3 5

#include "pattern.h"

struct fields { __u32 kind : 6; __u32 level : 3; __u32 size : 12; };

VAR(struct fields, f);

PROGRAM
{
	if (f.level > 6)
		mark(1);
	else if (f.level > 2)
		mark(2);
	else
		mark(3);
	if (f.size == 1000)
		mark(4);
	else
		mark(5);
	return 0;
}
