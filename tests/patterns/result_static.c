// SPDX-License-Identifier: MIT OR Apache-2.0
// The result of a static subprogram that reads a variable.
// case off: flag=0 => live 2 4; dead 1 3
// case on: flag=1 => live 1 3; dead 2 4

#include "pattern.h"

VAR(bool, flag);

static __noinline int decide(struct __sk_buff *skb)
{
	asm volatile("" : : "r"(skb));
	if (flag) {
		mark(3);
		return 10;
	}
	mark(4);
	return 20;
}

PROGRAM
{
	if (decide(skb) == 10)
		mark(1);
	else
		mark(2);
	return 0;
}
