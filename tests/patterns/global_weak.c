// SPDX-License-Identifier: MIT OR Apache-2.0
// A weak function with an unused result.
// case off: flag=0 => live 2 3; dead 1
// case on: flag=1 => live 1 3; dead 2

#include "pattern.h"

VAR(bool, flag);

__weak __noinline int work(struct __sk_buff *skb)
{
	if (flag)
		mark(1);
	else
		mark(2);
	return skb->len;
}

PROGRAM
{
	work(skb);
	mark(3);
	return 0;
}
