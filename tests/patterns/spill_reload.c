// SPDX-License-Identifier: MIT OR Apache-2.0
// More values than registers across a call: the compiler spills them.
// case none: => live 2 4 6 8 10 12; dead 1 3 5 7 9 11
// case odd: a=1 c=1 e=1 => live 1 4 5 8 9 12; dead 2 3 6 7 10 11
// case even: b=1 d=1 f=1 => live 2 3 6 7 10 11; dead 1 4 5 8 9 12

#include "pattern.h"

VAR(__u32, a);
VAR(__u64, b);
VAR(__u32, c);
VAR(__u64, d);
VAR(__u8, e);
VAR(__u16, f);

PROGRAM
{
	__u64 x1 = a, x2 = b, x3 = c, x4 = d, x5 = e, x6 = f;
	__u64 t = bpf_ktime_get_ns() + unknown(0);

	t += bpf_get_prandom_u32() + unknown(1);
	if (x1) mark(1); else mark(2);
	if (x2) mark(3); else mark(4);
	if (x3) mark(5); else mark(6);
	if (x4) mark(7); else mark(8);
	if (x5) mark(9); else mark(10);
	if (x6) mark(11); else mark(12);
	return t & 1;
}
