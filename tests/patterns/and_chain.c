// SPDX-License-Identifier: MIT OR Apache-2.0
// Two masks on one value: both apply, and a mask of zero is a mask.
// case zero: v=0xffffffff m1=0 m2=0xff => live 2; dead 1
// case both: v=0xffffffff m1=0xf0 m2=0x1f => live 1; dead 2
// case apart: v=0xffffffff m1=0xf0 m2=0x0f => live 2; dead 1

#include "pattern.h"

VAR(__u32, v);
VAR(__u32, m1);
VAR(__u32, m2);

PROGRAM
{
	__u32 x = v & m1 & m2;

	if (x)
		mark(1);
	else
		mark(2);
	return 0;
}
