// SPDX-License-Identifier: MIT OR Apache-2.0
// All bits of a set, any bit of a set.
// case none: => live 2 4; dead 1 3
// case some: features=0x4 => live 2 3; dead 1 4
// case all: features=0x16 => live 1 3; dead 2 4

#include "pattern.h"

VAR(__u32, features);

PROGRAM
{
	__u32 f = features;

	if ((f & 0x16) == 0x16)
		mark(1);
	else
		mark(2);
	if (f & 0x16)
		mark(3);
	else
		mark(4);
	return 0;
}
