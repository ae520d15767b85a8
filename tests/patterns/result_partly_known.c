// SPDX-License-Identifier: MIT OR Apache-2.0
// A subprogram that gives one of two results: what lies outside cannot happen.
// case apart: a=1 b=2 => live 1 2; dead 3
// case same: a=1 b=1 => live 1; dead 2 3

#include "pattern.h"

VAR(__u32, a);
VAR(__u32, b);

static __noinline __u32 decide(struct __sk_buff *skb)
{
	if (unknown(0))
		return a;
	return b;
}

PROGRAM
{
	__u32 r = decide(skb);

	if (r == 1)
		mark(1);
	else if (r == 2)
		mark(2);
	else
		mark(3);
	return 0;
}
