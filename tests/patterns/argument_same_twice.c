// SPDX-License-Identifier: MIT OR Apache-2.0
// Two calls with the same variable: the argument is known.
// case off: flag=0 => live 2; dead 1
// case on: flag=1 => live 1; dead 2

#include "pattern.h"

VAR(bool, flag);

static __noinline int work(struct __sk_buff *skb, bool f)
{
	if (f)
		mark(1);
	else
		mark(2);
	return unknown(0);
}

PROGRAM
{
	int n = work(skb, flag);

	n += bpf_get_prandom_u32();
	return (n + work(skb, flag)) & 1;
}
