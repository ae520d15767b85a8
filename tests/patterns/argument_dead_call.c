// SPDX-License-Identifier: MIT OR Apache-2.0
// The only other call is dead: the argument of the live one is known.
// case off: flag=0 => live 2 4; dead 1 3
// case on: flag=1 => live 1 2 3; dead 4

#include "pattern.h"

VAR(bool, flag);

static __noinline int work(struct __sk_buff *skb, int n)
{
	if (n == 7)
		mark(1);
	else
		mark(2);
	return unknown(0);
}

PROGRAM
{
	int n = 0;

	if (flag) {
		n = work(skb, 7);
		mark(3);
	} else {
		mark(4);
	}
	n += bpf_get_prandom_u32();
	return (n + work(skb, 1)) & 1;
}
