// SPDX-License-Identifier: MIT OR Apache-2.0
// A member of an element of an array.
// case zero: => live 2 4; dead 1 3
// case one: rules[1].action=2 => live 1 4; dead 2 3
// case two: rules[2].prefix=24 rules[2].action=2 => live 2 3; dead 1 4

#include "pattern.h"

struct rule { __u32 address; __u8 prefix; __u8 action; };

VAR_ARRAY(struct rule, rules, 3);

PROGRAM
{
	if (rules[1].action == 2)
		mark(1);
	else
		mark(2);
	if (rules[2].prefix > 16)
		mark(3);
	else
		mark(4);
	return 0;
}
