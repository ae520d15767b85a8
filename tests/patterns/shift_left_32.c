// SPDX-License-Identifier: MIT OR Apache-2.0
// A 32-bit shift to the left loses what it shifts out.
// case kept: v=0x00ffffff n=8 => live 1; dead 2
// case lost: v=0xff000000 n=8 => live 2; dead 1
// case none: v=0xff000000 n=0 => live 1; dead 2

#include "pattern.h"

VAR(__u32, v);
VAR(__u32, n);

PROGRAM
{
	__u32 x = v << (n & 31);

	if (x)
		mark(1);
	else
		mark(2);
	return 0;
}
