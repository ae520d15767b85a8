// SPDX-License-Identifier: MIT OR Apache-2.0
// Signed bit-fields are extended by a pair of shifts.
// case zero: => live 2 4; dead 1 3
// case minus: f.small=-1 f.wide=-100000 => live 1 3; dead 2 4
// case plus: f.small=3 f.wide=100000 => live 2 4; dead 1 3

#include "pattern.h"

struct fields { __s32 pad : 5; __s32 small : 3; __s32 wide : 20; };

VAR(struct fields, f);

PROGRAM
{
	if (f.small < 0)
		mark(1);
	else
		mark(2);
	if (f.wide < -1)
		mark(3);
	else
		mark(4);
	return 0;
}
