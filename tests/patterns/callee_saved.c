// SPDX-License-Identifier: MIT OR Apache-2.0
// A variable in a callee-saved register survives a call to a subprogram.
// case off: flag=0 => live 2; dead 1
// case on: flag=1 => live 1; dead 2

#include "pattern.h"

VAR(__u32, flag);

static __noinline int work(struct __sk_buff *skb)
{
	return unknown(0) * 3 + unknown(1);
}

PROGRAM
{
	__u32 f = flag;
	int n = work(skb);

	if (f)
		mark(1);
	else
		mark(2);
	return n & 1;
}
