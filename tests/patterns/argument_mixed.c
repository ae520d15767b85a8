// SPDX-License-Identifier: MIT OR Apache-2.0
// Two calls with different values: both branches live, what they share is known.
// case off: flag=0 mode=0 => live 1 2 4; dead 3
// case on: flag=1 mode=5 => live 1 3; dead 2 4

#include "pattern.h"

VAR(bool, flag);
VAR(__u32, mode);

static __noinline int work(struct __sk_buff *skb, bool f, __u32 m)
{
	if (f)
		mark(1);
	else
		mark(2);
	if (m == 5)
		mark(3);
	else
		mark(4);
	return unknown(0);
}

PROGRAM
{
	int n = work(skb, true, mode);

	n += bpf_get_prandom_u32();
	return (n + work(skb, flag, mode)) & 1;
}
