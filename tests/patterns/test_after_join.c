// SPDX-License-Identifier: MIT OR Apache-2.0
// A variable loaded before a branch on something else and tested behind it.
// case off: flag=0 => live 1 2 4; dead 3
// case on: flag=1 => live 1 2 3; dead 4

#include "pattern.h"

VAR(__u32, flag);

PROGRAM
{
	__u32 f = flag;

	if (unknown(0) > 100)
		mark(1);
	else
		mark(2);
	if (f)
		mark(3);
	else
		mark(4);
	return 0;
}
