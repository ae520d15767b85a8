// SPDX-License-Identifier: MIT OR Apache-2.0
// A global function can be replaced: nothing is assumed of its result.
// needs: clang
// case off: flag=0 => live 1 2 4; dead 3
// case on: flag=1 => live 1 2 3; dead 4

#include "pattern.h"

VAR(bool, flag);

__weak __noinline int decide(struct __sk_buff *skb)
{
	if (flag) {
		mark(3);
		return skb->len + 1;
	}
	mark(4);
	return 0;
}

PROGRAM
{
	if (decide(skb))
		mark(1);
	else
		mark(2);
	return 0;
}
