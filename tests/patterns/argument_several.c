// SPDX-License-Identifier: MIT OR Apache-2.0
// Five arguments of several widths.
// case none: => live 2 4 6 8; dead 1 3 5 7
// case odd: a=-1 c=0x100000000 => live 1 4 5 8; dead 2 3 6 7
// case even: b=200 d=0x8000 => live 2 3 6 7; dead 1 4 5 8

#include "pattern.h"

VAR(__s8, a);
VAR(__u8, b);
VAR(__u64, c);
VAR(__u16, d);

static __noinline int work(struct __sk_buff *skb, int w, __u32 x, __u64 y, __u32 z)
{
	if (w < 0) mark(1); else mark(2);
	if (x > 127) mark(3); else mark(4);
	if (y >> 32) mark(5); else mark(6);
	if (z & 0x8000) mark(7); else mark(8);
	return unknown(0);
}

PROGRAM
{
	return work(skb, a, b, c, d) & 1;
}
