// SPDX-License-Identifier: MIT OR Apache-2.0
// A subprogram that only a dead branch calls.
// case off: flag=0 => live 3; dead 1 2
// case on: flag=1 => live 1 2 3; dead

#include "pattern.h"

VAR(bool, flag);

static __noinline int rare(struct __sk_buff *skb)
{
	if (unknown(0))
		mark(1);
	else
		mark(2);
	return unknown(1);
}

PROGRAM
{
	int n = 0;

	if (flag)
		n = rare(skb);
	mark(3);
	return n & 1;
}
